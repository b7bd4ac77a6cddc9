package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// nodeBin holds the npm programs that package-lock.json pins, and a Node.js
// that is new enough for all of them.
var nodeBin = func() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "node", "node_modules", ".bin")
}()

// need returns the path of a program that the repository does not bring
// along. Where it is missing the test is skipped, saying how to get it; under
// E2E=require, as in .ci/run, it fails instead, so that nothing is left out unseen.
func need(t tb, program string) string {
	t.Helper()
	if path, err := exec.LookPath(filepath.Join(nodeBin, program)); err == nil {
		return path
	}
	if path, err := exec.LookPath(program); err == nil && program != "node" {
		return path
	}
	const hint = `%s is not installed: run "just e2e", or .ci/run, which install what these tests need`
	if os.Getenv("E2E") == "require" {
		t.Fatalf(hint, program)
	}
	t.Skipf(hint, program)
	return ""
}
