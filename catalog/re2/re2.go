// Package re2 compiles foreign regular expressions with a bound on their size: a
// short source with repetitions compiles to a very large program, which takes
// memory and makes each match slow.
//
// [Compile] is all there is. There are no goroutines and no locks.
package re2

import (
	"errors"
	"regexp"
	"regexp/syntax"
)

// maxSource bounds an expression in bytes: a class of three bytes can be parsed
// to hundreds of ranges.
const maxSource = 4 << 10

// fewRanges of a class are looked through one by one, which is quick.
const fewRanges = 4

// ErrTooLarge means that an expression is too long or compiles to too large a
// program.
var ErrTooLarge = errors.New("expression too large: repetitions count as often as they are written")

// Compile compiles an RE2 expression unless it is longer than 4 KiB or its program
// would have more than most instructions. size is their number, counted roughly, with
// large classes as two: a match takes time in proportion to it, for each byte of the
// text. Errors: ErrTooLarge, or a
// *syntax.Error.
func Compile(source string, most int) (re *regexp.Regexp, size int, err error) {
	if len(source) > maxSource {
		return nil, 0, ErrTooLarge
	}
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, 0, err
	}
	if size = sizeOf(parsed, most); size > most {
		return nil, 0, ErrTooLarge
	}
	re, err = regexp.Compile(source)
	return re, size, err
}

// sizeOf counts the instructions of an expression before it is compiled, with each
// repetition written out as the compiler does it. Any count above most is most+1.
func sizeOf(re *syntax.Regexp, most int) int {
	size := 1
	switch {
	case re.Op == syntax.OpLiteral:
		size = len(re.Rune)
	case re.Op == syntax.OpCharClass && len(re.Rune) > 2*fewRanges:
		size = 2 // a search in the ranges takes as long as the rest
	}
	for _, part := range re.Sub {
		if size += sizeOf(part, most); size > most {
			return most + 1
		}
	}
	if re.Op == syntax.OpRepeat {
		times := re.Max
		if times < 0 { // without end
			times = re.Min + 1
		}
		size *= max(1, times)
	}
	return min(size, most+1)
}
