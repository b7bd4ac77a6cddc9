// Package rawjson reads JSON values as they stand in a document: nothing is
// converted, so bytes, order, spelling and digits are kept.
package rawjson
