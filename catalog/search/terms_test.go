package search

import (
	"strings"
	"testing"
)

func TestTermsThatAreOne(t *testing.T) {
	t.Parallel()
	for _, pair := range []string{
		"files file", "queries query", "boxes box", "branches branch", "caches cache",
		"databases database", "addresses address", "movies movie", "statuses statuse", "images image",
	} {
		a, b, _ := strings.Cut(pair, " ")
		if termOf([]byte(a)) != termOf([]byte(b)) {
			t.Errorf("%s and %s are two terms", a, b)
		}
	}
	for _, pair := range []string{"news new", "status statu", "create creating", "search searcher", "analysis analyze"} {
		a, b, _ := strings.Cut(pair, " ")
		if termOf([]byte(a)) == termOf([]byte(b)) {
			t.Errorf("%s and %s are one term", a, b)
		}
	}
}

func TestStems(t *testing.T) {
	t.Parallel()
	for _, words := range []string{
		"create creates creating created creation creator",
		"search searches searching searcher searched",
		"plan plans planning planned planner",
		"calculate calculating calculation calculator",
		"analyze analyzing analysis analytics",
		"retrieve retrieving retrieval",
		"summarize summary summarizing",
		"deploy deployment deploying",
		"query queries",
	} {
		of := make(map[uint32]bool)
		for w := range strings.FieldsSeq(words) {
			of[termOf([]byte(w)).stem()] = true
		}
		if len(of) != 1 {
			t.Errorf("%s: %d stems", words, len(of))
		}
	}
	for _, pair := range []string{"string str", "thing th", "move movie", "user us", "table tab"} {
		a, b, _ := strings.Cut(pair, " ")
		if termOf([]byte(a)).stem() == termOf([]byte(b)).stem() {
			t.Errorf("%s and %s have one stem", a, b)
		}
	}
}
