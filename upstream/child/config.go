package child

// A Config says what to start. Placeholders must have been substituted.
type Config struct {
	Command    string            `json:"command,omitempty"` // a name to look for in PATH, or a path
	Args       []string          `json:"args,omitempty"`
	Env        map[string]string `json:"env,omitempty"`         // set on top of what is inherited
	InheritEnv []string          `json:"inherit_env,omitempty"` // names passed on from this process beside the base set
	Cwd        string            `json:"cwd,omitempty"`         // empty: the folder of this process
}
