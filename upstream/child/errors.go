package child

import (
	"errors"
	"fmt"
)

var (
	errNotExecutable = errors.New("is not executable")
	errIsDir         = errors.New("is a folder")
)

// A NotFoundError says that there is no program of that name in any of the
// folders, which are those of the child's own PATH, or the one of the path.
type NotFoundError struct {
	Command string
	Dirs    []string
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("command %q not found", e.Command)
}

// A WorkDirError says that [Config].Cwd is no folder.
type WorkDirError struct{ Dir string }

func (e *WorkDirError) Error() string {
	return fmt.Sprintf("there is no folder %q to start it in", e.Dir)
}
