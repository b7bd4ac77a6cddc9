package auth

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is the time between two tries for a lock that another process
// holds: file locks cannot be waited for with a context.
const lockPoll = 20 * time.Millisecond

// A locker takes lock files for one process. The zero value is ready.
type locker struct {
	mu     sync.Mutex
	inside map[string]chan struct{} // by path; whoever fills it has this process's turn
}

// lock takes the file at path against other processes and goroutines, waiting
// until ctx ends. Lock files are never removed: a process that waits for
// a removed file and one that made it anew would both believe to hold it.
func (l *locker) lock(ctx context.Context, path string) (unlock func(), err error) {
	turn := l.turn(path)
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := privateDir(filepath.Dir(path)); err != nil {
		<-turn
		return nil, err
	}
	f := flock.New(path)
	if _, err := f.TryLockContext(ctx, lockPoll); err != nil {
		<-turn
		return nil, err
	}
	var once sync.Once
	return func() {
		once.Do(func() {
			_ = f.Unlock() // closing the file frees the lock even where this fails
			<-turn
		})
	}, nil
}

// turn returns the queue for a path. There are as many as there are
// credentials and logins, few enough to be kept.
func (l *locker) turn(path string) chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inside == nil {
		l.inside = map[string]chan struct{}{}
	}
	if l.inside[path] == nil {
		l.inside[path] = make(chan struct{}, 1)
	}
	return l.inside[path]
}
