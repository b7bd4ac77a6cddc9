package upstream

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// killStrays kills what a child started and what then left its process group,
// as a browser does that is to outlive its driver.
func killStrays(mark string) {
	for range 3 { // one that is killed may have started another just before
		pids := strays(mark)
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(pids) == 0 {
			return
		}
	}
}

// strays returns the processes with that mark in their environment.
func strays(mark string) []int {
	want := []byte(guardEnv + "=" + mark + "\x00")
	files, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is well-formed
	var pids []int
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(env, want) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
