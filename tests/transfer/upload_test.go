package transfer

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"bsdrun/runtime/bulk"
	"bsdrun/runtime/effect"
	"bsdrun/tests/sshd/sshdtest"
)

const mega = 1 << 20

// What is moved, how often that is cut, and how much may travel for it: the data, a
// twentieth of it sent again, and what SSH adds.
const (
	size   = 512 * mega
	cuts   = 20
	atMost = size * 106 / 100 // SSH itself adds one
)

// site is a controller, a server, and a line between them.
type site struct {
	*controller
	server *sshdtest.Server
	line   *line
	far    string // folder of the server
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{controller: newController(t), server: sshdtest.Start(t, sshdtest.Options{}), far: t.TempDir()}
	s.line = newLine(t, s.server.Addr())
	s.knows("far", s.server, s.line.address)
	return s
}

// arrived checks that a file is what it should be and nothing else is beside it.
func arrived(t *testing.T, from, to string) {
	t.Helper()
	if sum(t, from) != sum(t, to) {
		t.Errorf("%s is not %s", to, from)
	}
	beside, err := filepath.Glob(filepath.Join(filepath.Dir(to), ".*bsdrun*"))
	if err != nil || len(beside) > 0 {
		t.Errorf("left behind: %v %v", beside, err)
	}
}

func (s *site) travelled(least, most int64) {
	s.t.Helper()
	if n := s.line.up.Load() + s.line.down.Load(); n < least || n > most {
		s.t.Errorf("%d MB travelled, not %d to %d", n/mega, least/mega, most/mega)
	} else {
		s.t.Logf("%d MB travelled", n/mega)
	}
}

const uploads = `return h.file.upload(local_file("image"), %q, { parallel = %d })`

// TestUploadOverACutLine: one run lives through every cut.
func TestUploadOverACutLine(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(s *site){
		"line":   func(s *site) { s.line.drop() },
		"server": func(s *site) { s.server.DropConnections() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			image(t, s.file("image"), size, effect.Extent{Length: size})
			s.recipe(fmt.Sprintf(uploads, s.far+"/image", 1))
			made := s.cutAgainAndAgain(func() { cut(s) })
			s.moves("far").exits(0)
			arrived(t, s.file("image"), s.far+"/image")
			if n := made.Load(); n != cuts {
				t.Errorf("%d cuts", n)
			}
			s.travelled(size, atMost)
		})
	}
}

// TestUploadKilled: every run is killed, and the next one goes on.
func TestUploadKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	image(t, s.file("image"), size, effect.Extent{Length: size})
	s.recipe(fmt.Sprintf(uploads, s.far+"/image", 3))
	begin := func() *run { return s.moves("far") }
	for range cuts {
		s.killedAfter(begin, size/(cuts+2))
		begin = s.resumes
	}
	s.resumes().exits(0)
	arrived(t, s.file("image"), s.far+"/image")
	s.travelled(size, atMost)
}

// TestUploadOverConnections: several connections share the work, within one limit, and
// one that is lost is no harm.
func TestUploadOverConnections(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const length = 48 * mega
	image(t, s.file("image"), length, effect.Extent{Length: length})
	s.recipe(fmt.Sprintf(`return h.file.upload(local_file("image"), %q, { connections = 3, limit = "16M" })`, s.far+"/image"))
	s.line.after(length/2, s.line.dropLast)
	began := time.Now()
	r := s.moves("far")
	r.exits(0)
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("%d MB in %s: that is faster than the limit", length/mega, took)
	}
	if n := s.line.made.Load(); n < 4 {
		t.Errorf("%d connections in all", n)
	}
	if !regexp.MustCompile(`\d+ of 48 MB, [\d.]+ MB/s, \d+s left`).MatchString(r.err.String()) {
		t.Errorf("nobody tells how far it is and how long it will take:\n%s", r.err.String())
	}
	var got struct{ SHA256 string }
	if r.result(&got); got.SHA256 != sum(t, s.file("image")) {
		t.Errorf("%+v", got)
	}
	arrived(t, s.file("image"), s.far+"/image")
	s.travelled(length, length*106/100+16*2*bulk.Block)
}

