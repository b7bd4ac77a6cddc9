package e2e

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// waiting are the scored scenarios that need something which does not exist
// yet. One that passes must leave this list.
var waiting = map[string]string{
	"elicitation-sep1034-client-defaults": "elicitation is not relayed",
	"sep-2322-client-request-state":       "input_required results are not relayed",
}

// The official conformance suite judges the proxy as a client, through the mcp tool.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, revision := range []string{rev2025, rev2026} {
		t.Run(revision, func(t *testing.T) {
			t.Parallel()
			judge(t, revision)
		})
	}
}

func judge(t *testing.T, revision string) {
	suite := need(t, "conformance")
	s := newSandbox(t)
	scored := scoredScenarios(t, s.run("", suite, "list", "--requirements", revision).stdout)
	command := strings.Join([]string{self(t), "as-conformance-driver", binary(t)}, " ")
	client := func(args ...string) outcome { // the suite's own 30 s are too short for a busy machine
		return s.run("", suite, append([]string{"client", "--command", command, "--timeout", "90000"}, args...)...)
	}
	out := client("--requirements", revision, "-o", s.path("results"))
	verdicts := readVerdicts(t, s.path("results"))
	for _, scenario := range scored {
		v, reason := verdicts[scenario], waiting[scenario]
		if !v.good() && reason == "" {
			// The suite runs all scenarios at once, which alone makes a small machine
			// slower than what some of them wait for.
			t.Logf("%s failed beside all others, is judged alone: %s", scenario, strings.Join(v.failed, "\n"))
			alone := s.path("alone/" + scenario)
			client("--scenario", scenario, "--spec-version", revision, "-o", alone)
			v = verdict{}
			for _, of := range readVerdicts(t, alone) {
				v = of
			}
		}
		switch {
		case v.good() && reason != "":
			t.Errorf("%s passes: it no longer waits because %s", scenario, reason)
		case !v.good() && reason == "":
			t.Errorf("%s: %d checks passed, these did not:\n%s", scenario, v.passed, strings.Join(v.failed, "\n"))
		case !v.good():
			t.Logf("%s waits: %s", scenario, reason)
		}
	}
	if len(verdicts) == 0 {
		t.Logf("the suite says only %s", out.all())
	}
}

// scoredScenarios reads the client's part of the suite's own list, without
// the extensions that are never scored.
func scoredScenarios(t *testing.T, list string) (names []string) {
	_, list, _ = strings.Cut(list, "Client scenarios")
	list, _, _ = strings.Cut(list, "never scored")
	for _, m := range regexp.MustCompile(`(?m)^  - (\S+)$`).FindAllStringSubmatch(list, -1) {
		names = append(names, m[1])
	}
	if len(names) < 18 {
		t.Fatalf("the suite lists only %q", names)
	}
	return names
}

// A verdict is what the suite's checks of one scenario say.
type verdict struct {
	passed int
	failed []string // failures and warnings
}

// good reports whether all is well. A client that does nothing has no failures, so
// that at least one check must have passed.
func (v verdict) good() bool { return v.passed > 0 && len(v.failed) == 0 }

var stamp = regexp.MustCompile(`-\d{4}-\d\d-\d\dT[-\d]+Z$`)

func readVerdicts(t *testing.T, dir string) map[string]verdict {
	t.Helper()
	verdicts := map[string]verdict{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "checks.json" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var checks []struct{ ID, Status, Description, ErrorMessage string }
		if err := json.Unmarshal(text, &checks); err != nil {
			return err
		}
		name, err := filepath.Rel(dir, filepath.Dir(path))
		if err != nil {
			return err
		}
		name = stamp.ReplaceAllString(filepath.ToSlash(name), "")
		v := verdicts[name]
		for _, c := range checks {
			switch c.Status {
			case "SUCCESS":
				v.passed++
			case "FAILURE", "WARNING":
				v.failed = append(v.failed, strings.Join([]string{c.Status, c.ID, c.Description, c.ErrorMessage}, ": "))
			}
		}
		verdicts[name] = v
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return verdicts
}
