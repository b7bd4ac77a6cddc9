package mcptool_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream/raw"
)

// What a host reads at the start stays within its bounds for any number of
// servers, names as many as fit and says how many are left out.
func TestBoundsHoldForAnyNumberOfServers(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 3, 20, 1000} {
		var servers []string
		var abouts []mcptool.About
		for i := range n {
			name := fmt.Sprintf("sérver-%03d", i)
			servers = append(servers, name)
			abouts = append(abouts, mcptool.About{Server: name, Summary: "says \"hello\" to <everyone>"})
		}
		definition := string(raw.Encode(mcptool.Definition(servers)))
		instructions := mcptool.Instructions(abouts)
		for text, bound := range map[string]int{definition: 2400, instructions: 2000} {
			if size := utf8.RuneCountInString(text); size > bound {
				t.Errorf("%d servers: %d characters of at most %d", n, size, bound)
			}
			named := strings.Count(text, "sérver-")
			left := strings.Contains(text, fmt.Sprintf("and %d more: list_servers", n-named))
			if left != (named < n) || n == 0 != strings.Contains(text, "none yet") || n >= 20 && named < 5 {
				t.Errorf("%d servers: %d named in %s", n, named, text)
			}
		}
		if strings.Contains(instructions, `"hello"`) {
			t.Errorf("a summary ends its own quotation: %s", instructions)
		}
	}
}

// The schema, the reader and the help know the same actions.
func TestActionsAreExplained(t *testing.T) {
	t.Parallel()
	var schema struct {
		Properties map[string]struct{ Enum []mcptool.Action }
		Required   []string
	}
	b, err := json.Marshal(mcptool.Definition(nil).InputSchema)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &schema); err != nil {
		t.Fatal(err)
	}
	actions := schema.Properties["action"].Enum
	if len(actions) != 10 || len(schema.Required) != 1 {
		t.Errorf("%d actions, %q required", len(actions), schema.Required)
	}
	d := newDirectory(t)
	for _, action := range actions {
		example := `{"action":"` + string(action) + `"`
		start := strings.Index(mcptool.HelpText, example)
		if start < 0 {
			t.Errorf("no example of %s", action)
			continue
		}
		var in json.RawMessage
		if err := json.NewDecoder(strings.NewReader(mcptool.HelpText[start:])).Decode(&in); err != nil {
			t.Errorf("%s: %v", action, err)
			continue
		}
		if action == mcptool.ListServers || action == mcptool.Help {
			example += "}"
		}
		r, err := mcptool.Parse(in, d)
		if err != nil || r.Action != action || len(r.Notes) > 0 || !strings.HasPrefix(string(in), example) {
			t.Errorf("%s: %+v, %v", in, r, err)
		}
	}
}

func TestUnwrap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ properties, in, want string }{ // want: empty if nothing is unwrapped
		{`"text"`, `{"arguments":{"text": "a"}}`, `{"text": "a"}`},
		{`"text"`, `{"args":"{\"text\":\"a\"}"}`, `{"text":"a"}`},
		{`"text"`, `{"arguments":{"text":"a"},"more":1}`, ""},
		{`"text"`, `{"arguments":{"text":"a","more":1}}`, ""},
		{`"text"`, `{"arguments":{}}`, ""},
		{`"text"`, `{"arguments":["text"]}`, ""},
		{`"text"`, `{"text":{"text":"a"}}`, ""},
		{`"text","arguments"`, `{"arguments":{"text":"a"}}`, ""},
	} {
		properties := strings.ReplaceAll(c.properties, ",", ":{},") + ":{}"
		got, ok := mcptool.Unwrap(newTool(t, `{"name":"t","inputSchema":{"properties":{`+properties+`}}}`), json.RawMessage(c.in))
		if string(got) != c.want || ok != (c.want != "") {
			t.Errorf("%s of a tool with %s: %s", c.in, c.properties, got)
		}
	}
}

func TestFindTool(t *testing.T) {
	t.Parallel()
	tools := newDirectory(t).Tools(1)
	tools = append(tools, newTool(t, `{"name":"Search"}`), newTool(t, `{"name":"github_star"}`))
	for name, want := range map[string]string{
		"create_issue":        "create_issue",
		"Create-Issue":        "create_issue",
		"github.create_issue": "create_issue",
		"github_star":         "github_star",
		"search":              "search",
		"SEARCH":              "", // both
		"gitlab.create_issue": "",
		"":                    "",
	} {
		if got, ok := mcptool.FindTool("github", tools, name); got.Name != want || ok != (want != "") {
			t.Errorf("%q is %q", name, got.Name)
		}
	}
}
