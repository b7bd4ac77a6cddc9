package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"mcpproxy/catalog"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream"
	"mcpproxy/upstream/raw"
)

// remember puts into the catalogue what an earlier process saw of a server.
func remember(t *testing.T, p *Session, id string, descriptors ...string) {
	t.Helper()
	e := catalog.Entry{ID: id, ListedAt: time.Now().Add(-time.Hour)}
	for _, d := range descriptors {
		tool, err := catalog.ParseTool(json.RawMessage(d))
		if err != nil {
			t.Fatal(err)
		}
		e.Tools = append(e.Tools, tool)
	}
	p.proxy.opts.Catalog.Put(e)
}

const (
	oldEcho     = `{"name":"echo","inputSchema":{"type":"object","properties":{"old":{"type":"string"}},"required":["old"]}}`
	currentEcho = `{"name":"echo","inputSchema":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}}`
)

func TestArgumentsAreNotRefusedByAnOldSchema(t *testing.T) {
	t.Parallel()
	p := newTest(t, childServer(t, "raw", "raw"))
	remember(t, p, "id-raw", oldEcho)
	got, err := p.View(t.Context()).Call(t.Context(), at(t, p.View(t.Context()), "raw"), CallRequest{Tool: "echo", Arguments: json.RawMessage(`{"text":"a"}`)})
	if err != nil || !strings.Contains(string(got.JSON), `{"text":"a"}`) {
		t.Errorf("got %s, %v", got.JSON, err)
	}
	_, err = p.View(t.Context()).Call(t.Context(), at(t, p.View(t.Context()), "raw"), CallRequest{Tool: "echo", Arguments: json.RawMessage(`{"old":"a"}`)})
	if _, refused := errors.AsType[*ArgumentsError](err); !refused {
		t.Errorf("got %v", err)
	}
}

func TestServerThatIsUpIsListedAfreshOnce(t *testing.T) {
	t.Parallel()
	p := newTest(t, childServer(t, "raw", "raw"))
	remember(t, p, "id-raw", currentEcho)
	if _, err := p.View(t.Context()).Call(t.Context(), at(t, p.View(t.Context()), "raw"), CallRequest{Tool: "echo", Arguments: json.RawMessage(`{"text":"a"}`)}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		if e, _ := p.proxy.opts.Catalog.Get("id-raw"); len(e.Tools) > 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("not listed")
		}
	}
}

func TestListThatIsNoLongerFreshIsListedAnew(t *testing.T) {
	t.Parallel()
	missing := childServer(t, "missing", "raw")
	missing.Entry.Command = "no-such-program-anywhere"
	p := newTest(t, childServer(t, "raw", "raw"), missing)
	for name, want := range map[string]int{"raw": strings.Count(childTools, `"name"`), "missing": 1} {
		remember(t, p, "id-"+name, currentEcho)
		target, err := p.View(t.Context()).target(at(t, p.View(t.Context()), name))
		if err != nil {
			t.Fatal(err)
		}
		if page, err := p.View(t.Context()).page(t.Context(), at(t, p.View(t.Context()), name), ""); err != nil || len(page.Tools) != 1 {
			t.Errorf("%s, fresh: %d tools, %v", name, len(page.Tools), err)
		}
		target.expires.Store(1)
		if page, err := p.View(t.Context()).page(t.Context(), at(t, p.View(t.Context()), name), ""); err != nil || len(page.Tools) != want {
			t.Errorf("%s, not fresh: %d tools, %v", name, len(page.Tools), err)
		}
	}
}

func TestListAfresh(t *testing.T) {
	t.Parallel()
	servers := zoo(t)
	for i := range 20 { // more than are asked at once
		servers = append(servers, childServer(t, fmt.Sprintf("z%02d", i), "raw"))
	}
	p := newTest(t, servers...)
	seen := make(map[string]Listed)
	if err := p.View(t.Context()).ListAfresh(t.Context(), nil, func(l Listed) { seen[l.Server] = l }); err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		l, told := seen[s.Name]
		works := s.Name == "raw" || s.Name == "sleeping" || s.Name[0] == 'z'
		if told == s.Entry.Disabled || works != (l.Err == nil) && told || works && l.Tools < 10 {
			t.Errorf("%s: %v %+v", s.Name, told, l)
		}
	}
	if _, err := p.View(t.Context()).Server("nobody"); err == nil {
		t.Error("an unknown server was found")
	}
}

// A search that has to start servers is bounded, and tells what it missed.
func TestSearchDoesNotWaitForServersThatHang(t *testing.T) {
	t.Parallel()
	servers := []*config.Server{childServer(t, "a", "raw")}
	for i := range 6 {
		servers = append(servers, childServer(t, fmt.Sprint("stuck", i), "stuck"))
	}
	p := newTest(t, servers...)
	hits, err := p.View(t.Context()).SearchTools(t.Context(), nil, "returns its arguments", 3)
	if err != nil || len(hits.Tools) == 0 || hits.Tools[0].Tool != "echo" {
		t.Fatalf("got %+v, %v", hits, err)
	}
	var connecting int
	for _, u := range hits.Unavailable {
		if p.View(t.Context()).nextListing(u) == "" || u.Reason == "" {
			t.Errorf("got %+v", u)
		}
		if u.Status == "connecting" {
			connecting++
		}
	}
	if len(hits.Unavailable) != 6 || connecting < 3 || connecting > searchStarts {
		t.Errorf("%d connecting of %+v", connecting, hits.Unavailable)
	}
}

