package proxy

import (
	"slices"
	"strings"

	"mcpproxy/catalog"
	"mcpproxy/catalog/clean"
	"mcpproxy/catalog/names"
	"mcpproxy/proxy/config"
	"mcpproxy/upstream/raw"
)

// server returns the server of that name.
func (p *Proxy) server(name string) (*config.Server, error) {
	if s := p.config().Server(name); s != nil {
		return s, nil
	}
	return nil, &UnknownServerError{Server: name, Near: names.Nearest(name, p.serverNames(), 3)}
}

func (p *Proxy) serverNames() (list []string) {
	for _, s := range p.config().Servers {
		list = append(list, s.Name)
	}
	return list
}

func namesOf(tools []catalog.Tool) (list []string) {
	for _, t := range tools {
		list = append(list, t.Name)
	}
	return list
}

// shownNames returns the tools' names as listings show them.
func shownNames(tools []catalog.Tool) []string {
	shown := namesOf(tools)
	for i, name := range shown {
		shown[i] = clean.Line(name, 0)
	}
	return shown
}

// findTool returns the tool that a model means by name: the one of exactly
// that name, else the only one that differs in case or hyphens, else that
// again without a server's name in front.
func findTool(server string, tools []catalog.Tool, name string) (catalog.Tool, bool) {
	offered := namesOf(tools)
	found := names.Alike(name, offered)
	if len(found) == 0 {
		if _, rest, ok := names.Split(name, []string{server}); ok {
			found = names.Alike(rest, offered)
		}
	}
	if len(found) != 1 {
		return catalog.Tool{}, false
	}
	return tools[slices.Index(offered, found[0])], true
}

// place finds out which server and tool are meant and writes both as they are
// configured. The tool is made exact later, by what its server offers.
func (p *Proxy) place(r *request) error {
	if r.Server != "" {
		if err := p.placeServer(r); err != nil {
			return err
		}
	}
	if r.Tool == "" {
		return nil
	}
	server, tool, joined := names.Split(r.Tool, p.serverNames())
	switch {
	case r.Server == "" && joined:
		r.note("tool %s was read as tool %s of server %s", raw.Quote(r.Tool), raw.Quote(tool), raw.Quote(server))
		r.Server, r.Tool = server, tool
	case r.Server == "":
		return p.placeTool(r)
	case joined && server != r.Server && !p.offers(r.Server, r.Tool):
		return &AmbiguousError{Kind: "tool", Name: r.Tool, Could: []string{
			server + "/" + tool, r.Server + "/" + r.Tool,
		}}
	}
	return nil
}

// offers reports whether the server is known to have the tool.
func (p *Proxy) offers(server, tool string) bool {
	e, _ := p.opts.Catalog.Get(p.config().Server(server).ID)
	_, ok := e.Tool(tool)
	return ok
}

func (p *Proxy) placeServer(r *request) error {
	switch found := names.Alike(r.Server, p.serverNames()); len(found) {
	case 0:
		_, err := p.server(r.Server)
		return err
	case 1:
		if found[0] != r.Server {
			r.note("server %s was read as %s", raw.Quote(r.Server), raw.Quote(found[0]))
		}
		r.Server = found[0]
		return nil
	default:
		return &AmbiguousError{Kind: "server", Name: r.Server, Could: found}
	}
}

// placeTool finds the server of a tool that was named without one.
func (p *Proxy) placeTool(r *request) error {
	var servers, could, known []string
	for _, s := range p.config().Servers {
		e, ok := p.opts.Catalog.Get(s.ID)
		if !ok || s.Usable() != nil {
			continue
		}
		tools := allowed(s, e)
		if t, ok := findTool(s.Name, tools, r.Tool); ok {
			servers, could = append(servers, s.Name), append(could, s.Name+"/"+t.Name)
		}
		known = append(known, shownNames(tools)...)
	}
	switch len(servers) {
	case 0:
		return &UnknownToolError{Tool: r.Tool, Near: names.Nearest(r.Tool, known, 3)}
	case 1:
		r.note("server was missing and read as %s, the only one known to have that tool", raw.Quote(servers[0]))
		r.Server = servers[0]
		return nil
	}
	return &AmbiguousError{Kind: "tool", Name: r.Tool, Could: could}
}

// shellQuote makes s one word for a shell.
func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:~") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
