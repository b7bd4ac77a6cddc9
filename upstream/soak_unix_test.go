//go:build unix

package upstream

import (
	"context"
	"math/rand/v2"
	"runtime"
	"syscall"
	"time"
)

// harm kills and stops children from outside until ctx ends.
func (s *soak) harm(ctx context.Context, rnd *rand.Rand) {
	for ctx.Err() == nil {
		<-time.After(time.Duration(10+rnd.IntN(40)) * time.Millisecond)
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		s.peak = max(s.peak, m.HeapInuse) // read after this has returned
		u := s.upstreams[rnd.IntN(len(s.upstreams))]
		u.mu.Lock()
		var pgid int
		if c := u.st.conn; c != nil && c.child != nil {
			pgid = c.child.Pid()
		}
		u.mu.Unlock()
		switch {
		case pgid == 0:
		case rnd.IntN(3) == 0:
			s.count("kill -9")
			syscall.Kill(-pgid, syscall.SIGKILL)
		default:
			s.count("stop and continue")
			syscall.Kill(-pgid, syscall.SIGSTOP)
			<-time.After(time.Duration(rnd.IntN(100)) * time.Millisecond)
			syscall.Kill(-pgid, syscall.SIGCONT)
		}
	}
}
