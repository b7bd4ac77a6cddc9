package search

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSplitWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                      "",
		" ,;! ":                 "",
		"create an issue":       "create an issue",
		"create_pull_request":   "create pull request createpullrequest",
		"list-tables":           "list tables listtables",
		"getUserByID":           "get user by id getuserbyid",
		"HTMLPage":              "html page htmlpage",
		"base64":                "base 64 base64",
		"URLs":                  "urls",
		"GitHub's":              "git hubs githubs",
		"don't":                 "dont",
		"'quoted'":              "quoted",
		"_private_":             "private",
		"a.b/c":                 "a b c",
		"Straße Ünïcode":        "straße ünïcode",
		"поискФайлов":           "поиск файлов поискфайлов",
		"搜索":                    "搜索",
		"搜索网页":                  "搜索 索网 网页",
		"用bing搜索":               "用 bing 搜索",
		"검색 도구":                 "검색 도구",
		"\xff\xfebad":           "bad",
		strings.Repeat("x", 99): strings.Repeat("x", maxWord),
	} {
		var got []string
		splitWords(text, func(w []byte, _ bool) { got = append(got, string(w)) })
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q is cut into %q; want %q", text, s, want)
		}
	}
}

func FuzzSplitWords(f *testing.F) {
	f.Add("getUserByID 搜索 don't a-_b \xff")
	f.Fuzz(func(t *testing.T, text string) {
		var words []string
		splitWords(text, func(w []byte, _ bool) {
			if len(w) == 0 || len(w) > maxWord {
				t.Errorf("a word of %d bytes", len(w))
			}
			words = append(words, string(w))
			termOf(w)
		})
		if len(words) > 0 && len(words) > 3*utf8.RuneCountInString(text) {
			t.Errorf("%d words in %d runes", len(words), utf8.RuneCountInString(text))
		}
		var again []string
		splitWords(text, func(w []byte, _ bool) { again = append(again, string(w)) })
		if !slices.Equal(words, again) {
			t.Errorf("%q is cut into %q and into %q", text, words, again)
		}
	})
}
