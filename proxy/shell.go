package proxy

import (
	"fmt"
	"strings"
)

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

// CommandAdvice says how to write the "command" of an entry that was written as a
// line for a shell, which does not read it, or "" if it is none.
func CommandAdvice(command string) string {
	l := readLine(command)
	switch {
	case l.isScript:
		return `write a shell as "command", such as "sh", and "-c" and the line as "args"`
	case l.program == "":
		if len(l.variables) == 0 {
			return ""
		}
		return fmt.Sprintf(`write %s in "env", and the program as "command"`, strings.Join(l.variables, ", "))
	case l.program == command:
		return ""
	}
	advice := fmt.Sprintf(`write the program alone as "command": %q`, l.program)
	switch {
	case l.hasArguments && len(l.variables) > 0:
		advice += fmt.Sprintf(`, the rest as "args", and %s in "env"`, strings.Join(l.variables, ", "))
	case l.hasArguments:
		advice += `, and the rest as "args"`
	case len(l.variables) > 0:
		advice += fmt.Sprintf(`, and %s in "env"`, strings.Join(l.variables, ", "))
	}
	return advice
}

// shownCommand is a command without the values that it gives to variables, which
// may be secret.
func shownCommand(command string) string {
	l := readLine(command)
	if len(l.variables) == 0 {
		return command
	}
	return strings.Join(l.variables, "=… ") + "=… " + l.from
}

// A shellLine is what a shell would make of a line.
type shellLine struct {
	variables    []string // that are set for the program, without their values
	program      string
	from         string // the line from the program on
	hasArguments bool
	isScript     bool // there is more to it than one program
}

func readLine(line string) (l shellLine) {
	word, rest := nextWord(line)
	for {
		name, _, ok := strings.Cut(word, "=")
		if !ok || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			break
		}
		l.variables = append(l.variables, name)
		line = strings.TrimLeft(rest, " \t")
		word, rest = nextWord(line)
	}
	l.from = line
	bare := strings.Trim(word, `"'`)
	if bare == word && strings.ContainsAny(word, `/\`) {
		// Without quotes, a path may hold spaces.
		l.program = line
		return l
	}
	l.program, l.hasArguments = bare, rest != ""
	for rest != "" {
		word, rest = nextWord(rest)
		switch strings.TrimLeft(word, "012") {
		case "&&", "||", "|", ";", "&", ">", ">>", "<", ">&1", ">&2":
			l.isScript = true
		}
	}
	return l
}

// nextWord returns the first word of a line, with its quotes, and what follows.
func nextWord(line string) (word, rest string) {
	line = strings.TrimSpace(line)
	var quote rune
	for i, r := range line {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'':
			quote = r
		case r == ' ' || r == '\t':
			return line[:i], strings.TrimSpace(line[i:])
		}
	}
	return line, ""
}