// TestUploadIsRepaired: what was spoilt on the host after it had arrived is sent once
// more.
func TestUploadIsRepaired(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const length = 64 * mega
	image(t, s.file("image"), length, effect.Extent{Length: length})
	s.recipe(fmt.Sprintf(uploads, s.far+"/image", 1))
	s.line.after(length*3/4, func() {
		s.line.drop() // so that what is there is read again at the end
		s.spoil(5 * mega)
	})
	s.moves("far").exits(0)
	arrived(t, s.file("image"), s.far+"/image")
	s.travelled(length+4*mega, length+10*mega)
}

// spoil writes over something in what has arrived.
func (s *site) spoil(offset int64) {
	parts, err := filepath.Glob(s.far + "/.bsdrun_*")
	if err != nil || len(parts) == 0 {
		s.t.Errorf("nothing to spoil: %v", err)
	}
	for _, name := range parts {
		if filepath.Ext(name) == ".map" {
			continue
		}
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt([]byte("spoilt"), offset)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			s.t.Error(err)
		}
	}
}

// TestUploadSparse: what is empty does not travel, and takes no room.
func TestUploadSparse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sparse(t, s.file("image"))
	s.recipe(fmt.Sprintf(uploads, s.far+"/image", 1))
	s.moves("far").exits(0)
	arrived(t, s.file("image"), s.far+"/image")
	s.travelled(32*mega, 33*mega+mega/2)
	thin(t, s.far+"/image")
}

// TestUploadWithoutSFTP: by streams, to a server without SFTP, as another user, and
// where a connection has one channel.
func TestUploadWithoutSFTP(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"none":         `return h.file.upload(local_file("image"), %q)`,
		"another user": `return h:as("nobody").file.upload(local_file("image"), %q)`,
		"plain":        `return h.file.upload(local_file("image"), %q, { compress = "no" })`,
		"one session":  `return h.file.upload(local_file("image"), %q, { parallel = 3 })`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &site{controller: newController(t), far: t.TempDir()}
			o := sshdtest.Options{NoSFTP: name == "none" || name == "plain"}
			if name == "one session" {
				o.Lines = []string{"MaxSessions 1"}
			}
			s.server = sshdtest.Start(t, o)
			s.line = newLine(t, s.server.Addr())
			s.knows("far", s.server, s.line.address)
			for dir := s.far; dir != os.TempDir(); dir = filepath.Dir(dir) {
				must(t, os.Chmod(dir, 0o777))
			}
			sparse(t, s.file("image"))
			s.recipe(fmt.Sprintf(body, s.far+"/image"))
			s.moves("far").exits(0)
			arrived(t, s.file("image"), s.far+"/image")
			s.travelled(32*mega, 35*mega)
			thin(t, s.far+"/image")
		})
	}
}

// TestUploadWithoutRoom: nothing is sent to a file system that is too small.
func TestUploadWithoutRoom(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", s.far).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", s.far).Run() })
	must(t, os.WriteFile(s.far+"/image", []byte("former"), 0o600))
	image(t, s.file("image"), 64*mega, effect.Extent{Length: 16 * mega})
	s.recipe(fmt.Sprintf(uploads, s.far+"/image", 1))
	r := s.moves("far")
	r.exits(2)
	if !strings.Contains(r.err.String(), "needs 16 MB, and 7 MB are free there") {
		t.Error(r.err.String())
	}
	s.travelled(0, mega)
	left, err := os.ReadDir(s.far)
	if err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
}

// sparse makes an image with 32 MiB of data, in places that begin with no
// block.
func sparse(t *testing.T, name string) {
	t.Helper()
	var parts []effect.Extent
	for i := range int64(16) {
		parts = append(parts, effect.Extent{Offset: i*16*mega + i*4096, Length: 2*mega + 100})
	}
	image(t, name, size+5, parts...)
}

// thin checks that a file takes little more room than that.
func thin(t *testing.T, name string) {
	t.Helper()
	info, err := os.Stat(name)
	must(t, err)
	if blocks := info.Sys().(*syscall.Stat_t).Blocks; blocks > 40*mega/512 {
		t.Errorf("%s takes %d MB", name, blocks*512/mega)
	}
}

// cutAgainAndAgain has something done as often as the tests do, spread over the
// way of what is moved, and counts.
func (s *site) cutAgainAndAgain(cut func()) *atomic.Int64 {
	made := new(atomic.Int64)
	var again func()
	again = func() {
		cut()
		if made.Add(1) < cuts {
			s.line.after(size/(cuts+2), again)
		}
	}
	s.line.after(size/(cuts+2), again)
	return made
}
