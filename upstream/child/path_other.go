//go:build unix && !darwin

package child

import "path/filepath"

func systemDirs(home string) []string {
	return []string{
		"/home/linuxbrew/.linuxbrew/bin", filepath.Join(home, ".local/share/pnpm"),
		"/run/current-system/sw/bin", "/snap/bin",
	}
}

func fnmDirs(home string) []string {
	return []string{filepath.Join(home, ".local/share/fnm")}
}
