package rawjson_test

import (
	"fmt"

	"mcpproxy/catalog/rawjson"
)

func ExampleParse() {
	document := []byte(`{"id": 12345678901234567890, "rows": [{"a": 1}]}`)
	v, ok := rawjson.Parse(document, 2)
	if !ok {
		fmt.Println("not JSON")
		return
	}
	for _, m := range v.Members {
		fmt.Printf("%s: %v at %d: %s\n", m.Name, m.Value.Type, m.Value.At, m.Value.Raw)
	}
	fmt.Println("row unread:", v.Get("rows").Items[0].Unread)
	// Output:
	// id: integer at 7: 12345678901234567890
	// rows: array at 37: [{"a": 1}]
	// row unread: true
}

// As float64 these two numbers are equal.
func ExampleCompareNumbers() {
	fmt.Println(rawjson.CompareNumbers([]byte("9007199254740992"), []byte("9007199254740993")))
	fmt.Println(rawjson.CompareNumbers([]byte("1.50"), []byte("15e-1")))
	// Output:
	// -1
	// 0
}
