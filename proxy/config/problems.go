package config

import (
	"fmt"
	"slices"
	"strings"
)

// maxProblems bounds how many problems of a file are told. Each entry that has
// any keeps one, because it says why the entry cannot be used.
const maxProblems = 20

// A collection holds problems in a bounded number, and counts the rest.
type collection struct {
	list    []*Problem
	omitted int
}

func (c *collection) add(p *Problem) {
	switch {
	case p == nil:
	case len(c.list) < maxProblems:
		c.list = append(c.list, p)
	default:
		c.omitted++
	}
}

// inOrder sorts problems by their place in the file, which is where the person
// looks for them.
func inOrder(list []*Problem) {
	slices.SortStableFunc(list, func(a, b *Problem) int { return a.Line - b.Line })
}

// set tells the problems of an entry, besides those that it has already.
func (s *Server) set(found collection) (omitted int) {
	if s.Problem != nil {
		found.list = append(found.list, s.Problem)
	}
	found.list = append(found.list, s.More...)
	inOrder(found.list)
	if n := len(found.list) - maxProblems; n > 0 {
		found.list = found.list[:maxProblems]
		found.omitted += n
	}
	if len(found.list) > 0 {
		s.Problem, s.More = found.list[0], found.list[1:]
	}
	return found.omitted
}

// bound leaves as many problems as a person reads, and says how many more there
// are where the last of them is told.
func (l *layerFile) bound() {
	inOrder(l.problems.list)
	var broken []*Server
	for _, s := range l.servers {
		if s.Problem != nil {
			broken = append(broken, s)
		}
	}
	omitted := l.omitted + l.problems.omitted
	room := max(0, maxProblems-len(broken))
	cut := func(list []*Problem) []*Problem {
		n := min(len(list), room)
		room -= n
		omitted += len(list) - n
		return list[:n]
	}
	l.problems.list = cut(l.problems.list)
	last := &l.problems.list
	for _, s := range broken {
		s.More = cut(s.More)
	}
	if len(broken) > 0 {
		last = &slices.MaxFunc(broken, byName).More
	}
	if omitted > 0 {
		*last = append(*last, &Problem{File: l.src.file, Message: fmt.Sprintf("and %d more problems", omitted), Hint: "correct these first"})
	}
}

// problem gives a fault its line. A field that is not in the file has the line
// of the nearest field around it.
func (s *Server) problem(f *fault) *Problem {
	field := f.field
	for field != "" && s.lines[field] == 0 {
		field = field[:max(0, strings.LastIndexAny(field, ".["))]
	}
	message := fmt.Sprintf("server %s: %s", quotedName(s.Name), f.message)
	if f.ofServer {
		message = fmt.Sprintf("server %s %s", quotedName(s.Name), f.message)
	}
	return &Problem{File: s.File, Line: s.lines[field], Message: message, Hint: f.hint}
}

// quotedName is the name of a server within a sentence, also one that is too
// long to be valid.
func quotedName(name string) string {
	if r := []rune(name); len(r) > maxName {
		name = string(r[:maxName]) + "…"
	}
	return fmt.Sprintf("%q", name)
}
