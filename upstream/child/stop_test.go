package child

import (
	"testing"
	"time"
)

// A host waits 1.8 s for the end of the program (DESIGN, section 6), of which the
// answers that are still written take 350 ms.
func TestStepsFitIntoAPoliteEnd(t *testing.T) {
	t.Parallel()
	const most = 1800*time.Millisecond - 350*time.Millisecond
	if all := stdinGrace.hurried + termGrace.hurried + killGrace; all > most {
		t.Errorf("the steps of a hurried shutdown take %v, at most %v is allowed", all, most)
	}
}
