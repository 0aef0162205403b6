package bulk

import (
	"bytes"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
)

const tarBlock = 512

// TarExtents reads, from the beginning of an archive with one sparse file, where
// its data is: GNU's format 1.0 in pax headers, which GNU and FreeBSD write. It is
// nil where the archive does not tell; with cut it would, were there more of it.
func TarExtents(archive []byte, size int64) (extents []effect.Extent, cut bool) {
	told := false
	for len(archive) >= tarBlock {
		header := archive[:tarBlock]
		length, err := strconv.ParseInt(strings.Trim(string(header[124:136]), " \x00"), 8, 64)
		body := archive[tarBlock:]
		kind := header[156]
		switch {
		case kind != 'x' && kind != 'g':
			if !told {
				return nil, false
			}
			return tarMap(body, size)
		case err != nil || length < 0 || length > int64(len(body)):
			return nil, false
		}
		records := string(body[:length])
		if kind == 'x' && strings.Contains(records, " GNU.sparse.major=1\n") && strings.Contains(records, " GNU.sparse.minor=0\n") &&
			strings.Contains(records, " GNU.sparse.realsize="+strconv.FormatInt(size, 10)+"\n") {
			told = true
		}
		archive = body[min((length+tarBlock-1)/tarBlock*tarBlock, int64(len(body))):]
	}
	return nil, false
}

// tarMap reads the map before the data: the number of parts, then offset and
// length of each, a line each.
func tarMap(body []byte, size int64) (extents []effect.Extent, cut bool) {
	next := func() (int64, bool) {
		line, rest, ok := bytes.Cut(body, []byte("\n"))
		body, cut = rest, cut || !ok
		n, err := strconv.ParseInt(string(line), 10, 64)
		return n, ok && err == nil && n >= 0 && n <= size
	}
	count, ok := next()
	if !ok {
		return nil, cut
	}
	extents = []effect.Extent{}
	for range count {
		offset, ok := next()
		length, known := next()
		if !ok || !known || length > size-offset {
			return nil, cut
		}
		if length > 0 {
			extents = append(extents, effect.Extent{Offset: offset, Length: length})
		}
	}
	return extents, false
}
