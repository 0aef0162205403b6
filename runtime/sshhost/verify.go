package sshhost

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"bsdrun/runtime/bulk"
	"bsdrun/runtime/effect"
)

// verifier is a loop on the host that notes in the map what has arrived, and reads
// it back.
type verifier struct {
	p    *process
	link link

	turn sync.Mutex
	out  *bufio.Reader
}

// catFunction defines _cat for sh: it prints parts of the stage, in blocks.
func catFunction(stage string) string {
	return "t=" + quoteRaw(stage) + "\n" + `_cat() { while [ $# -gt 1 ]; do dd if="$t" bs=` + strconv.Itoa(bulk.Block) + ` skip=$1 count=$2 2>/dev/null; shift 2; done; }
`
}

// verifyScript takes "n INDEX", to note a piece, and "g SKIP COUNT...", which it
// answers with the hash of these parts as one.
func verifyScript(stage, sum string) string {
	return settle + catFunction(stage) + `echo ready
while read -r _q _r; do
case $_q in
n) echo "$_r" >>"$t.map";;
g) _h=$(_cat $_r | ` + sum + `); _h=${_h##*= }; echo "${_h%% *}";;
esac
done`
}

func (v *verifier) open(ctx context.Context, r *receiving) error {
	p, l, err := r.h.open(ctx, r.at, verifyScript(r.stage, r.hasher), nil)
	if err != nil {
		return err
	}
	go func() { _, _ = io.Copy(io.Discard, p.stderr) }()
	context.AfterFunc(ctx, p.close)
	v.p, v.link, v.out = p, l, bufio.NewReader(p.stdout)
	for {
		line, err := v.read(ctx)
		if err != nil || line == "ready" { // anything before is a login shell's
			return err
		}
	}
}

func (v *verifier) close() {
	if v.p != nil {
		_ = v.p.stdin.Close()
		v.p.close()
	}
}

func (v *verifier) read(ctx context.Context) (string, error) {
	line, err := v.out.ReadString('\n')
	if err != nil {
		return "", lost(ctx, err)
	}
	return strings.TrimSpace(line), nil
}

func (v *verifier) tell(ctx context.Context, line string) error {
	if _, err := io.WriteString(v.p.stdin, line+"\n"); err != nil {
		return lost(ctx, err)
	}
	return nil
}

// note has a piece noted. Whether that came to be shows when somebody goes on.
func (v *verifier) note(ctx context.Context, index int) error {
	v.turn.Lock()
	defer v.turn.Unlock()
	return v.tell(ctx, "n "+strconv.Itoa(index))
}

// sums are the hashes of what is there of groups of parts.
func (v *verifier) sums(ctx context.Context, groups [][]effect.Extent) ([]string, error) {
	v.turn.Lock()
	defer v.turn.Unlock()
	sums := make([]string, len(groups))
	for _, parts := range groups {
		if err := v.tell(ctx, "g"+inBlocks(parts)); err != nil {
			return nil, err
		}
	}
	for i := range groups {
		var err error
		if sums[i], err = v.read(ctx); err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// inBlocks are parts for _cat.
func inBlocks(parts []effect.Extent) string {
	var b strings.Builder
	for _, x := range parts {
		fmt.Fprintf(&b, " %d %d", x.Offset/bulk.Block, (x.Length+bulk.Block-1)/bulk.Block)
	}
	return b.String()
}

// watchLink closes a connection whose far end is gone without a word.
func (h *Host) watchLink(ctx context.Context, l link) {
	t := time.NewTicker(keepAlive)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			sign(l, ctx.Done())
		}
	}
}

// sign waits for a sign of life of a connection; without one it is closed.
func sign(l link, over <-chan struct{}) {
	answered := make(chan error, 1)
	go func() { answered <- l.alive() }()
	timer := time.NewTimer(silentFor)
	defer timer.Stop()
	select {
	case err := <-answered:
		if err == nil {
			return
		}
	case <-over:
		return
	case <-timer.C:
	}
	l.close()
}
