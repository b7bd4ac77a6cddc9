package redact_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"mcpproxy/proxy/redact"
)

func ExampleRedactor() {
	var r redact.Redactor
	r.Add("correct horse")
	fmt.Println(r.Redact(`the passphrase is "correct horse", or correct+horse in a URL`))
	fmt.Println(r.Redact("Authorization: Bearer abc123"))
	fmt.Println(r.Redact("https://ada:lovelace@example.com/?code=abc&state=def"))
	// Output:
	// the passphrase is "***", or *** in a URL
	// Authorization: ***
	// https://***@example.com/?code=***&state=def
}

func ExampleNewLogger() {
	var r redact.Redactor
	r.Add("correct horse")
	log := redact.NewLogger(os.Stdout, slog.LevelWarn, &r)
	log.Info("this is below the level")
	log = slog.New(withoutTime{log.Handler()})
	log.Warn("login failed", "server", "github", "passphrase", []string{"correct horse"})
	// Output:
	// level=WARN msg="login failed" server=github passphrase="[\"***\"]"
}

// withoutTime drops the time of a record, which differs from run to run.
type withoutTime struct{ slog.Handler }

func (h withoutTime) Handle(ctx context.Context, r slog.Record) error {
	r.Time = time.Time{}
	return h.Handler.Handle(ctx, r)
}
