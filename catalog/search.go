package catalog

import (
	"cmp"
	"math"
	"slices"
)

type Knobs struct {
	Name, Title, First, Rest, Param, ParamDesc, Server, ServerDesc, Enum        float64
	BName, BText                                                                float64
	K1                                                                          float64
	LFirst, LRest, LParam, LPD                                                  float64
	Variant, Syn, Join                                                          float64
	Cover                                                                       float64
	Clause                                                                      float64
	Quoted                                                                      float64
	SrvIDF                                                                      float64
	Shared                                                                      float64
	SynMin                                                                      float64
	NameCut                                                                     float64
	Norm, Value, SrvCtx, SrvN, CovIDF, IDFPow, SrvNorm, SrvSelf, CovPow, SynFam float64
	CovW                                                                        float64
}

var k = Knobs{Name: 3, Title: 2, First: 1.5, Rest: .5, Param: .5, ParamDesc: .5, Server: 1.5, ServerDesc: .3, Enum: .25,
	BName: .5, BText: .5, K1: 1.2, LFirst: 10, LRest: 30, LParam: 5, LPD: 30, Variant: .5, Syn: .5, Join: 1, Cover: .5, Clause: .5, SrvIDF: .5, Shared: .5, Value: .5, Norm: 1, IDFPow: 1, CovPow: 1, SrvCtx: .5, SrvN: 3, Quoted: .5}

type Segment struct {
	Server string
	Tools  []string
	server []term // sorted
	terms  []term
	starts []uint32
	posts  []posting
	names  [][]term
}

type posting struct {
	tool   uint16
	impact uint16
}

type occ struct {
	t term
	w float64
}

type builder struct {
	sp    splitter
	terms []term
}

func (b *builder) words(text string, keepFiller bool) []term {
	b.terms = b.terms[:0]
	b.sp.split(text, func(w []byte) {
		if !keepFiller && filler[string(w)] {
			return
		}
		b.terms = append(b.terms, termOf(w))
	})
	return b.terms
}

func NewSegment(server, desc string, tools []Tool) *Segment {
	s := &Segment{Server: server}
	var b builder
	type row struct {
		t    term
		tool uint16
		imp  uint16
	}
	var rows []row
	var occs []occ
	s.server = slices.Clone(b.words(server, false))
	slices.Sort(s.server)
	s.server = slices.Compact(s.server)

	// parameters shared by most tools
	params := make([]map[string]string, len(tools))
	count := map[string]int{}
	namecount := map[term]int{}
	for i, t := range tools {
		params[i] = parametersOf(t.InputSchema)
		for p := range params[i] {
			count[p]++
		}
		n := slices.Clone(b.words(t.Name, true))
		slices.Sort(n)
		for _, x := range slices.Compact(n) {
			namecount[x]++
		}
	}
	for i, t := range tools {
		s.Tools = append(s.Tools, t.Name)
		occs = occs[:0]
		add := func(ts []term, w, bb, l float64) {
			f := w / (1 - bb + bb*float64(len(ts))/l)
			for _, x := range ts {
				occs = append(occs, occ{x, f})
			}
		}
		nm := slices.Clone(b.words(t.Name, true))
		add(nm, k.Name, k.BName, 3)
		slices.Sort(nm)
		nm = slices.Compact(nm)
		nm = slices.DeleteFunc(nm, func(x term) bool {
			return len(tools) > 2 && float64(namecount[x]) > k.Shared*float64(len(tools)) || slices.Contains(s.server, x) && len(tools) > 2
		})
		s.names = append(s.names, nm)
		add(b.words(t.Title, false), k.Title, k.BName, 3)
		first, rest := firstSentence(t.Description)
		add(b.words(first, false), k.First, k.BText, k.LFirst)
		add(b.words(clip(rest, 4000), false), k.Rest, k.BText, k.LRest)
		var pn, pd []term
		for p, d := range params[i] {
			if len(tools) > 2 && float64(count[p]) > k.Shared*float64(len(tools)) {
				continue
			}
			pn = append(pn, b.words(p, false)...)
			pd = append(pd, b.words(clip(d, 1000), false)...)
		}
		add(pn, k.Param, k.BText, k.LParam)
		add(pd, k.ParamDesc, k.BText, k.LPD)
		slices.SortFunc(occs, func(a, b occ) int { return cmp.Compare(a.t, b.t) })
		for j := 0; j < len(occs); {
			w, x := 0.0, occs[j].t
			for ; j < len(occs) && occs[j].t == x; j++ {
				w += occs[j].w
			}
			rows = append(rows, row{x, uint16(i), uint16(w / (w + k.K1) * 65535)})
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.t, b.t), cmp.Compare(a.tool, b.tool)) })
	for i, r := range rows {
		if i == 0 || rows[i-1].t != r.t {
			s.terms = append(s.terms, r.t)
			s.starts = append(s.starts, uint32(i))
		}
		s.posts = append(s.posts, posting{r.tool, r.imp})
	}
	s.starts = append(s.starts, uint32(len(rows)))
	return s
}

func clip(s string, n int) string { return s[:min(len(s), n)] }

type Hit struct {
	Segment *Segment
	Tool    int
	Score   float64
}

// one query word
type word struct {
	forms   []form
	clauses uint64
	weight  float64
}

type form struct {
	t      term
	family bool // any of the family
	weight float64
}

