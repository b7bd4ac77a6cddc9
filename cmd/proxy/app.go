package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

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

// run runs the program and returns its exit code. It is main without the
// process around it.
func run(ctx context.Context, args []string, t *terminal) int {
	app := newApp(t)
	err := app.RunContext(ctx, arrange(app, args))
	if err == nil {
		return exitDone
	}
	e := explain(err)
	t.tell(e)
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
		Version:         version(),
		HideHelpCommand: false,
		Writer:          t.out,
		ErrWriter:       t.err,
		ExitErrHandler:  func(*cli.Context, error) {},
		OnUsageError:    usage,
		CommandNotFound: nil,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "read the global configuration from `FILE` (or $PROXY_CONFIG)"},
			&cli.StringFlag{Name: "log-level", Usage: "say what happens: debug, info, warn (the default) or error (or $PROXY_LOG_LEVEL)"},
			&cli.StringFlag{Name: "log-file", Usage: "write the log to `FILE` instead of stderr (or $PROXY_LOG_FILE)"},
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
		trustCommand(t), versionCommand(t),
	}
	for _, command := range app.Commands {
		command.OnUsageError = usage
		for _, f := range command.Flags {
			if b, ok := f.(*cli.BoolFlag); ok {
				b.DisableDefaultText = true // off, as every option
			}
		}
	}
	return app
}

func commandNames(app *cli.App) (names []string) {
	for _, c := range app.Commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}

// A usageError says that the command line itself is wrong.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

type unknownCommandError struct {
	name  string
	known []string
}

func (e *unknownCommandError) Error() string { return fmt.Sprintf("no command %q", e.name) }

// errSilent ends with exit code 1 after everything has been said already.
var errSilent = errors.New("failed")

// between checks the number of a command's arguments; usage names them.
func between(c *cli.Context, least, most int, usage string) error {
	if n := c.NArg(); n < least || n > most {
		return usagef("%s takes %s", c.Command.Name, usage)
	}
	return nil
}

func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print JSON"} }

func versionCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "print the version",
		Description: "Example:\n   proxy version",
		Flags:       []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if err := between(c, 0, 0, "no arguments"); err != nil {
				return err
			}
			if c.Bool("json") {
				return t.json(map[string]string{"version": version()})
			}
			_, err := io.WriteString(t.out, "proxy "+version()+"\n")
			return err
		},
	}
}

// version is the module's version where it was installed by one, else the
// revision it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return strings.TrimPrefix(v, "v")
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "devel-" + s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}
