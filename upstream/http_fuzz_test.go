package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// FuzzAnswer checks that whatever an upstream answers over HTTP, the SDK's
// session gets nothing but small messages that it can read, and that what is
// captured are bytes of the answer.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		"id: 1\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"method\":\"m\"}\n\n: c\n\nretry: 5\r\n\r\ndata\n\n",
		"data: {\"jsonrpc\":\"2.0\",\"id\":\"7\",\"result\":{\"a\": 1}}",
		`{"jsonrpc":"2.0","id":7,"result":{}}`, `{"error":"quota exceeded"}`, `{"jsonrpc":"2.0","id":null,"error":{"code":"x","message":1,"data":[1]}}`,
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"raw-1","progress":1}}`,
		`[{"jsonrpc":"2.0","method":"m"},{"jsonrpc":"2.0","id":8,"result":{}},{"jsonrpc":"2.0","id":7,"result":{"a": 1}}]`, `[{"id":8,"error":"x"},7]`,
		`<html>`, `[]`, `{`, "",
	} {
		for _, stream := range []bool{false, true} {
			f.Add(200, stream, []byte(body))
		}
		f.Add(400, false, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, stream bool, body []byte) {
		req, _ := http.NewRequest(http.MethodPost, "http://127.0.0.1/", strings.NewReader(`{"jsonrpc":"2.0","id":7,"method":"tools/call"}`))
		resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body))}
		if stream {
			resp.Header.Set("Content-Type", "text/event-stream")
		}
		c := newCapture("raw-1", maxMessage, nothing)
		c.id = postOf(req).id
		c.tap(req, resp, strings.ToUpper)
		passed, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		got := c.state()
		if got.result != nil && !stream && !bytes.Contains(body, got.result) {
			t.Fatalf("%q: the result %q is not of these bytes", body, got.result)
		}
		if got.result != nil && !json.Valid(got.result) {
			t.Fatalf("%q: the result %q is no JSON", body, got.result)
		}
		switch {
		case status != http.StatusOK:
			if len(passed) > maxSmall {
				t.Fatalf("%d bytes of a refusal", len(passed))
			}
		case stream:
			events := newEventReader(bytes.NewReader(passed), maxSmall)
			for e, err := events.next(); err == nil; e, err = events.next() {
				if _, err := jsonrpc.DecodeMessage(e.data); len(e.data) > 0 && err != nil && json.Valid(e.data) == false {
					t.Fatalf("%q: passed %q: %v", body, e.data, err)
				}
			}
		case len(passed) > 0 && !json.Valid(passed):
			t.Fatalf("%q: passed %q", body, passed)
		}
	})
}

func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	for name, stream := range map[string]string{
		"one line":         "data: " + strings.Repeat("x", 100<<10) + "\n\n",
		"many lines":       strings.Repeat("data: xxxxxxxxxx\n", 10<<10),
		"many empty lines": strings.Repeat("data:\n", 200<<10) + "data: x\ndata: " + strings.Repeat("x", 99<<10) + "\n\n",
	} {
		_, err := newEventReader(strings.NewReader(stream), 99<<10).next()
		if e, ok := errors.AsType[*SizeError](err); !ok || e.Limit != 99<<10 {
			t.Errorf("%s: %v", name, err)
		}
	}
	events := newEventReader(strings.NewReader(": "+strings.Repeat("x", 1<<20)+"\nid: "+strings.Repeat("y", 1<<20)+"\ndata: a\ndata: b\n\nid: 2\n\ndata: c"), 10)
	for _, want := range []string{"a b", "", "c"} {
		if e, err := events.next(); err != nil || string(e.data) != want {
			t.Errorf("event %+v, %v, want %q", e, err, want)
		}
	}
	if _, err := events.next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}
