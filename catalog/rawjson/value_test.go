package rawjson_test

import (
	"bytes"
	"testing"

	"mcpproxy/catalog/rawjson"
)

func TestReadingLeavesTheDocumentAlone(t *testing.T) {
	t.Parallel()
	document := []byte(`{"a":[1.5,-20.25e1,1.50],"b":{"c":"\u00e9"}}`)
	before := bytes.Clone(document)
	v, ok := rawjson.Parse(document, 10)
	if !ok || !bytes.Equal(document, before) {
		t.Fatalf("document is now %s", document)
	}
	if c := v.Get("b").Get("c"); c.Text() != "é" || string(document[c.At:c.At+len(c.Raw)]) != `"\u00e9"` {
		t.Errorf("c is %q at %d", c.Raw, c.At)
	}
}
