package upstream

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Events are read as browsers read them (HTML Living Standard, 9.2.6).
func TestEventsInAllTheirForms(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"byte order mark": "\ufeffdata: MESSAGE\n\n",
		"bare CR":         "id: 1\rdata: MESSAGE\r\r",
		"CRLF":            "id: 1\r\ndata: MESSAGE\r\n\r\n",
		"mixed":           ": hello\r\r\ndata: MESSAGE\n\r",
		"two lines":       "data: {\"jsonrpc\":\"2.0\",\r\ndata: \"id\":ID,\"result\":{}}\r\n\r\n",
		"batch":           "id: 1\ndata: [{\"jsonrpc\":\"2.0\",\"method\":\"m\"},7,{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":[]}, MESSAGE ]\n\n",
		"last of batches": "data: []\n\ndata: [{\"jsonrpc\":\"2.0\",\"method\":\"m\"}]\n\ndata: [MESSAGE,{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":[]}]\n\n",
		"not ours":        "data: ping\n\ndata:\n\ndata: {\"id\":7}\n\ndata: MESSAGE\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
				if m.Method != "tools/call" {
					return false
				}
				w.Header().Set("Content-Type", "text/event-stream")
				for _, b := range []byte(strings.ReplaceAll(strings.ReplaceAll(body, "MESSAGE", `{"jsonrpc":"2.0","id":ID,"result":{}}`), "ID", string(m.ID))) {
					w.Write([]byte{b})
					w.(http.Flusher).Flush()
				}
				<-r.Context().Done()
				return true
			})
			cfg := httpConfig(f.URL)
			cfg.CallTimeout = Duration(20 * time.Second)
			if got, err := call(t, newTest(t, cfg), Call{Tool: "x"}); err != nil || got != "{}" {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}
