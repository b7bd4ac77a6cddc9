package catalog

import (
	"bytes"
	"testing"
)

func TestReadingLeavesTheDocumentAlone(t *testing.T) {
	t.Parallel()
	document := []byte(`{"a":[1.5,-20.25e1,1.50],"b":{"c":"\u00e9"}}`)
	before := bytes.Clone(document)
	v, ok := parse(document, 10)
	if !ok || !bytes.Equal(document, before) {
		t.Fatalf("document is now %s", document)
	}
	if c := v.get("b").get("c"); c.text() != "é" || string(document[c.at:c.at+len(c.raw)]) != `"\u00e9"` {
		t.Errorf("c is %q at %d", c.raw, c.at)
	}
}
