package search

import (
	"strings"
	"testing"

	"mcpproxy/catalog"
)

func TestSegmentsOfGiantsAreBounded(t *testing.T) {
	t.Parallel()
	giant := catalog.Tool{Name: "giant", Description: strings.Repeat("weather forecast rain ", 100_000)}
	small := catalog.Tool{Name: "forecast", Description: "Tells the weather"}
	s := NewSegment("s", "", []catalog.Tool{giant, small})
	if n := len(s.postings); n > 100 {
		t.Errorf("%d postings for two tools", n)
	}
	if hits := Rank([]*Segment{s}, "weather forecast", 2); len(hits) != 2 || hits[0].Tool != "forecast" {
		t.Errorf("repetition wins: %v", hits)
	}
}
