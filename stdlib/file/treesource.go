package file

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"bsdrun/runtime/effect"
)

// hostSource is a tree of a host that goes elsewhere.
type hostSource struct {
	*hostTree
	tool string // that packs it there
}

// look leaves out what is excluded, and what no archive carries: sockets, pipes and
// devices.
func (t *hostSource) look(ctx context.Context) (entries, error) {
	all, err := t.hostTree.look(ctx)
	if err != nil {
		return nil, err
	}
	switch top, there := all["."]; {
	case !there:
		return nil, missing(t.op, t.path)
	case top.kind != "directory":
		return nil, effect.Errorf(effect.Failed, t.op, "%s is no directory", t.path)
	}
	for name, e := range all {
		if e.kind == "special" || excludes(t.exclude, name) {
			delete(all, name)
		} else if err := checkName(t.op, name, e); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// packing chooses what packs the stream on its way from here; both ends of a
// longer way must have it.
func (t *hostSource) packing(all entries, names, tools []string) string {
	const worthGzip = 16 << 20 // where it takes no time to speak of
	t.tool = ""
	if slices.Contains(t.tools, "zstd") {
		t.tool = "zstd"
	} else if slices.Contains(t.tools, "gzip") && all.size(names) < worthGzip {
		t.tool = "gzip"
	}
	if slices.Contains(tools, t.tool) {
		return t.tool
	}
	return ""
}

// stream has the host archive the names, and unpacks that as it comes. Files are
// hashed once more in the end, so that those that changed are known.
func (t *hostSource) stream(ctx context.Context, names []string, take func(item) error) (torn []string, err error) {
	out, in := io.Pipe()
	var res effect.Result
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var failure error
		res, failure = t.archive(ctx, names, in)
		in.CloseWithError(failure)
	}()
	sums, err := t.unpackItems(out, names, take)
	_ = out.CloseWithError(errUnread)
	<-ended
	if err != nil {
		return nil, err
	}
	if said, serious := complaints(res.Stderr); serious {
		return nil, effect.WithHint(&effect.Error{Op: t.op, Kind: effect.Denied, Err: said, Message: "not all of " + t.path + " can be read: " + firstLine(said)},
			"--become root may read all")
	}
	return t.torn(ctx, sums)
}

// archive runs tar(1) on the host.
func (t *hostSource) archive(ctx context.Context, names []string, to io.Writer) (effect.Result, error) {
	script := `cd "$1" && tar --null --no-recursion -cf - -T -`
	if t.tool != "" {
		script += " | " + t.tool + " -1 -c"
	}
	return t.h.Do(ctx, effect.Effect{
		Op: t.op, Kind: effect.Read, Title: "archive " + t.path, Want: []int{0, 1, 2},
		Argv:  []string{"/bin/sh", "-c", script, "archive", t.path},
		Stdin: listed(names), Sink: to, Reads: []effect.Resource{effect.Tree(t.path)},
	})
}

// unpackItems hands out what an archive holds and returns the sums of the files.
func (t *hostSource) unpackItems(r io.Reader, names []string, take func(item) error) (entries, error) {
	plain, err := decompressor(t.tool, r)
	if err != nil {
		return nil, cutOff(t.op, err)
	}
	defer plain.Close()
	asked := map[string]bool{}
	for _, name := range names {
		asked[name] = true
	}
	sums := entries{}
	for in := tar.NewReader(plain); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, r) // what pads the archive
			return sums, cutOff(t.op, err)
		}
		if err != nil {
			return nil, cutOff(t.op, err)
		}
		name := path.Clean(h.Name)
		if !asked[name] {
			return nil, effect.Errorf(effect.Failed, t.op, "the host sent %q, which nobody asked for", h.Name)
		}
		delete(asked, name)
		i := item{name: name, size: h.Size, modified: h.ModTime}
		sum := sha256.New()
		switch h.Typeflag {
		case tar.TypeReg:
			i.content = io.TeeReader(in, sum)
		case tar.TypeLink:
			i.same = path.Clean(h.Linkname)
		}
		if err := take(i); err != nil {
			return nil, err
		}
		if i.content != nil {
			sums[name] = entry{kind: "file", sum: hex.EncodeToString(sum.Sum(nil))}
		}
	}
}

// cutOff explains a stream that ends too early; why the host ended it counts more.
func cutOff(op string, err error) error {
	var known *effect.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return effect.Errorf(effect.Failed, op, "the archive that the host sent is not whole: %v", err)
}

// torn are the files that are not any more what came.
func (t *hostSource) torn(ctx context.Context, sums entries) (torn []string, err error) {
	now, names := entries{}, []string{}
	for name := range sums {
		now[name] = entry{kind: "file"}
		names = append(names, name)
	}
	slices.Sort(names)
	if err := t.hash(ctx, now, names); err != nil {
		return nil, err
	}
	for _, name := range names {
		if now[name].sum != sums[name].sum {
			torn = append(torn, name)
		}
	}
	return torn, nil
}

// decompressor unpacks what is read; it is to be closed.
func decompressor(tool string, r io.Reader) (io.ReadCloser, error) {
	switch tool {
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case "gzip":
		return gzip.NewReader(r)
	}
	return io.NopCloser(r), nil
}

// excludes tells whether a name, or a directory above it, is left alone.
func excludes(patterns []string, name string) bool {
	return name != "." && slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return excluded(patterns, part) })
}
