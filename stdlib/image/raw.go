package image

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/lazyregexp"
)

// ToRawArgs say what becomes a raw image.
type ToRawArgs struct {
	From       string        `lua:"from,required" doc:"the image's absolute path"`
	To         string        `lua:"to,required" doc:"the raw image's absolute path"`
	Format     string        `lua:"format" doc:"the image's format; default: as it says itself"`
	Snapshot   string        `lua:"snapshot" doc:"a snapshot inside the image, by name, instead of what it holds now; such a copy is not compared"`
	Verify     *bool         `lua:"verify" doc:"compare the copy with the image; default: yes"`
	Replace    bool          `lua:"replace" doc:"write over a file at the destination that was not made by this"`
	ForceShare bool          `lua:"force_share" doc:"copy although a running machine writes to it: the copy then is of no one moment, and is not compared"`
	Timeout    time.Duration `lua:"timeout" doc:"stop waiting after this, while the job goes on; 0: never" unit:"seconds"`
}

// Raw is a raw image that was made.
type Raw struct {
	Changed     bool   `lua:"changed" doc:"it was made, or in check mode would be"`
	Path        string `lua:"path" doc:"where it is"`
	VirtualSize int64  `lua:"virtual_size,produced" doc:"its bytes, as a guest sees them"`
	ActualSize  int64  `lua:"actual_size,produced" doc:"bytes that it takes on the disk"`
	Verified    bool   `lua:"verified,produced" doc:"it was compared with its source"`
}

// rawHead is what the scripts have in common. A record beside the copy tells of
// which files it was made, and as what: their sizes, times and numbers.
const rawHead = `
to=$1 how=$2 format=$3 snapshot=$4 verify=$5 share=$6
shift 6
part=$to.part
record=${to%/*}/.${to##*/}.bsdrun
marks() {
	echo "$how"
	stat -c '%s %y %i %n' -- "$@" 2>/dev/null || stat -f '%z %Fm %i %N' -- "$@"
}
`

// rawLook tells what is at the destination: none, same, ours (made by this, of
// other data) or foreign.
const rawLook = rawHead + `
if [ ! -e "$to" ] && [ ! -L "$to" ]; then
	echo none
elif [ ! -f "$to" ] || [ ! -f "$record" ]; then
	echo foreign
elif for file; do [ -f "$file" ] || break; done; [ ! -f "$file" ]; then
	echo ours
elif marks "$@" "$to" | cmp -s - "$record"; then
	echo same
else
	echo ours
fi`

// rawMake makes the copy. Its last line moves it to its name.
const rawMake = rawHead + `
umask 077
from=$1
rm -f "$part" "$record" || exit
fail() {
	rm -f "$part"
	exit "$1"
}
before=$(marks "$@")
echo "bsdrun copy"
qemu-img convert -p $share -t writeback -O raw ${format:+-f "$format"} ${snapshot:+-l "snapshot.name=$snapshot"} "$from" "$part" || fail $?
if [ "$verify" = yes ]; then
	echo
	echo "bsdrun compare"
	qemu-img compare -p ${format:+-f "$format"} -F raw "$from" "$part" || fail $?
fi
if [ -z "$share" ] && [ "$before" != "$(marks "$@")" ]; then
	echo "bsdrun: $from has changed meanwhile" >&2
	fail 9
fi
sync
mv -f "$part" "$to" || fail $?
marks "$@" "$to" >"$record.new" && mv -f "$record.new" "$record"`

// making is a copy to be made.
type making struct {
	h    effect.Doer
	args ToRawArgs
	info Info
}

const toRaw = "image.to_raw"

// ToRaw makes a raw image.
func ToRaw(ctx context.Context, h effect.Doer, a ToRawArgs) (Raw, error) {
	source := Args{a.From, a.Format, a.ForceShare}
	if err := a.check(source); err != nil {
		return Raw{}, err
	}
	info, err := source.info(ctx, h, toRaw)
	if effect.KindOf(err) == effect.Unknown {
		return a.awaiting(ctx, h, err)
	}
	if err != nil {
		return Raw{}, err
	}
	m := making{h, a, info}
	if err := m.refuse(); err != nil {
		return Raw{}, err
	}
	there, err := m.look(ctx)
	if err != nil {
		return Raw{}, err
	}
	raw := Raw{Path: a.To, VirtualSize: info.VirtualSize, Verified: m.verified()}
	switch {
	case there == "foreign" && !a.Replace:
		return raw, effect.WithHint(effect.Errorf(effect.Failed, toRaw, "there is a file %s that was not made by this", a.To),
			"remove it, choose another place, or write over it with replace=true")
	case there != "same":
		raw.Changed = true
		if skipped, err := m.run(ctx); err != nil || skipped {
			return raw, err
		}
	}
	size, err := Args{Path: a.To, Format: "raw"}.size(ctx, h, toRaw)
	raw.ActualSize = size.Actual
	return raw, err
}

