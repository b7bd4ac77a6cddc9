package upstream

import (
	"context"
	"math/rand/v2"
)

// harm does nothing, since there are no signals.
func (s *soak) harm(context.Context, *rand.Rand) {}
