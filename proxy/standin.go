package proxy

import (
	"strings"
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
