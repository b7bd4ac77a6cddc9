package e2e

import (
	"context"
	"os"
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
	s.t.Cleanup(func() { chromedp.Cancel(ctx); end() })
	ctx, late := context.WithTimeout(ctx, 2*time.Minute)
	s.t.Cleanup(late)
	return ctx
}

// A person's real browser goes through the authorization server's own pages
// and lands on the proxy's, which says in plain words that it is done. It
// loads nothing from elsewhere.
func TestLoginInChromium(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newAuthServer(60)
	s.configure(servers{"protected": a.entry()})
	browser := s.browser()
	command := s.daemon(nil, binary(t), "login", "protected")
	shown := ""
	if !command.ready(func() bool {
		shown = link.FindString(command.stdout.String() + command.stderr.String())
		return shown != ""
	}) {
		t.Fatalf("login shows no link: %s%s", command.stdout, command.stderr)
	}
	var text string
	var elsewhere []string
	var light []byte
	err := chromedp.Run(browser,
		chromedp.Navigate(shown),
		chromedp.SendKeys(`input[name=login]`, "alice"), chromedp.SendKeys(`input[name=password]`, "x"),
		chromedp.Submit(`input[name=login]`),
		chromedp.WaitNotPresent(`input[name=login]`), chromedp.WaitVisible(`button[type=submit]`),
		chromedp.Click(`button[type=submit]`),
		chromedp.WaitVisible(`//*[contains(text(), "close")]`),
		chromedp.Text(`body`, &text),
		chromedp.Evaluate(`performance.getEntriesByType("resource").map(e => e.name)`, &elsewhere),
		chromedp.FullScreenshot(&light, 90),
	)
	if err != nil {
		t.Fatalf("in the browser: %v; the command says: %s%s", err, command.stdout, command.stderr)
	}
	for _, url := range elsewhere {
		if !strings.HasPrefix(url, "http://127.0.0.1:") && !strings.HasPrefix(url, "http://localhost:") && !strings.HasPrefix(url, "data:") {
			t.Errorf("the page loads %s", url)
		}
	}
	t.Logf("the page says %q", text)
	if dir := os.Getenv("E2E_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(dir+"/landing.jpg", light, 0o644); err != nil {
			t.Error(err)
		}
	}
	<-command.gone
	if out := s.proxy("call", "protected", "echo", `{"text":"in"}`); out.code != 0 {
		t.Errorf("call: exit status %d: %s", out.code, out.all())
	}
}
