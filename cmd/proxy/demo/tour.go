package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// takeSteps takes the steps in order.
func (t *tour) takeSteps(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		t.oneTool, t.listServers, t.listTools, t.describeTool, t.search, t.calls, t.mistake,
		t.needsLogin, t.logIn, t.refreshed, t.nothingLeft,
	} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("step %d: %w", t.step, err)
		}
	}
	return nil
}

func (t *tour) oneTool(ctx context.Context) error {
	t.title("The model is shown one tool, whatever the number of servers")
	tools, err := t.host.ListTools(ctx, nil)
	if err != nil {
		return err
	}
	if len(tools.Tools) != 1 || tools.Tools[0].Name != "mcp" {
		return fmt.Errorf("the host sees %d tools, want the one named mcp", len(tools.Tools))
	}
	definition, err := json.Marshal(tools.Tools[0])
	if err != nil {
		return err
	}
	t.note("tools: mcp, %d characters in all", len(definition))
	return nil
}

func (t *tour) listServers(ctx context.Context) error {
	t.title("It asks which servers there are; that starts none of them")
	text, err := t.ask(ctx, `{"action":"list_servers"}`, false)
	if err != nil {
		return err
	}
	return expect(text, `"notes"`, `"units"`, `"diary"`, `"idle"`)
}

func (t *tour) listTools(ctx context.Context) error {
	t.title("It asks for the tools of one; now that one is started")
	text, err := t.ask(ctx, `{"action":"list_tools","server":"notes"}`, false)
	if err != nil {
		return err
	}
	return expect(text, "search_notes", "add_note(text)")
}

func (t *tour) describeTool(ctx context.Context) error {
	t.title("It reads the schema of one tool, byte for byte as the server wrote it")
	text, err := t.ask(ctx, `{"action":"describe_tool","server":"notes","tool":"add_note"}`, false)
	if err != nil {
		return err
	}
	return expect(text, `"input_schema"`, "what to note")
}

func (t *tour) search(ctx context.Context) error {
	t.title("It searches all servers in plain words; the one that wants a login is named")
	text, err := t.ask(ctx, `{"action":"search_tools","query":"convert a temperature","limit":1}`, false)
	if err != nil {
		return err
	}
	return expect(text, "to_fahrenheit(celsius: number)", `"unavailable":[{"server":"diary"`)
}

func (t *tour) calls(ctx context.Context) error {
	t.title("It calls a tool of the child process, and one of the HTTP service")
	text, err := t.ask(ctx, `{"action":"call","server":"notes","tool":"search_notes","arguments":{"query":"key"}}`, false)
	if err == nil {
		err = expect(text, "The spare key is with Ada.")
	}
	if err != nil {
		return err
	}
	text, err = t.ask(ctx, `{"action":"call","server":"units","tool":"to_fahrenheit","arguments":{"celsius":21.5}}`, false)
	if err != nil {
		return err
	}
	return expect(text, "70.7")
}

func (t *tour) mistake(ctx context.Context) error {
	t.title("It makes a mistake, and is told the way out")
	text, err := t.ask(ctx, `{"action":"call","server":"notes","tool":"add_notes","arguments":{"text":"milk"}}`, true)
	if err != nil {
		return err
	}
	return expect(text, `"unknown_tool"`, `"next"`, "add_note")
}

// nothingLeft ends the proxy as a host does, by closing its stdin, and looks
// for the child that it had started.
func (t *tour) nothingLeft(ctx context.Context) error {
	t.title("The host closes the proxy's stdin: nothing is left running")
	res, err := t.call(ctx, `{"action":"call","server":"notes","tool":"process_id"}`)
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(textOf(res))
	if err != nil {
		return err
	}
	if !processAlive(pid) {
		return fmt.Errorf("process %d of the notes server is not there while it is connected", pid)
	}
	if err := t.host.Close(); err != nil {
		return err
	}
	for deadline := time.Now().Add(5 * time.Second); processAlive(pid); {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d of the notes server is still there", pid)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.note("process %d of the notes server is gone, and the proxy with it", pid)
	return nil
}
