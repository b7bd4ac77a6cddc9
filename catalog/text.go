package catalog

import (
	"bytes"
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

// maxWord bounds the bytes of a word. What is longer is no word but data
// (base64, a hash), and its head identifies it well enough.
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

// A splitter cuts text into words in lower case. Its buffers are reused, so a
// word is valid only until the next one.
type splitter struct {
	word []byte // the run of letters and digits being read
	part []byte // the piece of word since the last change of case or to digits
}

// kind is what a rune means to a splitter.
type kind uint8

const (
	gap kind = iota
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
	}
	return gap
}

// split calls yield with each word of text: snake_case, kebab-case, camelCase
// and digits are cut apart, and a word cut by case or digits is also given
// whole ("GitHub" is git, hub and github). Text without spaces between words
// is given as its overlapping pairs of runes.
func (s *splitter) split(text string, yield func([]byte)) {
	s.word, s.part = s.word[:0], s.part[:0]
	var previous kind
	var ideo rune  // the ideograph before, 0 if none
	alone := false // ideo has not been part of a pair
	flushIdeo := func() {
		if ideo != 0 && alone {
			s.part = utf8.AppendRune(s.part[:0], ideo)
			yield(s.part)
			s.part = s.part[:0]
		}
		ideo = 0
	}
	for i, r := range text {
		k := kindOf(r)
		if k == gap && (r == '\'' || r == '’') && previous != gap && i+utf8.RuneLen(r) < len(text) {
			continue // don't, user's
		}
		if k == ideograph {
			s.flush(yield)
			if ideo != 0 {
				s.part = utf8.AppendRune(utf8.AppendRune(s.part[:0], ideo), r)
				yield(s.part)
				s.part = s.part[:0]
			}
			alone = ideo == 0
			ideo, previous = r, k
			continue
		}
		flushIdeo()
		if k == gap {
			s.flush(yield)
			previous = gap
			continue
		}
		if s.cuts(previous, k, text[i:], r) {
			s.cut(yield)
		}
		s.part = utf8.AppendRune(s.part, unicode.ToLower(r))
		previous = k
	}
	flushIdeo()
	s.flush(yield)
}

// cuts reports whether a new piece starts at r, which begins rest.
func (s *splitter) cuts(previous, k kind, rest string, r rune) bool {
	switch {
	case len(s.part) == 0:
		return false
	case (previous == digit) != (k == digit):
		return true
	case previous == lower && k == upper:
		return true
	case previous == upper && k == upper: // HTMLParser: the last capital begins the next piece
		next, _ := utf8.DecodeRuneInString(rest[utf8.RuneLen(r):])
		return kindOf(next) == lower && next != 's'
	}
	return false
}

// cut gives the piece read so far and keeps it as part of the whole word.
func (s *splitter) cut(yield func([]byte)) {
	s.word = append(s.word, s.part...)
	s.give(s.part, yield)
	s.part = s.part[:0]
}

// flush ends a word.
func (s *splitter) flush(yield func([]byte)) {
	if len(s.part) == 0 {
		return
	}
	if len(s.word) > 0 {
		s.word = append(s.word, s.part...)
		s.give(s.part, yield)
		s.give(s.word, yield)
	} else {
		s.give(s.part, yield)
	}
	s.word, s.part = s.word[:0], s.part[:0]
}

func (s *splitter) give(w []byte, yield func([]byte)) {
	yield(w[:min(len(w), maxWord)])
}

// singular takes the plural's ending off an English word. It does no more,
// because a tool's "searcher" and "search" are better told apart.
func singular(w []byte) []byte {
	n := len(w)
	if n < 4 || w[n-1] != 's' || string(w) == "news" || string(w) == "movies" || string(w) == "series" {
		return w
	}
	switch {
	case w[n-2] == 's' || w[n-2] == 'u' || w[n-2] == 'i':
		return w // address, status, analysis
	case n > 4 && string(w[n-3:]) == "ies":
		w[n-3] = 'y'
		return w[:n-2] // queries
	case n > 4 && w[n-2] == 'e' && takesES(w[:n-2]):
		return w[:n-2]
	}
	return w[:n-1]
}

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
	"ization", "isation", "izing", "ising", "ized", "ised", "izer", "ize", "ise",
	"ating", "ation", "ated", "ator", "ate", "ition", "ion", "ing", "ment",
	"ytic", "ysis", "yzing", "yzed", "yzer", "yze", "yse",
	"ance", "ive", "ied", "ed", "er", "or", "al", "e", "y",
}

// family returns what the derived forms of an English verb or noun share.
func family(w []byte) []byte {
	for _, e := range endings {
		n := len(w) - len(e)
		if n >= 3 && string(w[n:]) == e && bytes.ContainsAny(w[:n], "aeiouy") {
			w = w[:n]
			break
		}
	}
	if n := len(w); n > 3 && w[n-1] == w[n-2] {
		w = w[:n-1] // planning, plan
	}
	return w
}

// wordsOf returns the terms of a text, in its order.
func wordsOf(text string) []term { return readTerms(text, true) }

// tellingWords returns the terms of a text but those of filler.
func tellingWords(text string) []term { return readTerms(text, false) }

func readTerms(text string, keepFiller bool) []term {
	var terms []term
	var s splitter
	s.split(text[:min(len(text), maxText)], func(w []byte) {
		if keepFiller || !filler[string(w)] {
			terms = append(terms, termOf(w))
		}
	})
	return terms
}
