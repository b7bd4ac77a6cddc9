package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestProgressPutsOffTheIdleTimeoutOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		beats      int // one each 50s
		idle, most time.Duration
		want       *TimeoutError // nil: an answer
	}{
		{"progress", 5, time.Minute, 10 * time.Minute, nil},
		{"no progress", 0, time.Minute, 10 * time.Minute, &TimeoutError{After: time.Minute, Idle: true, Stage: StageCall}},
		{"too long", 100, time.Minute, 10 * time.Minute, &TimeoutError{After: 10 * time.Minute, Stage: StageCall}},
		{"without limits", 100, 0, 0, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			limit := func(d time.Duration) Duration {
				if d == 0 {
					return Never
				}
				return Duration(d)
			}
			f := newInMemory(t, Config{Limits: Limits{CallTimeout: limit(c.idle), MaxCallTime: limit(c.most)}}, Options{})
			var cancelled atomic.Bool
			f.addTool("work", func(ctx context.Context, r *mcp.CallToolRequest) {
				for i := range c.beats {
					time.Sleep(50 * time.Second)
					r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: r.Params.GetProgressToken(), Progress: float64(i)})
				}
				if c.beats == 0 {
					<-ctx.Done()
				}
				cancelled.Store(ctx.Err() != nil)
			})
			var heard atomic.Int32
			err := f.With(t.Context(), func(ctx context.Context, s *Session) error {
				_, err := s.Call(ctx, Call{Tool: "work", Progress: func(json.RawMessage) { heard.Add(1) }})
				return err
			})
			got, _ := errors.AsType[*TimeoutError](err)
			if c.want == nil && err != nil || c.want != nil && (got == nil || *got != *c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
			if c.want == nil && int(heard.Load()) != c.beats {
				t.Errorf("%s: %d progress notifications, want %d", c.name, heard.Load(), c.beats)
			}
			time.Sleep(3 * time.Hour)
			if c.want != nil && !cancelled.Load() {
				t.Errorf("%s: the upstream was not told", c.name)
			}
			if err := f.echo(t.Context()); err != nil {
				t.Errorf("%s: the next call: %v", c.name, err)
			}
		})
	}
}
