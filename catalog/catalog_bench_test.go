package catalog

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// inputSchema is one of ordinary size.
const inputSchema = `{"type":"object","properties":{"owner":{"type":"string","description":"Repository owner"},"body":{"type":"string"},` +
	`"repo":{"type":"string"},"labels":{"type":"array","items":{"type":"string"}},"state":{"type":"string","enum":["open","closed"]},` +
	`"title":{"type":"string"},"options":{"type":"object","properties":{"draft":{"type":"boolean"},"review":{"type":"object","properties":{"by":{}}}}}},` +
	`"required":["owner","repo","title"]}`

// fill makes a folder of 1,000 entries with 20,000 tools of about 1.2 KB each.
func fill(b *testing.B) (dir string, ids []string) {
	b.Helper()
	dir = b.TempDir()
	s := newSnapshot(dir, quiet)
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		b.Fatal(err)
	}
	descriptors := make([]string, 20)
	for i := range descriptors {
		descriptors[i] = fmt.Sprintf(`{"name":"tool_%d","description":"%s","inputSchema":%s}`, i, strings.Repeat("Does one thing well. ", 20), inputSchema)
	}
	index := make(map[string]infoRecord)
	for i := range 1000 {
		e := entryOf(b, fmt.Sprintf("server-%d", i), noon, descriptors...)
		data, err := encodeEntry(e)
		if err != nil {
			b.Fatal(err)
		}
		if err := replace(s.entryPath(e.ID), data); err != nil {
			b.Fatal(err)
		}
		index[e.ID] = infoRecord{e.ID, int64(len(data)), e.info()}
		ids = append(ids, e.ID)
	}
	if err := s.writeIndex(index); err != nil {
		b.Fatal(err)
	}
	return dir, ids
}

// What a start costs: the summaries of 1,000 entries from a cold process.
func BenchmarkInfos1000(b *testing.B) {
	dir, ids := fill(b)
	b.ReportAllocs()
	for b.Loop() {
		if infos := Open(dir, quiet).Infos(); len(infos) != len(ids) {
			b.Fatalf("%d of %d", len(infos), len(ids))
		}
	}
}

// What building an index for search costs: every descriptor of 20,000 tools.
func BenchmarkGetAll20000(b *testing.B) {
	dir, ids := fill(b)
	b.ReportAllocs()
	for b.Loop() {
		c := Open(dir, quiet)
		for _, id := range ids {
			if e, ok := c.Get(id); !ok || len(e.Tools) != 20 {
				b.Fatal("lost " + id)
			}
		}
	}
}

// One more listing in a full catalogue.
func BenchmarkPut1000(b *testing.B) {
	dir, ids := fill(b)
	c := Open(dir, quiet)
	e, _ := c.Get(ids[0])
	for b.Loop() {
		c.Put(e)
	}
}

// What a call costs to find its tool.
func BenchmarkGetCached(b *testing.B) {
	c := Open(b.TempDir(), quiet)
	c.Put(entryOf(b, "s", noon, `{"name":"x"}`))
	for b.Loop() {
		if _, ok := c.Get("s"); !ok {
			b.Fatal("lost")
		}
	}
}
