package catalog

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"
	"time"
)

type etool struct {
	ID, Server, Name, Description string
	InputSchema                   json.RawMessage `json:"input_schema"`
}
type equery struct {
	ID, Set, Query string
	Relevant       []string
}

func lines[T any](p string) (out []T) {
	f, err := os.Open("/work/shared/search-eval/" + p)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<24)
	for sc.Scan() {
		var x T
		if err := json.Unmarshal(sc.Bytes(), &x); err != nil {
			panic(err)
		}
		out = append(out, x)
	}
	return
}

func segsOf(ts []etool) []*Segment {
	by := map[string][]Tool{}
	var order []string
	for _, t := range ts {
		if by[t.Server] == nil {
			order = append(order, t.Server)
		}
		by[t.Server] = append(by[t.Server], Tool{Name: t.Name, Description: t.Description, InputSchema: t.InputSchema})
	}
	var out []*Segment
	for _, s := range order {
		out = append(out, NewSegment(s, "", by[s]))
	}
	return out
}

type score struct{ r1, r5, r10, ndcg, mrr, n float64 }

var loaded = map[string]any{}

func evalSet(segs []*Segment, qs []equery, dump bool) map[string]*score {
	out := map[string]*score{}
	for _, q := range qs {
		s := out[q.Set]
		if s == nil {
			s = &score{}
			out[q.Set] = s
		}
		rel := map[string]bool{}
		for _, r := range q.Relevant {
			rel[r] = true
		}
		hits := Search(segs, q.Query, 10)
		var dcg, ideal, mrr float64
		for i := range min(10, len(rel)) {
			ideal += 1 / math.Log2(float64(i)+2)
		}
		n1, n5, n10 := 0., 0., 0.
		var got []string
		for i, h := range hits {
			id := h.Server + "/" + h.Tool
			got = append(got, fmt.Sprintf("%s %.2f", id, h.Score))
			if !rel[id] {
				continue
			}
			if i < 1 {
				n1++
			}
			if i < 5 {
				n5++
			}
			n10++
			dcg += 1 / math.Log2(float64(i)+2)
			if mrr == 0 {
				mrr = 1 / float64(i+1)
			}
		}
		m := float64(len(rel))
		if dump && (os.Getenv("TOP1") == "" && n5 < m || os.Getenv("TOP1") != "" && n1 == 0 && n5 > 0) {
			fmt.Printf("%s %.200s\n   WANT %v\n   GOT  %v\n", q.ID, q.Query, q.Relevant, got[:min(6, len(got))])
		}
		s.r1 += n1 / m
		s.r5 += n5 / m
		s.r10 += n10 / m
		s.ndcg += dcg / ideal
		s.mrr += mrr
		s.n++
	}
	for _, s := range out {
		s.r1 /= s.n
		s.r5 /= s.n
		s.r10 /= s.n
		s.ndcg /= s.n
		s.mrr /= s.n
	}
	return out
}

var (
	tg = lines[etool]("golden/tools.jsonl")
	qg = lines[equery]("golden/queries.jsonl")
	tm = lines[etool]("mcp/tools.jsonl")
	qm = lines[equery]("mcp/queries.jsonl")
	td = lines[etool]("distractors/tools.jsonl")
	tf = lines[etool]("functions/tools.jsonl")
	qf = lines[equery]("functions/queries.jsonl")
)

var sets = []string{"livemcp-task", "livemcp-step", "livemcp-agent", "mongodb-prompt"}

func summary(full bool) string {
	g := evalSet(segsOf(tg), qg, false)["golden"]
	m := evalSet(segsOf(tm), qm, false)
	out := fmt.Sprintf("golden %.3f/%.3f/%.3f mcp", g.r1, g.r5, g.ndcg)
	var a score
	each := ""
	for _, s := range sets {
		a.r1 += m[s].r1 / 4
		a.r5 += m[s].r5 / 4
		a.ndcg += m[s].ndcg / 4
		each += fmt.Sprintf(" %.3f", m[s].r5)
	}
	out += fmt.Sprintf(" %.3f/%.3f/%.3f [%s]", a.r1, a.r5, a.ndcg, each)
	f0 := 0.0
	_ = f0
	d := evalSet(segsOf(append(tm[:len(tm):len(tm)], td...)), qm, false)
	r5 := 0.
	for _, s := range sets {
		r5 += d[s].r5 / 4
	}
	out += fmt.Sprintf(" dis %.3f (-%.3f)", r5, a.r5-r5)
	if full {
		t0 := time.Now()
		sg := segsOf(tf)
		t1 := time.Now()
		f := evalSet(sg, qf, false)["seal-dev"]
		t2 := time.Now()
		out += fmt.Sprintf(" fun %.3f/%.3f/%.3f build %v search %v", f.r1, f.r5, f.ndcg, t1.Sub(t0), t2.Sub(t1)/500)
	}
	return out
}

func TestDump(t *testing.T) {
	evalSet(segsOf(tg), qg, true)
	evalSet(segsOf(tm), qm, true)
}

func TestTune(t *testing.T) {
	fmt.Println(summary(true))
}

func TestDis(t *testing.T) {
	a, b := segsOf(tm), segsOf(append(tm[:len(tm):len(tm)], td...))
	drop := map[string]float64{}
	for _, q := range qm {
		x := evalSet(a, []equery{q}, false)[q.Set]
		y := evalSet(b, []equery{q}, false)[q.Set]
		drop[q.Set] += x.r5 - y.r5
		if x.r5 > y.r5 {
			fmt.Printf("-%.2f ", x.r5-y.r5)
			evalSet(b, []equery{q}, true)
		}
	}
	fmt.Println(drop)
}
