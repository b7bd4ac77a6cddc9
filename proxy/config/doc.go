// Package config reads the configuration (DESIGN, section 4): which servers
// there are, how each is reached, and what a project may add once the person
// trusts it.
//
// [Load] reads both layers into a [Config], which is immutable and notices
// changes of its files. A [Server] is one entry as written; [Server.Usable]
// says whether it may be used, and [Server.Resolve] substitutes its
// placeholders and fills in what it leaves open. [Config.Masked] shows all of it
// without secrets. Each setting is declared by the package that obeys it and
// embedded here. [NewPaths] finds the files and folders of the proxy.
//
// Invariants: a mistake affects only the entry or the setting that it is in, and
// is reported with its file and line. Nothing of a project's file but valid
// server names is used or shown until [Trust] has recorded exactly its path and
// contents. No [Problem] quotes a value that may be a secret. Nothing here
// writes to a configuration file or changes its access rights.
//
// The package starts no goroutine and has no mutex. Its only lock is that of
// trust.json in the state folder, which several processes write: [Trust] holds
// it, and reading takes none.
//
// Start reading at [Load] in load.go, then the decoder in decode.go and the
// checker in check.go.
package config
