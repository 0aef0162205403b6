package bulk

import (
	"encoding/json"
	"errors"
	"io"

	"bsdrun/runtime/effect"
)

// MapError says that what should be the answer of qemu-img map is something else.
type MapError struct{ error }

// ReadMap takes what qemu-img map --output=json prints, range by range: a scattered
// image has a million of them. printed has the command write into what it is given.
func ReadMap(printed func(to io.Writer) error, take func(x effect.Extent, data bool)) error {
	from, to := io.Pipe()
	parsed := make(chan error, 1)
	go func() {
		err := parseMap(from, take)
		if err == nil {
			_, _ = io.Copy(io.Discard, from) // the end of the line
		}
		_ = from.CloseWithError(err) // ends what still writes
		parsed <- err
	}()
	err := printed(to)
	_ = to.Close()
	other := <-parsed
	switch {
	case err != nil && !errors.Is(err, other):
		return err
	case other != nil:
		return MapError{other}
	}
	return nil
}

func parseMap(r io.Reader, take func(x effect.Extent, data bool)) error {
	d := json.NewDecoder(r)
	switch open, err := d.Token(); {
	case err != nil:
		return err
	case open != json.Delim('['):
		return errors.New("no list")
	}
	for end := int64(0); d.More(); {
		var j struct {
			Start, Length int64
			Data, Zero    bool
		}
		if err := d.Decode(&j); err != nil {
			return err
		}
		if j.Start != end || j.Length <= 0 || j.Start+j.Length < j.Start {
			return errors.New("the ranges do not follow one another")
		}
		end += j.Length
		take(effect.Extent{Offset: j.Start, Length: j.Length}, j.Data && !j.Zero)
	}
	_, err := d.Token()
	return err
}

// Mapped collects where a file of a size has data, as ReadMap tells it. What
// Cover would join is one part.
type Mapped struct {
	Size int64

	end  int64
	data []effect.Extent
}

// Take takes the next range.
func (m *Mapped) Take(x effect.Extent, data bool) {
	m.end = x.End()
	if !data {
		return
	}
	if n := len(m.data); n > 0 && x.Offset-m.data[n-1].End() < join {
		m.data[n-1].Length = x.End() - m.data[n-1].Offset
		return
	}
	m.data = append(m.data, x)
}

// Extents are the parts with data; nil where the map is one of another size.
func (m *Mapped) Extents() []effect.Extent {
	const sector = 512 // what QEMU counts in
	if m.end < m.Size || m.end >= m.Size+sector {
		return nil
	}
	return append([]effect.Extent{}, m.data...)
}
