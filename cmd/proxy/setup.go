package main

import (
	"cmp"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"mcpproxy/auth"
	"mcpproxy/auth/vault"
	"mcpproxy/catalog"
	"mcpproxy/proxy"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/redact"
)

// A setup is the configuration, the log and the folders that a command works
// with.
type setup struct {
	*terminal
	paths   config.Paths
	load    config.LoadOptions
	config  *config.Config
	log     *slog.Logger
	logFile io.Closer // nil if the log goes to stderr
}

// open reads the configuration. Problems in it are no error here, because a
// command may be able to do its work in spite of them.
func (t *terminal) open(c *cli.Context) (*setup, error) {
	s := &setup{terminal: t}
	var level slog.Level
	wanted := cmp.Or(c.String("log-level"), t.env("PROXY_LOG_LEVEL"), "warn")
	if err := level.UnmarshalText([]byte(wanted)); err != nil {
		return nil, usagef("--log-level takes debug, info, warn or error, not %q", wanted)
	}
	out := t.err
	if name := cmp.Or(c.String("log-file"), t.env("PROXY_LOG_FILE")); name != "" {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		s.logFile, out = f, f
	}
	s.log = redact.NewLogger(out, level, s.redactor)
	paths, err := config.NewPaths(t.getenv)
	if err != nil {
		return nil, err
	}
	s.paths = paths
	s.load = config.LoadOptions{Global: paths.Config, Explicit: paths.Explicit, Dir: t.dir, StateDir: paths.State}
	if named := c.String("config"); named != "" {
		s.load.Global, s.load.Explicit = named, true
	}
	s.config = config.Load(s.load)
	return s, nil
}

func (s *setup) close() {
	if s.logFile != nil {
		s.logFile.Close()
	}
}

// unlockTime is how long a person at the terminal has to unlock the keyring.
const unlockTime = time.Minute

// authority returns the keeper of the logins, which the caller closes. It
// touches neither the vault nor the network before its first use.
func (s *setup) authority() *auth.Authority {
	o := vault.Options{
		StateDir: s.paths.State,
		Store:    cmp.Or(s.env("PROXY_TOKEN_STORE"), s.config.Settings.TokenStore),
		Service:  s.env("PROXY_KEYRING_SERVICE"),
		Log:      s.log,
	}
	if s.inTTY {
		o.Timeout = unlockTime
	}
	return auth.New(auth.Options{
		Vault:    vault.Open(o),
		Getenv:   s.env,
		Log:      s.log,
		OnSecret: func(secret string) { s.redactor.Add(secret) },
		Redact:   s.redactor.Redact,
	})
}

// withView runs work with what a session sees of the configuration. It waits
// patiently for slow starts, as a person at a terminal does.
func (t *terminal) withView(c *cli.Context, work func(*setup, *proxy.View) error) error {
	return t.withSession(c, proxy.SessionOptions{Patient: true}, func(s *setup, session *proxy.Session) error { return work(s, session.View(c.Context)) })
}

// withServer is withView, with the server that the first argument names.
func (t *terminal) withServer(c *cli.Context, work func(*proxy.View, *config.Server) error) error {
	return t.withServerOf(c, proxy.SessionOptions{Patient: true}, work)
}

// withServerOf is withServer, in a session with these options.
func (t *terminal) withServerOf(c *cli.Context, o proxy.SessionOptions, work func(*proxy.View, *config.Server) error) error {
	return t.withSession(c, o, func(_ *setup, session *proxy.Session) error {
		v := session.View(c.Context)
		server, err := v.Server(c.Args().First())
		if err != nil {
			return err
		}
		return work(v, server)
	})
}

// optional returns the server of that name, or nil for all servers if there is
// no name.
func optional(v *proxy.View, name string) (*config.Server, error) {
	if name == "" {
		return nil, nil
	}
	return v.Server(name)
}

// withSession runs work with a session of a proxy, which it closes afterwards. It
// fills in the options that are the same for all commands.
func (t *terminal) withSession(c *cli.Context, o proxy.SessionOptions, work func(*setup, *proxy.Session) error) error {
	s, err := t.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	a := s.authority()
	defer a.Close()
	p := proxy.New(proxy.Options{
		Catalog:   catalog.Open(filepath.Join(s.paths.Cache, "catalog"), s.log),
		Redactor:  s.redactor,
		Log:       s.log,
		StateDir:  s.paths.State,
		CacheDir:  s.paths.Cache,
		Version:   version(),
		Authority: a,
	})
	defer p.Close()
	o.Config, o.Getenv, o.Kill = s.config, s.getenv, t.kill
	o.Load = func() *config.Config { return config.Load(s.load) }
	session := p.NewSession(o)
	defer session.Close()
	return work(s, session)
}

// reportProblems shows what is wrong with the configuration, except for the
// first problem, which it returns as the command's error.
func (s *setup) reportProblems() error {
	all := slices.Clone(s.config.Problems)
	for _, server := range s.config.Servers {
		if server.Problem != nil && !server.Untrusted {
			all = append(append(all, server.Problem), server.More...)
		}
	}
	if len(all) == 0 {
		return nil
	}
	for _, p := range all[1:] {
		s.report(explain(p))
	}
	return all[0]
}
