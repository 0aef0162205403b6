package sshhost

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bsdrun/runtime/effect"
)

// errLost: the shell, or the connection below it, has gone.
var errLost = errors.New("the connection was lost")

// shell is one long-lived /bin/sh that reads frames and answers them, one after the
// other.
type shell struct {
	p     *process
	link  link
	nonce string
	seq   int
	turn  chan struct{} // holds one token: whose frame it is
	buf   *bytes.Buffer // the frames being written; nil: none

	current atomic.Pointer[frame]
	dead    chan struct{}
	die     sync.Once

	about about
	// What earlier frames have settled; belongs to whoever has the turn.
	prepared bool   // lock and ledger are there
	noLedger bool   // there is no place for them
	large    string // ledger entry whose delivered output can go
}

// about is what a shell tells of itself when it opens.
type about struct {
	pid    int
	linux  bool
	printf bool   // printf is a builtin: its arguments show in no process list
	boot   string // identity of the running boot
}

// settle is what every shell of ours does first: what a command meets must not
// depend on how somebody logs in. It is one line that every login shell, csh too,
// passes on between single quotes.
const settle = `LC_ALL=C; export LC_ALL; unset ENV CDPATH IFS; umask 022; ` +
	`case ":$PATH:" in *:/usr/local/sbin:*) ;; *) PATH=$PATH:/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin; export PATH;; esac; `

// opening is how a shell of ours tells what it is, as a line like that of settle. It
// forks as little as it can: a builtin costs nothing, and this is paid on every host.
const opening = settle + `_k=bsd; _b=; [ -e /boot/kernel ] || { [ -r /proc/sys/kernel/random/boot_id ] && _k=linux && read -r _b </proc/sys/kernel/random/boot_id; }; ` +
	`[ $_k = linux ] || { _b=$(sysctl -nx kern.boot_id 2>/dev/null); _b=${_b##*0x}; ` +
	`[ -n "$_b" ] || { _b=$(sysctl -n kern.boottime 2>/dev/null); _b=${_b#*sec = }; _b=${_b%%,*}; _b=${_b:+@$_b}; }; }; ` +
	`_b=${_b:--}; echo "$$ $_k $_b"; type printf`

func newShell(l link, p *process, nonce string) *shell {
	s := &shell{p: p, link: l, nonce: nonce, turn: make(chan struct{}, 1), dead: make(chan struct{})}
	s.turn <- struct{}{}
	return s
}

// introduction is a script with which a shell introduces itself; it becomes the
// shell that reads frames. The frame around it has a nonce of its own, since for a
// moment ps(1) shows it. home says how the shell settles in its user's home; the
// output of greeting, where given, follows what the shell tells of itself.
func introduction(nonce, home, greeting string) string {
	mark := nonce + ".1"
	script := "echo " + mark + ".s; echo " + mark + ".s >&2; " + opening + home
	if greeting != "" {
		script += "\necho\n(eval " + quoteRaw(greeting) + ") </dev/null"
	}
	return script + "; echo " + mark + ".e.0; echo " + mark + ".e >&2; exec /bin/sh"
}

// openShell waits until a shell has introduced itself that has just been started,
// under the nonce of its introduction; what its greeting has printed is returned.
func openShell(ctx context.Context, l link, p *process, nonce string, stray func([]byte)) (*shell, []byte, error) {
	s := newShell(l, p, newNonce())
	var out, diag bytes.Buffer
	f := newFrame(nonce, 1, &out, &diag)
	s.current.Store(f)
	s.listen(stray)
	var err error
	select {
	case <-f.done:
	case <-s.dead:
		err = errLost
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		s.close()
		return nil, nil, err
	}
	told, facts, _ := bytes.Cut(out.Bytes(), []byte("\n\n"))
	if s.about, err = parseAbout(string(told)); err != nil {
		s.close()
		return nil, nil, err
	}
	return s, facts, nil
}

func (a about) kind() string {
	if a.linux {
		return "linux"
	}
	return "bsd"
}

func parseAbout(text string) (about, error) {
	first, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	fields := strings.SplitN(first, " ", 3)
	if len(fields) < 2 {
		return about{}, fmt.Errorf("the shell does not introduce itself: %q", text)
	}
	pid, err := strconv.Atoi(fields[0])
	if err != nil {
		return about{}, fmt.Errorf("the shell has no process id: %q", first)
	}
	a := about{pid: pid, linux: fields[1] == "linux", printf: strings.Contains(rest, "builtin")}
	if len(fields) == 3 && fields[2] != "-" {
		a.boot = fields[2]
	}
	return a, nil
}

// otherStream is how long the streams may be silent once the shell, or one of
// them, has ended: a process that was left behind may hold them for ever.
const otherStream = 2 * time.Second

