// Package search ranks tools by how well they fit a query in words, with no
// upstream awake.
//
// The main type is [Segment], the index of one server's tools, which
// [NewSegment] makes from descriptors (segment.go, parameters.go). [Rank] scores
// the tools of many segments (search.go) for a query (query.go). Both take text
// apart in the same way: words.go finds words, terms.go reduces them to terms,
// synonyms.go lists stop words and synonyms.
//
// Segments never change, and there are no goroutines and no locks. A ranking
// depends on nothing but its input. Bounds on the input keep the cost of a
// giant server or query small.
//
// TestSearchEval holds the quality on labelled data (testdata/search-eval);
// change a constant only with its scores in view. Start reading at Rank.
package search
