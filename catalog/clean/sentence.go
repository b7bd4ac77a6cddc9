package clean

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// FirstSentence returns the first sentence of a text as a clean line of at most
// that many characters, see [Cut], for lists that have one line for each tool or
// server. It takes a heading only if there is nothing else.
func FirstSentence(s string, most int) string {
	text, _ := Text(enough(s, most), 0)
	heading := ""
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		for strings.HasPrefix(paragraph, "#") {
			var line string
			line, paragraph, _ = strings.Cut(paragraph, "\n")
			if heading == "" {
				heading = strings.TrimSpace(strings.Trim(line, "#"))
			}
		}
		if line := Line(paragraph, 0); line != "" {
			return Cut(line[:sentenceEnd(line)], most)
		}
	}
	return Line(heading, most)
}

// sentenceEnd returns where the first sentence of a line ends: after a mark before
// a space and the beginning of another sentence.
func sentenceEnd(line string) int {
	for i, r := range line {
		next := i + utf8.RuneLen(r)
		if r == '。' || r == '！' || r == '？' {
			return next
		}
		if r != '.' && r != '!' && r != '?' || !strings.HasPrefix(line[next:], " ") {
			continue
		}
		after, _ := utf8.DecodeRuneInString(line[next+1:])
		word := line[strings.LastIndexByte(line[:i], ' ')+1 : i]
		abbreviated := strings.Contains(word, ".") || word == "vs" || word == "etc" // as in "e.g."
		if !unicode.IsLower(after) && !abbreviated {
			return next
		}
	}
	return len(line)
}
