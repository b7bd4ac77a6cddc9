package proxy

import (
	"strings"

	"mcpproxy/catalog"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
)

// server returns the server of that name.
func (p *Proxy) server(name string) (*config.Server, error) {
	c := p.config()
	if s := c.Server(name); s != nil {
		return s, nil
	}
	return nil, mcptool.NewUnknownServerError(name, directory{p, c}.Servers())
}

// A directory is the [mcptool.Directory] of a configuration.
type directory struct {
	p *Proxy
	c *config.Config
}

func (d directory) Servers() (list []string) {
	for _, s := range d.c.Servers {
		list = append(list, s.Name)
	}
	return list
}

func (d directory) Tools(i int) []catalog.Tool {
	s := d.c.Servers[i]
	e, ok := d.p.opts.Catalog.Get(s.ID)
	if !ok || s.Usable() != nil {
		return nil
	}
	return allowed(s, e)
}

func (d directory) Offers(i int, tool string) bool {
	e, _ := d.p.opts.Catalog.Get(d.c.Servers[i].ID)
	_, ok := e.Tool(tool)
	return ok
}

// shellQuote makes s one word for a shell.
func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:~") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
