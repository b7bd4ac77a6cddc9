package upstream

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// An sseTransport is HTTP with SSE, the transport of 2024-11-05: messages come
// on one stream of events, whose event "endpoint" says where to POST ours.
type sseTransport struct {
	url    string
	client *http.Client
	redact func(string) string
}

// Connect opens the stream, which lives as long as ctx.
func (t sseTransport) Connect(ctx context.Context) (mcp.Connection, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, err
	}
	if err := choice(resp); err != nil {
		return nil, err
	}
	c := &sseConn{sseTransport: t, body: resp.Body, events: newEventReader(resp.Body, maxMessage)}
	if !isEventStream(resp) {
		return nil, refusalOf(resp, keep(resp), t.redact)
	}
	for e := (event{}); e.name != "endpoint"; {
		if e, err = c.events.next(); err != nil {
			resp.Body.Close()
			return nil, fmt.Errorf("no endpoint: %w", err)
		}
		c.endpoint = string(e.data)
	}
	to, err := resp.Request.URL.Parse(c.endpoint)
	if err != nil {
		resp.Body.Close()
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	c.endpoint = to.String()
	return c, nil
}

// An sseConn is the connection that comes of it.
type sseConn struct {
	sseTransport
	endpoint string
	body     io.ReadCloser
	events   *eventReader // for Read alone
	batch    [][]byte     // the rest of a batch, likewise
	once     sync.Once
}

func (c *sseConn) SessionID() string { return "" }

// Read returns the next message. It ends with the stream.
func (c *sseConn) Read(context.Context) (jsonrpc.Message, error) {
	for {
		for len(c.batch) > 0 {
			data := c.batch[0]
			c.batch = c.batch[1:]
			if m, err := decodeMessage(data); err == nil {
				return m, nil
			}
		}
		e, err := c.events.next()
		if err != nil {
			return nil, err
		}
		if e.name == "" || e.name == "message" {
			c.batch = messages(e.data)
		}
	}
}

// Write POSTs one message.
func (c *sseConn) Write(ctx context.Context, msg jsonrpc.Message) error {
	data, err := jsonrpc.EncodeMessage(msg)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	body := readRefusal(resp)
	if failed := errorIn(body); failed != nil {
		return failed
	}
	return refusalOf(resp, body[:min(len(body), maxRefusal)], c.redact)
}

func (c *sseConn) Close() error {
	c.once.Do(func() { c.body.Close() })
	return nil
}
