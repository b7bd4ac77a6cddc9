package rawjson

import (
	"bytes"
	"math/big"
	"strconv"
)

// isInteger reports whether a JSON number has no fraction: 7, 7.0 and 7e3 have
// none. It counts digits and never expands an exponent.
func isInteger(number []byte) bool {
	mantissa, exponent := number, 0
	if i := bytes.IndexAny(number, "eE"); i >= 0 {
		mantissa = number[:i]
		var err error
		if exponent, err = strconv.Atoi(string(number[i+1:])); err != nil {
			exponent = 1 // out of range: positive makes an integer of any mantissa
			if number[i+1] == '-' {
				return len(bytes.Trim(mantissa, "-0.")) == 0
			}
			return true
		}
	}
	if len(bytes.Trim(mantissa, "-0.")) == 0 {
		return true // zero
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	if places := len(bytes.TrimRight(fraction, "0")); places > 0 {
		return places <= exponent
	}
	zeros := len(whole) - len(bytes.TrimRight(whole, "0"))
	return -zeros <= exponent
}

// Numbers beyond these are compared as float64: an exponent of nine digits
// would otherwise be expanded into a gigabyte.
const (
	maxExactDigits   = 1000
	maxExactExponent = 1000
)

// Exact returns the number as a fraction, unless it is absurdly large.
func Exact(number []byte) (*big.Rat, bool) {
	if len(number) > maxExactDigits {
		return nil, false
	}
	if i := bytes.IndexAny(number, "eE"); i >= 0 {
		e, err := strconv.Atoi(string(number[i+1:]))
		if err != nil || e > maxExactExponent || e < -maxExactExponent {
			return nil, false
		}
	}
	return new(big.Rat).SetString(string(number))
}

// CompareNumbers orders two JSON numbers, exactly wherever that is feasible.
func CompareNumbers(a, b []byte) int {
	if bytes.Equal(a, b) {
		return 0
	}
	if x, ok := Exact(a); ok {
		if y, ok := Exact(b); ok {
			return x.Cmp(y)
		}
	}
	x, _ := strconv.ParseFloat(string(a), 64) // out of range is ±Inf, which orders well
	y, _ := strconv.ParseFloat(string(b), 64)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
