package sshhost

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"bsdrun/runtime/bulk"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// leastRanges is the length from which content goes by ranges.
const leastRanges = 4 << 20

// receiving is a put whose content is Ranges. It goes into a file beside the one
// that it is to become, as long as that from the beginning and without data. What
// has arrived is hashed as one at both ends while more is on its way. A map beside
// the file notes the pieces that are there. Both stay when the run is cut: whoever
// puts the same content in the same place, this run or another one, goes on from
// them.
type receiving struct {
	h      *Host
	e      effect.Effect
	at     place
	src    effect.Ranges
	size   int64
	header string
	nonce  string
	pieces []*piece

	hashed []effect.Extent // what is hashed at both ends
	whole  bool            // that is everything
	source *bulk.SourceSum // their hash where the content is
	sum    string
	right  bool // it is the same on the host

	stage  string // path of the file on the host
	tools  string // what the host has: words
	hasher string // command that hashes standard input
	kept   bool   // an earlier attempt had left something
	room   int64  // bytes that are free there; less than 0: unknown

	pace     *bulk.Pace
	doubtful atomic.Bool  // something may be there that was not noted
	relayed  atomic.Bool  // the source's host does not send by itself
	arrived  atomic.Int64 // data, with what was there
	sent     atomic.Int64 // what travelled from here
	total    int64
}

// piece is one that is on its way.
type piece struct {
	bulk.Piece
	noted bool // under an earlier boot
	tries int  // how often it has arrived wrong

	mu    sync.Mutex
	there map[int64]bool // blocks, by their offset
	done  bool
}

func (p *piece) isDone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// finish says that all of the piece is there, and returns how much is new of it.
func (p *piece) finish() int64 {
	fresh := p.mark(p.Extents...)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
	return fresh
}

func (p *piece) has(offset int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.there[offset]
}

// mark notes blocks that have arrived, and returns how much is new of them.
func (p *piece) mark(parts ...effect.Extent) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := int64(0)
	for _, b := range bulk.Blocks(parts) {
		if !p.there[b.Offset] {
			p.there[b.Offset] = true
			fresh += b.Length
		}
	}
	return fresh
}

// forget gives the piece up as it arrived, and returns how much that was.
func (p *piece) forget() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	lost := p.Length() - bulk.Length(bulk.Missing(p.Extents, func(at int64) bool { return p.there[at] }))
	clear(p.there)
	p.done = false
	p.tries++
	return lost
}

// maxTries is how often a piece may arrive wrong.
const maxTries = 3

// putRanges puts content that can be read by ranges.
func (h *Host) putRanges(ctx context.Context, e effect.Effect, src effect.Ranges) (effect.Result, error) {
	if e.Again && h.keepsLedger(e) {
		if r, known, err := h.recall(ctx, e); known || err != nil {
			return effect.Result{Recorded: r.Recorded}, fileError(e, err)
		}
	}
	if e.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.Timeout)
		defer cancel()
	}
	r := &receiving{
		h: h, e: e, at: place{in: e.In, as: e.As}, src: src, size: src.Size(),
		nonce: "_" + entry(e.File.Path), pace: bulk.NewPace(e.File.Pace.Limit),
	}
	if h.keepsLedger(e) {
		if err := h.lock(ctx, r.at); err != nil {
			return effect.Result{}, err
		}
	}
	if err := r.begin(ctx); err != nil {
		return effect.Result{}, fileError(e, err)
	}
	err := r.receive(ctx)
	if err == nil || effect.KindOf(err) == effect.Failed {
		if moved := src.Unchanged(ctx); moved != nil {
			err = moved
			h.discard(ctx, e, r.stage) // no attempt could go on with it
			h.discard(ctx, e, r.stage+".map")
		}
	}
	if err != nil {
		return effect.Result{}, fileError(e, err)
	}
	done, err := h.putEnd(ctx, e, r.endScript())
	if err == nil {
		if r.whole {
			done.Data = []byte(r.sum)
		}
		effect.Report(ctx, e.Op, fmt.Sprintf("%s: %d MB of data, %d MB sent", e.File.Path, r.total>>20, r.sent.Load()>>20),
			map[string]any{"size": r.size, "data": r.total, "sent": r.sent.Load()})
	}
	return done, err
}

// sums are the commands that hash standard input, the quickest first: openssl
// uses what the processor has for it.
const sums = `for _s in 'openssl dgst -sha256' 'sha256 -q' sha256sum; do
_h=$(printf abc | $_s 2>/dev/null); _h=${_h##*= }
case $_h in ba7816bf8f01cfea*) echo "sum $_s"; break;; esac
done
`

