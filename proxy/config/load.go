package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// LoadOptions say where the configuration is.
type LoadOptions struct {
	Global   string // the global file
	Explicit bool   // the person named Global, so that it must exist
	Dir      string // working directory: it or its nearest ancestor with .proxy/mcp.json is the project
	StateDir string // where trust is recorded
}

// Load reads both layers. It always returns a Config, whose Problems and those
// of its servers say what is wrong.
func Load(o LoadOptions) *Config {
	c := new(Config)
	// Each file is watched before it is read, so that a change in between is not
	// missed.
	c.watch(o.Global)
	servers := make(map[string]*Server)
	for _, s := range c.loadGlobal(o) {
		servers[s.Name] = s
	}
	for _, s := range c.loadProject(o) {
		if s.Untrusted && servers[s.Name] != nil {
			continue
		}
		servers[s.Name] = s
	}
	for _, s := range servers {
		c.Servers = append(c.Servers, s)
	}
	slices.SortFunc(c.Servers, byName)
	return c
}

func byName(a, b *Server) int { return strings.Compare(a.Name, b.Name) }

func (c *Config) loadGlobal(o LoadOptions) []*Server {
	text, err := readFile(o.Global, maxGlobalSize)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !o.Explicit:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		c.Problems = append(c.Problems, &Problem{File: o.Global, Message: "the file does not exist", Hint: "check the path given by --config or PROXY_CONFIG"})
		return nil
	case err != nil:
		c.Problems = append(c.Problems, unreadable(o.Global, err))
		return nil
	}
	l := newLayerFile(Global, newSource(o.Global, text))
	l.read()
	c.Settings = l.settings.Settings
	c.Problems = append(c.Problems, l.problems.list...)
	return l.servers
}

func (c *Config) loadProject(o LoadOptions) []*Server {
	file, looked, err := findProject(o.Dir)
	for _, f := range looked {
		c.watch(f)
	}
	if err != nil {
		c.Problems = append(c.Problems, unreadable(file, err))
		return nil
	}
	if file == "" || sameFile(file, o.Global) {
		return nil
	}
	c.watch(trustFile(o.StateDir))
	text, err := readFile(file, maxProjectSize)
	if err != nil {
		c.Problems = append(c.Problems, unreadable(file, err))
		return nil
	}
	l := newLayerFile(Project, newSource(file, text))
	if trusted, err := isTrusted(o.StateDir, file, text); err != nil {
		c.Problems = append(c.Problems, unreadable(trustFile(o.StateDir), err))
		l.readNames()
	} else if trusted {
		l.read()
	} else {
		l.readNames()
	}
	c.Problems = append(c.Problems, l.problems.list...)
	return l.servers
}

// projectFile is the project's configuration, seen from its folder.
var projectFile = filepath.Join(".proxy", "mcp.json")

