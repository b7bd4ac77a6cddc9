package child

import (
	"errors"
	"fmt"
)

var (
	errNotExecutable = errors.New("is not executable")
	errIsDir         = errors.New("is a folder")
)

// A NotFoundError says that a command was not found, and where it was looked for.
type NotFoundError struct {
	Command string
	Dirs    []string
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("command %q not found", e.Command)
}

// A WorkDirError says that the folder to start a command in is not there.
type WorkDirError struct{ Dir string }

func (e *WorkDirError) Error() string {
	return fmt.Sprintf("there is no folder %q to start it in", e.Dir)
}
