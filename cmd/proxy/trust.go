package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"mcpproxy/auth"
	"mcpproxy/proxy/config"
)

func trustCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:      "trust",
		Usage:     "allow the servers of a project's .proxy/mcp.json",
		ArgsUsage: "[DIR]",
		Description: "Prints what the file would run and read, and allows exactly that file: once it\n" +
			"changes, it has to be trusted again. DIR is the working directory by default.\n\n" +
			"Example:\n   proxy trust",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 1, "at most one folder"); err != nil {
				return err
			}
			s, err := t.open(c)
			if err != nil {
				return err
			}
			defer s.close()
			dir := t.dir
			if c.Args().Present() {
				dir = c.Args().First()
			}
			report, err := config.Trust(c.Context, dir, s.load.StateDir)
			if err != nil {
				return err
			}
			trusted := s.withProviders(report, dir)
			if c.Bool("json") {
				return t.json(trusted)
			}
			return t.printTrust(trusted)
		},
	}
}

// A trusted is a report with what the file means by the name of a built-in
// provider.
type trusted struct {
	File     string            `json:"file"`
	Servers  []trustedServer   `json:"servers"`
	Problems []*config.Problem `json:"problems,omitempty"`
}

type trustedServer struct {
	config.TrustedServer
	Provider string `json:"provider,omitempty"` // built in, as it is written
}

// withProviders adds to a report where the built-in providers of the project's
// file have a person log in, and which variables they read: the file names
// neither.
func (s *setup) withProviders(r config.TrustReport, dir string) trusted {
	out := trusted{File: r.File, Problems: r.Problems}
	load := s.load
	load.Dir = dir
	now := config.Load(load)
	for _, server := range r.Servers {
		item := trustedServer{TrustedServer: server}
		if known := now.Server(server.Name); known != nil && known.File == r.File && known.Entry.OAuth != nil {
			item.addProvider(*known.Entry.OAuth)
		}
		out.Servers = append(out.Servers, item)
	}
	return out
}

// addProvider adds what the provider of a login pins. A name with a placeholder
// may become that of any.
func (s *trustedServer) addProvider(oauth auth.Config) {
	providers := []auth.Provider{auth.Provider(oauth.Provider)}
	if strings.Contains(oauth.Provider, "${") {
		providers = auth.Providers()
	}
	for _, p := range providers {
		pinned, variable, ok := p.Pinned()
		if !ok {
			continue
		}
		s.Provider = strconv.Quote(oauth.Provider)
		if oauth.Provider == string(p) {
			s.Provider = oauth.Provider
		}
		s.URLs = append(s.URLs, "oauth.authorize_url="+pinned.AuthorizeURL, "oauth.token_url="+pinned.TokenURL, "oauth.redirect_uri="+pinned.RedirectURI)
		if oauth.ClientID == "" && !slices.Contains(s.Variables, variable) {
			s.Variables = append(s.Variables, variable)
			slices.Sort(s.Variables)
		}
	}
}

// printTrust prints what was allowed.
func (t *terminal) printTrust(r trusted) error {
	fmt.Fprintf(t.out, "trusted %s\n", r.File)
	for _, server := range r.Servers {
		fmt.Fprintf(t.out, "\n%s\n", server.Name)
		line := func(what string, items ...string) {
			for _, item := range items {
				if item != "" {
					fmt.Fprintf(t.out, "  %-11s %s\n", what, item)
				}
			}
		}
		line("runs", server.Command)
		line("in", server.Cwd)
		line("sets", server.Environment...)
		line("logs in at", server.Provider)
		line("contacts", server.URLs...)
		line("may contact", server.Hosts...)
		line("sends", server.Headers...)
		line("reads", server.Variables...)
	}
	for _, p := range r.Problems {
		t.say("proxy: %s", p)
	}
	return nil
}
