package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mcpproxy/catalog"
	"mcpproxy/proxy/config"
)

// A crowd is a configuration of many servers that were all listed before.
func crowd(b *testing.B, dir string, servers, toolsEach int) {
	b.Helper()
	var tools []json.RawMessage
	for _, list := range labelled(b) {
		tools = append(tools, list...)
	}
	entries := make(map[string]any)
	for i := range servers {
		entries[fmt.Sprintf("server-%04d", i)] = map[string]any{"command": "no-such-command"}
	}
	text, err := json.Marshal(map[string]any{"mcpServers": entries})
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(dir, "mcp.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		b.Fatal(err)
	}
	loaded := config.Load(config.LoadOptions{Global: file, Explicit: true, Dir: dir, StateDir: filepath.Join(dir, "state")})
	known := catalog.Open(filepath.Join(dir, "cache", "catalog"), slog.New(slog.DiscardHandler))
	for i, s := range loaded.Servers {
		e := catalog.Entry{ID: s.ID, Instructions: "Does one thing, and does it well. Use it.", ListedAt: time.Now()}
		for j := range toolsEach {
			tool, err := catalog.ParseTool(tools[(i*toolsEach+j)%len(tools)])
			if err != nil {
				b.Fatal(err)
			}
			e.Tools = append(e.Tools, tool)
		}
		known.Put(e)
	}
}

// BenchmarkCrowd measures the program, run as a host runs it, with 1,000
// servers and 20,000 tools in the catalogue: from its start to the answer to
// initialize, the first search, which reads the catalogue, later ones, and
// the peak of its memory.
func BenchmarkCrowd(b *testing.B) {
	dir := b.TempDir()
	crowd(b, dir, 1000, 20)
	queries := []string{"list collections of a mongodb database", "what will the weather be in Berlin", "create an issue about a crash", "send a message to my team"}
	var start, first, later time.Duration
	var peak float64
	for b.Loop() {
		began := time.Now()
		s := serveIn(b, dir)
		start += time.Since(began)
		search := func(query string) time.Duration {
			began := time.Now()
			var hits struct{ Tools []struct{ Tool string } }
			s.ask(fmt.Sprintf(`{"action":"search_tools","query":%q}`, query), &hits)
			if len(hits.Tools) == 0 {
				b.Fatal("nothing found")
			}
			return time.Since(began)
		}
		first += search(queries[0])
		for _, q := range queries {
			later += search(q)
		}
		peak = max(peak, peakMiB(b, s.cmd.Process.Pid))
		s.leave()
	}
	each := func(d time.Duration) float64 { return d.Seconds() * 1e3 / float64(b.N) }
	b.ReportMetric(each(start), "ms/start")
	b.ReportMetric(each(first), "ms/first-search")
	b.ReportMetric(each(later)/float64(len(queries)), "ms/search")
	b.ReportMetric(peak, "MiB-peak")
}

// peakMiB returns the peak of a process's resident memory, or 0 where the
// system does not tell.
func peakMiB(b testing.TB, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.Atoi(kib)
	if err != nil {
		b.Fatal(err)
	}
	return float64(n) / 1024
}
