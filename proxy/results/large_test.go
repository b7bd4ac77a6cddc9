package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// largest is about the size of the largest message.
const largest = 60 << 20

// replySize bounds what reaches a host of a result whose text is within its limit:
// other blocks, and the rest of text blocks and other members.
const replySize = maxBinary + 2*maxBeside + 48<<10 + 16<<10

// filled repeats a piece until the result has the largest size.
func filled(begin, piece, end string) json.RawMessage {
	var b strings.Builder
	b.Grow(largest + len(begin) + len(piece) + len(end))
	b.WriteString(begin)
	for b.Len() < largest {
		b.WriteString(piece)
	}
	return json.RawMessage(b.String() + end)
}

// A result of the largest size takes little memory beside itself, and time in
// proportion to its bytes, whatever it is made of.
func TestLargestResultsAreBounded(t *testing.T) {
	if raceDetector {
		t.Skip("measures time")
	}
	const (
		maxPeak = 200<<20 - largest // what it is made of is there already
		most    = atMost            // a second or two on a quiet machine
	)
	const x = `{"type":"text","text":"x"}`
	for name, r := range map[string]struct{ begin, piece, end string }{
		"tiny texts":          {`{"content":[` + x, `,` + x, `]}`},
		"empty texts":         {`{"content":[` + x, `,{"type":"text","text":""}`, `]}`},
		"nulls":               {`{"content":[` + x, `,{"type":"text","text":"","_meta":null}`, `]}`},
		"tiny blocks":         {`{"content":[` + x, `,{"type":""}`, `]}`},
		"resources":           {`{"content":[` + x, `,{"type":"resource","resource":{"uri":"","text":""}}`, `]}`},
		"one text":            {`{"content":[{"type":"text","text":"`, `x`, `"}]}`},
		"escapes":             {`{"content":[{"type":"text","text":"`, `\n`, `"}]}`},
		"long escapes":        {`{"content":[{"type":"text","text":"`, `\ud83d\ude00`, `"}]}`},
		"_meta":               {`{"content":[` + x + `],"_meta":{"a":"`, `x`, `"}}`},
		"many members":        {`{"content":[` + x + `]`, `,"a":1`, `}`},
		"structured":          {`{"content":[],"structuredContent":{"a":[0`, `,0`, `]}}`},
		"annotations":         {`{"content":[{"type":"text","text":"x","annotations":{"a":"`, `x`, `"}}]}`},
		"large blocks":        {`{"content":[` + x, `,{"type":"x","data":"` + strings.Repeat("x", 1<<20) + `"}`, `]}`},
		"nested":              {`{"content":[{"type":"x","data":[0`, `,[[[]]]`, `]}]}`},
		"long type":           {`{"content":[{"type":"`, `x`, `"}]}`},
		"long mimeType":       {`{"content":[{"type":"image","data":"","mimeType":"`, `\n`, `"}]}`},
		"long uri":            {`{"content":[{"type":"resource","resource":{"text":"x","uri":"`, `é`, `"}}]}`},
		"long key":            {`{"content":[],"x`, `\n`, `":1}`},
		"escaped keys":        {`{"content":[` + x + `]`, `,"\u0061":1`, `}`},
		"escaped types":       {`{"content":[` + x, `,{"type":"\u0074ext","text":""}`, `]}`},
		"bad bytes":           {`{"content":[{"type":"text","text":"`, "\xff", `"}]}`},
		"bad pairs":           {`{"content":[{"type":"text","text":"`, "\xe2\x82", `"}]}`},
		"half pairs":          {`{"content":[{"type":"text","_meta":null,"text":"`, `\ud83d`, `"}]}`},
		"space":               {`{"content":[`, " ", `]}`},
		"text beside a block": {`{"content":[` + strings.Repeat(x+",", 1<<20) + `{"type":"x","data":"`, `x`, `"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newStore(t)
			object := filled(r.begin, r.piece, r.end)
			var out json.RawMessage
			var took time.Duration
			memory := peak(func() {
				start := time.Now()
				accepted, err := Accept(t.Context(), object)
				if err != nil {
					t.Error(err)
				}
				out = s.Fit(t.Context(), accepted.JSON, 48<<10, nextOf)
				took = time.Since(start)
			})
			t.Logf("%5v (bound %v) %3d MiB (bound %d MiB), %d KiB reach the host (bound %d KiB)", took.Round(time.Millisecond), most, memory>>20, maxPeak>>20, len(out)>>10, replySize>>10)
			if took > most || memory > maxPeak*5/4 || // on a busy machine the collector comes later
				len(out) > replySize {
				t.Errorf("%v, %d MiB, %d bytes", took, memory>>20, len(out))
			}
			if !json.Valid(out) {
				t.Errorf("not JSON: %.200s", out)
			}
			if _, err := Accept(t.Context(), out); err != nil {
				t.Error(err)
			}
		})
	}
}

// What is large beside the content is stored like the content, so that nothing gets
// lost.
func TestLargeMembersAreStored(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	long := strings.Repeat("x", maxBeside)
	out := fitted(t, s, `{"_meta":{"a":"`+long+`"},"content":[`+textBlock("a")+`],"small":1.0,"isError":true,"future":"`+long+`","resultType":"complete"}`, testLimit)
	h := handleOf(t, out)
	if rest := strings.Replace(out, string(textOf(t, out, 1)), "HANDLE", 1); rest != `{"content":[`+textBlock("a")+`,HANDLE],"small":1.0,"isError":true,"resultType":"complete"}` {
		t.Errorf("got %.300s", rest)
	}
	for selected, want := range map[string]string{"length(_meta.a)": fmt.Sprint(maxBeside), "length(future)": fmt.Sprint(maxBeside), "keys(@)": `["_meta","future"]`} {
		part, err := s.Read(t.Context(), Query{ID: h.ID, Select: selected})
		if err != nil || string(part.Value) != want {
			t.Errorf("%s: %s, %v", selected, part.Value, err)
		}
	}
	whole := `{"content":[],"_meta":{"a":"` + long[100:] + `"}}`
	if out := fitted(t, s, whole, testLimit); out != whole {
		t.Errorf("a _meta within the bound became %.200s", out)
	}
}

// textOf returns the block of a reply at an index.
func textOf(t *testing.T, reply string, i int) json.RawMessage {
	t.Helper()
	var r struct{ Content []json.RawMessage }
	if err := json.Unmarshal([]byte(reply), &r); err != nil || i >= len(r.Content) {
		t.Fatalf("%v: %.300s", err, reply)
	}
	return r.Content[i]
}

// A block that is more than its text is one that is not text.
func TestLargeAnnotationsAreNotLost(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	block := `{"type":"text","text":"a","annotations":{"x":"` + strings.Repeat("x", maxBinary) + `"}}`
	h := handleOf(t, fitted(t, s, `{"content":[`+block+`]}`, testLimit))
	part, err := s.Read(t.Context(), Query{ID: h.ID, Select: "length(annotations.x)"})
	if err != nil || string(part.Value) != fmt.Sprint(maxBinary) {
		t.Errorf("%+v: %s, %v", h, part.Value, err)
	}
}

func TestFitEndsWithItsContext(t *testing.T) {
	if raceDetector {
		t.Skip("measures time")
	}
	s, _ := newStore(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("given up"))
	for _, r := range []json.RawMessage{
		filled(`{"content":[{"type":"text","text":"x"}`, `,{"type":"text","text":"x"}`, `]}`),
		filled(`{"content":[{"type":"text","text":"`, `\n`, `"}]}`),
	} {
		start := time.Now()
		out := s.Fit(ctx, r, 48<<10, nextOf)
		if took := time.Since(start); took > atMost || len(out) > replySize || !json.Valid(out) {
			t.Errorf("%v, %d bytes", took, len(out))
		}
	}
}
