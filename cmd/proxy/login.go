package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdp/qrterminal/v3"
	"github.com/urfave/cli/v2"
	"rsc.io/qr"

	"mcpproxy/auth"
	"mcpproxy/auth/vault"
	"mcpproxy/proxy"
	"mcpproxy/proxy/config"
)

func loginCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:      "login",
		Usage:     "log in to a protected server, once",
		ArgsUsage: "NAME [URL]",
		Description: "Shows a link, and waits until you have logged in there. The login finishes by\n" +
			"itself when the browser runs on this machine. Elsewhere (over SSH, in a\n" +
			"container) paste the URL that the browser landed on; its page need not load.\n\n" +
			"Without a terminal, a URL on stdin or as argument only finishes a login that\n" +
			"is pending, and an empty line leaves it as it is; </dev/null begins a new one.\n" +
			"The pipe is better: an argument stays in the shell's history and\n" +
			"can be seen by others in the list of processes.\n\n" +
			"Examples:\n   proxy login linear\n" +
			"   proxy login linear --scope write\n" +
			"   echo \"$URL\" | proxy login linear",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "browser", Usage: "use the browser of this machine"},
			&cli.BoolFlag{Name: "paste", Usage: "wait for the URL to be pasted only"},
			&cli.BoolFlag{Name: "device", Usage: "use the device flow: enter a code elsewhere"},
			&cli.StringSliceFlag{Name: "scope", Usage: "ask for `SCOPE` (may be repeated)"},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 2, "the name of a server and at most one URL"); err != nil {
				return err
			}
			o, err := loginOptions(c)
			if err != nil {
				return err
			}
			return t.withServer(c, func(v *proxy.View, server *config.Server) error {
				l := login{terminal: t, view: v, server: server, options: o, notices: make(chan error, 1)}
				l.options.Notice = func(err error) {
					select {
					case l.notices <- err:
					default: // the one before is still to be told
					}
				}
				return l.run(c.Context, c.Args().Get(1))
			})
		},
	}
}

func loginOptions(c *cli.Context) (o auth.LoginOptions, err error) {
	o.Scopes = c.StringSlice("scope")
	for _, flow := range []auth.Flow{auth.FlowBrowser, auth.FlowPaste, auth.FlowDevice} {
		if !c.Bool(string(flow)) {
			continue
		}
		if o.Flow != auth.FlowAuto {
			return o, usagef("--%s and --%s cannot be used together", o.Flow, flow)
		}
		o.Flow = flow
	}
	return o, nil
}

// A login is one run of the command.
type login struct {
	*terminal
	view    *proxy.View
	server  *config.Server
	options auth.LoginOptions
	notices chan error // failures after which the login that was begun still waits
}

// run finishes the pending login with pasted, or with a URL from a pipe; without
// either it begins a login and waits for its end.
func (l *login) run(ctx context.Context, pasted string) error {
	lines := l.stdinLines()
	if pasted == "" && !l.inTTY {
		var finished bool
		var err error
		if pasted, finished, err = l.piped(ctx, lines); err != nil {
			return err
		}
		if finished {
			return l.done()
		}
	}
	if pasted != "" {
		if err := l.view.CompleteLogin(ctx, l.server, pasted); err != nil {
			return err
		}
		return l.done()
	}
	var pending *auth.Login
	err := l.await(ctx, "preparing the login", func(ctx context.Context) (err error) {
		pending, err = l.view.Login(ctx, l.server, l.options)
		return err
	})
	if err != nil {
		return err
	}
	l.show(pending)
	if err := l.wait(ctx, pending, lines); err != nil {
		return err
	}
	return l.done()
}

// watchInterval is the time between two looks at a login that another process
// may finish.
const watchInterval = 500 * time.Millisecond

// pipeSilence is how long a pipe may be silent before a login begins, where none
// is pending that its URL could finish. Whoever runs the command without closing
// its stdin waits as long for a link.
const pipeSilence = 10 * time.Second

