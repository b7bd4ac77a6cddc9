package config_test

import (
	"fmt"
	"strings"
	"testing"
)

// What another host would have substituted is named, and never passed on.
func TestForeignPlaceholdersAreNamed(t *testing.T) {
	t.Parallel()
	named := func(text, name string) string {
		fix := `, or ${env:NONE:-` + text + `} for the text itself`
		if strings.HasPrefix(text, "{") {
			fix = `, whose value may be such a text`
		}
		return `has ` + text + ` in "env.K", which would be passed on as it is | write ${env:` + name + `}` + fix
	}
	for text, want := range map[string]string{
		`"${API_KEY}"`:                  `has ${API_KEY} in "env.K", which would be passed on as it is | write ${env:API_KEY}, or $${API_KEY} for the text itself`,
		`"a ${API_KEY:-hush-hush} b"`:   `has ${API_KEY} in "env.K", which would be passed on as it is | write ${env:API_KEY}, or $${API_KEY} for the text itself`,
		`"Bearer ${input:key}"`:         `has ${input:key} in "env.K", which would be passed on as it is | only ${env:NAME} is substituted; for the text itself write $${input:key}`,
		`"${env:A} ${workspaceFolder}"`: `has ${workspaceFolder} in "env.K", which would be passed on as it is | only ${env:NAME} is substituted; for the text itself write $${workspaceFolder}`,
		`"${{ secrets.X }}"`:            `has ${…} in "env.K", which would be passed on as it is | only ${env:NAME} is substituted; for the text itself write $${…}`,
		`"{env:API_KEY}"`:               named("{env:API_KEY}", "API_KEY"),
		`"Bearer {env:API_KEY}!"`:       named("{env:API_KEY}", "API_KEY"),
		`"{file:~/key}"`:                `has {file:~/key} in "env.K", which would be passed on as it is | only ${env:NAME} is substituted, whose value may be such a text`,
		`"$API_KEY"`:                    named("$API_KEY", "API_KEY"),
		`"$env:API_KEY"`:                named("$env:API_KEY", "API_KEY"),
		`"Bearer $API_KEY"`:             named("$API_KEY", "API_KEY"),
		`"%API_KEY%"`:                   named("%API_KEY%", "API_KEY"),
		`"$${API_KEY}"`:                 "",
		`"$${env:API_KEY}"`:             "",
		`"${1} $x ${"`:                  "",
		`"pa$$WORD"`:                    "",
		`"$HOME/x"`:                     "",
		`"pa$WORD"`:                     "",
		`"$3cret$"`:                     "",
		`"$ecret"`:                      "",
		`"$"`:                           "",
		`"100%"`:                        "",
		`"%20%"`:                        "",
		`"a%API_KEY%"`:                  "",
		`"{\"env\": {}}"`:               "",
		`"{env: 3}"`:                    "",
		`"${env:NONE:-$API_KEY}"`:       "",
	} {
		got := problems(loadText(t, `{"mcpServers": {"a": {"command": "x", "description": "costs ${price}", "env": {"K": `+text+`}}}}`))
		if want != "" {
			want = `1: server "a" ` + want
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}

// A variable at the start of a path is no folder. An argument may be a line for
// a shell.
func TestForeignPathsAreNamed(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]string{
		`{"command": "$HOME/bin/x"}`:                            "$HOME command",
		`{"command": "x", "cwd": "%APPDATA%\\x"}`:               "%APPDATA% cwd",
		`{"command": "x", "cwd": "$HOME"}`:                      "$HOME cwd",
		`{"command": "/opt/$HOME/x", "cwd": "a$B/c"}`:           "",
		`{"command": "sh", "args": ["-c", "$HOME/bin/x $API"]}`: "",
		`{"command": "sh", "args": ["$HOME"]}`:                  "$HOME args[0]",
	} {
		got := problems(loadText(t, `{"mcpServers": {"a": `+entry+`}}`))
		text, field, _ := strings.Cut(want, " ")
		if want == "" && got != "" || !strings.HasPrefix(got, "1: server \"a\" has "+text+` in "`+field+`"`) && want != "" {
			t.Errorf("%s: %s", entry, got)
		}
	}
}

// In urls and headers a variable is named wherever it stands for a whole part.
func TestForeignPartsOfAddressesAreNamed(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://x.dev/mcp?key=$API_KEY":                "$API_KEY",
		"https://x.dev/mcp?key=$token&b=c":              "$token",
		"https://x.dev/mcp?key=%API_KEY%":               "%API_KEY%",
		"https://x.dev/mcp?a=b&key=v1-$API_KEY#f":       "$API_KEY",
		"https://x.dev/mcp?auth=Bearer%20$key":          "$key",
		"https://x.dev/mcp?auth=Bearer+$env:KEY":        "$env:KEY",
		"https://x.dev/mcp?$KEY":                        "$KEY",
		"https://x.dev/$API_KEY/mcp":                    "$API_KEY",
		"https://x.dev/mcp/%API_KEY%":                   "%API_KEY%",
		"https://x.dev/key-$API_KEY/mcp":                "$API_KEY",
		"https://x.dev/key:$key/mcp":                    "$key",
		"https://$HOST/mcp":                             "$HOST",
		"https://api.$domain:8/mcp":                     "$domain",
		"http://localhost:$PORT/mcp":                    "$PORT",
		"https://%HOST%/mcp":                            "%HOST%",
		"https://$USER:$PASS@x.dev/mcp":                 "$USER $PASS",
		"$url":                                          "$url",
		"https://x.dev/${env:A}/$B/${env:C}?d=$e&f=$e":  "$B $e",
		"https://x.dev/mcp?key=${env:NONE:-$API_KEY}":   "",
		"https://x.dev/${env:NONE:-$API_KEY}/mcp":       "",
		"https://x.dev/mcp?key=${env:A}$B":              "",
		"https://u:pa$word@x.dev/mcp":                   "",
		"https://u:$ecret@x.dev/mcp":                    "",
		"https://u:p-$SS@x.dev/mcp":                     "",
		"https://x.dev/odata/$metadata":                 "",
		"https://x.dev/odata/Items/$count?$filter=a":    "",
		"https://x.dev/odata/I?$top=5&$orderby=$count":  "",
		"https://x.dev/odata/I?$filter=P%20eq%20$it":    "",
		"https://x.dev/fhir/Patient/1/$everything?a=$1": "",
		"https://x.dev/fhir/$process-message":           "",
		"https://x.dev/rooms/$event:x.dev/r$ROOM":       "",
		"https://x.dev/a%20b%2F%C3%A9?q=a%20%26%25":     "",
		"https://x.dev/%E4%BD%A0/%41?q=%E4%BD%A0":       "",
		"https://x.dev/mcp?price=US$100&b=a$b&c=$&d=%":  "",
		"https://x.dev/mcp?hash=$2b$10$abc":             "",
	} {
		for _, entry := range []string{`{"url": %s}`, `{"url": "https://x.dev", "oauth": {"authorize_url": "https://x.dev/a", "client_id": "c", "redirect_uri": "http://localhost:1/cb", "token_url": %s}}`} {
			if strings.Contains(url, "@") && strings.Contains(entry, "oauth") && want == "" {
				continue // where a password is refused
			}
			checkForeign(t, fmt.Sprintf(entry, jsonText(url)), want)
		}
	}
}

