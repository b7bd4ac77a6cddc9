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
	for _, group := range []struct {
		name    string
		measure func(testing.TB) []row
	}{
		{"start", measureStart}, {"first", measureFirstCall}, {"small", measureSmall}, {"large", measureLarge},
		{"http", measureHTTP}, {"memory", measureMemory}, {"size", measureSize},
	} {
		if only := os.Getenv(profiled); only != "" && only != group.name {
			continue
		}
		for _, r := range group.measure(b) {
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", r.what, r.budget, r.proxy, r.ratio, r.baselines)
		}
	}
	out.Flush()
}

// profiled names the variable with the group of rows to measure alone, and to profile:
// the last proxy of the group leaves a CPU profile in the working directory.
const profiled = "PROFILE"

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
