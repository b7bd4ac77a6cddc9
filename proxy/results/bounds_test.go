package results

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"mcpproxy/proxy/mcptool"
)

// atMost is far more than any reading takes, and far less than some took when
// nothing bounded them.
const atMost = 2 * time.Minute

// kept stores a text and returns its id.
func kept(t testing.TB, s *Store, text string) string {
	t.Helper()
	r, err := s.keep(t.Context(), func(w io.Writer) error { _, err := io.WriteString(w, text); return err }, nil, 48<<10)
	if err != nil {
		t.Fatal(err)
	}
	return r.id
}

// peak runs f and returns the most memory that the process had from the system
// meanwhile, beyond what it had before.
func peak(f func()) (most uint64) {
	runtime.GC()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	before := heap()
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, heap())
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	})
	f()
	close(stop)
	watch.Wait()
	return most - min(before, most)
}

// Any result can suggest an expression to a model.
func TestHostileSelectionsAreBounded(t *testing.T) {
	if raceDetector {
		t.Skip("measures time")
	}
	const maxPeak = 200 << 20
	s, _ := newStore(t)
	small := kept(t, s, `{"a":[1,[2]],"s":"`+strings.Repeat("x", 100_000)+`"}`)
	numbers := kept(t, s, "["+strings.Repeat("0,", 16<<20-10)+"0]")
	objects := kept(t, s, "["+strings.Repeat(`{"a":1,"b":"text"},`, 1_600_000)+"0]")
	for _, c := range []struct{ id, expression string }{
		{small, strings.Repeat("[@,@]|", 14) + "length(to_string(@))"},
		{small, strings.Repeat("[@,@]|", 300) + "@ == @"},
		{small, strings.Repeat("[@,@][]|", 200) + "@"},
		{small, strings.Repeat("join('', [@,@])|", 100) + "@"},
		{small, "s|" + strings.Repeat("join('', [@,@])|", 100) + "length(@)"},
		{small, strings.Repeat("{a:@,b:@}|", 190) + "contains([@], @)"},
		{small, strings.Repeat("map(&", 300) + "@" + strings.Repeat(",a)", 300)},
		{numbers, "[*]"}, {numbers, "sort(@)"}, {numbers, "[?@==`1`]"}, {numbers, "sum(@)"}, {numbers, "to_string(@)"}, {numbers, "reverse(@)[0]"},
		{numbers, strings.Repeat("[-1:]|[0]||", 150) + "@"},
		{objects, "[*].{x:a,y:b}"}, {objects, "sort_by([?b], &b)[0]"}, {objects, "[?contains(b || '', 'nothing')]|length(@)"}, {objects, "group(@)"},
	} {
		var took time.Duration
		var part Part
		var err error
		memory := peak(func() {
			start := time.Now()
			part, err = s.Read(t.Context(), Query{ID: c.id, Select: c.expression})
			took = time.Since(start)
		})
		t.Logf("%-40.40s %6v (bound %v) %4d MiB (bound %d MiB) %.20s %v", c.expression, took.Round(time.Millisecond), atMost, memory>>20, maxPeak>>20, part.Value, err)
		if _, refused := errors.AsType[*mcptool.RequestError](err); err != nil && !refused {
			t.Errorf("%.40s: %v", c.expression, err)
		}
		if took > atMost || memory > maxPeak*5/4 { // on a busy machine the collector comes later
			t.Errorf("%.40s: %v, %d MiB", c.expression, took, memory>>20)
		}
	}
}

func TestHostileSearchesAreBounded(t *testing.T) {
	if raceDetector {
		t.Skip("measures time")
	}
	s, _ := newStore(t)
	long := kept(t, s, strings.Repeat("a", 1<<20))
	cyrillic := kept(t, s, strings.Repeat("я", 1<<19))
	lines := kept(t, s, strings.Repeat(strings.Repeat("a", 2000)+"\n", 3000))
	for _, c := range []struct {
		id, grep string
		refused  bool
	}{
		{long, strings.Repeat("(a{0,10}){0,10}", 180), true}, // 2,700 bytes
		{long, strings.Repeat("(a|aa)*", 60) + "b", true},
		{long, strings.Repeat(`\pL?`, 330) + "!", true},
		{cyrillic, `(?:[\p{L}\p{M}\p{N}\p{P}\p{S}]{0,300})*!!`, true},
		{long, "a(.*b)?", false},
		{long, "(?i)b", false},
		{lines, strings.Repeat("(a|aa)*", 60) + "b", false},
		{lines, "a(a*b)?", false},
		{lines, "b", false},
	} {
		start := time.Now()
		part, err := s.Read(t.Context(), Query{ID: c.id, Grep: c.grep})
		took := time.Since(start)
		t.Logf("%-20.20s %v (bound %v) %q next %v %v", c.grep, took.Round(time.Millisecond), atMost, part.Cut, part.Next != nil, err)
		if _, refused := errors.AsType[*mcptool.RequestError](err); refused != c.refused || err != nil && !refused || took > atMost {
			t.Errorf("%.20s: %v, %v", c.grep, took, err)
		}
		if err == nil && (part.Cut != "") != (part.Next != nil) {
			t.Errorf("%.20s: cut %q, next %v", c.grep, part.Cut, part.Next)
		}
	}
}

