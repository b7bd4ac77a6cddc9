package host

import (
	"encoding/json"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A relayed result passes through the SDK as a key, a JSON number, which Write
// exchanges for the bytes themselves. The SDK writes every other result as an
// object, and no byte of an upstream's ever reaches it as a result, so a key
// cannot be forged. The embedded result is there for its methods.
type relayed struct {
	*mcp.CallToolResult
	raw  json.RawMessage
	conn *Conn
}

// Result returns a result that Write sends as exactly these bytes.
func (c *Conn) Result(raw json.RawMessage) mcp.Result {
	return &relayed{CallToolResult: &mcp.CallToolResult{}, raw: raw, conn: c}
}

// MarshalJSON keeps the bytes for Write. The SDK calls it once, and then writes
// the response unless the connection is at its end.
func (r *relayed) MarshalJSON() ([]byte, error) {
	c := r.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastKey++
	key := strconv.Itoa(c.lastKey)
	c.results[key] = r.raw
	return []byte(key), nil
}

// take returns the bytes that were kept under the key, or nil if result is no key.
func (c *Conn) take(result json.RawMessage) json.RawMessage {
	if len(result) == 0 || result[0] == '{' {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	raw := c.results[string(result)]
	delete(c.results, string(result))
	return raw
}
