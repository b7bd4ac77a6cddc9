package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tailscale/hujson"
)

// Sizes in bytes above which a configuration file is refused.
const (
	maxGlobalSize  = 16 << 20
	maxProjectSize = 1 << 20
)

// maxDepth bounds the nesting of a file, because the parser recurses without a
// bound and the overflow of the stack ends the process.
const maxDepth = 100

var (
	errNotRegular = errors.New("not a regular file")
	errTooLarge   = errors.New("too large")
)

// A source is the text of a configuration file: JSON with comments and
// trailing commas.
type source struct {
	file     string
	text     []byte
	newlines []int // offsets of all line ends
}

// readFile reads a regular file of at most limit bytes. A pipe or a device,
// which a cloned repository can link to, would block or never end. The access
// rights stay as they are, unlike those of what privatefile.Read reads.
func readFile(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNotRegular
	case info.Size() > limit:
		return nil, errTooLarge
	}
	text, err := os.ReadFile(name)
	if err == nil && int64(len(text)) > limit {
		err = errTooLarge
	}
	return text, err
}

// newSource drops the byte order mark that some editors write, and ends the
// last line, because the parser accepts no comment without a line end.
func newSource(file string, text []byte) *source {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	text = append(text[:len(text):len(text)], '\n')
	s := &source{file: file, text: text}
	for i, b := range text {
		if b == '\n' {
			s.newlines = append(s.newlines, i)
		}
	}
	return s
}

// line returns the 1-based line of an offset.
func (s *source) line(offset int) int { return 1 + sort.SearchInts(s.newlines, offset) }

func (s *source) problem(offset int, hint, format string, args ...any) *Problem {
	return &Problem{File: s.file, Line: s.line(offset), Message: fmt.Sprintf(format, args...), Hint: hint}
}

// parse returns the file's root object. Problems quote at most one character
// of the file, because a line may hold a secret.
func (s *source) parse() (*hujson.Object, *Problem) {
	if !utf8.Valid(s.text) {
		return nil, &Problem{File: s.file, Message: "the file is not UTF-8 text", Hint: "save it as UTF-8"}
	}
	if len(bytes.TrimSpace(s.text)) == 0 {
		return nil, &Problem{File: s.file, Message: "the file is empty", Hint: `write {"mcpServers": {}} to have no servers`}
	}
	if at := tooDeep(s.text); at >= 0 {
		return nil, s.problem(at, "", "values are nested more than %d deep", maxDepth)
	}
	root, err := hujson.Parse(s.text)
	if err != nil {
		return nil, s.syntax(err)
	}
	object, ok := root.Value.(*hujson.Object)
	if !ok {
		return nil, s.problem(root.StartOffset, `the file looks like {"mcpServers": {…}}`, "the file must hold an object, not %s", kindOf(root.Value))
	}
	return object, nil
}

// syntax says where the text stops being JSON. The place is read from the text
// of the parser's error, because that error has no fields; the text quotes the
// file and so is not passed on.
func (s *source) syntax(err error) *Problem {
	var line, column int
	if _, err := fmt.Sscanf(err.Error(), "hujson: line %d, column %d:", &line, &column); err != nil {
		return &Problem{File: s.file, Message: "the file is not valid JSON"}
	}
	at := column - 1
	if line > 1 {
		at += s.newlines[line-2] + 1
	}
	if end := len(bytes.TrimRight(s.text, " \t\r\n")); at >= end {
		return s.problem(end, "close every string, comment, { and [", "the file ends in the middle of a value")
	}
	near, _ := utf8.DecodeRune(s.text[at:])
	what, hint := fmt.Sprintf("unexpected %q", near), ""
	before := bytes.TrimRight(s.text[:at], " \t\r\n")
	switch {
	case near == ',':
		hint = "a comma stands only between two values, or after the last one"
	case len(before) > 0 && !bytes.ContainsRune([]byte("{[,:/"), rune(before[len(before)-1])):
		hint = "a comma or a colon is missing before it"
	case near == '"':
		what, hint = "invalid string", `inside a string write \\ for a backslash and \n for a line end`
	case near == '\'':
		hint = `strings take double quotes (")`
	case unicode.IsLetter(near):
		hint = `names and strings take double quotes ("); bare words are true, false and null`
	case !unicode.IsPrint(near):
		what = fmt.Sprintf("unexpected character %U", near)
	}
	return s.problem(at, hint, "%s at column %d", what, column)
}

// tooDeep returns the offset at which text, outside of strings and comments,
// nests deeper than maxDepth, or -1.
func tooDeep(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return i
			}
		case '}', ']':
			depth--
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '/':
			end := ""
			if rest := text[i:]; bytes.HasPrefix(rest, []byte("//")) {
				end = "\n"
			} else if bytes.HasPrefix(rest, []byte("/*")) {
				end = "*/"
			}
			if end != "" {
				n := bytes.Index(text[i+2:], []byte(end))
				if n < 0 {
					return -1
				}
				i += 2 + n + len(end) - 1
			}
		}
	}
	return -1
}

// kindOf returns the kind of a JSON value in words.
func kindOf(v hujson.ValueTrimmed) string {
	switch v.Kind() {
	case 'n':
		return "null"
	case 'f', 't':
		return "true or false"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{':
		return "an object"
	}
	return "a list"
}

// unreadable turns a failure to read a file into a problem. The reason is kept
// without the path, which the problem has.
func unreadable(file string, err error) *Problem {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	return &Problem{File: file, Message: "the file cannot be read: " + strings.TrimSuffix(err.Error(), ".")}
}
