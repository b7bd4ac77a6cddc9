//go:build !linux

package child

// Unread would return how many bytes of its stdin the program has not read yet,
// but the system does not tell at the end that is written to.
func (p *Process) Unread() (n int, ok bool) { return 0, false }
