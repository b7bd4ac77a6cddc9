package proxy

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"mcpproxy/upstream/raw"
)

// mirrorServer answers each call with the result that its arguments hold, to which it
// adds these arguments as it got them.
func mirrorServer(modern bool, in io.Reader, out io.Writer) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Bytes()
		id, params := raw.Member(line, "id"), raw.Member(line, "params")
		answer := func(member string) { fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,%s}`+"\n", id, member) }
		switch method := string(raw.Member(line, "method")); {
		case id == nil:
		case method == `"server/discover"` && modern:
			answer(`"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"}`)
		case method == `"initialize"` && !modern:
			answer(`"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"mirror","version":"1"}}`)
		case method == `"tools/list"`:
			answer(`"result":{"resultType":"complete","tools":[{"name":"mirror","inputSchema":{"type":"object"}}],"ttlMs":3600000,"cacheScope":"private"}`)
		case method == `"tools/call"`:
			arguments := raw.Member(params, "arguments")
			answer(`"result":` + string(raw.Splice(raw.Member(arguments, "result"), `"got":`+raw.Quote(string(arguments)))))
		default:
			answer(`"error":{"code":-32601,"message":"no"}`)
		}
	}
}

// A generator writes JSON at random, in all the ways in which it can be written.
type generator struct{ *rand.Rand }

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g generator) space() string { return g.pick("", "", "", " ", "\t", "  ") }

func (g generator) text() string {
	var b strings.Builder
	for range g.IntN(12) {
		b.WriteString(g.pick("a", "Z", " ", `\n`, `\t`, `\"`, `\\`, `\/`, "/", `\u00e9`, "é", "😀", `\ud83d\ude00`, "\u2028", `\u2028`,
			"<b>", "&", "\x7f", `\u0000`, `\u001b[31m`, "{", "]", ",", ":", "null", "\ufeff", "ключ", "%", "$", "`"))
	}
	return `"` + b.String() + `"`
}

func (g generator) number() string {
	return g.pick("0", "-0", "1.50", "-17", "12345678901234567890", "9007199254740993", "1e400", "1E+2", "0.10e-7", "3.0", strconv.Itoa(int(g.Int32())))
}

func (g generator) value(depth int) string {
	if g.IntN(200) == 0 {
		return strings.Repeat("[", 60) + g.number() + strings.Repeat("]", 60)
	}
	kind := g.IntN(7)
	if depth == 0 {
		kind = g.IntN(4)
	}
	switch kind {
	case 0:
		return g.text()
	case 1:
		return g.number()
	case 2:
		return g.pick("true", "false", "null")
	case 3:
		return g.pick("{}", "[]", "{ }", "[ ]", `""`)
	case 4:
		var items []string
		for range g.IntN(4) {
			items = append(items, g.space()+g.value(depth-1)+g.space())
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	return g.object(depth)
}

func (g generator) object(depth int, members ...string) string {
	for range g.IntN(5) {
		key := `"x` + g.text()[1:] // a name of nobody's
		members = append(members, key+g.space()+":"+g.space()+g.value(depth-1))
	}
	g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	for i := range members {
		members[i] = g.space() + members[i] + g.space()
	}
	return "{" + strings.Join(members, ",") + "}"
}

// result is what a tool may answer.
func (g generator) result() string {
	var blocks []string
	for range g.IntN(3) {
		blocks = append(blocks, g.pick(
			g.object(2, `"type":"text"`, `"text":`+g.text()),
			g.object(2, `"type":"hologram"`),
			g.object(1, `"type":"image"`, `"data":"QUJD"`, `"mimeType":"image/png"`),
			g.object(1, `"type":"resource"`, `"resource":`+g.object(1, `"uri":"x:y"`, `"text":`+g.text())),
		))
	}
	members := []string{`"content":[` + strings.Join(blocks, ",") + `]`, `"resultType":"complete"`}
	for _, optional := range []string{`"isError":` + g.pick("true", "false"), `"structuredContent":` + g.object(3), `"_meta":` + g.object(2)} {
		if g.IntN(2) == 0 {
			members = append(members, optional)
		}
	}
	return g.object(3, members...)
}

// exactMessages names the variable that sets how many messages are tried.
const exactMessages = "EXACT_MESSAGES"

// Arguments and results come out with every byte that they went in with, whichever
// revisions the two ends speak. Where no handshake says it, each result also says who
// answers.
func TestMessagesAreExact(t *testing.T) {
	t.Parallel()
	messages := 1000
	if n, err := strconv.Atoi(os.Getenv(exactMessages)); err == nil {
		messages = n
	}
	const modern = `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	for name, c := range map[string]struct{ child, meta string }{
		"legacy both":     {"mirror", ""},
		"modern both":     {"mirror-modern", modern},
		"legacy host":     {"mirror-modern", ""},
		"legacy upstream": {"mirror", modern},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			g := generator{rand.New(rand.NewPCG(seed, 0))}
			h := serve(t, newTest(t, childServer(t, "mirror", c.child)))
			if c.meta == "" {
				h.start()
			}
			for range messages / 4 {
				result := g.result()
				arguments := g.object(3, `"result":`+result)
				request := g.object(0, `"name":"mcp"`, `"arguments":`+g.pick(`{"action":"call","server":"mirror","tool":"mirror","arguments":`+arguments+`}`,
					`{"tool":"mirror", "arguments" : `+arguments+`,"server":"mirror","action":"call"}`))
				if g.IntN(4) > 0 { // as plain as most
					request = `{"name":"mcp","arguments":{"action":"call","server":"mirror","tool":"mirror","arguments":` + arguments + `}}`
				}
				request = strings.TrimSuffix(request, "}") + c.meta + "}"
				want := string(raw.Splice([]byte(result), `"got":`+raw.Quote(arguments)))
				h.send(`{"jsonrpc":"2.0","id":5,"method":"tools/call","params":` + request + `}`)
				line := h.line()
				got := string(raw.Member([]byte(line), "result"))
				if c.meta == "" && got != want || c.meta != "" && !saysAlso(got, want) {
					t.Fatalf("seed %d: %s\n  got %s\n want %s", seed, arguments, line, want)
				}
			}
		})
	}
}

// saysAlso reports whether a result has all members of another in its bytes, and those
// that a revision without a handshake asks for.
func saysAlso(got, want string) bool {
	has := func(object []byte) bool {
		for key, at := range raw.Members(object) {
			if !raw.KeyIs(key, "_meta") && (!strings.Contains(got, string(key)) || !strings.Contains(got, string(at.In(object)))) {
				return false
			}
		}
		return true
	}
	added := len(got) - len(want)
	return has([]byte(want)) && has(raw.Member([]byte(want), "_meta")) && added > 0 && added < 200 &&
		strings.Contains(got, "io.modelcontextprotocol/serverInfo") && strings.Contains(got, `"resultType"`)
}
