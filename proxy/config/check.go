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

	"mcpproxy/auth"
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
// placeholders, and again after their substitution.
type checker struct {
	*Entry
	written bool
}

// unresolved reports whether the value is not known before substitution.
func (c checker) unresolved(s string) bool { return c.written && hasPlaceholder(s) }

// check returns the faults of the entry: of each string, and the first of each
// other rule.
func (c checker) check() (faults []*fault) {
	rules := []func() *fault{c.transport, c.env, c.headers, c.address, c.oauth, c.filter, c.resultBytes}
	faults = c.strings()
	for _, rule := range rules {
		if f := rule(); f != nil {
			faults = append(faults, f)
		}
	}
	return faults
}

func (c checker) resultBytes() *fault {
	if c.MaxResultBytes == nil {
		return nil
	}
	return checkResultBytes(*c.MaxResultBytes)
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

func (c checker) transport() *fault {
	const wants = `a server has either a "command" or a "url"`
	switch {
	case c.Command != "" && c.URL != "":
		return serverFault("url", `has both a "command" and a "url"`, "keep one of them")
	case c.Type == "":
		return serverFault("", `has neither a "command" nor a "url"`, wants)
	case c.Type == upstream.Stdio && c.Command == "":
		return serverFault("type", `is of type "stdio" but has no "command"`, wants)
	case (c.Type == upstream.HTTP || c.Type == upstream.SSE) && c.URL == "":
		return serverFault("type", fmt.Sprintf("is of type %q but has no \"url\"", c.Type), wants)
	case c.Type != upstream.Stdio && c.Type != upstream.HTTP && c.Type != upstream.SSE:
		return serverFault("type", `has a "type" that is not known`, `use "stdio", "http" or "sse"`)
	}
	if c.Type == upstream.Stdio {
		switch {
		case len(c.Headers) > 0:
			return serverFault("headers", `has a "command", which takes no "headers"`, `pass settings with "env" or "args"`)
		case c.OAuth != nil:
			return serverFault("oauth", `has a "command", which takes no "oauth"`, `"oauth" belongs to a server with a "url"`)
		}
		return nil
	}
	for _, only := range []struct {
		field string
		set   bool
	}{
		{"args", len(c.Args) > 0}, {"cwd", c.Cwd != ""}, {"env", len(c.Env) > 0}, {"inherit_env", len(c.InheritEnv) > 0},
	} {
		if only.set {
			return serverFault(only.field, fmt.Sprintf("has a \"url\", which takes no %q", only.field), `it belongs to a server with a "command"`)
		}
	}
	return nil
}

// fixed lists the settings that take no placeholders, because they are read
// before the environment is.
var fixed = []string{"type", "description", "tool_filter"}

func isFixed(field string) bool {
	return slices.ContainsFunc(fixed, func(f string) bool { return strings.HasPrefix(field, f) })
}

// strings checks each string value.
func (c checker) strings() (faults []*fault) {
	_, _ = mapStrings(*c.Entry, func(field, s string) (string, error) {
		if f := c.text(field, s); f != nil && len(faults) < maxProblems {
			faults = append(faults, f)
		}
		return s, nil
	})
	return faults
}

// leadingVariable matches the variable that a path begins with.
var leadingVariable = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\$[^/\\]+|%[^%]+%)(?:[/\\]|$)`)
})

// text checks the form of the placeholders in a value, and that it holds no NUL
// character, which cannot be passed to a process.
func (c checker) text(field, s string) *fault {
	_, err := expand(s, nil, func(placeholder) (string, error) { return "", nil })
	if start := leadingVariable().FindStringSubmatch(s); start != nil && err == nil && (field == "command" || field == "cwd") {
		err = foreignIn(start[1]) // no shell reads the path
	}
	other, isForeign := errors.AsType[*foreignError](err)
	switch {
	case strings.ContainsRune(s, 0):
		return serverFault(field, fmt.Sprintf("has a NUL character in %q", field), "remove it")
	case !c.written:
		return nil
	case isForeign && isFixed(field):
		return nil // a description may say anything
	case isForeign:
		return serverFault(field, fmt.Sprintf("has %s in %q, which would be passed on as it is", other.text, field), other.hint())
	case err != nil:
		return serverFault(field, fmt.Sprintf("has a bad placeholder in %q: %v", field, err), "write ${env:NAME} or ${env:NAME:-default}")
	case isFixed(field) && hasPlaceholder(s):
		return serverFault(field, fmt.Sprintf("has a placeholder in %q, which takes none", field), "write the value itself")
	}
	return nil
}

func (c checker) env() *fault {
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		if !validVariable(name) {
			return serverFault(join("env", name), fmt.Sprintf("has %q in \"env\", which is no name of a variable", name), "use letters, digits and underscores")
		}
	}
	for i, name := range c.InheritEnv {
		if !c.unresolved(name) && !validVariable(name) {
			field := fmt.Sprintf("inherit_env[%d]", i)
			return serverFault(field, fmt.Sprintf("has no name of a variable in %q", field), "use letters, digits and underscores")
		}
	}
	return nil
}

// address checks the url, to which credentials are sent over TLS or on the same
// machine only (DESIGN, section 4).
func (c checker) address() *fault {
	if c.URL == "" || c.unresolved(c.URL) {
		return nil
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return serverFault("url", `has a "url" that is not an http or https address`, `write it as in "https://example.com/mcp"`)
	case secure(u):
		return nil
	case c.OAuth != nil:
		return serverFault("url", `has "oauth" but a "url" that is not https`, "use https, or http on a loopback address")
	case u.User != nil:
		return serverFault("url", `has a password in a "url" that is not https`, "use https, or http on a loopback address")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if secretHeader(name, c.Headers[name]) {
			return serverFault("url", fmt.Sprintf("sends header %q to a \"url\" that is not https", name), "use https, or http on a loopback address")
		}
	}
	return nil
}

// secure reports whether u is https, or http on a loopback address.
func secure(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (strings.EqualFold(u.Hostname(), "localhost") || ip != nil && ip.IsLoopback())
}

func (c checker) oauth() *fault {
	o := c.OAuth
	if o == nil {
		return nil
	}
	if c.Type == upstream.SSE {
		return serverFault("oauth", `is of type "sse", which takes no "oauth"`, `use type "http", or pass a token with "headers"`)
	}
	err := o.Validate(c.URL)
	if err == nil {
		return nil
	}
	f := serverFault("oauth", err.Error(), "")
	if wrong, ok := errors.AsType[*auth.ConfigError](err); ok {
		f.field = wrong.Field
		f.ofServer = wrong.Problem == "" // the server "requires" the field
	}
	if c.unresolvedField(f.field) {
		return nil
	}
	return f
}

// unresolvedField reports whether a value of the field is not known before
// substitution.
func (c checker) unresolvedField(field string) bool {
	unresolved := false
	_, _ = mapStrings(*c.Entry, func(f, s string) (string, error) {
		unresolved = unresolved || strings.HasPrefix(f, field) && c.unresolved(s)
		return s, nil
	})
	return unresolved
}

// filter checks the patterns of the tool filter.
func (c checker) filter() *fault {
	if err := c.ToolFilter.Validate(); err != nil {
		return serverFault("tool_filter", fmt.Sprintf("has a bad \"tool_filter\": %v", err), `use patterns such as "get_*"`)
	}
	return nil
}

// maxResultLimit is the highest max_result_bytes.
const maxResultLimit = 1 << 30

func checkResultBytes(n int) *fault {
	if n < 0 || n > maxResultLimit {
		return fieldFault("max_result_bytes", fmt.Sprintf("\"max_result_bytes\" must be between 0 (off) and %d", maxResultLimit), "")
	}
	return nil
}

// check returns the faults of the settings, whose keys in the file lines holds.
func (s Settings) check(lines map[string]int) []*fault {
	var faults []*fault
	has := func(field string) bool { _, ok := lines[field]; return ok }
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
