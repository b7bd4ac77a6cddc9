// Package catalog knows what can be done: the descriptors of every upstream's
// tools, how they are filtered, searched, described in short and validated
// against, and the snapshot of them on disk.
//
// The main type is [Catalog]. It holds, per upstream, the [Entry] that was
// last listed; everything else reads from it and needs no connection.
package catalog
