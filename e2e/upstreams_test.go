package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// One proxy in front of server-everything on all its transports, the file
// server and the memory server, as hosts of both protocol eras see it.
func TestRealUpstreamsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.write("docs/poem.txt", "The moon is a lantern.\n")
	memory := stdio(need(t, "mcp-server-memory"))
	memory["env"] = entry{"MEMORY_FILE_PATH": s.path("memory.jsonl")}
	s.configure(servers{
		"everything": everything(t),
		"stream":     {"type": "http", "url": s.everythingOn("streamableHttp")},
		"legacy":     {"type": "sse", "url": s.everythingOn("sse")},
		"files":      filesystem(t, s.path("docs")),
		"memory":     memory,
	})
	direct := s.connect(need(t, "mcp-server-everything"), "stdio")
	direct.open(rev2025)
	directFiles := s.connect(need(t, "mcp-server-filesystem"), s.path("docs"))
	directFiles.open(rev2025)

	for _, revision := range []string{"2024-11-05", "2025-06-18", rev2025, rev2026} {
		t.Run(revision, func(t *testing.T) {
			in := *s
			in.t = t
			host := in.serve()
			host.open(revision)
			var list struct {
				Tools []struct{ Name string }
			}
			if err := json.Unmarshal(host.request("tools/list", entry{}), &list); err != nil || len(list.Tools) != 1 || list.Tools[0].Name != "mcp" {
				t.Fatalf("the host is to see one tool, mcp: %v %v", list, err)
			}
			for _, call := range []struct {
				tool      string
				arguments entry
			}{
				{"get-tiny-image", entry{}},
				{"get-resource-links", entry{"count": 3}},
				{"get-resource-reference", entry{"resourceType": "Blob", "resourceId": 2}},
				{"get-structured-content", entry{"location": "Chicago"}},
				{"get-annotated-message", entry{"messageType": "error", "includeImage": true}},
				{"get-sum", entry{"a": 0.1, "b": 2}},
			} {
				want := direct.tool(call.tool, call.arguments)
				for _, server := range []string{"everything", "stream", "legacy"} {
					got := host.through(server, call.tool, call.arguments)
					if !volatile(call.tool) {
						sameResult(t, want, got)
					}
					got.ok()
				}
			}
			missing := entry{"path": s.path("docs/missing.txt")}
			want := directFiles.tool("read_text_file", missing)
			if !want.IsError {
				t.Fatalf("the file server finds %s", want.raw)
			}
			sameResult(t, want, host.through("files", "read_text_file", missing))
			if got := host.through("files", "read_text_file", entry{"path": s.path("docs/poem.txt")}).ok().text(); !strings.Contains(got, "lantern") {
				t.Errorf("the file holds %q", got)
			}
			name := "Ada of " + revision
			host.through("memory", "create_entities", entry{"entities": []entry{{"name": name, "entityType": "person", "observations": []string{"likes engines"}}}}).ok()
			if got := host.through("memory", "search_nodes", entry{"query": name}).ok().text(); !strings.Contains(got, "engines") {
				t.Errorf("the memory server remembers %q", got)
			}
		})
	}
}

// volatile tools answer with the time of day.
func volatile(tool string) bool { return tool == "get-resource-reference" }

// What a typed decoder would lose passes byte for byte: results, schemas and
// arguments, on every transport and to hosts of both eras.
func TestBytesPassUnharmed(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.configure(servers{
		"child":   fake(t, "-journal", s.path("journal")),
		"service": {"type": "http", "url": s.fakeOn("-journal", s.path("journal"))},
	})
	for _, revision := range []string{rev2025, rev2026} {
		host := s.serve()
		host.open(revision)
		for _, server := range []string{"child", "service"} {
			t.Run(revision+" "+server, func(t *testing.T) {
				arguments := json.RawMessage(`{"b":98765432109876543210,"a":"x","c":[1.50,{"z":1,"a":2}]}`)
				got := host.through(server, "strange", arguments)
				sameResult(t, newToolResult(t, json.RawMessage(strangeResult)), got)
				if journal, _ := os.ReadFile(s.path("journal")); !strings.Contains(string(journal), "arguments "+string(arguments)+"\n") {
					t.Errorf("the arguments arrived as\n%s", journal)
				}
				described := host.mcp(entry{"action": "describe_tool", "server": server, "tool": "strange"}).ok()
				_, parts := members(t, json.RawMessage(described.text()))
				if got := string(parts["input_schema"]); got != strangeSchema {
					t.Errorf("the schema arrived as\n%s\nnot as it was sent\n%s", got, strangeSchema)
				}
			})
		}
	}
}

// A host gets its answer while no upstream has been touched, whatever their number.
func TestNothingStartsBeforeItIsNeeded(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	list := servers{}
	for i := range 100 {
		list[fmt.Sprintf("server-%03d", i)] = fake(t, "-journal", s.path("journal"), "-name", fmt.Sprint(i))
	}
	s.configure(list)
	for _, revision := range []string{rev2025, rev2026} {
		begin := time.Now()
		host := s.serve()
		host.open(revision)
		answered := time.Since(begin)
		begin = time.Now()
		bare := s.connect(self(t), "as-upstream")
		bare.open(rev2025)
		t.Logf("%s: answered %s after the start; a Go program that does nothing else needs %s", revision, answered, time.Since(begin))
		first := host.request("tools/list", entry{})
		for _, action := range []string{"help", "list_servers", "status"} {
			host.mcp(entry{"action": action}).ok()
		}
		if journal, err := os.ReadFile(s.path("journal")); err == nil {
			t.Fatalf("started before it was needed: %s", journal)
		}
		host.through("server-042", "echo", entry{"text": "hello"}).ok()
		if journal, _ := os.ReadFile(s.path("journal")); strings.Count(string(journal), "started") != 1 {
			t.Errorf("one call was made, and this started: %s", journal)
		}
		if again := host.request("tools/list", entry{}); string(again) != string(first) {
			t.Errorf("the tool list changed within a session:\n%s\n%s", first, again)
		}
		host.close()
		os.Remove(s.path("journal"))
	}
}
