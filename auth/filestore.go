package auth

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A store keeps secrets by key. Whoever changes one holds the vault's write
// lock; reading needs none. Errors other than [ErrNoCredential] and the
// context's are a [*VaultError] with its Reason.
type store interface {
	get(ctx context.Context, key string) ([]byte, error)
	set(ctx context.Context, key string, value []byte) error
	remove(ctx context.Context, key string) error // nothing there is not an error
}

// A fileStore keeps secrets, JSON values, in one file that only the user can
// read. It is used where the user asked for it and never as a fallback.
type fileStore struct{ path string }

func (s fileStore) get(_ context.Context, key string) ([]byte, error) {
	all, err := s.read()
	if err != nil {
		return nil, err
	}
	value, ok := all[key]
	if !ok {
		return nil, ErrNoCredential
	}
	return value, nil
}

// set replaces a damaged file too, having set it aside: whatever it still
// holds is the user's, who may want to look at it.
func (s fileStore) set(_ context.Context, key string, value []byte) error {
	all, err := s.read()
	if reasonOf(err) == Damaged {
		all, err = nil, setAside(s.path)
	}
	if err != nil {
		return s.unavailable(err)
	}
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	all[key] = value
	return s.write(all)
}

func (s fileStore) remove(_ context.Context, key string) error {
	all, err := s.read()
	if err != nil {
		return err
	}
	if _, ok := all[key]; !ok {
		return nil
	}
	delete(all, key)
	return s.write(all)
}

func (s fileStore) read() (map[string]json.RawMessage, error) {
	b, err := readPrivate(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, s.unavailable(err)
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(b, &all) != nil {
		// The decoder's own words may quote what they stumbled over.
		return nil, &VaultError{Reason: Damaged, File: s.path, Err: errNotJSON}
	}
	return all, nil
}

func (s fileStore) write(all map[string]json.RawMessage) error {
	b, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = replaceFile(s.path, append(b, '\n'))
	}
	return s.unavailable(err)
}

func (s fileStore) unavailable(err error) error {
	if v := (*VaultError)(nil); err == nil || errors.As(err, &v) {
		return err
	}
	return &VaultError{Reason: Unavailable, File: s.path, Err: err}
}

var errNotJSON = errors.New("not valid JSON")

// readPrivate reads a file and takes back what rights others have on it.
func readPrivate(path string) ([]byte, error) {
	var b []byte
	err := retrySharing(func() (err error) {
		b, err = os.ReadFile(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	if fi, err := os.Stat(path); err == nil && fi.Mode().Perm()&0o077 != 0 {
		_ = os.Chmod(path, 0o600) // the reader is served whether or not this works
	}
	return b, nil
}

// replaceFile puts a 0600 file with that content in place of what is at path,
// durably: after a crash at any point there is the old one or the new one,
// whole. The folder is made, for the user alone. The caller holds the lock
// under which path is written, so that there is one temporary file at most: one
// that a crash has left, with secrets in it, goes with the next change.
func replaceFile(path string, content []byte) (err error) {
	dir := filepath.Dir(path)
	if err := privateDir(dir); err != nil {
		return err
	}
	name := path + ".tmp"
	if err = os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	tmp, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(name)
		}
	}()
	if _, err = tmp.Write(content); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = retrySharing(func() error { return os.Rename(name, path) }); err != nil {
		return err
	}
	return syncDir(dir)
}

// privateDir makes a folder of ours that nobody else can enter.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	fi, err := os.Stat(dir)
	if err != nil || fi.Mode().Perm()&0o077 == 0 {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// setAside moves a damaged file to a name beside it that is still free.
func setAside(path string) error {
	to := path + ".damaged-" + time.Now().UTC().Format("20060102T150405.000000000")
	return os.Rename(path, to)
}
