package redact

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes each record of at least level as one
// line of text. r redacts each message and value before it is quoted, and then
// the whole line with its keys and groups.
func NewLogger(w io.Writer, level slog.Level, r *Redactor) *slog.Logger {
	return slog.New(slog.NewTextHandler(redactingWriter{w, r}, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Value.Kind() {
			case slog.KindString:
				a.Value = slog.StringValue(r.Redact(a.Value.String()))
			case slog.KindAny:
				a.Value = slog.StringValue(r.Redact(format(a.Value.Any())))
			}
			return a
		},
	}))
}

// format returns the text of a value for the log. It prefers JSON, in which the
// secrets in nested strings and slices are found.
func format(v any) string {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case error, fmt.Stringer:
		return fmt.Sprint(v)
	}
	if b, err := json.Marshal(v); err == nil {
		return string(b)
	}
	return fmt.Sprintf("%+v", v)
}

// A redactingWriter redacts what a slog handler writes, which is one record at
// a time.
type redactingWriter struct {
	w io.Writer
	r *Redactor
}

func (w redactingWriter) Write(line []byte) (int, error) {
	if _, err := io.WriteString(w.w, w.r.Redact(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}
