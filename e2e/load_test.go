package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A caller sends one request and returns how many bytes the answer had.
// Safe for many goroutines at once.
type caller interface {
	call(method, params string) (int, error)
}

// A load is a client made to be cheap: it looks at an answer's id, and at
// whether it failed, but decodes nothing.
type load struct {
	in   io.WriteCloser
	pid  int
	took time.Duration // from before the start until initialize was answered
	wait func() error

	profile string // the file that a profile is written to; empty for none

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan answer
}

type answer struct {
	size int
	err  error
}

var errGone = errors.New("the server is gone")

func (l *load) read(out io.Reader) {
	r := bufio.NewReaderSize(out, 256<<10)
	for {
		line, err := readLine(r)
		if err != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, ch := range l.waiting {
				close(ch)
			}
			l.waiting = nil // from now on call fails at once
			return
		}
		id, _, ok := splitID(line)
		if !ok {
			var m struct{ ID *uint64 }
			if json.Unmarshal(line, &m) != nil || m.ID == nil {
				continue
			}
			id = *m.ID
		}
		l.mu.Lock()
		ch := l.waiting[id]
		delete(l.waiting, id)
		l.mu.Unlock()
		if ch != nil {
			ch <- answer{len(line), failure(line)}
		}
	}
}

func (l *load) call(method, params string) (int, error) {
	ch := make(chan answer, 1)
	l.mu.Lock()
	if l.waiting == nil {
		l.mu.Unlock()
		return 0, errGone
	}
	l.next++
	id := l.next
	l.waiting[id] = ch
	_, err := fmt.Fprintf(l.in, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`+"\n", id, method, params)
	l.mu.Unlock()
	if err != nil {
		return 0, err
	}
	a, ok := <-ch
	if !ok {
		return 0, errGone
	}
	return a.size, a.err
}

// failure looks for an error where an answer's envelope or result begins or ends.
func failure(line []byte) error {
	head, tail := line[:min(len(line), 200)], line[max(0, len(line)-200):]
	for _, part := range [][]byte{head, tail} {
		if bytes.Contains(part, []byte(`"isError":true`)) || bytes.Contains(part, []byte(`"error":{`)) {
			return fmt.Errorf("the call failed: %.400s", line)
		}
	}
	return nil
}

// startLoad starts a stdio server and opens the conversation.
func (s *sandbox) startLoad(command string, args ...string) *load {
	s.t.Helper()
	begin := time.Now()
	cmd := s.command(context.WithoutCancel(s.t.Context()), command, args...)
	var profile string
	if group := os.Getenv(profiled); group != "" && slices.Equal(args, []string{"serve"}) {
		profile, _ = filepath.Abs("../" + group + ".pprof")
		os.Remove(profile) // of an earlier one
		cmd.Env = append(cmd.Env, "PROXY_PROFILE="+profile)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	stderr := &journal{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	l := &load{in: in, pid: cmd.Process.Pid, wait: sync.OnceValue(cmd.Wait), profile: profile, waiting: map[uint64]chan answer{}}
	s.t.Cleanup(l.close)
	go l.read(out)
	if _, err := l.call("initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}`); err != nil {
		s.t.Fatalf("initialize: %v\n%s", err, stderr)
	}
	l.took = time.Since(begin)
	fmt.Fprintln(in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return l
}

func (l *load) close() {
	if l.profile != "" {
		endProfile(l.pid)
		poll(time.Minute, func() bool { _, err := os.Stat(l.profile); return err == nil })
	}
	l.in.Close()
	l.wait()
}

// A webLoad is a load over Streamable HTTP.
type webLoad struct {
	url    string
	client *http.Client
	next   atomic.Uint64
}

func newWebLoad(url string) *webLoad {
	return &webLoad{url: url, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}}
}

func (w *webLoad) call(method, params string) (int, error) {
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, w.next.Add(1), method, params)
	req, err := http.NewRequest(http.MethodPost, w.url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return len(answer), failure(answer)
}

// times are those of some calls.
type times []time.Duration

// at returns the time that this part of the calls kept within.
func (t times) at(part float64) time.Duration {
	t = slices.Sorted(slices.Values(t))
	return t[min(int(part*float64(len(t))), len(t)-1)]
}

// oneByOne makes n calls in sequence, whose answers have at least so many
// bytes, and returns their times.
func oneByOne(c caller, n, least int, call func(i int) string) (times, error) {
	took := make(times, 0, n)
	for i := range n {
		params := call(i)
		begin := time.Now()
		size, err := c.call("tools/call", params)
		if err != nil {
			return nil, err
		}
		if size < least {
			return nil, fmt.Errorf("an answer of %d bytes, not %d", size, least)
		}
		took = append(took, time.Since(begin))
	}
	return took, nil
}

// inFlight makes n calls, so many at a time, and returns calls per second.
func inFlight(c caller, n, width int, call func(i int) string) (float64, error) {
	var (
		next  atomic.Int64
		group sync.WaitGroup
		fail  = make(chan error, width)
	)
	begin := time.Now()
	for range width {
		group.Go(func() {
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				if _, err := c.call("tools/call", call(i)); err != nil {
					fail <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(fail)
	return float64(n) / time.Since(begin).Seconds(), <-fail
}

func median[T ~int64 | ~float64](list []T) T {
	list = slices.Clone(list)
	slices.Sort(list)
	return list[len(list)/2]
}
