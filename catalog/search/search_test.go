package search_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"mcpproxy/catalog"
	"mcpproxy/catalog/search"
)

// sample is a small catalogue of invented servers.
func sample() []*search.Segment {
	tool := func(name, description string, params ...string) catalog.Tool {
		properties := make(map[string]any)
		for _, p := range params {
			name, text, _ := strings.Cut(p, ":")
			properties[name] = map[string]any{"type": "string", "description": text}
		}
		schema, _ := json.Marshal(map[string]any{"type": "object", "properties": properties})
		return catalog.Tool{Name: name, Description: description, InputSchema: schema}
	}
	return []*search.Segment{
		search.NewSegment("tracker", "Issues of the team", []catalog.Tool{
			tool("create_issue", "Open a new issue. It is assigned to nobody.", "team_id", "title", "labels:names of labels"),
			tool("list_issues", "List the open issues.", "team_id", "state:open or closed"),
			tool("close_issue", "Close an issue.", "team_id", "id"),
		}),
		search.NewSegment("forge", "Code hosting", []catalog.Tool{
			tool("create_issue", "Create an issue in a repository.", "owner", "repo", "title"),
			tool("createPullRequest", "Open a pull request.", "owner", "repo", "base_branch:branch to merge into"),
			tool("get_me", "Who is signed in."),
		}),
		search.NewSegment("wetter", "", []catalog.Tool{
			tool("forecast", "Predicts temperature and rain.", "city"),
			tool("天气查询", "查询城市的天气预报", "城市"),
		}),
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{ // the best hit
		"create_issue in tracker":                   "tracker/create_issue",
		"forge: create an issue":                    "forge/create_issue",
		"please, could you show me the open issues": "tracker/list_issues",
		"creating pull requests":                    "forge/createPullRequest",
		"CREATEPULLREQUEST":                         "forge/createPullRequest",
		"pull request":                              "forge/createPullRequest",
		"which branch should be merged":             "forge/createPullRequest",
		"what is the weather like in Oslo?":         "wetter/forecast",
		"北京的天气":                                     "wetter/天气查询",
		"get me":                                    "forge/get_me",
		"me":                                        "forge/get_me",
		"Thank you so much for that. Close issue 12 now": "tracker/close_issue",
	} {
		hits := search.Rank(sample(), query, 3)
		if len(hits) == 0 || hits[0].Server+"/"+hits[0].Tool != want {
			t.Errorf("%q finds %v; want %s first", query, hits, want)
		}
	}
}

func TestSearchFindsNothing(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"", "   ", "?!", "\x00\xff", "qwertyuiop", strings.Repeat("zzz ", 5000)} {
		if hits := search.Rank(sample(), query, 5); len(hits) != 0 {
			t.Errorf("%.20q finds %v", query, hits)
		}
	}
	for name, segments := range map[string][]*search.Segment{
		"no server": nil,
		"no tools":  {search.NewSegment("empty", "Create an issue", nil)},
	} {
		if hits := search.Rank(segments, "Create it. Create an issue.", 5); len(hits) != 0 {
			t.Errorf("%s: %v", name, hits)
		}
	}
	if hits := search.Rank(sample(), "issue", 0); len(hits) != 0 {
		t.Errorf("limit 0: %v", hits)
	}
}

func TestSearchOrdersTiesByName(t *testing.T) {
	t.Parallel()
	var segments []*search.Segment
	for _, server := range []string{"b", "c", "a"} {
		segments = append(segments, search.NewSegment(server, "", []catalog.Tool{{Name: "ping2"}, {Name: "ping1"}}))
	}
	for range 2 {
		var got []string
		for _, h := range search.Rank(segments, "ping", 5) {
			got = append(got, h.Server+h.Tool)
		}
		if want := []string{"aping1", "aping2", "bping1", "bping2", "cping1"}; !slices.Equal(got, want) {
			t.Errorf("ties come as %v; want %v", got, want)
		}
		slices.Reverse(segments)
	}
}

