package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/upstream/raw"
)

// A toolPage is one page of tools as the upstream wrote it.
type toolPage struct {
	result json.RawMessage
	at     raw.Span   // of the list
	tools  []raw.Span // in the list
	marked []raw.Span // those of them that the SDK's session gets
}

func readToolPage(result json.RawMessage) toolPage {
	p := toolPage{result: result}
	start, end := raw.Find(result, "tools")
	if start < 0 {
		return p
	}
	p.at = raw.Span{Start: start, End: end}
	size := 0
	for at := range raw.Elements(p.at.In(result)) {
		p.tools = append(p.tools, at)
		if t := p.tool(at); isMarked(t) && size+len(t) < maxMarked {
			p.marked = append(p.marked, at)
			size += len(t)
		}
	}
	return p
}

func (p toolPage) tool(at raw.Span) []byte { return at.In(p.at.In(p.result)) }

// isMarked reports whether arguments of a tool may have to go into headers.
func isMarked(tool []byte) bool { return bytes.Contains(tool, []byte("x-mcp-header")) }

// maxMarked bounds the tools that the session gets, in bytes. It decodes them,
// which takes many times their size.
const maxMarked = 1 << 20

// list writes a list of tools.
func (p toolPage) list(tools []raw.Span) []byte {
	out := []byte{'['}
	for i, at := range tools {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, p.tool(at)...)
	}
	return append(out, ']')
}

// forSession returns a page of the tools that are marked. It has no lifetime,
// so that the session asks again the next time.
func (p toolPage) forSession() json.RawMessage {
	return append(append([]byte(`{"tools":`), p.list(p.marked)...), '}')
}

// without returns the result without the marked tools that are not valid.
func (p toolPage) without(valid []*mcp.Tool) json.RawMessage {
	var refused []raw.Span
	for _, at := range p.marked {
		var name string
		json.Unmarshal(raw.Member(p.tool(at), "name"), &name)
		if !slices.ContainsFunc(valid, func(v *mcp.Tool) bool { return v.Name == name }) {
			refused = append(refused, at)
		}
	}
	if refused == nil {
		return p.result
	}
	left := slices.DeleteFunc(slices.Clone(p.tools), func(at raw.Span) bool { return slices.Contains(refused, at) })
	return slices.Concat(p.result[:p.at.Start], p.list(left), p.result[p.at.End:])
}

// withEmptyCursor returns the request with an empty cursor in its params.
func withEmptyCursor(req *http.Request) (*http.Request, error) {
	body, err := io.ReadAll(req.Body)
	req.Body.Close()
	start, end := raw.Find(body, "params")
	if err != nil || start < 0 {
		return nil, errors.Join(err, errNoParams)
	}
	body = slices.Concat(body[:start], raw.Splice(body[start:end], `"cursor":""`), body[end:])
	req = req.Clone(req.Context())
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, err = req.GetBody()
	return req, err
}

var errNoParams = errors.New("a request without params")
