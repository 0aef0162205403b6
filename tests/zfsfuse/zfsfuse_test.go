package zfsfuse_test

import (
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/tests/zfsfuse"
)

// text runs a command and returns what it prints.
func text(t *testing.T, h effect.Doer, argv ...string) string {
	t.Helper()
	res, err := h.Do(t.Context(), effect.Effect{Op: "test", Argv: argv})
	if err != nil {
		failure := effect.AsError(err)
		t.Fatalf("%v\nstdout: %s\nstderr: %s", err, failure.Out, failure.Err)
	}
	out, err := res.Text()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPoolsOfAHostAreItsOwn(t *testing.T) {
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			h := zfsfuse.Start(t)
			if out := text(t, h, "zpool", "list", "-H", "-o", "name"); out != "" {
				t.Fatalf("there are pools already: %q", out)
			}
			text(t, h, "zpool", "create", "-m", "none", "tank", h.Disk(t, "disk0"))
			if out := text(t, h, "zpool", "list", "-H", "-o", "name,health"); out != "tank\tONLINE\n" {
				t.Errorf("got %q", out)
			}
		})
	}
}

func TestFileSystemsAreMounted(t *testing.T) {
	h := zfsfuse.Start(t)
	h.NeedMounts(t)
	at := h.Dir + "/tank"
	text(t, h, "zpool", "create", "-m", at, "tank", h.Disk(t, "disk0"))
	text(t, h, "sh", "-c", `echo kept >"$1/file"`, "sh", at)
	if out := text(t, h, "zfs", "list", "-H", "-o", "name,mounted,mountpoint"); out != "tank\tyes\t"+at+"\n" {
		t.Errorf("got %q", out)
	}
	if out := text(t, h, "cat", at+"/file"); out != "kept\n" {
		t.Errorf("got %q", out)
	}
}
