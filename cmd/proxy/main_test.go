package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"
)

// What the test binary is when it is started again.
const (
	beProxy    = "PROXY_TEST_MAIN"  // the program itself
	beUpstream = "PROXY_TEST_TOOLS" // an upstream that offers the tools in that file
	startLog   = "PROXY_TEST_LOG"   // where such an upstream writes a line when it starts
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(beUpstream) != "":
		if err := fakeUpstream(os.Getenv(beUpstream), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case os.Getenv(beProxy) != "":
		main()
	default:
		os.Exit(m.Run())
	}
}

// fakeUpstream answers as a small server does. Its file is a JSON array of
// descriptors. Whatever tool is called returns 5 MiB of JSON.
func fakeUpstream(file string, in io.Reader, out io.Writer) error {
	tools, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if log := os.Getenv(startLog); log != "" {
		f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		fmt.Fprintln(f, file)
		f.Close()
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var req struct {
			ID     json.RawMessage
			Method string
		}
		if json.Unmarshal(lines.Bytes(), &req) != nil || req.ID == nil {
			continue
		}
		result := ""
		switch req.Method {
		case "initialize":
			result = `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"fake","version":"1"}}`
		case "tools/list":
			result = `{"tools":` + string(tools) + `}`
		case "tools/call":
			result = `{"content":[` + largeBlock + `]}`
		default:
			fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}`+"\n", req.ID)
			continue
		}
		fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", req.ID, result)
	}
	return lines.Err()
}