// findProject returns the project's file of dir or of its nearest ancestor
// that has one, or "", and every file that was looked for. Links in the path
// of dir are followed, so that a project has one path only.
func findProject(dir string) (file string, looked []string, err error) {
	if dir == "" {
		return "", nil, nil
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return dir, nil, err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	for {
		file = filepath.Join(dir, projectFile)
		looked = append(looked, file)
		// A dangling link counts as a file, so that no ancestor's file replaces it.
		switch _, err := os.Lstat(file); {
		case err == nil:
			return file, looked, nil
		case !isAbsent(err):
			return file, looked, err
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", looked, nil
		}
		dir = parent
	}
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// A layerFile is the file of a layer while it is read.
type layerFile struct {
	*decoder
	layer    Layer
	settings globalFile
	servers  []*Server
	omitted  int // of the problems of servers
}

// globalFile holds the keys of the global file; a project's has mcpServers only.
type globalFile struct {
	Settings
	Servers struct{} `json:"mcpServers"` // read entry by entry
}

func newLayerFile(layer Layer, src *source) *layerFile {
	d := &decoder{src: src, lines: make(map[string]int), keys: make(map[reflect.Type]map[string][]int), broken: make(map[string]bool)}
	return &layerFile{decoder: d, layer: layer}
}

const serversKey = "mcpServers"

// read decodes each key of the root by itself, so that a mistake in one setting
// does not affect the servers.
func (l *layerFile) read() {
	root, p := l.src.parse()
	if p != nil {
		l.problems.add(p)
		return
	}
	first := make(map[string]int)
	for _, m := range root.Members {
		key := m.Name.Value.(hujson.Literal).String()
		if line, twice := first[key]; twice {
			l.refuse(m.Name, "keep one of them", "%q appears twice, first in line %d", key, line)
			continue
		}
		first[key] = l.src.line(m.Name.StartOffset)
		l.rootMember(key, m)
	}
	if l.layer == Global {
		for _, f := range l.settings.check(l.isWritten) {
			l.problems.add(&Problem{File: l.src.file, Line: l.lines[f.field], Message: f.message, Hint: f.hint})
		}
	}
	l.bound()
}

func (l *layerFile) rootMember(key string, m hujson.ObjectMember) {
	keys := l.keysOf(reflect.TypeFor[globalFile]())
	index, known := keys[key]
	switch {
	case known && m.Value.Value.Kind() == 'n':
		// As if it were absent.
	case key == serversKey:
		if entries, ok := m.Value.Value.(*hujson.Object); ok {
			l.entries(entries)
		} else {
			l.wrongType(m.Value, reflect.ValueOf(struct{}{}), key)
		}
	case l.layer == Project && known:
		l.refuse(m.Name, "move it to the global configuration", "a project's file may hold only %q, not %q", serversKey, key)
	case !known && l.layer == Project:
		l.unknownKey(m.Name, key, "", []string{serversKey})
	case !known:
		l.unknownKey(m.Name, key, "", slices.Sorted(maps.Keys(keys)))
	default:
		l.decode(m.Value, reflect.ValueOf(&l.settings).Elem().FieldByIndex(index), key)
	}
}

// isWritten reports whether the file has a value for a setting.
func (l *layerFile) isWritten(field string) bool { return l.lines[field] > 0 && !l.broken[field] }

// entries decodes the servers, and keeps a broken one with its problems. One
// that cannot be kept is checked all the same, so that its problems need no
// second run.
func (l *layerFile) entries(object *hujson.Object) {
	known := make(map[string]*Server)
	for _, m := range object.Members {
		name := m.Name.Value.(hujson.Literal).String()
		s, found := l.server(name, m)
		if f := checkName(name); f != nil {
			l.refuse(m.Name, f.hint, "%s", f.message)
			for _, p := range found.list {
				l.problems.add(p)
			}
			l.problems.omitted += found.omitted
			continue
		}
		if first := known[name]; first != nil {
			twice := l.fail(m.Name, "rename or remove one of them", "server %q appears twice", name)
			found.list = append([]*Problem{twice}, found.list...)
			l.omitted += first.set(found)
			continue
		}
		known[name] = s
		l.omitted += s.set(found)
		l.servers = append(l.servers, s)
	}
	for _, s := range l.servers {
		s.identify()
	}
}

// server decodes an entry and checks what could be decoded of it.
func (l *layerFile) server(name string, m hujson.ObjectMember) (*Server, collection) {
	s := &Server{Name: name, Layer: l.layer, File: l.src.file, lines: make(map[string]int)}
	d := &decoder{src: l.src, prefix: fmt.Sprintf("server %s: ", quotedName(name)), lines: s.lines, keys: l.keys, broken: make(map[string]bool)}
	s.lines[""] = l.src.line(m.Name.StartOffset)
	decoded := d.decode(m.Value, reflect.ValueOf(&s.Entry).Elem(), "")
	if m.Value.Value.Kind() == '{' {
		s.Entry.normalize()
		c := checker{Entry: &s.Entry, written: true, broken: d.broken}
		c.check(func(f *fault) { d.problems.add(s.problem(f)) })
	}
	if !decoded {
		s.Entry = Entry{}
	}
	return s, d.problems
}

// readNames takes only valid names of servers from the file, because it is not
// trusted. No problem contains any of its text.
func (l *layerFile) readNames() {
	root, p := l.src.parse()
	if p != nil {
		l.problems.add(&Problem{File: l.src.file, Message: "the project's file, which is not trusted, cannot be parsed"})
		return
	}
	seen := make(map[string]bool)
	for _, m := range root.Members {
		entries, ok := m.Value.Value.(*hujson.Object)
		if !ok || m.Name.Value.(hujson.Literal).String() != serversKey {
			continue
		}
		for _, e := range entries.Members {
			name := e.Name.Value.(hujson.Literal).String()
			if seen[name] || checkName(name) != nil {
				continue
			}
			seen[name] = true
			s := &Server{Name: name, Layer: l.layer, File: l.src.file, Untrusted: true}
			s.identify()
			l.servers = append(l.servers, s)
		}
	}
}
