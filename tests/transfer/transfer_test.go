package transfer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/tests/sshd/sshdtest"
)

// pair is a site with a second server, which receives.
type pair struct {
	*site
	other *sshdtest.Server
	there string // its folder
	to    *line  // the way to it
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{site: newSite(t)}
	p.other, _, p.there = homely(t)
	p.to = newLine(t, p.other.Addr())
	p.knows("other", p.other, p.to.address)
	return p
}

// sends writes a recipe that transfers the image.
func (p *pair) sends(options string) {
	p.t.Helper()
	p.recipe(fmt.Sprintf(`return h.file.transfer{ path = %q, host = connect(p.to), to = %q, %s }`, p.far+"/image", p.there+"/image", options))
}

func (p *pair) transfers() *run { return p.moves("far", "-p", "to=other") }

// TestTransferThroughTheController: nothing of it touches the controller's disk.
func TestTransferThroughTheController(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	sparse(t, p.far+"/image")
	p.sends(`direct = "no", whole = true`)
	r := p.transfers()
	r.exits(0)
	arrived(t, p.far+"/image", p.there+"/image")
	thin(t, p.there+"/image")
	p.travelled(32*mega, 33*mega+mega/2)
	if n := p.to.up.Load(); n < 32*mega || n > 33*mega+mega/2 {
		t.Errorf("%d bytes went on", n)
	}
	var got struct {
		Changed, Direct bool
		SHA256          string
	}
	r.result(&got)
	if !got.Changed || got.Direct || got.SHA256 != sum(t, p.far+"/image") {
		t.Errorf("%+v", got)
	}
	before := p.to.up.Load()
	p.transfers().exits(0)
	if n := p.to.up.Load() - before; n > mega {
		t.Errorf("%d bytes of what was there travelled again", n)
	}
}

// TestTransferKilledAndCut: killed as a whole, cut from either host. What the first
// host has sent and the second has not got is lost: as much as the window of a
// channel holds.
func TestTransferKilledAndCut(t *testing.T) {
	t.Parallel()
	const size, atMost = size * 3, atMost * 3
	p := newPair(t)
	image(t, p.far+"/image", size, effect.Extent{Length: size})
	p.sends(`direct = "no", parallel = 1`)
	begin := p.transfers
	for i := range cuts {
		switch i % 3 {
		case 0:
			p.killedAfter(begin, size/(cuts+2))
			begin = p.resumes
		case 1:
			p.to.after(size/(cuts+2), p.to.drop)
		case 2:
			p.site.line.after(size/(cuts+2), p.site.line.drop)
		}
	}
	begin().exits(0)
	arrived(t, p.far+"/image", p.there+"/image")
	p.travelled(size, atMost)
	if n := p.to.up.Load(); n > atMost {
		t.Errorf("%d MB went on", n/mega)
	}
}

// TestTransferOfAChangingImage: what changes meanwhile, be it sent already or not, is
// told, and the former file is kept.
func TestTransferOfAChangingImage(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]int64{"sent": 0, "to be sent": 31 * mega} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			image(t, p.far+"/image", 32*mega, effect.Extent{Length: 32 * mega})
			must(t, os.WriteFile(p.there+"/image", []byte("former"), 0o644))
			p.sends(`direct = "no", limit = "16M"`)
			p.to.after(8*mega, func() {
				f, err := os.OpenFile(p.far+"/image", os.O_WRONLY, 0)
				if err == nil {
					_, _ = f.WriteAt([]byte("changed"), at)
					_ = f.Close()
				}
			})
			r := p.transfers()
			r.exits(2)
			if !strings.Contains(r.err.String(), "was written to while it was sent") {
				t.Error(r.err.String())
			}
			if b, err := os.ReadFile(p.there + "/image"); string(b) != "former" {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			if beside, _ := filepath.Glob(p.there + "/.*bsdrun*"); len(beside) > 0 {
				t.Errorf("left behind: %v", beside)
			}
		})
	}
}
