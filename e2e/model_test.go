package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A scriptedModel answers an agent's requests as a language model would: it
// calls the one tool named mcp with the next arguments of its script, and at
// the script's end says what the last call returned. It speaks the Messages
// API for Claude Code and the Responses API for Codex.
type scriptedModel struct {
	url    string
	script []string // arguments of mcp, as JSON

	mu    sync.Mutex
	tools []string // what the host offered the model at its first real turn, as JSON
}

func newScriptedModel(t testing.TB, script ...string) *scriptedModel {
	m := &scriptedModel{script: script}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/messages", m.messages)
	mux.HandleFunc("POST /v1/responses", m.responses)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

// events writes server-sent events, each an object with its type.
func events(w http.ResponseWriter, list ...entry) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, e := range list {
		data, _ := json.Marshal(e)
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", e["type"], data)
	}
}

func (m *scriptedModel) offered(tool json.RawMessage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tools = append(m.tools, string(tool))
}

// next is the model's decision: arguments of a call, or what it says at last.
func (m *scriptedModel) next(results []string) (arguments, say string) {
	if len(results) < len(m.script) {
		return m.script[len(results)], ""
	}
	return "", "TOOL SAID: " + results[len(results)-1]
}

func (m *scriptedModel) messages(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Tools    []json.RawMessage
		Messages []struct{ Content json.RawMessage }
	}
	body, _ := io.ReadAll(r.Body)
	json.Unmarshal(body, &request)
	var results []string
	for _, msg := range request.Messages {
		var blocks []struct {
			Type    string
			Content json.RawMessage
		}
		if json.Unmarshal(msg.Content, &blocks) != nil {
			continue
		}
		for _, b := range blocks {
			if b.Type == "tool_result" {
				results = append(results, string(b.Content))
			}
		}
	}
	name := ""
	for _, tool := range request.Tools {
		var t struct{ Name string }
		if json.Unmarshal(tool, &t); strings.HasSuffix(t.Name, "__mcp") {
			name = t.Name
			m.offered(tool)
		}
	}
	block, stop := entry{"type": "text", "text": ""}, "end_turn"
	delta := entry{"type": "text_delta", "text": "no tool named mcp is offered"}
	if arguments, say := m.next(results); say != "" {
		delta["text"] = say
	} else if name != "" {
		block = entry{"type": "tool_use", "id": fmt.Sprintf("toolu_%d", len(results)), "name": name, "input": entry{}}
		delta, stop = entry{"type": "input_json_delta", "partial_json": arguments}, "tool_use"
	}
	usage := entry{"input_tokens": 1, "output_tokens": 1}
	events(w,
		entry{"type": "message_start", "message": entry{"id": "msg_1", "type": "message", "role": "assistant", "model": "stub", "content": []int{}, "usage": usage}},
		entry{"type": "content_block_start", "index": 0, "content_block": block},
		entry{"type": "content_block_delta", "index": 0, "delta": delta},
		entry{"type": "content_block_stop", "index": 0},
		entry{"type": "message_delta", "delta": entry{"stop_reason": stop}, "usage": usage},
		entry{"type": "message_stop"},
	)
}

func (m *scriptedModel) responses(w http.ResponseWriter, r *http.Request) {
	type tool struct{ Type, Name string }
	var request struct {
		Tools []json.RawMessage
		Input []struct {
			Type   string
			Output json.RawMessage
		}
	}
	body, _ := io.ReadAll(r.Body)
	json.Unmarshal(body, &request)
	var results []string
	for _, item := range request.Input {
		if item.Type == "function_call_output" {
			results = append(results, string(item.Output))
		}
	}
	namespace, name := "", ""
	for _, raw := range request.Tools {
		var group struct {
			tool
			Tools []tool
		}
		json.Unmarshal(raw, &group)
		for _, t := range group.Tools {
			if t.Name == "mcp" {
				namespace, name = group.Name, t.Name
				m.offered(raw)
			}
		}
	}
	text := entry{"type": "output_text", "text": "no tool named mcp is offered"}
	item := entry{"type": "message", "role": "assistant", "id": "msg_1", "content": []entry{text}}
	if arguments, say := m.next(results); say != "" {
		text["text"] = say
	} else if name != "" {
		item = entry{"type": "function_call", "call_id": fmt.Sprintf("call_%d", len(results)), "namespace": namespace, "name": name, "arguments": arguments}
	}
	usage := entry{"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
	events(w,
		entry{"type": "response.created", "response": entry{"id": "resp_1"}},
		entry{"type": "response.output_item.done", "item": item},
		entry{"type": "response.completed", "response": entry{"id": "resp_1", "usage": usage}},
	)
}
