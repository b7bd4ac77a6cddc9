// Command proxy is a local MCP server that stands in front of all others.
package main

func main() {}
