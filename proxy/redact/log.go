package redact

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes one line of text per record, from
// level on. Every record passes the redactor: each message and value before
// it is quoted, and then the line as a whole, keys and groups included.
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

// format renders a value for the log. JSON keeps the bytes of nested slices
// and strings together, so that secrets in them are recognized.
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

// redactingWriter redacts what a slog handler writes, which is a whole record
// at a time.
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
