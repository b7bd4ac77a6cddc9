package proxy

import (
	"encoding/json"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A relayed result passes through the SDK as a ticket, a JSON number, which
// Write exchanges for the bytes themselves. The SDK writes every other result
// as an object, and no byte of an upstream's ever reaches it as a result, so
// a ticket cannot be forged. The embedded result is there for its methods.
type relayed struct {
	*mcp.CallToolResult
	raw  json.RawMessage
	conn *hostConn
}

// MarshalJSON deposits the bytes. The SDK calls it once, and then writes the
// response unless the connection is at its end.
func (r *relayed) MarshalJSON() ([]byte, error) {
	c := r.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	ticket := strconv.Itoa(c.last)
	c.tickets[ticket] = r.raw
	return []byte(ticket), nil
}

// redeem returns what was deposited for the ticket, or nil if result is none.
func (c *hostConn) redeem(result json.RawMessage) json.RawMessage {
	if len(result) == 0 || result[0] == '{' {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	raw := c.tickets[string(result)]
	delete(c.tickets, string(result))
	return raw
}
