package upstream

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// A line of stdout that is no message is redacted before it is cut.
func TestStrayLineIsRedactedBeforeItIsCut(t *testing.T) {
	t.Parallel()
	const secret = "0123456789-secret-9876543210"
	cfg := testChild(t, "stray")
	cfg.Env["STRAY"] = strings.Repeat("x", maxStrayLen-10) + secret
	u := New("test", cfg, Options{
		Client: testClient, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Redact: strings.NewReplacer(secret, "***").Replace,
	})
	t.Cleanup(u.Close)
	_, err := call(t, u, Call{Tool: "x"})
	e, ok := errors.AsType[*StartError](err)
	if !ok || e.FirstLine != strings.Repeat("x", maxStrayLen-10)+"***" {
		t.Errorf("the first line is %q of %v", e.FirstLine, err)
	}
}
