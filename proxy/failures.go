package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"mcpproxy/auth/privatefile"
	"mcpproxy/upstream"
)

const (
	// maxFailures bounds the record; the oldest go first.
	maxFailures = 500
	// maxFailuresSize bounds what is read of the file, in bytes.
	maxFailuresSize = 4 << 20
	// recordWait bounds the wait for another process, since Close waits for it:
	// one that was stopped may hold the lock for good.
	recordWait = 500 * time.Millisecond
)

// A Failure is a failure of a server in structured facts, with secrets masked.
type Failure struct {
	Stage   upstream.Stage `json:"stage"`
	Message string         `json:"message"`
	Exit    string         `json:"exit,omitempty"`   // how its child ended
	Stderr  string         `json:"stderr,omitempty"` // what its child said last
	At      time.Time      `json:"at,omitzero"`      // zero for what is wrong all the time
}

// lastError tells a failure in one text.
func (f Failure) lastError() *LastError {
	e := &LastError{Stage: f.Stage, Message: f.Message}
	if f.Exit != "" {
		e.Message += ": " + f.Exit
	}
	if f.Stderr != "" {
		e.Message += "; stderr: " + f.Stderr
	}
	if !f.At.IsZero() {
		e.At = new(f.At.UTC().Truncate(time.Second))
	}
	return e
}

// A failureRecord keeps the last failure of each server in the state folder,
// so that "proxy status" can tell what happened in a proxy that a host
// started.
type failureRecord struct{ file string }

func newFailureRecord(stateDir string) failureRecord {
	if stateDir == "" {
		return failureRecord{}
	}
	return failureRecord{file: filepath.Join(stateDir, "failures.json")}
}

// read returns the failures by server ID, none if the record cannot be read.
func (r failureRecord) read() map[string]Failure {
	if r.file == "" {
		return nil
	}
	content, err := privatefile.Read(r.file, maxFailuresSize)
	if err != nil {
		return nil
	}
	failures, _ := decodeFailures(content)
	return failures
}

func decodeFailures(content []byte) (map[string]Failure, error) {
	failures := make(map[string]Failure)
	if content != nil && json.Unmarshal(content, &failures) != nil {
		return nil, privatefile.ErrDamaged
	}
	return failures, nil
}

// update changes the record under its lock.
func (r failureRecord) update(ctx context.Context, change func(map[string]Failure)) error {
	if r.file == "" {
		return nil
	}
	// The end of a command does not cancel what it leaves on record.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWait)
	defer cancel()
	err := privatefile.Update(ctx, r.file, maxFailuresSize, func(content []byte) ([]byte, error) {
		failures, err := decodeFailures(content)
		if err != nil {
			return nil, err
		}
		change(failures)
		for len(failures) > maxFailures {
			delete(failures, slices.MinFunc(slices.Collect(maps.Keys(failures)), func(a, b string) int {
				return failures[a].At.Compare(failures[b].At)
			}))
		}
		return json.Marshal(failures)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the state folder was removed under us: there is nothing to keep
	}
	return err
}

// failed records a failure of the server.
func (t *target) failed(st upstream.State) {
	if st.Last == nil || isAuthorization(st.Last) {
		return
	}
	t.faulty.Store(true)
	t.session.start(t.record)
}

// recovered forgets the recorded failure of the server after a success.
func (t *target) recovered() {
	if !t.faulty.CompareAndSwap(true, false) {
		return
	}
	t.session.start(func() {
		if _, ok := t.session.proxy.failures.read()[t.ID]; ok {
			t.record()
		}
	})
}

// record brings the record up to date with the server's state of now, so that
// it does not matter which of two calls comes first.
func (t *target) record() {
	p := t.session.proxy
	err := p.failures.update(t.session.ctx, func(failures map[string]Failure) {
		switch st := t.up.State(); {
		case st.Last == nil:
			delete(failures, t.ID)
		case !isAuthorization(st.Last):
			t.faulty.Store(true)
			f := p.failure(&ServerError{Server: t.Name, Err: st.Last})
			f.Stage, f.At = st.Stage, st.At
			failures[t.ID] = f
		}
	})
	if err != nil {
		p.opts.Log.Warn("failure not recorded", "server", t.Name, "error", err)
	}
}
