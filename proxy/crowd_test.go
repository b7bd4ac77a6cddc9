package proxy

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mcpproxy/proxy/config"
	"mcpproxy/upstream"
	"mcpproxy/upstream/raw"
)

// webMirror is a mirrorServer over Streamable HTTP.
func webMirror(t *testing.T) *config.Server {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var answer bytes.Buffer
		mirrorServer(false, bytes.NewReader(append(body, '\n')), &answer)
		if answer.Len() == 0 {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = answer.WriteTo(w)
	}))
	t.Cleanup(web.Close)
	s := childServer(t, "web", "")
	s.Entry.Type, s.Entry.URL, s.Entry.Command, s.Entry.Env = upstream.HTTP, web.URL, "", nil
	return s
}

// Sixty-four callers at once over stdio and HTTP get their own answers, each once,
// while calls beside theirs are cancelled and a server dies again and again.
func TestCrowdOfCallers(t *testing.T) {
	t.Parallel()
	const callers, calls = 64, 12
	dying := childServer(t, "dying", "raw")
	h := serve(t, newTest(t, childServer(t, "mirror", "mirror"), webMirror(t), dying)).start()

	var mu sync.Mutex
	next := 100
	waiting := map[int]chan string{}
	ask := func(server, tool, arguments string) (id int, answer <-chan string) {
		mu.Lock()
		defer mu.Unlock()
		next++
		got := make(chan string, 2)
		waiting[next] = got
		fmt.Fprintf(h.in, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"mcp","arguments":{"action":"call","server":%q,"tool":%q,"arguments":%s}}}`+"\n", next, server, tool, arguments)
		return next, got
	}
	go func() { // ends with the session
		for h.out.Scan() {
			id, _ := strconv.Atoi(string(raw.Member(h.out.Bytes(), "id")))
			mu.Lock()
			got := waiting[id]
			mu.Unlock()
			if got != nil {
				got <- h.out.Text()
			}
		}
	}()
	answered := func(answer <-chan string) string {
		select {
		case line := <-answer:
			return line
		case <-time.After(5 * time.Minute):
			t.Error("no answer")
			return ""
		}
	}

	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(caller), 1))
			for n := range calls {
				switch kind := random.IntN(10); {
				case kind < 7:
					server := []string{"mirror", "web"}[kind%2]
					text := fmt.Sprintf("caller %d, call %d of %s", caller, n, server)
					_, answer := ask(server, "mirror", `{"result":{"content":[{"type":"text","text":"`+text+`"}]}}`)
					if line := answered(answer); strings.Count(line, text) != 2 {
						t.Errorf("%s: %s", text, line)
					}
				case kind < 8:
					id, _ := ask("dying", "hang", `{}`)
					mu.Lock()
					delete(waiting, id) // the server may die before
					fmt.Fprintf(h.in, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`+"\n", id)
					mu.Unlock()
				default:
					_, answer := ask("dying", []string{"die", "pid"}[kind%2], `{}`)
					if line := answered(answer); !strings.Contains(line, `"result":`) {
						t.Errorf("the dying server: %s", line)
					}
				}
			}
		})
	}
	all.Wait()
	mu.Lock()
	defer mu.Unlock()
	for id, got := range waiting {
		if len(got) > 0 {
			t.Errorf("a second answer to %d: %s", id, <-got)
		}
	}
}
