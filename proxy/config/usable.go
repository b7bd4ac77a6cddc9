package config

import "fmt"

// Usable returns nil if the server may be used as it is configured. Errors:
// *UntrustedError, *EntryError or *DisabledError.
func (s *Server) Usable() error {
	switch {
	case s.Untrusted:
		return &UntrustedError{Server: s.Name, Dir: s.ProjectDir()}
	case s.Problem != nil:
		return &EntryError{Server: s.Name, Err: s.Problem}
	case s.Entry.Disabled:
		return &DisabledError{Server: s.Name, File: s.File}
	}
	return nil
}

// A DisabledError says that the server is switched off in its entry.
type DisabledError struct{ Server, File string }

func (e *DisabledError) Error() string { return e.Server + " is disabled" }

// An UntrustedError says that the server belongs to a project whose
// configuration the person has not allowed.
type UntrustedError struct {
	Server string
	Dir    string // of the project
}

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("%s is configured by the project %s, which is not trusted", e.Server, e.Dir)
}

// An EntryError says that the server's entry cannot be used as it is: it is
// malformed, or a variable that it names is not set.
type EntryError struct {
	Server string
	Err    error // a *Problem, as a rule
}

func (e *EntryError) Error() string { return fmt.Sprintf("configuration of %s: %v", e.Server, e.Err) }
func (e *EntryError) Unwrap() error { return e.Err }
