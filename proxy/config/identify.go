package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// identify sets the server's ID. The decoded entry is hashed, so that comments,
// layout and the order of keys do not matter. Its placeholders are not
// substituted, so that the hash depends on no secret of the environment.
func (s *Server) identify() {
	state := "entry"
	switch {
	case s.Untrusted:
		state = "untrusted"
	case s.Problem != nil:
		state = s.Problem.Error()
	}
	canonical, err := json.Marshal([]any{s.Name, s.ProjectDir(), state, s.Entry})
	if err != nil {
		// Strings, numbers and maps of them always marshal.
		panic(err)
	}
	sum := sha256.Sum256(canonical)
	s.ID = hex.EncodeToString(sum[:16])
}
