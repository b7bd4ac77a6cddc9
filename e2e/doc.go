// Package e2e builds the binary and runs it as a host or a person would.
package e2e
