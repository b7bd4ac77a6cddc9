package rawjson

import (
	"encoding/json"
	"math/big"
	"testing"
)

func TestIsInteger(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]bool{
		"0": true, "-0": true, "7": true, "-7": true, "7.0": true, "7.10": false, "0.5": false, "-0.0": true,
		"1e2": true, "1E+2": true, "1e-1": false, "10e-1": true, "1200e-2": true, "1200e-3": false, "1.25e2": true, "1.25e1": false,
		"0e-999999999999": true, "0.0e5": true, "1e999999999999": true, "1e-999999999999": false, "12345678901234567890": true,
	} {
		if got := isInteger([]byte(number)); got != want {
			t.Errorf("%s: %v", number, got)
		}
	}
}

func FuzzNumbers(f *testing.F) {
	f.Add("1.50", "15e-1")
	f.Add("-0", "0e7")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !json.Valid([]byte(a)) || !json.Valid([]byte(b)) || len(a)+len(b) > 40 {
			return
		}
		x, ok := Exact([]byte(a))
		y, ok2 := Exact([]byte(b))
		if !ok || !ok2 {
			return
		}
		if got, want := CompareNumbers([]byte(a), []byte(b)), x.Cmp(y); got != want {
			t.Errorf("%s and %s compare as %d, want %d", a, b, got, want)
		}
		if got := isInteger([]byte(a)); got != new(big.Rat).Set(x).IsInt() {
			t.Errorf("%s is an integer: %v", a, got)
		}
	})
}
