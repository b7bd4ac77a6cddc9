package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// rounds is how often each thing is measured, always next to its baselines:
// on a small, noisy machine only medians and ratios within a round mean much.
const rounds = 5

// BenchmarkBudgets prints what the proxy costs beside what it may cost. It
// asserts nothing: the numbers belong to a machine.
func BenchmarkBudgets(b *testing.B) {
	debug.SetGCPercent(800)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "\nwhat\tbudget\tproxy\tratio\tbaselines of the same run\n")
	for _, measure := range []func(testing.TB) []row{
		measureStart, measureFirstCall, measureStdio, measureHTTP, measureMemory, measureSize,
	} {
		for _, r := range measure(b) {
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", r.what, r.budget, r.proxy, r.ratio, r.baselines)
		}
	}
	out.Flush()
}

// A row is one line of the table, as text.
type row struct{ what, budget, proxy, ratio, baselines string }

// meta is a call of an upstream's tool through mcp.
func meta(server, tool, arguments string) string {
	return fmt.Sprintf(`{"name":"mcp","arguments":{"action":"call","server":%q,"tool":%q,"arguments":%s}}`, server, tool, arguments)
}

func plain(tool, arguments string) string {
	return fmt.Sprintf(`{"name":%q,"arguments":%s}`, tool, arguments)
}

func echoText(i int) string { return fmt.Sprintf(`{"text":"call %d"}`, i) }

// many configures n upstreams with some dummy tools each. Results pass whole,
// whatever their size.
func (s *sandbox) many(n, tools int) {
	list := servers{}
	for i := range n {
		name := fmt.Sprintf("up%d", i)
		list[name] = fake(s.t, "-name", name, "-tools", fmt.Sprint(tools))
	}
	s.configure(list, entry{"max_result_bytes": 0})
}

func measureStart(t testing.TB) (rows []row) {
	for _, n := range []int{1, 10, 100, 1000} {
		s := newSandbox(t)
		s.many(n, 0)
		var proxied, bare []time.Duration
		for range 4 * rounds {
			direct := s.startLoad(self(t), "as-upstream")
			direct.close()
			proxy := s.startLoad(binary(t), "serve")
			proxy.close()
			bare, proxied = append(bare, direct.took), append(proxied, proxy.took)
		}
		rows = append(rows, row{fmt.Sprintf("initialize, %d configured", n), map[bool]string{true: "≤ 8 ms", false: "≤ 30 ms"}[n <= 100],
			ms(median(proxied)), ratio(median(proxied), median(bare)), "another Go program, not proxying: " + ms(median(bare))})
	}
	return rows
}

func measureFirstCall(t testing.TB) []row {
	s := newSandbox(t)
	s.many(10, 50)
	var proxied, direct []time.Duration
	first := func(command string, args []string, params string) time.Duration {
		begin := time.Now()
		l := s.startLoad(command, args...)
		defer l.close()
		if _, err := l.call("tools/call", params); err != nil {
			t.Fatal(err)
		}
		return time.Since(begin)
	}
	for range 2 * rounds {
		direct = append(direct, first(self(t), []string{"as-upstream", "-tools", "50"}, plain("echo", echoText(0))))
		proxied = append(proxied, first(binary(t), []string{"serve"}, meta("up7", "echo", echoText(0))))
	}
	return []row{{"spawn to first result, 10 configured", "≤ 20 ms", ms(median(proxied)), ratio(median(proxied), median(direct)), "direct " + ms(median(direct))}}
}

// A lane is one way to the fake upstream's tools.
type lane struct {
	caller
	params func(tool, arguments string) string
}

// lanes are the ways that are compared: direct, through the relay, through
// the proxy.
func (s *sandbox) lanes() [3]lane {
	s.many(1, 0)
	direct := s.startLoad(self(s.t), "as-upstream")
	relay := s.startLoad(self(s.t), "as-relay", self(s.t), "as-upstream")
	proxy := s.startLoad(binary(s.t), "serve")
	through := func(tool, arguments string) string { return meta("up0", tool, arguments) }
	return [3]lane{{direct, plain}, {relay, plain}, {proxy, through}}
}

