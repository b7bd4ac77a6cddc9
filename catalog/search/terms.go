package search

import (
	"bytes"
	"strings"
)

// A term stands for a word in an index. Its high half is the hash of the word's
// stem (creat, of create, creation and creator), its low half the hash of the
// word, so that words of the same stem are neighbours in a sorted list. Words
// whose hashes collide, one pair in 2^32, are the same term.
type term uint64

func (t term) stem() uint32 { return uint32(t >> 32) }

// maxWord bounds a word, in bytes. Anything longer is data, such as base64, and its
// beginning identifies it well enough.
const maxWord = 40

// termOf returns the term of a word in lower case. It may change w.
func termOf(w []byte) term {
	w = singular(w)
	exact := hash(w)
	return term(hash(stem(w)))<<32 | term(exact)
}

// hash is FNV-1a, whose values are the same in each run, as rankings must be.
func hash(w []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range w {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

// singular removes the plural ending of an English word, and no other ending,
// because "search" and "searcher" mean different things. It may change w.
func singular(w []byte) []byte {
	n := len(w)
	if n < 4 || w[n-1] != 's' || noPlural[string(w)] {
		return w
	}
	switch {
	case w[n-2] == 's' || w[n-2] == 'u' || w[n-2] == 'i':
		return w // address, status, analysis
	case n > 4 && string(w[n-3:]) == "ies" && !endsInIE[string(w)]:
		w[n-3] = 'y'
		return w[:n-2] // queries
	case n > 4 && w[n-2] == 'e' && takesES(w[:n-2]):
		return w[:n-2]
	}
	return w[:n-1]
}

// noPlural holds words that end like plurals and are none.
var noPlural = map[string]bool{"news": true, "series": true, "species": true}

// endsInIE holds plurals in "ies" that only lose their "s".
var endsInIE = map[string]bool{"movies": true, "cookies": true, "calories": true, "selfies": true}

// takesES reports whether an English word has its plural in "es".
func takesES(w []byte) bool {
	switch w[len(w)-1] {
	case 'x':
		return true // boxes
	case 'h':
		return len(w) < 3 || string(w[len(w)-3:]) != "ach" // branches, but caches
	case 's', 'z':
		return w[len(w)-2] == w[len(w)-1] // addresses, but databases
	}
	return false
}

// endings are removed from a word to find its stem. Only the first that fits is.
var endings = []string{
	"ization", "isation", "izing", "ising", "yzing", "ysing", "ized", "ised", "yzed", "izer", "yzer",
	"ytic", "ysis", "ize", "ise", "yze", "yse",
	"ating", "ation", "ated", "ator", "ate", "ition", "ion", "ing", "ment",
	"ance", "ive", "ied", "ed", "er", "or", "al", "e", "y",
}

const vowels = "aeiou"

// stem returns the part that derived forms of an English verb or noun share.
func stem(w []byte) []byte {
	for _, e := range endings {
		stem, found := bytes.CutSuffix(w, []byte(e))
		if !found || len(stem) < 3 || !bytes.ContainsAny(stem, vowels+"y") {
			continue
		}
		if e == "y" && strings.IndexByte(vowels, stem[len(stem)-1]) >= 0 {
			continue // deploy
		}
		w = stem
		break
	}
	if n := len(w); n > 3 && w[n-1] == w[n-2] {
		w = w[:n-1] // planning, plan
	}
	return w
}

// wordsOf returns the terms of a text in its order.
func wordsOf(text string) []term {
	return termsOf(text, func([]byte, bool) bool { return true })
}

// partsOf returns the terms of an identifier's pieces.
func partsOf(name string) []term {
	return termsOf(name, func(_ []byte, whole bool) bool { return !whole })
}

// contentWords returns the terms of a text without those of stop words.
func contentWords(text string) []term {
	return termsOf(text, func(w []byte, _ bool) bool { return !stopWords()[string(w)] })
}

func termsOf(text string, keep func(word []byte, whole bool) bool) []term {
	var terms []term
	splitWords(text[:min(len(text), maxText)], func(w []byte, whole bool) {
		if keep(w, whole) {
			terms = append(terms, termOf(w))
		}
	})
	return terms
}
