package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Protocol revisions that hosts speak today.
const (
	rev2025 = "2025-11-25" // opened by initialize
	rev2026 = "2026-07-28" // stateless: no handshake, every request says who asks
)

// A peer is the raw other end of a stdio server: it writes and reads JSON
// lines itself, so that a test sees each byte that the server sends. Its
// reading goroutine ends when the server's stdout does; close waits for it.
type peer struct {
	t       tb
	home    string
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	stderr  *journal
	era     string
	done    chan struct{} // stdout ended
	writing sync.Mutex
	once    sync.Once

	// capabilities are the client's, as JSON; answer replies to what the
	// server asks. Both are set before open.
	capabilities string
	answer       func(method string, params json.RawMessage) string

	mu      sync.Mutex
	next    int64
	waiting map[string]chan message
	heard   []message // notifications
	junk    []string  // what no server may write to stdout
}

// A message is one JSON-RPC message, its parts as they came.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// A journal collects what a process writes to stderr.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// connect starts a stdio server in the sandbox.
func (s *sandbox) connect(command string, args ...string) *peer {
	s.t.Helper()
	cmd := s.command(context.WithoutCancel(s.t.Context()), command, args...)
	p := &peer{
		t: s.t, home: s.dir, cmd: cmd, stderr: &journal{}, done: make(chan struct{}),
		capabilities: `{}`, waiting: map[string]chan message{},
	}
	cmd.Stderr = p.stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	p.stdin = stdin
	go p.read(stdout)
	s.t.Cleanup(p.close)
	return p
}

func (p *peer) read(stdout io.Reader) {
	defer close(p.done)
	r := bufio.NewReaderSize(stdout, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			if len(line) > 0 {
				p.reject(line)
			}
			return
		}
		var m message
		switch err := json.Unmarshal(line, &m); {
		case err != nil:
			p.reject(line)
		case m.Method != "" && m.ID != nil:
			go p.reply(m)
		case m.Method != "":
			p.mu.Lock()
			p.heard = append(p.heard, m)
			p.mu.Unlock()
		default:
			p.mu.Lock()
			ch := p.waiting[string(m.ID)]
			delete(p.waiting, string(m.ID))
			p.mu.Unlock()
			if ch == nil {
				p.reject(line)
				continue
			}
			ch <- m
		}
	}
}

func (p *peer) reject(line []byte) {
	p.mu.Lock()
	p.junk = append(p.junk, string(line))
	p.mu.Unlock()
}

func (p *peer) reply(m message) {
	body := `"error":{"code":-32601,"message":"not offered"}`
	if p.answer != nil {
		if result := p.answer(m.Method, m.Params); result != "" {
			body = `"result":` + result
		}
	}
	p.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, m.ID, body))
}

func (p *peer) write(line string) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	_, err := io.WriteString(p.stdin, line+"\n")
	return err
}

// ask sends a request and returns its id and where the answer will come.
func (p *peer) ask(method string, params entry) (id int64, answer <-chan message) {
	p.t.Helper()
	if p.era == rev2026 {
		params = maps.Clone(params)
		if params == nil {
			params = entry{}
		}
		meta, _ := params["_meta"].(entry)
		meta = maps.Clone(meta)
		if meta == nil {
			meta = entry{}
		}
		meta["io.modelcontextprotocol/protocolVersion"] = rev2026
		meta["io.modelcontextprotocol/clientInfo"] = entry{"name": "e2e", "version": "1"}
		meta["io.modelcontextprotocol/clientCapabilities"] = json.RawMessage(p.capabilities)
		params["_meta"] = meta
	}
	ch := make(chan message, 1)
	p.mu.Lock()
	p.next++
	id = p.next
	p.waiting[fmt.Sprint(id)] = ch
	p.mu.Unlock()
	line := entry{"jsonrpc": "2.0", "id": id, "method": method}
	if params != nil {
		line["params"] = params
	}
	text, err := json.Marshal(line)
	if err != nil {
		p.t.Error(err)
	}
	if err := p.write(string(text)); err != nil {
		p.t.Errorf("write %s: %v", method, err)
	}
	return id, ch
}

// await waits for the answer to what was asked.
func (p *peer) await(what string, answer <-chan message) message {
	p.t.Helper()
	timeout := time.NewTimer(time.Minute)
	defer timeout.Stop()
	select {
	case m := <-answer:
		return m
	case <-p.done:
		p.t.Fatalf("%s: the server is gone; stderr:\n%s", what, p.stderr)
	case <-timeout.C:
		p.t.Fatalf("%s: no answer; stderr:\n%s", what, p.stderr)
	}
	return message{}
}

// request sends a request that must succeed and returns the result's bytes.
func (p *peer) request(method string, params entry) json.RawMessage {
	p.t.Helper()
	_, ch := p.ask(method, params)
	m := p.await(method, ch)
	if m.Error != nil {
		p.t.Fatalf("%s: %s", method, m.Error)
	}
	return m.Result
}

func (p *peer) notify(method, params string) {
	p.t.Helper()
	if err := p.write(fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s}`, method, params)); err != nil {
		p.t.Errorf("write %s: %v", method, err)
	}
}

// open begins the conversation as a host of that protocol revision does, and
// returns what the server says of itself.
func (p *peer) open(revision string) json.RawMessage {
	p.t.Helper()
	p.era = revision
	if revision == rev2026 {
		return p.request("server/discover", nil)
	}
	hello := p.request("initialize", entry{
		"protocolVersion": revision,
		"capabilities":    json.RawMessage(p.capabilities),
		"clientInfo":      entry{"name": "e2e", "version": "1"},
	})
	p.notify("notifications/initialized", `{}`)
	return hello
}

// tool calls one of the server's own tools.
func (p *peer) tool(name string, arguments any) toolResult {
	p.t.Helper()
	return newToolResult(p.t, p.request("tools/call", entry{"name": name, "arguments": arguments}))
}

// mcp calls the proxy's one tool.
func (p *peer) mcp(fields entry) toolResult {
	p.t.Helper()
	return p.tool("mcp", fields)
}

// through calls an upstream's tool through the proxy.
func (p *peer) through(server, tool string, arguments any) toolResult {
	p.t.Helper()
	return p.mcp(entry{"action": "call", "server": server, "tool": tool, "arguments": arguments})
}

// notifications returns those heard so far of one method.
func (p *peer) notifications(method string) (found []message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.heard {
		if m.Method == method {
			found = append(found, m)
		}
	}
	return found
}

// close ends the conversation as a host does, by closing stdin, and demands
// that the server exits by itself and wrote nothing but JSON-RPC.
func (p *peer) close() {
	p.once.Do(func() {
		p.stdin.Close()
		timeout := time.NewTimer(20 * time.Second)
		defer timeout.Stop()
		select {
		case <-p.done:
		case <-timeout.C:
			p.t.Errorf("%s is still there after stdin was closed; stderr:\n%s", filepath.Base(p.cmd.Path), p.stderr)
			p.cmd.Process.Kill()
			<-p.done
		}
		p.cmd.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.junk) > 0 {
			p.t.Errorf("on stdout, but no JSON-RPC: %q", p.junk)
		}
		if p.t.Failed() && p.stderr.String() != "" {
			p.t.Logf("stderr of %s:\n%s", filepath.Base(p.cmd.Path), p.stderr)
		}
	})
}

// kill ends the server as a crash does.
func (p *peer) kill() {
	p.once.Do(func() {
		p.cmd.Process.Kill()
		<-p.done
		p.cmd.Wait()
		p.stdin.Close()
	})
}
