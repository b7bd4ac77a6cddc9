package auth

// CredentialKey is the name under which the credential of a server is kept:
// "mcp:NAME" for the global layer, and "mcp:NAME@HASH" for a project's, HASH
// being that of the project's path. project is "" for the global layer.
func CredentialKey(server, project string) string { return "" }
