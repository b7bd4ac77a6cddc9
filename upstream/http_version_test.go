package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// A server that refuses a version and names others is asked once more, with
// the newest of those that are known here.
func TestVersionThatTheServerNames(t *testing.T) {
	t.Parallel()
	rpc := func(rest string) func(http.ResponseWriter, message) {
		return func(w http.ResponseWriter, m message) { answer(w, m, `"error":`+rest) }
	}
	words := func(w http.ResponseWriter, _ message) {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, "Bad Request: Unsupported protocol version (supported versions: 2024-11-05, 2025-06-18, 2099-01-01)")
	}
	for name, c := range map[string]struct {
		refuse func(http.ResponseWriter, message)
		want   string // the versions that are asked for
	}{
		"data":            {rpc(`{"code":-32602,"message":"Unsupported protocol version","data":{"supported":["2024-11-05","2025-06-18"],"requested":"2025-11-25"}}`), "[2025-11-25 2025-06-18]"},
		"message":         {rpc(`{"code":-32602,"message":"only 2025-03-26"}`), "[2025-11-25 2025-03-26]"},
		"400 in words":    {words, "[2025-11-25 2025-06-18]"},
		"none":            {rpc(`{"code":-32602,"message":"Unsupported protocol version"}`), "[2025-11-25 2025-11-25]"},
		"none that helps": {rpc(`{"code":-32602,"message":"2025-11-25 is not 2031-01-01"}`), "[2025-11-25 2025-11-25]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var asked []string
			f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
				if m.Method != "initialize" {
					return false
				}
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, m.Params.ProtocolVersion)
				if m.Params.ProtocolVersion == lastLegacy {
					c.refuse(w, m)
					return true
				}
				answer(w, m, fmt.Sprintf(`"result":{"protocolVersion":%q,"capabilities":{"tools":{}},"serverInfo":{"name":"fake","version":"0"}}`, m.Params.ProtocolVersion))
				return true
			})
			u := newTest(t, httpConfig(f.URL))
			_, err := call(t, u, Call{Tool: "odd"})
			mu.Lock()
			defer mu.Unlock()
			if fmt.Sprint(asked) != c.want {
				t.Errorf("asked for %v, want %s", asked, c.want)
			}
			if err == nil { // what worked is remembered
				u.mu.Lock()
				u.retire(u.st.conn)
				u.mu.Unlock()
				asked = nil
				mu.Unlock()
				_, err = call(t, u, Call{Tool: "odd"})
				mu.Lock()
				if err != nil || len(asked) != 1 {
					t.Errorf("the next start asked for %v: %v", asked, err)
				}
			}
			if works := !strings.HasSuffix(c.want, lastLegacy+"]"); works != (err == nil) {
				t.Errorf("error %v", err)
			} else if !works && strings.Contains(err.Error(), "initialize") {
				t.Errorf("not the server's own words: %v", err)
			}
		})
	}
}

// What a start met is told in the server's words or in ours, never in Go's.
func TestAnswersToInitialize(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]string{
		`{"protocolVersion":"2025-06-18","capabilities":[],"serverInfo":[]}`:                                                                 "",
		`{"protocolVersion":"2025-06-18","capabilities":true,"serverInfo":null,"_meta":[]}`:                                                  "",
		`{"protocolVersion":"2025-06-18","capabilities":{"tools":[],"logging":true,"prompts":null},"serverInfo":{"name":"a","version":"1"}}`: "",
		`{"protocolVersion":"2031-01-01","capabilities":{},"serverInfo":{"name":"a","version":"1"}}`:                                         `it speaks MCP "2031-01-01", which is not known here`,
		`{"protocolVersion":7}`: "its answer to initialize is not as MCP has it",
		`[]`:                    "its answer to initialize is not as MCP has it",
	} {
		f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
			if m.Method == "initialize" {
				answer(w, m, `"result":`+result)
			}
			return m.Method == "initialize"
		})
		_, err := call(t, newTest(t, httpConfig(f.URL)), Call{Tool: "odd"})
		if want == "" && err != nil {
			t.Errorf("%s: %v", result, err)
		}
		if e, ok := errors.AsType[*StartError](err); want != "" && (!ok || e.Error() != "handshake: "+want) {
			t.Errorf("%s: %v", result, err)
		}
	}
	f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
		if m.Method == "notifications/initialized" {
			http.Error(w, "no licence", http.StatusPaymentRequired)
		}
		return m.Method == "notifications/initialized"
	})
	_, err := call(t, newTest(t, httpConfig(f.URL)), Call{Tool: "odd"})
	if e, ok := errors.AsType[*StatusError](err); !ok || e.Words != "no licence" {
		t.Errorf("refused after initialize: %v", err)
	}
}

func TestMendedInitializeKeepsTheRest(t *testing.T) {
	t.Parallel()
	const right = `{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true},"x":{}},"serverInfo":{"name":"a","version":"1"},"instructions":"Hi"}`
	if got := mendInitialize(json.RawMessage(right)); string(got) != right {
		t.Errorf("%s", got)
	}
}
