//go:build !race

package jmespath

const raceDetector = false
