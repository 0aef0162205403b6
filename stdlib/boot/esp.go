package boot

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/gpart"
)

const loaderEFI = "/boot/loader.efi"

// espNames are what the firmware starts by itself, by processor.
var espNames = map[string]string{
	"amd64": "BOOTX64.EFI", "i386": "BOOTIA32.EFI", "aarch64": "BOOTAA64.EFI", "armv7": "BOOTARM.EFI", "riscv64": "BOOTRISCV64.EFI",
}

// espPaths are where FreeBSD puts its loader on an EFI partition: what the
// firmware starts by itself, and what a boot entry names.
func espPaths(arch string) []string {
	name := espNames[arch]
	if name == "" {
		name = espNames["amd64"]
	}
	return []string{"/EFI/BOOT/" + name, "/EFI/FREEBSD/LOADER.EFI"}
}

// anyCase is a pattern of sh(1) for a path of FAT, which knows no case.
func anyCase(path string) string {
	var b strings.Builder
	for _, r := range path {
		if lower := unicode.ToLower(r); lower != r {
			fmt.Fprintf(&b, "[%c%c]", r, lower)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// mountESP makes $dir the place where the partition $dev is mounted: $at, or a
// private one for the time of the script, with the options $1.
const mountESP = `if [ -n "$at" ]; then
	dir=$at
	mount | grep -qF " on $at (" || { echo "$at: nothing is mounted there any more" >&2; exit 1; }
else
	dir=$(mktemp -d /var/run/bsdrun-esp.XXXXXX) || exit
	trap 'umount "$dir" 2>/dev/null; rmdir "$dir"' EXIT
	trap 'exit 1' HUP INT TERM
	mount -t msdosfs -o "$1" "/dev/$dev" "$dir" 2>&1 || exit 3
fi
`

// readESPScript tells of the loaders on an EFI partition. Two patterns follow the
// device and where it is mounted; they are taken apart without quotes, on purpose.
const readESPScript = `dev=$1 at=$2 first=$3 second=$4
set -- ro
` + mountESP + `for f in "$dir"/$first "$dir"/$second; do
	[ -f "$f" ] || continue
	whose=foreign
	if grep -q FreeBSD "$f"; then whose=freebsd; fi
	echo "file $(stat -f %z "$f") $(sha256 -q "$f") $whose ${f#"$dir"}"
done
for f in /boot/loader.efi /boot/boot1.efi; do
	[ -f "$f" ] && echo "boot $(stat -L -f %z "$f") $(sha256 -q "$f") $f"
done
df -k "$dir" | awk 'END { print "free", $4 }'`

// espFile is a file on an EFI partition, or in /boot.
type espFile struct {
	size   int64
	digest string
	ours   bool // it is FreeBSD's
	path   string
}

// espContent is what was found on an EFI partition.
type espContent struct {
	files, boot []espFile
	free        int64
	failure     string // why it could not be mounted
}

var (
	espFileLine = lazyregexp.New(`^file (\d+) ([0-9a-f]{64}) (freebsd|foreign) (/.+)$`)
	espBootLine = lazyregexp.New(`^boot (\d+) ([0-9a-f]{64}) (/boot/[a-z0-9.]+)$`)
	espFreeLine = lazyregexp.New(`^free (\d+)$`)
)

func readESP(ctx context.Context, h effect.Doer, op string, part gpart.Partition, at mountPoint, arch string) (espContent, error) {
	paths := espPaths(arch)
	res, err := run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Title: "look at the EFI partition " + part.Name, Want: []int{0, 3},
		Argv:  []string{"sh", "-c", readESPScript, "boot", part.Name, at.dir, anyCase(paths[0][1:]), anyCase(paths[1][1:])},
		Reads: append(espResources(part, at), effect.File(loaderEFI), effect.File("/boot/boot1.efi")),
	})
	if err != nil {
		return espContent{}, err
	}
	out, err := res.Text()
	if err != nil {
		return espContent{}, err
	}
	if res.Code == 3 {
		return espContent{failure: strings.TrimSpace(out)}, notAllowed(op, part.Name, out)
	}
	return parseESP(op, out)
}

var deniedForm = lazyregexp.New(`(?i)permission denied|operation not permitted`)

const deniedHint = "run as root: -b, or h:as(\"root\")"

var rules = []effect.Rule{{Pattern: deniedForm, Kind: effect.Denied, Hint: deniedHint}}

func run(ctx context.Context, h effect.Doer, e effect.Effect) (effect.Result, error) {
	res, err := h.Do(ctx, e)
	err, _ = effect.Explain(err, rules)
	return res, err
}

// notAllowed is the error of a partition that only somebody else may mount; nil
// where something else is wrong with it.
func notAllowed(op, device, said string) error {
	if !deniedForm.MatchString(said) {
		return nil
	}
	return effect.WithHint(effect.Errorf(effect.Denied, op, "%s may not be mounted: %s", device, strings.TrimSpace(said)), deniedHint)
}

// espResources are what an EFI partition is to the layers.
func espResources(part gpart.Partition, at mountPoint) []effect.Resource {
	list := []effect.Resource{effect.File("/dev/" + part.Name)}
	if at.dir != "" {
		list = append(list, effect.Tree(at.dir))
	}
	return list
}

// parseESP reads what readESPScript prints.
func parseESP(op, out string) (espContent, error) {
	var c espContent
	known := false
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		switch {
		case espFileLine.MatchString(line):
			m := espFileLine.FindStringSubmatch(line)
			size, _ := strconv.ParseInt(m[1], 10, 64)
			c.files = append(c.files, espFile{size, m[2], m[3] == "freebsd", m[4]})
		case espBootLine.MatchString(line):
			m := espBootLine.FindStringSubmatch(line)
			size, _ := strconv.ParseInt(m[1], 10, 64)
			c.boot = append(c.boot, espFile{size, m[2], true, m[3]})
		case espFreeLine.MatchString(line):
			kilobytes, _ := strconv.ParseInt(espFreeLine.FindStringSubmatch(line)[1], 10, 53)
			c.free, known = kilobytes<<10, true
		default:
			return c, effect.Errorf(effect.Failed, op, "the host printed something else of an EFI partition: %.80q", line)
		}
	}
	if !known {
		return c, effect.Errorf(effect.Failed, op, "the host did not tell what is free on an EFI partition")
	}
	return c, nil
}

