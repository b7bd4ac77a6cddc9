package rawjson

import (
	"bytes"
	"cmp"
	"math/big"
	"strconv"
)

// isInteger reports whether a JSON number has no fraction, as 7, 7.0 and 7e3. It
// counts digits and does not expand the exponent.
func isInteger(number []byte) bool {
	mantissa, exponent := number, 0
	if i := bytes.IndexAny(number, "eE"); i >= 0 {
		mantissa = number[:i]
		var err error
		if exponent, err = strconv.Atoi(string(number[i+1:])); err != nil {
			// Out of range: with a positive exponent any mantissa is an integer,
			// with a negative one only zero is.
			return number[i+1] != '-' || len(bytes.Trim(mantissa, "-0.")) == 0
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

// Numbers beyond these bounds are compared as float64, because an exponent of nine
// digits would be expanded into a gigabyte.
const (
	maxExactDigits   = 1000
	maxExactExponent = 1000
)

// Exact returns a JSON number as a fraction. ok is false if it has more than 1,000
// bytes or an exponent beyond ±1,000.
func Exact(number []byte) (r *big.Rat, ok bool) {
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

// CompareNumbers returns -1, 0 or 1 as a is less than, equal to or more than b. It
// compares the exact values of numbers that [Exact] takes.
func CompareNumbers(a, b []byte) int {
	if bytes.Equal(a, b) {
		return 0
	}
	if x, ok := Exact(a); ok {
		if y, ok := Exact(b); ok {
			return x.Cmp(y)
		}
	}
	x, _ := strconv.ParseFloat(string(a), 64) // ±Inf if out of range
	y, _ := strconv.ParseFloat(string(b), 64)
	return cmp.Compare(x, y)
}
