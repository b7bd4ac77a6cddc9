package raw

// An Envelope holds the members of a JSON-RPC message as they are written. Those
// that are absent are nil.
type Envelope struct{ ID, Method, Params, Result, Error []byte }

// Open finds the members of a message, which need not be valid JSON. Of one that
// stands twice the last counts, as in encoding/json.
func Open(message []byte) (e Envelope) {
	for key, at := range Members(message) {
		value := at.In(message)
		switch string(key) {
		case `"id"`:
			e.ID = value
		case `"method"`:
			e.Method = value
		case `"params"`:
			e.Params = value
		case `"result"`:
			e.Result = value
		case `"error"`:
			e.Error = value
		}
	}
	return e
}
