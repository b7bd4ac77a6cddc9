package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
)

// A tb is what the harness needs of a test. The conformance driver, which is
// a program and no test, is one too.
type tb interface {
	Helper()
	Logf(format string, args ...any)
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Failed() bool
	Cleanup(func())
	Context() context.Context
	TempDir() string
}

// A program is the tb of a role of this binary: what fails is said on stderr.
type program struct {
	ctx      context.Context
	cleanups []func()
	failed   bool
}

// fatal is what a program panics with to unwind after Fatal.
type fatal struct{}

// runProgram runs f to its end or its first fatal failure, then the cleanups.
func runProgram(f func(tb)) (err error) {
	p := &program{ctx: context.Background()}
	defer func() {
		if r := recover(); r != nil && r != (fatal{}) {
			panic(r)
		}
		for _, c := range slices.Backward(p.cleanups) {
			c()
		}
		if p.failed {
			err = fmt.Errorf("failed")
		}
	}()
	f(p)
	return nil
}

func (p *program) Helper()                   {}
func (p *program) Logf(f string, a ...any)   { fmt.Fprintf(os.Stderr, f+"\n", a...) }
func (p *program) Errorf(f string, a ...any) { p.failed = true; p.Logf(f, a...) }
func (p *program) Fatalf(f string, a ...any) { p.Errorf(f, a...); panic(fatal{}) }
func (p *program) Error(a ...any)            { p.Errorf("%s", fmt.Sprint(a...)) }
func (p *program) Fatal(a ...any)            { p.Fatalf("%s", fmt.Sprint(a...)) }
func (p *program) Skipf(f string, a ...any)  { p.Fatalf(f, a...) }
func (p *program) Failed() bool              { return p.failed }
func (p *program) Cleanup(f func())          { p.cleanups = append(p.cleanups, f) }
func (p *program) Context() context.Context  { return p.ctx }

func (p *program) TempDir() string {
	dir, err := os.MkdirTemp("", "proxy-e2e-program-")
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
