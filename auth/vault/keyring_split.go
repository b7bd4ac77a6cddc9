package vault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// A value over the limit of one item is kept in parts. A key has two slots
// for parts, and its item, the head, names the slot in use. A new value is
// written to the other slot, then the head is switched, then the old parts
// are removed.
//
// After a crash at any point the head names a complete slot, and leftovers
// are in the other slot, where the next change removes them. Parts are
// written from the first to the last and removed from the last to the first,
// so that a slot without a first part is empty.
//
// A head is JSON like every value, and only a head has the member "parts".
//
// This is own code because go-keyring refuses a value over a platform's limit
// and splits none.
type head struct {
	Parts int    `json:"parts"`
	Slot  int    `json:"slot"` // 0 or 1
	Sum   string `json:"sum"`  // SHA-256 of the value in hex, to detect a torn read
}

func partName(key string, slot, n int) string {
	return fmt.Sprintf("%s%d.%d:%s", partSpace, slot, n, key)
}

// parseHead reports whether item is a head, and not a value.
func parseHead(item string) (head, bool) {
	var h head
	if len(item) > 200 || json.Unmarshal([]byte(item), &h) != nil {
		return head{}, false
	}
	return h, h.Parts > 0
}

func (k *keyringStore) get(ctx context.Context, key string) ([]byte, error) {
	item, err := k.getItem(ctx, key)
	if err != nil {
		return nil, err
	}
	for {
		h, isHead := parseHead(item)
		if !isHead {
			return []byte(item), nil
		}
		value, whole, err := k.join(ctx, key, h)
		if err != nil || whole {
			return value, err
		}
		// If another process has replaced the value meanwhile, the head has
		// changed.
		again, err := k.getItem(ctx, key)
		if err != nil {
			return nil, err
		}
		if again == item {
			return nil, &Error{Reason: Damaged, Err: errPartMissing}
		}
		item = again
	}
}

var errPartMissing = errors.New("a part is missing or does not fit")

// join reads the parts of h and reports whether they are complete.
func (k *keyringStore) join(ctx context.Context, key string, h head) (value []byte, whole bool, err error) {
	var b strings.Builder
	for n := range h.Parts {
		part, err := k.getItem(ctx, partName(key, h.Slot, n))
		if errors.Is(err, ErrNoCredential) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		b.WriteString(part)
	}
	return []byte(b.String()), sum(b.String()) == h.Sum, nil
}

func (k *keyringStore) set(ctx context.Context, key string, value []byte) error {
	if k.limit == 0 {
		return k.setItem(ctx, key, string(value))
	}
	old, err := k.head(ctx, key)
	if err != nil {
		return err
	}
	next := head{Slot: 1 - old.Slot, Sum: sum(string(value))}
	if err := k.clear(ctx, key, next.Slot); err != nil {
		return err
	}
	item := string(value)
	if len(item) > k.limit {
		for rest := item; rest != ""; next.Parts++ {
			part := rest[:min(k.limit, len(rest))]
			rest = rest[len(part):]
			if err := k.setItem(ctx, partName(key, next.Slot, next.Parts), part); err != nil {
				return err
			}
		}
		b, err := json.Marshal(next)
		if err != nil {
			return err
		}
		item = string(b)
	}
	if err := k.setItem(ctx, key, item); err != nil {
		return err
	}
	// The new value is in use. Old parts that cannot be removed now are removed
	// by a later change.
	_ = k.clear(ctx, key, old.Slot)
	return nil
}

func (k *keyringStore) remove(ctx context.Context, key string) error {
	if err := k.removeItem(ctx, key); err != nil || k.limit == 0 {
		return err
	}
	return errors.Join(k.clear(ctx, key, 0), k.clear(ctx, key, 1))
}

// head returns the head of key, or one with slot 0 for a value without
// parts.
func (k *keyringStore) head(ctx context.Context, key string) (head, error) {
	item, err := k.getItem(ctx, key)
	if errors.Is(err, ErrNoCredential) {
		return head{}, nil
	}
	h, _ := parseHead(item)
	return h, err
}

// clear removes the parts in a slot, from the last to the first.
func (k *keyringStore) clear(ctx context.Context, key string, slot int) error {
	count := 0
	for ; ; count++ {
		_, err := k.getItem(ctx, partName(key, slot, count))
		if errors.Is(err, ErrNoCredential) {
			break
		}
		if err != nil {
			return err
		}
	}
	for n := count - 1; n >= 0; n-- {
		if err := k.removeItem(ctx, partName(key, slot, n)); err != nil {
			return err
		}
	}
	return nil
}

func sum(s string) string {
	b := sha256.Sum256([]byte(s))
	return hex.EncodeToString(b[:])
}
