package host

import (
	"bufio"
	"bytes"
	"math/bits"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// ParseFacts reads the output of FactsScript.
func ParseFacts(out []byte) (Facts, error) {
	f := Facts{Addresses: map[string][]Address{}, Disks: []string{}, Jails: []string{}}
	sections := map[string][]string{}
	section, ended := "", false
	for scan := bufio.NewScanner(bytes.NewReader(out)); scan.Scan(); {
		line := strings.TrimRight(scan.Text(), "\r")
		if name, ok := strings.CutPrefix(line, "== "); ok {
			word, value, _ := strings.Cut(name, " ")
			section, ended = word, word == "end"
			sections[word] = []string{}
			if value != "" {
				sections[word] = append(sections[word], value)
			}
			continue
		}
		if section != "" {
			sections[section] = append(sections[section], line)
		}
	}
	names := sections["uname"]
	if !ended || len(names) < 5 {
		return f, &effect.Error{
			Kind: effect.Failed, Op: "host.facts", Message: "the host does not tell what it is", Out: string(out[max(0, len(out)-1000):]),
			Hint: "log in by hand and see whether uname and id work there",
		}
	}
	f.OS, f.Version, f.Machine, f.Arch, f.Hostname = names[0], names[1], names[2], names[3], names[4]
	if f.Arch == "" || f.Arch == "unknown" {
		f.Arch = f.Machine // GNU's uname knows no processor
	}
	f.versions(sections["version"])
	f.identity(sections["id"], sections["method"], sections["login"])
	f.rootMount(sections["mount"])
	f.sysctls(sections["sysctl"], sections["now"])
	f.defaultRoute(sections["route"])
	f.interfaces(sections["ifconfig"])
	f.linux(sections["linux"])
	f.ipRoute(sections["iproute"])
	f.ipAddresses(sections["ipaddr"])
	for _, name := range sections["jls"] {
		if name = strings.TrimSpace(name); name != "" {
			f.Jails = append(f.Jails, name)
		}
	}
	if lines, installed := sections["pkg"]; installed {
		f.Packages = "pkg"
		if len(lines) > 0 && lines[0] == "base" {
			f.Packages = "pkgbase"
		}
	}
	return f, nil
}

var patchLevel = lazyregexp.New(`-p(\d+)$`)

// splitPatch takes the patch level off a version: 14.3-RELEASE-p1.
func splitPatch(version string) (release string, patch int) {
	m := patchLevel.FindStringSubmatchIndex(version)
	if m == nil {
		return version, 0
	}
	patch, _ = strconv.Atoi(version[m[2]:m[3]])
	return version[:m[0]], patch
}

func (f *Facts) versions(lines []string) {
	f.Release, f.Patch = splitPatch(f.Version)
	if len(lines) > 0 {
		f.Kernel = lines[0]
	}
	if len(lines) > 1 {
		f.Userland = lines[1]
		f.Release, f.Patch = splitPatch(f.Userland)
	}
}

var idText = lazyregexp.New(`^uid=(\d+)(?:\(([^)]*)\))?`)

func (f *Facts) identity(lines, method, login []string) {
	if len(lines) > 0 {
		if m := idText.FindStringSubmatch(lines[0]); m != nil {
			f.Privilege.UID, _ = strconv.Atoi(m[1])
			f.Privilege.User = m[2]
		}
	}
	if len(method) > 0 {
		f.Privilege.Method, _, _ = strings.Cut(method[0], " ")
	}
	f.Privilege.Login = f.Privilege.User // where neither the session nor the escalation tells
	if len(login) > 0 {
		f.Privilege.Login = login[0]
	}
}

var (
	bsdMount = lazyregexp.New(`^(.+) on / \(([^,)]+)`)
	gnuMount = lazyregexp.New(`^(.+) on / type (\S+)`)
)

func (f *Facts) rootMount(lines []string) {
	for _, line := range lines {
		m := gnuMount.FindStringSubmatch(line)
		if m == nil {
			m = bsdMount.FindStringSubmatch(line)
		}
		if m == nil {
			continue
		}
		f.Root = Root{Type: m[2], Source: m[1]}
		if f.Root.Type == "zfs" {
			f.Root.Pool, _, _ = strings.Cut(f.Root.Source, "/")
			f.HasZFS = true
		}
	}
}

var bootSeconds = lazyregexp.New(`sec = (\d+)`)

func (f *Facts) sysctls(lines, now []string) {
	var clock, booted int64
	if len(now) > 0 {
		clock, _ = strconv.ParseInt(strings.TrimSpace(now[0]), 10, 64)
	}
	for _, line := range lines {
		name, value, found := strings.Cut(line, ": ")
		if !found {
			continue
		}
		switch name {
		case "kern.boottime":
			if m := bootSeconds.FindStringSubmatch(value); m != nil {
				booted, _ = strconv.ParseInt(m[1], 10, 64)
				f.BootID = "@" + m[1]
			}
		case "machdep.bootmethod":
			f.BootMethod = value
		case "hw.ncpu":
			f.CPUs, _ = strconv.Atoi(value)
		case "hw.physmem":
			f.Memory, _ = strconv.ParseInt(value, 10, 64)
		case "kern.disks":
			f.Disks = append(f.Disks, strings.Fields(value)...)
		case "security.jail.jailed":
			f.Jailed = value == "1"
		case "vfs.zfs.version.spa":
			f.HasZFS = true
		}
	}
	if booted > 0 && clock >= booted {
		f.Uptime = clock - booted
	}
}

func (f *Facts) defaultRoute(lines []string) {
	for _, line := range lines {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "gateway":
			f.Route.Gateway = strings.TrimSpace(value)
		case "interface":
			f.Route.Interface = strings.TrimSpace(value)
		}
	}
}

