package git

import (
	"context"
	"testing"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
)

// checked is the world in check mode; listed are the changes it would make.
func (w *world) checked() (h effect.Doer, listed *[]string) {
	listed = new([]string)
	recorder := func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			if e.Kind == effect.Change {
				*listed = append(*listed, e.Op)
			}
			return next.Do(ctx, e)
		})
	}
	return effect.Chain(w.h, recorder, layer.Check()), listed
}

func TestCheckModeKnowsWhatATreeWouldStandAt(t *testing.T) {
	w := newWorld(t)
	uri := w.origin()
	h, listed := w.checked()
	args := EnsureArgs{URI: uri, Dir: w.path("tree"), Branch: "main"}
	got := must(Ensure(w.ctx, h, args))
	if want := w.head("origin"); !got.Changed || got.Revision != want {
		t.Errorf("would stand at %+v, want %s", got, want)
	}
	if at := must(Revision(w.ctx, h, RevisionArgs{Dir: w.path("tree")})); at != w.head("origin") {
		t.Errorf("would be at %s", at)
	}
	if _, err := GetStatus(w.ctx, h, StatusArgs{Dir: w.path("tree")}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("the status of what is not there yet: %v", err)
	}
	if len(*listed) != 1 {
		t.Errorf("listed %q", *listed)
	}
	w.quiet("check mode")

	must(Ensure(w.ctx, w.h, args))
	w.did = nil
	w.sh("cd origin && echo v3 >misc/hello/Makefile && git commit -q -a -m third")
	before := w.sh("git -C tree for-each-ref; find tree -newer origin/.git/HEAD -type f | grep -c . || true")
	h, listed = w.checked()
	if got := must(Ensure(w.ctx, h, args)); !got.Changed || got.Revision != w.head("origin") {
		t.Errorf("would stand at %+v", got)
	}
	if at := must(Revision(w.ctx, h, RevisionArgs{Dir: w.path("tree")})); at != w.head("origin") {
		t.Errorf("would be at %s", at)
	}
	if len(*listed) != 2 {
		t.Errorf("listed %q", *listed)
	}
	w.quiet("check mode")
	if after := w.sh("git -C tree for-each-ref; find tree -newer origin/.git/HEAD -type f | grep -c . || true"); after != before {
		t.Errorf("check mode touched the tree:\n%s\n%s", before, after)
	}
}

func TestCheckModeKnowsWhatAPushWouldBring(t *testing.T) {
	w := newWorld(t)
	w.origin()
	h, _ := w.checked()
	bare := w.path("host/ports.git")
	got := must(PushFromLocal(w.ctx, h, PushArgs{From: binding.Local{Path: w.path("origin")}, Dir: bare, Tags: true}))
	if !got.Changed || !got.Created || len(got.Refs) != 3 {
		t.Errorf("would push %+v", got)
	}
	there := must(RemoteRevision(w.ctx, h, RemoteRevisionArgs{URI: "file://" + bare, Ref: "main"}))
	if there.Revision != w.head("origin") || there.Branch != "main" {
		t.Errorf("main would be %+v", there)
	}
	if _, err := RemoteRevision(w.ctx, h, RemoteRevisionArgs{URI: "file://" + bare, Ref: "nosuch"}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("a branch that nobody pushes: %v", err)
	}
	w.quiet("check mode")
}

// The same repository gives the same pack, or a resumed run would send another.
func TestPackIsTheSameEachTime(t *testing.T) {
	w := newWorld(t)
	w.origin()
	w.sh(`cd origin && for i in 1 2 3 4 5 6 7 8; do mkdir -p misc/p$i && seq 1 $((i * 40)) >misc/p$i/Makefile; done && git add . && git commit -q -m many`)
	var first []byte
	for i := range 5 {
		source, err := openLocal(w.path("origin"))
		if err != nil {
			t.Fatal(err)
		}
		pack, objects, err := source.pack([]string{source.refs["refs/heads/main"]}, nil)
		if err != nil || objects < 20 {
			t.Fatalf("%d objects, %v", objects, err)
		}
		if i == 0 {
			first = pack
		}
		if string(pack) != string(first) {
			t.Fatal("two packs differ")
		}
	}
}
