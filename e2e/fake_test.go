package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A fakeUpstream is a small MCP server (2025-11-25) that writes its answers by
// hand: exactly these bytes, quickly, or on purpose badly.
type fakeUpstream struct {
	name    string
	journal string // file that tells the test what happened here
	tools   string // the tools/list result

	mu      sync.Mutex
	out     *bufio.Writer
	running map[string]context.CancelFunc
	blobs   map[int]string
}

// Results and a schema that no typed decoding survives: unknown members and
// content types, members out of order, numbers beyond 2^53, white space.
const (
	strangeResult = `{"zeta":1,"content":[{"type":"hologram","depth":12345678901234567890,"shade":"a<b>&c"},` +
		`{"text":"plain","type":"text","annotations":{"audience":["user"],"x-weight":0.10}}],` +
		`"structuredContent":{"big":98765432109876543210,"exp":1e400,"nested":{"b":1,"a":[ 1,2 ]}},"alpha":null,"isError":false}`
	strangeSchema = `{"type":"object","x-order":["b","a"],"properties":{"b":{"type":"integer","maximum":98765432109876543210},` +
		`"a":{"x-widget":{"rows":9007199254740993},"type":"string","description":"a < b & c"}},"required":["b"],"$comment":"é \u00e9"}`
)

const echoTool = `{"name":"echo","description":"Return the given text unchanged.","inputSchema":{"type":"object",` +
	`"properties":{"text":{"type":"string","description":"Text to return"}},"required":["text"]},"annotations":{"readOnlyHint":true}}`

func simpleTool(name, description, properties string) string {
	return fmt.Sprintf(`{"name":%q,"description":%q,"inputSchema":{"type":"object","properties":%s}}`, name, description, properties)
}

func upstreamMain(args []string) error {
	flags := flag.NewFlagSet("as-upstream", flag.ContinueOnError)
	name := flags.String("name", "fake", "server name")
	journal := flags.String("journal", "", "append what happens to this file")
	dummies := flags.Int("tools", 0, "number of tools beside the real ones")
	web := flags.Bool("http", false, "serve Streamable HTTP on a free port, and print its URL")
	stubborn := flags.Bool("stubborn", false, "ignore SIGTERM and the end of stdin")
	family := flags.Bool("family", false, "start children that outlive this process if nobody ends them")
	greet := flags.Bool("greet", false, "begin with a line on stdout that is no JSON-RPC")
	spill := flags.String("spill", "", "write the value of this variable to stderr, and exit with status 3")
	if err := flags.Parse(args); err != nil {
		return err
	}
	u := newFakeUpstream(*name, *dummies)
	u.journal = *journal
	u.note("started")
	switch {
	case *greet:
		fmt.Println("Welcome! Listening for connections …")
	case *spill != "":
		fmt.Fprintln(os.Stderr, "cannot log in with", os.Getenv(*spill))
		os.Exit(3)
	}
	if *family {
		for _, script := range []string{"sleep 300", `trap "" TERM HUP INT; sleep 300 & wait; sleep 300`} {
			if err := exec.Command("sh", "-c", script).Start(); err != nil {
				return err
			}
		}
	}
	if *web {
		return u.serveHTTP()
	}
	if *stubborn {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	}
	u.serveStdio(os.Stdin)
	if *stubborn {
		select {}
	}
	return nil
}

func newFakeUpstream(name string, dummies int) *fakeUpstream {
	return &fakeUpstream{
		name: name, tools: toolList(name, dummies), out: bufio.NewWriterSize(os.Stdout, 64<<10),
		running: map[string]context.CancelFunc{}, blobs: map[int]string{},
	}
}

func toolList(server string, dummies int) string {
	list := []string{
		echoTool,
		simpleTool("blob", "Return a log of the given size.", `{"kib":{"type":"integer","minimum":1}}`),
		`{"name":"strange","x-vendor":{"n":12345678901234567890},"description":"Return what no schema knows.","inputSchema":` + strangeSchema + `}`,
		simpleTool("wait", "Report progress until cancelled.", `{}`),
		simpleTool("environment", "Return the names and values of the environment.", `{}`),
		simpleTool("spill", "Write text to stderr and return it.", `{"text":{"type":"string"}}`),
		simpleTool("fail", "Return an error.", `{}`),
		simpleTool("exit", "End the server in the middle of the call.", `{}`),
	}
	for i := range dummies {
		list = append(list, fmt.Sprintf(`{"name":"%s_dummy_%03d","title":"Dummy %d","description":"Search the %s records of collection %d and return the matching entries, newest first. Use it for past entries by keyword, author or date; it never changes anything.","inputSchema":{"type":"object","properties":{"query":{"type":"string","description":"Keywords to look for; quoted phrases work"},"limit":{"type":"integer","minimum":1,"maximum":100,"default":20,"description":"Maximum number of entries"},"since":{"type":"string","format":"date-time","description":"Only entries after this instant"},"order":{"type":"string","enum":["asc","desc"]}},"required":["query"],"additionalProperties":false},"annotations":{"readOnlyHint":true}}`, server, i, i, server, i))
	}
	return `{"tools":[` + strings.Join(list, ",") + `]}`
}

