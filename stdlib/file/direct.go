package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/bulk"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// leastDirect is the length from which a key is worth making.
const leastDirect = 64 << 20

// direct is a distant file whose host sends it to the other one by itself. For
// that it has a key that is of no use for anything else: it is made on this host,
// the other one takes it from one address and for a day, for one command, and it
// goes with the transfer. Where the sshd is too old to know the day, the transfer
// alone ends it.
type direct struct {
	*distant
	to      effect.Doer
	target  string // path on the other host
	address string // of the other host, for this one; empty: as the controller has it
	forced  bool   // no other way is wanted
	limit   int64

	name   string // of the key, and of the folder that holds it on each host
	line   string // ssh command without what it is to do; empty: not set up
	unpack string // what the other host unpacks with
	sent   bool   // something has arrived
	failed int    // how often in a row it did not
}

func newDirect(d *distant, a TransferArgs) *direct {
	sum := sha256.Sum256([]byte(a.Path + "\x00" + a.To))
	return &direct{
		distant: d, to: a.Host, target: a.To, address: a.Address, forced: a.Direct == "yes",
		name: "bsdrun-transfer-" + hex.EncodeToString(sum[:6]),
	}
}

// tries is how often in a row sending may fail once it has worked.
const tries = 3

// Send sets up the way with the first parts, and sends.
func (d *direct) Send(ctx context.Context, stage string, parts []effect.Extent) error {
	ctx, end := d.within(ctx)
	defer end()
	if d.line == "" {
		if err := d.setUp(ctx, stage); err != nil {
			return d.closed(err)
		}
	}
	if err := d.send(ctx, parts); err != nil {
		if d.failed++; !d.sent || d.failed > tries {
			return d.closed(err)
		}
		known := *effect.AsError(err)
		known.Kind = effect.Unreachable // the next session tries again
		return &known
	}
	d.sent, d.failed = true, 0
	return nil
}

// closed says that this way is closed, unless the host is but out of reach, or no
// other way is wanted.
func (d *direct) closed(err error) error {
	kind := effect.KindOf(err)
	if d.forced || kind == effect.Unreachable || kind == effect.Cancelled {
		return err
	}
	effect.Report(d.ctx, d.op, d.path+" goes through the controller: "+effect.AsError(err).Error(), nil)
	return fmt.Errorf("%w: %w", effect.ErrNoWay, err)
}

const plainHome = `d=$HOME/.$n; case $d in *[!A-Za-z0-9/._-]*) echo "the home directory $HOME has a name that ssh cannot be told" >&2; exit 1;; esac
`

// release sets v to the release of OpenSSH, as 907 for 9.7.
const release = `v=$(ssh -V 2>&1); v=${v#*OpenSSH_}; v=${v%%[!0-9.]*}; m=${v#*.}; v=$((${v%%.*}*100+${m%%.*})) || exit
`

// keyScript makes a key and tells it. Releases before OpenSSH 6.5 know no ed25519.
const keyScript = plainHome + `umask 077; rm -rf "$d"; mkdir "$d" || exit
{ printf '%s\n' "$n $k" >"$d/known_hosts" && { ssh-keygen -q -t ed25519 -N '' -C $n -f "$d/key" || ssh-keygen -q -t rsa -b 3072 -N '' -C $n -f "$d/key"; } </dev/null >/dev/null 2>&1; } || { rm -rf "$d"; echo "ssh-keygen makes no key" >&2; exit 1; }
cat "$d/key.pub"`

// admitScript lets the key in, and nothing that an earlier transfer has left. An
// option that its sshd does not know would make the key void, so that they go by
// the release.
const admitScript = plainHome + `umask 077; a=$HOME/.ssh/authorized_keys
[ ! -L "$a" ] || { echo "$a is a symbolic link" >&2; exit 1; }
w=$(sshd -T 2>/dev/null | sed -n 's/^authorizedkeysfile //p')
case " $w " in '  '|*' .ssh/authorized_keys '*|*' %h/.ssh/authorized_keys '*) ;; *) echo "sshd takes no keys from $a" >&2; exit 1;; esac
` + release + `e=$(($(date +%s)+86400)); e=$(date -d @$e +%Y%m%d%H%M 2>/dev/null || date -r $e +%Y%m%d%H%M) || exit
o=no-port-forwarding,no-X11-forwarding,no-agent-forwarding,no-pty
[ $v -lt 702 ] || o=restrict
[ $v -lt 707 ] || o="$o,expiry-time=\"$e\""
rm -rf "$d"; mkdir "$d" && printf '%s\n' "$r" >"$d/receive" || exit
[ -d "$HOME/.ssh" ] || mkdir "$HOME/.ssh" || exit
t=$a.$n; if [ -f "$a" ]; then cp -p "$a" "$t" && { grep -v " $n\$" "$a" >"$t"; [ $? -lt 2 ]; } || exit; else : >"$t" || exit; fi
printf '%s\n' "$f$o,command=\"/bin/sh $d/receive\" $k" >>"$t" && mv -f "$t" "$a" || exit
if command -v zstd >/dev/null 2>&1; then echo zstd; elif command -v gzip >/dev/null 2>&1; then echo gzip; fi`

