package host

import (
	"encoding/json"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A relayed result passes through the SDK as a key, a JSON number, and Write
// puts the bytes in its place. An upstream cannot forge a key, because the SDK
// writes every other result as an object.
type relayed struct {
	*mcp.CallToolResult // for the methods of a mcp.Result
	raw                 json.RawMessage
	conn                *Conn
}

// Result returns a result that [Conn.Write] sends as exactly these bytes, which
// must be one JSON object without line breaks. Only a byte that is not UTF-8
// becomes U+FFFD, when it is written.
func (c *Conn) Result(object json.RawMessage) mcp.Result {
	return &relayed{CallToolResult: &mcp.CallToolResult{}, raw: object, conn: c}
}

// MarshalJSON keeps the bytes for Write and returns their key. The SDK calls it
// once and then writes the response, unless the connection is closed.
func (r *relayed) MarshalJSON() ([]byte, error) {
	c := r.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastKey++
	key := strconv.Itoa(c.lastKey)
	c.results[key] = r.raw
	return []byte(key), nil
}

// takeResult removes and returns the bytes that were kept under a key. It
// returns nil if result is no key.
func (c *Conn) takeResult(result json.RawMessage) json.RawMessage {
	if len(result) == 0 || result[0] == '{' {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	raw := c.results[string(result)]
	delete(c.results, string(result))
	return raw
}
