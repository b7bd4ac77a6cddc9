package auth

import (
	"cmp"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
)

// maxWords bounds what is told of an answer in other words than OAuth's, in
// characters.
const maxWords = 120

// within returns the members of an error that is an object, as many APIs write
// one.
func (a response) within() response {
	within := response{}
	_ = json.Unmarshal(a["error"], &within) // empty if it is none
	return within
}

// errorWithin returns the code of an error that is an object.
func (a response) errorWithin() string {
	within := a.within()
	return cmp.Or(within.text("code"), within.text("type"))
}

// description returns what an answer with an error says of it.
func (a response) description() string {
	within := a.within()
	return cmp.Or(a.text("error_description"), within.text("message"), within.text("description"), within.text("error_description"))
}

// assignment finds what may be a token in text that is neither JSON nor a form.
var assignment = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)(token|secret)["']?\s*[:=]|\bcode=`) })

// words returns what an answer says for people: a member of its JSON in which
// many APIs do so, or the first line of a text. It is foreign text.
func (a response) words(body []byte) string {
	for _, said := range []string{a.description(), a.text("message"), a.text("detail"), a.text("title"), a.text("errmsg")} {
		if strings.TrimSpace(said) != "" {
			return said
		}
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if json.Valid(body) || strings.ContainsAny(line, "<{") || assignment().MatchString(line) {
		return "" // a page, or JSON for programs
	}
	return line
}
