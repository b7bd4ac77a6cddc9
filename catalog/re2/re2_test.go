package re2

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"testing"
)

func TestSizeCoversTheProgram(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		"", "a", "abc", "(?i)straße", "^[a-z0-9-]+$", "(a|bb|ccc)*?", "x{3}", "x{3,}", "x{0,7}", "(ab{2,5}){3,4}", `\p{L}+\b`, "(a*)*", "(?:(?:a{10}){10}){5}",
	} {
		_, size, err := Compile(source, 100_000)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := syntax.Parse(source, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		prog, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		if n := len(prog.Inst); size > 3*n || n > 3*size+4 {
			t.Errorf("%s: size %d, %d instructions", source, size, n)
		}
	}
}

func TestLargeProgramsAreNotCompiled(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"a{1000}", "(a{10}){20}", "((a{0,5}){0,5}){0,20}", strings.Repeat("a", 101)} {
		if _, _, err := Compile(source, 100); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", source, err)
		}
	}
	if _, _, err := Compile("["+strings.Repeat("a", maxSource)+"]", 100); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a long source: %v", err)
	}
	if _, _, err := Compile("(", 100); err == nil || errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func ExampleCompile() {
	re, _, err := Compile("ne+dle", 1000)
	fmt.Println(re.FindString("a needle"), err)
	_, _, err = Compile("(x{100}){10}|(y{100}){10}", 1000)
	fmt.Println(err)
	// Output:
	// needle <nil>
	// expression too large: repetitions count as often as they are written
}

// To find a rune in a class of hundreds of ranges takes about as long as a second
// instruction.
func TestLargeClassesCountTwice(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]int{"[a-z]": 1, "[^a]": 1, `\d`: 1, `\p{L}`: 2, `(?i)[\p{L}\p{N}]`: 2, `\P{Z}`: 2, `\p{L}{10}`: 30} {
		if _, size, err := Compile(source, 100); err != nil || size != want {
			t.Errorf("%s: size %d, want %d, %v", source, size, want, err)
		}
	}
}
