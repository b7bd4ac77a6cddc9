package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/urfave/cli/v2"
)

// The exit codes, for scripts. They are listed in the README.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2 // wrong usage or an unknown name
	exitConfig      = 3
	exitAuth        = 4 // login needed or refused
	exitVault       = 5 // the keyring
	exitUnavailable = 6 // an upstream cannot be reached
)

// A sharedFlag is a flag of all commands. The library has one value of it for the
// whole process and writes to that when a command is parsed, so that two
// commands could not run at the same time. Its help command is another.
type sharedFlag struct{ *cli.BoolFlag }

func (f sharedFlag) Apply(set *flag.FlagSet) error {
	own := *f.BoolFlag
	return own.Apply(set)
}

func init() {
	cli.HelpFlag = sharedFlag{cli.HelpFlag.(*cli.BoolFlag)}
	cli.VersionFlag = sharedFlag{cli.VersionFlag.(*cli.BoolFlag)}
}

// run runs the command that args name and returns the exit code.
func run(ctx context.Context, args []string, t *terminal) int {
	app := newApp(t)
	err := app.RunContext(ctx, arrange(app, args))
	if err == nil {
		return exitDone
	}
	e := explain(err)
	t.report(e)
	return e.code
}

func newApp(t *terminal) *cli.App {
	usage := func(_ *cli.Context, err error, _ bool) error { return &usageError{err} }
	app := &cli.App{
		Name:  "proxy",
		Usage: "one MCP server in front of all others",
		Description: "A host (Claude Desktop, Claude Code, Codex, Cursor, VS Code …) starts \"proxy\n" +
			"serve\" as its one MCP server. Without a command, proxy serves when its stdin is\n" +
			"not a terminal.\n\n" +
			"Examples:\n" +
			"   proxy demo                          see the whole product, without configuration\n" +
			"   proxy status                        what is configured, and what is wrong with it\n" +
			"   proxy login linear                  log in to a protected server, once\n" +
			"   proxy call github get_me            call a tool as the model does",
		Version:        version(),
		Writer:         t.out,
		ErrWriter:      t.err,
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   usage,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "read the global configuration from `FILE` (or $PROXY_CONFIG)"},
			&cli.StringFlag{Name: "log-level", Usage: "say what happens: debug, info, warn (the default) or error (or $PROXY_LOG_LEVEL)"},
			&cli.StringFlag{Name: "log-file", Usage: "write the log to `FILE` instead of stderr (or $PROXY_LOG_FILE)"},
			cli.HelpFlag, // which the library adds only beside its own help command
		},
		Action: func(c *cli.Context) error {
			switch {
			case c.Args().Present():
				return &unknownCommandError{name: c.Args().First(), known: commandNames(c.App)}
			case t.inTTY:
				return cli.ShowAppHelp(c)
			}
			return serve(c, t)
		},
	}
	app.Commands = []*cli.Command{
		serveCommand(t), demoCommand(t), demoNotesCommand(),
		listCommand(t), statusCommand(t), connectCommand(t), toolsCommand(t), callCommand(t),
		loginCommand(t), logoutCommand(t), refreshCommand(t),
		trustCommand(t), versionCommand(t), helpCommand(),
	}
	for _, command := range app.Commands {
		command.OnUsageError, command.HideHelpCommand = usage, true
		for _, f := range command.Flags {
			if b, ok := f.(*cli.BoolFlag); ok {
				b.DisableDefaultText = true // off, as every option
			}
		}
	}
	return app
}

func helpCommand() *cli.Command {
	return &cli.Command{
		Name:        "help",
		Aliases:     []string{"h"},
		Usage:       "show the commands, or the help of one",
		ArgsUsage:   "[COMMAND]",
		Description: "Example:\n   proxy help login",
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			switch {
			case name == "":
				return cli.ShowAppHelp(c)
			case c.App.Command(name) == nil:
				return &unknownCommandError{name: name, known: commandNames(c.App)}
			}
			return cli.ShowCommandHelp(c.Lineage()[1], name)
		},
	}
}

// commandNames returns the names of the commands that the help lists.
func commandNames(app *cli.App) (names []string) {
	for _, c := range app.Commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}

// An unknownCommandError says that there is no command of that name.
type unknownCommandError struct {
	name  string
	known []string // the names of all commands
}

func (e *unknownCommandError) Error() string { return fmt.Sprintf("no command %q", e.name) }

// errSilent is a failure that has been shown already.
var errSilent = errors.New("failed")
