package search

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A term is the identity of a word in an index. Its high half is the hash of
// the word's family (create, creating, creation, creator), its low half the
// hash of the word itself, so that in a sorted list a family lies together.
// Words whose hashes collide are taken for the same: a wrong match that costs
// one place in a ranking, at odds of one in 2^32.
type term uint64

func (t term) family() uint32 { return uint32(t >> 32) }

// maxWord bounds the bytes of a word. What is longer is data (base64, a
// hash), which its head tells apart well enough.
const maxWord = 40

// termOf returns the term of a word in lower case. It changes w.
func termOf(w []byte) term {
	w = singular(w)
	exact := hash(w)
	return term(hash(family(w)))<<32 | term(exact)
}

// hash is FNV-1a, for its stable values: a ranking must not change between runs.
func hash(w []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range w {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

// A splitter cuts text into words in lower case. Its buffers are reused: a
// word is valid only until the next one.
type splitter struct {
	yield  func(word []byte, whole bool)
	part   []byte // the piece being read
	whole  []byte // the pieces before it and it, of one identifier
	pieces int    // in whole
	last   rune   // the ideograph before, or 0
	alone  bool   // last is the first of its run
}

// kind is what a rune means to a splitter.
type kind uint8

const (
	gap        kind = iota
	joint           // within an identifier
	apostrophe      // within a word
	lower
	upper
	digit
	ideograph // of a script that writes no spaces between words
)

func kindOf(r rune) kind {
	if r < utf8.RuneSelf {
		switch {
		case 'a' <= r && r <= 'z':
			return lower
		case 'A' <= r && r <= 'Z':
			return upper
		case '0' <= r && r <= '9':
			return digit
		case r == '_', r == '-':
			return joint
		case r == '\'':
			return apostrophe
		}
		return gap
	}
	switch {
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
		return ideograph
	case unicode.IsUpper(r):
		return upper
	case unicode.IsLetter(r), unicode.IsMark(r):
		return lower
	case unicode.IsNumber(r):
		return digit
	case r == '’':
		return apostrophe
	}
	return gap
}

// splitWords calls yield with each word of text. Identifiers in snake_case,
// kebab-case and camelCase are cut apart, also at digits, and then given whole
// ("GitHub" is git, hub and, whole, github). Of text without spaces between
// words each pair of neighbouring runes is a word.
func splitWords(text string, yield func(word []byte, whole bool)) {
	s := splitter{yield: yield}
	previous := gap
	for i, r := range text {
		k := kindOf(r)
		switch {
		case k == ideograph:
			s.endIdentifier()
			s.ideograph(r)
		case k == joint && previous != gap:
			s.cut()
		case k == apostrophe && previous != gap: // don't, user's
			continue
		case k == gap, k == joint, k == apostrophe:
			k = gap
			s.endIdentifier()
			s.endRun()
		default:
			if startsPiece(previous, k, text[i:]) {
				s.cut()
			}
			s.endRun()
			s.part = utf8.AppendRune(s.part, unicode.ToLower(r))
		}
		previous = k
	}
	s.endIdentifier()
	s.endRun()
}

// startsPiece reports whether a piece of an identifier starts with the rune
// of kind k that begins rest.
func startsPiece(previous, k kind, rest string) bool {
	switch {
	case previous == digit && k != digit, previous == lower && k != lower, previous == upper && k == digit:
		return true
	case previous == upper && k == upper: // HTMLPage: the last capital begins the next piece
		_, n := utf8.DecodeRuneInString(rest)
		next, _ := utf8.DecodeRuneInString(rest[n:])
		return kindOf(next) == lower && next != 's' // but not in URLs
	}
	return false
}

// cut ends a piece.
func (s *splitter) cut() {
	if len(s.part) == 0 {
		return
	}
	s.whole = append(s.whole, s.part...)
	s.pieces++
	s.give(s.part, false)
	s.part = s.part[:0]
}

func (s *splitter) endIdentifier() {
	s.cut()
	if s.pieces > 1 {
		s.give(s.whole, true)
	}
	s.whole, s.pieces = s.whole[:0], 0
}

func (s *splitter) ideograph(r rune) {
	s.alone = s.last == 0
	if !s.alone {
		s.give(utf8.AppendRune(utf8.AppendRune(nil, s.last), r), false)
	}
	s.last = r
}

// endRun ends a run of ideographs.
func (s *splitter) endRun() {
	if s.last != 0 && s.alone {
		s.give(utf8.AppendRune(nil, s.last), false)
	}
	s.last = 0
}

func (s *splitter) give(w []byte, whole bool) { s.yield(w[:min(len(w), maxWord)], whole) }

// singular takes the plural's ending off an English word. It does no more,
// because "search" and "searcher" are better told apart. It may change w.
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

// noPlural holds words that the rules for plurals would spoil.
var noPlural = map[string]bool{"news": true, "series": true, "species": true}

// endsInIE holds plurals that lose no more than their "s".
var endsInIE = map[string]bool{"movies": true, "cookies": true, "calories": true, "selfies": true}

// takesES reports whether an English word makes its plural with "es".
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

// endings are what is taken off a word to find its family; the first fits.
var endings = []string{
	"ization", "isation", "izing", "ising", "yzing", "ysing", "ized", "ised", "yzed", "izer", "yzer",
	"ytic", "ysis", "ize", "ise", "yze", "yse",
	"ating", "ation", "ated", "ator", "ate", "ition", "ion", "ing", "ment",
	"ance", "ive", "ied", "ed", "er", "or", "al", "e", "y",
}

const vowels = "aeiou"

// family returns what the derived forms of an English verb or noun share.
func family(w []byte) []byte {
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

// wordsOf returns the terms of a text, in its order.
func wordsOf(text string) []term {
	return termsOf(text, func([]byte, bool) bool { return true })
}

// partsOf returns the terms of an identifier's pieces.
func partsOf(name string) []term {
	return termsOf(name, func(_ []byte, whole bool) bool { return !whole })
}

// tellingWords returns the terms of a text but those of filler.
func tellingWords(text string) []term {
	return termsOf(text, func(w []byte, _ bool) bool { return !filler()[string(w)] })
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
