package vault

import (
	"context"
	"errors"
	"os/exec"
)

// itemLimit keeps the command that go-keyring sends to /usr/bin/security
// under 4,096 bytes: the value in base64, the longest key, and the rest.
const itemLimit = 2400

func reachable() error { return nil }

// isLocked knows two exit statuses of /usr/bin/security, the low bytes of
// errSecInteractionNotAllowed (-25308) and userCanceledErr (-128).
func isLocked(_ context.Context, err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && (exit.ExitCode() == 36 || exit.ExitCode() == 128)
}
