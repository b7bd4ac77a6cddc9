package upstream

import (
	"bytes"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// FuzzMessage checks that a message is read as the SDK reads it.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{"a":1}}`, `{"jsonrpc":"2.0","id":"x","error":{"code":-1,"message":"m","data":[]}}`,
		`{"jsonrpc":"2.0","id":1,"method":"m","params":{}}`, `{"jsonrpc":"2.0","method":"m"}`, `{"id":null,"result":1}`, `{"jsonrpc":"2.0","id":1,"result":null,"error":null}`,
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
