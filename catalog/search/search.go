package search

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// A Hit is a tool that a search found.
type Hit struct {
	Server string
	Tool   string
	Score  float64 // above 0; comparable within one search only
}

const (
	// serverRarity is how far a word's rarity is counted in servers rather
	// than tools: a word that is in every tool of one server and nowhere
	// else is a rare one.
	serverRarity = 0.5
	// nameBonus is what a tool gains whose whole name is asked for.
	nameBonus = 0.5
	// sentenceShare is how far a tool's best sentence counts rather than the
	// whole query, of which each sentence may ask for a tool of its own.
	sentenceShare = 0.5
	// serverBonus is what a tool gains on the server whose best tools,
	// serverTools of them, fit the query best.
	serverBonus = 0.5
	serverTools = 3
)

// Rank ranks the tools of all segments by how well they fit a query in
// words, and returns the best, at most limit. Tools that share no word with
// the query are not among them. Equal scores are ordered by server, then tool.
//
// A word counts by BM25F: the more the rarer it is and the more telling the
// field it stands in. Words of the same family and synonyms count for less.
func Rank(segments []*Segment, query string, limit int) []Hit {
	q := parseQuery(query)
	s := newScoring(segments, q.sentences)
	if limit <= 0 || s.tools == 0 {
		return nil
	}
	for _, t := range q.terms {
		s.count(t)
	}
	s.addNameBonus(q)
	s.joinSentences()
	s.addServerBonus()
	return s.best(limit)
}

// A scoring holds the score of every tool in a search. Tools are numbered
// through all segments.
type scoring struct {
	segments []*Segment
	first    []int // number of each segment's first tool
	tools    int
	scores   []float64   // of the whole query
	sentence [][]float64 // of each sentence; empty if there is but one

	// For the term being counted:
	forms  [][]place // where each of its forms stands
	gains  []float64 // by tool
	gained []int     // the tools whose gain is not 0
}

// A place is where a form of a term stands in one segment.
type place struct {
	segment  int
	postings []posting
}

// The forms of a term; its synonyms follow, each a form.
const (
	exactForm = iota
	variantForm
	synonymForm
)

func newScoring(segments []*Segment, sentences int) *scoring {
	s := &scoring{segments: segments, first: make([]int, len(segments))}
	for i, seg := range segments {
		s.first[i] = s.tools
		s.tools += len(seg.tools)
	}
	s.scores, s.gains = make([]float64, s.tools), make([]float64, s.tools)
	if sentences > 1 {
		for range sentences {
			s.sentence = append(s.sentence, make([]float64, s.tools))
		}
	}
	return s
}

// count adds what one term of the query gains each tool: the most that any
// form of it does.
func (s *scoring) count(t queryTerm) {
	s.find(t)
	most := math.Inf(1) // no form is worth more for being rarer than the word itself
	for form, places := range s.forms {
		if len(places) == 0 {
			continue
		}
		worth := min(most, s.rarity(places))
		switch form {
		case exactForm:
			most = worth
		case variantForm:
			worth *= variantWeight
		default:
			worth *= synonymWeight
		}
		for _, p := range places {
			s.gain(p, worth*t.weight)
		}
	}
	for _, i := range s.gained {
		s.scores[i] += s.gains[i]
		for c := range s.sentence {
			if t.sentences&(1<<c) != 0 {
				s.sentence[c][i] += s.gains[i]
			}
		}
		s.gains[i] = 0
	}
	s.gained = s.gained[:0]
}

// find sets where the forms of a term stand.
func (s *scoring) find(t queryTerm) {
	for i := range s.forms {
		s.forms[i] = s.forms[i][:0]
	}
	for len(s.forms) < synonymForm+len(t.synonyms) {
		s.forms = append(s.forms, nil)
	}
	add := func(form, segment, term int) {
		s.forms[form] = append(s.forms[form], place{segment, s.segments[segment].of(term)})
	}
	for i, seg := range s.segments {
		from, to := seg.family(t.term.family())
		for j := from; j < to; j++ {
			if seg.terms[j] == t.term {
				add(exactForm, i, j)
			} else {
				add(variantForm, i, j)
			}
		}
		for n, synonym := range t.synonyms {
			if j, found := slices.BinarySearch(seg.terms, synonym); found {
				add(synonymForm+n, i, j)
			}
		}
	}
}

