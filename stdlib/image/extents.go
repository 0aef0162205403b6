package image

import (
	"context"
	"encoding/json"
	"errors"
	"io"

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
	// A scattered image has a million extents: they are merged as they come.
	from, to := io.Pipe()
	type parsed struct {
		Extents
		err error
	}
	done := make(chan parsed, 1)
	go func() {
		found, err := parseExtents(from)
		_ = from.CloseWithError(err) // ends what still writes
		done <- parsed{found, err}
	}()
	_, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: a.command("map"), Sink: to, Reads: []effect.Resource{effect.File(a.Path)},
	})
	_ = to.Close()
	found := <-done
	switch {
	case err != nil && !errors.Is(err, found.err):
		return Extents{}, explain(err)
	case found.err != nil:
		return Extents{}, effect.Errorf(effect.Failed, op, "qemu-img map printed something else: %v", found.err)
	}
	return found.Extents, nil
}

// parseExtents reads qemu-img map.
func parseExtents(r io.Reader) (Extents, error) {
	all := Extents{Extents: []Extent{}}
	d := json.NewDecoder(r)
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		return all, cmpError(err, "no list")
	}
	for d.More() {
		var j struct {
			Start, Length int64
			Data, Zero    bool
		}
		if err := d.Decode(&j); err != nil {
			return all, err
		}
		if j.Start != all.Size || j.Length <= 0 || j.Start+j.Length < j.Start {
			return all, errors.New("the ranges do not follow one another")
		}
		all.add(Extent{j.Start, j.Length, j.Data && !j.Zero})
	}
	_, err := d.Token()
	return all, err
}

func cmpError(err error, text string) error {
	if err != nil {
		return err
	}
	return errors.New(text)
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
