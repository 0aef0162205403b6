package zpool

import (
	"math"
	"strconv"
	"strings"
)

const units = "BKMGTPEZ"

// parseSize reads a size as zpool(8) and zfs(8) print or take it: bytes, or a
// number with a unit ("123M", "1.5T", "0B").
func parseSize(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, n >= 0
	}
	number := strings.TrimRight(strings.ToUpper(text), "IB")
	power := 0
	if n := len(number); n > 0 {
		if at := strings.IndexByte(units, number[n-1]); at > 0 {
			number, power = number[:n-1], at
		}
	}
	if number == "" || strings.Trim(number, "0123456789.") != "" {
		return 0, false
	}
	value, err := strconv.ParseFloat(number, 64)
	bytes := math.Round(value * math.Pow(1024, float64(power)))
	if err != nil || bytes < 0 || bytes >= math.MaxInt64 {
		return 0, false
	}
	return int64(bytes), true
}

// size is parseSize for fields that may be "-".
func size(text string) int64 {
	n, _ := parseSize(text)
	return n
}

// percent reads "12%" or "12.5".
func percent(text string) float64 {
	n, _ := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	return finite(n)
}

// ratio reads "1.00x" or "1.00".
func ratio(text string) float64 {
	n, _ := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	return finite(n)
}

func finite(n float64) float64 {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return 0
	}
	return n
}

// sameValue tells whether a property has a wanted value: the tool tells sizes in
// bytes and takes them with units, and calls no limit either 0 or none.
func sameValue(have, want string) bool {
	if have == want {
		return true
	}
	unset := func(s string) bool { return s == "none" || s == "0" || s == "-" || s == "" }
	if unset(have) && unset(want) {
		return true
	}
	a, known := parseSize(have)
	b, wanted := parseSize(want)
	return known && wanted && a == b
}
