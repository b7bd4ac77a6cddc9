// Package proxy joins the catalogue, the upstreams and their credentials
// behind one tool.
//
// There are three types, one for each lifetime. A [Proxy] is what belongs to
// the process: the catalogue, the bound on connections, the stored results, the
// record of failures. A [Session] is what belongs to one host or one command:
// its configuration and environment, the connections to the servers that it
// needed, the logins that it began. A [View] is what one request sees: one
// configuration, from which it takes its server once. The actions of the tool
// and of the command line are methods of View.
//
// [Session.Serve] speaks MCP with a host; its responder reads each call of the
// tool with package mcptool and answers it on one View. The other rooms are
// config (the file), host (the connection to the host), results (what is too
// large for a reply) and redact (secrets in our own words).
//
// Invariants: a request works on one configuration, and begins anew if a reload
// replaces its server before anything was sent; a call that may
// have run is not repeated unless its tool allows it; what an upstream answers
// passes byte for byte; errors carry facts, and advice to the model stands in
// reply.go and replylogin.go alone.
//
// Goroutines belong to a Session, which ends and waits for them in Close; only
// that of Serve, which waits for the SDK's session, is left behind if the host
// does not read. The Session's mutex guards the targets and logins and is not held while an entry is
// resolved, a connection is prepared or a file is read; holding it, no other
// lock is taken. loading is held while the configuration is read again, and
// comes before the mutex. Start reading at responder.handle in serve.go, then
// View.Call, then View.target and target.with.
package proxy
