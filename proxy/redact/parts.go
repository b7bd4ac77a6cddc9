package redact

import (
	"slices"
	"strings"
)

// maskParts masks what is left of values that the text does not hold in one
// piece: a program wraps its lines, and long lines are cut.
func maskParts(s string, forms []string) string {
	if strings.Contains(strings.TrimRight(s, "\r\n"), "\n") {
		s = maskWrapped(s, forms)
	}
	var b strings.Builder
	for line := range strings.Lines(s) {
		text := strings.TrimRight(line, "\r\n")
		b.WriteString(maskEnds(text, forms))
		b.WriteString(line[len(text):])
	}
	return b.String()
}

// A span is a part of a text, from the first offset up to the second.
type span struct{ from, to int }

// maskWrapped masks values that line ends cut into pieces.
func maskWrapped(s string, forms []string) string {
	// The text without its line ends, and where each byte of it was.
	joined, at := make([]byte, 0, len(s)), make([]int, 0, len(s))
	for i := range len(s) {
		if s[i] != '\n' && s[i] != '\r' {
			joined, at = append(joined, s[i]), append(at, i)
		}
	}
	text := string(joined)
	var found []span
	for _, form := range forms {
		form = strings.NewReplacer("\r", "", "\n", "").Replace(form)
		if len(form) < minSecret {
			continue
		}
		for from := 0; ; {
			i := strings.Index(text[from:], form)
			if i < 0 {
				break
			}
			found = append(found, span{at[from+i], at[from+i+len(form)-1] + 1})
			from += i + len(form)
		}
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	done := 0
	for _, f := range found {
		if f.from >= done {
			b.WriteString(s[done:f.from])
			b.WriteString(Mask)
		}
		done = max(done, f.to)
	}
	b.WriteString(s[done:])
	return b.String()
}

// maskEnds masks the end of a value with which a line begins, and the beginning
// of one with which it ends. Parts of fewer than minSecret bytes are kept, since
// innocent words look the same.
func maskEnds(line string, forms []string) string {
	from, to := 0, len(line)
	for _, form := range forms {
		first, last := form[:minSecret], form[len(form)-minSecret:]
		head := line[:min(len(line), len(form))]
		for i := strings.LastIndex(head, last); i >= 0; i = strings.LastIndex(head, last) {
			head = head[:i+minSecret]
			if strings.HasSuffix(form, head) {
				from = max(from, len(head))
				break
			}
			head = head[:len(head)-1]
		}
		tail := line[max(0, len(line)-len(form)):]
		for i := strings.Index(tail, first); i >= 0; i = strings.Index(tail, first) {
			tail = tail[i:]
			if strings.HasPrefix(form, tail) {
				to = min(to, len(line)-len(tail))
				break
			}
			tail = tail[1:]
		}
	}
	switch {
	case from >= to && from > 0 && to < len(line):
		return Mask
	case from > 0 && to < len(line):
		return Mask + line[from:to] + Mask
	case from > 0:
		return Mask + line[from:]
	case to < len(line):
		return line[:to] + Mask
	}
	return line
}
