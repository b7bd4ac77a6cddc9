package child

import "golang.org/x/sys/unix"

// Unread returns how many bytes of its stdin the program has not read yet. ok is
// false where that is not known.
func (p *Process) Unread() (n int, ok bool) {
	c, err := p.Stdin.SyscallConn()
	if err != nil {
		return 0, false
	}
	var failed error
	err = c.Control(func(fd uintptr) { n, failed = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	return n, err == nil && failed == nil
}
