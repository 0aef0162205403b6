// Package zfsfuse runs a real ZFS for tests: Debian's zfs-fuse, whose zpool and
// zfs are those of pool version 23, the texts of FreeBSD 8 and 9. Pools lie on
// files.
package zfsfuse

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sshhost"
	"bsdrun/tests/sshd/sshdtest"
)

// Host is reached by a real OpenSSH server and has zpool and zfs in its path.
type Host struct {
	effect.Doer
	// Dir is a folder of its own, for the files that pools lie on and the
	// folders that they are mounted on.
	Dir string

	within []string // a command that enters what the daemon sees
}

// Start starts a ZFS daemon and a host that talks to it; both end with the test,
// and every pool with them. The daemon's socket, its memory of pools and its
// mounts are private wherever the system lets them be.
func Start(tb testing.TB) *Host {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("only root can start zfs-fuse")
	}
	for _, tool := range []string{"zfs-fuse", "zpool", "zfs"} {
		if _, err := exec.LookPath(tool); err != nil {
			tb.Fatalf("%v: apt-get install zfs-fuse", err)
		}
	}
	h := &Host{Dir: tb.TempDir()}
	h.startDaemon(tb)
	server := sshdtest.Start(tb, sshdtest.Options{Within: h.within})
	host := sshhost.New(server.Config())
	tb.Cleanup(func() { _ = host.Close(context.Background(), true) })
	h.Doer = numbered(host)
	return h
}

// NeedMounts fails a test whose file systems cannot be mounted here.
func (h *Host) NeedMounts(tb testing.TB) {
	tb.Helper()
	if h.within == nil {
		tb.Fatal("file systems of zfs-fuse need the right to mount: give this machine or container CAP_SYS_ADMIN")
	}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		tb.Fatalf("file systems of zfs-fuse need /dev/fuse; let this machine or container have it: %v", err)
	}
	_ = f.Close()
}

// Disk makes an empty file that a pool can lie on; it returns its path.
func (h *Host) Disk(tb testing.TB, name string) string {
	tb.Helper()
	path := filepath.Join(h.Dir, name)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Truncate(path, 64<<20); err != nil {
		tb.Fatal(err)
	}
	return path
}

// hide makes the daemon's folders those of this namespace alone.
const hide = `for dir in /run/zfs /run/lock/zfs /var/lib/zfs; do mkdir -p $dir && mount -t tmpfs zfs-fuse $dir || exit; done; `

// serve runs the daemon until the test has ended, whichever way: then the pipe
// that is its standard input is closed.
const serve = `zfs-fuse --no-daemon --no-kstat-mount </dev/null & read -r end; kill $!; wait`

func (h *Host) startDaemon(tb testing.TB) {
	tb.Helper()
	argv := []string{"sh", "-c", serve}
	private := exec.Command("unshare", "--mount", "true").Run() == nil
	if !private && exec.Command("zpool", "list").Run() == nil {
		tb.Fatal("a ZFS runs on this machine already, and the tests cannot have one of their own beside it without CAP_SYS_ADMIN")
	}
	if private {
		argv = []string{"unshare", "--mount", "sh", "-c", hide + serve}
	}
	var log bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &log, &log
	input, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = input.Close()
		_ = cmd.Wait()
		if tb.Failed() {
			tb.Logf("zfs-fuse: %s", log.String())
		}
	})
	if private {
		h.within = []string{"nsenter", "--mount", "--target", strconv.Itoa(cmd.Process.Pid)}
	}
	h.await(tb)
	if !private {
		if pools := poolsHere(tb); len(pools) > 0 {
			tb.Fatalf("this machine has ZFS pools of its own: %q", pools)
		}
		tb.Cleanup(func() { destroyAll(tb) }) // the next daemon would find them again
	}
}

// poolsHere are the pools of a daemon that all of this machine sees.
func poolsHere(tb testing.TB) []string {
	tb.Helper()
	out, err := exec.Command("zpool", "list", "-H", "-o", "name").Output()
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Fields(string(out))
}

// destroyAll destroys what the test has left.
func destroyAll(tb testing.TB) {
	for _, pool := range poolsHere(tb) {
		if out, err := exec.Command("zpool", "destroy", "-f", pool).CombinedOutput(); err != nil {
			tb.Logf("zpool destroy %s: %v: %s", pool, err, out)
		}
	}
}

// await waits until the daemon answers.
func (h *Host) await(tb testing.TB) {
	tb.Helper()
	argv := append(h.within[:len(h.within):len(h.within)], "zpool", "list")
	var out []byte
	var err error
	for range 3000 {
		if out, err = exec.Command(argv[0], argv[1:]...).CombinedOutput(); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	tb.Fatalf("zfs-fuse does not answer: %v: %s", err, out)
}

// numbered gives the changes of a test the identifiers that a run gives them.
func numbered(h effect.Doer) effect.Doer {
	n := 0
	return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.Kind == effect.Change && e.ID == "" {
			n++
			e.ID = fmt.Sprintf("test#%d", n)
		}
		return h.Do(ctx, e)
	})
}
