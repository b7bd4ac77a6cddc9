package vault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zalando/go-keyring"
)

// memoryItems is a keyring with a limit that crashes after some changes, as
// if the process were killed.
type memoryItems struct {
	mu      sync.Mutex
	limit   int
	values  map[string]string
	changes int // left before the crash; negative for none
}

var errCrash = errors.New("crashed")

func newMemoryItems(limit int) *memoryItems {
	return &memoryItems{limit: limit, values: map[string]string{}, changes: -1}
}

func (m *memoryItems) get(name string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changes == 0 {
		return "", errCrash
	}
	value, ok := m.values[name]
	if !ok {
		return "", keyring.ErrNotFound
	}
	return value, nil
}

func (m *memoryItems) set(name, value string) error {
	return m.change(func() error {
		if len(value) > m.limit {
			return keyring.ErrSetDataTooBig
		}
		m.values[name] = value
		return nil
	})
}

func (m *memoryItems) remove(name string) error {
	return m.change(func() error { delete(m.values, name); return nil })
}

func (m *memoryItems) change(f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changes == 0 {
		return errCrash
	}
	m.changes--
	return f()
}

// value is n bytes of JSON, with parts unlike those of any other mark.
func value(mark string, n int) string {
	return `"` + strings.Repeat(mark, n-2) + `"`
}

const testLimit = 160 // larger than a head

func memoryStore(m *memoryItems) *keyringStore { return newKeyringStore(m, testLimit, time.Minute) }

// TestSplitCrash crashes after each single change while one value replaces
// another, and again on top of it, for every size with its own path. The
// former or the new value is there, complete, and the next changes leave
// nothing behind.
func TestSplitCrash(t *testing.T) {
	t.Parallel()
	sizes := []int{10, testLimit, testLimit + 1, 3 * testLimit, 5*testLimit + 7}
	for _, before := range sizes {
		for _, after := range sizes {
			t.Run(fmt.Sprintf("%d to %d", before, after), func(t *testing.T) {
				t.Parallel()
				for crash := range 40 {
					if !crashOnce(t, value("a", before), value("b", after), crash) {
						return // the change took fewer steps
					}
				}
				t.Error("the change never came to its end")
			})
		}
	}
}

// crashOnce reports whether a crash after that many changes made the
// replacement fail.
func crashOnce(t *testing.T, before, after string, crash int) bool {
	t.Helper()
	const key = "mcp:acme"
	m := newMemoryItems(testLimit)
	if err := memoryStore(m).set(t.Context(), key, []byte(before)); err != nil {
		t.Fatal(err)
	}
	m.changes = crash
	failed := memoryStore(m).set(t.Context(), key, []byte(after)) != nil
	m.changes = -1
	got, err := memoryStore(m).get(t.Context(), key)
	if err != nil || string(got) != before && string(got) != after || !failed && string(got) != after {
		t.Errorf("crash after %d changes: got %.20s…, %v", crash, got, err)
	}
	// A second crash at every point.
	for second := range 12 {
		n := &memoryItems{limit: testLimit, values: maps.Clone(m.values), changes: second}
		last := value("c", 2*testLimit)
		_ = memoryStore(n).set(t.Context(), key, []byte(last))
		n.changes = -1
		again, err := memoryStore(n).get(t.Context(), key)
		if err != nil || string(again) != string(got) && string(again) != last {
			t.Errorf("crashes after %d and %d changes: got %.20s…, %v", crash, second, again, err)
		}
		for range 2 { // each change clears one slot of what crashes left
			if err := memoryStore(n).set(t.Context(), key, []byte(`"d"`)); err != nil {
				t.Error(err)
			}
		}
		if len(n.values) != 1 {
			t.Errorf("crashes after %d and %d changes left %v", crash, second, slices.Sorted(maps.Keys(n.values)))
		}
		if err := memoryStore(n).remove(t.Context(), key); err != nil || len(n.values) != 0 {
			t.Errorf("removal left %d items, %v", len(n.values), err)
		}
	}
	return failed
}

func TestSplitRemoveCrash(t *testing.T) {
	t.Parallel()
	const key = "mcp:acme"
	for crash := range 6 {
		m := newMemoryItems(testLimit)
		if err := memoryStore(m).set(t.Context(), key, []byte(value("a", 4*testLimit))); err != nil {
			t.Fatal(err)
		}
		m.changes = crash
		_ = memoryStore(m).remove(t.Context(), key)
		m.changes = -1
		got, err := memoryStore(m).get(t.Context(), key)
		if crash == 0 && len(got) != 4*testLimit || crash > 0 && !errors.Is(err, ErrNoCredential) {
			t.Errorf("crash after %d changes: %d bytes, %v", crash, len(got), err)
		}
		if err := memoryStore(m).remove(t.Context(), key); err != nil || len(m.values) != 0 {
			t.Errorf("a second removal left %d items, %v", len(m.values), err)
		}
	}
}

// TestSplitReadWhileReplaced reads while another process writes: each read
// returns one of the values, complete.
func TestSplitReadWhileReplaced(t *testing.T) {
	t.Parallel()
	const key = "mcp:acme"
	m := newMemoryItems(testLimit)
	write := func(mark string) {
		if err := memoryStore(m).set(t.Context(), key, []byte(value(mark, 5*testLimit))); err != nil {
			t.Error(err)
		}
	}
	write("a")
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range 200 {
			write(string(rune('a' + i%26)))
		}
	})
	defer writer.Wait()
	reader := memoryStore(m)
	for range 200 {
		b, err := reader.get(t.Context(), key)
		if err != nil || len(b) != 5*testLimit || strings.Trim(string(b), `"`+string(b[1])) != "" {
			t.Fatalf("torn read of %d bytes, %v", len(b), err)
		}
	}
}

func TestSplitDamaged(t *testing.T) {
	t.Parallel()
	const key = "mcp:acme"
	for name, harm := range map[string]func(values map[string]string, part string){
		"part lost":    func(v map[string]string, part string) { delete(v, part) },
		"part changed": func(v map[string]string, part string) { v[part] = strings.ToUpper(v[part]) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMemoryItems(testLimit)
			if err := memoryStore(m).set(t.Context(), key, []byte(value("a", 3*testLimit))); err != nil {
				t.Fatal(err)
			}
			harm(m.values, partName(key, 1, 1))
			if _, err := memoryStore(m).get(t.Context(), key); ReasonOf(err) != Damaged {
				t.Errorf("got %v", err)
			}
		})
	}
}
