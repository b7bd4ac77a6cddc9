package search

import "testing"

func TestValueWords(t *testing.T) {
	t.Parallel()
	for chunk, want := range map[string]string{
		"word":                          "word",
		"client/server":                 "client/server",
		"/root/markdown/report.md":      "file md",
		"'/srv/data',":                  "path",
		"~/notes.txt":                   "file txt",
		`C:\Users\me\table.xlsx`:        "file xlsx",
		"https://www.example.org/a?b=c": "url example.org",
		"www.example.org":               "url example.org",
		"/":                             "/",
		"":                              "",
	} {
		if got := valueWords(chunk); got != want {
			t.Errorf("%q stands for %q; want %q", chunk, got, want)
		}
	}
}
