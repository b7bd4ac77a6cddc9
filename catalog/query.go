package catalog

import "strings"

type query struct {
	words   []word
	clauses int
}

func firstSentence(s string) (first, rest string) {
	s = strings.TrimSpace(s)
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\n':
			return s[:i], s[i:]
		case '.', '!', '?', ';':
			if i > 0 && (i+1 == len(s) || s[i+1] == ' ' || s[i+1] == '\n') {
				return s[:i], s[i:]
			}
		}
	}
	return s, ""
}

func (q *query) cover() func(t term) float64 {
	m := map[term]float64{}
	fm := map[uint32]float64{}
	for _, w := range q.words {
		for _, f := range w.forms {
			if f.family {
				fm[f.t.family()] = max(fm[f.t.family()], f.weight*min(1, w.weight))
			} else {
				m[f.t] = max(m[f.t], f.weight*min(1, w.weight))
			}
		}
	}
	return func(t term) float64 { return max(m[t], fm[t.family()]) }
}

func parseQuery(text string) *query {
	q := &query{}
	text = values(clip(text, 4096))
	seen := map[term]int{}
	var sp splitter
	pass := func(keep bool) {
		for rest := text; rest != ""; {
			var sent string
			sent, rest = cutSentence(rest)
			c := min(q.clauses, 15)
			any := false
			quoted := false
			var prev []byte
			add := func(w []byte, syn bool) {
				str := string(w)
				t := termOf([]byte(str))
				any = true
				if i, ok := seen[t]; ok {
					q.words[i].clauses |= 1 << c
					return
				}
				if len(q.words) >= 64 {
					return
				}
				seen[t] = len(q.words)
				wd := word{weight: 1, clauses: 1 << c}
				if quoted {
					wd.weight = k.Quoted
				}
				wd.forms = append(wd.forms, form{t, false, 1})
				wd.forms = append(wd.forms, form{t, true, k.Variant})
				if syn {
					for _, s := range synonyms[t.family()] {
						wd.forms = append(wd.forms, form{s, k.SynFam > 0, k.Syn})
					}
				} else {
					wd.weight *= k.Join
					wd.forms = wd.forms[:1]
				}
				q.words = append(q.words, wd)
			}
			for qi, piece := range quotes(sent) {
				quoted = qi%2 == 1
				sp.split(piece, func(w []byte) {
					if filler[string(w)] && !keep {
						prev = prev[:0]
						return
					}
					if len(prev) > 0 {
						add(append(prev, w...), false)
					}
					add(w, true)
					prev = append(prev[:0], w...)
				})
			}
			if any {
				q.clauses = c + 1
			}
		}
	}
	pass(false)
	if len(q.words) == 0 {
		pass(true)
	}
	return q
}

func values(text string) string {
	if k.Value == 0 {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		i := strings.IndexAny(text, " \n\t")
		f, sep := text, ""
		if i >= 0 {
			f, sep = text[:i], text[i:i+1]
			text = text[i+1:]
		} else {
			text = ""
		}
		g := strings.Trim(f, "\"'`(),;:?!")
		tail := ""
		if n := len(strings.TrimRight(f, "\"'`)")); n > 0 && strings.ContainsAny(f[n-1:n], ".?!;,") {
			tail = f[n-1 : n]
		}
		switch {
		case strings.Contains(g, "://") || strings.HasPrefix(g, "www."):
			b.WriteString("url " + hostWords(g) + tail)
		case strings.HasPrefix(g, "/") && len(g) > 2 || strings.HasPrefix(g, "~/") || strings.HasPrefix(g, "./"):
			g = strings.TrimRight(g, ".")
			base := g[strings.LastIndexByte(g, '/')+1:]
			if j := strings.LastIndexByte(base, '.'); j >= 0 {
				b.WriteString("file " + base[j+1:] + tail)
			} else {
				b.WriteString("path " + tail)
			}
		default:
			b.WriteString(f)
		}
		b.WriteString(sep)
	}
	return b.String()
}

func hostWords(g string) string {
	_, h, ok := strings.Cut(g, "://")
	if !ok {
		h = g
	}
	h, _, _ = strings.Cut(h, "/")
	return strings.TrimPrefix(h, "www.")
}

func cutSentence(s string) (first, rest string) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\n':
			return s[:i], s[i+1:]
		case '.', '!', '?', ';':
			if i+1 == len(s) || s[i+1] == ' ' || s[i+1] == '\n' {
				return s[:i], s[i+1:]
			}
		}
	}
	return s, ""
}

// quotes cuts s into what stands outside and inside quotation marks, by turns.
func quotes(s string) []string {
	var out []string
	for {
		i, j, n := openQuote(s)
		if i < 0 {
			return append(out, s)
		}
		out = append(out, s[:i], s[i+n:j])
		s = s[j:]
		if len(s) > 0 {
			s = s[min(n, len(s)):]
		}
	}
}

func openQuote(s string) (i, j, n int) {
	for i, r := range s {
		if r != '"' && r != '\'' && r != '`' {
			continue
		}
		if i > 0 && s[i-1] != ' ' && s[i-1] != '(' {
			continue
		}
		if e := strings.IndexRune(s[i+1:], r); e > 0 {
			return i, i + 1 + e, 1
		}
	}
	return -1, 0, 0
}
