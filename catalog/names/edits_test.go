package names

import "testing"

func TestEdits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"abc", "abc", 0}, {"abc", "ab", 1}, {"ab", "abc", 1}, {"abc", "axc", 1}, {"abcd", "abdc", 1},
		{"kitten", "sitting", 3}, {"größe", "grösse", 2}, {"abc", "abcdefghijkl", 6},
	} {
		if got := edits([]rune(test.a), []rune(test.b), 5); got != test.want {
			t.Errorf("%q to %q: %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
