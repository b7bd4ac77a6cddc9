package search

import (
	"cmp"
	"math"
	"slices"

	"mcpproxy/catalog"
)

// A Segment is the searchable form of one server's tools: which words stand
// where. It never changes, and keeps nothing of the tools but their names.
type Segment struct {
	server string
	tools  []string
	// postings[starts[i]:starts[i+1]] tell which tools have terms[i].
	terms    []term // sorted
	starts   []uint32
	postings []posting
	// names[nameStarts[i]:nameStarts[i+1]] are the words of tool i's name
	// that most of its server's tools have not.
	names      []term
	nameStarts []uint32
}

// A posting says how much a tool is about a term.
type posting struct {
	tool   uint16
	impact uint16 // of maxImpact
}

const maxImpact = math.MaxUint16

// Bounds on what is read of one server, so that a giant one costs no more
// than its share.
const (
	maxTools  = math.MaxUint16 + 1
	maxText   = 4 << 10   // bytes of one text
	maxWords  = 512       // of one field of a tool
	maxSchema = 256 << 10 // bytes of an input schema
)

// A field is a part of a descriptor that words are read from.
type field struct {
	weight float64 // of one word in it
	length float64 // words it usually has; in a longer one each weighs less
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
	// lengthShare is how far a field's length counts (b of BM25).
	lengthShare = 0.5
	// saturation is the weight that gives a term half of its full impact
	// (k1 of BM25).
	saturation = 1
	// sharedBy is the share of a server's tools above which what they have
	// in common says nothing about any one of them.
	sharedBy = 0.75
)

// NewSegment reads the tools of one server: names, titles, descriptions and
// parameters, and the server's own name and description. An input schema that
// cannot be read, or is longer than 256 KiB, is taken for an empty one. Of each
// text the first 4 KiB count, of a tool's parameters the first 512 words, of
// the tools the first 65,536.
func NewSegment(server, description string, tools []catalog.Tool) *Segment {
	tools = tools[:min(len(tools), maxTools)]
	r := segmentReader{serverName: wordsOf(server), serverText: tellingWords(description)}
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
	s.index(r.rows)
	return s
}

// index fills the postings from rows, which come in the order of the tools.
func (s *Segment) index(rows []row) {
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.term, b.term), cmp.Compare(a.tool, b.tool))
	})
	s.postings = make([]posting, len(rows))
	for i, r := range rows {
		if i == 0 || rows[i-1].term != r.term {
			s.terms = append(s.terms, r.term)
			s.starts = append(s.starts, uint32(i))
		}
		s.postings[i] = r.posting
	}
	s.terms, s.starts = slices.Clip(s.terms), slices.Clip(append(s.starts, uint32(len(rows))))
	s.names = slices.Clip(s.names)
}

// family returns the range of the terms of one family.
func (s *Segment) family(f uint32) (from, to int) {
	from, _ = slices.BinarySearch(s.terms, term(f)<<32)
	for to = from; to < len(s.terms) && s.terms[to].family() == f; to++ {
	}
	return from, to
}

// of returns where terms[i] stands.
func (s *Segment) of(i int) []posting { return s.postings[s.starts[i]:s.starts[i+1]] }

// nameOf returns the telling words of a tool's name.
func (s *Segment) nameOf(tool int) []term {
	return s.names[s.nameStarts[tool]:s.nameStarts[tool+1]]
}

// A row is a posting on its way into a segment.
type row struct {
	term term
	posting
}

// A segmentReader turns descriptors into rows.
type segmentReader struct {
	serverName, serverText []term
	rows                   []row
	found                  []weighted // in the tool being read
}

type weighted struct {
	term   term
	weight float64
}

// read adds the rows of one tool; params are those of its parameters that are
// not shared by most tools.
func (r *segmentReader) read(tool uint16, t catalog.Tool, params []paramText) {
	r.found = r.found[:0]
	summary, detail := cutSentence(t.Description)
	r.add(nameField, wordsOf(t.Name))
	r.add(titleField, tellingWords(t.Title))
	r.add(summaryField, tellingWords(summary))
	r.add(detailField, tellingWords(detail))
	var names, texts []term
	for _, p := range params {
		names = append(names, tellingWords(p.name)...)
		texts = append(texts, tellingWords(p.text)...)
	}
	r.add(paramField, names)
	r.add(paramTextField, texts)
	r.add(serverField, r.serverName)
	r.add(serverTextField, r.serverText)

	slices.SortStableFunc(r.found, func(a, b weighted) int { return cmp.Compare(a.term, b.term) })
	for i := 0; i < len(r.found); {
		t, sum := r.found[i].term, 0.0
		for ; i < len(r.found) && r.found[i].term == t; i++ {
			sum += r.found[i].weight
		}
		impact := uint16(maxImpact * sum / (sum + saturation))
		r.rows = append(r.rows, row{t, posting{tool, impact}})
	}
}

func (r *segmentReader) add(f field, words []term) {
	words = words[:min(len(words), maxWords)]
	weight := f.weight / (1 - lengthShare + lengthShare*float64(len(words))/f.length)
	for _, w := range words {
		r.found = append(r.found, weighted{w, weight})
	}
}

// distinct sorts words and drops what is there twice.
func distinct(words []term) []term {
	slices.Sort(words)
	return slices.Compact(words)
}