func TestForeignPartsOfHeadersAreNamed(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"$token":                    "$token",
		"key-$API_KEY":              "$API_KEY",
		"Bearer $token":             "$token",
		"ApiKey user:$key":          "$key",
		`Token token="$KEY", b=$b`:  "$KEY $b",
		"k=%API_KEY%":               "%API_KEY%",
		"Bearer %API_KEY%":          "%API_KEY%",
		"a $b $c $b":                "$b $c",
		"a, $b, $b":                 "$b",
		"key-${env:NONE:-$API_KEY}": "",
		"pa$word":                   "",
		"pa$WORD":                   "",
		"$3cret":                    "",
		"$ecret!":                   "",
		"$a$b":                      "",
		"$argon2id$v=19$m=65536$x":  "",
		"costs US$100 or $5":        "",
		"100% sure":                 "",
		"a%20b%20":                  "",
		"5 %of% it":                 "%of%",
	} {
		checkForeign(t, `{"url": "https://x.dev", "headers": {"X-A": `+jsonText(value)+`}}`, want)
	}
}

// checkForeign checks that all of the words, and nothing else, are named.
func checkForeign(t *testing.T, entry, words string) {
	t.Helper()
	text := problems(loadText(t, `{"mcpServers": {"a": `+entry+`}}`))
	var got []string
	for line := range strings.Lines(text) {
		_, line, _ = strings.Cut(line, " has ")
		word, rest, _ := strings.Cut(line, " in ")
		if !strings.Contains(rest, "which would be passed on as it is | write ${env:") {
			t.Errorf("%s: %s", entry, text)
		}
		got = append(got, word)
	}
	if strings.Join(got, " ") != words {
		t.Errorf("%s:\n got %q\nwant %q", entry, got, words)
	}
}
