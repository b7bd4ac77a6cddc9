package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// soakSize names the variable that makes the soak long: "20x64x10000" is 20
// upstreams, 64 callers and 10,000 calls.
const soakSize = "SOAK"

// work is the argument of the tool that is called. The server notes each call.
type work struct {
	ID    string `json:"id"`
	Fault string `json:"fault,omitempty"`
}

// childFaults are what a stdio child does to a call, beside being killed and
// stopped from outside. httpFaults are what an HTTP server does.
var (
	childFaults = []string{"die", "die-first", "garbage", "slow", "flood", "hang"}
	httpFaults  = []string{"abort", "abort-first", "503", "slow", "half-open", "cut", "restart"}
)

// faultyServer is a child that fails as a call asks for.
func faultyServer() {
	s := mcp.NewServer(testClient, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "work"}, func(ctx context.Context, _ *mcp.CallToolRequest, w work) (*mcp.CallToolResult, any, error) {
		if w.Fault == "die-first" {
			os.Exit(1)
		}
		note(w.ID)
		switch w.Fault {
		case "die":
			os.Exit(2)
		case "garbage":
			fmt.Println("npm WARN deprecated everything")
		case "slow":
			<-time.After(20 * time.Millisecond)
		case "flood":
			fmt.Fprintln(os.Stderr, strings.Repeat("noise\n", 20_000))
		case "hang":
			<-ctx.Done()
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: w.ID}}}, nil, nil
	})
	s.Run(context.Background(), &mcp.StdioTransport{})
}

// faultyHTTP is the same over HTTP, in this process.
func faultyHTTP(t *testing.T, ledger func(id string)) *fakeHTTP {
	var f *fakeHTTP
	var restarts atomic.Int64
	f = newFakeHTTP(t, func(rw http.ResponseWriter, r *http.Request, m message) bool {
		if m.Method != "tools/call" || r.Header.Get("Mcp-Session-Id") != f.session.Load() {
			return false
		}
		var w work
		json.Unmarshal(m.Params.Arguments, &w)
		switch w.Fault {
		case "abort-first":
			panic(http.ErrAbortHandler)
		case "503":
			rw.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		ledger(w.ID)
		switch w.Fault {
		case "abort":
			panic(http.ErrAbortHandler)
		case "slow":
			<-time.After(20 * time.Millisecond)
		case "half-open":
			<-r.Context().Done()
			return true
		case "cut":
			rw.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(rw, ": bye\n\n")
			return true
		case "restart": // after this answer the session is gone
			defer f.session.Store(fmt.Sprint("session-", restarts.Add(1)))
		}
		answer(rw, m, fmt.Sprintf(`"result":{"content":[{"type":"text","text":%q}]}`, w.ID))
		return true
	})
	f.session.Store("session-0")
	return f
}

// A soak is one run and its outcomes.
type soak struct {
	t         *testing.T
	upstreams []*Upstream
	calls     int

	next atomic.Int64

	mu       sync.Mutex
	outcomes map[string]string // by id of the call
	repeated map[string]bool   // ids of calls that said that they were repeated
	faults   map[string]int
	peak     uint64 // bytes of heap in use
}

func TestSoak(t *testing.T) {
	onLinux(t)
	upstreams, callers, calls := 6, 16, 500
	if size := os.Getenv(soakSize); size != "" {
		if _, err := fmt.Sscanf(size, "%dx%dx%d", &upstreams, &callers, &calls); err != nil {
			t.Fatalf("%s=%s: %v", soakSize, size, err)
		}
	} else if testing.Short() {
		t.Skip("takes seconds")
	}
	before := measure()
	ledger := filepath.Join(t.TempDir(), "ledger")
	s := &soak{t: t, calls: calls, outcomes: map[string]string{}, repeated: map[string]bool{}, faults: map[string]int{}}
	pool := NewPool(max(2, upstreams*3/4)) // some must make room for others
	mark := runID + "-soak"
	for i := range upstreams {
		cfg := testChild(t, "faulty")
		cfg.Env[noteFile], cfg.Env[runMark] = ledger, mark
		if i%4 == 3 {
			cfg = httpConfig(faultyHTTP(t, func(id string) { appendLine(ledger, id) }).URL)
		}
		cfg.CallTimeout = Duration(400 * time.Millisecond)
		s.upstreams = append(s.upstreams, New(fmt.Sprint("u", i), cfg, Options{
			Client: testClient, Pool: pool, Breaker: BreakerConfig{FailThreshold: 5, Cooldown: Duration(50 * time.Millisecond)},
		}))
	}
	began := time.Now()
	ctx, stop := context.WithCancel(t.Context())
	var wg, outside sync.WaitGroup
	outside.Go(func() { s.harm(ctx, rand.New(rand.NewPCG(1, 0))) })
	for i := range callers {
		wg.Go(func() { s.call(t.Context(), rand.New(rand.NewPCG(2, uint64(i)))) })
	}
	wg.Wait()
	stop()
	outside.Wait()
	took := time.Since(began)
	var closing sync.WaitGroup
	for _, u := range s.upstreams {
		closing.Go(u.Close)
	}
	closing.Wait()
	pool.Close()
	s.report(ledger, took)
	if left := marked(mark); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
	eventually(t, "goroutines and descriptors are back", func() bool {
		after := measure()
		return after.goroutines <= before.goroutines+4*upstreams && after.files <= before.files+2*upstreams
	})
}

// A measurement is what must not grow, but for the servers of the test.
type measurement struct{ goroutines, files int }

func measure() measurement {
	fds, _ := os.ReadDir("/proc/self/fd")
	return measurement{runtime.NumGoroutine(), len(fds)}
}

// call makes calls until there are enough. Most ask for no fault.
func (s *soak) call(ctx context.Context, rnd *rand.Rand) {
	for n := s.next.Add(1); n <= int64(s.calls); n = s.next.Add(1) {
		u := s.upstreams[rnd.IntN(len(s.upstreams))]
		w := work{ID: fmt.Sprintf("call-%d", n)}
		if rnd.IntN(10) == 0 {
			faults := childFaults
			if u.cfg.Type == HTTP {
				faults = httpFaults
			}
			w.Fault = faults[rnd.IntN(len(faults))]
			s.count(w.Fault)
		}
		args, _ := json.Marshal(w)
		repeatable := rnd.IntN(4) == 0
		err := u.With(ctx, func(ctx context.Context, ses *Session) error {
			if ses.Repeated() {
				s.mu.Lock()
				s.repeated[w.ID] = true
				s.mu.Unlock()
			}
			result, err := ses.Call(ctx, Call{Tool: "work", Arguments: args, Repeatable: repeatable})
			if err == nil && !bytes.Contains(result, []byte(`"`+w.ID+`"`)) {
				err = fmt.Errorf("the answer to %s is %s", w.ID, result)
			}
			return err
		})
		outcome := outcomeOf(err)
		if outcome == "" {
			s.t.Errorf("%s on %s (%s): unexpected error %T: %v", w.ID, u.name, w.Fault, err, err)
		}
		s.mu.Lock()
		s.outcomes[w.ID] = outcome
		s.mu.Unlock()
		pause := time.Duration(rnd.IntN(3)) * time.Millisecond
		if slices.Contains(notRun, outcome) {
			pause = 30 * time.Millisecond
		}
		<-time.After(pause)
	}
}

// notRun are the outcomes that promise that nothing ran.
var notRun = []string{"not started", "starting", "cooling down"}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "answered"
	case isA[*CoolingDownError](err):
		return "cooling down"
	case isA[*StartError](err):
		return "not started"
	case isA[*StartingError](err):
		return "starting"
	case isA[*TimeoutError](err):
		return "timeout"
	case isA[*InterruptedError](err):
		return "interrupted"
	case isA[*StatusError](err):
		return "HTTP status"
	case errors.Is(err, ErrNotSent):
		return "not sent"
	}
	return ""
}

