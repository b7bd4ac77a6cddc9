package child

import (
	"os"
	"runtime"
	"slices"
	"strings"
)

// environment returns the environment of a child: the base set of the MCP
// convention, the names that cfg inherits, and the settings of cfg on top.
// Nothing else reaches it, since the environment of a host is full of secrets.
func environment(cfg Config) []string {
	keep := func(name string) bool {
		return slices.Contains(baseEnv, envKey(name)) || strings.HasPrefix(name, "LC_") ||
			slices.ContainsFunc(cfg.InheritEnv, func(n string) bool { return envKey(n) == envKey(name) })
	}
	var env []string
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		// An exported shell function is code that a child's shell would run.
		if keep(name) && !strings.HasPrefix(value, "()") {
			env = append(env, kv)
		}
	}
	for name, value := range cfg.Env {
		env = setEnv(env, name, value)
	}
	env = completePath(env)
	slices.Sort(env)
	return env
}

// envKey returns what variables are compared by: on Windows case does not count.
func envKey(name string) string {
	if runtime.GOOS == "windows" {
		return strings.ToUpper(name)
	}
	return name
}

// setEnv returns env, which it may change, with a variable set.
func setEnv(env []string, name, value string) []string {
	env = slices.DeleteFunc(env, func(kv string) bool {
		n, _, _ := strings.Cut(kv, "=")
		return envKey(n) == envKey(name)
	})
	return append(env, name+"="+value)
}

func envValue(env []string, name string) string {
	for _, kv := range env {
		if n, v, _ := strings.Cut(kv, "="); envKey(n) == envKey(name) {
			return v
		}
	}
	return ""
}
