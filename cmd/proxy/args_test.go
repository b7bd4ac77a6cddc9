package main

import (
	"strings"
	"testing"
)

func TestOptionsMayStandAnywhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"proxy status", "proxy status"},
		{"proxy status github --json", "proxy status --json -- github"},
		{"proxy status --json github --config f.json", "proxy --config f.json status --json -- github"},
		{"proxy --config=f.json status github", "proxy --config=f.json status -- github"},
		{"proxy call notes add {} --json", "proxy call --json -- notes add {}"},
		{"proxy call notes add -", "proxy call -- notes add -"},
		{"proxy test notes add", "proxy call -- notes add"},
		{"proxy call notes add -- --json", "proxy call -- notes add --json"},
		{"proxy status --nonsense github", "proxy status --nonsense -- github"},
		{"proxy nonsense --json", "proxy nonsense --json"},
		{"proxy help call", "proxy help -- call"},
		{"proxy --log-level debug", "proxy --log-level debug"},
		{"proxy --config", "proxy --config"},
		{"proxy status --config", "proxy --config"},
		{"proxy login diary --scope", "proxy login --scope"},
		{"proxy trust --log-file -- x", "proxy --log-file"},
		{"proxy", "proxy"},
	} {
		app := newApp(testTerminal(t, ""))
		if got := strings.Join(arrange(app, strings.Fields(c.in)), " "); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}
