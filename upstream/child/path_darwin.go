package child

import "path/filepath"

func systemDirs(home string) []string {
	return []string{"/opt/homebrew/bin", "/opt/homebrew/sbin", filepath.Join(home, "Library/pnpm"), "/opt/local/bin"}
}

func fnmDirs(home string) []string {
	return []string{filepath.Join(home, "Library/Application Support/fnm")}
}
