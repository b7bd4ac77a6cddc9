package upstream

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/upstream/raw"
)

// legacyVersions are the protocol versions with a session handshake, newest
// first.
var legacyVersions = []string{lastLegacy, "2025-06-18", "2025-03-26", "2024-11-05"}

// A VersionError says that the upstream speaks a version of the protocol that
// the proxy does not know.
type VersionError struct{ Version string }

func (e *VersionError) Error() string {
	return fmt.Sprintf("it speaks MCP %q, which is not known here", e.Version)
}

var errBadAnswer = errors.New("its answer to initialize is not as MCP has it")

// badAnswer says what is wrong with a result of initialize that the SDK's
// session did not take.
func badAnswer(result json.RawMessage) error {
	var version string
	err := json.Unmarshal(raw.Member(result, "protocolVersion"), &version)
	if err != nil || slices.Contains(legacyVersions, version) {
		return errBadAnswer
	}
	return &VersionError{Version: version[:min(len(version), 40)]}
}

var versionForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`20\d\d-\d\d-\d\d`) })

// namedVersion returns the newest of the versions that a refusal of initialize
// names, older than the one that was asked for, or "" (MCP 2025-11-25,
// basic/lifecycle, version negotiation: in the data of -32602; some servers
// name them in the words of a 400).
func namedVersion(err error, asked string) string {
	var text []byte
	if e, ok := errors.AsType[*jsonrpc.Error](err); ok {
		text = append(append(text, e.Message...), e.Data...)
	} else if e, ok := errors.AsType[*StatusError](err); ok && e.Code == http.StatusBadRequest {
		text = []byte(e.Words)
	}
	var named []string
	for _, v := range versionForm().FindAll(text, -1) {
		named = append(named, string(v))
	}
	asked = cmp.Or(asked, lastLegacy)
	for _, v := range legacyVersions {
		if v < asked && slices.Contains(named, v) {
			return v
		}
	}
	return ""
}

// mendInitialize returns a result of initialize or server/discover in which the
// members that the SDK reads have the types that it expects: PHP writes an empty
// object as [], others write true, null, a number or a text in place of another.
// Those that nobody needs are left out, since many small objects take 40 times
// their size when the SDK decodes them.
func mendInitialize(result json.RawMessage) json.RawMessage {
	return mapMembers(result, func(name string, value json.RawMessage) json.RawMessage {
		switch name {
		case `"capabilities"`:
			return mapMembers(asObject(value), mendCapability)
		case `"serverInfo"`:
			return mapMembers(asObject(value), mendInfo)
		case `"_meta"`:
			return mapMembers(asObject(value), mendMeta)
		case `"instructions"`:
			return asText(value)
		case `"protocolVersion"`, `"resultType"`, `"ttlMs"`, `"cacheScope"`:
			return value
		case `"supportedVersions"`:
			if len(value) <= maxParams {
				return value
			}
		}
		return nil
	})
}

func mendCapability(name string, value json.RawMessage) json.RawMessage {
	switch name {
	case `"tools"`, `"prompts"`, `"resources"`, `"logging"`, `"completions"`:
		return mapMembers(asObject(value), func(name string, value json.RawMessage) json.RawMessage {
			if name == `"listChanged"` || name == `"subscribe"` {
				return asBool(value)
			}
			return nil
		})
	}
	return nil
}

// mendMeta keeps what a server of 2026-07-28 says of itself.
func mendMeta(name string, value json.RawMessage) json.RawMessage {
	if raw.KeyIs([]byte(name), mcp.MetaKeyServerInfo) {
		return mapMembers(asObject(value), mendInfo)
	}
	return nil
}

func mendInfo(name string, value json.RawMessage) json.RawMessage {
	switch name {
	case `"name"`, `"title"`, `"version"`:
		return asText(value)
	}
	return nil
}

// mapMembers returns the object with what f makes of each member, nil for nothing.
// What is no object stays as it is.
func mapMembers(object json.RawMessage, f func(name string, value json.RawMessage) json.RawMessage) json.RawMessage {
	if !raw.IsObject(object) {
		return object
	}
	out := json.RawMessage(`{`)
	for key, at := range raw.Members(object) {
		value := f(string(key), at.In(object))
		if value == nil {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}')
}

func asObject(value json.RawMessage) json.RawMessage {
	switch {
	case raw.IsObject(value), string(value) == "null":
		return value
	case string(value) == "false":
		return json.RawMessage(`null`)
	}
	return json.RawMessage(`{}`)
}

func asBool(value json.RawMessage) json.RawMessage {
	if string(value) == "true" {
		return value
	}
	return json.RawMessage(`false`)
}

func asText(value json.RawMessage) json.RawMessage {
	switch value[0] {
	case '"', 'n':
		return value
	case '{', '[':
		return json.RawMessage(`""`)
	}
	return json.RawMessage(`"` + string(value) + `"`) // a number, true or false
}
