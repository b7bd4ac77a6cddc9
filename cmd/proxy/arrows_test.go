package main

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed lists, per package of this module, which others it may import. The
// leaves know nothing of one another: upstream meets auth only through the
// SDK's own OAuthHandler, so that each can be read, tested and replaced alone.
var allowed = map[string][]string{
	"mcpproxy/catalog":       nil,
	"mcpproxy/upstream":      nil,
	"mcpproxy/auth":          nil,
	"mcpproxy/auth/authtest": nil,
	"mcpproxy/proxy":         {"mcpproxy/catalog", "mcpproxy/upstream", "mcpproxy/auth"},
	"mcpproxy/cmd/proxy":     {"mcpproxy/proxy", "mcpproxy/catalog", "mcpproxy/upstream", "mcpproxy/auth", "mcpproxy/auth/authtest"},
	"mcpproxy/e2e":           {"mcpproxy/auth/authtest"},
}

// testsMay lists what the tests of a package may import beside that.
var testsMay = map[string][]string{
	"mcpproxy/auth":  {"mcpproxy/auth/authtest"},
	"mcpproxy/proxy": {"mcpproxy/auth/authtest"},
}

func TestImportArrows(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "mcpproxy/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for dec.More() {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		may, known := allowed[p.ImportPath]
		if !known {
			t.Errorf("package %s is not in the drawing of packages: add it there first", p.ImportPath)
			continue
		}
		check := func(kind string, imports, may []string) {
			for _, i := range imports {
				if strings.HasPrefix(i, "mcpproxy/") && i != p.ImportPath && !slices.Contains(may, i) {
					t.Errorf("%s imports %s%s", p.ImportPath, i, kind)
				}
			}
		}
		check("", p.Imports, may)
		may = append(slices.Clone(may), testsMay[p.ImportPath]...)
		check(" in a test", p.TestImports, may)
		check(" in a test", p.XTestImports, may)
	}
}
