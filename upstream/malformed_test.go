package upstream

import (
	"bufio"
	"compress/flate"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/upstream/raw"
)

// lineKind names the variable with the answer of a lineServer to initialize.
const lineKind = "UPSTREAM_TEST_LINE"

// lineServer answers each call with the text of its argument "line", in which
// ID stands for the id of the request.
func lineServer(r io.Reader, w io.Writer) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var q struct {
			ID     json.RawMessage
			Method string
			Params struct{ Arguments struct{ Line string } }
		}
		json.Unmarshal(lines.Bytes(), &q)
		line := ""
		switch {
		case q.Method == "tools/call":
			line = q.Params.Arguments.Line
		case q.Method == "initialize" && os.Getenv(lineKind) != "":
			line = os.Getenv(lineKind)
		case q.Method == "initialize":
			line = `{"jsonrpc":"2.0","id":ID,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"line","version":"0"}}}`
		case q.ID != nil:
			line = `{"jsonrpc":"2.0","id":ID,"error":{"code":-32601,"message":"no"}}`
		}
		if line != "" {
			io.WriteString(w, strings.ReplaceAll(line, "ID", string(q.ID))+"\n")
		}
	}
}

func lineArgument(line string) json.RawMessage {
	b, _ := json.Marshal(map[string]string{"line": line})
	return b
}

// deepAnswer is nested one level too deep.
var deepAnswer = `{"jsonrpc":"2.0","id":ID,"result":` + strings.Repeat("[", raw.MaxLevels) + strings.Repeat("]", raw.MaxLevels) + `}`

// Nobody waits for another answer than the one that came, though it is none.
func TestMalformedAnswersAreToldAtOnce(t *testing.T) {
	t.Parallel()
	written := func(media, before, after string) string {
		return newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
			if m.Method != "tools/call" {
				return false
			}
			var a struct{ Line string }
			json.Unmarshal(m.Params.Arguments, &a)
			w.Header().Set("Content-Type", media)
			io.WriteString(w, before+strings.ReplaceAll(a.Line, "ID", string(m.ID))+after)
			if media == "text/event-stream" {
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			}
			return true
		}).URL
	}
	configs := map[string]func() Config{
		"stdio": func() Config { return testChild(t, "line") },
		"sse":   func() Config { return Config{Type: SSE, URL: overSSE(t, lineServer), Limits: DefaultLimits} },
		"json":  func() Config { return httpConfig(written("application/json", "", "")) },
		"event": func() Config { return httpConfig(written("text/event-stream", "data: ", "\n\n")) },
	}
	for transport, config := range configs {
		for name, c := range map[string]struct{ line, want string }{
			"no result":   {`{"jsonrpc":"2.0","id":ID}`, "without a result or an error"},
			"null error":  {`{"jsonrpc":"2.0","id":ID,"error":null}`, "without a result or an error"},
			"not JSON":    {`{"jsonrpc":"2.0","id":ID,"result":{"content":[],"structuredContent":{"x":NaN}}}`, "not valid JSON"},
			"cut":         {`{"jsonrpc":"2.0","id":ID,"result":{"content":[`, "not valid JSON"},
			"nested":      {deepAnswer, "nested too deeply"},
			"a result":    {`{"jsonrpc":"2.0","id":ID,"result":{}}`, ""},
			"a batch":     {`[{"jsonrpc":"2.0","method":"notifications/x"}, {"jsonrpc":"2.0","id":ID,"result":{}}]`, ""},
			"bad batch":   {`[{"jsonrpc":"2.0","id":ID}]`, "without a result or an error"},
			"text result": {`{"jsonrpc":"2.0","id":"ID","result":{}}`, ""},
		} {
			t.Run(transport+", "+name, func(t *testing.T) {
				t.Parallel()
				cfg := config()
				cfg.CallTimeout = Duration(30 * time.Second)
				u := newTest(t, cfg)
				_, err := call(t, u, Call{Tool: "x", Arguments: lineArgument(c.line)})
				bad, ok := errors.AsType[*MalformedError](err)
				if c.want == "" && err != nil || c.want != "" && (!ok || bad.Problem != c.want) {
					t.Errorf("error %v, want %q", err, c.want)
				}
				if s := u.State(); s.Status != Connected || s.Last != nil {
					t.Errorf("state %+v", s)
				}
			})
		}
	}
}

// A line of a log is no answer, though it may look like one.
func TestLogLinesAreNoAnswers(t *testing.T) {
	t.Parallel()
	u := newTest(t, testChild(t, "line"))
	line := `{"id":ID,"msg":"working"}` + "\n" + `{"jsonrpc":"2.0","id":ID,"result":{"content":[]}}`
	if got, err := call(t, u, Call{Tool: "x", Arguments: lineArgument(line)}); err != nil || got != `{"content":[]}` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestMalformedHandshakeIsToldAtOnce(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`{"jsonrpc":"2.0","id":ID}`:                                    "handshake: an answer that is without a result or an error",
		`{"jsonrpc":"2.0","id":ID,"result":{"protocolVersion":"2025,}`: "handshake: an answer that is not valid JSON",
	} {
		cfg := testChild(t, "line")
		cfg.Env[lineKind] = line
		if _, err := call(t, newTest(t, cfg), Call{Tool: "x"}); !isA[*StartError](err) || err.Error() != want {
			t.Errorf("%s: error %v, want %s", line, err, want)
		}
	}
}

