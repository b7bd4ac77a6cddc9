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

// A value over the limit of one item is kept in parts. There are two slots for
// the parts of a key, and its item, the head, says which one holds. A new
// value is written to the other slot, then the head is switched, then the
// parts of the old are removed: after a crash at any point the head names
// a slot that is whole, and what is left over lies in the other slot, where
// the next change finds it. Within a slot, parts are written from the first on
// and removed from the last back, so that a slot without a first part is empty.
//
// A head is JSON, as is every value that a vault keeps; only a head has the
// member "parts".
type head struct {
	Parts int    `json:"parts"`
	Slot  int    `json:"slot"` // 0 or 1
	Sum   string `json:"sum"`  // SHA-256 of the value, hex: tells a torn read
}

func partName(key string, slot, n int) string {
	return fmt.Sprintf("%s%d.%d:%s", partSpace, slot, n, key)
}

// parseHead tells a head from a value that is kept in one item.
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
		// Another process may have replaced the value meanwhile; then the
		// head has changed too.
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

// join reads the parts that h names; they are whole if their sum is right.
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
	// The new value holds. Old parts that cannot be removed now are when the
	// slot's turn comes again.
	_ = k.clear(ctx, key, old.Slot)
	return nil
}

func (k *keyringStore) remove(ctx context.Context, key string) error {
	if err := k.removeItem(ctx, key); err != nil || k.limit == 0 {
		return err
	}
	return errors.Join(k.clear(ctx, key, 0), k.clear(ctx, key, 1))
}

// head returns the head of key; for a value without parts, one of slot 0.
func (k *keyringStore) head(ctx context.Context, key string) (head, error) {
	item, err := k.getItem(ctx, key)
	if errors.Is(err, ErrNoCredential) {
		return head{}, nil
	}
	h, _ := parseHead(item)
	return h, err
}

// clear removes the parts in a slot, from the last back.
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
