package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
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

func TestMendedInitializeKeepsWhatIsRead(t *testing.T) {
	t.Parallel()
	const (
		legacy = `{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true},"logging":{}},"serverInfo":{"name":"a","version":"1"},"instructions":"Hi"}`
		modern = `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"_meta":{"io.modelcontextprotocol\/serverInfo":{"name":"a"}},"ttlMs":5}`
	)
	for written, want := range map[string]string{
		legacy: legacy,
		modern: modern,
		`{"x":[{}],"capabilities":{ "experimental":{"a":{}}, "tools" : { "x":[{}] } , "extensions":{"a":{}}},"serverInfo":{"icons":[{}],"name":"a"},"_meta":{"x":[{}]}}`: `{"capabilities":{"tools":{}},"serverInfo":{"name":"a"},"_meta":{}}`,
	} {
		if got := mendInitialize(json.RawMessage(written)); string(got) != want {
			t.Errorf("%s: %s, want %s", written, got, want)
		}
	}
}

// A server of 2026-07-28 alone that takes longer to wake than the probe waits is
// asked once more, without haste.
func TestSlowModernServer(t *testing.T) {
	t.Parallel()
	unsupported := `"error":{"code":-32022,"message":"Unsupported protocol version","data":{"supported":["2026-07-28"]}}`
	for name, c := range map[string]struct {
		status int
		answer string // to initialize
		early  bool   // the headers of the answer to server/discover come at once
	}{
		"names its versions":   {400, unsupported, false},
		"knows no initialize":  {404, `"error":{"code":-32601,"message":"Method not found"}`, false},
		"with an early header": {200, unsupported, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			modernServer := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return testServer() }, &mcp.StreamableHTTPOptions{Stateless: true})
			asleep, wake := context.WithCancel(t.Context())
			defer wake()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				var m message
				_ = json.Unmarshal(body, &m)
				switch {
				case m.Method == "initialize":
					wake()
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(c.status)
					answer(w, m, c.answer)
					return
				case m.Method == "server/discover" && asleep.Err() == nil:
					if c.early {
						w.Header().Set("Content-Type", "application/json")
						w.(http.Flusher).Flush()
					}
					select {
					case <-r.Context().Done():
					case <-asleep.Done():
					}
					return
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				modernServer.ServeHTTP(w, r)
			}))
			t.Cleanup(srv.Close)
			u := newTest(t, httpConfig(srv.URL))
			if got, err := call(t, u, Call{Tool: "echo", Arguments: json.RawMessage(`{"text":"hi"}`)}); err != nil || !strings.Contains(got, "hi") {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}
