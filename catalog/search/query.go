package search

import "strings"

// Bounds on what is read of a query.
const (
	maxQuery     = 4 << 10 // bytes
	maxTerms     = 128
	maxSentences = 8 // what follows counts as part of the last
)

// Weights of terms beside a query's own words, which weigh 1.
const (
	variantWeight = 0.5 // another word of the same stem
	synonymWeight = 0.5
	quotedWeight  = 0.5 // a word in quotation marks, which is more often a value than a wish
)

// A query is a text as terms.
type query struct {
	terms     []queryTerm
	sentences int
}

type queryTerm struct {
	term      term
	synonyms  []term
	weight    float64
	sentences uint8 // a bit for each sentence that has the term
}

// parseQuery reads a query. Stop words count only if there are no others.
func parseQuery(text string) query {
	text = text[:min(len(text), maxQuery)]
	r := queryReader{seen: make(map[term]int)}
	r.read(text)
	if len(r.query.terms) == 0 {
		r.keepStopWords = true
		r.read(text)
	}
	return r.query
}

type queryReader struct {
	query         query
	seen          map[term]int // in query.terms
	keepStopWords bool
	previous      []byte // the word before, for compounds
}

// read adds the terms of text, sentence by sentence.
func (r *queryReader) read(text string) {
	for text != "" {
		var sentence string
		sentence, text = cutSentence(text)
		before := len(r.query.terms)
		for plain, rest := "", sentence; rest != ""; {
			var quoted string
			plain, quoted, rest = cutQuoted(rest)
			r.readWords(plain, 1)
			r.readWords(quoted, quotedWeight)
		}
		if len(r.query.terms) > before { // one without new terms belongs to the one before
			r.query.sentences = min(r.query.sentences+1, maxSentences)
		}
	}
}

func (r *queryReader) readWords(text string, weight float64) {
	r.previous = r.previous[:0]
	for chunk := range strings.FieldsSeq(text) {
		splitWords(valueWords(chunk), func(w []byte, whole bool) {
			if stopWords()[string(w)] && !r.keepStopWords {
				return
			}
			if len(r.previous) > 0 && !whole { // "time zone" is also "timezone"
				r.add(append(r.previous, w...), weight, false)
			}
			r.previous = append(r.previous[:0], w...)
			r.add(w, weight, true)
		})
	}
}

func (r *queryReader) add(word []byte, weight float64, expand bool) {
	t := termOf(word)
	sentence := uint8(1) << min(r.query.sentences, maxSentences-1)
	if i, ok := r.seen[t]; ok {
		q := &r.query.terms[i]
		q.sentences |= sentence
		q.weight = max(q.weight, weight)
		return
	}
	if len(r.query.terms) == maxTerms {
		return
	}
	q := queryTerm{term: t, weight: weight, sentences: sentence}
	if expand {
		q.synonyms = synonyms()[t.stem()]
	}
	r.seen[t] = len(r.query.terms)
	r.query.terms = append(r.query.terms, q)
}

// valueWords replaces a path or URL by words for what it is, because its own words
// seldom describe a tool. It returns any other text as it is.
func valueWords(chunk string) string {
	bare := strings.Trim(chunk, "\"'`()<>[],;:")
	switch {
	case strings.Contains(bare, "://"), strings.HasPrefix(bare, "www."):
		_, host, found := strings.Cut(bare, "://")
		if !found {
			host = bare
		}
		host, _, _ = strings.Cut(host, "/")
		return "url " + strings.TrimPrefix(host, "www.")
	case len(bare) > 2 && (bare[0] == '/' || bare[:2] == "~/" || bare[:2] == "./" || bare[1:3] == `:\`):
		base := bare[strings.LastIndexAny(bare, `/\`)+1:]
		if i := strings.LastIndexByte(base, '.'); i >= 0 {
			return "file " + base[i+1:]
		}
		return "path"
	}
	return chunk
}

// cutSentence returns the first sentence or line of s, and the rest.
func cutSentence(s string) (sentence, rest string) {
	s = strings.TrimSpace(s)
	for i := range len(s) {
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

// cutQuoted returns the text before the first quoted part of s, that part, and the
// rest. An apostrophe within a word does not begin a quoted part.
func cutQuoted(s string) (plain, quoted, rest string) {
	for i := range len(s) {
		if strings.IndexByte("\"'`", s[i]) < 0 || i > 0 && s[i-1] != ' ' && s[i-1] != '(' {
			continue
		}
		if n := strings.IndexByte(s[i+1:], s[i]); n > 0 {
			return s[:i], s[i+1 : i+1+n], s[i+2+n:]
		}
	}
	return s, "", ""
}
