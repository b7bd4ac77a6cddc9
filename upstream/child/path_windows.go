package child

import "path/filepath"

const homeVar = "USERPROFILE"

// usualDirs returns patterns of the folders where programs usually are.
func usualDirs(home string, env func(string) string) []string {
	var dirs []string
	for _, d := range [][2]string{
		{home, `.local\bin`}, // uv, pipx
		{env("APPDATA"), "npm"},
		{env("PROGRAMFILES"), "nodejs"},
		{env("LOCALAPPDATA"), `Volta\bin`},
		{env("APPDATA"), `fnm\aliases\default`},
		{env("LOCALAPPDATA"), `Microsoft\WinGet\Links`},
		{env("LOCALAPPDATA"), `Programs\Python\Python*`},
		{home, `scoop\shims`},
		{home, `.pyenv\pyenv-win\shims`},
		{home, `.bun\bin`},
		{home, `.deno\bin`},
		{home, `.cargo\bin`},
		{home, `go\bin`},
		{env("PROGRAMFILES"), `Go\bin`},
	} {
		if d[0] != "" {
			dirs = append(dirs, filepath.Join(d[0], d[1]))
		}
	}
	return dirs
}
