// Package bulk is about big content that is moved piece by piece: which parts
// hold data, which have arrived, and how fast they may go.
package bulk

import (
	"bytes"
	"cmp"
	"slices"

	"bsdrun/runtime/effect"
)

const (
	// Block is what data begins and ends with: nothing smaller is asked for or
	// left out.
	Block = 128 << 10
	// join is the gap up to which two parts are one: reading its zeroes costs
	// less than starting anew behind them.
	join = 512 << 10
	// A piece is what is noted as one: a small part of the whole, but not so small
	// that many are to be noted. It has at most grains parts that a
	// look at what arrived tells apart.
	minPiece = 4 << 20
	maxPiece = 256 << 20
	grains   = 64
)

// PieceSize is how long the pieces of a content are. It is a function of the
// size alone, so that every run cuts alike.
func PieceSize(size int64) int64 {
	piece := int64(minPiece)
	for piece < maxPiece && piece < size/32 {
		piece *= 2
	}
	return piece
}

// Piece is a part of a content that is sent and noted as one. Between its
// extents there is nothing but zeroes.
type Piece struct {
	Index   int // its offset by the length of a piece
	Extents []effect.Extent
}

// Length is how much data the piece holds.
func (p Piece) Length() int64 { return Length(p.Extents) }

// Grains cuts the piece into what a look at what arrived tells apart.
func (p Piece) Grains(size int64) []effect.Extent {
	return cut(p.Extents, max(PieceSize(size)/grains, Block))
}

// Length is how long extents are together.
func Length(extents []effect.Extent) int64 {
	n := int64(0)
	for _, x := range extents {
		n += x.Length
	}
	return n
}

// Cover widens extents to whole blocks, as far as the content goes, and joins
// what is close together.
func Cover(extents []effect.Extent, size int64) []effect.Extent {
	extents = slices.Clone(extents)
	slices.SortFunc(extents, func(a, b effect.Extent) int { return cmp.Compare(a.Offset, b.Offset) })
	var covered []effect.Extent
	for _, x := range extents {
		begin := max(x.Offset, 0) / Block * Block
		end := min((x.End()+Block-1)/Block*Block, size)
		if end <= begin || x.Length <= 0 {
			continue
		}
		if n := len(covered); n > 0 && begin-covered[n-1].End() < join {
			covered[n-1].Length = max(covered[n-1].End(), end) - covered[n-1].Offset
			continue
		}
		covered = append(covered, effect.Extent{Offset: begin, Length: end - begin})
	}
	return covered
}

// cut parts extents where a multiple of length lies within.
func cut(extents []effect.Extent, length int64) []effect.Extent {
	var parts []effect.Extent
	for _, x := range extents {
		for at := x.Offset; at < x.End(); {
			end := min(at/length*length+length, x.End())
			parts = append(parts, effect.Extent{Offset: at, Length: end - at})
			at = end
		}
	}
	return parts
}

// Pieces cuts the data of a content into pieces. One that holds no data is none.
func Pieces(extents []effect.Extent, size int64) []Piece {
	length := PieceSize(size)
	var pieces []Piece
	for _, x := range cut(Cover(extents, size), length) {
		index := int(x.Offset / length)
		if n := len(pieces); n > 0 && pieces[n-1].Index == index {
			pieces[n-1].Extents = append(pieces[n-1].Extents, x)
			continue
		}
		pieces = append(pieces, Piece{Index: index, Extents: []effect.Extent{x}})
	}
	return pieces
}

// Blocks cuts extents into single blocks.
func Blocks(extents []effect.Extent) []effect.Extent { return cut(extents, Block) }

// Missing is what is left of extents without the blocks that are there.
func Missing(extents []effect.Extent, there func(offset int64) bool) []effect.Extent {
	var missing []effect.Extent
	for _, b := range Blocks(extents) {
		if there(b.Offset) {
			continue
		}
		if n := len(missing); n > 0 && missing[n-1].End() == b.Offset {
			missing[n-1].Length += b.Length
			continue
		}
		missing = append(missing, b)
	}
	return missing
}

var zeroes [Block]byte

// Zero tells whether there is nothing but zeroes; of up to a Block.
func Zero(b []byte) bool { return bytes.Equal(b, zeroes[:len(b)]) }

// page is what file systems count holes in.
const page = 4096

// Trim is where the data of a block begins and ends, in whole pages: the same
// place where there is none.
func Trim(b []byte) (begin, end int) {
	end = len(b)
	for begin < end && Zero(b[begin:min(begin+page, end)]) {
		begin = min(begin+page, end)
	}
	for end > begin {
		last := (end - 1) / page * page
		if !Zero(b[last:end]) {
			break
		}
		end = max(last, begin)
	}
	return begin, end
}

// Hashed are the parts that are hashed as one at both ends, and whether that is the
// whole: everything, unless most of it is empty and would cost more than the data.
func Hashed(extents []effect.Extent, size int64, whole bool) ([]effect.Extent, bool) {
	covered := Cover(extents, size)
	if whole || 2*Length(covered) >= size {
		return []effect.Extent{{Length: size}}, true
	}
	return covered, false
}

// Between is what lies between two offsets.
func Between(extents []effect.Extent, begin, end int64) []effect.Extent {
	var parts []effect.Extent
	for _, x := range extents {
		from, to := max(x.Offset, begin), min(x.End(), end)
		if from < to {
			parts = append(parts, effect.Extent{Offset: from, Length: to - from})
		}
	}
	return parts
}