func (s *soak) count(fault string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[fault]++
}

// report checks that every call is accounted for, and prints the sums.
func (s *soak) report(ledger string, took time.Duration) {
	runs := map[string]int{}
	for _, id := range notes(s.t, ledger) {
		runs[id]++
	}
	sums, doubles := map[string]int{}, 0
	for id, outcome := range s.outcomes {
		sums[outcome]++
		n := runs[id]
		switch {
		case n > 2, n == 2 && !s.repeated[id]:
			doubles++
			s.t.Errorf("%s (%s) ran %d times", id, outcome, n)
		case n == 0 && outcome == "answered":
			s.t.Errorf("%s was answered and never ran", id)
		case n > 0 && slices.Contains(notRun, outcome):
			s.t.Errorf("%s ran and was reported as %s", id, outcome)
		}
	}
	if len(s.outcomes) != s.calls {
		s.t.Errorf("%d of %d calls are accounted for", len(s.outcomes), s.calls)
	}
	if sums["answered"] < s.calls/2 {
		s.t.Errorf("only %d of %d calls were answered", sums["answered"], s.calls)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d calls in %v on %d upstreams\n", s.calls, took.Round(time.Millisecond), len(s.upstreams))
	for _, part := range []struct {
		name string
		sums map[string]int
	}{{"faults", s.faults}, {"outcomes", sums}} {
		fmt.Fprintf(&b, "%s:", part.name)
		for _, k := range slices.Sorted(maps.Keys(part.sums)) {
			fmt.Fprintf(&b, " %s %d,", k, part.sums[k])
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "repeated after an interruption: %d; ran twice unannounced: %d; peak heap: %d KiB", len(s.repeated), doubles, s.peak>>10)
	s.t.Log(b.String())
}