// awaiting is what check mode tells of a source that a change before this one
// writes: where there is no copy yet, one will be made.
func (a ToRawArgs) awaiting(ctx context.Context, h effect.Doer, unknown error) (Raw, error) {
	there, err := h.Do(ctx, effect.Effect{Op: toRaw, Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileLstat, Path: a.To}})
	if err != nil || there.Info != nil {
		return Raw{}, cmp.Or(err, unknown)
	}
	m := making{h, a, Info{Chain: []Image{{Path: a.From}}}}
	_, err = m.run(ctx)
	return Raw{Changed: true, Path: a.To}, err
}

func (a ToRawArgs) check(source Args) error {
	if err := source.check(toRaw); err != nil {
		return err
	}
	if err := a.checkTo(toRaw); err != nil {
		return err
	}
	if strings.ContainsAny(a.Snapshot, ",\n\x00") || strings.HasPrefix(a.Snapshot, "-") {
		return effect.Errorf(effect.Invalid, toRaw, "%q is no name of a snapshot", a.Snapshot)
	}
	return nil
}

func (a ToRawArgs) checkTo(op string) error {
	if err := (Args{Path: a.To}).check(op); err != nil {
		return err
	}
	if path.Clean(a.To) != a.To || a.To == "/" {
		return effect.Errorf(effect.Invalid, op, "%q is no path of a file", a.To)
	}
	return nil
}

// refuse finds reasons not to begin.
func (m *making) refuse() error {
	for _, i := range m.info.Chain {
		switch {
		case path.Clean(i.Path) == m.args.To || i.DataFile != "" && path.Clean(i.DataFile) == m.args.To:
			return effect.Errorf(effect.Invalid, toRaw, "the destination %s is part of the image itself", m.args.To)
		case i.Corrupt:
			return effect.WithHint(effect.Errorf(effect.Failed, toRaw, "%s is damaged", i.Path), "see what qemu-img check says of it, and keep a copy before it repairs anything")
		case i.Encrypted:
			return effect.Errorf(effect.Failed, toRaw, "%s is encrypted", i.Path)
		}
	}
	named := func(s Snapshot) bool { return s.Name == m.args.Snapshot }
	if m.args.Snapshot != "" && !slices.ContainsFunc(m.info.Snapshots, named) {
		return effect.Errorf(effect.Missing, toRaw, "%s has no snapshot %q", m.args.From, m.args.Snapshot)
	}
	return nil
}

// verified tells whether the copy is compared: of a snapshot, and of what changes,
// it cannot be.
func (m *making) verified() bool {
	return (m.args.Verify == nil || *m.args.Verify) && m.args.Snapshot == "" && !m.args.ForceShare
}

// arguments are those of the scripts: how, in words, and the files.
func (m *making) arguments() []string {
	a := m.args
	verify, share := "", ""
	if m.verified() {
		verify = "yes"
	}
	if a.ForceShare {
		share = "-U"
	}
	how := "raw of " + a.From + " format=" + a.Format + " snapshot=" + a.Snapshot + " verify=" + verify
	args := []string{a.To, how, a.Format, a.Snapshot, verify, share}
	for i, image := range m.info.Chain {
		if i == 0 {
			image.Path = a.From
		}
		args = append(args, image.Path)
		if image.DataFile != "" {
			args = append(args, image.DataFile)
		}
	}
	return args
}

func (m *making) reads() []effect.Resource {
	var files []effect.Resource
	for _, name := range m.arguments()[6:] {
		files = append(files, effect.File(name))
	}
	return files
}

func (m *making) look(ctx context.Context) (string, error) {
	out, err := query(ctx, m.h, toRaw, append([]string{"sh", "-c", rawLook, "sh"}, m.arguments()...), append(m.reads(), effect.File(m.args.To))...)
	return strings.TrimSpace(out), err
}

