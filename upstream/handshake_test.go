package upstream

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// oddServer is a server of the old era whose handshake is odd in another way
// for each mode.
func oddServer(mode string) {
	switch mode {
	case "bom":
		fmt.Print("\ufeff")
	case "login": // a person takes longer than a server
		note("started")
		<-time.After(probeWait + greetingWait + 2*time.Second)
	}
	r := bufio.NewScanner(os.Stdin)
	first := true
	for r.Scan() {
		var q struct {
			ID     json.RawMessage
			Method string
		}
		json.Unmarshal(r.Bytes(), &q)
		note(q.Method)
		reply := func(what string) { fmt.Printf(`{"jsonrpc":"2.0","id":%s,%s}`+"\n", q.ID, what) }
		hello := `"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"odd","version":"0"}}`
		switch {
		case mode == "stuck" && first && q.Method != "initialize":
			select {}
		case mode == "shy" && first && q.Method != "initialize":
			io.Copy(io.Discard, os.Stdin) // for ever: its state is no longer what it expects
		case q.Method == "initialize" && mode == "refusing":
			reply(`"error":{"code":-32001,"message":"the license has expired"}`)
		case q.Method == "initialize" && mode == "future":
			reply(`"result":{"protocolVersion":"2031-01-01","capabilities":{},"serverInfo":{"name":"odd","version":"0"}}`)
		case q.Method == "initialize" && mode == "dated" && !strings.Contains(r.Text(), `"protocolVersion":"2024-11-05"`):
			reply(`"error":{"code":-32602,"message":"Unsupported protocol version","data":{"supported":["2024-11-05"],"requested":"x"}}`)
		case q.Method == "initialize" && mode == "modern":
			reply(`"error":{"code":-32601,"message":"no such method"}`)
		case q.Method == "server/discover" && mode == "modern":
			reply(`"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"serverInfo":{"name":"odd","version":"0"}}`)
		case q.Method == "initialize" && mode == "crooked":
			reply(`"result":{"protocolVersion":7,"capabilities":{},"serverInfo":{"name":"odd","version":"0"}}`)
		case q.Method == "initialize" && mode == "closing":
			os.Stdout.Close()
		case q.Method == "initialize" && mode == "loose":
			reply(`"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":[]},"completions":"yes","logging":null,"prompts":true,"resources":false,"experimental":[]},"serverInfo":{"name":7,"version":1.2,"title":[]},"_meta":[],"instructions":null}`)
		case q.Method == "initialize":
			reply(hello)
		case q.Method == "tools/list":
			reply(`"result":{"tools":[` + rawTool + `]}`)
		case q.ID != nil:
			reply(`"error":{"code":-32601,"message":"no"}`)
		}
		first = false
	}
}

func TestFailedHandshakeIsToldInTheServersWords(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{
		"refusing": "handshake: the license has expired",
		"future":   `handshake: unsupported protocol version: "2031-01-01"`,
		"crooked":  "handshake: its answer to initialize is not as MCP has it",
		"closing":  "handshake: it closed its stdout without an answer",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			_, err := call(t, newTest(t, testChild(t, mode)), Call{Tool: "x"})
			e, ok := errors.AsType[*StartError](err)
			if !ok || err.Error() != want || e.ExitStatus != "" {
				t.Errorf("error %q (%+v), want %q", err, e, want)
			}
			if rpc, ok := errors.AsType[*jsonrpc.Error](err); ok != (mode == "refusing") || ok && rpc.Code != -32001 {
				t.Errorf("the server's error is %v", rpc)
			}
		})
	}
}

// What ends because we close its input has not ended by itself.
func TestEndOfOurMakingIsNoExitStatus(t *testing.T) {
	t.Parallel()
	u := newTest(t, testChild(t, "sdk"))
	list(t, u)
	done := make(chan error, 1)
	go func() { // ends with Close
		_, err := call(t, u, Call{Tool: "hang"})
		done <- err
	}()
	eventually(t, "the call", func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		return u.st.conn.calls > 0
	})
	u.Close()
	if e, ok := errors.AsType[*InterruptedError](<-done); !ok || e.ExitStatus != "" {
		t.Errorf("error %+v", e)
	}
}

func TestLooseHandshakesAreRead(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"loose", "bom"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			u := newTest(t, testChild(t, mode))
			if tools := list(t, u); len(tools) != 1 || u.firstLine() != "" {
				t.Errorf("%d tools, %q was no message", len(tools), u.firstLine())
			}
		})
	}
}

// A server that is upset by a request before initialize is started anew.
func TestSilentServerIsStartedAnew(t *testing.T) {
	t.Parallel()
	onLinux(t)
	for mode, want := range map[string][]string{
		"shy":   {"server/discover", "initialize"},
		"stuck": {"server/discover", "initialize"},
		"login": {"started", "server/discover", "initialize"}, // one that does not read yet is not disturbed
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			cfg := testChild(t, mode)
			file := filepath.Join(t.TempDir(), "notes")
			cfg.Env[noteFile] = file
			u := newTest(t, cfg)
			if tools := list(t, u); len(tools) != 1 {
				t.Errorf("%d tools", len(tools))
			}
			if got := notes(t, file)[:len(want)]; !slices.Equal(got, want) {
				t.Errorf("it read %q, want %q", got, want)
			}
		})
	}
}

// initializeFirst lists the tools, and returns what a next process is to know.
func initializeFirst(t *testing.T, u *Upstream) (first bool) {
	t.Helper()
	err := u.With(t.Context(), func(ctx context.Context, s *Session) error {
		first = s.InitializeFirst()
		_, err := s.ListTools(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return first
}

func TestWhatUpsetsAServerIsRemembered(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]bool{"silent": true, "fragile": true, "odd": false, "sdk": false, "modern": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			cfg := testChild(t, mode)
			file := filepath.Join(t.TempDir(), "notes")
			cfg.Env[noteFile] = file
			if got := initializeFirst(t, newTest(t, cfg)); got != want {
				t.Errorf("begin with initialize: %v, want %v", got, want)
			}
			before := len(notes(t, file))
			u := New("test", cfg, Options{Client: testClient, InitializeFirst: true})
			t.Cleanup(u.Close)
			if got := initializeFirst(t, u); got != (mode != "modern") {
				t.Errorf("of one that was told so: %v", got)
			}
			if after := notes(t, file); mode != "sdk" && after[before] != "initialize" {
				t.Errorf("it began with %q", after[before])
			}
		})
	}
}

func TestServerThatNamesItsVersionGetsThat(t *testing.T) {
	t.Parallel()
	cfg := testChild(t, "dated")
	file := filepath.Join(t.TempDir(), "notes")
	cfg.Env[noteFile], cfg.IdleTTL = file, Duration(10*time.Millisecond)
	u := newTest(t, cfg)
	list(t, u)
	eventually(t, "idle", func() bool { return u.State().Status == Idle })
	before := len(notes(t, file))
	list(t, u)
	if got := notes(t, file)[before:]; got[0] != "initialize" || got[1] == "initialize" {
		t.Errorf("the version was not remembered: %q", got)
	}
}
