package proxy

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"mcpproxy/proxy/config"
	"mcpproxy/upstream"
)

// maxFailures bounds the record; the oldest go first.
const maxFailures = 500

// A failureRecord keeps the last failure of each server in the state folder,
// so that "proxy status" can tell what happened in a proxy that a host
// started. It holds our own words only, with secrets masked.
type failureRecord struct{ file string }

func newFailureRecord(stateDir string) failureRecord {
	if stateDir == "" {
		return failureRecord{}
	}
	return failureRecord{file: filepath.Join(stateDir, "failures.json")}
}

// read returns the failures by server ID. What cannot be read is no failure.
func (r failureRecord) read() map[string]LastError {
	failures := make(map[string]LastError)
	if r.file == "" {
		return failures
	}
	if data, err := os.ReadFile(r.file); err != nil || json.Unmarshal(data, &failures) != nil {
		return make(map[string]LastError)
	}
	return failures
}

// update changes the record under its own lock.
func (r failureRecord) update(change func(map[string]LastError)) error {
	if r.file == "" {
		return nil
	}
	if err := config.MakePrivateDir(filepath.Dir(r.file)); err != nil {
		return err
	}
	lock := flock.New(r.file + ".lock")
	if err := lock.Lock(); err != nil {
		return err
	}
	defer lock.Close()
	failures := r.read()
	change(failures)
	for len(failures) > maxFailures {
		delete(failures, slices.MinFunc(slices.Collect(maps.Keys(failures)), func(a, b string) int {
			return failures[a].when().Compare(failures[b].when())
		}))
	}
	data, err := json.Marshal(failures)
	if err != nil {
		return err
	}
	err = config.ReplaceFile(r.file, data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the state folder was removed under us: there is nothing to keep
	}
	return err
}

func (e LastError) when() time.Time {
	if e.At == nil {
		return time.Time{}
	}
	return *e.At
}

// failed records a failure of t.
func (p *Proxy) failed(t *target, st upstream.State) {
	if st.Last == nil || isAuthorization(st.Last) {
		return
	}
	t.faulty.Store(true)
	p.watch(func() { p.note(t) })
}

// recovered forgets the recorded failure of t after a success.
func (p *Proxy) recovered(t *target) {
	if !t.faulty.CompareAndSwap(true, false) {
		return
	}
	p.watch(func() {
		if _, ok := p.failures.read()[t.ID]; ok {
			p.note(t)
		}
	})
}

// note brings the record of t up to date with its state of now, so that it
// does not matter which of two notes comes first.
func (p *Proxy) note(t *target) {
	err := p.failures.update(func(failures map[string]LastError) {
		switch st := t.up.State(); {
		case st.Last == nil:
			delete(failures, t.ID)
		case !isAuthorization(st.Last):
			t.faulty.Store(true)
			failures[t.ID] = *p.lastError(condition{err: &ServerError{Server: t.Name, Err: st.Last}, stage: st.Stage, at: st.At})
		}
	})
	if err != nil {
		p.opts.Log.Warn("failure not recorded", "server", t.Name, "error", err)
	}
}