// note tells the test what happened here.
func (u *fakeUpstream) note(format string, args ...any) {
	if u.journal == "" {
		return
	}
	f, err := os.OpenFile(u.journal, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	fmt.Fprintf(f, "%d %s\n", os.Getpid(), fmt.Sprintf(format, args...))
}

func (u *fakeUpstream) serveStdio(stdin io.Reader) {
	in := bufio.NewReaderSize(stdin, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		u.handle(line, func(text string) {
			u.mu.Lock()
			defer u.mu.Unlock()
			u.out.WriteString(text)
			u.out.WriteByte('\n')
			u.out.Flush()
		})
	}
}

func (u *fakeUpstream) serveHTTP() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/mcp\n", listener.Addr())
	go func() { // stdin is the leash: who started this ends it by closing that
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(listener, u)
}

// ServeHTTP is the Streamable HTTP endpoint.
func (u *fakeUpstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	answered := false
	u.handle(body, func(text string) {
		answered = true
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Mcp-Session-Id", "one")
		io.WriteString(w, text)
	})
	if !answered {
		w.WriteHeader(http.StatusAccepted)
	}
}

type fakeCall struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
	Version   string          `json:"protocolVersion"`
	RequestID json.RawMessage `json:"requestId"`
	Meta      struct {
		ProgressToken json.RawMessage `json:"progressToken"`
	} `json:"_meta"`
}

func (u *fakeUpstream) handle(line []byte, send func(string)) {
	var m message
	var p fakeCall
	if json.Unmarshal(line, &m) != nil {
		return
	}
	json.Unmarshal(m.Params, &p)
	result := func(text string) { send(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":` + text + `}`) }
	switch m.Method {
	case "initialize":
		u.note("initialize %s", m.Params)
		if p.Version > rev2025 {
			p.Version = rev2025
		}
		result(fmt.Sprintf(`{"protocolVersion":%q,"capabilities":{"tools":{}},"serverInfo":{"name":%q,"version":"1"}}`, p.Version, u.name))
	case "tools/list":
		result(u.tools)
	case "ping":
		result(`{}`)
	case "tools/call":
		u.call(string(m.ID), p, result, send)
	case "notifications/cancelled":
		u.mu.Lock()
		cancel := u.running[string(p.RequestID)]
		u.mu.Unlock()
		if cancel != nil {
			cancel()
		}
	default:
		if m.ID != nil {
			send(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"error":{"code":-32601,"message":"method not found"}}`)
		}
	}
}

func (u *fakeUpstream) call(id string, p fakeCall, result, send func(string)) {
	var a struct {
		Text json.RawMessage `json:"text"`
		KiB  int             `json:"kib"`
	}
	json.Unmarshal(p.Arguments, &a)
	switch p.Name {
	case "echo":
		result(`{"content":[{"type":"text","text":` + string(a.Text) + `}]}`)
	case "blob":
		result(u.blob(a.KiB))
	case "strange":
		u.note("arguments %s", p.Arguments)
		result(strangeResult)
	case "environment":
		text, _ := json.Marshal(strings.Join(os.Environ(), "\n"))
		result(`{"content":[{"type":"text","text":` + string(text) + `}]}`)
	case "spill":
		fmt.Fprintf(os.Stderr, "a note to myself: %s\n", a.Text)
		result(`{"content":[{"type":"text","text":"spilt"}]}`)
	case "fail":
		result(`{"content":[{"type":"text","text":"no such record"}],"isError":true}`)
	case "exit":
		os.Exit(7)
	case "wait":
		ctx, cancel := context.WithCancel(context.Background())
		u.mu.Lock()
		u.running[id] = cancel
		u.mu.Unlock()
		u.note("waiting")
		go u.wait(ctx, id, p, result, send)
	default:
		result(`{"content":[{"type":"text","text":"ok"}]}`)
	}
}

// wait reports progress until the call is cancelled.
func (u *fakeUpstream) wait(ctx context.Context, id string, p fakeCall, result, send func(string)) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 1; ; i++ {
		select {
		case <-ctx.Done():
			u.note("cancelled")
			return
		case <-tick.C:
			if p.Meta.ProgressToken != nil {
				send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":%d,"message":"step %d"}}`, p.Meta.ProgressToken, i, i))
			}
		}
	}
}

// blob is a result whose text has the given size, made once.
func (u *fakeUpstream) blob(kib int) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.blobs[kib] == "" {
		var s strings.Builder
		for i := 0; s.Len() < kib<<10; i++ {
			fmt.Fprintf(&s, "2026-01-02T03:04:05.%06dZ INFO worker[%d] msg=\"request done\" path=/v1/items/%d status=200 took=%dus\n", i, i%17, i*31, i*7%9999)
		}
		text, _ := json.Marshal(s.String()[:kib<<10])
		u.blobs[kib] = `{"content":[{"type":"text","text":` + string(text) + `}]}`
	}
	return u.blobs[kib]
}
