package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// FuzzMessage checks that a message is read as the SDK reads it.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{"a":1}}`, `{"jsonrpc":"2.0","id":"x","error":{"code":-1,"message":"m","data":[]}}`,
		`{"jsonrpc":"2.0","id":1,"method":"m","params":{}}`, `{"jsonrpc":"2.0","method":"m"}`, `{"id":null,"result":1}`, `{"jsonrpc":"2.0","id":1,"result":null,"error":null}`,
		`{"jsonrpc":"2.0","id":0 }`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeMessage(data)
		want, wantErr := jsonrpc.DecodeMessage(data)
		if err != nil || wantErr != nil {
			return // each refuses texts that the other takes
		}
		switch want := want.(type) {
		case *jsonrpc.Response:
			r, ok := got.(*jsonrpc.Response)
			if ok && want.Result == nil && want.Error == nil && r.ID == want.ID && isA[*MalformedError](r.Error) {
				return // to the SDK it is an answer
			}
			if !ok || r.ID != want.ID || (r.Error == nil) != (want.Error == nil) {
				t.Fatalf("%q: got %#v, want %#v", data, got, want)
			}
			if r.Error == nil && !bytes.Contains(data, r.Result) {
				t.Fatalf("%q: the result %q is not of these bytes", data, r.Result)
			}
		case *jsonrpc.Request:
			if r, ok := got.(*jsonrpc.Request); !ok || r.ID != want.ID || r.Method != want.Method {
				t.Fatalf("%q: got %#v, want %#v", data, got, want)
			}
		}
	})
}

// Some servers write a text where the protocol has an object.
func TestErrorMayBeAText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]jsonrpc.Error{
		`"quota exceeded"`:                                                 {Message: "quota exceeded"},
		`{"message":"no such page"}`:                                       {Message: "no such page"},
		`{"code":"E42","message":"no"}`:                                    {Message: "no"},
		`{"code":-32603,"message":{"a":1}}`:                                {Code: -32603, Message: `{"a":1}`},
		`{"message":"` + strings.Repeat("\u00e9", maxRefusal) + `"}`:       {Message: strings.Repeat("é", maxRefusal/2)},
		`{"message":"m","data":"` + strings.Repeat("x", maxRefusal) + `"}`: {Message: "m", Data: []byte(`"left out: 65538 bytes"`)},
		`"` + strings.Repeat("x", maxMessage/8) + `"`:                      {Message: strings.Repeat("x", maxRefusal)},
		`["a"]`:                               {Message: `["a"]`},
		`{"code":1,"message":"m","data":[1]}`: {Code: 1, Message: "m", Data: []byte(`[1]`)},
	} {
		msg, err := decodeMessage([]byte(`{"jsonrpc":"2.0","id":1,"error":` + text + `}`))
		r, ok := msg.(*jsonrpc.Response)
		if err != nil || !ok {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, ok := errors.AsType[*jsonrpc.Error](r.Error); !ok || got.Code != want.Code || got.Message != want.Message || string(got.Data) != string(want.Data) {
			t.Errorf("%s: %+v", text, r.Error)
		}
	}
}

// A batch and an id are bounded before they are decoded, as a line is.
func TestBatchesAndIDsAreBounded(t *testing.T) {
	t.Parallel()
	const note = `{"jsonrpc":"2.0","method":"m"}`
	strays := 0
	c := &lineConn{stray: func([]byte) { strays++ }}
	c.readBatch([]byte("[" + strings.Repeat("1,", 10) + strings.Repeat(note+",", 2*maxBatch) + note + "]"))
	if len(c.batch) != maxBatch-10 || strays != 1 {
		t.Errorf("%d messages and %d strays of a batch, want %d and 1", len(c.batch), strays, maxBatch-10)
	}

	for length, ok := range map[int]bool{maxIDLength: true, maxIDLength + 1: false} {
		id := `"` + strings.Repeat("i", length-2) + `"`
		if _, err := decodeMessage([]byte(`{"jsonrpc":"2.0","id":` + id + `,"result":{}}`)); (err == nil) != ok {
			t.Errorf("an id of %d bytes: %v", length, err)
		}
		token := formatID(0) + "."
		token += strings.Repeat("0", length-len(token))
		if _, got := progressToken([]byte(`{"progressToken":` + token + `}`)); got != ok {
			t.Errorf("a token of %d bytes: %v", length, got)
		}
	}
}

// The SDK's session gets nothing large of what answers no call. What stays is as
// it was written.
func TestSessionGetsNothingLarge(t *testing.T) {
	t.Parallel()
	list := `{"x":[` + strings.Repeat(`{"a":0},`, maxParams/8) + `0]}`
	small := `{"jsonrpc": "2.0","id":"a","method":"ping","params":{"_meta":{"x":1}}}`
	for text, want := range map[string]string{
		small: small,
		`{"jsonrpc":"2.0","id":"a","method":"ping","params":` + list + `}`:                      `{"jsonrpc":"2.0","id":"a","method":"ping"}`,
		`{"jsonrpc":"2.0","method":"notifications\/tools\/list_changed","params":` + list + `}`: `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`,
		`{"jsonrpc":"2.0","id":7,"result":` + list + `}`:                                        `{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"too large"}}`,
		`{"x":` + list + `}`: "",
		list[:20]:            "",
	} {
		if got := onlyMessages([]byte(text))[0]; string(got) != want {
			t.Errorf("%.60s: %s, want %s", text, got, want)
		}
	}
	c := newCapture(formatID(7), maxMessage, nothing)
	var progress string
	c.progress = func(params json.RawMessage) { progress = string(params) }
	mine := strings.Replace(list, "{", `{"progressToken":`+formatID(7)+",", 1)
	if got := c.filter([]byte(`{"jsonrpc":"2.0","method":"notifications/progress","params":` + mine + `}`)); got != nil || progress != mine {
		t.Errorf("progress of a call: %.60s, and the session gets %.60s", progress, got)
	}
	msg, err := decodeMessage([]byte(`{"jsonrpc":"2.0","method":"notifications\/progress","params":` + mine + `}`))
	if r, ok := msg.(*jsonrpc.Request); !ok || string(r.Params) != mine {
		t.Errorf("progress on a stream: %v, %v", msg, err)
	}
}
