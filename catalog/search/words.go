package search

import (
	"unicode"
	"unicode/utf8"
)

// A splitter splits text into words in lower case. It reuses its buffers, so a word
// is valid only until the next one.
type splitter struct {
	yield  func(word []byte, whole bool)
	part   []byte // the piece of an identifier that is being read
	whole  []byte // all pieces of the identifier so far
	pieces int    // in whole
	last   rune   // the ideograph before, or 0
	alone  bool   // last is the first of its run
}

// A kind tells what a rune is to a splitter.
type kind uint8

const (
	space      kind = iota
	connector       // within an identifier
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
			return connector
		case r == '\'':
			return apostrophe
		}
		return space
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
	return space
}

// splitWords calls yield with each word of text. An identifier in snake_case,
// kebab-case or camelCase, or with digits, is split into pieces that are words, and
// is then a word as a whole: "GitHub" is git, hub and github. In a script without
// spaces each pair of neighbouring runes is a word.
func splitWords(text string, yield func(word []byte, whole bool)) {
	s := splitter{yield: yield}
	previous := space
	for i, r := range text {
		k := kindOf(r)
		switch {
		case k == ideograph:
			s.endIdentifier()
			s.ideograph(r)
		case k == connector && previous != space:
			s.endPiece()
		case k == apostrophe && previous != space: // don't, user's
			continue
		case k == space, k == connector, k == apostrophe:
			k = space
			s.endIdentifier()
			s.endRun()
		default:
			if startsPiece(previous, k, text[i:]) {
				s.endPiece()
			}
			s.endRun()
			s.part = utf8.AppendRune(s.part, unicode.ToLower(r))
		}
		previous = k
	}
	s.endIdentifier()
	s.endRun()
}

// startsPiece reports whether a piece of an identifier begins with the rune of kind
// k at the beginning of rest.
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

// endPiece ends a piece.
func (s *splitter) endPiece() {
	if len(s.part) == 0 {
		return
	}
	s.whole = append(s.whole, s.part...)
	s.pieces++
	s.emit(s.part, false)
	s.part = s.part[:0]
}

func (s *splitter) endIdentifier() {
	s.endPiece()
	if s.pieces > 1 {
		s.emit(s.whole, true)
	}
	s.whole, s.pieces = s.whole[:0], 0
}

func (s *splitter) ideograph(r rune) {
	s.alone = s.last == 0
	if !s.alone {
		s.emit(utf8.AppendRune(utf8.AppendRune(nil, s.last), r), false)
	}
	s.last = r
}

// endRun ends a run of ideographs.
func (s *splitter) endRun() {
	if s.last != 0 && s.alone {
		s.emit(utf8.AppendRune(nil, s.last), false)
	}
	s.last = 0
}

func (s *splitter) emit(w []byte, whole bool) { s.yield(w[:min(len(w), maxWord)], whole) }
