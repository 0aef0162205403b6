package zfs

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/tests/onsim"
	"bsdrun/tests/zfsfuse"
)

// pair is a host that sends and one that receives, each with its own pool.
type pair struct {
	from, to *onsim.Count
	dir      string
}

// data makes a file system that is mounted, with a file of some size: more than a
// frame and a channel's window hold.
func (p pair) data(t *testing.T, name string) (at string) {
	t.Helper()
	at = p.dir + "/" + name
	sh(t, p.from, "zfs", "create", "-o", "mountpoint="+at, "tank/"+name)
	sh(t, p.from, "dd", "if=/dev/urandom", "of="+at+"/big", "bs=1048576", "count=3")
	return at
}

// below are the file systems of the receiving host under a name.
func (p pair) below(t *testing.T, name string) string {
	t.Helper()
	var found []string
	for _, word := range strings.Fields(names(t, p.to, ListArgs{})) {
		if word == name || strings.HasPrefix(word, name+"/") {
			found = append(found, word)
		}
	}
	return strings.Join(found, " ")
}

// The tools, the daemons and the ssh between them are real.
func TestSendToARealHost(t *testing.T) {
	host := zfsfuse.Start(t)
	host.NeedMounts(t)
	sh(t, host, "zpool", "create", "-m", "none", "tank", host.Disk(t, "tank"))
	p := pair{&onsim.Count{Doer: host}, pool(t, "backup"), host.Dir}
	for name, test := range map[string]func(*testing.T, pair){
		"snapshots": sendSnapshots, "its own way": sendToAnotherHistory, "trees": sendTrees, "within": sendWithin,
		"cut": sendThatIsCut, "full": sendToAFullPool,
	} {
		t.Run(name, func(t *testing.T) { test(t, p) })
	}
}

func sent(s Sent) string {
	var words []string
	for _, one := range s.Snapshots {
		words = append(words, strings.TrimSuffix(one.From+">"+one.Snapshot+">"+one.Target, " "))
	}
	return strings.Join(words, " ")
}

func sendSnapshots(t *testing.T, p pair) {
	from, to, ctx := p.from, p.to, t.Context()
	at := p.data(t, "data")
	a := SendArgs{Dataset: "tank/data", Host: to, To: "backup/data"}
	if _, err := SendTo(ctx, from, a); effect.KindOf(err) != effect.Missing || !strings.Contains(err.Error(), "has no snapshot") {
		t.Errorf("without a snapshot: %v", err)
	}
	sh(t, from, "zfs", "snapshot", "tank/data@one")
	sh(t, from, "sh", "-c", `echo two >"$1"/two`, "sh", at)
	sh(t, from, "zfs", "snapshot", "tank/data@two")

	would, err := SendTo(ctx, from, SendArgs{Dataset: "tank/data", Host: effect.Chain(to, layer.Check()), To: "backup/data"})
	if err != nil || sent(would) != ">tank/data@one>backup/data@one tank/data@one>tank/data@two>backup/data@two" || would.Bytes != 0 {
		t.Fatalf("in check mode: %+v, %v", would, err)
	}
	if got := p.below(t, "backup/data"); got != "" {
		t.Fatalf("check mode sent: %s", got)
	}
	done, err := SendTo(ctx, from, a)
	if err != nil || sent(done) != sent(would) || done.Bytes < 3<<20 {
		t.Fatalf("all: %+v, %v", done, err)
	}
	if here, there := guid(t, from, "tank/data@two"), guid(t, to, "backup/data@two"); here != there {
		t.Errorf("guids %s and %s", here, there)
	}
	if out := sh(t, to, "zfs", "get", "-H", "-o", "value", "mounted", "backup/data"); out != "no\n" {
		t.Errorf("mounted: %q", out)
	}
	changes := to.Changes
	if done, err = SendTo(ctx, from, a); err != nil || done.Changed || to.Changes != changes {
		t.Errorf("again: %+v, %v", done, err)
	}

	sh(t, from, "zfs", "snapshot", "tank/data@three")
	sh(t, from, "zfs", "snapshot", "tank/data@four")
	no := false
	done, err = SendTo(ctx, from, SendArgs{Dataset: "tank/data", Host: to, To: "backup/data", Intermediate: &no})
	if err != nil || sent(done) != "tank/data@two>tank/data@four>backup/data@four" {
		t.Errorf("the difference: %+v, %v", done, err)
	}
}

func guid(t *testing.T, h effect.Doer, name string) string {
	t.Helper()
	return sh(t, h, "zfs", "get", "-Hp", "-o", "value", "guid", name)
}