// listen reads both streams until they end.
func (s *shell) listen(stray func([]byte)) {
	var life signs
	ended := make(chan struct{}, 2)
	for _, stderr := range []bool{false, true} {
		d := &demux{stderr: stderr, current: &s.current, stray: stray}
		r := s.p.stdout
		if stderr {
			r = s.p.stderr
		}
		life.busy.Add(1)
		go func() {
			_ = d.run(watchedStream{r, &life})
			life.rests()
			ended <- struct{}{}
		}()
	}
	go func() {
		defer s.died()
		left := 2
		select {
		case <-s.p.exited:
			life.seen()
		case <-ended:
			left--
		case <-s.dead:
			return
		}
		look := time.NewTicker(otherStream / 8)
		defer look.Stop()
		for left > 0 && !life.silent(otherStream) {
			select {
			case <-look.C:
			case <-ended:
				left--
			case <-s.dead:
				return
			}
		}
	}()
}

// signs are a shell's signs of life. What came may be handed on slowly; that is no
// silence.
type signs struct {
	busy atomic.Int32 // streams that do not wait for more
	last atomic.Int64 // in Unix nanoseconds
}

func (s *signs) seen()  { s.last.Store(time.Now().UnixNano()) }
func (s *signs) rests() { s.seen(); s.busy.Add(-1) }

func (s *signs) silent(d time.Duration) bool {
	return s.busy.Load() == 0 && time.Since(time.Unix(0, s.last.Load())) >= d
}

type watchedStream struct {
	io.Reader
	life *signs
}

func (s watchedStream) Read(p []byte) (int, error) {
	s.life.rests()
	n, err := s.Reader.Read(p)
	s.life.busy.Add(1)
	return n, err
}

func (s *shell) died() { s.die.Do(func() { close(s.dead) }) }

// take waits for the shell to be free.
func (s *shell) take(ctx context.Context) error {
	select {
	case <-s.turn:
		return nil
	default:
	}
	select {
	case <-s.turn:
		return nil
	case <-s.dead:
		return errLost
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *shell) give() { s.turn <- struct{}{} }

// send sends one frame; whoever calls has the turn.
func (s *shell) send(statement func(*bytes.Buffer), result string, out, err io.Writer) (*frame, error) {
	f := s.frame(statement, result, out, err)
	return f, s.flush(f)
}

// frameBuffers are what shells write frames in: most hosts of a large run wait.
var frameBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// frame writes a frame, which flush sends.
func (s *shell) frame(statement func(*bytes.Buffer), result string, out, err io.Writer) *frame {
	s.seq++
	if s.buf == nil {
		s.buf = frameBuffers.Get().(*bytes.Buffer)
	}
	if s.seq == 1 {
		// The scripts that follow rely on what the introduction has found out.
		s.buf.WriteString("_k=" + s.about.kind() + "; _b=" + quoteRaw(cmp.Or(s.about.boot, "-")) + "\n")
	}
	marks(s.buf, s.nonce, s.seq, statement, result)
	return newFrame(s.nonce, s.seq, out, err)
}

// flush sends the frames that were written, of which f is the first.
func (s *shell) flush(f *frame) error {
	s.current.Store(f)
	_, err := s.p.stdin.Write(s.buf.Bytes())
	s.buf.Reset()
	if s.buf.Cap() <= 1<<20 {
		frameBuffers.Put(s.buf)
	}
	s.buf = nil
	if err != nil {
		s.close()
		return errLost
	}
	return nil
}

// reads lets a Read be ended with the connection until the function that it returns
// is called.
func (s *shell) reads(e effect.Effect) (ended func()) {
	if s.p.reading == nil || e.Kind != effect.Read {
		return func() {}
	}
	s.p.reading(s.about.pid)
	return func() { s.p.reading(0) }
}

// ask runs a short script of our own and returns what it printed.
func (s *shell) ask(ctx context.Context, script string) (out []byte, err error) {
	out, _, err = s.askBoth(ctx, script)
	return out, err
}

// askBoth is ask with both streams.
func (s *shell) askBoth(ctx context.Context, script string) (stdout, stderr []byte, err error) {
	if err := s.take(ctx); err != nil {
		return nil, nil, err
	}
	defer s.give()
	var out, diag bytes.Buffer
	f, err := s.send(func(b *bytes.Buffer) { b.WriteString("(" + script + "\n) </dev/null") }, "$?", &out, &diag)
	if err != nil {
		return nil, nil, err
	}
	select {
	case <-f.done:
	case <-s.dead:
		return nil, nil, errLost
	case <-ctx.Done():
		// The answer may still come: this shell is of no more use.
		s.close()
		return nil, nil, ctx.Err()
	}
	if f.word != "0" {
		return out.Bytes(), diag.Bytes(), fmt.Errorf("exit code %s: %s", f.word, strings.TrimSpace(diag.String()))
	}
	return out.Bytes(), diag.Bytes(), nil
}

func (s *shell) isDead() bool {
	select {
	case <-s.dead:
		return true
	default:
		return false
	}
}

func (s *shell) close() {
	_ = s.p.stdin.Close()
	s.p.close()
	s.died()
}
