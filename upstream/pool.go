package upstream

import (
	"context"
	"slices"
	"sync"
	"time"

	"mcpproxy/upstream/child"
)

// Bounds of a burst of starts.
const (
	maxStarts = 4
	// startTurn is how long one start may keep others waiting. A slow one, such
	// as a first download by npx, must not hold up the rest.
	startTurn = 5 * time.Second
)

// A Pool is what the upstreams of one process share: the bounds on starts at
// once and on connections, and the guard of their children. It is safe for
// concurrent use.
type Pool struct {
	starts chan struct{}
	guard  *child.Guard

	mu    sync.Mutex
	max   int // slots; 0 or less is without a bound
	slots map[*slot]struct{}
}

// A slot is held by one connection, from before it is made until it is closed.
type slot struct {
	owner *Upstream
	used  time.Time // guarded by the pool's mu
}

// NewPool returns a pool of at most maxConnected connections at once; 0 or
// less is without a bound. To make room the least recently used idle
// connection is closed. A busy one is not: while all are busy there are more.
func NewPool(maxConnected int) *Pool {
	return &Pool{
		max:    maxConnected,
		starts: make(chan struct{}, maxStarts),
		guard:  child.NewGuard(),
		slots:  make(map[*slot]struct{}),
	}
}

// Resize changes the bound of [NewPool].
func (p *Pool) Resize(maxConnected int) {
	p.mu.Lock()
	p.max = maxConnected
	p.mu.Unlock()
	p.trim()
}

// Close frees what the pool holds. Its upstreams must be closed before.
func (p *Pool) Close() { p.guard.Close() }

// awaitTurn waits for the right to start. The returned function gives it back,
// which happens after startTurn at the latest.
func (p *Pool) awaitTurn(ctx context.Context) (done func(), err error) {
	select {
	case p.starts <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	back := sync.OnceFunc(func() { <-p.starts })
	t := time.AfterFunc(startTurn, back)
	return func() {
		t.Stop()
		back()
	}, nil
}

// take takes a slot for a connection of u and makes room for it.
func (p *Pool) take(u *Upstream) *slot {
	s := &slot{owner: u, used: time.Now()}
	p.mu.Lock()
	p.slots[s] = struct{}{}
	p.mu.Unlock()
	p.trim()
	return s
}

func (p *Pool) free(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.slots, s)
}

func (p *Pool) touch(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.used = time.Now()
}

// trim closes idle connections, the least recently used first, until no more
// are left than the bound allows.
func (p *Pool) trim() {
	p.mu.Lock()
	over := 0
	if p.max > 0 {
		over = len(p.slots) - p.max
	}
	var byAge []*slot
	if over > 0 {
		for s := range p.slots {
			byAge = append(byAge, s)
		}
		slices.SortFunc(byAge, func(a, b *slot) int { return a.used.Compare(b.used) })
	}
	p.mu.Unlock()
	for _, s := range byAge {
		if over > 0 && s.owner.evict(s) {
			p.free(s)
			over--
		}
	}
}
