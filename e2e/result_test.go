package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A toolResult is a CallToolResult and the bytes that it came as.
type toolResult struct {
	t       tb
	raw     json.RawMessage
	IsError bool `json:"isError"`
	Content []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	} `json:"content"`
	Meta map[string]json.RawMessage `json:"_meta"`
}

func newToolResult(t tb, raw json.RawMessage) toolResult {
	t.Helper()
	r := toolResult{t: t, raw: raw}
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("not a tool result: %v\n%s", err, raw)
	}
	return r
}

// text joins the text blocks.
func (r toolResult) text() string {
	var b strings.Builder
	for _, c := range r.Content {
		b.WriteString(c.Text)
	}
	return b.String()
}

// ok demands that the call succeeded.
func (r toolResult) ok() toolResult {
	r.t.Helper()
	if r.IsError {
		r.t.Fatalf("the call failed: %s", r.raw)
	}
	return r
}

// into decodes the text, which must be one JSON document.
func (r toolResult) into(v any) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.text()), v); err != nil {
		r.t.Fatalf("%v in %s", err, r.raw)
	}
}

// A refusal is what the model is told when something did not work.
type refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Next    string `json:"next"`
	Stage   string `json:"stage"`
}

// refused demands an error with that code, a sentence and a way out.
func (r toolResult) refused(code string) refusal {
	r.t.Helper()
	var reply struct {
		Error refusal `json:"error"`
	}
	if !r.IsError {
		r.t.Fatalf("wanted %s, got %s", code, r.raw)
	}
	r.into(&reply)
	if reply.Error.Code != code || reply.Error.Message == "" || reply.Error.Next == "" {
		r.t.Fatalf("wanted code %s with a message and a next step, got %s", code, r.text())
	}
	return reply.Error
}

// members splits a JSON object into its members, in their order, each value
// in its own bytes.
func members(t tb, object json.RawMessage) (keys []string, values map[string]json.RawMessage) {
	t.Helper()
	values = map[string]json.RawMessage{}
	if err := json.Unmarshal(object, &values); err != nil {
		t.Fatalf("%v in %.300s", err, object)
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	depth := 0
	for {
		tok, err := dec.Token()
		if err != nil {
			return keys, values
		}
		switch d, _ := tok.(json.Delim); {
		case d == '{' || d == '[':
			depth++
		case d == '}' || d == ']':
			depth--
		case depth == 1:
			key := fmt.Sprint(tok)
			keys = append(keys, key)
			var skip json.RawMessage
			if err := dec.Decode(&skip); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// withoutWireMembers leaves out what may differ between what an upstream sent and
// what a host gets: 2026-07-28 demands resultType, and names the server in _meta.
func withoutWireMembers(t tb, object json.RawMessage) string {
	t.Helper()
	keys, values := members(t, object)
	var b strings.Builder
	for _, key := range keys {
		value := values[key]
		if key == "resultType" {
			continue
		}
		if key == "_meta" {
			inner, all := members(t, value)
			inner = slices.DeleteFunc(inner, func(k string) bool { return k == "io.modelcontextprotocol/serverInfo" })
			if len(inner) == 0 {
				continue
			}
			var m []string
			for _, k := range inner {
				m = append(m, fmt.Sprintf("%q:%s", k, all[k]))
			}
			value = json.RawMessage("{" + strings.Join(m, ",") + "}")
		}
		fmt.Fprintf(&b, "%s: %s\n", key, value)
	}
	return b.String()
}

// sameResult demands that two results are the same byte for byte, but for
// what the wire itself demands.
func sameResult(t tb, direct, proxied toolResult) {
	t.Helper()
	want, got := withoutWireMembers(t, direct.raw), withoutWireMembers(t, proxied.raw)
	if want != got {
		t.Errorf("a direct client gets\n%.2000s\nthrough the proxy it is\n%.2000s", want, got)
	}
}
