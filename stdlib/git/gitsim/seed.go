package gitsim

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"path"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage"
	"github.com/go-git/go-git/v5/storage/memory"
	"github.com/rogpeppe/go-internal/txtar"
)

//go:embed seed/ports.txt
var portsTable string

//go:embed seed/custom.txt
var customPorts []byte

// seed is a repository that the simulated network brings along.
type seed struct {
	once  sync.Once
	built storage.Storer
	err   error
	build func(storage.Storer) error
}

func (s *seed) store() (storage.Storer, error) {
	s.once.Do(func() {
		m := memory.NewStorage()
		s.built, s.err = m, s.build(m)
	})
	return s.built, s.err
}

var (
	portsSeed  = &seed{build: buildPorts}
	customSeed = &seed{build: buildCustom}
)

// seedFor finds the repository that an address stands for, if it's one of ours.
func seedFor(address string) *seed {
	_, host, file := splitAddress(address)
	file = strings.TrimSuffix(strings.Trim(file, "/"), ".git")
	switch strings.ToLower(host) + "/" + strings.ToLower(file) {
	case "git.freebsd.org/ports", "cgit.freebsd.org/ports", "github.com/freebsd/freebsd-ports":
		return portsSeed
	case "git.example.org/custom-ports":
		return customSeed
	}
	return nil
}

// quarterly is the ports tree's branch of the simulated machines' time.
const quarterly = "2026Q4"

// historian writes commits into a seed.
type historian struct {
	to    storage.Storer
	files map[string]entry
	tip   plumbing.Hash
	when  time.Time
}

func (h *historian) put(name, text string) error {
	hash, err := storeBlob(h.to, []byte(text))
	h.files[name] = entry{filemode.Regular, hash}
	return err
}

func (h *historian) commit(message string) error {
	t, err := storeTrees(h.to, h.files)
	if err != nil {
		return err
	}
	who := object.Signature{Name: "Ports Committer", Email: "ports@example.org", When: h.when}
	c := &object.Commit{Author: who, Committer: who, Message: message + "\n", TreeHash: t}
	if !h.tip.IsZero() {
		c.ParentHashes = []plumbing.Hash{h.tip}
	}
	h.when = h.when.Add(26 * time.Hour)
	h.tip, err = store(h.to, c)
	return err
}

func (h *historian) branch(name string) error {
	return h.to.SetReference(plumbing.NewHashReference(plumbing.NewBranchReferenceName(name), h.tip))
}

func (h *historian) head(name string) error {
	return h.to.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, plumbing.NewBranchReferenceName(name)))
}

// buildPorts makes the ports tree: a first import, the quarterly branch, and a few
// updates on main.
func buildPorts(to storage.Storer) error {
	h := &historian{to: to, files: map[string]entry{}, when: time.Date(2025, 9, 29, 8, 0, 0, 0, time.UTC)}
	ports := readPorts(portsTable)
	older := map[string]string{"www/nginx": "1.28.0_2,3", "ftp/curl": "8.15.0", "sysutils/tmux": "3.5a"}
	for name, text := range treeFiles(ports) {
		if err := h.put(name, text); err != nil {
			return err
		}
	}
	now := map[string]seedPort{}
	for _, p := range ports {
		now[p.origin] = p
		if v, ok := older[p.origin]; ok {
			p.version = v
		}
		for name, text := range p.files() {
			if err := h.put(name, text); err != nil {
				return err
			}
		}
	}
	if err := h.commit("Import the ports tree"); err != nil {
		return err
	}
	if err := h.branch(quarterly); err != nil {
		return err
	}
	for _, origin := range []string{"sysutils/tmux", "ftp/curl", "www/nginx"} {
		p := now[origin]
		for name, text := range p.files() {
			if err := h.put(name, text); err != nil {
				return err
			}
		}
		if err := h.commit(fmt.Sprintf("%s: Update to %s", origin, p.version)); err != nil {
			return err
		}
	}
	if err := h.branch("main"); err != nil {
		return err
	}
	return h.head("main")
}