func sendToAnotherHistory(t *testing.T, p pair) {
	from, to, ctx := p.from, p.to, t.Context()
	p.data(t, "way")
	sh(t, from, "zfs", "snapshot", "tank/way@one")
	a := SendArgs{Dataset: "tank/way@one", Host: to, To: "backup/way"}
	if _, err := SendTo(ctx, from, a); err != nil {
		t.Fatal(err)
	}
	sh(t, from, "zfs", "snapshot", "tank/way@two")
	sh(t, to, "zfs", "snapshot", "backup/way@theirs")
	a.Dataset = "tank/way"
	changes := to.Changes
	if _, err := SendTo(ctx, from, a); effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "backup/way@theirs") || to.Changes != changes {
		t.Errorf("a later snapshot there: %v", err)
	}
	a.Force = true
	done, err := SendTo(ctx, from, a)
	if err != nil || strings.Join(done.Lost, " ") != "backup/way@theirs" || sent(done) != "tank/way@one>tank/way@two>backup/way@two" {
		t.Errorf("by force: %+v, %v", done, err)
	}
	sh(t, to, "zfs", "create", "backup/other")
	a.To = "backup/other"
	if _, err := SendTo(ctx, from, a); effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "no snapshot in common") {
		t.Errorf("something else there: %v", err)
	}
	a.To = "backup/no/such"
	if _, err := SendTo(ctx, from, a); effect.KindOf(err) != effect.Missing {
		t.Errorf("nothing to lie in: %v", err)
	}
	a.To = "nowhere"
	if _, err := SendTo(ctx, from, a); effect.KindOf(err) != effect.Missing {
		t.Errorf("no such pool: %v", err)
	}
}

func sendTrees(t *testing.T, p pair) {
	from, to := p.from, p.to
	p.data(t, "tree")
	sh(t, from, "zfs", "create", "-o", "mountpoint=none", "tank/tree/sub")
	sh(t, from, "zfs", "snapshot", "-r", "tank/tree@one")
	sh(t, from, "zfs", "create", "-o", "mountpoint=none", "tank/tree/new")
	a := SendArgs{Dataset: "tank/tree", Host: effect.Chain(to, layer.Check()), To: "backup/tree", Recursive: true}
	would, err := SendTo(t.Context(), from, a)
	if err != nil || sent(would) != ">tank/tree@one>backup/tree@one >tank/tree/sub@one>backup/tree/sub@one" {
		t.Fatalf("in check mode: %+v, %v", would, err)
	}
	a.Host = to
	done, err := SendTo(t.Context(), from, a)
	if err != nil || sent(done) != sent(would) {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := names(t, to, ListArgs{Name: "backup/tree", Types: []string{"snapshot"}}); got != "backup/tree@one backup/tree/sub@one" {
		t.Errorf("there: %s", got)
	}
}

// A host may send to itself: neither end waits for the other for ever.
func sendWithin(t *testing.T, p pair) {
	p.data(t, "here")
	sh(t, p.from, "zfs", "snapshot", "tank/here@one")
	limited := effect.Chain(p.from, layer.Limit(1))
	if done, err := SendTo(t.Context(), limited, SendArgs{Dataset: "tank/here", Host: limited, To: "tank/copy"}); err != nil || done.Bytes < 3<<20 {
		t.Fatalf("%+v, %v", done, err)
	}
}

var errCut = errors.New("the cable was pulled")

// cut ends a stream after some bytes.
func cut(h effect.Doer, after int64) effect.Doer {
	return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.Sink != nil {
			e.Sink = &shears{w: e.Sink, left: after}
		}
		return h.Do(ctx, e)
	})
}

type shears struct {
	w    io.Writer
	left int64
}

func (s *shears) Write(p []byte) (int, error) {
	if s.left -= int64(len(p)); s.left < 0 {
		return 0, errCut
	}
	return s.w.Write(p)
}

// Where nothing is kept of a stream that was cut, the next begins anew.
func sendThatIsCut(t *testing.T, p pair) {
	p.data(t, "cut")
	sh(t, p.from, "zfs", "snapshot", "tank/cut@one")
	a := SendArgs{Dataset: "tank/cut", Host: p.to, To: "backup/cut"}
	if _, err := SendTo(t.Context(), cut(p.from, 1<<20), a); !errors.Is(err, errCut) {
		t.Errorf("cut: %v", err)
	}
	if got := p.below(t, "backup/cut"); got != "" {
		t.Errorf("left: %s", got)
	}
	if done, err := SendTo(t.Context(), p.from, a); err != nil || !done.Changed {
		t.Errorf("then whole: %+v, %v", done, err)
	}
}

// The sending ends soon when the receiving end fails.
func sendToAFullPool(t *testing.T, p pair) {
	p.data(t, "full")
	sh(t, p.from, "zfs", "snapshot", "tank/full@one")
	sh(t, p.to, "zfs", "create", "-o", "quota=1M", "backup/small")
	var under atomic.Int64
	watched := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		under.Add(1)
		defer under.Add(-1)
		return p.from.Do(ctx, e)
	})
	_, err := SendTo(t.Context(), watched, SendArgs{Dataset: "tank/full", Host: p.to, To: "backup/small/full"})
	if e := effect.AsError(err); err == nil || !strings.HasPrefix(e.Command, "zfs receive") {
		t.Errorf("a full pool: %v", err)
	}
	if under.Load() != 0 {
		t.Errorf("%d effects of the sending host are still under way", under.Load())
	}
}
