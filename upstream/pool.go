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
	// startTurn is how long one start may keep others waiting: a slow one, such
	// as a first download by npx, must not hold up the rest.
	startTurn = 5 * time.Second
)

// A Pool is what the upstreams of one process share: the bound on starts at
// once, the bound on connections, and the guard that survives the process. It
// is safe for concurrent use.
type Pool struct {
	starts chan struct{}
	guard  *child.Guard

	mu    sync.Mutex
	max   int // of seats; 0 or less is without a bound
	seats map[*seat]struct{}
}

// A seat is the place of one connection, from before it is made until it is
// given up.
type seat struct {
	owner *Upstream
	used  time.Time // guarded by the pool's mu
}

// NewPool returns a pool of at most maxConnected connections at once; 0 or
// less is without a bound. To make room the least recently used idle
// connection is closed. A busy one never is: when all are busy there are more
// for a while.
func NewPool(maxConnected int) *Pool {
	return &Pool{
		max:    maxConnected,
		starts: make(chan struct{}, maxStarts),
		guard:  child.NewGuard(),
		seats:  make(map[*seat]struct{}),
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

// turn waits for the right to start. The returned function gives it back,
// which otherwise happens by itself after a while.
func (p *Pool) turn(ctx context.Context) (done func(), err error) {
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

// sit takes a place for a connection of u and makes room for it.
func (p *Pool) sit(u *Upstream) *seat {
	s := &seat{owner: u, used: time.Now()}
	p.mu.Lock()
	p.seats[s] = struct{}{}
	p.mu.Unlock()
	p.trim()
	return s
}

func (p *Pool) leave(s *seat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.seats, s)
}

func (p *Pool) touch(s *seat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.used = time.Now()
}

// trim closes idle connections, the least recently used first, until no more
// are left than there may be.
func (p *Pool) trim() {
	p.mu.Lock()
	over := 0
	if p.max > 0 {
		over = len(p.seats) - p.max
	}
	var byAge []*seat
	if over > 0 {
		for s := range p.seats {
			byAge = append(byAge, s)
		}
		slices.SortFunc(byAge, func(a, b *seat) int { return a.used.Compare(b.used) })
	}
	p.mu.Unlock()
	for _, s := range byAge {
		if over > 0 && s.owner.evict(s) {
			p.leave(s)
			over--
		}
	}
}