// efiCodes looks at EFI partitions.
func (p *Plan) efiCodes(ctx context.Context, h effect.Doer, op, arch string) error {
	needed := p.Method == uefi
	for i := range p.Disks {
		d := &p.Disks[i]
		if d.Missing {
			continue
		}
		parts := d.table.OfType("efi")
		if len(parts) == 0 && needed {
			d.Codes = append(d.Codes, Code{Kind: "loader.efi", Device: d.Name, File: loaderEFI, State: NoPlace, Needed: true, Note: noPlace(d.table, "efi")})
		}
		for _, part := range parts {
			found, err := readESP(ctx, h, op, part, p.system.at(part), arch)
			if err != nil {
				return err
			}
			d.Codes = append(d.Codes, found.codes(part.Name, espPaths(arch)[0], needed)...)
		}
	}
	return nil
}

// codes are the loaders of an EFI partition. Those that are there count; where
// none is FreeBSD's, the one that the firmware starts by itself lacks.
func (c espContent) codes(device, standard string, needed bool) []Code {
	blank := Code{Kind: "loader.efi", Device: device, File: loaderEFI, Needed: needed, Room: c.free}
	if c.failure != "" {
		blank.State, blank.Note = Unreadable, c.failure
		return []Code{blank}
	}
	var codes []Code
	ours := false
	for _, f := range c.files {
		code := blank
		code.Path, code.Installed = f.path, f.digest
		if ours = ours || f.ours; !f.ours {
			code.State, code.Needed, code.Note = Foreign, false, "it is left alone"
			codes = append(codes, code)
			continue
		}
		c.judge(&code)
		codes = append(codes, code)
	}
	if ours {
		return codes
	}
	if at := slices.IndexFunc(codes, func(code Code) bool { return strings.EqualFold(code.Path, standard) }); at >= 0 {
		codes[at].Needed, codes[at].Note = needed, "the firmware starts it, not FreeBSD's loader"
		return codes
	}
	blank.Path = standard
	c.judge(&blank)
	return append(codes, blank)
}

