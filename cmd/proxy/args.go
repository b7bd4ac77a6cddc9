package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange lets options stand anywhere, although the command line library stops
// reading them at the first argument. It moves options of the program before the
// command and options of the command right behind it, and leaves what follows
// "--" as it is.
func arrange(app *cli.App, args []string) []string {
	if len(args) < 2 {
		return args
	}
	var command *cli.Command
	var global, local, rest []string
	for i := 1; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			rest = append(rest, args[i+1:]...)
			i = len(args)
		case len(arg) > 1 && arg[0] == '-':
			name, _, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
			flag, isGlobal := findFlag(app, command, name)
			words := []string{arg}
			if flag != nil && !inline && takesValue(flag) {
				if i++; i == len(args) || args[i] == "--" {
					// The other arguments are left out, since the library would
					// take the next one as the value.
					return withoutValue(args[0], command, isGlobal, arg)
				}
				words = append(words, args[i])
			}
			if isGlobal {
				global = append(global, words...)
			} else {
				local = append(local, words...)
			}
		case command == nil && len(rest) == 0:
			if command = app.Command(arg); command == nil {
				return args // the library says what is wrong with it
			}
		default:
			rest = append(rest, arg)
		}
	}
	out := append([]string{args[0]}, global...)
	if command != nil {
		out = append(out, command.Name)
	}
	out = append(out, local...)
	if len(rest) > 0 {
		out = append(append(out, "--"), rest...)
	}
	return out
}

// withoutValue returns a command line that the library refuses because the
// option lacks its value.
func withoutValue(program string, command *cli.Command, isGlobal bool, option string) []string {
	if command == nil || isGlobal {
		return []string{program, option}
	}
	return []string{program, command.Name, option}
}

// findFlag looks a name up among the command's options, then the program's.
func findFlag(app *cli.App, command *cli.Command, name string) (flag cli.Flag, global bool) {
	named := func(f cli.Flag) bool { return slices.Contains(f.Names(), name) }
	if command != nil {
		if i := slices.IndexFunc(command.Flags, named); i >= 0 {
			return command.Flags[i], false
		}
	}
	if i := slices.IndexFunc(app.Flags, named); i >= 0 {
		return app.Flags[i], true
	}
	return nil, false
}

func takesValue(f cli.Flag) bool {
	_, isBool := f.(*cli.BoolFlag)
	return !isBool
}

// A usageError says what is wrong with the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usagef returns a usageError.
func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// wantArgs checks the number of a command's arguments; usage names them.
func wantArgs(c *cli.Context, least, most int, usage string) error {
	if n := c.NArg(); n < least || n > most {
		return usagef("%s takes %s", c.Command.Name, usage)
	}
	return nil
}

func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print JSON"} }
