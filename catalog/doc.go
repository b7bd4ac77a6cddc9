// Package catalog knows what can be done: the descriptors of every upstream's
// tools as last listed, filters on them, and their snapshot on disk. Everything
// here works without a connection.
//
// The main type is [Catalog], which holds an [Entry] for each upstream. A [Tool]
// is one descriptor (tool.go), a [Filter] says which tools may be seen
// (filter.go). A catalogue on disk is a snapshot shared by all processes of the
// user: snapshot.go reads and writes it, entryfile.go is the format of its
// files, upkeep.go evicts, rebuilds and removes damaged files.
//
// There are no goroutines. Changes on disk hold the file lock of the snapshot,
// readers need none; snapshot.mu may be taken while that lock is held, never the
// other way round, and Catalog.mu is held alone.
//
// What holds everywhere: an entry is found by the identity of its configuration,
// never by a name; a descriptor keeps its bytes; a file is replaced as a whole and
// has a checksum. Files are deliberately not synced to disk, because a lost entry
// is listed again.
//
// Below it, catalog/schema checks and repairs arguments, catalog/search ranks
// tools, catalog/clean makes foreign text harmless, catalog/names guesses which
// name is meant, catalog/rawjson reads JSON as it stands, and catalog/re2 compiles
// regular expressions that are not too large.
//
// Start reading at Catalog.Get and Catalog.Put.
package catalog
