package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/proxy/host"
)

// output is what the host reads.
type output struct {
	mu sync.Mutex
	bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Buffer.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Buffer.String()
}

func (*output) Close() error { return nil }

// connect returns a connection to a host that writes these lines and leaves.
func connect(t *testing.T, lines ...string) (*host.Conn, *output) {
	t.Helper()
	out := new(output)
	c := host.NewConn(io.NopCloser(strings.NewReader(strings.Join(lines, "\n"))), out)
	t.Cleanup(func() { c.Close() })
	return c, out
}

// request reads the next message, which must be a request or a notification.
func request(t *testing.T, c *host.Conn) *jsonrpc.Request {
	t.Helper()
	msg, err := c.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req, ok := msg.(*jsonrpc.Request)
	if !ok {
		t.Fatalf("%T is no request", msg)
	}
	return req
}

// respond answers a request with a result, and waits until it is written.
func respond(t *testing.T, c *host.Conn, id jsonrpc.ID, result string) {
	t.Helper()
	if err := c.Write(t.Context(), &jsonrpc.Response{ID: id, Result: json.RawMessage(result)}); err != nil {
		t.Fatal(err)
	}
	c.Flush(t)
}

// relay answers a request with exactly these bytes, as the SDK does.
func relay(t *testing.T, c *host.Conn, id jsonrpc.ID, result string) {
	t.Helper()
	key, err := json.Marshal(c.Result(json.RawMessage(result)))
	if err != nil {
		t.Fatal(err)
	}
	respond(t, c, id, string(key))
}

// handshake is the initialize request of a host, and welcome what serve answers.
func handshake(version string) string {
	return `{"jsonrpc":"2.0","id":"h","method":"initialize","params":{"protocolVersion":"` + version + `"}}`
}

func welcome(version string) string {
	return `{"jsonrpc":"2.0","id":"h","result":{"protocolVersion":"` + version + `"}}`
}

// serve answers each request with its method, and initialize with its params,
// until the input ends.
func serve(t *testing.T, c *host.Conn) {
	t.Helper()
	for {
		msg, err := c.Read(t.Context())
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			return
		}
		if req, ok := msg.(*jsonrpc.Request); ok && req.IsCall() {
			if req.Method == "initialize" {
				respond(t, c, req.ID, string(req.Params))
				continue
			}
			respond(t, c, req.ID, `{"method":"`+req.Method+`"}`)
		}
	}
}

