package catalog

// A Filter is the tool_filter setting of a server. A tool passes if it
// matches a pattern of Include (or Include is empty) and none of Exclude.
// Patterns are globs as of [path.Match], without its special treatment of "/".
type Filter struct {
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
}
