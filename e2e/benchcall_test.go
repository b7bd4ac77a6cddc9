package e2e

import (
	"fmt"
	"testing"
	"time"
)

// A lane is one way to the fake upstream's tools.
type lane struct {
	caller
	pid    int // of the process in the middle, or of the upstream itself
	params func(tool, arguments string) string
}

// The lanes that are compared.
const (
	viaDirect = iota
	viaRelay
	viaProxy
)

// lanes starts each of them, and warms them up.
func (s *sandbox) lanes() (lanes [3]lane) {
	s.many(1, 0)
	for i, l := range []*load{
		viaDirect: s.startLoad(self(s.t), "as-upstream"),
		viaRelay:  s.startLoad(self(s.t), "as-relay", self(s.t), "as-upstream"),
		viaProxy:  s.startLoad(binary(s.t), "serve"),
	} {
		lanes[i] = lane{l, l.pid, plain}
	}
	lanes[viaProxy].params = func(tool, arguments string) string { return meta("up0", tool, arguments) }
	for _, l := range lanes {
		if _, err := oneByOne(l, 200, 0, l.echo); err != nil {
			s.t.Fatal(err)
		}
	}
	return lanes
}

func (l lane) echo(i int) string { return l.params("echo", echoText(i)) }

// cpu returns how much time on any core the lane's process takes for each of n calls.
func (l lane) cpu(n int, calls func()) time.Duration {
	before := cpuTime(l.pid)
	calls()
	return (cpuTime(l.pid) - before) / time.Duration(n)
}

// against writes how a figure compares with those of the other lanes, and them.
func against[T ~int64 | ~float64](figures [3][]T, show func(T) string) (ratio, baselines string) {
	var toDirect, toRelay []float64
	for i := range figures[viaProxy] {
		toDirect = append(toDirect, float64(figures[viaProxy][i])/float64(figures[viaDirect][i]))
		toRelay = append(toRelay, float64(figures[viaProxy][i])/float64(figures[viaRelay][i]))
	}
	return fmt.Sprintf("%.2f × relay, %.2f × direct", median(toRelay), median(toDirect)),
		fmt.Sprintf("relay %s, direct %s", show(median(figures[viaRelay])), show(median(figures[viaDirect])))
}

func perSecond(rate float64) string { return fmt.Sprintf("%.0f/s", rate) }

// measureSmall makes small calls, one after another and with some in flight.
func measureSmall(t testing.TB) (rows []row) {
	const calls, width = 2000, 16
	lanes := newSandbox(t).lanes()
	var p50, p99, alone, together [3][]time.Duration
	var rates [3][]float64
	for range rounds {
		for i, l := range lanes {
			alone[i] = append(alone[i], l.cpu(calls, func() {
				took, err := oneByOne(l, calls, 0, l.echo)
				if err != nil {
					t.Fatal(err)
				}
				p50[i], p99[i] = append(p50[i], took.at(.5)), append(p99[i], took.at(.99))
			}))
			together[i] = append(together[i], l.cpu(3*calls, func() {
				rate, err := inFlight(l, 3*calls, width, l.echo)
				if err != nil {
					t.Fatal(err)
				}
				rates[i] = append(rates[i], rate)
			}))
		}
	}
	for _, c := range []struct {
		what, budget string
		figures      [3][]time.Duration
	}{
		{"small call, p50", "≤ 1.3 × relay", p50},
		{"small call, p99", "", p99},
		{"small call, CPU", "≤ 35 µs", alone},
		{"small call, CPU, 16 in flight", "≤ 12 µs", together},
	} {
		ratio, baselines := against(c.figures, µs)
		rows = append(rows, row{c.what, c.budget, µs(median(c.figures[viaProxy])), ratio, baselines})
	}
	ratio, baselines := against(rates, perSecond)
	return append(rows, row{"calls/s, 16 in flight", "≥ 0.33 × direct", perSecond(median(rates[viaProxy])), ratio, baselines})
}

// measureLarge makes calls with large results.
func measureLarge(t testing.TB) (rows []row) {
	lanes := newSandbox(t).lanes()
	for _, c := range []struct {
		what, budget string
		calls, kib   int
	}{
		{"64 KiB result, p50", "≤ 1.7 × relay", 300, 64},
		{"1 MiB result, p50", "≤ 1.2 × relay", 40, 1024},
	} {
		var p50 [3][]time.Duration
		for range rounds {
			for i, l := range lanes {
				took, err := oneByOne(l, c.calls, c.kib<<10, func(int) string { return l.params("blob", fmt.Sprintf(`{"kib":%d}`, c.kib)) })
				if err != nil {
					t.Fatal(err)
				}
				p50[i] = append(p50[i], took.at(.5))
			}
		}
		ratio, baselines := against(p50, µs)
		rows = append(rows, row{c.what, c.budget, µs(median(p50[viaProxy])), ratio, baselines})
	}
	return rows
}

func measureHTTP(t testing.TB) []row {
	s := newSandbox(t)
	url := s.fakeOn()
	s.configure(servers{"up0": {"url": url}})
	through, straight := s.startLoad(binary(t), "serve"), newWebLoad(url)
	var ours, theirs []time.Duration
	for range rounds {
		d, err := oneByOne(straight, 1000, 0, func(i int) string { return plain("echo", echoText(i)) })
		if err != nil {
			t.Fatal(err)
		}
		p, err := oneByOne(through, 1000, 0, func(i int) string { return meta("up0", "echo", echoText(i)) })
		if err != nil {
			t.Fatal(err)
		}
		theirs, ours = append(theirs, d.at(.5)), append(ours, p.at(.5))
	}
	return []row{{"stdio → HTTP, small call, p50", "≤ 2 × direct", µs(median(ours)), ratio(median(ours), median(theirs)), "direct HTTP " + µs(median(theirs))}}
}
