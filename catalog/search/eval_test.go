package search_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mcpproxy/catalog"
	"mcpproxy/catalog/search"
)

const evalData = "testdata/search-eval"

// TestSearchEval scores the search on labelled data and keeps its quality from
// falling. With SEARCH_EVAL_DIR set, it scores the collections in that
// directory instead, without any demand; -v prints the scores.
func TestSearchEval(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv("SEARCH_EVAL_DIR"); dir != "" {
		scoreAll(t, dir)
		return
	}
	got := scoreAll(t, evalData)
	for _, want := range []struct {
		collection    string
		recall5, ndcg float64
	}{
		{"golden", 0.90, 0.80},
		{"mcp", 0.68, 0.64},
		{"functions", 0.91, 0.92},
	} {
		mean := got[want.collection]
		if mean.recall5 < want.recall5 || mean.ndcg < want.ndcg {
			t.Errorf("%s: recall@5 %.3f, nDCG@10 %.3f; want at least %.3f, %.3f",
				want.collection, mean.recall5, mean.ndcg, want.recall5, want.ndcg)
		}
	}
	if lost := got["mcp"].recall5 - got[noisyMCP].recall5; lost > 0.05 {
		t.Errorf("distractors cost %.3f of recall@5 on mcp; want at most 0.05", lost)
	}
}

// noisyMCP is the collection mcp among tools that nobody asks for.
const noisyMCP = "mcp + distractors"

// scoreAll scores each collection in dir and returns the mean of its sets.
func scoreAll(t *testing.T, dir string) map[string]evalScore {
	t.Helper()
	folders, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%-18s %-15s %7s %6s %6s %6s %7s %6s %8s", "collection", "set", "queries", "R@1", "R@5", "R@10", "nDCG@10", "MRR", "ms")
	means := make(map[string]evalScore)
	for _, f := range folders {
		if !f.IsDir() {
			continue
		}
		queries := readLines[evalQuery](t, filepath.Join(dir, f.Name(), "queries.jsonl"))
		tools := readLines[evalTool](t, filepath.Join(dir, f.Name(), "tools.jsonl"))
		if len(queries) == 0 {
			continue
		}
		means[f.Name()] = scoreCollection(t, f.Name(), tools, queries)
		if noise := readLines[evalTool](t, filepath.Join(dir, "distractors", "tools.jsonl")); f.Name() == "mcp" && len(noise) > 0 {
			means[noisyMCP] = scoreCollection(t, noisyMCP, append(tools, noise...), queries)
		}
	}
	return means
}

func scoreCollection(t *testing.T, name string, tools []evalTool, queries []evalQuery) evalScore {
	t.Helper()
	start := time.Now()
	segments := segmentsOf(tools)
	built := time.Since(start)
	var sets []string
	scores := make(map[string]*evalScore)
	for _, q := range queries {
		if scores[q.Set] == nil {
			sets = append(sets, q.Set)
			scores[q.Set] = new(evalScore)
		}
		start := time.Now()
		hits := search.Rank(segments, q.Query, 10)
		scores[q.Set].add(q, hits, time.Since(start))
	}
	var mean evalScore
	for _, set := range sets {
		s := scores[set].scaled(1 / float64(scores[set].queries))
		t.Logf("%-18s %-15s %7d %s", name, set, scores[set].queries, s)
		mean.join(s)
	}
	mean = mean.scaled(1 / float64(len(sets)))
	t.Logf("%-18s %-15s %7d %s  (%d servers, %d tools, built in %.1f ms)", name, "mean of sets",
		len(queries), mean, len(segments), len(tools), built.Seconds()*1e3)
	return mean
}

// An evalScore is a sum over queries, or a mean of such.
type evalScore struct {
	queries                                     int
	recall1, recall5, recall10, ndcg, mrr, took float64 // took in milliseconds
}

func (s *evalScore) add(q evalQuery, hits []search.Hit, took time.Duration) {
	relevant := make(map[string]bool)
	ideal := 0.0
	for i, id := range q.Relevant {
		relevant[id] = true
		if i < 10 {
			ideal += 1 / math.Log2(float64(i)+2)
		}
	}
	each := 1 / float64(len(relevant))
	first := true
	for i, h := range hits {
		if !relevant[h.Server+"/"+h.Tool] {
			continue
		}
		if i < 1 {
			s.recall1 += each
		}
		if i < 5 {
			s.recall5 += each
		}
		s.recall10 += each
		s.ndcg += 1 / math.Log2(float64(i)+2) / ideal
		if first {
			s.mrr += 1 / float64(i+1)
			first = false
		}
	}
	s.queries++
	s.took += took.Seconds() * 1e3
}

func (s *evalScore) join(o evalScore) {
	s.recall1 += o.recall1
	s.recall5 += o.recall5
	s.recall10 += o.recall10
	s.ndcg += o.ndcg
	s.mrr += o.mrr
	s.took += o.took
}

func (s evalScore) scaled(by float64) evalScore {
	return evalScore{s.queries, s.recall1 * by, s.recall5 * by, s.recall10 * by, s.ndcg * by, s.mrr * by, s.took * by}
}

func (s evalScore) String() string {
	return fmt.Sprintf("%6.3f %6.3f %6.3f %7.3f %6.3f %8.3f", s.recall1, s.recall5, s.recall10, s.ndcg, s.mrr, s.took)
}

type evalTool struct {
	Server      string          `json:"server"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"input_schema"`
}

type evalQuery struct {
	Set      string   `json:"set"`
	Query    string   `json:"query"`
	Relevant []string `json:"relevant"`
}

// segmentsOf groups tools by server.
func segmentsOf(tools []evalTool) []*search.Segment {
	var servers []string
	byServer := make(map[string][]catalog.Tool)
	for _, t := range tools {
		if byServer[t.Server] == nil {
			servers = append(servers, t.Server)
		}
		byServer[t.Server] = append(byServer[t.Server], catalog.Tool{Name: t.Name, Description: t.Description, InputSchema: t.InputSchema})
	}
	var segments []*search.Segment
	for _, s := range servers {
		segments = append(segments, search.NewSegment(s, "", byServer[s]))
	}
	return segments
}

// readLines reads a file of JSON lines or its compressed form; none is empty.
func readLines[T any](tb testing.TB, path string) []T {
	tb.Helper()
	file, err := os.Open(path)
	if os.IsNotExist(err) && !strings.HasSuffix(path, ".gz") {
		return readLines[T](tb, path+".gz")
	}
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	var in io.Reader = bufio.NewReader(file)
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			tb.Fatal(err)
		}
	}
	var all []T
	for d := json.NewDecoder(in); ; {
		var one T
		if err := d.Decode(&one); err == io.EOF {
			return all
		} else if err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		all = append(all, one)
	}
}
