package file_test

import (
	"context"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/file"
	"bsdrun/tests/onsim"
)

func machine(t *testing.T) (*onsim.Count, *sim.Machine) {
	t.Helper()
	doer, m := onsim.New(t, "", base.Tools())
	return &onsim.Count{Doer: doer}, m
}

func onHost(t *testing.T, m *sim.Machine, command string) string {
	t.Helper()
	out, errs, code := m.Exec(context.Background(), "root", command)
	if code != 0 {
		t.Fatalf("%s: code %d: %s", command, code, errs)
	}
	return out
}

func TestTransfer(t *testing.T) {
	ctx := t.Context()
	from, here := machine(t)
	to, there := machine(t)
	onHost(t, here, "dd if=/dev/random of=/var/tmp/image bs=64k count=100 2>/dev/null && chmod 640 /var/tmp/image")
	a := file.TransferArgs{Path: "/var/tmp/image", Host: to, To: "/srv-image", Owner: "www", Whole: true}
	check := a
	check.Host = effect.Chain(to, layer.Check())
	if done, err := file.Transfer(ctx, from, check); err != nil || !done.Changed || to.Changes != 0 {
		t.Fatalf("check mode: %+v %v", done, err)
	}
	for _, want := range []bool{true, false} {
		done, err := file.Transfer(ctx, from, a)
		if err != nil || done.Changed != want || done.Path != "/srv-image" || done.Size != 6553600 {
			t.Fatalf("%+v %v", done, err)
		}
		if out := onHost(t, there, "stat -f '%Lp %Su %z' /srv-image; sha256 -q /srv-image"); out != "640 www 6553600\n"+done.SHA256+"\n" {
			t.Errorf("%q", out)
		}
	}
	if from.Changes != 0 || to.Changes != 1 {
		t.Errorf("%d changes here, %d there", from.Changes, to.Changes)
	}
	if done, err := file.Transfer(ctx, from, file.TransferArgs{Path: "/var/tmp/image", Host: to, Mode: "0600"}); err != nil || done.Path != "/var/tmp/image" {
		t.Errorf("%+v %v", done, err)
	}
}

// TestTransferOfWhatIsMadeFirst: check mode cannot have the file, but knows that it is
// sent where nothing is yet, and nothing of what then is there.
func TestTransferOfWhatIsMadeFirst(t *testing.T) {
	ctx := t.Context()
	from, _ := machine(t)
	to, there := machine(t)
	onHost(t, there, "echo former >/srv-former")
	here, check := effect.Chain(from, layer.Check()), effect.Chain(to, layer.Check())
	made := effect.Effect{Kind: effect.Change, Argv: []string{"true"}, Writes: []effect.Resource{effect.File("/var/tmp/image")}}
	if _, err := here.Do(ctx, made); err != nil {
		t.Fatal(err)
	}
	done, err := file.Transfer(ctx, here, file.TransferArgs{Path: "/var/tmp/image", Host: check, To: "/srv-image"})
	if err != nil || !done.Changed || to.Changes != 0 {
		t.Fatalf("%+v %v", done, err)
	}
	if info, err := file.Stat(ctx, check, file.StatArgs{Path: "/srv-image"}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("what would be there: %+v %v", info, err)
	}
	if done, err := file.Transfer(ctx, here, file.TransferArgs{Path: "/var/tmp/image", Host: check, To: "/srv-former"}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("over another: %+v %v", done, err)
	}
}

// TestTransferOfAMovingFile: half of one and half of another is no file.
func TestTransferOfAMovingFile(t *testing.T) {
	from, here := machine(t)
	to, there := machine(t)
	onHost(t, here, "echo one >/tmp/log")
	onHost(t, there, "echo former >/tmp/log")
	moving := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.Sink != nil {
			onHost(t, here, "echo two >/tmp/log")
		}
		return from.Do(ctx, e)
	})
	_, err := file.Transfer(t.Context(), moving, file.TransferArgs{Path: "/tmp/log", Host: to})
	if effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "written to while") {
		t.Errorf("%v", err)
	}
	if out := onHost(t, there, "ls -A /tmp; cat /tmp/log"); !strings.HasSuffix(out, "former\n") || strings.Count(out, "log") != 1 {
		t.Errorf("%q", out)
	}
}

func TestTransferRefusals(t *testing.T) {
	from, _ := machine(t)
	to, _ := machine(t)
	for path, kind := range map[string]effect.ErrKind{"/nosuch": effect.Missing, "/etc": effect.Failed, "x": effect.Invalid} {
		if _, err := file.Transfer(t.Context(), from, file.TransferArgs{Path: path, Host: to}); effect.KindOf(err) != kind {
			t.Errorf("%s: %v", path, err)
		}
	}
}
