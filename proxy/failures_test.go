package proxy

import (
	"os"
	"testing"

	"mcpproxy/upstream/raw"
)

// A command for a script ends as soon as it has its answer; what it leaves
// is there for the next process, which forgets it when all is well again.
func TestFailuresAreRecordedAtOnceAndForgottenByOthers(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, nil)
	run := func(fn func(v *View)) {
		t.Helper()
		p := New(c.proxy.opts)
		defer p.Close()
		s := p.NewSession(c.opts)
		defer s.Close()
		fn(s.View(t.Context()))
	}
	program := c.file + ".exe"
	if err := os.WriteFile(program, []byte("no program"), 0o700); err != nil {
		t.Fatal(err)
	}
	c.write(`{"mcpServers": {"a": {"command": ` + raw.Quote(program) + `, "env": {"` + childMode + `": "raw"}}}}`)
	c.opts.Config = c.opts.Load()
	recorded := func() (e *LastError) {
		run(func(v *View) { e = v.Status(at(t, v, "a"))[0].LastError })
		return e
	}
	connect := func() (err error) {
		run(func(v *View) { _, err = v.Connect(t.Context(), at(t, v, "a")) })
		return err
	}
	if err := connect(); err == nil {
		t.Fatal("a file that is no program was started")
	}
	if e := recorded(); e == nil || e.Stage != "spawn" {
		t.Errorf("on record is %+v", e)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, program); err != nil {
		t.Skip("no symbolic links:", err)
	}
	if err := connect(); err != nil {
		t.Fatal(err)
	}
	if e := recorded(); e != nil {
		t.Errorf("still on record after a success: %+v", e)
	}
}
