package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// roles are the small programs that the tests need beside the proxy: the test
// binary, run again with one of these words as its first argument.
var roles map[string]func(args []string) error

func TestMain(m *testing.M) {
	roles = map[string]func([]string) error{
		"as-upstream":           upstreamMain,
		"as-relay":              relayMain,
		"as-conformance-driver": driverMain,
	}
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			if err := role(os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	code := m.Run()
	if buildDir != "" {
		os.RemoveAll(buildDir)
	}
	os.Exit(code)
}

var buildDir string

// build compiles the proxy once for all tests and returns the binary's path.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "proxy-e2e-")
	if err != nil {
		return "", err
	}
	buildDir = dir
	bin := filepath.Join(dir, "proxy")
	args := []string{"build", "-o", bin}
	if os.Getenv(profiled) != "" {
		args = append(args, "-tags", "profile")
	}
	if out, err := exec.Command("go", append(args, "mcpproxy/cmd/proxy")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

func binary(t tb) string {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// self is the test binary, for configuring one of its roles as an upstream.
func self(t tb) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}