func TestSearchNamesABoundedNumberOfServers(t *testing.T) {
	t.Parallel()
	var servers []*config.Server
	for i := range 100 {
		s := childServer(t, fmt.Sprint("unset", i), "raw")
		s.Entry.Env["TOKEN"] = "${env:NO_SUCH_TOKEN}"
		servers = append(servers, s)
	}
	v := newTest(t, servers...).View(t.Context())
	hits, err := v.SearchTools(t.Context(), nil, "x", 0)
	if err != nil || len(hits.Unavailable) != maxUnavailable || hits.More != 100-maxUnavailable {
		t.Errorf("%v: %d and %d more", err, len(hits.Unavailable), hits.More)
	}
	answer, err := v.answerSearchTools(t.Context(), nil, mcptool.Request{Action: mcptool.SearchTools, Query: "x"})
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(raw.Encode(answer)), `"next":"search with other words, or call mcp with`)
}

func TestHiddenTextIsRemovedAndFlagged(t *testing.T) {
	t.Parallel()
	p := newTest(t, childServer(t, "raw", "raw"))
	remember(t, p, "id-raw", `{"name":"evil\u200bname","description":"Reads.\u001b[31m\u202e \udb40\udc41files","inputSchema":{"type":"object"}}`)
	page, err := p.View(t.Context()).page(t.Context(), at(t, p.View(t.Context()), "raw"), "")
	if err != nil {
		t.Fatal(err)
	}
	want := []ToolItem{{Tool: "evilname", Signature: "evilname()", Description: "Reads. files", Access: catalog.Destructive, Warning: hiddenText}}
	if !slices.Equal(page.Tools, want) {
		t.Errorf("got %+v", page.Tools)
	}
	d, err := p.View(t.Context()).describe(t.Context(), at(t, p.View(t.Context()), "raw"), "evilname", nil)
	if err != nil || d.Tool != "evilname" || d.Description != "Reads. files" || d.Warning != hiddenText {
		t.Errorf("got %+v, %v", d, err)
	}

	const schema = "{\n\t\"type\": \"object\", \"title\": \"%s👩‍💻\"}"
	remember(t, p, "id-raw", `{"name":"titled","title":"Reads\u202e"}`,
		`{"name":"schema","inputSchema":`+fmt.Sprintf(schema, "\u200b")+`}`, `{"name":"honest","inputSchema":`+fmt.Sprintf(schema, "")+`}`)
	for name, want := range map[string]string{"titled": hiddenText, "schema": hiddenInSchema, "honest": ""} {
		if d, err := p.View(t.Context()).describe(t.Context(), at(t, p.View(t.Context()), "raw"), name, nil); err != nil || d.Warning != want {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
}

func TestAllToolsHasNoPages(t *testing.T) {
	t.Parallel()
	p := newTest(t, childServer(t, "raw", "raw"))
	var descriptors []string
	for i := range 2*pageSize + 1 {
		descriptors = append(descriptors, fmt.Sprintf(`{"name":"tool%d"}`, i))
	}
	remember(t, p, "id-raw", descriptors...)
	for _, server := range []string{"raw", ""} {
		var s *config.Server // all
		if server != "" {
			s = at(t, p.View(t.Context()), server)
		}
		all, err := p.View(t.Context()).AllTools(t.Context(), s)
		if err != nil || len(all.Tools) != len(descriptors) || all.NextCursor != "" {
			t.Errorf("of %q: %d tools, %v", server, len(all.Tools), err)
		}
	}
}

// What came of a list before it broke off is shown, and that it is not all.
func TestBrokenListKeepsItsFirstPage(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct {
			ID     json.RawMessage
			Method string
			Params struct{ Cursor string }
		}
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil || req.ID == nil {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		answer := `"error":{"code":-32601,"message":"no"}`
		switch {
		case req.Method == "initialize":
			answer = `"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"web","version":"1"}}`
		case req.Method == "tools/list" && req.Params.Cursor == "":
			answer = `"result":{"tools":[{"name":"first","inputSchema":{"type":"object"}}],"nextCursor":"x"}`
		case req.Method == "tools/list":
			answer = `"error":{"code":-32000,"message":"the index is being built"}`
		}
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, req.ID, answer)
	}))
	t.Cleanup(web.Close)
	s := childServer(t, "web", "")
	s.Entry.Type, s.Entry.URL, s.Entry.Command, s.Entry.Env = upstream.HTTP, web.URL, "", nil
	h := serve(t, newTest(t, s)).start()
	reply := ask(t, h, `{"action":"list_tools","server":"web"}`).Content[0].Text
	contains(t, reply, `"tool":"first"`)
	const part = `"unavailable":[{"server":"web","status":"connected","reason":"only a part of its tools came: web answered with error -32000: the index is being built"`
	contains(t, reply, part)
	for _, request := range []string{`{"action":"search_tools","query":"second"}`, `{"action":"search_tools","query":"first","server":"web"}`, `{"action":"list_tools"}`} {
		contains(t, ask(t, h, request).Content[0].Text, part)
	}
	for _, action := range []string{"call", "describe_tool"} {
		contains(t, ask(t, h, `{"action":"`+action+`","server":"web","tool":"second"}`).Content[0].Text,
			`web has no tool \"second\" among those that came; the rest of its list could not be read`)
	}
}

// Describing many tools takes a while, and whoever asked may give up.
func TestListingsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	p := newTest(t, childServer(t, "raw", "raw"))
	remember(t, p, "id-raw", `{"name":"tool","inputSchema":{"type":"object"}}`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := p.View(t.Context())
	for _, s := range []*config.Server{nil, at(t, v, "raw")} {
		_, all := v.AllTools(ctx, s)
		_, page := v.page(ctx, s, "")
		_, found := v.SearchTools(ctx, s, "tool", 0)
		for what, err := range map[string]error{"list": all, "page": page, "search": found} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}
