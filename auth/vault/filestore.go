package vault

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"

	"mcpproxy/auth/privatefile"
)

// A store keeps secrets by key. A change needs the write lock of the vault,
// reading does not. Errors are [ErrNoCredential], that of the context, or an
// [*Error] with its Reason.
type store interface {
	get(ctx context.Context, key string) ([]byte, error)
	set(ctx context.Context, key string, value []byte) error
	remove(ctx context.Context, key string) error // no error if there is none
}

// A fileStore keeps secrets, which are JSON values, in one private file. It
// is used only if the user asks for it, never as a fallback.
type fileStore struct{ path string }

func (s fileStore) get(_ context.Context, key string) ([]byte, error) {
	all, err := s.read()
	if err != nil {
		return nil, err
	}
	value, ok := all[key]
	if !ok {
		return nil, ErrNoCredential
	}
	return value, nil
}

// set sets a damaged file aside before it writes a new one, because the user
// may want what it still holds.
func (s fileStore) set(_ context.Context, key string, value []byte) error {
	all, err := s.read()
	if ReasonOf(err) == Damaged {
		all, err = nil, privatefile.SetAside(s.path)
	}
	if err != nil {
		return s.unavailable(err)
	}
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	all[key] = value
	return s.write(all)
}

func (s fileStore) remove(_ context.Context, key string) error {
	all, err := s.read()
	if err != nil {
		return err
	}
	if _, ok := all[key]; !ok {
		return nil
	}
	delete(all, key)
	return s.write(all)
}

func (s fileStore) read() (map[string]json.RawMessage, error) {
	b, err := privatefile.Read(s.path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, s.unavailable(err)
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(b, &all) != nil {
		// The error of the decoder could quote a secret.
		return nil, &Error{Reason: Damaged, File: s.path, Err: errNotJSON}
	}
	return all, nil
}

func (s fileStore) write(all map[string]json.RawMessage) error {
	b, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = privatefile.Replace(s.path, append(b, '\n'))
	}
	return s.unavailable(err)
}

func (s fileStore) unavailable(err error) error {
	if _, ok := errors.AsType[*Error](err); err == nil || ok {
		return err
	}
	return &Error{Reason: Unavailable, File: s.path, Err: err}
}

// maxFile is the limit of the credentials file and of the index, in bytes:
// 256 credentials of the maximum size.
const maxFile = 64 << 20

var errNotJSON = errors.New("not valid JSON")
