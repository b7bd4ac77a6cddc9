package schema

import (
	"net/url"
	"strconv"
	"strings"

	"mcpproxy/catalog/rawjson"
)

const (
	maxURI     = 2 << 10 // of one resource, in bytes
	maxAllURIs = 1 << 20 // of all resources of a document, in bytes
)

// A resource is the document or a subschema with an $id of its own. References
// inside it are relative to it (core, section 8.2).
type resource struct {
	root    *rawjson.Value
	base    *url.URL // never contacted; nil if too long to be resolved against
	anchors map[string]*rawjson.Value
}

// enter returns the resource that v is or lies in, given the one around v. It
// makes a resource at the first visit.
func (c *compiler) enter(v *rawjson.Value, around *resource) *resource {
	if r := c.resources[v]; r != nil {
		return r
	}
	id := v.Get("$id").Text()
	if around != nil && (id == "" || id[0] == '#' || c.ignoreRefSiblings && v.Get("$ref") != nil) {
		return around
	}
	base, err := c.base(id, around)
	if err != nil {
		return around
	}
	r := &resource{root: v, base: base, anchors: make(map[string]*rawjson.Value)}
	c.resources[v] = r
	if base != nil && c.byURI[base.String()] == nil {
		c.byURI[base.String()] = r
	}
	return r
}

// base returns what references in a resource of that $id are relative to. The
// $ids of a small document can resolve to many times its size, so past the
// bounds there is none.
func (c *compiler) base(id string, around *resource) (*url.URL, error) {
	if len(id) > maxURI || c.uriBytes > maxAllURIs || around != nil && around.base == nil {
		return nil, nil
	}
	base, err := url.Parse(id)
	switch {
	case around != nil && err != nil:
		return nil, err
	case around != nil:
		base = around.base.ResolveReference(base)
	case err != nil: // the document, which is a resource in any case
		base = &url.URL{}
	}
	base.Fragment = ""
	n := len(base.String())
	if c.uriBytes += n; n > maxURI || c.uriBytes > maxAllURIs {
		return nil, nil
	}
	return base, nil
}

// findAnchors records the resources of the document and the anchors in them. It
// looks into every value, because an anchor inside a constant or an example does
// no harm: no reference leads to it.
func (c *compiler) findAnchors(v *rawjson.Value, around *resource) {
	r := c.enter(v, around)
	for _, keyword := range []string{"$anchor", "$dynamicAnchor", "$id"} {
		name := v.Get(keyword).Text()
		if keyword == "$id" { // in draft-07 an $id that is a fragment is an anchor
			var isFragment bool
			if name, isFragment = strings.CutPrefix(name, "#"); !isFragment {
				continue
			}
		}
		if name != "" {
			r.anchors[name] = v
		}
	}
	for i := range v.Members {
		c.findAnchors(&v.Members[i].Value, r)
	}
	for i := range v.Items {
		c.findAnchors(&v.Items[i], r)
	}
}

// follow returns the node that a $ref leads to: a resource of the document, or a
// place in one by JSON pointer (RFC 6901) or anchor. The node is opaque if there
// is no such place in the document.
func (c *compiler) follow(ref string, from *resource) *node {
	r, fragment := c.locate(ref, from)
	if r == nil {
		return &node{opaque: true}
	}
	target := r.root
	switch {
	case fragment == "":
	case fragment[0] != '/':
		target = r.anchors[fragment]
	default:
		for token := range strings.SplitSeq(fragment[1:], "/") {
			if target = step(target, token); target == nil {
				break
			}
			r = c.enter(target, r)
		}
	}
	if !isSchema(target) {
		return &node{opaque: true}
	}
	return c.compile(target, r)
}

// locate returns the resource that a $ref leads to, nil if it is not in the document,
// and the fragment decoded.
func (c *compiler) locate(ref string, from *resource) (r *resource, fragment string) {
	if from.base == nil {
		return nil, ""
	}
	uri := from.base
	fragment, within := strings.CutPrefix(ref, "#")
	if within { // as most are; resolving takes much longer
		var err error
		if fragment, err = url.PathUnescape(fragment); err != nil {
			return nil, ""
		}
	} else {
		parsed, err := url.Parse(ref)
		if err != nil {
			return nil, ""
		}
		uri = from.base.ResolveReference(parsed)
		fragment = uri.Fragment
		uri.Fragment, uri.RawFragment = "", ""
	}
	return c.byURI[uri.String()], fragment
}

// pointerEscapes are those of JSON pointers (RFC 6901, section 4).
var pointerEscapes = strings.NewReplacer("~1", "/", "~0", "~")

// step follows one token of a JSON pointer; nil means that it leads nowhere.
func step(v *rawjson.Value, token string) *rawjson.Value {
	if v.Type == rawjson.Array {
		if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(v.Items) {
			return &v.Items[i]
		}
		return nil
	}
	return v.Get(pointerEscapes.Replace(token))
}