// piped returns the URL that a pipe brings, or "" if a login is to begin. While a
// login is pending that a URL could finish, it waits for the URL however late it
// comes, because a new login would make it useless; and no other one begins if
// that one ends meanwhile, nor if nothing but space came, which may be a URL that
// went missing. finished says that it has ended well.
func (l *login) piped(ctx context.Context, lines *stdinLines) (url string, finished bool, err error) {
	begins := time.Now().Add(pipeSilence)
	told, awaited := false, false
	for {
		url, more := lines.next(ctx, watchInterval)
		if url != "" || ctx.Err() != nil {
			return url, false, ctx.Err()
		}
		st := l.view.Status(l.server)[0].Auth
		canFinish := st != nil && st.Pending != nil && st.Pending.Flow == vault.CodeFlow
		switch {
		case !more && canFinish && lines.blank.Load():
			return "", false, &unfinishedLoginError{server: l.server.Name, noURL: true}
		case !more:
			return "", false, nil
		case canFinish:
			if !awaited {
				l.say("%s", awaitsURL(l.server.Name, st.Pending.ExpiresAt))
			}
			awaited = true
		case awaited && st != nil && st.State == auth.LoggedIn:
			return "", true, nil
		case awaited:
			return "", false, &auth.LoginError{Server: l.server.Name, Reason: auth.NoLogin}
		case !time.Now().Before(begins):
			return "", false, nil
		case !told:
			l.say("%s", awaitsSilence(l.server.Name))
			told = true
		}
	}
}

func (l *login) done() error {
	_, err := fmt.Fprintf(l.out, "logged in to %s\n", l.server.Name)
	return err
}

// show shows the person where to log in, and opens a browser if it can.
func (l *login) show(p *auth.Login) {
	link := p.AuthorizeURL
	if p.Flow == vault.DeviceFlow {
		link = cmp.Or(p.VerificationURLComplete, p.VerificationURL)
	}
	l.showQR(link) // first, so that it does not scroll the link away
	for _, step := range loginSteps(p, link) {
		l.say("%s", step)
	}
	if l.options.Flow == auth.FlowBrowser || l.options.Flow == auth.FlowAuto && l.hasBrowser() {
		if err := openBrowser(link); err != nil {
			l.say("note: no browser could be opened: %v", err)
		}
	}
	if p.Flow == vault.CodeFlow && l.inTTY {
		l.say(pasteHere)
	}
}

// showQR draws the link for a phone if the terminal is wide enough.
func (l *login) showQR(link string) {
	code, err := qr.Encode(link, qr.L)
	if err != nil || !l.ansi() || code.Size+2*qrterminal.QUIET_ZONE > l.width {
		return
	}
	qrterminal.GenerateHalfBlock(link, qrterminal.L, l.err)
}

// wait waits for the end of the login and takes URLs pasted meanwhile. It goes
// on after the end of stdin unless pasting was the only way to finish.
func (l *login) wait(ctx context.Context, p *auth.Login, lines *stdinLines) error {
	return l.await(ctx, "waiting until you have logged in", func(ctx context.Context) error {
		pasted := lines.c
		finished := make(chan error, 1)
		go func() { finished <- p.Wait(ctx) }() // ends with the login, or with ctx
		for {
			select {
			case err := <-finished:
				return err
			case err := <-l.notices:
				e := explain(err)
				if p.Flow == vault.DeviceFlow {
					e.hints = nil // it goes on by itself
				}
				l.report(e)
			case line, ok := <-pasted:
				if !ok && l.pasteOnly(p) {
					return &unfinishedLoginError{server: l.server.Name}
				}
				if !ok {
					pasted = nil
					continue
				}
				err := l.view.CompleteLogin(ctx, l.server, line)
				e, ok := errors.AsType[*auth.LoginError](err)
				if ok && e.Reason == auth.AlreadyFinished {
					pasted = nil // by the browser; its result follows
					continue
				}
				if ok && e.Waiting() {
					l.report(explain(err))
					continue
				}
				return err
			}
		}
	})
}

// pasteOnly reports whether the login can only be finished by pasting.
func (l *login) pasteOnly(p *auth.Login) bool {
	return p.Flow == vault.CodeFlow && (l.options.Flow == auth.FlowPaste || p.CallbackError != nil)
}

// An unfinishedLoginError says that stdin ended before the URL was pasted that
// can finish the login. A later process can still finish it.
type unfinishedLoginError struct {
	server string
	noURL  bool // nothing but space was piped, and the login is of an earlier process
}

func (e *unfinishedLoginError) Error() string {
	if e.noURL {
		return "no URL came: the login to " + e.server + " still waits"
	}
	return "the login to " + e.server + " waits to be finished"
}
