package host

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

// An upstream may send progress until it learns that the call was cancelled.
func TestProgressAfterCloseIsDropped(t *testing.T) {
	t.Parallel()
	in, _ := io.Pipe()
	var out buffer
	conn := NewConn(in, &out)
	defer conn.Close()
	p := conn.Progress("tok")
	params := json.RawMessage(`{"progressToken":"raw-1","progress":1}`)
	p.Add(params)
	p.Close()
	for range maxProgress + 1 {
		p.Add(params)
	}
	conn.Flush(t)
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"progressToken":"tok"`) {
		t.Errorf("the host read %q", got)
	}
}
