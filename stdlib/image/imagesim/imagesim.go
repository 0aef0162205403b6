// Package imagesim models qemu-img over the machine's files, which hold real
// images: what it writes QEMU reads, and the other way round.
package imagesim

import (
	"encoding/xml"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// RateParam is a parameter of machines: how many bytes a second are copied or
// compared ("100M").
const RateParam = "image-rate"

// usualRate is that of a decent disk.
const usualRate = 400 << 20

// Tools is qemu-img, as the package qemu-utils of Linux and qemu-tools of FreeBSD
// bring it.
func Tools() []*sim.Tool {
	return []*sim.Tool{
		{Name: "qemu-img", Package: "qemu-utils", Paths: []string{"/usr/bin/qemu-img"}, Params: []string{RateParam}, Run: run},
		{Name: "qemu-img", Package: "qemu-tools", Paths: []string{"/usr/local/bin/qemu-img"}, Params: []string{RateParam}, Run: run},
	}
}

const version = `qemu-img version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)
Copyright (c) 2003-2022 Fabrice Bellard and the QEMU Project developers
`

// call is one run of qemu-img.
type call struct {
	*sim.Proc
	verb    string
	values  map[string][]string // options that were given, by name without dashes
	args    []string
	share   bool // -U
	elapsed float64
	shown   string
}

// command is a subcommand. Options that take a value end in a colon.
type command struct {
	name    string
	options string
	run     func(c *call) int
}

var commands = []command{
	{"check", "f: output: r: T: q U force-share", (*call).check},
	{"compare", "f: F: T: p q s U force-share", (*call).compare},
	{"convert", "f: O: B: F: o: l: S: m: t: T: c p q n W U force-share", (*call).convert},
	{"create", "f: b: F: o: q u", (*call).create},
	{"info", "f: output: backing-chain U force-share", (*call).info},
	{"map", "f: output: start-offset: s: max-length: l: U force-share", (*call).mapping},
	{"measure", "f: O: output: o: size: l: U force-share", (*call).measure},
	{"resize", "f: preallocation: q shrink", (*call).resize},
	{"snapshot", "l c: a: d: q U force-share", (*call).snapshot},
}

func run(p *sim.Proc) int {
	c := &call{Proc: p, values: map[string][]string{}}
	if len(p.Args) < 2 {
		return c.fail("Not enough arguments", true)
	}
	verb := p.Args[1]
	switch verb {
	case "--version", "-V":
		p.Printf("%s", version)
		return 0
	case "--help", "-h":
		return p.Cannot("qemu-img %s", verb)
	case "amend", "bench", "bitmap", "commit", "dd", "rebase":
		return p.Cannot("qemu-img %s", verb)
	}
	for _, known := range commands {
		if known.name != verb {
			continue
		}
		c.verb = verb
		if wrong := c.parse(known.options, p.Args[2:]); wrong != "" {
			return c.fail(wrong, true)
		}
		c.share = c.has("U") || c.has("force-share")
		return known.run(c)
	}
	return c.fail("Command not found: "+verb, true)
}

// fail prints an error; tryHelp adds what getopt(3)'s do.
func (c *call) fail(text string, tryHelp bool) int {
	c.Errorf("qemu-img: %s\n", text)
	if tryHelp {
		c.Errorf("Try 'qemu-img --help' for more information\n")
	}
	return 1
}

func (c *call) has(name string) bool { return len(c.values[name]) > 0 }

func (c *call) value(name, otherwise string) string {
	if list := c.values[name]; len(list) > 0 {
		return list[len(list)-1]
	}
	return otherwise
}

// parse reads options as getopt_long(3) does, operands between them.
func (c *call) parse(known string, args []string) (wrong string) {
	options := strings.Fields(known)
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			c.args = append(c.args, args...)
			return ""
		case strings.HasPrefix(arg, "--"):
			name, value, given := strings.Cut(arg[2:], "=")
			switch {
			case slices.Contains(options, name) && len(name) > 1 && given:
				return fmt.Sprintf("option '--%s' doesn't allow an argument", name)
			case slices.Contains(options, name) && len(name) > 1:
			case !slices.Contains(options, name+":") || len(name) == 1:
				return fmt.Sprintf("unrecognized option '%s'", arg)
			case !given && len(args) == 0:
				return fmt.Sprintf("missing argument for option '%s'", arg)
			case !given:
				value, args = args[0], args[1:]
			}
			c.values[name] = append(c.values[name], value)
		case len(arg) > 1 && arg[0] == '-':
			for letters := arg[1:]; letters != ""; {
				name := letters[:1]
				letters = letters[1:]
				value := ""
				switch {
				case slices.Contains(options, name):
				case !slices.Contains(options, name+":"):
					return fmt.Sprintf("unrecognized option '-%s'", name)
				case letters != "":
					value, letters = letters, ""
				case len(args) == 0:
					return fmt.Sprintf("missing argument for option '-%s'", name)
				default:
					value, args = args[0], args[1:]
				}
				c.values[name] = append(c.values[name], value)
			}
		default:
			c.args = append(c.args, arg)
		}
	}
	return ""
}

