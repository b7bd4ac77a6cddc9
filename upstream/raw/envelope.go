package raw

import "bytes"

// An Envelope holds the members of a JSON-RPC message as they are written. Those
// that are absent are nil.
type Envelope struct{ ID, Method, Params, Result, Error []byte }

// Open finds the members of a message, which need not be valid JSON. Of one that
// stands twice the last counts, as in encoding/json.
func Open(message []byte) (e Envelope) {
	for key, at := range Members(message) {
		e.set(key, at.In(message))
	}
	return e
}

// set sets the member with a key as it is written, of which more than the quotes
// may be given.
func (e *Envelope) set(key, value []byte) {
	switch {
	case bytes.HasPrefix(key, []byte(`"id"`)):
		e.ID = value
	case bytes.HasPrefix(key, []byte(`"method"`)):
		e.Method = value
	case bytes.HasPrefix(key, []byte(`"params"`)):
		e.Params = value
	case bytes.HasPrefix(key, []byte(`"result"`)):
		e.Result = value
	case bytes.HasPrefix(key, []byte(`"error"`)):
		e.Error = value
	}
}
