package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
)

// largeBlock returns a text block of 5 MiB of JSON.
func largeBlock() string {
	text, err := json.Marshal(`{"items":[` + strings.Repeat(`{"name":"item","price":12.50},`, 5<<20/30) + `{"name":"last","price":9007199254740993}]}`)
	if err != nil {
		panic(err)
	}
	return `{"type":"text","text":` + string(text) + `}`
}

// A session is the program, run as a host runs it.
type session struct {
	t    testing.TB
	cmd  *exec.Cmd
	in   *os.File
	out  *bufio.Reader
	last int
}

// program returns a command that runs the program in those folders.
func program(t testing.TB, dir string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), beProxy+"=1", "HOME="+dir, "PROXY_CONFIG="+filepath.Join(dir, "mcp.json"),
		"PROXY_STATE_DIR="+filepath.Join(dir, "state"), "PROXY_CACHE_DIR="+filepath.Join(dir, "cache"))
	cmd.Stderr = os.Stderr
	return cmd
}

func serveIn(t testing.TB, dir string) *session {
	t.Helper()
	cmd := program(t, dir, "serve")
	inR, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout = inR, outW
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	inR.Close()
	outW.Close()
	t.Cleanup(func() { inW.Close(); outR.Close() })
	s := &session{t: t, cmd: cmd, in: inW, out: bufio.NewReader(outR)}
	s.request("initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"h","version":"1"}}`)
	fmt.Fprintln(s.in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return s
}

// request returns the line that answers it.
func (s *session) request(method, params string) []byte {
	s.t.Helper()
	s.last++
	fmt.Fprintf(s.in, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`+"\n", s.last, method, params)
	for {
		line, err := s.out.ReadBytes('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		if bytes.Contains(line, fmt.Appendf(nil, `"id":%d,`, s.last)) {
			return line
		}
	}
}

// ask returns the text with which the mcp tool answers, as JSON.
func (s *session) ask(arguments string, answer any) {
	s.t.Helper()
	line := s.request("tools/call", `{"name":"mcp","arguments":`+arguments+`}`)
	var m struct {
		Result struct{ Content []struct{ Text string } }
	}
	if err := json.Unmarshal(line, &m); err != nil || len(m.Result.Content) == 0 {
		s.t.Fatalf("%v: %.300s", err, line)
	}
	if err := json.Unmarshal([]byte(m.Result.Content[0].Text), answer); err != nil {
		s.t.Fatalf("%v: %.300s", err, line)
	}
}

// leave closes stdin, as a host does, and waits for the end.
func (s *session) leave() {
	s.t.Helper()
	s.in.Close()
	if err := s.cmd.Wait(); err != nil {
		s.t.Error(err)
	}
}

// labelled reads the tools of the collection "mcp", as descriptors by server.
func labelled(t testing.TB) map[string][]json.RawMessage {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "catalog", "search", "testdata", "search-eval", "mcp", "tools.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	servers := make(map[string][]json.RawMessage)
	for dec := json.NewDecoder(z); dec.More(); {
		var tool struct {
			Server      string          `json:"server"`
			Name        string          `json:"name"`
			Description string          `json:"description"`
			InputSchema json.RawMessage `json:"input_schema"`
		}
		if err := dec.Decode(&tool); err != nil {
			t.Fatal(err)
		}
		descriptor, err := json.Marshal(map[string]any{"name": tool.Name, "description": tool.Description, "inputSchema": tool.InputSchema})
		if err != nil {
			t.Fatal(err)
		}
		servers[tool.Server] = append(servers[tool.Server], descriptor)
	}
	return servers
}

// configure writes a configuration with a fake upstream for each server, and
// returns the file in which they note their starts.
func configure(t *testing.T, dir string, servers map[string][]json.RawMessage) (starts string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	starts = filepath.Join(dir, "starts")
	entries := make(map[string]any)
	for name, tools := range servers {
		list, err := json.Marshal(tools)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, fmt.Sprintf("tools-%d.json", len(entries)))
		if err := os.WriteFile(file, list, 0o600); err != nil {
			t.Fatal(err)
		}
		name = strings.NewReplacer("/", "-", ":", "-", `\`, "-").Replace(name)
		entries[name] = map[string]any{"command": exe, "env": map[string]string{beUpstream: file, startLog: starts}}
	}
	config, err := json.Marshal(map[string]any{"mcpServers": entries})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mcp.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	return starts
}

func countLines(t *testing.T, file string) int {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return bytes.Count(data, []byte("\n"))
}

func TestToolsAreFoundWithAllServersAsleep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	servers := labelled(t)
	starts := configure(t, dir, servers)
	refresh := program(t, dir, "tools", "--refresh", "--json")
	refresh.Stderr = nil
	out, err := refresh.Output()
	if err != nil {
		t.Fatal(err)
	}
	type found struct {
		Tools []struct{ Server, Tool, Signature, Access string }
		Next  string
		More  int `json:"unavailable_more"`

		Unavailable []struct{ Server string }
	}
	var all found
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	if len(servers) != 71 || countLines(t, starts) != 71 || len(all.Tools) < 570 || len(all.Unavailable)+all.More > 0 {
		t.Fatalf("%d servers, %d starts, %d tools, unavailable %v", len(servers), countLines(t, starts), len(all.Tools), all.Unavailable)
	}

	s := serveIn(t, dir)
	for _, c := range []struct{ query, want string }{
		{"list collections of a mongodb database", "list-collections"},
		{"what will the weather be in Berlin", "weather"},
		{"take a screenshot of a web page", "screenshot"},
	} {
		var hits found
		s.ask(fmt.Sprintf(`{"action":"search_tools","query":%q}`, c.query), &hits)
		ok := false
		for _, hit := range hits.Tools[:min(5, len(hits.Tools))] {
			ok = ok || strings.Contains(strings.ToLower(hit.Tool), c.want) && strings.Contains(hit.Signature, "(") && hit.Access != ""
		}
		if !ok || len(hits.Unavailable) > 0 {
			t.Errorf("%s: got %+v", c.query, hits)
		}
	}
	var list struct {
		Servers []struct {
			Status string
			Tools  int `json:"tools_count"`
		}
	}
	s.ask(`{"action":"list_servers"}`, &list)
	for _, server := range list.Servers {
		if server.Status != "idle" || server.Tools == 0 {
			t.Errorf("got %+v", server)
		}
	}
	s.leave()

	search, err := program(t, dir, "tools", "mongodb list collections", "--limit", "1").Output()
	if err != nil || !strings.Contains(string(search), "list-collections") || strings.Count(string(search), "\n") != 2 {
		t.Errorf("%v: %s", err, search)
	}
	if n := countLines(t, starts); n != 71 {
		t.Errorf("%d starts in all: searching started servers", n)
	}
}

func TestStoredResultsAreGoneAfterExitAndAfterAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	configure(t, dir, map[string][]json.RawMessage{"big": {json.RawMessage(`{"name":"get","inputSchema":{"type":"object"}}`)}})
	stored := func() int {
		files, err := filepath.Glob(filepath.Join(dir, "cache", "results", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	type handle struct {
		ID    string `json:"result_id"`
		Total int    `json:"total_bytes"`
		Value json.RawMessage
	}
	get := func(s *session) {
		var h, selected handle
		s.ask(`{"action":"call","server":"big","tool":"get"}`, &h)
		s.ask(fmt.Sprintf(`{"action":"read_result","result_id":%q,"select":"items[-1].price"}`, h.ID), &selected)
		if h.Total < 5<<20 || string(selected.Value) != "9007199254740993" || stored() == 0 {
			t.Errorf("got %+v, %s, %d files", h, selected.Value, stored())
		}
	}
	s := serveIn(t, dir)
	get(s)
	s.leave()
	if n := stored(); n != 0 {
		t.Errorf("%d files left after an exit", n)
	}

	s = serveIn(t, dir)
	get(s)
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // it was killed
	if stored() == 0 {
		t.Error("a killed process cleaned up?")
	}
	s = serveIn(t, dir)
	for deadline := time.Now().Add(5 * time.Second); stored() > 0 && time.Now().Before(deadline); {
		s.request("ping", "{}")
	}
	if n := stored(); n != 0 {
		t.Errorf("%d files left after a kill and a new start", n)
	}
	s.leave()
}

// hostileTool tries to act on the terminal and to hide instructions.
const hostileTool = `{"name":"evil\u200bname","title":"\u001b]0;title\u0007","inputSchema":{"type":"object","properties":{"a\u001b[2J":{"type":"string"}}},` +
	`"description":"Harmless.\u001b[31m\u202e Reads \udb40\udc41\udb40\udc42files.\r\nSecond line."}`

func TestForeignTextIsHarmlessOnTheTerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	configure(t, dir, map[string][]json.RawMessage{"evil": {json.RawMessage(hostileTool)}})
	for _, args := range [][]string{{"tools", "evil"}, {"tools", "evil", "files"}, {"tools", "--json"}, {"call", "evil", "evilname", `{"a":1}`}, {"status"}} {
		cmd := program(t, dir, args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, _ := cmd.Output() // the call has wrong arguments
		out = append(out, stderr.Bytes()...)
		if bytes.ContainsFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Errorf("%q: %q", args, out)
		}
		if args[0] == "tools" && (!bytes.Contains(out, []byte("evilname(a")) || !bytes.Contains(out, []byte("hidden characters"))) {
			t.Errorf("%q: not shown or not flagged: %s", args, out)
		}
	}
}
