package authtest

import (
	"net/http"
	"strings"
)

// A MetadataPlace is where authorization server metadata is served.
type MetadataPlace int

// The places, in the order in which an MCP client looks.
const (
	MetadataEverywhere     MetadataPlace = iota
	MetadataOAuth                        // RFC 8414: /.well-known/oauth-authorization-server + path
	MetadataOpenIDInserted               // /.well-known/openid-configuration + path
	MetadataOpenIDAppended               // path + /.well-known/openid-configuration
	MetadataNowhere
)

// A ResourceMetadataPlace is where protected resource metadata is served.
type ResourceMetadataPlace int

// The places.
const (
	ResourceMetadataByBoth    ResourceMetadataPlace = iota // named by the challenge, at the path's well-known URL
	ResourceMetadataAtPath                                 // at the path's well-known URL, not named
	ResourceMetadataAtRoot                                 // at the origin's well-known URL, not named
	ResourceMetadataElsewhere                              // named by the challenge, at no well-known URL
	ResourceMetadataNowhere
)

const (
	wellKnownResource = "/.well-known/oauth-protected-resource"
	elsewhere         = "/metadata/of/resource"
)

// metadata answers RFC 8414 section 3 and OpenID Connect Discovery section 4.
func (s *Server) metadata(w http.ResponseWriter, r *http.Request) {
	places := map[MetadataPlace]string{
		MetadataOAuth:          "/.well-known/oauth-authorization-server" + s.o.IssuerPath,
		MetadataOpenIDInserted: "/.well-known/openid-configuration" + s.o.IssuerPath,
		MetadataOpenIDAppended: s.o.IssuerPath + "/.well-known/openid-configuration",
	}
	found := false
	for place, path := range places {
		if r.URL.Path == path && (s.o.MetadataAt == MetadataEverywhere || s.o.MetadataAt == place) {
			found = true
		}
	}
	if !found {
		http.NotFound(w, r)
		return
	}
	doc := map[string]any{
		"issuer":                                         s.Issuer(),
		"authorization_endpoint":                         s.URL + "/authorize",
		"token_endpoint":                                 s.URL + "/token",
		"revocation_endpoint":                            s.URL + "/revoke",
		"introspection_endpoint":                         s.URL + "/introspect",
		"scopes_supported":                               s.o.Scopes,
		"response_types_supported":                       []string{"code"},
		"grant_types_supported":                          s.grantTypes(),
		"code_challenge_methods_supported":               []string{"S256"},
		"token_endpoint_auth_methods_supported":          s.o.AuthMethods,
		"authorization_response_iss_parameter_supported": true,
	}
	if !s.o.NoRegistration {
		doc["registration_endpoint"] = s.URL + "/register"
	}
	if !s.o.NoDevice {
		doc["device_authorization_endpoint"] = s.URL + "/device_authorization"
	}
	if s.o.Documents != nil {
		doc["client_id_metadata_document_supported"] = true
	}
	answer(w, http.StatusOK, s.override(Metadata, doc))
}

func (s *Server) grantTypes() []string {
	types := []string{grantCode, grantRefresh}
	if !s.o.NoDevice {
		types = append(types, grantDevice)
	}
	return types
}

// ResourceMetadata answers RFC 9728 section 3 for a resource on the
// requested host. The server uses it for /mcp; a resource on another origin
// mounts it at /.well-known/oauth-protected-resource and below.
func (s *Server) ResourceMetadata(w http.ResponseWriter, r *http.Request) {
	path, found := "/mcp", false
	switch s.o.ResourceMetadataAt {
	case ResourceMetadataByBoth, ResourceMetadataAtPath:
		path, found = strings.CutPrefix(r.URL.Path, wellKnownResource)
		found = found && path != ""
	case ResourceMetadataAtRoot:
		found = r.URL.Path == wellKnownResource
	case ResourceMetadataElsewhere:
		found = r.URL.Path == elsewhere
	}
	if !found {
		http.NotFound(w, r)
		return
	}
	answer(w, http.StatusOK, s.override(ResourceMetadata, map[string]any{
		"resource":                 "http://" + r.Host + path,
		"authorization_servers":    []string{s.Issuer()},
		"scopes_supported":         s.o.Scopes,
		"bearer_methods_supported": []string{"header"},
	}))
}

// resourceMetadataURL is the URL in a challenge, or "" for none.
func (s *Server) resourceMetadataURL(r *http.Request) string {
	switch s.o.ResourceMetadataAt {
	case ResourceMetadataByBoth:
		return "http://" + r.Host + wellKnownResource + r.URL.Path
	case ResourceMetadataElsewhere:
		return "http://" + r.Host + elsewhere
	}
	return ""
}
