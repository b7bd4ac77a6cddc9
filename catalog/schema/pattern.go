package schema

import (
	"regexp"
	"sync"

	"mcpproxy/catalog/re2"
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
		re, size, err := re2.Compile(source, maxPatternSize)
		if err != nil {
			return program{} // ECMA-262 has look-around and back-references
		}
		return program{re, size}
	})}
}

// A match with a pattern takes time for each instruction and byte; so many of
// both cost one step.
const matchPerStep = 16

// price returns the steps that a match with a text may take.
func (p program) price(text string) int { return p.size * (1 + len(text)) / matchPerStep }
