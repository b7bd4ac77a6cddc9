package catalog

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// A Filter is the tool_filter setting of a server. A tool passes if it
// matches a pattern of Include (or Include is empty) and none of Exclude.
//
// Patterns are globs as of [path.Match], except that "*", "?" and "[…]" match
// "/" as well: a tool's name is no path. Upper and lower case differ.
type Filter struct {
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
}

// IsZero reports whether the filter lets every tool pass.
func (f Filter) IsZero() bool { return len(f.Include) == 0 && len(f.Exclude) == 0 }

// Allows reports whether the tool of that name may be listed, found and
// called. A pattern that is not valid never lets a tool pass: as an inclusion
// it matches nothing, as an exclusion everything.
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

// Validate names the first pattern that cannot be used.
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

// notSlash hides the one character that path.Match treats apart.
var notSlash = strings.NewReplacer("/", "\x00")

func match(pattern, tool string) (bool, error) {
	if pattern == "" {
		return false, errEmptyPattern
	}
	return path.Match(notSlash.Replace(pattern), notSlash.Replace(tool))
}