// gain raises the gain of the tools in p to what a term of that worth gains.
func (s *scoring) gain(p place, worth float64) {
	for _, posting := range p.postings {
		i := s.first[p.segment] + int(posting.tool)
		if s.gains[i] == 0 {
			s.gained = append(s.gained, i)
		}
		s.gains[i] = max(s.gains[i], worth*float64(posting.impact)/maxImpact)
	}
}

// rarity is the inverse document frequency of what stands in these places.
func (s *scoring) rarity(places []place) float64 {
	tools := 0
	for _, p := range places {
		tools += len(p.postings)
	}
	return serverRarity*inverseFrequency(len(places), len(s.segments)) +
		(1-serverRarity)*inverseFrequency(tools, s.tools)
}

func inverseFrequency(having, all int) float64 {
	having = min(having, all)
	return math.Log(1 + (float64(all-having)+0.5)/(float64(having)+0.5))
}

// addNameBonus lifts tools by the share of their name that the query covers.
func (s *scoring) addNameBonus(q query) {
	covered := make(map[term]float64)
	variants := make(map[uint32]float64)
	for _, t := range q.terms {
		covered[t.term] = max(covered[t.term], t.weight)
		variants[t.term.family()] = max(variants[t.term.family()], t.weight*variantWeight)
		for _, synonym := range t.synonyms {
			covered[synonym] = max(covered[synonym], t.weight*synonymWeight)
		}
	}
	for n, seg := range s.segments {
		for tool := range seg.tools {
			i := s.first[n] + tool
			name := seg.nameOf(tool)
			if s.scores[i] == 0 || len(name) == 0 {
				continue
			}
			sum := 0.0
			for _, w := range name {
				sum += max(covered[w], variants[w.family()])
			}
			bonus := 1 + nameBonus*sum/float64(len(name))
			s.scores[i] *= bonus
			for c := range s.sentence {
				s.sentence[c][i] *= bonus
			}
		}
	}
}

// joinSentences lets the best tool for each sentence stand level with the best
// for any, so that a long sentence does not crowd out a short one's tool.
func (s *scoring) joinSentences() {
	if len(s.sentence) == 0 {
		return
	}
	top := make([]float64, len(s.sentence))
	for c, scores := range s.sentence {
		top[c] = slices.Max(scores)
	}
	most := slices.Max(top)
	for i, score := range s.scores {
		share := 0.0
		for c, scores := range s.sentence {
			if scores[i] > 0 {
				share = max(share, scores[i]/top[c])
			}
		}
		s.scores[i] = (1-sentenceShare)*score + sentenceShare*share*most
	}
}

// addServerBonus lifts the tools of servers that have several fitting ones:
// a query's words rarely name the subject that only the server's name tells.
func (s *scoring) addServerBonus() {
	fits := make([]float64, len(s.segments))
	most := 0.0
	for n, seg := range s.segments {
		var best [serverTools]float64 // descending
		for _, score := range s.scores[s.first[n] : s.first[n]+len(seg.tools)] {
			for k := range best {
				if score > best[k] {
					score, best[k] = best[k], score
				}
			}
		}
		for _, score := range best {
			fits[n] += score
		}
		most = max(most, fits[n])
	}
	for n, seg := range s.segments {
		if fits[n] == 0 {
			continue
		}
		for i := s.first[n]; i < s.first[n]+len(seg.tools); i++ {
			s.scores[i] *= 1 + serverBonus*fits[n]/most
		}
	}
}

// best returns the highest scores' tools.
func (s *scoring) best(limit int) []Hit {
	var hits []Hit
	for n, seg := range s.segments {
		for tool, name := range seg.tools {
			h := Hit{seg.server, name, s.scores[s.first[n]+tool]}
			if h.Score == 0 || len(hits) == limit && compareHits(h, hits[limit-1]) > 0 {
				continue
			}
			at, _ := slices.BinarySearchFunc(hits, h, compareHits)
			hits = slices.Insert(hits[:min(len(hits), limit-1)], at, h)
		}
	}
	return hits
}

// compareHits orders the better hit first.
func compareHits(a, b Hit) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.Server, b.Server), strings.Compare(a.Tool, b.Tool))
}
