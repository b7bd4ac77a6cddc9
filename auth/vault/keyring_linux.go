package vault

import (
	"context"

	"github.com/godbus/dbus/v5"
)

// itemLimit is 0: the Secret Service takes values of many megabytes.
const itemLimit = 0

// reachable reports whether there is a session bus. Without one go-keyring
// would have dbus-launch start one, which then outlives this process.
func reachable() error {
	conn, err := dbus.SessionBusPrivateNoAutoStartup()
	if err != nil {
		return err
	}
	return conn.Close()
}

// isLocked asks the Secret Service whether the collection that go-keyring
// uses is locked, which its error says in words only. Reading the property
// prompts nobody.
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
