package upstream_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"mcpproxy/upstream"
	"mcpproxy/upstream/child"
)

// The identity of a server is a hash over this text, so that neither names nor
// order may change unnoticed.
func TestConfigHasOneForm(t *testing.T) {
	t.Parallel()
	cfg := upstream.Config{
		Type: upstream.Stdio,
		Config: child.Config{
			Command: "npx", Args: []string{"-y", "x"}, Env: map[string]string{"B": "2", "A": "1"}, InheritEnv: []string{"C"}, Cwd: "/d",
		},
		URL: "https://example.com", Headers: map[string]string{"H": "h"},
		Limits: upstream.Limits{
			WaitTimeout: upstream.Duration(time.Second), StartTimeout: upstream.Never, CallTimeout: upstream.Duration(90 * time.Second),
			MaxCallTime: upstream.Duration(time.Hour), IdleTTL: upstream.Duration(time.Minute),
		},
	}
	const want = `{"type":"stdio","command":"npx","args":["-y","x"],"env":{"A":"1","B":"2"},"inherit_env":["C"],"cwd":"/d",` +
		`"url":"https://example.com","headers":{"H":"h"},` +
		`"wait_timeout":"1s","start_timeout":"0","call_timeout":"1m30s","max_call_time":"1h0m0s","idle_ttl":"1m0s"}`
	got, err := json.Marshal(cfg)
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	var back upstream.Config
	if err := json.Unmarshal(got, &back); err != nil || !reflect.DeepEqual(back, cfg) {
		t.Errorf("read back: %+v, %v", back, err)
	}
	if got, err := json.Marshal(upstream.Config{}); err != nil || string(got) != "{}" {
		t.Errorf("empty: %s, %v", got, err)
	}
}
