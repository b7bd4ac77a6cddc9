package mcptool

import (
	"slices"

	"mcpproxy/catalog"
	"mcpproxy/catalog/clean"
	"mcpproxy/catalog/names"
	"mcpproxy/upstream/raw"
)

// A Directory tells which servers and tools are known. It asks no server.
type Directory interface {
	// Servers returns the names of all servers, in the same order each time.
	Servers() []string
	// Tools returns the known tools of server i that its filter lets through.
	// There are none if the server may not be used or was never listed.
	Tools(i int) []catalog.Tool
	// Offers reports whether server i is known to have a tool of exactly this
	// name, also one that its filter removes.
	Offers(i int, tool string) bool
}

// place finds the server and sets its name as it is configured. The name of the
// tool stays as it was given, because only a list of the server settles it.
func (r *Request) place(d Directory) error {
	if r.Server == "" && r.Tool == "" {
		return nil
	}
	servers := d.Servers()
	if r.Server != "" {
		if err := r.placeServer(servers); err != nil {
			return err
		}
	}
	if r.Tool == "" {
		return nil
	}
	server, tool, joined := names.Split(r.Tool, servers)
	switch {
	case r.Server == "" && joined:
		r.note("tool %s was read as tool %s of server %s", raw.Quote(r.Tool), raw.Quote(tool), raw.Quote(server))
		r.Server, r.Tool, r.Index = server, tool, slices.Index(servers, server)
	case r.Server == "":
		return r.placeTool(d, servers)
	case joined && server != r.Server && !d.Offers(r.Index, r.Tool):
		return &AmbiguousError{Kind: AmbiguousTool, Name: r.Tool, Could: []string{
			server + "/" + tool, r.Server + "/" + r.Tool,
		}}
	}
	return nil
}

// placeServer finds the server by its exact name, else by the only similar one.
func (r *Request) placeServer(servers []string) error {
	if r.Index = slices.Index(servers, r.Server); r.Index >= 0 {
		return nil
	}
	switch found := names.Alike(r.Server, servers); len(found) {
	case 0:
		return NewUnknownServerError(r.Server, servers)
	case 1:
		r.note("server %s was read as %s", raw.Quote(r.Server), raw.Quote(found[0]))
		r.Server, r.Index = found[0], slices.Index(servers, found[0])
		return nil
	default:
		return &AmbiguousError{Kind: AmbiguousServer, Name: r.Server, Could: found}
	}
}

// placeTool finds the server of a tool that was named alone.
func (r *Request) placeTool(d Directory, servers []string) error {
	var found []int
	var could, known []string
	for i, server := range servers {
		tools := d.Tools(i)
		if tool, ok := FindTool(server, tools, r.Tool); ok {
			r.Found = &tool
			found, could = append(found, i), append(could, server+"/"+tool.Name)
		}
		known = append(known, ShownNames(tools)...)
	}
	switch len(found) {
	case 0:
		return &UnknownToolError{Tool: r.Tool, Near: names.Nearest(r.Tool, known, 3)}
	case 1:
		r.Index, r.Server = found[0], servers[found[0]]
		r.note("server was missing and read as %s, the only one known to have that tool", raw.Quote(r.Server))
		return nil
	}
	r.Found = nil
	return &AmbiguousError{Kind: AmbiguousTool, Name: r.Tool, Could: could}
}

// FindTool returns the tool that a model means by name: the one of exactly that
// name, else the only one whose name [names.Fold] makes equal, else the same
// without the server's name in front.
func FindTool(server string, tools []catalog.Tool, name string) (catalog.Tool, bool) {
	list := make([]string, len(tools))
	for i, t := range tools {
		if t.Name == name {
			return t, true
		}
		list[i] = t.Name
	}
	found := names.Alike(name, list)
	if len(found) == 0 {
		if _, rest, ok := names.Split(name, []string{server}); ok {
			found = names.Alike(rest, list)
		}
	}
	if len(found) != 1 {
		return catalog.Tool{}, false
	}
	return tools[slices.Index(list, found[0])], true
}

// ShownNames returns the names of the tools as listings show them.
func ShownNames(tools []catalog.Tool) []string {
	var list []string
	for _, t := range tools {
		list = append(list, clean.Line(t.Name, 0))
	}
	return list
}
