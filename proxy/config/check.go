package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"mcpproxy/catalog"
	"mcpproxy/upstream"
)

// A fault is what a check finds: the field, the fact, and the fix. It never
// quotes a value that may be a secret.
type fault struct {
	field    string // "" for the entry as a whole
	message  string
	hint     string
	ofServer bool // the message goes on after the server's name, as in "has no url"
}

// serverFault is about the server, which its message does not name.
func serverFault(field, message, hint string) *fault {
	return &fault{field: field, message: message, hint: hint, ofServer: true}
}

// fieldFault is about a field, which its message names.
func fieldFault(field, message, hint string) *fault {
	return &fault{field: field, message: message, hint: hint}
}

// maxName is the length of a server's name in characters.
const maxName = 64

// checkName checks the name of a server (DESIGN, section 4).
func checkName(name string) *fault {
	switch {
	case name == "":
		return &fault{message: "a server's name is empty", hint: "give it a name of 1 to 64 characters"}
	case utf8.RuneCountInString(name) > maxName:
		return &fault{message: fmt.Sprintf("a server's name is longer than %d characters", maxName), hint: "shorten it"}
	case strings.ContainsAny(name, `/\:`):
		return &fault{message: fmt.Sprintf(`server name %q holds "/", "\" or ":"`, name), hint: "use letters, digits, hyphens and underscores"}
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }):
		return &fault{message: fmt.Sprintf("server name %q holds a character that is not printable", name), hint: "use letters, digits, hyphens and underscores"}
	}
	return nil
}

// A checker checks one entry: first as written, when it skips values with
// placeholders, and again after their substitution. What follows from something
// that is told already, it does not tell.
type checker struct {
	*Entry
	written bool
	broken  map[string]bool // what could not be decoded, see decoder
}

// unresolved reports whether the value is not known before substitution, or has
// a problem already because of what it would substitute.
func (c checker) unresolved(field, s string) bool {
	return c.written && (hasPlaceholder(s) || len(foreignInside(field, s)) > 0)
}

// A report takes a fault that was found.
type report func(*fault)

// check reports the faults of the entry.
func (c checker) check(found report) {
	c.strings(found)
	c.transport(found)
	if c.isLocal() {
		c.env(found)
	} else {
		c.headers(found)
		c.address(found)
		c.oauth(found)
	}
	c.filter(found)
	if c.MaxResultBytes != nil {
		if f := checkResultBytes(*c.MaxResultBytes); f != nil {
			found(f)
		}
	}
}

// first returns the first fault of the entry, or nil.
func (c checker) first() (first *fault) {
	c.check(func(f *fault) {
		if first == nil {
			first = f
		}
	})
	return first
}

// has reports whether the entry has a setting, whose value may be broken.
func (c checker) has(field, value string) bool { return value != "" || c.broken[field] }

// isLocal reports whether the entry is one of a program, which takes none of the
// settings of a url.
func (c checker) isLocal() bool {
	return c.Type == upstream.Stdio || c.Type == "" && c.has("command", c.Command)
}

// normalize infers the type of an entry, or replaces an alias by its word.
func (e *Entry) normalize() {
	switch {
	case e.Type == "streamable-http" || e.Type == "streamableHttp":
		e.Type = upstream.HTTP
	case e.Type == "" && e.Command != "":
		e.Type = upstream.Stdio
	case e.Type == "" && e.URL != "":
		e.Type, e.Guessed = upstream.HTTP, true
	}
}

