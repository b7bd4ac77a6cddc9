package child

// What the tests from outside share with those from inside.
var (
	RunID      = runID
	TestConfig = testConfig
	Marked     = marked
	OnLinux    = onLinux
	Eventually = eventually

	StdinGrace = stdinGrace.patient
	Patience   = stdinGrace.patient + termGrace.patient
)
