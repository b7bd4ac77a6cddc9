//go:build !race

package upstream

// raced says that the race detector is on, which takes memory of its own.
const raced = false
