package mcptool

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"mcpproxy/upstream/raw"
)

// A Plain is a request for an upstream's tool that says so in the plainest way, with
// nothing to repair. Most requests are. It holds slices of what it was read from.
type Plain struct{ server, tool, arguments []byte }

// ReadPlain reads a plain request, which is valid JSON. It reports false for all
// others, which only [Parse] understands.
func ReadPlain(request json.RawMessage) (p Plain, ok bool) {
	var members [4][]byte
	ok = raw.PlainMembers(request, members[:], `"action"`, `"server"`, `"tool"`, `"arguments"`)
	if !ok || string(members[0]) != `"`+string(Call)+`"` {
		return p, false
	}
	p.server, ok = plainText(members[1])
	if !ok {
		return p, false
	}
	if p.tool, ok = plainText(members[2]); !ok {
		return p, false
	}
	if p.arguments = members[3]; p.arguments == nil {
		p.arguments = []byte("{}")
	}
	// A wrapper that is repeated may say anything.
	return p, raw.IsObject(p.arguments) && raw.Member(p.arguments, "action") == nil && raw.Member(p.arguments, "tool") == nil
}

// plainText returns the text of a JSON string that is written as it reads, and is
// not blank.
func plainText(written []byte) (text []byte, ok bool) {
	if len(written) <= len(`""`) || written[0] != '"' {
		return nil, false
	}
	text = written[1 : len(written)-1]
	return text, bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) && len(bytes.TrimSpace(text)) > 0
}

// Request is [Parse] for a plain request.
func (p Plain) Request(d Directory) (Request, error) {
	r := Request{Action: Call, Server: string(p.server), Tool: string(p.tool), Index: -1}
	if err := r.place(d); err != nil {
		return r, err
	}
	r.Arguments = p.arguments
	return r, nil
}
