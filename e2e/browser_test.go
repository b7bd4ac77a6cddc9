package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium with an empty profile.
func (s *sandbox) browser() context.Context {
	s.t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(need(s.t, "chromium")), chromedp.UserDataDir(s.path("chromium")),
		chromedp.Env(s.env...), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(time.Minute))
	ctx, stop := chromedp.NewExecAllocator(context.WithoutCancel(s.t.Context()), options...)
	s.t.Cleanup(stop)
	ctx, end := chromedp.NewContext(ctx)
	s.t.Cleanup(func() {
		chromedp.Cancel(ctx)
		end()
	})
	if err := chromedp.Do(ctx); err != nil {
		s.t.Fatalf("start Chromium: %v", err)
	}
	ctx, late := context.WithTimeout(ctx, 2*time.Minute)
	s.t.Cleanup(late)
	return ctx
}

// What the pages of oidc-provider are made of.
const (
	loginField = chromedp.CSS("input[name=login]")
	agree      = chromedp.CSS("button[type=submit]")
)

// A person's real browser goes through the authorization server's own pages
// and lands on the proxy's, which says in plain words that it is done. It
// loads nothing from elsewhere.
func TestLoginInChromium(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newAuthServer(60)
	s.configure(servers{"protected": a.entry()})
	browser := s.browser()
	command, shown := s.startLogin("protected")
	err := chromedp.Do(browser,
		chromedp.Navigate(shown),
		chromedp.SendKeys(loginField, "alice"), chromedp.SendKeys(chromedp.CSS("input[name=password]"), "x"),
		chromedp.Submit(loginField),
		chromedp.WaitNotPresent(loginField), chromedp.WaitVisible(agree),
		chromedp.Click(agree), chromedp.WaitNotPresent(agree),
	)
	if err != nil {
		t.Fatalf("in the browser: %v; the command says: %s%s", err, command.stdout, command.stderr)
	}
	text, err := chromedp.Run(browser, chromedp.Text(chromedp.CSS("body")))
	if err != nil {
		t.Fatal(err)
	}
	mentions(t, "the landing page", text, []string{"close"})
	elsewhere, err := chromedp.Run(browser, chromedp.Evaluate[[]string](`performance.getEntriesByType("resource").map(e => e.name)`))
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range elsewhere {
		if !strings.HasPrefix(url, "http://127.0.0.1:") && !strings.HasPrefix(url, "http://localhost:") && !strings.HasPrefix(url, "data:") {
			t.Errorf("the page loads %s", url)
		}
	}
	<-command.gone
	if out := s.proxy("call", "protected", "echo", `{"text":"in"}`); out.code != 0 {
		t.Errorf("call: exit status %d: %s", out.code, out.all())
	}
}
