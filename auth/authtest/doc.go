// Package authtest is a small OAuth authorization server for tests and the
// demo, with switches for the faults that real ones show.
package authtest
