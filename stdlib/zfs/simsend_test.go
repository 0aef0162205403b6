package zfs

import (
	"context"
	"errors"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/tests/onsim"
)

// two are hosts that send and receive, with something to send.
func two(t *testing.T, from, to string) (*onsim.Count, *onsim.Count) {
	t.Helper()
	a, _ := machine(t, from)
	b, _ := machine(t, to)
	sh(t, a, "zfs", "create", "-o", "mountpoint=/data", "zroot/data")
	sh(t, a, "dd", "if=/dev/urandom", "of=/data/big", "bs=1048576", "count=2")
	sh(t, a, "zfs", "snapshot", "zroot/data@one")
	sh(t, a, "sh", "-c", "echo two >/data/two; zfs snapshot zroot/data@two")
	return a, b
}

func TestSendBetweenReleases(t *testing.T) {
	for _, pair := range [][2]string{{eras[0], eras[2]}, {eras[1], eras[2]}, {eras[2], eras[3]}} {
		t.Run(pair[0]+" to "+pair[1], func(t *testing.T) {
			from, to := two(t, pair[0], pair[1])
			done, err := SendTo(t.Context(), from, SendArgs{Dataset: "zroot/data", Host: to, To: "zroot/copy"})
			if err != nil || sent(done) != ">zroot/data@one>zroot/copy@one zroot/data@one>zroot/data@two>zroot/copy@two" || done.Bytes < 2<<20 {
				t.Fatalf("%+v, %v", done, err)
			}
			sh(t, to, "zfs", "set", "mountpoint=/copy", "zroot/copy")
			if _, err := Mount(t.Context(), to, MountArgs{Name: "zroot/copy"}); err != nil {
				t.Fatal(err)
			}
			if here, there := sh(t, from, "md5", "-q", "/data/big"), sh(t, to, "md5", "-q", "/copy/big"); here != there {
				t.Errorf("files differ: %s and %s", here, there)
			}
			if done, err := SendTo(t.Context(), from, SendArgs{Dataset: "zroot/data", Host: to, To: "zroot/copy"}); err != nil || done.Changed {
				t.Errorf("again: %+v, %v", done, err)
			}
		})
	}
}

func TestSendIsResumed(t *testing.T) {
	from, to := two(t, eras[2], eras[2])
	a := SendArgs{Dataset: "zroot/data", Host: to, To: "zroot/copy"}
	_, err := SendTo(t.Context(), cut(from, 1<<20), a)
	if !errors.Is(err, errCut) {
		t.Fatalf("cut: %v", err)
	}
	done, err := SendTo(t.Context(), from, a)
	if err != nil || len(done.Snapshots) != 2 || !done.Snapshots[0].Resumed || done.Snapshots[1].Resumed {
		t.Fatalf("%+v, %v", done, err)
	}
	if done.Bytes >= 2<<20 {
		t.Errorf("%d bytes were sent, as if nothing had been there", done.Bytes)
	}
}

// A connection that is lost is made up for in the same call.
func TestSendGoesOnAfterALostConnection(t *testing.T) {
	from, to := two(t, eras[2], eras[2])
	lost := 0
	shaky := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.Sink == nil || lost == 2 {
			return from.Do(ctx, e)
		}
		lost++
		e.Sink = &shears{w: e.Sink, left: 512 << 10}
		r, err := from.Do(ctx, e)
		return r, &effect.Error{Op: e.Op, Kind: effect.Unreachable, Message: "lost", Cause: err}
	})
	done, err := SendTo(t.Context(), shaky, SendArgs{Dataset: "zroot/data", Host: to, To: "zroot/copy"})
	if err != nil || lost != 2 || len(done.Snapshots) != 2 || !done.Snapshots[0].Resumed {
		t.Fatalf("%d losses: %+v, %v", lost, done, err)
	}
}

func TestSendFromABookmark(t *testing.T) {
	from, to := two(t, eras[2], eras[2])
	ctx := t.Context()
	if _, err := SendTo(ctx, from, SendArgs{Dataset: "zroot/data@one", Host: to, To: "zroot/copy"}); err != nil {
		t.Fatal(err)
	}
	sh(t, from, "zfs", "bookmark", "zroot/data@one", "zroot/data#one")
	sh(t, from, "zfs", "destroy", "zroot/data@one")
	done, err := SendTo(ctx, from, SendArgs{Dataset: "zroot/data", Host: to, To: "zroot/copy"})
	if err != nil || sent(done) != "zroot/data#one>zroot/data@two>zroot/copy@two" {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestPeopleHearOfAStream(t *testing.T) {
	from, to := two(t, eras[2], eras[2])
	heard := &events{}
	ctx := effect.WithEvents(t.Context(), heard)
	if _, err := SendTo(ctx, from, SendArgs{Dataset: "zroot/data@one", Host: to, To: "zroot/copy"}); err != nil {
		t.Fatal(err)
	}
	if len(heard.texts) == 0 || heard.texts[0] != "zroot/data@one: 1 MiB of 2" {
		t.Errorf("%q", heard.texts)
	}
}

type events struct{ texts []string }

func (l *events) Emit(e effect.Event) {
	if e.Type == effect.Progress {
		l.texts = append(l.texts, e.Text)
	}
}