func (c checker) transport(found report) {
	const wants = `a server has either a "command" or a "url"`
	command, address := c.has("command", c.Command), c.has("url", c.URL)
	// A key that is not known may have been meant as the missing one.
	complete := !c.broken["type"] && !c.broken["."]
	switch {
	case command && address:
		found(serverFault("url", `has both a "command" and a "url"`, "keep one of them"))
		return
	case c.Type == "" && !command && !address:
		if complete {
			found(serverFault("", `has neither a "command" nor a "url"`, wants))
		}
	case c.Type == upstream.Stdio && !command:
		if complete {
			found(serverFault("type", `is of type "stdio" but has no "command"`, wants))
		}
		return
	case (c.Type == upstream.HTTP || c.Type == upstream.SSE) && !address:
		if complete {
			found(serverFault("type", fmt.Sprintf("is of type %q but has no \"url\"", c.Type), wants))
		}
		return
	case c.Type != "" && c.Type != upstream.Stdio && c.Type != upstream.HTTP && c.Type != upstream.SSE:
		found(serverFault("type", `has a "type" that is not known`, `use "stdio", "http" or "sse"`))
		return
	}
	c.misplaced(found, command, address)
}

// misplaced reports the settings that belong to a server of the other kind.
func (c checker) misplaced(found report, command, address bool) {
	if command {
		if len(c.Headers) > 0 {
			found(serverFault("headers", `has a "command", which takes no "headers"`, `pass settings with "env" or "args"`))
		}
		if c.OAuth != nil {
			found(serverFault("oauth", `has a "command", which takes no "oauth"`, `"oauth" belongs to a server with a "url"`))
		}
	}
	for _, only := range []struct {
		field string
		set   bool
	}{
		{"args", len(c.Args) > 0}, {"cwd", c.Cwd != ""}, {"env", len(c.Env) > 0}, {"inherit_env", len(c.InheritEnv) > 0},
	} {
		if address && only.set {
			found(serverFault(only.field, fmt.Sprintf("has a \"url\", which takes no %q", only.field), `it belongs to a server with a "command"`))
		}
	}
}

// fixed lists the settings that take no placeholders, because they are read
// before the environment is.
var fixed = []string{"type", "description", "tool_filter"}

func isFixed(field string) bool {
	return slices.ContainsFunc(fixed, func(f string) bool { return strings.HasPrefix(field, f) })
}

// strings checks each string value.
func (c checker) strings(found report) {
	_, _ = mapStrings(*c.Entry, func(field, s string) (string, error) {
		if strings.ContainsRune(s, 0) {
			// It cannot be passed to a process.
			found(serverFault(field, fmt.Sprintf("has a NUL character in %q", field), "remove it"))
		}
		if c.written {
			c.text(field, s, found)
		}
		return s, nil
	})
}