var interfaceLine = lazyregexp.New(`^([^\s:]+): flags=`)

// interfaces reads ifconfig(8).
func (f *Facts) interfaces(lines []string) {
	name := ""
	for _, line := range lines {
		if m := interfaceLine.FindStringSubmatch(line); m != nil {
			name = m[1]
			f.Addresses[name] = []Address{}
			continue
		}
		words := strings.Fields(line)
		if name == "" || len(words) < 2 || (words[0] != "inet" && words[0] != "inet6") {
			continue
		}
		a := Address{Family: words[0], Prefix: 32}
		address, prefix, cidr := strings.Cut(words[1], "/")
		a.Address, _, _ = strings.Cut(address, "%")
		if cidr {
			a.Prefix, _ = strconv.Atoi(prefix)
		}
		for i := 2; i+1 < len(words); i++ {
			switch words[i] {
			case "netmask":
				if mask, err := strconv.ParseUint(strings.TrimPrefix(words[i+1], "0x"), 16, 32); err == nil {
					a.Prefix = bits.OnesCount64(mask)
				}
			case "prefixlen":
				a.Prefix, _ = strconv.Atoi(words[i+1])
			}
		}
		f.Addresses[name] = append(f.Addresses[name], a)
	}
}

func (f *Facts) linux(lines []string) {
	for _, line := range lines {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "boot_id":
			f.BootID = value
		case "uptime":
			whole, _, _ := strings.Cut(value, ".")
			f.Uptime, _ = strconv.ParseInt(whole, 10, 64)
		case "memory":
			kilobytes, _ := strconv.ParseInt(value, 10, 64)
			f.Memory = kilobytes << 10
		case "cpus":
			f.CPUs, _ = strconv.Atoi(value)
		case "bootmethod":
			f.BootMethod = value
		case "zfs":
			f.HasZFS = true
		case "disk":
			f.Disks = append(f.Disks, value)
		}
	}
}

// ipRoute reads "default via 192.0.2.1 dev eth0".
func (f *Facts) ipRoute(lines []string) {
	if len(lines) == 0 {
		return
	}
	words := strings.Fields(lines[0])
	for i := 0; i+1 < len(words); i++ {
		switch words[i] {
		case "via":
			f.Route.Gateway = words[i+1]
		case "dev":
			f.Route.Interface = words[i+1]
		}
	}
}

// ipAddresses reads "2: eth0    inet 192.0.2.10/24 brd ...".
func (f *Facts) ipAddresses(lines []string) {
	for _, line := range lines {
		words := strings.Fields(line)
		if len(words) < 4 || (words[2] != "inet" && words[2] != "inet6") {
			continue
		}
		a := Address{Family: words[2]}
		address, prefix, found := strings.Cut(words[3], "/")
		a.Address, a.Prefix = address, 32
		if a.Family == "inet6" {
			a.Prefix = 128
		}
		if found {
			a.Prefix, _ = strconv.Atoi(prefix)
		}
		f.Addresses[words[1]] = append(f.Addresses[words[1]], a)
	}
}
