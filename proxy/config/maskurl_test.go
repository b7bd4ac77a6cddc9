package config

import "testing"

func TestMaskURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://x.dev/mcp":                            "https://x.dev/mcp",
		"https://u:p@x.dev/a@b?k=v&l=${env:L}&m#f":     "https://***@x.dev/a@b?k=***&l=${env:L}&***#***",
		"https://${env:U}:p${env:P}@x.dev":             "https://${env:U}***${env:P}@x.dev",
		"${env:BASE:-https://u:p@x.dev/?k=v}/mcp?k=v":  "${env:BASE:-https://***@x.dev/?k=***}/mcp?k=***",
		"https://${env:HOST:-x.dev}/${env:PATH:-a?b}/": "https://${env:HOST:-x.dev}/${env:PATH:-a?***}/",
		"?${env:A:-https://x.dev}":                     "?${env:A:-***}",
		"https://x.dev/$${env:A}?k=${env:A:-}":         "https://x.dev/$${env:A}?k=${env:A:-}",
		"https://x.dev/\U000F0000":                     "***",
	} {
		if got := maskURL(in); got != want {
			t.Errorf("%s\nbecame %s\nwant   %s", in, got, want)
		}
	}
}
