package redact

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

type valuer struct{ s string }

func (v valuer) LogValue() slog.Value {
	return slog.GroupValue(slog.String("inner", v.s), slog.Any("err", errors.New(v.s)))
}

type stringer struct{ s string }

func (v *stringer) String() string { return "stringer " + v.s }

type nested struct {
	Public  string
	Bytes   []byte
	Map     map[string][]string
	Pointer *nested
	private string
}

type unmarshalable struct {
	F func()
	S string
}

func TestNoSecretReachesTheLog(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"plain-secret-value", "odd \"quoted\" \\ back/slash\nand a line end, ü"} {
		for name, log := range map[string]func(*slog.Logger){
			"message":           func(l *slog.Logger) { l.Info("message " + secret + " end") },
			"JSON in a message": func(l *slog.Logger) { l.Info("m " + asJSON(secret)) },
			"JSON in a value":   func(l *slog.Logger) { l.Info("m", "k", "v "+asJSON(secret)) },
			"string":            func(l *slog.Logger) { l.Info("m", "k", "v "+secret) },
			"key":               func(l *slog.Logger) { l.Info("m", "k "+secret, "v") },
			"lone value":        func(l *slog.Logger) { l.Info("m", []any{secret}...) },
			"error":             func(l *slog.Logger) { l.Info("m", "k", fmt.Errorf("wrapped: %w", errors.New(secret))) },
			"joined error":      func(l *slog.Logger) { l.Info("m", "k", errors.Join(errors.New("a"), errors.New(secret))) },
			"bytes":             func(l *slog.Logger) { l.Info("m", "k", []byte("v "+secret)) },
			"struct":            func(l *slog.Logger) { l.Info("m", "k", nested{Public: secret, private: secret}) },
			"bytes in struct":   func(l *slog.Logger) { l.Info("m", "k", nested{Bytes: []byte(secret)}) },
			"pointers":          func(l *slog.Logger) { l.Info("m", "k", &nested{Pointer: &nested{Public: secret}}) },
			"map":               func(l *slog.Logger) { l.Info("m", "k", nested{Map: map[string][]string{secret: {secret}}}) },
			"header":            func(l *slog.Logger) { l.Info("m", "k", http.Header{"X-Key": {secret}}) },
			"url": func(l *slog.Logger) {
				l.Info("m", "k", &url.URL{Scheme: "https", Host: "x", RawQuery: url.Values{"a": {secret}}.Encode()})
			},
			"not JSON":         func(l *slog.Logger) { l.Info("m", "k", unmarshalable{S: secret}) },
			"stringer":         func(l *slog.Logger) { l.Info("m", "k", &stringer{secret}) },
			"nil stringer":     func(l *slog.Logger) { l.Info("m", "k", (*stringer)(nil)) },
			"log valuer":       func(l *slog.Logger) { l.Info("m", "k", valuer{secret}) },
			"group":            func(l *slog.Logger) { l.Info("m", slog.Group("g", "k", secret, slog.Group("h", "k", secret))) },
			"group key":        func(l *slog.Logger) { l.Info("m", slog.Group("g "+secret, "k", 1)) },
			"WithGroup":        func(l *slog.Logger) { l.WithGroup(secret).Info("m", "k", secret) },
			"With":             func(l *slog.Logger) { l.With("k", secret).Info("m") },
			"With a valuer":    func(l *slog.Logger) { l.With("k", valuer{secret}).WithGroup("g").With(secret, secret).Info("m") },
			"source of number": func(l *slog.Logger) { l.Info("m", "n", 1, "b", true, "d", time.Second, "t", time.Unix(0, 0)) },
		} {
			var out bytes.Buffer
			var r Redactor
			r.Add(secret)
			log(NewLogger(&out, slog.LevelInfo, &r))
			line := out.String()
			for _, part := range []string{"plain-secret", "odd ", "quoted", "and a line", "back", base64.StdEncoding.EncodeToString([]byte(secret)), strings.Trim(fmt.Sprint([]byte(secret)), "[]"), url.QueryEscape(secret)} {
				if strings.Contains(line, part) {
					t.Errorf("%s: %q in %s", name, part, line)
				}
			}
			if strings.Count(line, "\n") != 1 || !strings.Contains(line, "msg=") {
				t.Errorf("%s: not one record: %q", name, line)
			}
		}
	}
}

func TestLogLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := NewLogger(&out, slog.LevelWarn, new(Redactor))
	l.Info("too low")
	l.With("server", "github").Warn("start failed", "stage", "spawn", "after", 3*time.Second, "err", errors.New("exit status 1"), "header", "Bearer abc123")
	_, line, _ := strings.Cut(out.String(), " ")
	if want := `level=WARN msg="start failed" server=github stage=spawn after=3s err="exit status 1" header="Bearer ***"` + "\n"; line != want {
		t.Errorf("got  %swant %s", line, want)
	}
}
