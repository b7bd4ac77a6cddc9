package proxy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/catalog"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/redact"
	"mcpproxy/upstream"
	"mcpproxy/upstream/child"
	"mcpproxy/upstream/raw"
)

var update = flag.Bool("update", false, "write the golden files anew")

// childMode makes the test binary an upstream of that kind.
const childMode = "PROXY_TEST_CHILD"

// childFile names a file by which a child remembers that it died.
const childFile = "PROXY_TEST_FILE"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		runChild(mode, os.Stdin, os.Stdout)
		os.Exit(0)
	}
	flag.Parse()
	code := m.Run()
	if left := leftovers(); left != "" && code == 0 {
		fmt.Fprintln(os.Stderr, "goroutines left over:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// leftovers returns the goroutines of ours that are still there when all
// tests are over, allowing them a while to end.
func leftovers() (left string) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		buf := make([]byte, 1<<20)
		left = ""
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "mcpproxy/") && !strings.Contains(g, "TestMain") {
				left += g + "\n\n"
			}
		}
		if left == "" {
			return ""
		}
	}
	return left
}

// What the child of kind "raw" sends, in bytes that no encoder would make.
const (
	oddTool = `{"name":"odd","x-future":{"b":1,"a":2},"inputSchema":{"type":"object", "required":["n"],"properties":` +
		`{"n":{"type":"integer","maximum":12345678901234567890},"a":{"type":"string"}}},"description":"Answers oddly."}`
	oddResult = `{"zz":1,"content":[{"type":"hologram","depth":12345678901234567890}, {"text":"caf\u00e9 <b>&","type":"text"}],` +
		`"structuredContent":{"b":9007199254740993,"a":1.50},"_meta":{"x":[ 1 ]},"isError":false,"future":{"k":null}}`
	prettyResult = "{\n  \"content\": [],\n  \"n\": 12345678901234567890\n}"
)

// childTools are the tools of the child of kind "raw".
var childTools = `[` + oddTool + `,` +
	`{"name":"fail","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}},` +
	`{"name":"progress","inputSchema":{"type":"object"}},{"name":"hang","inputSchema":{"type":"object"}},` +
	`{"name":"die","inputSchema":{"type":"object"}},{"name":"refuse","inputSchema":{"type":"object"}},` +
	`{"name":"break","inputSchema":{"type":"object"}},{"name":"ask","inputSchema":{"type":"object"}},` +
	`{"name":"echo","description":"Returns its arguments. Then more.","annotations":{"destructiveHint":false},` +
	`"inputSchema":{"type":"object","properties":{"text":{"type":"string"},"count":{"type":"integer"}},"required":["text"]}},` +
	`{"name":"flaky","inputSchema":{"type":"object"},"annotations":{"idempotentHint":true}},` +
	`{"name":"grow","inputSchema":{"type":"object"}},{"name":"large","inputSchema":{"type":"object"}},` +
	`{"name":"wait","inputSchema":{"type":"object"}},{"name":"pid","inputSchema":{"type":"object"}},` +
	`{"name":"secret_key","inputSchema":{"type":"object"}}`

// largeResult is beyond what a reply may hold.
func largeResult() string {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, `{"id":%d,"title":"Issue \"%d\"","open":%t},`, 9007199254740992+i, i, i%2 == 0)
	}
	items := `{"items":[` + strings.TrimSuffix(b.String(), ",") + `]}`
	return `{"_meta":{"x":[ 1 ]},"content":[{"type":"text","text":` + raw.Quote(items) + `},{"type":"image","data":"QUJD","mimeType":"image/png"}],` +
		`"structuredContent":` + items + `,"isError":true}`
}

// longLink is as long as the links that authorization servers are sent.
var longLink = "https://login.example/authorize?response_type=code&scope=" + strings.Repeat("s", 800) + "&end=1"

