package e2e

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"mcpproxy/auth/authtest"
)

// What each page must look like: nothing is wider than the screen of a small
// telephone, and the words can be read. The contrast is that of WCAG 2.2,
// success criterion 1.4.3.
const looks = `(() => {
	const rgb = e => getComputedStyle(e).color.match(/[\d.]+/g).map(Number);
	const paper = getComputedStyle(document.querySelector("main")).backgroundColor.match(/[\d.]+/g).map(Number);
	const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const contrast = e => { const [a, b] = [light(rgb(e)), light(paper)].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05); };
	return {
		contrast: Math.min(...[...document.querySelectorAll("h1, p, pre")].map(contrast)),
		paper: light(paper),
		wide: document.documentElement.scrollWidth > innerWidth,
		text: document.body.innerText,
		scripts: document.scripts.length + (window.pwned ? 1 : 0),
	};
})()`

type look struct {
	Contrast, Paper float64
	Wide            bool
	Text            string
	Scripts         int
}

// Each page on which a login can end says in plain words what happened and
// what to do next, by day and by night, and loads nothing from elsewhere.
// E2E_SCREENSHOTS names a folder for pictures to look at.
func TestLandingPages(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	browser := s.browser()
	a := s.newTestServer(authtest.Options{NoDevice: true})
	s.configure(servers{"acme": discovering(a.ResourceURL())})
	var mu sync.Mutex
	var asked []string
	err := chromedp.Listen(browser, func(ev any) {
		if e, ok := ev.(*network.EventRequestWillBeSent); ok {
			mu.Lock()
			asked = append(asked, e.Request.URL)
			mu.Unlock()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(browser, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	host := s.serve()
	host.open(rev2025)
	for _, c := range []struct {
		name    string
		answers map[string]any // of the authorization endpoint
		click   string         // on its page
		says    []string
	}{
		{"done", nil, "approve", []string{"You are logged in to acme", "close this window"}},
		{"denied", nil, "deny", []string{"Access to acme was not granted", "again"}},
		{"refused", map[string]any{"code": nil, "error": "server_error", "error_description": `<script>pwned = 1</script><img src="http://192.0.2.1/x">`},
			"approve", []string{"refused", "<script>pwned = 1</script>", "again"}},
		{"issuer", map[string]any{"iss": "https://evil.example"}, "approve", []string{"does not come from where it should"}},
		{"state", map[string]any{"state": "of-another-login"}, "approve", []string{"This link belongs to another login"}},
		{"nothing", map[string]any{"code": nil, "state": nil}, "approve", []string{"Nothing to see here yet"}},
	} {
		a.Decide(authtest.Ask)
		a.Override(authtest.Authorize, c.answers)
		var reply loginReply
		host.mcp(entry{"action": "login", "server": "acme"}).ok().into(&reply)
		button := chromedp.CSS("button[value=" + c.click + "]")
		err := chromedp.Do(browser, chromedp.Navigate(reply.AuthorizeURL), chromedp.Click(button), chromedp.WaitNotPresent(button), chromedp.WaitVisible(chromedp.CSS("main")))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		papers := map[string]float64{}
		for _, scheme := range []string{"light", "dark"} {
			l := appearance(t, browser, scheme, c.name)
			mentions(t, c.name, l.Text, c.says)
			if l.Wide || l.Contrast < 4.5 || l.Scripts > 0 {
				t.Errorf("%s, %s: %+v", c.name, scheme, l)
			}
			papers[scheme] = l.Paper
		}
		if papers["light"] < 0.5 || papers["dark"] > 0.2 {
			t.Errorf("%s: the brightness is %v", c.name, papers)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(asked) < 12 {
		t.Errorf("the browser asked only for %q", asked)
	}
	for _, link := range asked {
		if u, err := url.Parse(link); err != nil || u.Hostname() != "127.0.0.1" {
			t.Errorf("the browser asked for %s", link)
		}
	}
}

// appearance is how the page looks on a small telephone, by day or by night.
func appearance(t *testing.T, browser context.Context, scheme, name string) look {
	t.Helper()
	night := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(browser, emulation.SetEmulatedMedia, night); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(browser, chromedp.EmulateViewport(320, 560)); err != nil {
		t.Fatal(err)
	}
	l, err := chromedp.Run(browser, chromedp.Evaluate[look](looks))
	if err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("E2E_SCREENSHOTS"); dir != "" {
		picture, err := chromedp.Run(browser, chromedp.CaptureScreenshot())
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, strings.Join([]string{"landing", name, scheme}, "-")+".png"), picture, 0o600)
		}
		if err != nil {
			t.Error(err)
		}
	}
	return l
}
