package upstream

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

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

var versionForm = regexp.MustCompile(`20\d\d-\d\d-\d\d`)

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
	for _, v := range versionForm.FindAll(text, -1) {
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

// mendInitialize returns a result of initialize or server/discover in which
// objects are objects: PHP writes an empty one as [], others write true or null.
func mendInitialize(result json.RawMessage) json.RawMessage {
	if !raw.IsObject(result) {
		return result
	}
	return mendObjects(result, func(name string) bool {
		return name == `"capabilities"` || name == `"serverInfo"` || name == `"_meta"`
	}, func(name string, value json.RawMessage) json.RawMessage {
		if name != `"capabilities"` {
			return value
		}
		return mendObjects(value, func(string) bool { return true }, func(_ string, v json.RawMessage) json.RawMessage { return v })
	})
}

// mendObjects returns the object with the members that are meant to be objects
// made so, and what inside makes of those that are.
func mendObjects(object json.RawMessage, meant func(name string) bool, inside func(string, json.RawMessage) json.RawMessage) json.RawMessage {
	var out json.RawMessage
	last := 0
	for key, at := range raw.Members(object) {
		if !meant(string(key)) {
			continue
		}
		value := json.RawMessage(at.In(object))
		switch string(value) {
		case `[]`, `true`:
			value = json.RawMessage(`{}`)
		case `false`:
			value = json.RawMessage(`null`)
		default:
			value = inside(string(key), value)
		}
		out = append(append(out, object[last:at.Start]...), value...)
		last = at.End
	}
	return append(out, object[last:]...)
}