// receiveScript is the one command that the key can run. It reads in which block to
// begin and how to unpack, then what to write.
func receiveScript(stage string) string {
	block := strconv.Itoa(bulk.Block)
	return `PATH=$PATH:/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin; export PATH
t=` + quoted(stage) + `
` + bulk.HolesFunction + `read -r s u
case $s in probe) echo "from ${SSH_CLIENT%% *}"; exit;; ''|*[!0-9]*) exit 1;; esac
c=notrunc; _holes "${0%/*}/holes.$$" && c=notrunc,sparse
[ -f "$t" ] || exit 1
case $u in zstd) zstd -dcq;; gzip) gzip -dc;; *) cat;; esac | dd ibs=` + block + ` obs=` + block + ` seek=$s conv=$c of="$t" 2>/dev/null`
}

// forgetScript takes the key away.
const forgetScript = `d=$HOME/.$n; a=$HOME/.ssh/authorized_keys
[ -S "$d/c" ] && ssh -F /dev/null -o ControlPath="$d/c" -O exit $n >/dev/null 2>&1
if grep -q " $n\$" "$a" 2>/dev/null; then t=$a.$n; cp -p "$a" "$t" && { grep -v " $n\$" "$a" >"$t"; [ $? -lt 2 ]; } && mv -f "$t" "$a" || exit; fi
rm -rf "$d"`

// setUp makes the key, has the other host let it in, and closes it for any address
// but that which the other host sees.
func (d *direct) setUp(ctx context.Context, stage string) error {
	res, err := d.to.Do(ctx, effect.Effect{Op: d.op, Kind: effect.Read, Conn: &effect.ConnOp{Verb: effect.ConnPeer}})
	if err != nil {
		return err
	}
	peer := res.Peer
	if peer == nil || peer.Other {
		return effect.WithHint(effect.Errorf(effect.Failed, d.op, "who logs in there is not who writes the file, so that a key would not do"),
			`connect as that user, or let the controller pass it on: direct="no"`)
	}
	address := d.address
	if address == "" {
		address = peer.Address
	}
	key, err := d.change(ctx, d.host, "make a key for this transfer alone", "k="+quoted(peer.HostKey)+"\n"+keyScript)
	if err != nil {
		return err
	}
	admit := func(title, from string) (string, error) {
		return d.change(ctx, d.to, title, "k="+quoted(key)+" f="+quoted(from)+" r="+quoted(receiveScript(stage))+"\n"+admitScript)
	}
	if d.unpack, err = admit("let the transfer's key in", ""); err != nil {
		return err
	}
	line := d.ssh(address, peer)
	from, err := d.probe(ctx, address, line)
	if err != nil {
		return err
	}
	if _, err = admit("let the transfer's key in from "+from+" alone", `from="`+from+`",`); err == nil {
		d.line = line
	}
	return err
}

// ssh defines the function _ssh, by which this host reaches the other one: with the
// key and the host key that the controller knows, and with nothing of the user's
// own. Later ones share the connection of the first.
func (d *direct) ssh(address string, peer *effect.Peer) string {
	return "n=" + d.name + "; d=$HOME/.$n\n" + release + `o=; [ $v -lt 506 ] || o="-o ControlMaster=auto -o ControlPersist=20 -o ControlPath=$d/c"
[ $v -lt 800 ] || o="$o -o Ciphers=^aes128-gcm@openssh.com"
_ssh() { ssh -F /dev/null -T -i "$d/key" -p ` + strconv.Itoa(peer.Port) + " -l " + quoted(peer.User) + ` -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$d/known_hosts" -o GlobalKnownHostsFile=/dev/null -o HostKeyAlias=$n -o ConnectTimeout=10 -o ServerAliveInterval=15 $o -- ` + quoted(address) + ` 2>>"$d/log" || { c=$?; tail -n 3 "$d/log" >&2; exit $c; }; }
`
}

