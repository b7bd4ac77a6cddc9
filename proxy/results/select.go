package results

import (
	"context"
	"errors"
	"fmt"
	"os"

	"mcpproxy/proxy/mcptool"
	"mcpproxy/proxy/results/jmespath"
	"mcpproxy/upstream/raw"
)

// Bounds on a selection, which has to hold the JSON text in memory. Any result
// can suggest an expression to a model, so none may cost more.
const (
	MaxSelect     = 32 << 20   // bytes of JSON
	maxExpression = 2000       // bytes
	maxSteps      = 20_000_000 // about one second
	maxMade       = 48 << 20   // bytes that an expression makes beside the text
	maxMadeSmall  = 16 << 20   // the same for a small result
)

// selectFrom selects from the structured content, else from the text as JSON.
// A selection that is too large is cut.
func (out *Part) selectFrom(ctx context.Context, s stored, q Query) error {
	if len(q.Select) > maxExpression {
		return q.bad("select", fmt.Sprintf("is longer than %d bytes", maxExpression))
	}
	expression, err := jmespath.Compile(q.Select)
	if err != nil {
		return q.bad("select", "is not a valid JMESPath expression: "+err.Error())
	}
	path, size := s.value()
	limits := jmespath.Limits{Steps: maxSteps, Bytes: maxMade}
	if s.isSmall() {
		limits.Bytes = maxMadeSmall
	}
	found, err := q.evaluate(ctx, expression, limits, path, size)
	if err == nil && found.IsNull() && s.structured > 0 {
		// The structured content of some servers is their text in a string.
		if inText, err := q.evaluate(ctx, expression, limits, s.text(), s.total); err == nil {
			found = inText
		}
	}
	if err != nil {
		return err
	}
	text, whole := found.JSON(min(mcptool.MaxPage, s.limit))
	out.Value = text
	if !whole {
		out.Cut = "value is the beginning of the JSON text of what was selected, which is too large"
		out.Value = raw.Encode(cutText(string(text), true))
	}
	return nil
}

// evaluate selects from a file of size bytes.
func (q Query) evaluate(ctx context.Context, expression *jmespath.Expression, limits jmespath.Limits, path string, size int64) (jmespath.Value, error) {
	if size > MaxSelect {
		return jmespath.Value{}, q.bad("select", fmt.Sprintf("takes results of up to %d bytes, and this one has %d", MaxSelect, size))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return jmespath.Value{}, err
	}
	found, err := expression.Search(ctx, data, limits)
	problem, failed := errors.AsType[*jmespath.EvalError](err)
	switch {
	case failed:
		err = q.bad("select", "failed: "+problem.Problem)
	case errors.Is(err, jmespath.ErrNotJSON):
		err = q.bad("select", "needs JSON, which this result is not")
	case errors.Is(err, jmespath.ErrLimit):
		err = q.bad("select", "takes too much time or memory on this result")
	}
	return found, err
}
