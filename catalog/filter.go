package catalog

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// A Filter is the tool_filter setting of a server. A tool passes if it matches no
// pattern of Exclude, and a pattern of Include unless that is empty.
//
// Patterns are those of [path.Match], except that "*", "?" and "[…]" match "/" as
// well, since the name of a tool is not a path. Case matters.
type Filter struct {
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
}

// IsZero reports whether the filter lets every tool pass.
func (f Filter) IsZero() bool { return len(f.Include) == 0 && len(f.Exclude) == 0 }

// Allows reports whether the tool of that name may be listed, found and called. An
// invalid pattern lets no tool pass: it matches nothing in Include and everything
// in Exclude.
func (f Filter) Allows(tool string) bool {
	for _, p := range f.Exclude {
		if matched, err := match(p, tool); matched || err != nil {
			return false
		}
	}
	for _, p := range f.Include {
		if matched, err := match(p, tool); matched && err == nil {
			return true
		}
	}
	return len(f.Include) == 0
}

// Validate returns an error about the first invalid pattern.
func (f Filter) Validate() error {
	for _, list := range []struct {
		name     string
		patterns []string
	}{{"include", f.Include}, {"exclude", f.Exclude}} {
		for _, p := range list.patterns {
			if _, err := match(p, ""); err != nil {
				return fmt.Errorf("%s pattern %q: %w", list.name, p, err)
			}
		}
	}
	return nil
}

var errEmptyPattern = errors.New("pattern is empty")

// notSlash replaces the one character that path.Match treats differently.
var notSlash = strings.NewReplacer("/", "\x00")

func match(pattern, tool string) (bool, error) {
	if pattern == "" {
		return false, errEmptyPattern
	}
	return path.Match(notSlash.Replace(pattern), notSlash.Replace(tool))
}