// judge compares a loader with those of /boot: loader.efi, or boot1.efi, by which
// older releases started it.
func (c espContent) judge(code *Code) {
	for _, file := range c.boot {
		if file.digest == code.Installed {
			code.Kind, code.File = file.path[len("/boot/"):], file.path
			code.Size, code.Wanted, code.State = file.size, file.digest, Current
			return
		}
	}
	at := slices.IndexFunc(c.boot, func(f espFile) bool { return f.path == loaderEFI })
	if at < 0 {
		code.State = NoFile
		return
	}
	code.Size, code.Wanted = c.boot[at].size, c.boot[at].digest
	switch {
	case code.Size > c.free:
		code.State = TooSmall
	case code.Installed == "":
		code.State = Absent
	default:
		code.State = Old
	}
}

// writeESPScript replaces loaders on an EFI partition, one after the other: the
// new one is written beside and compared before it takes the name. The former one
// is kept twice: in a folder of the host, and on the partition, where it can be
// started, if there is room for it.
const writeESPScript = `dev=$1 at=$2 keep=$3; shift 3
files=$*
set -- rw
` + mountESP + `[ -d "$keep" ] || mkdir -p -m 700 "$keep" || exit
for f in $files; do
	to=$dir$f
	mkdir -p "${to%/*}" || exit
	if [ -f "$to" ]; then
		kept=$keep/$dev-$(sha256 -q "$to" | head -c 16)
		cp "$to" "$kept.new" && mv -f "$kept.new" "$kept" || { rm -f "$kept.new"; exit 1; }
		echo "kept $kept"
	fi
	cp /boot/loader.efi "$to.new" && cmp -s /boot/loader.efi "$to.new" && fsync "$to.new" || { rm -f "$to.new"; echo "$to: the loader could not be written" >&2; exit 1; }
	if [ -f "$to" ]; then
		old=${to%.*}-OLD.EFI
		cp "$to" "$old" 2>/dev/null || rm -f "$old"
	fi
	mv -f "$to.new" "$to" || exit
done
sync`

// espName is a path that needs no quotes, as the loader's paths are.
var espName = lazyregexp.New(`^(/[A-Za-z0-9_.-]+)+$`)

// writeESP replaces the loaders of an EFI partition by that of /boot.
func writeESP(ctx context.Context, h effect.Doer, op string, part gpart.Partition, at mountPoint, keep string, paths []string) (kept []string, skipped bool, err error) {
	for _, path := range paths {
		if !espName.MatchString(path) {
			return nil, false, effect.Errorf(effect.Failed, op, "%s:%s is no path of a loader", part.Name, path)
		}
	}
	device := part.Name
	title := "copy /boot/loader.efi to " + device + ":" + strings.Join(paths, " and ")
	res, err := run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Change, Risk: effect.Disruptive, Title: title, Note: "the loader of " + device + " is replaced; what it was is kept in " + keep,
		Argv:   append([]string{"sh", "-c", writeESPScript, "boot", part.Name, at.dir, keep}, paths...),
		Want:   []int{0, 3},
		Reads:  []effect.Resource{effect.File(loaderEFI)},
		Writes: append(espResources(part, at), effect.Tree(keep)),
		Diff:   &effect.Diff{Path: device, Note: "loader " + strings.Join(paths, " and ") + " -> /boot/loader.efi"},
	})
	if err != nil || res.Skipped {
		return nil, res.Skipped, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, false, err
	}
	if res.Code == 3 {
		return nil, false, effect.Errorf(effect.Failed, op, "%s could not be mounted: %s", device, strings.TrimSpace(out))
	}
	for line := range strings.Lines(out) {
		if file, ok := strings.CutPrefix(strings.TrimSpace(line), "kept "); ok {
			kept = append(kept, file)
		}
	}
	return kept, false, nil
}
