package proxy

import (
	"slices"

	"mcpproxy/catalog"
	"mcpproxy/catalog/clean"
)

// What warns of a tool that tries to hide something from the person.
const (
	hiddenText     = "hidden characters were removed from its name, title or description"
	hiddenInSchema = "its schemas hold hidden characters; they are shown as they came"
)

// hidesText reports whether a tool's own words hold what is meant not to be seen.
func hidesText(t catalog.Tool) bool {
	return slices.ContainsFunc([]string{t.Name, t.Title, t.Description}, hides)
}

// hidesSchema is hidesText for the schemas, which are shown as they are. What
// they escape is seen.
func hidesSchema(t catalog.Tool) bool {
	return hides(string(t.InputSchema)) || hides(string(t.OutputSchema))
}

func hides(s string) bool {
	_, hidden := clean.Text(s, 0)
	return hidden
}
