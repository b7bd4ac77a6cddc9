package config

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// A stamp is the state of a file without its contents; info is nil if there is
// no file.
type stamp struct {
	file string
	info fs.FileInfo
}

// watch makes Changed look at the file.
func (c *Config) watch(file string) {
	if slices.Contains(c.Files, file) {
		return
	}
	info, _ := os.Stat(file)
	c.Files = append(c.Files, file)
	c.stamps = append(c.stamps, stamp{file, info})
}

// Changed reports whether a file was edited, replaced, removed or created
// since it was read, so that [Load] may give something else. It compares
// times, sizes and identities of a few files and reads none. A caller keeps
// the old Config where the new one has a Problem with the global file.
func (c *Config) Changed() bool {
	return slices.ContainsFunc(c.stamps, func(s stamp) bool {
		now, _ := os.Stat(s.file)
		if now == nil || s.info == nil {
			return (now == nil) != (s.info == nil)
		}
		return !os.SameFile(now, s.info) || !now.ModTime().Equal(s.info.ModTime()) ||
			now.Size() != s.info.Size() || now.Mode() != s.info.Mode()
	})
}

// isAbsent reports whether there is no such file, or no such folder on its path.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
