package redact

import (
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// breaks are what ends a line. Programs that show progress end one with a
// carriage return alone.
const breaks = "\r\n"

// maskParts masks what is left of values that the text does not hold in one
// piece: a program wraps and decorates its lines, and long lines are cut.
func maskParts(s string, forms []string) string {
	if strings.ContainsAny(strings.TrimRight(s, breaks), breaks) {
		before := ""
		for _, skip := range folds {
			u := unfold(s, skip)
			if u.text != before {
				s = u.mask(s, forms)
			}
			before = u.text
		}
	}
	s = maskPieces(s, forms)
	var b strings.Builder
	for from := 0; from < len(s); {
		line := lineAt(s, from)
		b.WriteString(maskEnds(line, forms))
		from += len(line)
		if from < len(s) {
			b.WriteByte(s[from])
			from++
		}
	}
	return b.String()
}

// lineAt returns the line that begins there, without its end.
func lineAt(s string, from int) string {
	if i := strings.IndexAny(s[from:], breaks); i >= 0 {
		return s[from : from+i]
	}
	return s[from:]
}

// folds are the ways in which a program may begin a line that goes on with a
// value: each returns the length of what it put before the rest.
var folds = []func(before, line string) int{
	nil,
	func(_, line string) int { return indent(line) },
	func(_, line string) int { return mark(line) },
	shared,
}

// indent returns the length of the blank with which a line begins.
func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// mark returns the length of the mark with which a line begins, such as "| ",
// and of the blank around it.
func mark(line string) int {
	at := indent(line)
	r, size := utf8.DecodeRuneInString(line[at:])
	if size == 0 || unicode.IsLetter(r) || unicode.IsDigit(r) {
		return at
	}
	rest := strings.TrimLeft(line[at:], string(r))
	return len(line) - len(rest) + indent(rest)
}

// shared returns the length of the words with which a line begins as the one
// before it does, such as "npm ERR! ".
func shared(before, line string) int {
	n, most := 0, min(end(before), end(line))
	for n < most && before[n] == line[n] {
		n++
	}
	if space := strings.LastIndexAny(line[:n], " \t"); space >= 0 {
		n = space + 1
	} else {
		n = len(strings.TrimRightFunc(line[:n], isWord))
	}
	return n + indent(line[n:])
}

// end returns the offset of what stands behind the text of a line.
func end(line string) int { return len(strings.TrimRight(line, " \t\\")) }

// A span is a part of a text, from the first offset up to the second.
type span struct{ from, to int }

// An unfolded is a text without its line ends and what skip finds there.
type unfolded struct {
	text  string
	parts []span // where each part of text was
	at    []int  // where it is
}

func unfold(s string, skip func(before, line string) int) unfolded {
	var u unfolded
	var b strings.Builder
	before := ""
	for from := 0; from <= len(s); {
		line := lineAt(s, from)
		part := span{from, from + len(line)}
		if skip != nil && line != "" {
			part.to = from + end(line)
			if b.Len() > 0 {
				part.from = min(from+skip(before, line), part.to)
			}
			if end(line) > 0 {
				before = line
			}
		}
		if part.from < part.to {
			u.parts, u.at = append(u.parts, part), append(u.at, b.Len())
			b.WriteString(s[part.from:part.to])
		}
		from += len(line) + 1
	}
	u.text = b.String()
	return u
}

// origin returns where a byte of the text was.
func (u unfolded) origin(offset int) int {
	i := sort.SearchInts(u.at, offset+1) - 1
	return u.parts[i].from + offset - u.at[i]
}

// mask masks the values of s, of which u is made, that are cut into pieces.
func (u unfolded) mask(s string, forms []string) string {
	var found []span
	for _, form := range forms {
		form = withoutBreaks(form)
		if len(form) < minSecret {
			continue
		}
		for from := 0; ; {
			i := strings.Index(u.text[from:], form)
			if i < 0 {
				break
			}
			from += i + len(form)
			found = append(found, span{u.origin(from - len(form)), u.origin(from-1) + 1})
		}
	}
	return maskSpans(s, found)
}

// maskEnds masks the end of a value with which a line begins, the beginning of
// one with which it ends, and a line that is a piece of one. Parts of fewer than
// minSecret bytes are kept, since innocent words look the same.
func maskEnds(line string, forms []string) string {
	last := end(line)
	done := len(line)
	for _, start := range []int{mark(line), indent(line), 0} {
		if start < min(last, done) {
			done = start
			if text := line[start:last]; isPiece(text, forms) {
				return line[:start] + Mask + line[last:]
			} else if masked := maskEnd(text, forms); masked != text {
				return line[:start] + masked + line[last:]
			}
		}
	}
	return line
}

// isPiece reports whether the text is cut out of a value. A short one without
// digits may be a word.
func isPiece(text string, forms []string) bool {
	const digits = "0123456789"
	switch {
	case len(text) < minSecret, strings.ContainsAny(text, " \t"):
		return false
	case len(text) < 2*minSecret && (!strings.ContainsAny(text, digits) || strings.Trim(text, digits) == ""):
		return false
	}
	return slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(form, text) })
}

// maskEnd masks what is left of values at both ends of a text.
func maskEnd(line string, forms []string) string {
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
