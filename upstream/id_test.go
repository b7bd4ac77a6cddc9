package upstream

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pickyServer answers requests with integer ids and tokens alone, as servers do
// that decode them into an int of 32 bits. The other kind gives every one of
// them back as a string.
func pickyServer(mode string) {
	back := func(n int32) string {
		if mode == "strings" {
			return strconv.Quote(fmt.Sprint(n))
		}
		return fmt.Sprint(n)
	}
	r := bufio.NewScanner(os.Stdin)
	for r.Scan() {
		var q struct {
			ID     *int32
			Method string
			Params struct {
				RequestID *int32 `json:"requestId"`
				Name      string
				Meta      struct{ ProgressToken *int32 } `json:"_meta"`
			}
		}
		if json.Unmarshal(r.Bytes(), &q) != nil {
			continue
		}
		if q.Method == "notifications/cancelled" && q.Params.RequestID != nil {
			note("cancelled")
		}
		if q.ID == nil {
			continue
		}
		reply := func(what string) { fmt.Printf(`{"jsonrpc":"2.0","id":%s,%s}`+"\n", back(*q.ID), what) }
		switch {
		case q.Method == "initialize":
			reply(`"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"picky","version":"0"}}`)
		case q.Method == "tools/call" && q.Params.Name == "hang":
		case q.Method == "tools/call":
			fmt.Printf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":1}}`+"\n", back(*q.Params.Meta.ProgressToken))
			reply(`"result":{"content":[]}`)
		default:
			reply(`"error":{"code":-32601,"message":"no"}`)
		}
	}
}

func TestIDsAreIntegers(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"integers", "strings"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			cfg := testChild(t, mode)
			file := filepath.Join(t.TempDir(), "notes")
			cfg.Env[noteFile] = file
			cfg.CallTimeout, cfg.StartTimeout = Duration(10*time.Second), Duration(10*time.Second)
			u := newTest(t, cfg)
			heard := make(chan string, 9)
			if _, err := call(t, u, Call{Tool: "x", Progress: func(params json.RawMessage) { heard <- string(params) }}); err != nil {
				t.Fatal(err)
			}
			if len(heard) != 1 {
				t.Errorf("%d progress notifications were heard, want 1", len(heard))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			u.With(ctx, func(ctx context.Context, s *Session) error {
				_, err := s.Call(ctx, Call{Tool: "hang"})
				return err
			})
			eventually(t, "it hears of the cancellation", func() bool {
				return strings.Join(notes(t, file), " ") == "cancelled"
			})
		})
	}
}