// run has the copy made as a job, and tells whether check mode skipped that.
func (m *making) run(ctx context.Context) (skipped bool, err error) {
	a := m.args
	job, err := host.StartJob(ctx, m.h, effect.Effect{
		Op: toRaw, Title: "qemu-img convert -O raw " + a.From + " " + a.To,
		Argv:   append([]string{"sh", "-c", rawMake, "sh"}, m.arguments()...),
		Reads:  m.reads(),
		Writes: []effect.Resource{effect.File(a.To), effect.File(a.To + ".part"), effect.File(recordOf(a.To))},
		Leaves: map[effect.Resource]string{effect.File(a.To): effect.Made, effect.File(recordOf(a.To)): effect.Made},
		Diff:   &effect.Diff{Path: a.To, Note: m.note()},
	}, m.key())
	if err != nil || job.Skipped() {
		return true, explain(err)
	}
	var log tail
	began := clock.Now(ctx)
	state, err := job.Wait(ctx, 0, func(n host.News) error {
		log.add(n.Log)
		log.report(ctx)
		if a.Timeout > 0 && n.State.Running() && clock.Now(ctx).Sub(began) > a.Timeout {
			return effect.WithHint(effect.Errorf(effect.Timeout, toRaw, "not ended after %s; the job goes on", a.Timeout),
				"run again to attach to it, or look at it with bsdrun jobs")
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	return false, m.outcome(state, log.text())
}

func (m *making) note() string {
	size := ""
	if m.info.VirtualSize > 0 {
		size = " of " + strconv.FormatInt(m.info.VirtualSize, 10) + " bytes"
	}
	return "make a raw image" + size + " of " + m.args.From
}

// key is the same for the same copy, so that a later run meets the job again.
func (m *making) key() string {
	sum := sha256.Sum256([]byte(strings.Join(m.arguments(), "\x00")))
	return "image-to-raw-" + hex.EncodeToString(sum[:6])
}

// outcome is the error of a job that failed. qemu-img compare has 1 for images
// that differ.
func (m *making) outcome(state effect.JobState, log string) error {
	if state.Code == 0 {
		return nil
	}
	failure := &effect.Error{Op: toRaw, Kind: effect.Failed, Code: state.Code, Command: "qemu-img convert -O raw " + m.args.From + " " + m.args.To, Out: log}
	switch {
	case strings.Contains(log, "has changed meanwhile"):
		failure.Message = m.args.From + " has changed while it was copied"
		failure.Hint = "something writes to it: shut the machine down first"
	case strings.Contains(log, "Content mismatch"):
		failure.Message = "the copy differs from " + m.args.From
		failure.Hint = "something writes to the image, or a disk of the host is damaged: see its messages"
	}
	return explain(failure)
}

// tail keeps the end of a job's log and reports how far it is.
type tail struct {
	end      []byte
	phase    string
	reported string
}

// keep is how much of the log is kept.
const keep = 8 << 10

func (t *tail) add(log []byte) {
	t.end = append(t.end, log...)
	for _, phase := range []string{"copy", "compare"} {
		if bytes.Contains(t.end, []byte("bsdrun "+phase)) {
			t.phase = phase
		}
	}
	if over := len(t.end) - keep; over > 0 {
		t.end = append(t.end[:0], t.end[over:]...)
	}
}

// progress is what qemu-img -p prints, with carriage returns.
var progress = lazyregexp.New(`\((\d+\.\d+)/100%\)`)

func (t *tail) report(ctx context.Context) {
	of := t.end
	if at := bytes.LastIndex(of, []byte("bsdrun "+t.phase)); at >= 0 {
		of = of[at:]
	}
	all := progress.FindAllSubmatch(of, -1)
	if len(all) == 0 {
		return
	}
	percent := string(all[len(all)-1][1])
	if said := t.phase + " " + percent; said != t.reported {
		t.reported = said
		done, _ := strconv.ParseFloat(percent, 64)
		effect.Report(ctx, toRaw, map[string]string{"compare": "compared "}[t.phase]+percent+"%", map[string]any{"done": done, "total": 100, "phase": t.phase})
	}
}

// text is the end of the log without progress.
func (t *tail) text() string {
	var lines []string
	for _, line := range strings.FieldsFunc(string(t.end), func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(progress.ReplaceAllString(line, "")); line != "" && !strings.HasPrefix(line, "bsdrun c") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