func known(format string) bool { return format == "raw" || format == "qcow2" || format == "vdi" }

// one is the only operand, or the complaint.
func (c *call) one() (string, int) {
	if len(c.args) != 1 {
		return "", c.fail("Expecting one image file name", true)
	}
	return c.args[0], 0
}

// openFailed tells why an image could not be opened.
func (c *call) openFailed(name string, err error) int {
	return c.fail(fmt.Sprintf("Could not open '%s': %v", name, err), false)
}

func vfsText(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return sim.ErrText(err)
	}
	return err.Error()
}

// domainStatus is what libvirt writes of a domain that runs.
type domainStatus struct {
	Disks []struct {
		ReadOnly *struct{} `xml:"readonly"`
		Source   struct {
			File string `xml:"file,attr"`
			Dev  string `xml:"dev,attr"`
		} `xml:"source"`
	} `xml:"domain>devices>disk"`
}

// statusFolder holds a file for each domain that runs, while it does.
const statusFolder = "/run/libvirt/qemu"

// unlocked refuses images that a running machine uses.
func (c *call) unlocked(name string, write bool) error {
	if c.share && !write {
		return nil
	}
	view := c.Machine.View(vfs.Root, "/")
	files, err := view.ReadDir(statusFolder)
	if err != nil {
		return nil //nolint:nilerr // nothing runs here
	}
	where := c.real(name)
	for _, f := range files {
		data, err := view.ReadFile(path.Join(statusFolder, f.Name))
		var status domainStatus
		if err != nil || !strings.HasSuffix(f.Name, ".xml") || xml.Unmarshal(data, &status) != nil {
			continue
		}
		for _, d := range status.Disks {
			if used := d.Source.File + d.Source.Dev; used != "" && d.ReadOnly == nil && c.real(used) == where {
				kind := `shared "write"`
				if write {
					kind = `"write"`
				}
				return fmt.Errorf("Failed to get %s lock\nIs another process using the image [%s]?", kind, name)
			}
		}
	}
	return nil
}

func (c *call) real(name string) string {
	if where, err := c.FS().EvalSymlinks(name); err == nil {
		return where
	}
	return c.FS().Abs(name)
}

// passes lets the time pass that copying so many bytes takes.
func (c *call) passes(bytes int64) error {
	rate := int64(usualRate)
	if given := c.Machine.Params.Get(RateParam); given != "" {
		n, err := sim.ParseSize(given)
		if err != nil || n <= 0 {
			return fmt.Errorf("%s=%s is no number of bytes", RateParam, given)
		}
		rate = n
	}
	return c.Sleep(time.Duration(float64(bytes) / float64(rate) * float64(time.Second)))
}

// progress shows how much is done, as -p has it.
func (c *call) progress(done, total int64) {
	if !c.has("p") {
		return
	}
	percent := 100.0
	if total > 0 {
		percent = 100 * float64(done) / float64(total)
	}
	if text := fmt.Sprintf("    (%.2f/100%%)\r", percent); percent-c.elapsed >= 1 || c.shown == "" || done == total {
		c.elapsed, c.shown = percent, text
		c.Printf("%s", text)
	}
}

// human is a size in the words of people.
func human(n int64) string {
	unit := 0
	size := float64(n)
	for size >= 1000 && unit < 6 {
		size /= 1024
		unit++
	}
	return fmt.Sprintf("%.3g %s", size, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}[unit])
}

// parseSize reads a size with a suffix, "+" and "-" apart; without one it is bytes.
func parseSize(text string) (int64, bool) {
	text = strings.TrimSuffix(strings.ToUpper(text), "B")
	n, err := sim.ParseSize(text)
	return n, err == nil && n >= 0
}