// leadingVariable matches the variable that a path begins with.
var leadingVariable = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\$[^/\\]+|%[^%]+%)(?:[/\\]|$)`)
})

// text checks the form of the placeholders in a value.
func (c checker) text(field, s string, found report) {
	_, err := expand(s, nil, func(placeholder) (string, error) { return "", nil })
	if start := leadingVariable().FindStringSubmatch(s); start != nil && err == nil && (field == "command" || field == "cwd") {
		err = foreignIn(start[1]) // no shell reads the path
	}
	_, isForeign := errors.AsType[*foreignError](err)
	switch {
	case isForeign && isFixed(field):
		// A description may say anything.
	case isForeign:
		c.foreign(field, err, found)
	case err != nil:
		found(serverFault(field, fmt.Sprintf("has a bad placeholder in %q: %v", field, err), "write ${env:NAME} or ${env:NAME:-default}"))
	case !isFixed(field):
		told := make(map[string]bool)
		for _, other := range foreignInside(field, s) {
			if !told[other.text] {
				found(other.fault(field))
			}
			told[other.text] = true
		}
	case hasPlaceholder(s):
		found(serverFault(field, fmt.Sprintf("has a placeholder in %q, which takes none", field), "write the value itself"))
	}
}

// foreign reports each placeholder of another host once, of which err is the
// first.
func (c checker) foreign(field string, err error, found report) {
	told := make(map[string]bool)
	for range maxProblems {
		other, ok := errors.AsType[*foreignError](err)
		if !ok {
			return
		}
		if !told[other.text] {
			found(other.fault(field))
		}
		told[other.text] = true
		_, err = expand(other.rest, nil, func(placeholder) (string, error) { return "", nil })
	}
}

func (c checker) env(found report) {
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		if !validVariable(name) {
			found(serverFault(join("env", name), fmt.Sprintf("has %q in \"env\", which is no name of a variable", name), "use letters, digits and underscores"))
		}
	}
	for i, name := range c.InheritEnv {
		field := fmt.Sprintf("inherit_env[%d]", i)
		if !c.unresolved(field, name) && !validVariable(name) && !c.broken[field] {
			found(serverFault(field, fmt.Sprintf("has no name of a variable in %q", field), "use letters, digits and underscores"))
		}
	}
}

// address checks the url, to which credentials are sent over TLS or on the same
// machine only (DESIGN, section 4). All that speaks against one without TLS is
// one fault.
func (c checker) address(found report) {
	if c.URL == "" || c.unresolved("url", c.URL) || c.Command != "" {
		return
	}
	const useTLS = "use https, or http on a loopback address"
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		if c.Type == upstream.HTTP || c.Type == upstream.SSE {
			found(serverFault("url", `has a "url" that is not an http or https address`, `write it as in "https://example.com/mcp"`))
		}
		return
	case secure(u):
		return
	case c.OAuth != nil && c.Type != upstream.SSE:
		found(serverFault("url", `has "oauth" but a "url" that is not https`, useTLS))
		return
	case u.User != nil:
		found(serverFault("url", `has a password in a "url" that is not https`, useTLS))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if secretHeader(name, c.Headers[name]) {
			found(serverFault("url", fmt.Sprintf("sends header %q to a \"url\" that is not https", name), useTLS))
			return
		}
	}
}

// secure reports whether u is https, or http on a loopback address.
func secure(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (strings.EqualFold(u.Hostname(), "localhost") || ip != nil && ip.IsLoopback())
}

// filter checks the patterns of the tool filter.
func (c checker) filter(found report) {
	one := func(list string, i int, f catalog.Filter) {
		if err := f.Validate(); err != nil {
			field := fmt.Sprintf("tool_filter.%s[%d]", list, i)
			if !c.broken[field] {
				found(serverFault(field, fmt.Sprintf("has a bad \"tool_filter\": %v", err), `use patterns such as "get_*"`))
			}
		}
	}
	for i, p := range c.ToolFilter.Include {
		one("include", i, catalog.Filter{Include: []string{p}})
	}
	for i, p := range c.ToolFilter.Exclude {
		one("exclude", i, catalog.Filter{Exclude: []string{p}})
	}
}

// maxResultLimit is the highest max_result_bytes.
const maxResultLimit = 1 << 30

func checkResultBytes(n int) *fault {
	if n < 0 || n > maxResultLimit {
		return fieldFault("max_result_bytes", fmt.Sprintf("\"max_result_bytes\" must be between 0 (off) and %d", maxResultLimit), "")
	}
	return nil
}

// check returns the faults of the settings; has says which the file has.
func (s Settings) check(has func(field string) bool) []*fault {
	var faults []*fault
	if has("max_concurrent_servers") && s.MaxConcurrentServers < 1 {
		faults = append(faults, fieldFault("max_concurrent_servers", `"max_concurrent_servers" must be at least 1`, ""))
	}
	if has("breaker.fail_threshold") && s.Breaker.FailThreshold < 1 {
		faults = append(faults, fieldFault("breaker.fail_threshold", `"breaker.fail_threshold" must be at least 1`, ""))
	}
	if s.Breaker.Cooldown == upstream.Never {
		faults = append(faults, fieldFault("breaker.cooldown", `"breaker.cooldown" must be more than 0`, ""))
	}
	if s.TokenStore != "" && s.TokenStore != "keyring" && s.TokenStore != "file" {
		faults = append(faults, fieldFault("token_store", `"token_store" is not known`, `use "keyring" or "file"`))
	}
	if s.MaxResultBytes != nil {
		if f := checkResultBytes(*s.MaxResultBytes); f != nil {
			faults = append(faults, f)
		}
	}
	return faults
}
