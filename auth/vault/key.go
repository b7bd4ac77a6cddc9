package vault

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
)

// The namespaces of the vault. Each ends with its only colon, and a server
// name has none, so that keys of different namespaces differ.
const (
	credentialSpace = "mcp:"
	pendingSpace    = "mcp-pending:"
	partSpace       = "mcp-part:"
)

// Key is the name of the credential of a server: "mcp:NAME" for the global
// layer, where project is "", and "mcp:NAME@HASH" for a project, with the
// hash of its absolute path. "@" and "%" in the name are percent-encoded, so
// that no name looks like that of a project.
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

// splitKey is the inverse of Key, except that it returns the hash of the
// project.
func splitKey(key string) (server, projectHash string) {
	name, projectHash, _ := strings.Cut(strings.TrimPrefix(key, credentialSpace), "@")
	return nameDecoder.Replace(name), projectHash
}

// pendingKey is the name of the pending login for key.
func pendingKey(key string) string {
	return pendingSpace + strings.TrimPrefix(key, credentialSpace)
}

// hash represents a text in a key or a file name, by 128 bits.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}
