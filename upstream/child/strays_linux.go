package child

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

// allZombies reports whether all processes of a group have ended and only wait
// to be collected, which may never happen in a container.
func allZombies(pgid int) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	want := strconv.Itoa(pgid)
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		// pid (command) state ppid pgrp …; a command may hold anything
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) > 2 && string(fields[2]) == want && string(fields[0]) != "Z" {
			return false
		}
	}
	return true
}
