package vault

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// insideVar tells the test binary which keyring it runs in. TestKeyringReal
// sets it; set it to "unlocked" to use a Secret Service of your own.
const insideVar = "PROXY_TEST_KEYRING"

// TestKeyringReal runs TestKeyringInside in D-Bus sessions of its own with a
// real gnome-keyring and a temporary home: unlocked, locked, and without a
// bus.
func TestKeyringReal(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"dbus-run-session", "gnome-keyring-daemon", "secret-tool"} {
		if _, err := exec.LookPath(program); err != nil {
			const how = "apt-get install --no-install-recommends gnome-keyring dbus dbus-daemon libsecret-tools"
			if os.Getenv("E2E") == "require" {
				t.Fatal(how)
			}
			t.Skip(program + " is not installed: " + how)
		}
	}
	home := t.TempDir()
	const inside = `"$0" -test.v -test.run='^TestKeyringInside$'`
	inBus := func(keyring string) []string {
		return []string{"dbus-run-session", "--", "sh", "-c", keyring + ` --components=secrets --daemonize >/dev/null && exec ` + inside}
	}
	for _, c := range []struct {
		state   string
		command []string
	}{
		{"unlocked", inBus(`printf 'test\n' | gnome-keyring-daemon --unlock`)},
		{"locked", inBus(`gnome-keyring-daemon --start`)},
		{"no bus", []string{"sh", "-c", "exec " + inside}},
	} {
		cmd := exec.CommandContext(t.Context(), c.command[0], append(c.command[1:], os.Args[0])...)
		cmd.Env = []string{
			insideVar + "=" + c.state, "PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_RUNTIME_DIR=" + home,
			"DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(home, "none"),
		}
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: TestKeyringInside")) {
			t.Errorf("%s: %v\n%s", c.state, err, out)
		}
	}
	findSecret(t, home)
}

const canary = "canary-of-the-real-keyring"

// findSecret searches all files under dir for the canary in clear.
func findSecret(t *testing.T, dir string) {
	t.Helper()
	keyrings := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(canary)) {
			t.Errorf("%s contains a token in clear", path)
		}
		if strings.HasSuffix(path, ".keyring") {
			keyrings++
		}
		return err
	})
	if err != nil || keyrings == 0 {
		t.Errorf("%d keyring files searched, %v", keyrings, err)
	}
}

func TestKeyringInside(t *testing.T) {
	t.Parallel()
	key := Key("acme", "")
	options := Options{StateDir: filepath.Join(os.Getenv("HOME"), "state"), Service: "proxy-test", Log: testLog(t)}
	start := time.Now()
	switch os.Getenv(insideVar) {
	case "unlocked":
		useKeyring(t, options, key)
	case "locked":
		expectReason(t, Open(options), key, Locked)
	case "no bus":
		expectReason(t, Open(options), key, Unavailable)
	default:
		t.Skip("run by TestKeyringReal; or set " + insideVar + "=unlocked in a D-Bus session of your own")
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func useKeyring(t *testing.T, o Options, key string) {
	v := Open(o)
	if _, err := v.Get(t.Context(), key); !errors.Is(err, ErrNoCredential) {
		t.Fatalf("an empty keyring: %v", err)
	}
	big := canary + strings.Repeat("x", 100_000)
	for _, token := range []string{canary, big} {
		if _, err := v.Put(t.Context(), key, Record{AccessToken: token}); err != nil {
			t.Fatal(err)
		}
		if r, err := Open(o).Get(t.Context(), key); err != nil || r.AccessToken != token {
			t.Errorf("another process gets %d bytes, %v", len(r.AccessToken), err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "secret-tool", "lookup", "service", o.Service, "username", key).Output()
	if r, decodeErr := decodeRecord(out); err != nil || decodeErr != nil || r.AccessToken != big {
		t.Errorf("secret-tool finds %d bytes, %v", len(out), err)
	}
	if err := v.Delete(t.Context(), key); err != nil {
		t.Error(err)
	}
	if _, err := v.Reload(t.Context(), key); !errors.Is(err, ErrNoCredential) {
		t.Errorf("after deletion: %v", err)
	}
	// Leave a credential for the runs with a locked or missing keyring.
	if _, err := v.Put(t.Context(), key, Record{AccessToken: canary}); err != nil {
		t.Error(err)
	}
}

// expectReason expects each operation to fail for that reason, and the index
// to list the credential.
func expectReason(t *testing.T, v *Vault, key string, reason Reason) {
	t.Helper()
	_, getErr := v.Get(t.Context(), key)
	_, putErr := v.Put(t.Context(), key, Record{AccessToken: canary})
	for op, err := range map[Op]error{OpGet: getErr, OpPut: putErr, OpDelete: v.Delete(t.Context(), key)} {
		if e, ok := errors.AsType[*Error](err); !ok || e.Reason != reason || e.Op != op || e.Store != StoreKeyring {
			t.Errorf("%s: %v, want reason %q", op, err, reason)
		}
	}
	if ix, err := v.Index(); err != nil || len(ix.Credentials) != 1 {
		t.Errorf("the index lists %v, %v", ix.Credentials, err)
	}
}
