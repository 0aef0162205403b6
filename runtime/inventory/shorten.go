package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// Shorten writes many names as few: web01, web02, web03, web07 and db as
// web[01:03,07] and db. Joined by commas they are a selector that means the same
// hosts. They come in the order of their first names.
func Shorten(names []string) []string {
	var order []string
	families := map[string][]string{} // numbers as they are written, by what is around them
	for _, name := range names {
		around, number := takeNumber(name)
		if families[around] == nil {
			order = append(order, around)
		}
		families[around] = append(families[around], number)
	}
	out := make([]string, len(order))
	for i, around := range order {
		out[i] = strings.Replace(around, gap, numberRanges(families[around]), 1)
	}
	return out
}

// gap is where the number of a name stood; no name has it.
const gap = "\x00"

var (
	// hostNumber is the last number of a host's own name; what follows is its
	// domain, port or jail.
	hostNumber = lazyregexp.New(`^((?:[^@\[\]:]*@)?[^.:/@\[\]]*?)([0-9]+)([^0-9.:/@\[\]]*(?:[./][^:\[\]]*)?(?::[0-9]+)?(?:/.*)?)$`)
	// addressNumber is the last one of an IPv4 address.
	addressNumber = lazyregexp.New(`^((?:[^@\[\]:]*@)?[0-9]+\.[0-9]+\.[0-9]+\.)([0-9]+)((?::[0-9]+)?(?:/.*)?)$`)
)

// maxDigits keeps numbers within an int.
const maxDigits = 15

// takeNumber takes the number that counts hosts out of a name, and leaves a gap.
func takeNumber(name string) (around, number string) {
	for _, pattern := range []*lazyregexp.Regexp{addressNumber, hostNumber} {
		if m := pattern.FindStringSubmatch(name); m != nil && len(m[2]) <= maxDigits {
			return m[1] + gap + m[3], m[2]
		}
	}
	return name, ""
}

// numberRanges writes numbers as ranges: [01:03,07]; one alone stays as it is.
func numberRanges(numbers []string) string {
	slices.SortFunc(numbers, func(a, b string) int {
		return cmp.Or(cmp.Compare(numeric(a), numeric(b)), cmp.Compare(len(a), len(b)))
	})
	numbers = slices.Compact(numbers)
	if len(numbers) == 1 {
		return numbers[0]
	}
	var items []string
	for from := 0; from < len(numbers); {
		to := from
		for to+1 < len(numbers) && numbers[to+1] == fmt.Sprintf("%0*d", len(numbers[from]), numeric(numbers[to])+1) {
			to++
		}
		if to == from {
			items = append(items, numbers[from])
		} else {
			items = append(items, numbers[from]+":"+numbers[to])
		}
		from = to + 1
	}
	return "[" + strings.Join(items, ",") + "]"
}

func numeric(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}
