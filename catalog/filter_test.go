package catalog_test

import (
	"strings"
	"testing"

	"mcpproxy/catalog"
)

func TestFilterAllows(t *testing.T) {
	t.Parallel()
	list := func(patterns string) []string { return strings.Fields(patterns) }
	for _, test := range []struct {
		include, exclude, tool string
		want                   bool
	}{
		{"", "", "anything", true},
		{"get_*", "", "get_user", true},
		{"get_*", "", "set_user", false},
		{"get_* list_*", "*_secret*", "list_secrets", false},
		{"get_* list_*", "*_secret*", "list_users", true},
		{"", "delete", "delete_all", true}, // a pattern matches the whole name
		{"", "*", "x", false},
		{"*", "", "files/read", true},
		{"files?read", "", "files/read", true},
		{"files[/:]read", "", "files/read", true},
		{"files/*", "", "files/a/b", true},
		{"Get_*", "", "get_x", false},
		{`a\*`, "", "a*", true},
		{`a\*`, "", "ab", false},
		{"[", "", "[", false}, // an invalid pattern never lets pass
		{"[ x", "", "x", true},
		{"", "[", "x", false},
	} {
		f := catalog.Filter{list(test.include), list(test.exclude)}
		if got := f.Allows(test.tool); got != test.want {
			t.Errorf("include %q exclude %q allows %q: %v", test.include, test.exclude, test.tool, got)
		}
	}
}

func TestFilterValidate(t *testing.T) {
	t.Parallel()
	if err := (catalog.Filter{[]string{"a*"}, []string{"[x-z]/?"}}).Validate(); err != nil {
		t.Error(err)
	}
	for want, f := range map[string]catalog.Filter{
		`include pattern "a[": syntax error in pattern`: {Include: []string{"ok", "a["}},
		`exclude pattern "": pattern is empty`:          {Exclude: []string{""}},
	} {
		if err := f.Validate(); err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
	if !(catalog.Filter{}).IsZero() || (catalog.Filter{Exclude: []string{"x"}}).IsZero() {
		t.Error("IsZero is wrong")
	}
}
