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
	var kept tail
	kept.read(strings.NewReader(strings.Join(in, "\n")), func(line string) string { return line })
	if got := kept.String(); got != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
}
