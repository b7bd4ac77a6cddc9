package proxy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"mcpproxy/catalog"
)

type Redactor struct{}

func (*Redactor) Add(...string)          {}
func (*Redactor) Redact(s string) string { return s }

func (s *Server) Resolve(getenv func(string) (string, bool), settings Settings) (Resolved, error) {
	c := s.Entry.Config
	return Resolved{Upstream: c}, nil
}

func Nearest(name string, known []string, n int) []string {
	var out []string
	for _, k := range known {
		if strings.HasPrefix(k, name[:min(len(name), 2)]) {
			out = append(out, k)
		}
	}
	return out[:min(len(out), n)]
}

func signature(t catalog.Tool) string           { return t.Name + "()" }
func allows(f catalog.Filter, name string) bool { return !slices.Contains(f.Exclude, name) }
func clean(s string, n int) string              { return s[:min(len(s), n)] }
func firstSentence(s string, n int) string      { return clean(s, n) }
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
func fit(server string, t catalog.Tool, args json.RawMessage) (json.RawMessage, []string, error) {
	return args, nil, nil
}
