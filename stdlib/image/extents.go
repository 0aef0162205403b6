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
	VDI     int64    `lua:"vdi" doc:"bytes of the MiB in which there is any data, which is what a VDI image of it takes"`
	Zero    int64    `lua:"zero" doc:"bytes of ranges that read as zeroes"`
	Extents []Extent `lua:"extents" doc:"the ranges, from the start to the end; none with totals"`
}

// Extent is a range of an image.
type Extent struct {
	Start  int64 `lua:"start" doc:"offset of its first byte"`
	Length int64 `lua:"length" doc:"its bytes"`
	Data   bool  `lua:"data" doc:"it holds data; else it reads as zeroes"`
}

// ExtentsArgs name an image.
type ExtentsArgs struct {
	Args   `lua:",inline"`
	Totals bool `lua:"totals" doc:"leave the ranges out: a scattered image has a million of them"`
}

// ExtentsOf returns what an image holds where.
func ExtentsOf(ctx context.Context, h effect.Doer, a ExtentsArgs) (Extents, error) {
	const op = "image.extents"
	if err := a.check(op); err != nil {
		return Extents{}, err
	}
	found, err := readExtents(a.Totals, func(to io.Writer) error {
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
func readExtents(totals bool, printed func(to io.Writer) error) (Extents, error) {
	all := adding{Extents: Extents{Extents: []Extent{}}}
	err := bulk.ReadMap(printed, func(x effect.Extent, data bool) {
		all.count(x, data)
		if !totals {
			all.add(Extent{x.Offset, x.Length, data})
		}
	})
	return all.Extents, err
}

// adding are Extents as they come.
type adding struct {
	Extents
	counted int64 // MiB before this one are in VDI
}

func (e *adding) count(x effect.Extent, data bool) {
	e.Size += x.Length
	if !data {
		e.Zero += x.Length
		return
	}
	e.Data += x.Length
	const mib = 1 << 20 // a block of VDI
	first, last := x.Offset/mib, (x.End()+mib-1)/mib
	e.VDI += (last - max(first, e.counted)) * mib
	e.counted = last
}

func (e *Extents) add(next Extent) {
	if n := len(e.Extents); n > 0 && e.Extents[n-1].Data == next.Data {
		e.Extents[n-1].Length += next.Length
		return
	}
	e.Extents = append(e.Extents, next)
}
