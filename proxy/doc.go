// Package proxy joins the catalogue, the upstreams and their credentials
// behind one tool, and owns the configuration file.
package proxy
