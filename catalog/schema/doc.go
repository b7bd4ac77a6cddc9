// Package schema checks the arguments of a call against a JSON Schema, mends
// their slips and describes in one line what the schema asks for.
package schema