func Search(segs []*Segment, query string, limit int) []Hit {
	q := parseQuery(query)
	offs := make([]int, len(segs)+1)
	for i, s := range segs {
		offs[i+1] = offs[i] + len(s.Tools)
	}
	n := offs[len(segs)]
	total := make([]float64, n)
	var clauses [][]float64
	if q.clauses > 1 {
		for range q.clauses {
			clauses = append(clauses, make([]float64, n))
		}
	}
	best := make([]float64, n)
	var touched []int
	for _, w := range q.words {
		touched = touched[:0]
		baseIDF := math.Inf(1)
		for fi, f := range w.forms {
			// gather
			type span struct {
				seg    int
				lo, hi uint32
			}
			var spans []span
			df, sf := 0, 0
			var sdf, ssf int
			for si, s := range segs {
				lo, hi := s.find(f)
				srv := s.hasServer(f)
				if lo < hi {
					spans = append(spans, span{si, lo, hi})
					df += int(hi - lo)
					sf++
				}
				if srv {
					sdf += len(s.Tools)
					ssf++
				}
			}
			_ = ssf
			idf := math.Pow(k.SrvIDF*idf(len(segs), sf)+(1-k.SrvIDF)*idf(n, df), k.IDFPow)
			if df == 0 && ssf == 0 {
				continue
			}
			if fi > 0 || f.weight < 1 {
				idf = min(idf, baseIDF)
			}
			if fi == 0 {
				baseIDF = idf
			}
			set := func(d int, v float64) {
				if best[d] == 0 {
					touched = append(touched, d)
				}
				best[d] = max(best[d], v)
			}
			for _, sp := range spans {
				s := segs[sp.seg]
				for _, p := range s.posts[sp.lo:sp.hi] {
					set(offs[sp.seg]+int(p.tool), idf*f.weight*float64(p.impact)/65535)
				}
			}
			if ssf > 0 {
				sidf := k.SrvIDF*idf1(len(segs), ssf) + (1-k.SrvIDF)*idf1(n, sdf)
				if fi > 0 {
					sidf = min(sidf, baseIDF)
				}
				for si, s := range segs {
					if s.hasServer(f) {
						for d := offs[si]; d < offs[si+1]; d++ {
							set(d, sidf*f.weight*k.Server/(k.Server+k.K1))
						}
					}
				}
			}
		}
		for _, d := range touched {
			v := best[d] * w.weight
			best[d] = 0
			total[d] += v
			for c := range clauses {
				if w.clauses&(1<<c) != 0 {
					clauses[c][d] += v
				}
			}
		}
	}
	cover := q.cover()
	// names
	covered := func(s *Segment, i int) float64 {
		if len(s.names[i]) == 0 {
			return 0
		}
		sum := 0.0
		for _, t := range s.names[i] {
			sum += cover(t)
		}
		return math.Pow(sum/float64(len(s.names[i])), k.CovPow)
	}
	var hits []Hit
	top := 0.0
	cmax := make([]float64, len(clauses))
	for si, s := range segs {
		for i := range s.Tools {
			d := offs[si] + i
			if total[d] > 0 {
				f := 1 + k.Cover*covered(s, i)
				total[d] *= f
				top = max(top, total[d])
				for c := range clauses {
					clauses[c][d] *= f
					cmax[c] = max(cmax[c], clauses[c][d])
				}
			}
		}
	}
	cm := 0.0
	for _, x := range cmax {
		cm = max(cm, x)
	}
	for si, s := range segs {
		for i := range s.Tools {
			d := offs[si] + i
			v := total[d]
			if v == 0 {
				continue
			}
			b := 0.0
			for c := range clauses {
				if cmax[c] > 0 {
					b = max(b, clauses[c][d]/math.Pow(cmax[c], k.Norm)*math.Pow(cm, k.Norm))
				}
			}
			if len(clauses) > 0 {
				v = (1-k.Clause)*v + k.Clause*b
			}
			hits = append(hits, Hit{s, i, v})
		}
	}
	// server context
	if k.SrvCtx > 0 {
		sums := map[*Segment]float64{}
		bestS := 0.0
		cnt := map[*Segment]int{}
		slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(b.Score, a.Score) })
		for _, h := range hits {
			if cnt[h.Segment] < int(k.SrvN) {
				cnt[h.Segment]++
				sums[h.Segment] += h.Score
				bestS = max(bestS, sums[h.Segment])
			}
		}
		for i := range hits {
			c := sums[hits[i].Segment] / bestS
			if k.SrvNorm > 0 {
				c = c * math.Pow(k.SrvN/float64(cnt[hits[i].Segment]), k.SrvNorm)
			}
			hits[i].Score *= 1 + k.SrvCtx*c
		}
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(b.Score, a.Score) })
	return hits[:min(limit, len(hits))]
}

func idf1(n, df int) float64 { return idf(n, df) }
func idf(n, df int) float64 {
	return math.Log(1 + (float64(n)-float64(min(df, n))+.5)/(float64(df)+.5))
}

func (s *Segment) hasServer(f form) bool {
	for _, t := range s.server {
		if t == f.t || f.family && t.family() == f.t.family() {
			return true
		}
	}
	return false
}

func (s *Segment) find(f form) (lo, hi uint32) {
	if !f.family {
		i, ok := slices.BinarySearch(s.terms, f.t)
		if !ok {
			return 0, 0
		}
		return s.starts[i], s.starts[i+1]
	}
	fam := term(f.t.family()) << 32
	i, _ := slices.BinarySearch(s.terms, fam)
	j := i
	for j < len(s.terms) && s.terms[j].family() == f.t.family() {
		j++
	}
	return s.starts[i], s.starts[j]
}
