package proxy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mcpproxy/catalog"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/redact"
)

// A configured is a session whose configuration is a file that can be edited.
type configured struct {
	*Session
	t    *testing.T
	file string
	gate string // the file that the tool "wait" of each child waits for
}

func newConfigured(t *testing.T, servers map[string]string) *configured {
	t.Helper()
	dir := t.TempDir()
	c := &configured{t: t, file: filepath.Join(dir, "mcp.json"), gate: filepath.Join(dir, "gate")}
	c.edit(servers)
	load := config.LoadOptions{Global: c.file, Explicit: true, Dir: dir, StateDir: filepath.Join(dir, "state")}
	c.Session = newSession(t, Options{
		Catalog: catalog.New(), Redactor: new(redact.Redactor),
		StateDir: load.StateDir, CacheDir: dir, Version: "1.2.3",
	}, SessionOptions{
		Config: config.Load(load), Load: func() *config.Config { return config.Load(load) }, Getenv: os.LookupEnv,
	})
	return c
}

// edit writes the file anew; each server is a child and has that description.
func (c *configured) edit(servers map[string]string) { c.editMode("raw", servers) }

// editMode is edit for children of that kind.
func (c *configured) editMode(mode string, servers map[string]string) {
	c.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	entries := make(map[string]any)
	for name, description := range servers {
		entries[name] = map[string]any{
			"command": exe, "description": description,
			"env": map[string]string{childMode: mode, childFile: c.gate},
		}
	}
	data, err := json.Marshal(map[string]any{"mcpServers": entries})
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(string(data))
}

// write replaces the file, as editors do, so that even two edits within one
// tick of the file system's clock differ.
func (c *configured) write(text string) {
	c.t.Helper()
	if err := os.WriteFile(c.file+".new", []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(c.file+".new", c.file); err != nil {
		c.t.Fatal(err)
	}
}

var pidOf = regexp.MustCompile(`pid \d+`)

func TestEditsTakeEffectAtTheNextActionAndLoseNoCall(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, map[string]string{"changed": "one", "equal": "same", "removed": "gone"})
	h := serve(t, c.Session).start()
	call := func(server string) string {
		return h.call(`{"action":"call","server":"` + server + `","tool":"pid"}`)
	}
	before := map[string]string{}
	for _, s := range []string{"changed", "equal", "removed"} {
		before[s] = pidOf.FindString(call(s))
	}
	// A call runs on each server that the edit touches.
	for id, server := range map[string]string{"70": "changed", "71": "removed"} {
		h.send(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"mcp","_meta":{"progressToken":"p"},` +
			`"arguments":{"action":"call","server":"` + server + `","tool":"wait"}}}`)
		contains(t, h.line(), "notifications/progress")
	}
	c.edit(map[string]string{"changed": "two", "equal": "same", "added": "new"})

	contains(t, call("removed"), `unknown_server`)
	if pid := pidOf.FindString(call("equal")); pid != before["equal"] {
		t.Errorf("an equal server was replaced: %s, then %s", before["equal"], pid)
	}
	if pid := pidOf.FindString(call("changed")); pid == before["changed"] || pid == "" {
		t.Errorf("a changed server was not replaced: %q", pid)
	}
	contains(t, call("added"), "pid ")

	if err := os.WriteFile(c.gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	both := h.line() + h.line()
	contains(t, both, `"id":70`, `"id":71`)
	if strings.Count(both, "waited") != 2 {
		t.Errorf("a running call was lost: %s", both)
	}
}

func TestEditedSettingsTakeEffect(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, map[string]string{"a": "one", "b": "two"})
	h := serve(t, c.Session).start()
	pid := func(server string) string {
		return pidOf.FindString(h.call(`{"action":"call","server":"` + server + `","tool":"pid"}`))
	}
	first, second := pid("a"), pid("b")
	plain, err := os.ReadFile(c.file)
	if err != nil {
		t.Fatal(err)
	}
	with := func(setting string) { c.write("{" + setting + "," + string(plain[1:])) }

	with(`"max_concurrent_servers": 1`)
	contains(t, h.call(`{"action":"list_servers"}`), `\"name\":\"a\",\"status\":\"idle\"`, `\"name\":\"b\",\"status\":\"connected\"`)
	with(`"max_concurrent_servers": 9`)
	if pid("a") == first || pid("b") != second {
		t.Error("the bound was not lifted, or held too long")
	}
	with(`"breaker": {"fail_threshold": 1}`)
	contains(t, h.call(`{"action":"call","server":"b","tool":"die"}`), "interrupted")
	contains(t, h.call(`{"action":"call","server":"b","tool":"pid"}`), "cooling_down")
}

func TestBrokenEditChangesNothingAndIsReported(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, map[string]string{"a": "one"})
	h := serve(t, c.Session).start()
	pid := pidOf.FindString(h.call(`{"action":"call","server":"a","tool":"pid"}`))
	c.write(`{"mcpServers": {"a": `)
	for _, action := range []string{"status", "list_servers"} {
		contains(t, h.call(`{"action":"`+action+`"}`), `\"name\":\"a\"`, `\"problems\":[`, "mcp.json", `\"status\":\"connected\"`)
	}
	contains(t, h.call(`{"action":"call","server":"a","tool":"pid"}`), pid)
	c.edit(map[string]string{"a": "one"})
	if answer := h.call(`{"action":"status"}`); strings.Contains(answer, "problems") {
		t.Errorf("a mended file is still reported: %s", answer)
	}
}

func TestFailuresAreRecordedAndForgotten(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, map[string]string{"a": "one"})
	h := serve(t, c.Session).start()
	contains(t, h.call(`{"action":"call","server":"a","tool":"die"}`), "interrupted")
	c.work.Wait()

	// Another process, such as "proxy status", sees what happened.
	other := newSession(t, c.proxy.opts, c.opts).View(t.Context())
	list := other.Status(at(t, other, "a"))
	if len(list) != 1 || list[0].LastError == nil || list[0].LastError.At == nil {
		t.Fatalf("%+v", list)
	}
	contains(t, list[0].LastError.Message, "broke during the call", "exit status 9")

	contains(t, h.call(`{"action":"call","server":"a","tool":"pid"}`), "pid ")
	c.work.Wait()
	if list := other.Status(at(t, other, "a")); list[0].LastError != nil {
		t.Errorf("not forgotten after a success: %+v", list[0].LastError)
	}
}

func TestWhatAHostWasShownStaysForItsSession(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, map[string]string{"a": "one"})
	h := serve(t, c.Session).start()
	tools := func() string {
		h.send(`{"jsonrpc":"2.0","id":5,"method":"tools/list"}`)
		return h.line()
	}
	before := tools()
	c.edit(map[string]string{"a": "two", "b": "new"})
	contains(t, h.call(`{"action":"list_servers"}`), `\"name\":\"b\"`) // the edit was noticed
	if after := tools(); after != before {
		t.Errorf("the tool changed within a session\n from %s\n to %s", before, after)
	}
}
