package main

import (
	"github.com/urfave/cli/v2"
)

func listCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "print the configuration as written, with secrets masked",
		Description: "Placeholders such as ${env:NAME} are kept and literal secrets are shown as ***,\n" +
			"so that the output is safe to paste in public. --resolve substitutes and shows\n" +
			"everything.\n\n" +
			"Examples:\n   proxy list\n   proxy list --resolve",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "resolve", Usage: "substitute placeholders and show secrets"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON (always the case)"},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0, "no arguments"); err != nil {
				return err
			}
			s, err := t.open(c)
			if err != nil {
				return err
			}
			defer s.close()
			listing := s.config.Masked()
			if c.Bool("resolve") {
				t.say("warning: what follows holds secrets in clear")
				listing = s.config.Substituted(t.getenv)
			}
			if _, err := t.out.Write(listing); err != nil {
				return err
			}
			return s.reportProblems()
		},
	}
}