func buildCustom(to storage.Storer) error {
	h := &historian{to: to, files: map[string]entry{}, when: time.Date(2025, 10, 20, 9, 0, 0, 0, time.UTC)}
	for _, f := range txtar.Parse(customPorts).Files {
		if strings.HasPrefix(f.Name, "www/") {
			continue
		}
		if err := h.put(f.Name, string(f.Data)); err != nil {
			return err
		}
	}
	if err := h.commit("Ports of our own"); err != nil {
		return err
	}
	for _, f := range txtar.Parse(customPorts).Files {
		if err := h.put(f.Name, string(f.Data)); err != nil {
			return err
		}
	}
	if err := h.commit("www/greet-web: Add"); err != nil {
		return err
	}
	if err := h.branch("main"); err != nil {
		return err
	}
	return h.head("main")
}

// seedPort is one line of the table.
type seedPort struct {
	origin, version, comment, licence, site, uses, build, lib, run, options string
}

func readPorts(table string) []seedPort {
	var out []seedPort
	for _, line := range strings.Split(table, "\n") {
		f := strings.Split(line, "|")
		if strings.HasPrefix(line, "#") || len(f) != 10 {
			continue
		}
		out = append(out, seedPort{f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9]})
	}
	return out
}

func (p seedPort) category() string { return path.Dir(p.origin) }

// name is PORTNAME; some directories carry a version.
func (p seedPort) name() string {
	switch n := path.Base(p.origin); n {
	case "perl5.42":
		return "perl"
	case "lua54":
		return "lua"
	case "python311":
		return "python"
	case "expat2":
		return "expat"
	case "cmake-core":
		return "cmake"
	default:
		return n
	}
}

// files are Makefile, distinfo, pkg-descr and pkg-plist.
func (p seedPort) files() map[string]string {
	version, epoch, _ := strings.Cut(p.version, ",")
	version, revision, _ := strings.Cut(version, "_")
	var b strings.Builder
	line := func(name, value string) {
		if value == "" {
			return
		}
		tabs := "\t"
		if len(name)+1 < 8 {
			tabs = "\t\t"
		}
		b.WriteString(name + "=" + tabs + value + "\n")
	}
	line("PORTNAME", p.name())
	line("DISTVERSION", version)
	line("PORTREVISION", revision)
	line("PORTEPOCH", epoch)
	line("CATEGORIES", p.category())
	switch path.Base(p.origin) {
	case "perl5.42":
		line("PKGNAMESUFFIX", "5")
	case "lua54":
		line("PKGNAMESUFFIX", "54")
	case "python311":
		line("PKGNAMESUFFIX", "311")
	case "cmake-core":
		line("PKGNAMESUFFIX", "-core")
	}
	b.WriteString("\n")
	line("MAINTAINER", "ports@example.org")
	line("COMMENT", p.comment)
	line("WWW", strings.ReplaceAll(p.site, "#", `\#`))
	b.WriteString("\n")
	line("LICENSE", p.licence)
	b.WriteString("\n")
	deps := b.Len()
	line("BUILD_DEPENDS", wrap(p.build))
	line("LIB_DEPENDS", wrap(p.lib))
	line("RUN_DEPENDS", wrap(p.run))
	if b.Len() > deps {
		b.WriteString("\n")
	}
	line("USES", p.uses)
	p.writeOptions(&b)
	b.WriteString("\n.include <bsd.port.mk>\n")
	dist := p.name() + "-" + version + ".tar.gz"
	sum := sha256.Sum256([]byte(dist))
	return map[string]string{
		p.origin + "/Makefile":  b.String(),
		p.origin + "/distinfo":  fmt.Sprintf("TIMESTAMP = 1758000000\nSHA256 (%s) = %x\nSIZE (%s) = %d\n", dist, sum, dist, 100000+int(sum[0])*4096),
		p.origin + "/pkg-descr": p.comment + ".\n",
		p.origin + "/pkg-plist": "bin/" + p.name() + "\nshare/doc/" + p.name() + "/README\n",
	}
}

func wrap(words string) string { return strings.Join(strings.Fields(words), " \\\n\t\t") }

