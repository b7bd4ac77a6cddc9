package config_test

import (
	"errors"
	"testing"

	"mcpproxy/proxy/config"
)

func TestUsable(t *testing.T) {
	t.Parallel()
	c := newClone(t, `{"mcpServers": {"new": {"command": "x"}}}`)
	write(t, `{"mcpServers": {"good": {"command": "x"}, "off": {"command": "x", "disabled": true}, "bad": {"comand": "x"}}}`, c.Global)
	all := config.Load(c.LoadOptions)
	if err := all.Server("good").Usable(); err != nil {
		t.Errorf("good: %v", err)
	}
	err := all.Server("off").Usable()
	if e, ok := errors.AsType[*config.DisabledError](err); !ok || e.Server != "off" || e.File != c.Global {
		t.Errorf("off: %v", err)
	}
	err = all.Server("new").Usable()
	if e, ok := errors.AsType[*config.UntrustedError](err); !ok || e.Server != "new" || e.Dir != c.Dir {
		t.Errorf("new: %v", err)
	}
	err = all.Server("bad").Usable()
	if e, ok := errors.AsType[*config.EntryError](err); !ok || e.Server != "bad" {
		t.Errorf("bad: %v", err)
	}
	if p, ok := errors.AsType[*config.Problem](err); !ok || p != all.Server("bad").Problem {
		t.Errorf("bad does not give its problem: %v", err)
	}
}