// begin finds out what to send, what is there of it, and whether there is room.
func (r *receiving) begin(ctx context.Context) error {
	identity, err := r.src.Identity()
	if err != nil {
		return err
	}
	extents, err := r.src.Extents(ctx)
	if err != nil {
		return err
	}
	for _, p := range bulk.Pieces(extents, r.size) {
		r.pieces = append(r.pieces, &piece{Piece: p, there: map[int64]bool{}})
		r.total += p.Length()
	}
	r.hashed, r.whole = bulk.Hashed(extents, r.size, r.e.File.Pace.Whole)
	r.header = bulk.Header(r.size, identity)
	look := r.e
	look.Kind, look.ID, look.Again = effect.Read, "", false
	asked, err := r.h.data(ctx, look, r.beginScript())
	if err != nil {
		return err
	}
	if err := r.told(string(asked.Data)); err != nil {
		return err
	}
	return r.checkRoom()
}

// beginScript makes the file and its map unless those of the same content are
// there, and tells what the host can do.
func (r *receiving) beginScript() string {
	size := strconv.FormatInt(r.size, 10)
	return putFront(r.e.File, r.nonce) + bulk.HolesFunction + `m=$t.map
_h=; [ -f "$t" ] && { read -r _h; } 2>/dev/null <"$m"
if [ "$_h" = ` + quoteRaw(r.header) + ` ]; then echo kept; else
rm -f "$t" "$m"
_size() { { truncate -s ` + size + ` "$t" || dd if=/dev/null of="$t" bs=1 seek=` + size + ` count=0; } 2>/dev/null || : >"$t"; }
_holes "$t" && echo sparse
_size || exit
echo ` + quoteRaw(r.header) + ` >"$m" || exit; fi
` + sums + `command -v zstd >/dev/null 2>&1 && echo zstd
command -v gzip >/dev/null 2>&1 && echo gzip
df -Pk "$d" 2>/dev/null | tail -n 1 | sed 's/^/df /'
echo "boot $_b"
echo "boot $_b" >>"$m"
echo "stage $t"; sed '$d' "$m"`
}

var freeBlocks = lazyregexp.New(`\s\d+\s+-?\d+\s+(-?\d+)\s+-?\d+%\s`)

// told takes in what beginScript prints.
func (r *receiving) told(text string) error {
	about, noted, ok := strings.Cut(text, "stage ")
	r.stage, noted, _ = strings.Cut(noted, "\n")
	if !ok || !strings.HasPrefix(r.stage, "/") {
		return effect.Errorf(effect.Internal, r.e.Op, "the host tells of no file to receive into: %q", text)
	}
	boot := ""
	r.room = -1
	for line := range strings.Lines(about) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "kept":
			r.kept = true
			r.doubtful.Store(true)
		case "sum":
			r.hasher = rest
		case "boot":
			boot = rest
		case "df":
			if found := freeBlocks.FindStringSubmatch(line); found != nil {
				kilo, _ := strconv.ParseInt(found[1], 10, 64)
				r.room = max(kilo, 0) << 10
			}
		default:
			r.tools += " " + word
		}
	}
	if r.hasher == "" {
		return effect.Errorf(effect.Missing, r.e.Op, "the host has neither sha256, sha256sum nor openssl, so that nothing could tell whether the content arrived whole")
	}
	m := bulk.ParseMap(noted, boot)
	for _, p := range r.pieces {
		if m.Sure[p.Index] {
			r.arrived.Add(p.finish())
		}
		p.noted = m.Doubtful[p.Index]
	}
	return nil
}

func (r *receiving) has(tool string) bool { return strings.Contains(r.tools+" ", " "+tool+" ") }

// checkRoom refuses what would fill the file system.
func (r *receiving) checkRoom() error {
	missing := r.total - r.arrived.Load()
	if r.kept || r.room < 0 || missing <= r.room {
		return nil
	}
	r.h.discard(context.Background(), r.e, r.stage)
	r.h.discard(context.Background(), r.e, r.stage+".map")
	return effect.WithHint(effect.Errorf(effect.Failed, r.e.Op, "%s needs %d MB, and %d MB are free there", r.e.File.Path, missing>>20, r.room>>20),
		"free some space on the host, or put it elsewhere; nothing was sent")
}

// endScript puts the file in place. What fails leaves it to the next attempt.
func (r *receiving) endScript() string {
	return putScript(r.e.File, r.nonce, `m=$t.map; trap '[ -e "$t" ] || rm -f "$m"' 0
_fail() { _c=$?; exit $_c; }
[ -e "$t" ] || { echo "$t: No such file or directory" >&2; exit 1; }
[ "$(($(wc -c <"$t")))" = `+strconv.FormatInt(r.size, 10)+` ] || { echo "$p: what arrived is not as long as what was sent" >&2; rm -f "$t"; exit 1; }
`)
}
