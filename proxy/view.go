package proxy

import (
	"mcpproxy/catalog"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
)

// A View is the configuration as one request or command sees it from its
// beginning to its end; an edit makes another view. Its methods are the actions
// of the tool and of the command line. It is immutable.
type View struct {
	session *Session
	config  *config.Config
	names   []string       // of the servers, in their order
	index   map[string]int // of the servers by name
}

func newView(s *Session, c *config.Config) *View {
	v := &View{session: s, config: c, index: make(map[string]int, len(c.Servers))}
	for i, server := range c.Servers {
		v.names = append(v.names, server.Name)
		v.index[server.Name] = i
	}
	return v
}

func (v *View) catalog() *catalog.Catalog { return v.session.proxy.opts.Catalog }

// Server looks a server up by its exact name. Error: *mcptool.UnknownServerError.
func (v *View) Server(name string) (*config.Server, error) {
	v.session.lookup("server")
	if i, ok := v.index[name]; ok {
		return v.config.Servers[i], nil
	}
	return nil, mcptool.NewUnknownServerError(name, v.names)
}

// servers returns the one server, or all if it is nil.
func (v *View) servers(s *config.Server) []*config.Server {
	if s != nil {
		return []*config.Server{s}
	}
	return v.config.Servers
}

// A directory is the [mcptool.Directory] of a view.
type directory struct{ v *View }

func (d directory) Servers() []string {
	d.v.session.lookup("server")
	return d.v.names
}

func (d directory) Tools(i int) []catalog.Tool {
	d.v.session.lookup("tool")
	s := d.v.config.Servers[i]
	if s.Usable() != nil {
		return nil
	}
	e, _ := d.v.catalog().Get(s.ID)
	return allowed(s, e)
}

func (d directory) Offers(i int, tool string) bool {
	d.v.session.lookup("tool")
	e, _ := d.v.catalog().Get(d.v.config.Servers[i].ID)
	_, ok := e.Tool(tool)
	return ok
}

// allowed returns the tools that the server's filter lets through.
func allowed(s *config.Server, e catalog.Entry) []catalog.Tool {
	tools := make([]catalog.Tool, 0, len(e.Tools))
	for _, t := range e.Tools {
		if s.Entry.ToolFilter.Allows(t.Name) {
			tools = append(tools, t)
		}
	}
	return tools
}