func (p seedPort) writeOptions(b *strings.Builder) {
	var all, on []string
	for _, o := range strings.Fields(p.options) {
		name, isOn := strings.CutSuffix(o, "+")
		all = append(all, name)
		if isOn && name != "DOCS" && name != "NLS" && name != "EXAMPLES" && name != "IPV6" {
			on = append(on, name)
		}
	}
	if len(all) == 0 {
		return
	}
	sort.Strings(all)
	b.WriteString("\nOPTIONS_DEFINE=\t" + strings.Join(all, " ") + "\n")
	if len(on) > 0 {
		sort.Strings(on)
		b.WriteString("OPTIONS_DEFAULT=\t" + strings.Join(on, " ") + "\n")
	}
}

// treeFiles are what lies around the ports.
func treeFiles(ports []seedPort) map[string]string {
	below := map[string][]string{}
	for _, p := range ports {
		below[p.category()] = append(below[p.category()], path.Base(p.origin))
	}
	out := map[string]string{
		"Mk/bsd.port.mk":             "# The framework of the ports tree.\n.include \"${PORTSDIR}/Mk/bsd.options.mk\"\n",
		"Mk/bsd.options.mk":          "# Options of ports.\n",
		"Mk/bsd.port.options.mk":     "USEOPTIONSMK=\tyes\n.include \"bsd.port.mk\"\n",
		"Mk/bsd.port.subdir.mk":      "# Targets over many ports.\n",
		"Mk/bsd.default-versions.mk": "PERL5_DEFAULT?=\t5.42\nPYTHON_DEFAULT?=\t3.11\nLUA_DEFAULT?=\t5.4\nSSL_DEFAULT?=\tbase\n",
		"Mk/Uses/gmake.mk":           "CMAKE_MAKE_PROGRAM=\t${LOCALBASE}/bin/gmake\nBUILD_DEPENDS+=\tgmake>=4.4.1:devel/gmake\n",
		"Keywords/sample.ucl":        "actions: []\n",
		"Templates/README.port":      "Ports have a page of their own.\n",
		"Tools/scripts/README":       "Scripts for those who maintain ports.\n",
		".gitignore":                 "/distfiles\n/INDEX*\n/packages\nwork\n",
		"CHANGES":                    "This file lists what changed in the framework.\n",
		"COPYRIGHT":                  "Each port states its own licence.\n",
		"GIDs":                       "# GIDs of groups that ports make; keep it sorted.\nwww:*:80:\nhacluster:*:275:\nmessagebus:*:556:\n",
		"UIDs":                       "# UIDs of users that ports make; keep it sorted.\nwww:*:80:80::0:0:World Wide Web Owner:/nonexistent:/usr/sbin/nologin\nhacluster:*:275:275::0:0:Heartbeat User:/nonexistent:/usr/sbin/nologin\nmessagebus:*:556:556::0:0:D-BUS Daemon User:/nonexistent:/usr/sbin/nologin\n",
		"MOVED":                      "# This file is in the format: old|new|date|why.\ndevel/gmake-lite|devel/gmake|2019-05-01|Has been merged into devel/gmake\nwww/nginx-lite|www/nginx|2022-08-03|Use the options of www/nginx\nlang/perl5.36|lang/perl5.42|2025-07-14|Has expired: no longer supported upstream\n",
		"UPDATING":                   "This file documents some of the problems you may encounter when upgrading\nyour ports.  You should check it before you run portupgrade, portmaster or pkg.\n\n20250714:\n  AFFECTS: users of lang/perl5*\n  AUTHOR: ports@example.org\n\n  The default Perl version has been switched from 5.40 to 5.42.\n",
	}
	var categories []string
	for c, names := range below {
		categories = append(categories, c)
		sort.Strings(names)
		text := "    COMMENT = " + strings.ToUpper(c[:1]) + c[1:] + " ports\n\n"
		for _, n := range names {
			text += "    SUBDIR += " + n + "\n"
		}
		out[c+"/Makefile"] = text + "\n.include <bsd.port.subdir.mk>\n"
	}
	sort.Strings(categories)
	text := ""
	for _, c := range categories {
		text += "SUBDIR += " + c + "\n"
	}
	out["Makefile"] = text + "\nPORTSTOP=\tyes\n\n.include <bsd.port.subdir.mk>\n"
	return out
}
