package schema

import (
	"regexp"
	"regexp/syntax"
	"sync"
)

// A pattern is compiled on first use, because most schemas only get described.
type pattern struct {
	source  string
	compile func() program
}

// A program is a compiled pattern; re is nil if the source is not RE2 or too
// large.
type program struct {
	re   *regexp.Regexp
	size int // instructions, counted roughly
}

func newPattern(source string) *pattern {
	return &pattern{source, sync.OnceValue(func() program {
		parsed, err := syntax.Parse(source, syntax.Perl)
		if err != nil {
			return program{} // ECMA-262 has look-around and back-references
		}
		size := sizeOf(parsed)
		if size > maxPatternSize {
			return program{} // a short source with repetitions compiles to a very large program
		}
		re, err := regexp.Compile(source)
		if err != nil {
			return program{}
		}
		return program{re, size}
	})}
}

// sizeOf counts the instructions of a pattern before it is compiled, with each
// repetition written out as the compiler does it.
func sizeOf(re *syntax.Regexp) int {
	size := 1 + len(re.Rune)
	for _, part := range re.Sub {
		if size += sizeOf(part); size > maxPatternSize {
			return maxPatternSize + 1
		}
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min+1, re.Max)
	}
	return min(size, maxPatternSize+1)
}

// A match with a pattern takes time for each instruction and byte; so many of
// both cost one step.
const matchPerStep = 16

// price returns the steps that a match with a text may take.
func (p program) price(text string) int { return p.size * (1 + len(text)) / matchPerStep }
