package config

import (
	"bytes"
	"encoding/json"
	"strings"

	"mcpproxy/proxy/redact"
)

// listing is the configuration as "proxy list" prints it.
type listing struct {
	Servers  []listedServer `json:"servers"`
	Settings *Settings      `json:"settings,omitempty"`
	Problems []*Problem     `json:"problems,omitempty"`
}

type listedServer struct {
	Name      string   `json:"name"`
	Layer     Layer    `json:"layer"`
	File      string   `json:"file"`
	Untrusted bool     `json:"untrusted,omitempty"`
	Problem   *Problem `json:"problem,omitempty"`
	Config    *Entry   `json:"config,omitempty"`
}

// Masked returns the configuration as JSON that is safe to show in public:
// placeholders are kept, and literal values of env, headers, client_secret and
// of the userinfo, query and fragment of URLs are "***".
func (c *Config) Masked() []byte {
	return c.list(func(s *Server) (Entry, error) { return s.masked(), nil })
}

// Substituted returns the configuration as JSON with its placeholders
// substituted and nothing masked. A server for which that fails is listed
// with the reason.
func (c *Config) Substituted(getenv func(string) (string, bool)) []byte {
	return c.list(func(s *Server) (Entry, error) {
		e, _, err := s.substitute(getenv)
		return e, err
	})
}

func (c *Config) list(show func(*Server) (Entry, error)) []byte {
	out := listing{Servers: []listedServer{}, Problems: c.Problems}
	if settings := c.Settings; settings != (Settings{}) {
		out.Settings = &settings
	}
	for _, s := range c.Servers {
		l := listedServer{Name: s.Name, Layer: s.Layer, File: s.File, Untrusted: s.Untrusted, Problem: s.Problem}
		if !s.Untrusted && s.Problem == nil {
			if e, err := show(s); err == nil {
				l.Config = &e
			} else {
				l.Problem = &Problem{File: s.File, Line: s.lines[""], Message: err.Error()}
			}
		}
		out.Servers = append(out.Servers, l)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		// Strings, numbers and maps of them always marshal.
		panic(err)
	}
	return b.Bytes()
}

// masked returns the entry without its literal secrets.
func (s *Server) masked() Entry {
	e, _ := mapStrings(s.Entry, func(field, text string) (string, error) {
		switch {
		case isFixed(field):
			return redact.Shapes(text), nil
		case strings.HasPrefix(field, "env."), strings.HasPrefix(field, "headers."), field == "oauth.client_secret":
			return maskLiterals(text), nil
		case field == "url", strings.Contains(text, "://"):
			return maskURL(text), nil
		}
		return mapLiterals(text, showLiteral), nil
	})
	return e
}

// text returns the placeholder as it is written, with its default changed by f.
func (p placeholder) text(f func(string) string) string {
	if !p.hasDefault {
		return opening + env + p.name + "}"
	}
	fallback := p.fallback
	if fallback != "" {
		fallback = f(fallback)
	}
	return opening + env + p.name + ":-" + fallback + "}"
}

// maskLiterals masks all text between placeholders, and their defaults.
func maskLiterals(s string) string { return mapLiterals(s, func(string) string { return redact.Mask }) }

func mapLiterals(s string, f func(string) string) string {
	out, err := expand(s, f, func(p placeholder) (string, error) { return p.text(f), nil })
	if err != nil {
		return redact.Mask // such an entry has a problem, and is not shown
	}
	return out
}
