package vault

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/zalando/go-keyring"
)

// items are small values by name, as a keyring of the operating system keeps
// them. A call may wait for the person to unlock the keyring, and takes no
// context.
type items interface {
	get(name string) (string, error) // keyring.ErrNotFound
	set(name, value string) error    // keyring.ErrSetDataTooBig
	remove(name string) error        // no error if there is none
}

// osItems are the items of the operating system's keyring with that service
// name; the key is the user name.
type osItems struct{ service string }

func (o osItems) get(name string) (string, error) {
	if err := reachable(); err != nil {
		return "", err
	}
	return keyring.Get(o.service, name)
}

// set reads the value back, because on macOS go-keyring reports a failed
// write only in the output of a program.
func (o osItems) set(name, value string) error {
	if err := reachable(); err != nil {
		return err
	}
	if err := keyring.Set(o.service, name, value); err != nil {
		return err
	}
	switch kept, err := keyring.Get(o.service, name); {
	case err != nil:
		return err
	case kept != value:
		return errNotKept
	}
	return nil
}

func (o osItems) remove(name string) error {
	if err := reachable(); err != nil {
		return err
	}
	if err := keyring.Delete(o.service, name); !errors.Is(err, keyring.ErrNotFound) {
		return err
	}
	return nil
}

var errNotKept = errors.New("the keyring did not keep the value")

// A keyringStore keeps each secret in one item, or in several if the
// platform limits the size, see keyring_split.go. It makes one call at a
// time, each with a time limit.
//
// A late call cannot be cancelled. Its goroutine ends when the person
// answers the prompt, and no other call starts until then.
type keyringStore struct {
	items   items
	limit   int // bytes in one item; 0 for no limit
	timeout time.Duration

	turn    chan struct{} // capacity 1
	running atomic.Pointer[keyringCall]
}

// A keyringCall is a call that has not returned.
type keyringCall struct{ late atomic.Bool }

func newKeyringStore(it items, limit int, timeout time.Duration) *keyringStore {
	return &keyringStore{items: it, limit: limit, timeout: timeout, turn: make(chan struct{}, 1)}
}

// call runs f, which makes one call to the keyring.
func (k *keyringStore) call(ctx context.Context, f func() (string, error)) (string, error) {
	if c := k.running.Load(); c != nil && c.late.Load() {
		return "", &Error{Reason: Timeout, Err: errStillWaiting}
	}
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return "", keyringError(ctx, ctx.Err())
	}
	type answer struct {
		value string
		err   error
	}
	done := make(chan answer, 1)
	this := &keyringCall{}
	k.running.Store(this)
	go func() {
		var a answer
		defer func() {
			// go-keyring panics if the bus goes away while it waits for a
			// prompt.
			if p := recover(); p != nil {
				a.err = &Error{Reason: Unavailable, Err: errPanicked}
			}
			k.running.Store(nil)
			<-k.turn
			done <- a
		}()
		a.value, a.err = f()
		a.err = keyringError(ctx, a.err)
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		this.late.Store(true)
		return "", keyringError(ctx, ctx.Err())
	}
}

var (
	errStillWaiting = errors.New("an earlier call still waits for an answer")
	errPanicked     = errors.New("the connection to the keyring broke")
)

// keyringError gives an error of the keyring its reason. Only go-keyring's
// "not found" and "too big" have types; for the rest the platform is asked.
func keyringError(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, keyring.ErrNotFound):
		return ErrNoCredential
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return &Error{Reason: TooBig, Err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Reason: Timeout, Err: err}
	case isLocked(ctx, err):
		return &Error{Reason: Locked, Err: err}
	}
	return &Error{Reason: Unavailable, Err: err}
}

func (k *keyringStore) getItem(ctx context.Context, name string) (string, error) {
	return k.call(ctx, func() (string, error) { return k.items.get(name) })
}

func (k *keyringStore) setItem(ctx context.Context, name, value string) error {
	_, err := k.call(ctx, func() (string, error) { return "", k.items.set(name, value) })
	return err
}

func (k *keyringStore) removeItem(ctx context.Context, name string) error {
	_, err := k.call(ctx, func() (string, error) { return "", k.items.remove(name) })
	return err
}
