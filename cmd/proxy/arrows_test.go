package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed lists, per package of this module, which others it may import. The
// leaves (catalog, upstream, auth) know nothing of one another, only of the ground, so that each
// can be read, tested and replaced alone: upstream meets auth only through the
// SDK's own OAuthHandler. A name that ends in "…" stands for all packages below.
var allowed = map[string][]string{
	// The ground, which imports nothing of ours.
	"catalog/clean":     nil,
	"catalog/rawjson":   nil,
	"catalog/re2":       nil,
	"upstream/raw":      nil,
	"upstream/child":    nil,
	"upstream/httpfail": nil,
	"auth/privatefile":  nil,
	"auth/authtest":     nil,

	"upstream/httpfail/resettest": nil, // for tests

	"catalog/names":  {"catalog/clean"},
	"proxy/redact":   {"catalog/clean"},
	"catalog/schema": {"catalog/clean", "catalog/names", "catalog/rawjson", "catalog/re2"},
	"catalog":        {"catalog/clean", "catalog/rawjson", "catalog/schema"},
	"catalog/search": {"catalog"},

	"upstream": {"upstream/child", "upstream/httpfail", "upstream/raw"},

	"auth/egress": {"upstream/httpfail"},
	"auth/vault":  {"auth/privatefile"},
	"auth":        {"auth/egress", "auth/vault", "upstream/httpfail"},

	"proxy/config":  {"auth", "auth/privatefile", "catalog", "catalog/names", "proxy/redact", "upstream"},
	"proxy/mcptool": {"catalog", "catalog/clean", "catalog/names", "upstream/raw"},
	"proxy/results": {"auth/privatefile", "catalog/clean", "catalog/re2", "proxy/mcptool", "proxy/results/jmespath", "upstream/raw"},
	"proxy/host":    {"upstream/raw"},

	"proxy/results/jmespath": {"catalog/rawjson", "upstream/raw"},

	"proxy": {
		"auth…", "catalog…", "upstream…",
		"proxy/config", "proxy/host", "proxy/mcptool", "proxy/redact", "proxy/results",
	},

	"cmd/proxy/demo": {"auth/authtest"},
	"cmd/proxy":      {"auth…", "catalog…", "upstream…", "proxy…", "cmd/proxy/demo"},
	"e2e":            {"auth/authtest"},
}

// testsMay lists what the tests of a package may import beside that.
var testsMay = map[string][]string{
	"auth":           {"auth/authtest", "auth/privatefile"},
	"proxy":          {"auth/authtest"},
	"catalog/schema": {"catalog"},

	"auth/egress":       {"upstream/httpfail/resettest"},
	"upstream":          {"upstream/httpfail/resettest"},
	"upstream/httpfail": {"upstream/httpfail/resettest"},
}

// permits reports whether the list has the package, or all that is below it.
func permits(list []string, pkg string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		below, all := strings.CutSuffix(entry, "…")
		return entry == pkg || all && (pkg == below || strings.HasPrefix(pkg, below+"/")) && !strings.HasSuffix(pkg, "test")
	})
}

func TestImportArrows(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"linux", "darwin", "windows"} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			checkArrows(t, system)
		})
	}
}

// checkArrows checks the files that are built for one operating system.
func checkArrows(t *testing.T, system string) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "mcpproxy/...")
	cmd.Env = append(os.Environ(), "GOOS="+system)
	out, err := cmd.Output()
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
		name := strings.TrimPrefix(p.ImportPath, "mcpproxy/")
		may, known := allowed[name]
		if !known {
			t.Errorf("package %s is not in the table of packages: add it there first", name)
			continue
		}
		check := func(kind string, imports, may []string) {
			for _, i := range imports {
				of, ours := strings.CutPrefix(i, "mcpproxy/")
				if ours && of != name && !permits(may, of) {
					t.Errorf("%s imports %s%s", name, of, kind)
				}
			}
		}
		check("", p.Imports, may)
		may = append(slices.Clone(may), testsMay[name]...)
		check(" in a test", p.TestImports, may)
		check(" in a test", p.XTestImports, may)
	}
}
