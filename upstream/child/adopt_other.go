//go:build unix && !linux

package child

// adoption does nothing where a process cannot take over orphans.
type adoption struct{}

var orphans adoption

func (adoption) join()       {}
func (adoption) leave()      {}
func (adoption) started(int) {}
func (adoption) ended(int)   {}
