package threeway

// match finds a longest common subsequence of a and b: for each element of a
// the index of its partner in b, or -1.
func match(a, b []int) []int {
	partner := make([]int, len(a))
	for i := range partner {
		partner[i] = -1
	}
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		partner[start] = start
		start++
	}
	endA, endB := len(a), len(b)
	for endA > start && endB > start && a[endA-1] == b[endB-1] {
		endA, endB = endA-1, endB-1
		partner[endA] = endB
	}
	// What only one side has can have no partner, and would only cost time.
	indexA, valuesA := shared(a, start, endA, b[start:endB])
	indexB, valuesB := shared(b, start, endB, a[start:endA])
	for _, pair := range common(valuesA, valuesB) {
		partner[indexA[pair[0]]] = indexB[pair[1]]
	}
	return partner
}

// shared are the elements of list[start:end] that other has too, with their
// indexes.
func shared(list []int, start, end int, other []int) (indexes, values []int) {
	has := map[int]bool{}
	for _, v := range other {
		has[v] = true
	}
	for i := start; i < end; i++ {
		if has[list[i]] {
			indexes, values = append(indexes, i), append(values, list[i])
		}
	}
	return indexes, values
}

// common finds pairs of a longest common subsequence by Myers' greedy
// algorithm, keeping the frontier of every round to walk back.
func common(a, b []int) [][2]int {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	limit := len(a) + len(b)
	frontier := make([]int, 2*limit+2)
	var rounds [][]int
	for d := 0; d <= limit; d++ {
		rounds = append(rounds, append([]int(nil), frontier[limit-d:limit+d+1]...))
		for k := -d; k <= d; k += 2 {
			x := furthest(frontier, limit, k, d)
			y := x - k
			for x < len(a) && y < len(b) && a[x] == b[y] {
				x, y = x+1, y+1
			}
			frontier[limit+k] = x
			if x >= len(a) && y >= len(b) {
				return walkBack(rounds, len(a), len(b))
			}
		}
	}
	return nil // not reached: at d = limit everything is deleted and inserted
}

// furthest is where round d starts on diagonal k: a step down from the diagonal
// above, or right from the one below, whichever comes further.
func furthest(frontier []int, zero, k, d int) int {
	if stepsDown(frontier, zero, k, d) {
		return frontier[zero+k+1]
	}
	return frontier[zero+k-1] + 1
}

func stepsDown(frontier []int, zero, k, d int) bool {
	return k == -d || k != d && frontier[zero+k-1] < frontier[zero+k+1]
}

// walkBack collects the diagonal steps that led to (x, y). rounds[d] is the
// frontier before round d, on diagonals -d to d.
func walkBack(rounds [][]int, x, y int) [][2]int {
	var pairs [][2]int
	for d := len(rounds) - 1; d > 0; d-- {
		k := x - y
		start := furthest(rounds[d], d, k, d)
		for ; x > start; x, y = x-1, y-1 {
			pairs = append(pairs, [2]int{x - 1, y - 1})
		}
		if stepsDown(rounds[d], d, k, d) {
			y-- // the round began with a step down
		} else {
			x--
		}
	}
	for ; x > 0; x, y = x-1, y-1 {
		pairs = append(pairs, [2]int{x - 1, y - 1})
	}
	return pairs
}
