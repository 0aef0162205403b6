package image

import (
	"context"
	"errors"
	"io"

	"bsdrun/runtime/bulk"
	"bsdrun/runtime/effect"
)

// Extents is what an image holds where.
type Extents struct {
	Size    int64    `lua:"size" doc:"bytes that a guest sees"`
	Data    int64    `lua:"data" doc:"bytes of ranges with data, which is what a raw image of it takes"`
	Zero    int64    `lua:"zero" doc:"bytes of ranges that read as zeroes"`
	Extents []Extent `lua:"extents" doc:"the ranges, from the start to the end"`
}

// Extent is a range of an image.
type Extent struct {
	Start  int64 `lua:"start" doc:"offset of its first byte"`
	Length int64 `lua:"length" doc:"its bytes"`
	Data   bool  `lua:"data" doc:"it holds data; else it reads as zeroes"`
}

// ExtentsOf returns what an image holds where.
func ExtentsOf(ctx context.Context, h effect.Doer, a Args) (Extents, error) {
	const op = "image.extents"
	if err := a.check(op); err != nil {
		return Extents{}, err
	}
	found, err := readExtents(func(to io.Writer) error {
		_, err := h.Do(ctx, effect.Effect{
			Op: op, Kind: effect.Read, Argv: a.command("map"), Sink: to, Reads: []effect.Resource{effect.File(a.Path)},
		})
		return err
	})
	if other := (bulk.MapError{}); errors.As(err, &other) {
		err = effect.Errorf(effect.Failed, op, "qemu-img map printed something else: %v", other)
	}
	if err != nil {
		return Extents{}, explain(err)
	}
	return found, nil
}

// readExtents reads what qemu-img map prints.
func readExtents(printed func(to io.Writer) error) (Extents, error) {
	all := Extents{Extents: []Extent{}}
	err := bulk.ReadMap(printed, func(x effect.Extent, data bool) { all.add(Extent{x.Offset, x.Length, data}) })
	return all, err
}

func (e *Extents) add(next Extent) {
	e.Size += next.Length
	if next.Data {
		e.Data += next.Length
	} else {
		e.Zero += next.Length
	}
	if n := len(e.Extents); n > 0 && e.Extents[n-1].Data == next.Data {
		e.Extents[n-1].Length += next.Length
		return
	}
	e.Extents = append(e.Extents, next)
}
