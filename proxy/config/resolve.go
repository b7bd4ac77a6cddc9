package config

import (
	"cmp"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
)

// Resolve substitutes the entry's placeholders and fills in what it leaves
// open. Errors: *MissingVariableError, or a *Problem with a value that breaks
// a rule once it is known; neither holds a value. A server that has a Problem
// or is Untrusted must not be resolved.
func (s *Server) Resolve(getenv func(string) (string, bool), d Settings) (Resolved, error) {
	e, secrets, err := s.substitute(getenv)
	if err != nil {
		return Resolved{}, err
	}
	d = d.Or(DefaultSettings)
	e.Limits = e.Limits.Or(d.Limits)
	if dir := s.ProjectDir(); dir != "" && e.Command != "" && !filepath.IsAbs(e.Cwd) {
		// The host may have been started in another folder of the project.
		e.Cwd = filepath.Join(dir, e.Cwd)
	}
	return Resolved{
		Upstream:       e.Config,
		OAuth:          e.OAuth,
		Breaker:        d.Breaker,
		MaxResultBytes: *cmp.Or(e.MaxResultBytes, d.MaxResultBytes),
		Secrets:        append(secrets, e.secrets()...),
	}, nil
}

// substitute returns the entry without placeholders, and the values that came
// from the environment.
func (s *Server) substitute(getenv func(string) (string, bool)) (Entry, []string, error) {
	var secrets []string
	e, err := mapStrings(s.Entry, func(field, text string) (string, error) {
		if isFixed(field) {
			return text, nil
		}
		return expand(text, nil, func(p placeholder) (string, error) {
			v, set := getenv(p.name)
			switch {
			case v != "":
				secrets = append(secrets, v)
			case p.hasDefault:
				return p.fallback, nil
			case !set:
				return "", &MissingVariableError{Server: s.Name, Variable: p.name, Field: field}
			}
			return v, nil
		})
	})
	if err != nil {
		return Entry{}, nil, err
	}
	e.Command, e.Cwd = fromHome(e.Command, getenv), fromHome(e.Cwd, getenv)
	if f := (checker{Entry: &e}).first(); f != nil {
		if asWritten := (checker{Entry: &s.Entry, written: true}); strings.HasPrefix(f.field, "oauth.") && asWritten.unresolvedField(f.field) {
			// The messages of auth may quote the value.
			f = fieldFault(f.field, f.field+" is not valid once its placeholders are substituted", "check the variables that it names")
		}
		return Entry{}, nil, s.problem(f)
	}
	return e, secrets, nil
}

// fromHome expands "~" and a leading "~/" (on Windows also "~\\"), which a shell
// would have expanded, to the person's home folder.
func fromHome(path string, getenv func(string) (string, bool)) string {
	rest, ok := strings.CutPrefix(path, "~/")
	if !ok && runtime.GOOS == "windows" {
		rest, ok = strings.CutPrefix(path, `~\`)
	}
	if path == "~" {
		rest, ok = "", true
	}
	if !ok {
		return path
	}
	for _, name := range []string{"HOME", "USERPROFILE"} {
		if home, _ := getenv(name); home != "" {
			return filepath.Join(home, rest)
		}
	}
	return path
}

// secrets returns the values of the settings that hold secrets.
func (e *Entry) secrets() []string {
	var all []string
	for _, v := range e.Env {
		all = append(all, v)
	}
	for _, v := range e.Headers {
		// A credential may be shown elsewhere without its scheme, such as "Bearer".
		all = append(all, v, v[strings.LastIndexByte(v, ' ')+1:])
	}
	addresses := []string{e.URL}
	if o := e.OAuth; o != nil {
		all = append(all, o.ClientSecret)
		addresses = append(addresses, o.AuthorizeURL, o.TokenURL, o.DeviceAuthorizationEndpoint, o.RevocationURL)
	}
	for _, a := range addresses {
		u, err := url.Parse(a)
		if err != nil {
			continue
		}
		if u.User != nil {
			password, _ := u.User.Password()
			all = append(all, u.User.Username(), password, u.User.String())
		}
		for _, values := range u.Query() {
			all = append(all, values...)
		}
	}
	return all
}
