package vault

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
)

// The namespaces of the vault. A namespace never contains a colon beyond its
// last byte and a server name contains none at all, so that no two keys of
// different namespaces are equal.
const (
	credentialSpace = "mcp:"
	pendingSpace    = "mcp-pending:"
	partSpace       = "mcp-part:"
)

// Key is the name under which the credential of a server is kept:
// "mcp:NAME" for the global layer, and "mcp:NAME@HASH" for a project's, HASH
// being that of the project's absolute path. project is "" for the global
// layer. An "@" or "%" in the name is percent-encoded, so that no name can be
// mistaken for that of a project's server.
func Key(server, project string) string {
	key := credentialSpace + nameEncoder.Replace(server)
	if project != "" {
		key += "@" + hash(filepath.Clean(project))
	}
	return key
}

var (
	nameEncoder = strings.NewReplacer("%", "%25", "@", "%40")
	nameDecoder = strings.NewReplacer("%25", "%", "%40", "@")
)

// splitKey is the inverse of Key, but for the hash.
func splitKey(key string) (server, projectHash string) {
	name, projectHash, _ := strings.Cut(strings.TrimPrefix(key, credentialSpace), "@")
	return nameDecoder.Replace(name), projectHash
}

// pendingKey is where the secrets of a pending login for key are kept.
func pendingKey(key string) string {
	return pendingSpace + strings.TrimPrefix(key, credentialSpace)
}

// hash stands for a text in a key or a file name. Its 128 bits leave no chance
// of two projects meeting.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}
