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
	Score  float64 // above 0; comparable only within one search
}

const (
	// serverRarity is the share of a word's rarity that is counted in servers
	// and not in tools, since a word in all tools of a single server is rare.
	serverRarity = 0.5
	// nameBonus is the share that a tool gains if the query has its whole name.
	nameBonus = 0.5
	// sentenceShare is the share that a tool's best sentence has in its score,
	// since each sentence of a query may ask for another tool.
	sentenceShare = 0.5
	// serverBonus is the share that a tool gains on the server whose best
	// serverTools tools fit the query best.
	serverBonus = 0.5
	serverTools = 3
)

// Rank returns the tools of all segments that fit a query best, at most limit of
// them, the best first. Hits of equal score are in order of server, then tool. A
// tool that shares no word with the query is no hit.
//
// A query may be a word, a sentence or several, in any language. Its words score
// by BM25F: rare words and words in important fields of a descriptor count for
// more, other words of the same stem and synonyms for less.
func Rank(segments []*Segment, query string, limit int) []Hit {
	q := parseQuery(query)
	s := newScoring(segments, q.sentences)
	if limit <= 0 || s.tools == 0 {
		return nil
	}
	for _, t := range q.terms {
		s.addTerm(t)
	}
	s.addNameBonus(q)
	s.joinSentences()
	s.addServerBonus()
	return s.best(limit)
}

// A scoring holds the scores of all tools in a search. Tools are numbered across
// all segments.
type scoring struct {
	segments []*Segment
	first    []int // number of each segment's first tool
	tools    int
	scores   []float64   // of the whole query
	sentence [][]float64 // of each sentence; empty if there is only one

	// Of the term that is being added:
	forms  [][]postingList // by form
	gains  []float64       // by tool
	gained []int           // the tools whose gain is not 0
}

// A postingList tells which tools of one segment have a form of a term.
type postingList struct {
	segment  int
	postings []posting
}

// The forms of a term. Each of its synonyms is one more, from synonymForm on.
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

// addTerm adds a term of the query to the scores. A tool gains the most that any
// form of the term gains it.
func (s *scoring) addTerm(t queryTerm) {
	s.lookUp(t)
	most := math.Inf(1) // the word itself bounds the weight of its forms, rare as they are
	for form, lists := range s.forms {
		if len(lists) == 0 {
			continue
		}
		weight := min(most, s.rarity(lists))
		switch form {
		case exactForm:
			most = weight
		case variantForm:
			weight *= variantWeight
		default:
			weight *= synonymWeight
		}
		for _, list := range lists {
			s.gain(list, weight*t.weight)
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

// lookUp sets the posting lists of the forms of a term.
func (s *scoring) lookUp(t queryTerm) {
	for i := range s.forms {
		s.forms[i] = s.forms[i][:0]
	}
	for len(s.forms) < synonymForm+len(t.synonyms) {
		s.forms = append(s.forms, nil)
	}
	add := func(form, segment, term int) {
		s.forms[form] = append(s.forms[form], postingList{segment, s.segments[segment].of(term)})
	}
	for i, seg := range s.segments {
		from, to := seg.withStem(t.term.stem())
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

// gain raises the gains of the tools in list to what a form of that weight gains
// them.
func (s *scoring) gain(list postingList, weight float64) {
	for _, posting := range list.postings {
		i := s.first[list.segment] + int(posting.tool)
		if s.gains[i] == 0 {
			s.gained = append(s.gained, i)
		}
		s.gains[i] = max(s.gains[i], weight*float64(posting.impact)/maxImpact)
	}
}

// rarity returns the inverse document frequency of a form with these lists.
func (s *scoring) rarity(lists []postingList) float64 {
	tools := 0
	for _, list := range lists {
		tools += len(list.postings)
	}
	return serverRarity*inverseFrequency(len(lists), len(s.segments)) +
		(1-serverRarity)*inverseFrequency(tools, s.tools)
}

func inverseFrequency(having, all int) float64 {
	having = min(having, all)
	return math.Log(1 + (float64(all-having)+0.5)/(float64(having)+0.5))
}

// addNameBonus raises a tool's scores by the share of its name that is in the
// query.
func (s *scoring) addNameBonus(q query) {
	covered := make(map[term]float64)
	variants := make(map[uint32]float64)
	for _, t := range q.terms {
		covered[t.term] = max(covered[t.term], t.weight)
		variants[t.term.stem()] = max(variants[t.term.stem()], t.weight*variantWeight)
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
				sum += max(covered[w], variants[w.stem()])
			}
			bonus := 1 + nameBonus*sum/float64(len(name))
			s.scores[i] *= bonus
			for c := range s.sentence {
				s.sentence[c][i] *= bonus
			}
		}
	}
}

// joinSentences makes the best tool for each sentence as good as the best for any
// other, so that a long sentence does not outweigh a short one.
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

// addServerBonus raises the scores on servers with several fitting tools, because
// queries seldom name the subject that a server is about.
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

// best returns the hits with the highest scores.
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
