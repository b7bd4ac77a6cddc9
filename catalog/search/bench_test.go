package search_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"mcpproxy/catalog"
	"mcpproxy/catalog/search"
)

func BenchmarkSearch(b *testing.B) {
	queries := readLines[evalQuery](b, evalData+"/mcp/queries.jsonl")
	for _, tools := range []int{550, 5_000, 20_000} {
		b.Run(fmt.Sprint(tools), func(b *testing.B) {
			var segments []*search.Segment
			servers := benchmarkServers(b, tools)
			before := heapInUse()
			for i, server := range servers {
				segments = append(segments, search.NewSegment(fmt.Sprint("server ", i), "", server))
			}
			held := heapInUse() - before
			for i := 0; b.Loop(); i++ {
				search.Rank(segments, queries[i%len(queries)].Query, 8)
			}
			b.ReportMetric(float64(held)/float64(tools), "index-B/tool")
			runtime.KeepAlive(servers)
		})
	}
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkBuild(b *testing.B) {
	for _, tools := range []int{550, 5_000, 20_000} {
		servers := benchmarkServers(b, tools)
		b.Run(fmt.Sprint(tools), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, server := range servers {
					search.NewSegment("server", "", server)
				}
			}
		})
	}
}

// benchmarkServers returns so many real tools, over and over if need be, on
// servers of 20.
func benchmarkServers(b *testing.B, tools int) [][]catalog.Tool {
	var all []catalog.Tool
	for _, collection := range []string{"mcp", "distractors", "functions"} {
		for _, t := range readLines[evalTool](b, evalData+"/"+collection+"/tools.jsonl") {
			all = append(all, catalog.Tool{Name: t.Name, Description: t.Description, InputSchema: t.InputSchema})
		}
	}
	for len(all) < tools {
		all = append(all, all...)
	}
	return slices.Collect(slices.Chunk(all[:tools], 20))
}
