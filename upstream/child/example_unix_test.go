//go:build unix

package child_test

import (
	"bufio"
	"fmt"

	"mcpproxy/upstream/child"
)

func ExampleStart() {
	guard := child.NewGuard()
	defer guard.Close()
	p, err := child.Start(child.Config{Command: "cat"}, guard, func(line string) string { return line }, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Stop(nil, nil)
	fmt.Fprintln(p.Stdin, `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
	line, err := bufio.NewReader(p.Stdout).ReadString('\n')
	fmt.Print(line, err, "\n")
	// Output:
	// {"jsonrpc":"2.0","id":1,"method":"ping"}
	// <nil>
}
