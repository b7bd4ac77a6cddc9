package vault

import (
	"context"
	"errors"
	"io/fs"
)

// ErrNoCredential says that the vault holds nothing under a key. A vault
// that cannot be asked gives an [Error].
var ErrNoCredential = errors.New("no credential")

// A Reason says why a vault could not do its work.
type Reason string

// The reasons of an [Error].
const (
	Unavailable Reason = "unavailable" // there is no keyring or it refused, or the file cannot be read or written
	Locked      Reason = "locked"      // the keyring has to be unlocked by the person
	Timeout     Reason = "timeout"     // no answer in time, perhaps because of an unlock prompt; or the lock was held for too long
	TooBig      Reason = "too big"     // the credential is larger than a vault accepts
	Damaged     Reason = "damaged"     // the content cannot be decoded
)

// An Op says what the vault was about to do.
type Op string

// The operations of an [Error].
const (
	OpGet    Op = "get"
	OpPut    Op = "put"
	OpDelete Op = "delete"
	OpLock   Op = "lock"
	OpIndex  Op = "index"
)

// An Error says that the vault could not do its work. It never means that a
// credential is absent, see [ErrNoCredential].
type Error struct {
	Op     Op
	Store  string // StoreKeyring or StoreFile
	Reason Reason
	File   string // the file, if one is concerned
	Err    error
}

// Error describes e without any secret.
func (e *Error) Error() string {
	s := e.Store + " " + string(e.Reason)
	if e.File != "" {
		s += " (" + e.File + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// ReasonOf returns the Reason of the [Error] within err, or "".
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ""
}

// fileError returns the Error for a file or lock file, or err itself if the
// caller gave up.
func fileError(path string, err error) error {
	reason := Unavailable
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		reason = Timeout
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok && e.Path == path {
		err = e.Err // an Error names the path already
	}
	return &Error{Reason: reason, File: path, Err: err}
}
