package proxy

import "testing"

func TestCommandAdvice(t *testing.T) {
	t.Parallel()
	const script = `write a shell as "command", such as "sh", and "-c" and the line as "args"`
	for command, want := range map[string]string{
		"npx":                             "",
		"npx -y foo":                      `write the program alone as "command": "npx", and the rest as "args"`,
		"npx -y @scope/foo":               `write the program alone as "command": "npx", and the rest as "args"`,
		" npx":                            `write the program alone as "command": "npx"`,
		"FOO=1 npx x":                     `write the program alone as "command": "npx", the rest as "args", and FOO in "env"`,
		"FOO=/a/b BAR='c d' npx":          `write the program alone as "command": "npx", and FOO, BAR in "env"`,
		"FOO=1":                           `write FOO in "env", and the program as "command"`,
		"FOO=1 /opt/my app/x":             `write the program alone as "command": "/opt/my app/x", and FOO in "env"`,
		`"/opt/my app/x" -y`:              `write the program alone as "command": "/opt/my app/x", and the rest as "args"`,
		`"npx"`:                           `write the program alone as "command": "npx"`,
		"cd /x && npx y":                  script,
		"A=1 npx x 2>&1":                  script,
		"npx x | tee log":                 script,
		`npx "a && b"`:                    `write the program alone as "command": "npx", and the rest as "args"`,
		`C:\Program Files\nodejs\npx.cmd`: "",
		"C:/Program Files/x.exe -y":       "",
		"./my app/x":                      "",
		"a=b/c":                           `write a in "env", and the program as "command"`,
		"no-such":                         "",
		"":                                "",
		`it's`:                            "",
		`unclosed "quote x`:               `write the program alone as "command": "unclosed", and the rest as "args"`,
	} {
		if got := CommandAdvice(command); got != want {
			t.Errorf("%s:\n got %s\nwant %s", command, got, want)
		}
	}
}
