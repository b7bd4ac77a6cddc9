//go:build race

package jmespath

// raceDetector slows what is computed by a factor of 20, which says nothing of
// the bounds on it.
const raceDetector = true
