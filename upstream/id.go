package upstream

import (
	"encoding/json"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/upstream/raw"
)

// firstID is the first of the integers that are the ids and progress tokens of
// raw requests. The SDK's session counts from 1 and never comes so far. They
// are integers of 31 bits, since there are servers that can hold no others and
// answer no strings.
const firstID = 1 << 30

// maxIDLength bounds, in bytes, an id or a progress token that is decoded.
const maxIDLength = 256

// formatID returns the n-th id of a connection, as it is written.
func formatID(n int64) string { return strconv.FormatInt(firstID+n%firstID, 10) }

// requestID returns id as the id of a message.
func requestID(id string) (jsonrpc.ID, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return jsonrpc.ID{}, err
	}
	return jsonrpc.MakeID(float64(n)) // exact up to 53 bits
}

// responseID returns the id of a response as an integer if the upstream gave it
// back as a string of the same digits, since no request of ours has a string.
func responseID(id jsonrpc.ID) jsonrpc.ID {
	if s, ok := id.Raw().(string); ok {
		if n, err := requestID(s); err == nil && strconv.FormatInt(n.Raw().(int64), 10) == s {
			return n
		}
	}
	return id
}

// rawID returns the id of a response as formatID wrote it, if it belongs to a
// raw request.
func rawID(id jsonrpc.ID) (string, bool) {
	n, ok := id.Raw().(int64)
	return strconv.FormatInt(n, 10), ok && n >= firstID
}

// progressToken returns the token of a progress notification for a raw request.
func progressToken(params json.RawMessage) (string, bool) {
	written := raw.Member(params, "progressToken")
	var token any
	if len(written) == 0 || len(written) > maxIDLength || json.Unmarshal(written, &token) != nil {
		return "", false
	}
	id, err := jsonrpc.MakeID(token)
	if err != nil {
		return "", false
	}
	return rawID(responseID(id))
}
