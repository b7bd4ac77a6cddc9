package vault

import (
	"context"

	"github.com/godbus/dbus/v5"
)

// itemLimit is 0, for no limit: the Secret Service accepts values of many
// megabytes.
const itemLimit = 0

// reachable reports whether there is a session bus. Without one, go-keyring
// would start a bus with dbus-launch that outlives this process.
func reachable() error {
	conn, err := dbus.SessionBusPrivateNoAutoStartup()
	if err != nil {
		return err
	}
	return conn.Close()
}

// isLocked asks the Secret Service whether the collection of go-keyring is
// locked, which go-keyring reports only as text. Reading the property opens
// no prompt.
func isLocked(ctx context.Context, _ error) bool {
	conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return false
	}
	defer conn.Close()
	if conn.Auth(nil) != nil || conn.Hello() != nil {
		return false
	}
	for _, path := range []dbus.ObjectPath{
		"/org/freedesktop/secrets/collection/login",
		"/org/freedesktop/secrets/aliases/default",
	} {
		var locked bool
		err := conn.Object("org.freedesktop.secrets", path).CallWithContext(ctx,
			"org.freedesktop.DBus.Properties.Get", 0,
			"org.freedesktop.Secret.Collection", "Locked").Store(&locked)
		if err == nil {
			return locked
		}
	}
	return false
}