// An HTTP answer that is no JSON-RPC message is told in its own words.
func TestAnswersThatAreNoMessagesAreTold(t *testing.T) {
	t.Parallel()
	const json, text = "application/json", "text/plain"
	for name, c := range map[string]struct {
		status            int
		media, body, want string
	}{
		"200, other JSON":   {200, json, `{"message":"no subscription"}`, "HTTP 200 OK: no subscription"},
		"200, a text":       {200, text, "no subscription\n", "HTTP 200 OK: no subscription"},
		"200, no type":      {200, "", "no subscription", "HTTP 200 OK: no subscription"},
		"200, a page":       {200, text, "<!doctype html><p>Sign in", "HTTP 200 OK with a web page"},
		"200, empty":        {200, json, "", "HTTP 200 OK with nothing in it"},
		"200, a JSON text":  {200, json, `"ok"`, `HTTP 200 OK: "ok"`},
		"200, notification": {200, json, `{"jsonrpc":"2.0","method":"x"}`, `HTTP 200 OK: {"jsonrpc":"2.0","method":"x"}`},
		"201":               {201, json, `{"message":"made"}`, "HTTP 201 Created: made"},
		"202":               {202, "", "", "HTTP 202 Accepted with nothing in it"},
		"204":               {204, "", "", "HTTP 204 No Content with nothing in it"},
		"206 and an answer": {206, json, `{"jsonrpc":"2.0","id":ID,"result":{"content":[]}}`, ""},
		"202 and an answer": {202, json, `{"jsonrpc":"2.0","id":ID,"result":{"content":[]}}`, ""},
		"deflate":           {200, json, "deflate", "HTTP 200 OK: the content encoding deflate, which was not asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
				if m.Method != "tools/call" {
					return false
				}
				w.Header()["Content-Type"] = []string{c.media}
				if c.body == "deflate" {
					w.Header().Set("Content-Encoding", "deflate")
					z, _ := flate.NewWriter(w, 1)
					io.WriteString(z, `{"jsonrpc":"2.0","id":1,"result":{}}`)
					z.Close()
					return true
				}
				w.WriteHeader(c.status)
				io.WriteString(w, strings.ReplaceAll(c.body, "ID", string(m.ID)))
				return true
			})
			u := newTest(t, httpConfig(f.URL))
			for range 2 {
				_, err := call(t, u, Call{Tool: "odd"})
				got := ""
				if e, ok := errors.AsType[*StatusError](err); ok {
					got = e.Error()
				}
				if got != c.want || (err == nil) != (c.want == "") {
					t.Errorf("error %v, want %q", err, c.want)
				}
			}
			if calls, starts := f.count("tools/call"), f.count("initialize"); calls != 2 || starts != 1 {
				t.Errorf("%d calls in %d sessions", calls, starts)
			}
			if s := u.State(); s.Last != nil {
				t.Errorf("state %+v", s)
			}
		})
	}
}

// A byte order mark before a body says nothing, wherever it comes.
func TestByteOrderMarkBeforeABody(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
		f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
			if m.ID == nil || m.Method == "server/discover" {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			if m.Method == "tools/call" && status != http.StatusOK {
				w.WriteHeader(status)
				fmt.Fprintf(w, "\ufeff"+`{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"no such page"}}`, m.ID)
				return true
			}
			io.WriteString(w, "\ufeff")
			result := rawResult
			if m.Method == "initialize" {
				result = `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"fake","version":"0"}}`
			}
			answer(w, m, `"result":`+result)
			return true
		})
		got, err := call(t, newTest(t, httpConfig(f.URL)), Call{Tool: "odd"})
		if status == http.StatusOK && (err != nil || got != rawResult) || status != http.StatusOK && !isA[*jsonrpc.Error](err) {
			t.Errorf("%d: %s, %v", status, got, err)
		}
	}
}

// A server that answers 404 also in a new session refuses the request, not the
// session. It may have run.
func TestRefusalAsALostSessionIsTold(t *testing.T) {
	t.Parallel()
	f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
		if m.Method == "tools/call" {
			http.Error(w, "no such page", http.StatusNotFound)
		}
		return m.Method == "tools/call"
	})
	f.session.Store("s1")
	_, err := call(t, newTest(t, httpConfig(f.URL)), Call{Tool: "odd"})
	if e, ok := errors.AsType[*StatusError](err); !ok || e.Words != "no such page" || errors.Is(err, ErrNotSent) {
		t.Errorf("error %v", err)
	}
	if n := f.count("tools/call"); n != 2 {
		t.Errorf("sent %d times", n)
	}
}

// What a server says of a request with the code of a lost session, in a new
// session too, is its answer to the request.
func TestErrorAsALostSessionIsTold(t *testing.T) {
	t.Parallel()
	for _, code := range []int{codeUnknownSession, jsonrpc.CodeInvalidRequest} {
		f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
			if m.Method == "tools/call" {
				refuse(w, m, http.StatusNotFound, code)
			}
			return m.Method == "tools/call"
		})
		f.session.Store("one")
		_, err := call(t, newTest(t, httpConfig(f.URL)), Call{Tool: "odd"})
		e, ok := errors.AsType[*jsonrpc.Error](err)
		if !ok || e.Code != int64(code) || e.Message != "no valid session" || errors.Is(err, ErrNotSent) {
			t.Errorf("%d: error %v", code, err)
		}
		if n := f.count("tools/call"); n != 2 {
			t.Errorf("%d: sent %d times", code, n)
		}
	}
}
