//go:build unix

package child

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
)

const homeVar = "HOME"

// usualDirs returns patterns of the folders where programs usually are, those
// of the person before the system's.
func usualDirs(home string, env func(string) string) []string {
	at := filepath.Join
	var dirs []string
	if home != "" {
		nvm := cmp.Or(env("NVM_DIR"), at(home, ".nvm"))
		dirs = []string{
			at(home, ".local/bin"), // uv, pipx
			at(home, "bin"),
			at(home, ".npm-global/bin"),
			at(home, ".volta/bin"),
			at(nvm, "versions/node", nvmDefault(nvm), "bin"),
			at(nvm, "versions/node/*/bin"),
			at(home, ".asdf/shims"),
			at(home, ".local/share/mise/shims"),
			at(home, ".pyenv/shims"),
			at(home, ".bun/bin"),
			at(home, ".deno/bin"),
			at(cmp.Or(env("CARGO_HOME"), at(home, ".cargo")), "bin"),
			at(cmp.Or(env("GOPATH"), at(home, "go")), "bin"),
			at(home, ".nix-profile/bin"),
		}
		for _, fnm := range append(fnmDirs(home), at(home, ".fnm")) {
			dirs = append(dirs, at(fnm, "aliases/default/bin"), at(fnm, "node-versions/*/installation/bin"))
		}
	}
	return append(append(dirs, systemDirs(home)...),
		"/usr/local/bin", "/usr/local/go/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")
}

// nvmDefault returns a pattern for the version that nvm's default alias names:
// a version or the beginning of one. Any version for other aliases.
func nvmDefault(nvm string) string {
	b, err := os.ReadFile(filepath.Join(nvm, "alias/default"))
	alias := strings.TrimPrefix(strings.TrimSpace(string(b)), "v")
	if err != nil || alias == "" || strings.Trim(alias, "0123456789.") != "" {
		return "*"
	}
	if strings.Count(alias, ".") < 2 {
		alias += ".*"
	}
	return "v" + alias
}
