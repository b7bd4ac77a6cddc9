package search

import (
	"cmp"
	"math"
	"slices"

	"mcpproxy/catalog"
)

// A Segment is the index of one server's tools. It keeps only the tools' names,
// never changes and is safe for concurrent use.
type Segment struct {
	server string
	tools  []string
	// postings[starts[i]:starts[i+1]] are those of terms[i].
	terms    []term // sorted
	starts   []uint32
	postings []posting
	// names[nameStarts[i]:nameStarts[i+1]] are the words of tool i's name,
	// without those that most tools of the server share.
	names      []term
	nameStarts []uint32
}

// A posting tells how much a tool is about a term.
type posting struct {
	tool   uint16
	impact uint16 // of maxImpact
}

const maxImpact = math.MaxUint16

// Bounds on what is read of one server.
const (
	maxTools  = math.MaxUint16 + 1
	maxText   = 4 << 10   // bytes of one text
	maxWords  = 512       // of one field of a tool
	maxSchema = 256 << 10 // bytes of an input schema
)

// A field is a part of a descriptor.
type field struct {
	weight float64 // of each word
	length float64 // usual number of words; in a longer field each weighs less
}

var (
	nameField       = field{weight: 5, length: 3}
	titleField      = field{weight: 2, length: 3}
	summaryField    = field{weight: 1.5, length: 10} // the description's first sentence
	detailField     = field{weight: 0.5, length: 30} // the rest of it
	paramField      = field{weight: 0.5, length: 5}
	paramTextField  = field{weight: 0.5, length: 30}
	serverField     = field{weight: 1, length: 2}
	serverTextField = field{weight: 0.25, length: 10}
)

const (
	// lengthShare is the share of a field's weight that depends on its length
	// (b of BM25).
	lengthShare = 0.5
	// saturation is the weight that gives a term half of its full impact
	// (k1 of BM25).
	saturation = 1
	// sharedBy is the share of a server's tools above which what they have in
	// common does not count for any of them.
	sharedBy = 0.75
)

// NewSegment indexes the tools of one server by their names, titles, descriptions
// and parameters and by the server's name and description. An input schema counts
// as empty if it cannot be read or has more than 256 KiB. Only the first 4 KiB of
// each text, the first 512 words of each part of a descriptor and the first
// 65,536 tools count.
func NewSegment(server, description string, tools []catalog.Tool) *Segment {
	tools = tools[:min(len(tools), maxTools)]
	r := segmentReader{serverName: wordsOf(server), serverText: contentWords(description)}
	params := make([][]paramText, len(tools))
	names := make([][]term, len(tools))
	paramUses, nameUses := make(map[string]int), make(map[term]int)
	for i, t := range tools {
		params[i] = paramTexts(t.InputSchema)
		for _, p := range params[i] {
			paramUses[p.name]++
		}
		names[i] = distinct(partsOf(t.Name))
		for _, w := range names[i] {
			nameUses[w]++
		}
	}
	shared := func(uses int) bool { return uses > 1 && float64(uses) > sharedBy*float64(len(tools)) }

	s := &Segment{server: server, nameStarts: []uint32{0}}
	for i, t := range tools {
		own := slices.DeleteFunc(params[i], func(p paramText) bool { return shared(paramUses[p.name]) })
		r.read(uint16(i), t, own)
		s.tools = append(s.tools, t.Name)
		for _, w := range names[i] {
			if !shared(nameUses[w]) {
				s.names = append(s.names, w)
			}
		}
		s.nameStarts = append(s.nameStarts, uint32(len(s.names)))
	}
	s.index(r.postings)
	return s
}

// index sets the terms and postings.
func (s *Segment) index(all []termPosting) {
	slices.SortFunc(all, func(a, b termPosting) int {
		return cmp.Or(cmp.Compare(a.term, b.term), cmp.Compare(a.tool, b.tool))
	})
	s.postings = make([]posting, len(all))
	for i, r := range all {
		if i == 0 || all[i-1].term != r.term {
			s.terms = append(s.terms, r.term)
			s.starts = append(s.starts, uint32(i))
		}
		s.postings[i] = r.posting
	}
	s.terms, s.starts = slices.Clip(s.terms), slices.Clip(append(s.starts, uint32(len(all))))
	s.names = slices.Clip(s.names)
}

// withStem returns the range of the terms with that stem.
func (s *Segment) withStem(f uint32) (from, to int) {
	from, _ = slices.BinarySearch(s.terms, term(f)<<32)
	for to = from; to < len(s.terms) && s.terms[to].stem() == f; to++ {
	}
	return from, to
}

// of returns the postings of terms[i].
func (s *Segment) of(i int) []posting { return s.postings[s.starts[i]:s.starts[i+1]] }

// nameOf returns the words of a tool's name that it does not share.
func (s *Segment) nameOf(tool int) []term {
	return s.names[s.nameStarts[tool]:s.nameStarts[tool+1]]
}

// A termPosting is a posting before its segment has an index.
type termPosting struct {
	term term
	posting
}

// A segmentReader turns descriptors into postings.
type segmentReader struct {
	serverName, serverText []term
	postings               []termPosting
	found                  []weightedTerm // in the tool that is being read
}

type weightedTerm struct {
	term   term
	weight float64
}

// read adds the postings of one tool. params are the parameters that it does not
// share with most tools.
func (r *segmentReader) read(tool uint16, t catalog.Tool, params []paramText) {
	r.found = r.found[:0]
	summary, detail := cutSentence(t.Description)
	r.add(nameField, wordsOf(t.Name))
	r.add(titleField, contentWords(t.Title))
	r.add(summaryField, contentWords(summary))
	r.add(detailField, contentWords(detail))
	var names, texts []term
	for _, p := range params {
		names = append(names, contentWords(p.name)...)
		texts = append(texts, contentWords(p.text)...)
	}
	r.add(paramField, names)
	r.add(paramTextField, texts)
	r.add(serverField, r.serverName)
	r.add(serverTextField, r.serverText)

	slices.SortStableFunc(r.found, func(a, b weightedTerm) int { return cmp.Compare(a.term, b.term) })
	for i := 0; i < len(r.found); {
		t, sum := r.found[i].term, 0.0
		for ; i < len(r.found) && r.found[i].term == t; i++ {
			sum += r.found[i].weight
		}
		impact := uint16(maxImpact * sum / (sum + saturation))
		r.postings = append(r.postings, termPosting{t, posting{tool, impact}})
	}
}

func (r *segmentReader) add(f field, words []term) {
	words = words[:min(len(words), maxWords)]
	weight := f.weight / (1 - lengthShare + lengthShare*float64(len(words))/f.length)
	for _, w := range words {
		r.found = append(r.found, weightedTerm{w, weight})
	}
}

// distinct sorts words and removes duplicates.
func distinct(words []term) []term {
	slices.Sort(words)
	return slices.Compact(words)
}