// runChild is an upstream written by hand, so that its bytes are known.
func runChild(mode string, in io.Reader, out io.Writer) {
	if mode == "leaky" {
		fmt.Fprintln(os.Stderr, "bad key", os.Getenv("SECRET"))
		fmt.Fprintln(out, "key", os.Getenv("SECRET"))
		os.Exit(4)
	}
	if mode == "login" { // of its own, as mcp-remote does
		fmt.Fprintln(os.Stderr, "Please authorize this client by visiting:\n"+longLink)
	}
	if mode == "stuck" || mode == "login" { // until its input ends
		_, _ = io.Copy(io.Discard, in)
		return
	}
	if mode == "broken" {
		fmt.Fprintln(os.Stderr, "fatal: no such database")
		os.Exit(3)
	}
	if mode == "bulk" {
		bulkServer(in, out)
		return
	}
	if strings.HasPrefix(mode, "mirror") {
		mirrorServer(mode != "mirror", in, out)
		return
	}
	tools := childTools
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var req struct {
			ID     json.RawMessage
			Method string
			Params struct {
				Name      string
				Arguments json.RawMessage
				Meta      struct {
					Token json.RawMessage `json:"progressToken"`
				} `json:"_meta"`
			}
		}
		if json.Unmarshal(lines.Bytes(), &req) != nil || req.ID == nil {
			continue
		}
		answer := func(result string) { fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", req.ID, result) }
		refuse := func(code int, message string) {
			fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%q}}`+"\n", req.ID, code, message)
		}
		switch req.Method {
		case "server/discover":
			if mode != "silent" {
				refuse(-32601, "no such method")
			} else if f, err := os.OpenFile(os.Getenv(childFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
				fmt.Fprintln(f, "asked")
				f.Close()
			}
		case "initialize":
			answer(`{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"raw","version":"1"},` +
				`"instructions":"Odd answers for tests. Use with care."}`)
		case "tools/list":
			if mode == "gated" { // until the file is there
				awaitFile(os.Getenv(childFile))
			}
			answer(`{"tools":` + tools + `]}`)
		case "tools/call":
			switch req.Params.Name {
			case "odd":
				if strings.Contains(string(req.Params.Arguments), `"break the protocol"`) {
					answer(`{"content":"done"}`)
					continue
				}
				answer(oddResult)
			case "fail":
				answer(`{"content":[{"type":"text","text":"nothing there"}],"isError":true}`)
			case "progress":
				for i := range 3 {
					fmt.Fprintf(out, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,`+
						`"progress":%d.50,"total":12345678901234567890,"message":"step","extra":1}}`+"\n", req.Params.Meta.Token, i)
				}
				answer(`{"content":[]}`)
			case "echo":
				answer(`{"content":[],"structuredContent":` + string(req.Params.Arguments) + `}`)
			case "hang": // having told that it is here
				fmt.Fprintf(out, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":1}}`+"\n", req.Params.Meta.Token)
			case "wait": // for the file, without holding up other calls
				fmt.Fprintf(out, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":1}}`+"\n", req.Params.Meta.Token)
				go func() {
					awaitFile(os.Getenv(childFile))
					answer(`{"content":[{"type":"text","text":"waited"}]}`)
				}()
			case "pid":
				answer(fmt.Sprintf(`{"content":[{"type":"text","text":"pid %d"}]}`, os.Getpid()))
			case "die":
				fmt.Fprintln(os.Stderr, "out of memory")
				os.Exit(9)
			case "flaky": // dies once
				if f, err := os.OpenFile(os.Getenv(childFile), os.O_CREATE|os.O_EXCL, 0o600); err == nil {
					f.Close()
					os.Exit(1)
				}
				answer(`{"content":[]}`)
			case "grow":
				tools += `,{"name":"grown","inputSchema":{"type":"object"}}`
				fmt.Fprintln(out, `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
				answer(`{"content":[]}`)
			case "large":
				answer(largeResult())
			case "refuse":
				refuse(-32602, "n is wrong")
			case "ask":
				answer(`{"resultType":"input_required","inputRequests":{"1":{"method":"elicitation/create","params":{}}}}`)
			default:
				refuse(-32000, "out of order")
			}
		default:
			refuse(-32601, "no such method")
		}
	}
}

// awaitFile returns when the file is there.
func awaitFile(name string) {
	for range time.Tick(5 * time.Millisecond) {
		if _, err := os.Stat(name); err == nil {
			return
		}
	}
}

// childServer configures the test binary as an upstream.
func childServer(t testing.TB, name, mode string) *config.Server {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l := upstream.DefaultLimits
	l.WaitTimeout = upstream.Duration(20 * time.Second)
	return &config.Server{Name: name, Layer: config.Global, File: "/etc/mcp.json", ID: "id-" + name, Entry: config.Entry{Config: upstream.Config{
		Type: upstream.Stdio, Limits: l,
		Config: child.Config{Command: exe, Env: map[string]string{
			childMode: mode, childFile: filepath.Join(t.TempDir(), "died"),
		}},
	}}}
}

// newTest returns a session in front of the servers.
func newTest(t testing.TB, servers ...*config.Server) *Session {
	t.Helper()
	return newSession(t, Options{
		Catalog:  catalog.New(),
		Redactor: new(redact.Redactor),
		CacheDir: t.TempDir(),
		Version:  "1.2.3",
	}, SessionOptions{
		Config: &config.Config{Servers: servers},
		Getenv: func(string) (string, bool) { return "", false },
	})
}

// newSession returns the one session of a new proxy.
func newSession(t testing.TB, o Options, so SessionOptions) *Session {
	t.Helper()
	p := New(o)
	t.Cleanup(p.Close)
	s := p.NewSession(so)
	t.Cleanup(s.Close)
	return s
}

// at returns the server of that name.
func at(t testing.TB, v *View, name string) *config.Server {
	t.Helper()
	s, err := v.Server(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A rawHost is a host that speaks in lines.
type rawHost struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Scanner
	end chan error // what Serve returned
}

func serve(t *testing.T, s *Session) *rawHost {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	h := &rawHost{t: t, in: inW, out: bufio.NewScanner(outR), end: make(chan error, 1)}
	h.out.Buffer(nil, 1<<26)
	go func() { h.end <- s.Serve(t.Context(), inR, outW) }()
	t.Cleanup(func() { inW.Close() })
	return h
}

func (h *rawHost) send(line string) {
	h.t.Helper()
	if _, err := io.WriteString(h.in, line+"\n"); err != nil {
		h.t.Fatal(err)
	}
}

func (h *rawHost) line() string {
	h.t.Helper()
	if !h.out.Scan() {
		h.t.Fatalf("no line: %v", h.out.Err())
	}
	return h.out.Text()
}

// start makes the handshake of 2025-11-25.
func (h *rawHost) start() *rawHost {
	h.t.Helper()
	h.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"h","version":"1"}}}`)
	h.line()
	h.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return h
}

// call asks the mcp tool and returns the line of the answer.
func (h *rawHost) call(arguments string) string {
	h.t.Helper()
	h.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"mcp","arguments":` + arguments + `}}`)
	return h.line()
}

// golden compares with a file of testdata, or writes it under -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", filepath.FromSlash(name))
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))
	if !bytes.Equal(got, want) {
		t.Errorf("%s\n got %s\nwant %s", name, got, want)
	}
}

// contains fails the test unless text holds all parts.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in %s", part, text)
		}
	}
}

// pipes returns the proxy's end and a host's transport.
func pipes() (here, there *mcp.IOTransport) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	return &mcp.IOTransport{Reader: inR, Writer: outW}, &mcp.IOTransport{Reader: outR, Writer: inW}
}
