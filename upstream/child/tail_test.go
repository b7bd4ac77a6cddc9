package child

import (
	"fmt"
	"strings"
	"testing"
)

func TestTailIsBounded(t *testing.T) {
	t.Parallel()
	var in, want []string
	for i := range 30 {
		in = append(in, fmt.Sprintf("line %d\r", i), "")
		if i >= 30-tailLines {
			want = append(want, fmt.Sprintf("line %d", i))
		}
	}
	long := strings.Repeat("x", 10_000)
	in, want = append(in, long), append(want[1:], long[:tailLineLen])
	kept := tail{redact: func(text string) string { return text }}
	kept.read(strings.NewReader(strings.Join(in, "\n")), nil)
	if got := kept.String(); got != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
}

// What is kept together is redacted together, and before it is cut.
func TestTailIsRedactedBeforeItIsCut(t *testing.T) {
	t.Parallel()
	const secret = "0123456789-secret-9876543210"
	redact := strings.NewReplacer(secret, "***", "0123456789-\nsecret-9876543210", "***").Replace
	lines := []string{strings.Repeat("x", tailLineLen-10) + secret, "0123456789-", "secret-9876543210", "end"}
	kept := tail{redact: redact}
	var heard []string
	kept.read(strings.NewReader(strings.Join(lines, "\n")), func(line string) { heard = append(heard, line) })
	if got, want := kept.String(), strings.Repeat("x", tailLineLen-10)+"***\n***\nend"; got != want {
		t.Errorf("got %q", got)
	}
	if want := strings.Repeat("x", tailLineLen-10) + "***"; len(heard) != 4 || heard[0] != want || heard[3] != "end" {
		t.Errorf("heard %q", heard)
	}
}
