package host

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// unread returns a connection to a host that wrote these lines and left, and
// what the host may read.
func unread(t *testing.T, lines ...string) (*Conn, *bufio.Scanner) {
	t.Helper()
	read, write := io.Pipe()
	c := NewConn(io.NopCloser(strings.NewReader(strings.Join(lines, "\n"))), write)
	t.Cleanup(func() { c.Close() })
	out := bufio.NewScanner(read)
	out.Buffer(nil, 1<<20)
	return c, out
}

// What is beyond the bound is refused after a moment, but read: cancellations and
// the end of the input are noticed.
func TestRequestsBeyondTheBoundAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		for i := range maxOpen + 100 {
			lines = append(lines, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"a"}`, i))
		}
		lines = append(lines, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`)
		c, out := unread(t, lines...)
		began, calls, notes := time.Now(), 0, 0
		for {
			msg, err := c.Read(t.Context())
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if msg.(*jsonrpc.Request).IsCall() {
				calls++
			} else {
				notes++
			}
		}
		if took := time.Since(began); calls != maxOpen || notes != 1 || took != roomWithin+drainWithin {
			t.Errorf("%d requests and %d notifications in %v", calls, notes, took)
		}
		for i := range 100 {
			want := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"error":{"code":-32000,"message":"too many requests wait`, maxOpen+i)
			if !out.Scan() || !strings.HasPrefix(out.Text(), want) {
				t.Fatalf("got %s, want %s", out.Text(), want)
			}
		}
	})
}

// A request waits for room if there soon is some.
func TestRequestWaitsForRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		for i := range maxOpen + 1 {
			lines = append(lines, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"a"}`, i))
		}
		c, _ := unread(t, lines...)
		var last *jsonrpc.Request
		for i := range maxOpen + 1 {
			if i == maxOpen {
				first := last
				time.AfterFunc(roomWithin/2, func() {
					_ = c.Write(t.Context(), &jsonrpc.Response{ID: first.ID, Result: json.RawMessage(`{}`)})
				})
			}
			msg, err := c.Read(t.Context())
			if err != nil {
				t.Fatalf("request %d: %v", i, err)
			}
			last = msg.(*jsonrpc.Request)
		}
	})
}

// What was admitted is answered, up to a bound on all that is not read.
func TestAnswersBeyondTheBoundAreDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, out := unread(t, `{"jsonrpc":"2.0","id":1,"method":"a"}`, `{"jsonrpc":"2.0","id":2,"method":"a"}`)
		const others = maxAnswers - 200
		for i := range 2 {
			msg, err := c.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c.mu.Lock()
			c.held += others
			c.mu.Unlock()
			result, err := json.Marshal(c.Result(json.RawMessage(`{"a":"` + strings.Repeat("x", 100+200*i) + `"}`)))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Write(t.Context(), &jsonrpc.Response{ID: msg.(*jsonrpc.Request).ID, Result: result}); err != nil {
				t.Fatal(err)
			}
			c.mu.Lock()
			c.held -= others
			c.mu.Unlock()
		}
		for _, want := range []string{`{"jsonrpc":"2.0","id":1,"result":{"a":"xxx`, `{"jsonrpc":"2.0","id":2,"error":{"code":-32000,"message":"this was done`} {
			if !out.Scan() || !strings.HasPrefix(out.Text(), want) {
				t.Errorf("got %s, want %s", out.Text(), want)
			}
		}
	})
}

// A batch of which nothing is passed on is a refusal, which is bounded.
func TestRefusedBatchesAreBounded(t *testing.T) {
	t.Parallel()
	for name, element := range map[string]string{"no messages": "7,", "no room": `{"jsonrpc":"2.0","id":"%d","method":"a"},`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				lines := []string{`{"jsonrpc":"2.0","id":"h","method":"initialize"}`}
				for range 100 {
					batch := strings.Repeat(element, 500)
					for i := 0; strings.Contains(batch, "%d"); i++ {
						batch = strings.Replace(batch, "%d", fmt.Sprint(i), 1)
					}
					lines = append(lines, "["+batch+"7]")
				}
				c, _ := unread(t, lines...)
				for {
					msg, err := c.Read(t.Context())
					if err != nil {
						break
					}
					if req := msg.(*jsonrpc.Request); req.Method == "initialize" {
						if err := c.Write(t.Context(), &jsonrpc.Response{ID: req.ID, Result: json.RawMessage(`{"protocolVersion":"2025-03-26"}`)}); err != nil {
							t.Fatal(err)
						}
						c.mu.Lock()
						c.held += maxHeld
						c.mu.Unlock()
						continue
					}
					t.Fatal("passed on")
				}
				if got := c.held - maxHeld; got > maxRefusals+2*together {
					t.Errorf("%d bytes of refusals are held", got)
				}
			})
		})
	}
}

// Whatever comes, the count of what is held ends at 0.
func TestWhatIsHeldIsCounted(t *testing.T) {
	t.Parallel()
	long := "[" + strings.Repeat(`{"jsonrpc":"2.0","method":"note"},`, maxBatch) + `{"jsonrpc":"2.0","id":"z","method":"a"}]`
	lines := []string{
		`{"jsonrpc":"2.0","id":"h","method":"initialize"}`,
		`[{"jsonrpc":"2.0","id":1,"method":"a"},7,{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":2,"method":"a"}]`,
		`[{"jsonrpc":"2.0","id":3,"method":"a"},{"jsonrpc":"2.0","id":3,"method":"a"}]`, `[{"id":4}]`, long,
		`{"jsonrpc":"2.0","id":5,"method":"a"}`, `{"jsonrpc":"2.0","id":5,"method":"a"}`, `{`,
	}
	in := io.NopCloser(strings.NewReader(strings.Join(lines, "\n")))
	out := new(buffer)
	c := NewConn(in, out)
	defer c.Close()
	for {
		msg, err := c.Read(t.Context())
		if err != nil {
			break
		}
		req, ok := msg.(*jsonrpc.Request)
		if !ok || !req.IsCall() {
			continue
		}
		p := c.Progress("t")
		p.Add(json.RawMessage(`{"progressToken":1,"progress":1}`))
		p.Close()
		if err := c.Write(t.Context(), &jsonrpc.Response{ID: req.ID, Result: json.RawMessage(`{"protocolVersion":"2025-03-26"}`)}); err != nil {
			t.Fatal(err)
		}
	}
	c.Flush(t)
	if c.held != 0 || c.refused != 0 || len(c.open) != 0 {
		t.Errorf("%d bytes, %d of refusals and %d requests are left", c.held, c.refused, len(c.open))
	}
	if got := out.String(); !strings.Contains(got, `"batch of more than 1024 messages"`) || strings.Contains(got, `"z"`) {
		t.Errorf("got %s", got)
	}
}

// A token that is neither text nor a number, or that lost digits, is of nobody.
func TestProgressTokens(t *testing.T) {
	t.Parallel()
	for token, want := range map[any]string{"a": `"a"`, 7.0: "7", 1.5: "1.5", float64(1 << 53): "", 1e300: "", true: "", nil: "", [1]int{1}: ""} {
		if got := new(Conn).Progress(token).token; got != want {
			t.Errorf("%v: %q, want %q", token, got, want)
		}
	}
}
