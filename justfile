# Without just: every recipe is plain shell, and "npx -y rust-just@1.57.0 RECIPE" runs it too.

# List the recipes.
default:
    @just --list

# Format, vet on three systems, staticcheck, race detector.
check:
    .ci/check
    go test -race ./auth/... ./catalog/... ./cmd/... ./proxy/... ./upstream/...

# All tests that need nothing but Go; the others say why they are skipped.
test *ARGS:
    go test {{ARGS}} ./...

# All tests of the built binary, with the real programs that they need.
e2e *ARGS: install
    E2E=require go test -v {{ARGS}} ./e2e

# The official conformance suite, client role, both requirement sets.
conformance: install
    E2E=require go test -v -run '^TestConformance$' ./e2e

# Real hosts: the Inspector, Claude Code, Codex.
hosts: install
    E2E=require go test -v -run '^Test(Inspector|ClaudeCode|Codex)$' ./e2e

# The operating system's keyring, in a session of its own.
keyring: install
    E2E=require go test -v -run Keyring ./auth ./e2e

# Speed and memory beside the budgets, with their baselines of the same run.
bench *ARGS:
    go test -run '^$' -bench '^BenchmarkBudgets$' -benchtime 1x -timeout 30m {{ARGS}} ./e2e

# A CPU profile of the proxy while a group of the rows is measured, in GROUP.pprof: start, first, small, large, http or memory.
profile GROUP="small":
    PROFILE={{GROUP}} go test -run '^$' -bench '^BenchmarkBudgets$' -benchtime 1x -timeout 30m ./e2e
    go tool pprof -top -nodecount=25 {{GROUP}}.pprof

# The product in one minute, without configuration or network.
demo:
    go run ./cmd/proxy demo

# A hundred thousand random messages, compared byte by byte.
exact MESSAGES="100000":
    EXACT_MESSAGES={{MESSAGES}} go test -v -count 1 -run '^TestMessagesAreExact$' -timeout 60m ./proxy

# Minutes of faults at random, and a proxy killed fifty times.
soak SIZE="20x64x10000" KILLS="50":
    SOAK={{SIZE}} go test -v -count 1 -run '^TestSoak$' -timeout 60m ./upstream
    KILL_ROUNDS={{KILLS}} go test -v -count 1 -run '^TestKilledProxyLeavesNothing$' -timeout 60m ./upstream

# How well and how fast search_tools finds, in catalog/search/testdata or in DIR of the same form.
search-eval DIR="":
    SEARCH_EVAL_DIR="{{ if DIR == "" { "" } else { absolute_path(DIR) } }}" go test -v -count 1 -run '^TestSearchEval$' -bench '^Benchmark(Search|Build)$' ./catalog/search

# Each fuzz target for a while.
fuzz TIME="30s":
    #!/usr/bin/env bash
    set -euo pipefail
    for package in $(go list ./...); do
        for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
            go test -run '^$' -fuzz "^$target\$" -fuzztime {{TIME}} "$package"
        done
    done

# Install the pinned real programs.
install:
    .ci/install