func measureStdio(t testing.TB) (rows []row) {
	s := newSandbox(t)
	lanes := s.lanes()
	for _, l := range lanes { // connect, and warm up
		if _, err := oneByOne(l, 200, 0, func(i int) string { return l.params("echo", echoText(i)) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		what, budget, tool, arguments string
		calls, least                  int
	}{
		{"small call, p50", "≤ 1.3 × relay", "echo", "", 2000, 0},
		{"64 KiB result, p50", "≤ 1.7 × relay", "blob", `{"kib":64}`, 300, 64 << 10},
		{"1 MiB result, p50", "≤ 1.2 × relay", "blob", `{"kib":1024}`, 40, 1 << 20},
	} {
		var took [3][]time.Duration
		var toDirect, toRelay []float64
		for range rounds {
			for i, l := range lanes {
				p50, err := oneByOne(l, c.calls, c.least, func(n int) string {
					if c.arguments == "" {
						return l.params(c.tool, echoText(n))
					}
					return l.params(c.tool, c.arguments)
				})
				if err != nil {
					t.Fatal(err)
				}
				took[i] = append(took[i], p50)
			}
			last := len(took[2]) - 1
			toDirect = append(toDirect, float64(took[2][last])/float64(took[0][last]))
			toRelay = append(toRelay, float64(took[2][last])/float64(took[1][last]))
		}
		rows = append(rows, row{c.what, c.budget, µs(median(took[2])), fmt.Sprintf("%.2f × relay, %.2f × direct", median(toRelay), median(toDirect)),
			fmt.Sprintf("relay %s, direct %s", µs(median(took[1])), µs(median(took[0])))})
	}
	var rates [3][]float64
	for range rounds {
		for i, l := range lanes {
			rate, err := inFlight(l, 5000, 16, func(n int) string { return l.params("echo", echoText(n)) })
			if err != nil {
				t.Fatal(err)
			}
			rates[i] = append(rates[i], rate)
		}
	}
	return append(rows, row{"calls/s, 16 in flight", "≥ 0.33 × direct", fmt.Sprintf("%.0f/s", median(rates[2])),
		fmt.Sprintf("%.2f × relay, %.2f × direct", median(rates[2])/median(rates[1]), median(rates[2])/median(rates[0])),
		fmt.Sprintf("relay %.0f/s, direct %.0f/s", median(rates[1]), median(rates[0]))})
}

func measureHTTP(t testing.TB) []row {
	s := newSandbox(t)
	url := s.fakeOn()
	s.configure(servers{"up0": {"url": url}})
	proxy := s.startLoad(binary(t), "serve")
	direct := newWebLoad(url)
	var proxied, straight []time.Duration
	for range rounds {
		d, err := oneByOne(direct, 1000, 0, func(i int) string { return plain("echo", echoText(i)) })
		if err != nil {
			t.Fatal(err)
		}
		p, err := oneByOne(proxy, 1000, 0, func(i int) string { return meta("up0", "echo", echoText(i)) })
		if err != nil {
			t.Fatal(err)
		}
		straight, proxied = append(straight, d), append(proxied, p)
	}
	return []row{{"stdio → HTTP, small call, p50", "≤ 2 × direct", µs(median(proxied)), ratio(median(proxied), median(straight)), "direct HTTP " + µs(median(straight))}}
}

func measureMemory(t testing.TB) (rows []row) {
	for _, c := range []struct {
		what, budget string
		upstreams    int
		load         bool
	}{
		{"peak memory, 1 upstream of 50 tools", "≤ 12 MiB", 1, false},
		{"peak memory, 10 upstreams of 50 tools", "≤ 16 MiB", 10, false},
		{"peak memory, 16 × 1 MiB in flight", "≤ 40 MiB", 1, true},
	} {
		s := newSandbox(t)
		s.many(c.upstreams, 50)
		l := s.startLoad(binary(t), "serve")
		for i := range 100 {
			if _, err := l.call("tools/call", meta(fmt.Sprintf("up%d", i%c.upstreams), "echo", echoText(i))); err != nil {
				t.Fatal(err)
			}
		}
		if c.load {
			if _, err := inFlight(l, 200, 16, func(int) string { return meta("up0", "blob", `{"kib":1024}`) }); err != nil {
				t.Fatal(err)
			}
		}
		rows = append(rows, row{c.what, c.budget, fmt.Sprintf("%.1f MiB", float64(peakMemory(l.pid))/(1<<20)), "", ""})
	}
	return rows
}

// measureSize counts what each conversation's model has to read.
func measureSize(t testing.TB) (rows []row) {
	for _, n := range []int{3, 300} {
		s := newSandbox(t)
		s.many(n, 0)
		host := s.serve()
		var hello struct{ Instructions string }
		if err := json.Unmarshal(host.open(rev2025), &hello); err != nil {
			t.Fatal(err)
		}
		var list struct{ Tools []json.RawMessage }
		if err := json.Unmarshal(host.request("tools/list", entry{}), &list); err != nil {
			t.Fatal(err)
		}
		characters := 0
		for _, tool := range list.Tools {
			characters += utf8.RuneCount(tool)
		}
		rows = append(rows,
			row{fmt.Sprintf("tool definition, %d upstreams", n), "≤ 2,400 characters", fmt.Sprint(characters), "", ""},
			row{fmt.Sprintf("instructions, %d upstreams", n), "≤ 2,000 characters", fmt.Sprint(utf8.RuneCountInString(hello.Instructions)), "", ""})
	}
	return rows
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
func µs(d time.Duration) string {
	return fmt.Sprintf("%.0f µs", float64(d)/float64(time.Microsecond))
}

func ratio(a, b time.Duration) string {
	return strings.TrimSpace(fmt.Sprintf("%.2f × direct", float64(a)/float64(b)))
}
