package child

import (
	"bytes"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// straysWait bounds the wait until those that were killed are gone, which takes
// a loaded machine a moment.
const straysWait = 200 * time.Millisecond

// killStrays kills what a child started and what then left its process group,
// as a browser does that is to outlive its driver. One that is killed may have
// started another just before.
func killStrays(mark string) {
	for began := time.Now(); time.Since(began) < straysWait; <-time.After(2 * time.Millisecond) {
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
	for p := range processes() {
		if p.group == pgid && !p.ended {
			return false
		}
	}
	return true
}

// A procStat is what /proc tells of a process.
type procStat struct {
	pid, parent, group int
	ended              bool // it only waits to be collected
}

// processes returns all processes of the system.
func processes() iter.Seq[procStat] {
	return func(yield func(procStat) bool) {
		files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
		for _, file := range files {
			stat, err := os.ReadFile(file)
			if err != nil {
				continue
			}
			// pid (command) state ppid pgrp …; a command may hold anything
			fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
			if len(fields) < 3 {
				continue
			}
			p := procStat{ended: string(fields[0]) == "Z"}
			p.pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(file)))
			p.parent, _ = strconv.Atoi(string(fields[1]))
			p.group, _ = strconv.Atoi(string(fields[2]))
			if !yield(p) {
				return
			}
		}
	}
}