func TestEachLineGetsItsAnswer(t *testing.T) {
	t.Parallel()
	const (
		parseError = `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not valid JSON"}}`
		noMessage  = `"error":{"code":-32600,"message":"not a JSON-RPC 2.0 message"}}`
		oddID      = `"error":{"code":-32600,"message":"the id must be a string or a whole number within the precision of a double"}}`
		emptyBatch = `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"empty batch"}}`
		noBatch    = `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batches are of protocol version 2025-03-26 alone"}}`
		pong       = `{"jsonrpc":"2.0","id":1,"result":{"method":"ping"}}`
	)
	batches, welcomed := handshake("2025-03-26")+"\n", welcome("2025-03-26")+"\n"
	for _, c := range []struct{ name, in, want string }{ // want: lines
		{"request", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, pong},
		{"request with space around it", " \t" + `{ "jsonrpc" : "2.0", "id" : 1, "method" : "ping" }` + "\r", pong},
		{"byte order mark", "\ufeff" + `{"jsonrpc":"2.0","id":1,"method":"ping"}`, pong},
		{"byte order mark alone", "\ufeff", ""},
		{"byte order mark on a later line", "\n\ufeff3", parseError},
		{"notification", `{"jsonrpc":"2.0","method":"note"}`, ""},
		{"response", `{"jsonrpc":"2.0","id":1,"result":{}}`, ""},
		{"empty lines", "\n  \n\r", ""},
		{"cut off", `{"jsonrpc":`, parseError},
		{"two on a line", `{"jsonrpc":"2.0","method":"a"} {"jsonrpc":"2.0","method":"b"}`, parseError},
		{"text", "Content-Length: 3", parseError},
		{"a number", "3", `{"jsonrpc":"2.0","id":null,` + noMessage},
		{"no version", `{"id":3,"method":"ping"}`, `{"jsonrpc":"2.0","id":3,` + noMessage},
		{"no version, text as id", `{"id":"a\u00e9","method":"ping"}`, `{"jsonrpc":"2.0","id":"a\u00e9",` + noMessage},
		{"id of a wrong type", `{"jsonrpc":"2.0","id":true,"method":"ping"}`, `{"jsonrpc":"2.0","id":true,` + noMessage},
		{"text as id", `{"jsonrpc":"2.0","id":"9007199254740993","method":"ping"}`, `{"jsonrpc":"2.0","id":"9007199254740993","result":{"method":"ping"}}`},
		{"long id", `{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}`, `{"jsonrpc":"2.0","id":9007199254740993,` + oddID},
		{"fraction as id", `{"jsonrpc":"2.0","id":1.5,"method":"ping"}`, `{"jsonrpc":"2.0","id":1.5,` + oddID},
		{"id with an exponent", `{"jsonrpc":"2.0","id":1e2,"method":"ping"}`, `{"jsonrpc":"2.0","id":1e2,` + oddID},
		{"null as id", `{"jsonrpc":"2.0","id":null,"method":"ping"}`, `{"jsonrpc":"2.0","id":null,` + oddID},
		{"batch before the handshake", `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, noBatch},
		{"batch of another version", handshake("2025-06-18") + "\n" + `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, welcome("2025-06-18") + "\n" + noBatch},
		{"empty batch", batches + `[]`, welcomed + emptyBatch},
		{"batch of one", batches + `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, welcomed + "[" + pong + "]"},
		{"batch of notifications", batches + `[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"b"}]`, strings.TrimSpace(welcomed)},
		{"batch with bad elements", batches + `[7,{"id":3},{"jsonrpc":"2.0","id":1.5,"method":"a"},{"jsonrpc":"2.0","id":1,"method":"ping"}]`,
			welcomed + `[{"jsonrpc":"2.0","id":null,` + noMessage + `,{"jsonrpc":"2.0","id":3,` + noMessage + `,{"jsonrpc":"2.0","id":1.5,` + oddID + "," + pong + "]"},
		{"batch of bad elements", batches + `[7,{"id":3}]`, welcomed + `[{"jsonrpc":"2.0","id":null,` + noMessage + `,{"jsonrpc":"2.0","id":3,` + noMessage + "]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// Whatever the line is, the next one is still read.
			const next, last = `{"jsonrpc":"2.0","id":"last","method":"ping"}`, `{"jsonrpc":"2.0","id":"last","result":{"method":"ping"}}`
			conn, out := connect(t, c.in, next)
			serve(t, conn)
			want := last + "\n"
			if c.want != "" {
				want = c.want + "\n" + want
			}
			if got := out.String(); got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
			select {
			case <-conn.Ended():
			default:
				t.Error("not ended after the last Read")
			}
		})
	}
}

// A line of more than 64 MiB is refused, and the next one is read.
func TestLineThatIsTooLong(t *testing.T) {
	t.Parallel()
	in, write := io.Pipe()
	out := new(output)
	c := host.NewConn(in, out)
	defer c.Close()
	go func() {
		part := bytes.Repeat([]byte(" "), 1<<20)
		for range 65 {
			if _, err := write.Write(part); err != nil {
				return
			}
		}
		_, _ = io.WriteString(write, "\n"+`{"jsonrpc":"2.0","id":1,"method":"ping"}`)
		write.Close()
	}()
	serve(t, c)
	const want = `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"message too long"}}` + "\n" +
		`{"jsonrpc":"2.0","id":1,"result":{"method":"ping"}}` + "\n"
	if got := out.String(); got != want {
		t.Errorf("got %.300s", got)
	}
}

func TestBatchIsOneLine(t *testing.T) {
	t.Parallel()
	c, out := connect(t, handshake("2025-03-26"), `[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","method":"note"},{"jsonrpc":"2.0","id":"2","method":"b"},`+
		`{"jsonrpc":"2.0","id":3,"method":"c"}]`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}`)
	hello := request(t, c)
	respond(t, c, hello.ID, string(hello.Params))
	a, _, b, last := request(t, c), request(t, c), request(t, c), request(t, c)
	if note := request(t, c); note.Method != "notifications/cancelled" {
		t.Fatal(note.Method)
	}
	const odd = `{"n": 1.50, "n":12345678901234567890}`
	relay(t, c, b.ID, odd)
	respond(t, c, last.ID, `{}`) // the batch is not complete without it
	if got := out.String(); got != welcome("2025-03-26")+"\n" {
		t.Errorf("before it is complete: %s", got)
	}
	respond(t, c, a.ID, `{}`)
	want := welcome("2025-03-26") + "\n" + `[{"jsonrpc":"2.0","id":"2","result":` + odd + `},{"jsonrpc":"2.0","id":3,"result":{}},{"jsonrpc":"2.0","id":1,"result":{}}]` + "\n"
	if got := out.String(); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestCancelledRequestGetsNoResponse(t *testing.T) {
	t.Parallel()
	c, out := connect(t,
		`{"jsonrpc":"2.0","id":1,"method":"a"}`,
		`{"jsonrpc":"2.0","id":2,"method":"b"}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"2"}}`, // not the number
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}`,   // not known yet
		`{"jsonrpc":"2.0","method":"notifications/cancelled"}`,
		`{"jsonrpc":"2.0","id":3,"method":"c"}`)
	a, b := request(t, c), request(t, c)
	for range 4 {
		request(t, c)
	}
	third := request(t, c)
	relay(t, c, a.ID, `{"content":[]}`)
	relay(t, c, b.ID, `{"content":[]}`)
	respond(t, c, third.ID, `{}`)
	const want = `{"jsonrpc":"2.0","id":2,"result":{"content":[]}}` + "\n" + `{"jsonrpc":"2.0","id":3,"result":{}}` + "\n"
	if got := out.String(); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if _, err := c.Read(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

// Large results are written in pieces and small ones are not, which the host
// cannot tell.
func TestResultsLeaveAsTheirBytes(t *testing.T) {
	t.Parallel()
	for _, result := range []string{
		`{}`,
		`{"b": 1.50,"a":12345678901234567890,"a":"caf\u00e9 <b>&"}`,
		`{"text":"` + strings.Repeat("x", 32<<10) + `"}`,
		`{"text":"` + strings.Repeat("y", 1<<20) + `"}`,
	} {
		c, out := connect(t, `{"jsonrpc":"2.0","id":"<1>","method":"a"}`)
		req := request(t, c)
		relay(t, c, req.ID, result)
		got := out.String()
		if want := `"result":` + result + "}\n"; !strings.HasSuffix(got, want) || strings.Count(got, "\n") != 1 || !json.Valid([]byte(got)) {
			t.Errorf("%.100s became %.200s", result, got)
		}
	}
}

// The host may close its end as soon as it has written its requests.
func TestResponsesAreWrittenAfterTheEndOfInput(t *testing.T) {
	t.Parallel()
	for name, answered := range map[string]bool{"answered": true, "not answered": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, out := connect(t, `{"jsonrpc":"2.0","id":1,"method":"a"}`, `{"jsonrpc":"2.0","id":2,"method":"b"}`)
				a, b := request(t, c), request(t, c)
				began, end := time.Now(), make(chan error, 1)
				go func() {
					_, err := c.Read(t.Context())
					end <- err
				}()
				respond(t, c, a.ID, `{}`)
				synctest.Wait()
				select {
				case <-c.Ended():
					t.Error("ended before each request had its response")
				case err := <-end:
					t.Errorf("Read returned %v before each request had its response", err)
				default:
				}
				if answered {
					respond(t, c, b.ID, `{}`)
				}
				if err := <-end; !errors.Is(err, io.EOF) {
					t.Errorf("Read: %v", err)
				}
				<-c.Ended()
				if waited := time.Since(began); answered != (waited == 0) || waited > time.Second {
					t.Errorf("ended after %v", waited)
				}
				if n := strings.Count(out.String(), "\n"); answered != (n == 2) {
					t.Errorf("%d responses", n)
				}
			})
		})
	}
}

func TestReadEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(*host.Conn, context.CancelFunc)
		want error
	}{
		"with Close":   {func(c *host.Conn, _ context.CancelFunc) { c.Close() }, nil},
		"with its ctx": {func(_ *host.Conn, cancel context.CancelFunc) { cancel() }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, write := io.Pipe()
			defer write.Close()
			conn := host.NewConn(in, new(output))
			defer conn.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			end := make(chan error, 1)
			go func() {
				_, err := conn.Read(ctx)
				end <- err
			}()
			c.end(conn, cancel)
			if err := <-end; err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
			<-conn.Ended()
		})
	}
}
