package jmespath

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A SyntaxError says where an expression is not JMESPath.
type SyntaxError struct {
	Offset  int // in bytes
	Problem string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Problem, e.Offset) }

// A kind tells tokens apart. It is the token as it is written, where all of its
// kind are alike.
type kind string

const (
	end        kind = "the end"
	name       kind = "a name"
	quotedName kind = "a quoted name"
	number     kind = "a number"
	literal    kind = "a literal"
)

type token struct {
	kind  kind
	at    int
	text  string // of a name
	index int    // of a number
	value value  // of a literal
}

// symbols are the tokens of a fixed spelling, a longer one before its beginning.
var symbols = []kind{"[?", "[]", "||", "&&", "==", "!=", "<=", ">=", "|", "&", "!", "<", ">", "[", "]", "{", "}", "(", ")", ".", ",", ":", "*", "@"}

// tokenize splits an expression into tokens, the last of which is the end.
func tokenize(expression string) ([]token, error) {
	var tokens []token
	for i := 0; ; {
		for i < len(expression) && strings.IndexByte(" \t\r\n", expression[i]) >= 0 {
			i++
		}
		if i == len(expression) {
			return append(tokens, token{kind: end, at: i}), nil
		}
		t, length, err := nextToken(expression[i:])
		if err != "" {
			return nil, &SyntaxError{i, err}
		}
		t.at = i
		tokens = append(tokens, t)
		i += length
	}
}

// nextToken reads the token that s begins with.
func nextToken(s string) (t token, length int, problem string) {
	switch c := s[0]; {
	case isLetter(c):
		for length < len(s) && (isLetter(s[length]) || isDigit(s[length])) {
			length++
		}
		return token{kind: name, text: s[:length]}, length, ""
	case c == '-' || isDigit(c):
		for length = 1; length < len(s) && isDigit(s[length]); length++ {
		}
		i, err := strconv.Atoi(s[:length])
		if err != nil {
			return token{}, 0, "bad number"
		}
		return token{kind: number, index: i}, length, ""
	case c == '"' || c == '\'' || c == '`':
		return quoted(s)
	}
	for _, symbol := range symbols {
		if strings.HasPrefix(s, string(symbol)) {
			return token{kind: symbol}, len(symbol), ""
		}
	}
	return token{}, 0, "unknown character"
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// quoted reads a name in double quotes, a text in single ones or a JSON literal
// in backquotes.
func quoted(s string) (t token, length int, problem string) {
	i := 1
	for i < len(s) && s[i] != s[0] {
		if s[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(s) {
		return token{}, 0, "missing closing " + s[:1]
	}
	inside := s[1:i]
	length = i + 1
	switch s[0] {
	case '"':
		if json.Unmarshal([]byte(s[:length]), &t.text) != nil {
			return token{}, 0, "bad quoted name"
		}
		t.kind = quotedName
	case '\'':
		t.kind, t.value = literal, strings.ReplaceAll(inside, `\'`, `'`)
	default:
		text := strings.TrimSpace(strings.ReplaceAll(inside, "\\`", "`"))
		if !json.Valid([]byte(text)) {
			return token{}, 0, "the literal is not JSON"
		}
		t.kind, t.value = literal, document(text)
	}
	return t, length, ""
}
