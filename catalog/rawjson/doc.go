// Package rawjson reads JSON values as they stand in a document. It converts
// nothing, so bytes, order, spelling and digits are kept, and 9007199254740993
// does not become 9007199254740992.
//
// The main type is [Value], which [Parse] makes (value.go, scanner.go); numbers
// are compared by their digits (numbers.go). A Value shares the bytes of its
// document, so whoever has one must not change them. There are no goroutines
// and no locks. Start reading at Parse.
package rawjson