// Whoever asked may give up, even within a line or an element.
func TestReadingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	id := kept(t, s, "["+strings.Repeat("0,", 4<<20)+"0]")
	for _, q := range []Query{
		{ID: id, Grep: strings.Repeat("([0,]|00)*", 20) + "b"},
		{ID: id, Select: strings.Repeat("[?@==`1e9`]||", 100) + strings.Repeat("sum(@)||", 50) + "@"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		if _, err := s.Read(ctx, q); !errors.Is(err, context.Canceled) {
			t.Errorf("%.20s%.20s: %v", q.Grep, q.Select, err)
		}
	}
}

// A short class is parsed to hundreds of ranges, so a long expression takes much.
func TestLongGrepIsRefused(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	id := kept(t, s, "text")
	_, err := s.Read(t.Context(), Query{ID: id, Grep: "(?i)" + strings.Repeat(`\pL`, 2000)})
	if _, refused := errors.AsType[*mcptool.RequestError](err); !refused {
		t.Error(err)
	}
}

// Later matches in a line see what stands before them.
func TestGrepLooksBack(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	filler := strings.Repeat("é", 600)
	id := kept(t, s, "top "+filler+" stop top "+filler+" top\ntop")
	for grep, want := range map[string]string{
		`^`:         "1:true 2:false", // number of line, and whether the match begins it
		`\btop`:     "1:true 1:false 1:false 2:false",
		`\Btop`:     "1:false",
		`(?i)TOP`:   "1:true 1:false 1:false 2:false",
		`(?i)\QTOP`: "1:true 1:false 1:false 2:false",
		`$`:         "1:false 2:false",
		`top$`:      "1:false 2:false",
	} {
		var got []string
		for next := new(int64); next != nil && len(got) < 9; {
			part, err := s.Read(t.Context(), Query{ID: id, Grep: grep, Limit: 1, Offset: *next})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range *part.Matches {
				got = append(got, fmt.Sprintf("%d:%v", m.Line, m.Offset == 0))
			}
			next = part.Next
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %s, want %s", grep, got, want)
		}
	}
}

// No RE2 expression takes long, and no answer leads in a circle.
func FuzzGrep(f *testing.F) {
	for _, grep := range []string{"a", "^", "$", "(a|aa)*b", "a(.*b)?", "(?i)x{1,9}", `\b`, strings.Repeat("(a{0,10}){0,10}", 20), "((a*)*)*$", `[^\x00-\x{10ffff}]`, "é|\xff"} {
		f.Add(grep, int64(0), 0)
		f.Add(grep, int64(70_000), 1)
	}
	s, _ := newStore(f)
	ids := []string{kept(f, s, strings.Repeat("a", 64<<10)+"é\xffb"), kept(f, s, strings.Repeat("one two\r\n", 2000)), kept(f, s, "")}
	f.Fuzz(func(t *testing.T, grep string, offset int64, limit int) {
		if grep == "" {
			return // a page
		}
		for _, id := range ids {
			start := time.Now()
			part, err := s.Read(t.Context(), Query{ID: id, Grep: grep, Offset: offset, Limit: limit})
			if took := time.Since(start); took > atMost {
				t.Errorf("took %v", took)
			}
			if _, refused := errors.AsType[*mcptool.RequestError](err); err != nil && !refused {
				t.Errorf("%T: %v", err, err)
			}
			if part.Next != nil && *part.Next <= offset {
				t.Errorf("from %d on to %d", offset, *part.Next)
			}
		}
	})
}

// A slow expression keeps nobody from reading, and who waits may give up.
func TestReadersDoNotWaitForASlowOne(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	small, large := kept(t, s, `{"a":1}`), kept(t, s, `{"a":1}`+strings.Repeat(" ", maxSmall))
	read := func(ctx context.Context, id string) (errs [3]error) {
		for i, q := range []Query{{ID: id, Select: "a"}, {ID: id, Grep: "a"}, {ID: id}} {
			_, errs[i] = s.Read(ctx, q)
		}
		return errs
	}
	all := [3]error{}
	s.large <- struct{}{} // as a slow reader does
	s.small <- struct{}{}
	if errs := read(t.Context(), small); errs != all {
		t.Error(errs)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if errs := read(ctx, large); !errors.Is(errs[0], context.Canceled) || !errors.Is(errs[1], context.Canceled) || errs[2] != nil {
		t.Error(errs)
	}
	<-s.large
	<-s.small
	if errs := read(t.Context(), large); errs != all {
		t.Error(errs)
	}
}

// As many readers as there can be at once stay within a bound together.
func TestReadersTogetherAreBounded(t *testing.T) {
	if raceDetector {
		t.Skip("measures memory")
	}
	const most = 300 << 20
	s, _ := newStore(t)
	large := kept(t, s, "["+strings.Repeat("0,", 16<<20-10)+"0]")
	small := kept(t, s, `{"a":[1,[2]],"s":"`+strings.Repeat("x", 100_000)+`"}`)
	memory := peak(func() {
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() { _, _ = s.Read(t.Context(), Query{ID: large, Select: "reverse(@)[0]"}) })
			readers.Go(func() {
				_, _ = s.Read(t.Context(), Query{ID: small, Select: strings.Repeat("[@,@]|", 14) + "length(to_string(@))"})
			})
		}
		readers.Wait()
	})
	t.Logf("%d MiB (bound %d MiB)", memory>>20, most>>20)
	if memory > most {
		t.Errorf("%d MiB", memory>>20)
	}
}