var seenFrom = lazyregexp.New(`^from ([0-9A-Fa-f.:]+)(?:%\S+)?$`)

// probe reaches the other host, and learns as whom that sees this one.
func (d *direct) probe(ctx context.Context, address, line string) (string, error) {
	res, err := d.host.Do(ctx, effect.Effect{
		Op: d.op, Kind: effect.Read, Title: "reach " + address + " with the transfer's key", Shell: line + "echo probe | _ssh",
		Reads: effect.Nothing, Timeout: time.Minute,
	})
	if err != nil {
		known := *effect.AsError(err)
		known.Message = "this host does not reach the other one at " + address + ": " + err.Error()
		known.Hint = `name an address that it can reach, with address=, or let the controller pass it on: direct="no"`
		return "", &known
	}
	said, err := res.Line()
	if err != nil {
		return "", err
	}
	found := seenFrom.FindStringSubmatch(said)
	if found == nil {
		return "", effect.Errorf(effect.Failed, d.op, "the other host does not tell from where it is reached: %.100q", said)
	}
	return found[1], nil
}

// change makes one of the changes around a transfer. It counts for none of the
// host, as nothing of it stays.
func (d *direct) change(ctx context.Context, h effect.Doer, title, script string) (string, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: d.op, Kind: effect.Change, Title: title, Shell: "n=" + d.name + "\n" + script, Writes: effect.Nothing,
		Diff: &effect.Diff{Path: d.path, Note: title},
	})
	if err != nil {
		return "", err
	}
	return res.Line()
}

// send brings parts to the other host, one stream each.
func (d *direct) send(ctx context.Context, parts []effect.Extent) error {
	packer, unpack := "cat", "-"
	if d.packer != "" && strings.HasPrefix(d.packer, d.unpack) && d.unpack != "" {
		packer, unpack = d.packer, d.unpack
	}
	script := d.line + "f=" + quoted(d.path) + "\n" + catFunction
	for _, x := range parts {
		script += fmt.Sprintf("{ echo %d %s; { %s; } | %s; } | _ssh\n", x.Offset/bulk.Block, unpack, d.paced(x), packer)
	}
	_, err := d.host.Do(ctx, effect.Effect{
		Op: d.op, Kind: effect.Read, Title: fmt.Sprintf("send %d MB of %s", bulk.Length(parts)>>20, d.path), Shell: script,
		Sink: io.Discard, Reads: []effect.Resource{effect.File(d.path)},
	})
	return err
}

// paced reads a part of the file, within the limit: so many blocks, then not before
// the time for them is over.
func (d *direct) paced(x effect.Extent) string {
	first, count := x.Offset/bulk.Block, (x.Length+bulk.Block-1)/bulk.Block
	if d.limit <= 0 {
		return fmt.Sprintf("_cat %d %d", first, count)
	}
	step := max(d.limit/bulk.Block/2, 1)
	pause := strconv.FormatFloat(float64(step*bulk.Block)/float64(d.limit), 'f', 3, 64)
	return fmt.Sprintf("i=%d; while [ $i -lt %d ]; do k=$((%d-i)); [ $k -lt %d ] || k=%d; sleep %s & _cat $i $k; wait $!; i=$((i+k)); done",
		first, first+count, first+count, step, step, pause)
}

// tearDown takes the key away on both hosts, whichever session has left it there.
func (d *direct) tearDown(ctx context.Context) error {
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer end()
	var errs []error
	for _, h := range []effect.Doer{d.to, d.host} {
		res, err := h.Do(ctx, effect.Effect{
			Op: d.op, Kind: effect.Read, Title: "look for a key of this transfer", Want: []int{0, 1}, Reads: effect.Nothing,
			Shell: "n=" + d.name + `; [ -d "$HOME/.$n" ] || grep -q " $n\$" "$HOME/.ssh/authorized_keys" 2>/dev/null || exit 1`,
		})
		if err == nil && res.Code == 0 {
			_, err = d.change(ctx, h, "take the transfer's key away", forgetScript)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
