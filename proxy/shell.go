package proxy

import "strings"

// CommandLine writes "proxy VERB NAME OPTIONS" so that a person can paste it into
// a shell, whatever the name is.
func CommandLine(verb, name string, options ...string) string {
	words := append([]string{name}, options...)
	if strings.HasPrefix(name, "-") {
		words = append(append([]string{}, options...), "--", name)
	}
	line := "proxy " + verb
	for _, word := range words {
		line += " " + shellQuote(word)
	}
	return line
}

// shellQuote makes s one word for a shell.
func shellQuote(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:~"
	if s != "" && s[0] != '~' && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