func TestSearchOfOneSentenceAmongMany(t *testing.T) {
	t.Parallel()
	query := "Find the issues about rain which the team has not closed, and list all of their labels by state. Then give me the forecast."
	var got []string
	for _, h := range search.Rank(sample(), query, 2) {
		got = append(got, h.Tool)
	}
	slices.Sort(got)
	if want := []string{"forecast", "list_issues"}; !slices.Equal(got, want) {
		t.Errorf("two wishes find %v; want %v", got, want)
	}
}

func TestSearchIgnoresSharedParameters(t *testing.T) {
	t.Parallel()
	hits := search.Rank(sample(), "team id", 5)
	for _, h := range hits {
		if h.Tool != "close_issue" && h.Server == "tracker" && h.Score > hits[0].Score {
			t.Errorf("a parameter of every tool decides: %v", hits)
		}
	}
	shared := search.NewSegment("s", "", []catalog.Tool{
		{Name: "one", InputSchema: json.RawMessage(`{"properties":{"workspace":{}}}`)},
		{Name: "two", InputSchema: json.RawMessage(`{"properties":{"workspace":{}}}`)},
		{Name: "three", InputSchema: json.RawMessage(`{"properties":{"workspace":{},"colour":{}}}`)},
	})
	if hits := search.Rank([]*search.Segment{shared}, "workspace", 5); len(hits) != 0 {
		t.Errorf("a parameter of every tool finds %v", hits)
	}
	if hits := search.Rank([]*search.Segment{shared}, "colour", 5); len(hits) != 1 {
		t.Errorf("a parameter of one tool finds %v", hits)
	}
}

func TestSearchReadsAnySchema(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"description":"deep","properties":{"p":`, 200) + "{}" + strings.Repeat("}}", 200)
	for _, schema := range []string{
		"", "null", "true", "[]", `"x"`, "{", `{"properties":[]}`, `{"properties":{"a":null,"b":true,"c":{"description":7}}}`,
		`{"properties":{"a":{"items":[{}],"enum":{},"anyOf":5}}}`, deep, strings.Repeat(" ", 256<<10+1),
	} {
		s := search.NewSegment("s", "", []catalog.Tool{{Name: "wanted", InputSchema: json.RawMessage(schema)}})
		if hits := search.Rank([]*search.Segment{s}, "wanted", 1); len(hits) != 1 {
			t.Errorf("schema %.40q hides its tool", schema)
		}
	}
	nested := search.NewSegment("s", "", []catalog.Tool{{Name: "t", InputSchema: json.RawMessage(
		`{"properties":{"filter":{"anyOf":[{"type":"array","items":{"properties":{"colour":{"enum":["crimson"]}}}}]}}}`)}})
	for _, query := range []string{"filters", "colour"} {
		if hits := search.Rank([]*search.Segment{nested}, query, 1); len(hits) != 1 {
			t.Errorf("%q is not found in a nested parameter", query)
		}
	}
}

func FuzzSearch(f *testing.F) {
	f.Add("create \"an issue\" at /root/a.md. Then fetch https://example.org/x", "get_user", `{"properties":{"a":{"enum":["b"]}}}`)
	f.Fuzz(func(t *testing.T, query, text, schema string) {
		segments := append(sample(), search.NewSegment(text, query, []catalog.Tool{{Name: text, Title: query, Description: text, InputSchema: json.RawMessage(schema)}}))
		hits := search.Rank(segments, query, 5)
		if len(hits) > 5 {
			t.Errorf("%d hits", len(hits))
		}
		for i, h := range hits {
			if !(h.Score > 0) || i > 0 && h.Score > hits[i-1].Score {
				t.Errorf("hit %d scores %v", i, h.Score)
			}
		}
	})
}

func TestSearchBoundsItsQuery(t *testing.T) {
	t.Parallel()
	query := strings.Repeat("Forecast the weather, and close my issue! ", 300)
	if hits := search.Rank(sample(), query, 8); len(hits) == 0 {
		t.Errorf("a query of %d bytes finds nothing", len(query))
	}
}
