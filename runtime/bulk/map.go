package bulk

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// A map is a file beside what is being received. It says what has arrived:
//
//	bsdrun-map 2 PIECE IDENTITY    how long a piece is, and of which content
//	boot ID                        what follows was noted under this boot
//	INDEX                          a piece that is there
//
// What was noted under an earlier boot may never have come to the disk.

// Header is the first line of the map of a content.
func Header(size int64, identity string) string {
	sum := sha256.Sum256([]byte(identity))
	return fmt.Sprintf("bsdrun-map 2 %d %d-%s", PieceSize(size), size, hex.EncodeToString(sum[:12]))
}

// Map is what a map says.
type Map struct {
	Header string
	// Sure are the pieces that were noted under the running boot, Doubtful those
	// of earlier ones.
	Sure, Doubtful map[int]bool
}

var entry = lazyregexp.New(`^\d{1,9}$`)

// ParseMap reads a map. A line that was cut is none.
func ParseMap(text, boot string) Map {
	header, rest, _ := strings.Cut(text, "\n")
	m := Map{Header: header, Sure: map[int]bool{}, Doubtful: map[int]bool{}}
	sure := false
	for line := range strings.Lines(rest) {
		line, whole := strings.CutSuffix(line, "\n")
		if !whole {
			break
		}
		if id, ok := strings.CutPrefix(line, "boot "); ok {
			// Without an identity nobody knows.
			sure = id == boot && boot != "" && boot != "-"
			if !sure {
				maps.Copy(m.Doubtful, m.Sure)
				clear(m.Sure)
			}
			continue
		}
		if !entry.MatchString(line) {
			continue
		}
		index, _ := strconv.Atoi(line)
		if sure {
			m.Sure[index] = true
			delete(m.Doubtful, index)
		} else {
			m.Doubtful[index] = true
		}
	}
	return m
}
