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
	run := func(fn func(p *Proxy)) {
		t.Helper()
		p := New(c.opts)
		defer p.Close()
		fn(p)
	}
	program := c.file + ".exe"
	if err := os.WriteFile(program, []byte("no program"), 0o700); err != nil {
		t.Fatal(err)
	}
	c.write(`{"mcpServers": {"a": {"command": ` + raw.Quote(program) + `, "env": {"` + childMode + `": "raw"}}}}`)
	c.opts.Config = c.opts.Load()
	recorded := func() (e *LastError) {
		run(func(p *Proxy) {
			list, err := p.Status("a")
			if err != nil {
				t.Fatal(err)
			}
			e = list.Servers[0].LastError
		})
		return e
	}
	connect := func() (err error) {
		run(func(p *Proxy) { _, err = p.Connect(t.Context(), "a") })
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
