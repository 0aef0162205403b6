package base

import (
	"slices"
	"strings"

	"bsdrun/runtime/sim"
)

// The programs of a machine with Linux. Those that work on text alone are the same
// as FreeBSD's, with GNU's options and words; those that show the system are their
// own.

// gnuSame are commands that are FreeBSD's with other options: name, the package that
// brings it with its version, letters, long options.
var gnuSame = [][4]string{
	{"cat", coreutils, "AbeEnstTuv", "number=n number-nonblank=b squeeze-blank=s show-all=A! show-ends=E! show-tabs=T! show-nonprinting=v"},
	{"head", coreutils, "n:c:qvz!", "lines:=n bytes:=c quiet=q silent=q verbose=v zero-terminated=z!"},
	{"tail", coreutils, "Fc:fn:qvs!z!", "lines:=n bytes:=c follow?=f quiet=q silent=q verbose=v retry! pid:! sleep-interval:=s!"},
	{"wc", coreutils, "clmwL", "bytes=c chars=m lines=l words=w max-line-length=L files0-from:!"},
	{"tee", coreutils, "aip!", "append=a ignore-interrupts=i"},
	{"tr", coreutils, "Ccdst!", "complement=c delete=d squeeze-repeats=s truncate-set1!"},
	{"split", coreutils, "a:b:C!dl:n:t!e!x!", "suffix-length:=a bytes:=b lines:=l number:=n numeric-suffixes=d filter:! additional-suffix:!"},
	{"cut", coreutils, "b:c:d:f:nsz!", "bytes:=b characters:=c delimiter:=d fields:=f only-delimited=s complement! output-delimiter:!"},
	{"paste", coreutils, "d:sz!", "delimiters:=d serial=s"},
	{"seq", coreutils, "+f:s:w", "format:=f separator:=s equal-width=w"},
	{"comm", coreutils, "123z!", "check-order! nocheck-order! output-delimiter:! total!"},
	{"join", coreutils, "a:e:v:o:t:1:2:j:iz!", "ignore-case=i!"},
	{"sort", coreutils, "bcCdfghik:Mmno:RrS:st:T:uVz", "check?=c numeric-sort=n reverse=r key:=k field-separator:=t unique=u output:=o stable=s ignore-case=f ignore-leading-blanks=b human-numeric-sort=h version-sort=V zero-terminated=z merge=m temporary-directory:=T buffer-size:=S parallel:! files0-from:! random-sort=R general-numeric-sort=g month-sort=M dictionary-order=d"},
	{"uniq", coreutils, "cdDf:is:uw!z!", "count=c repeated=d ignore-case=i skip-fields:=f skip-chars:=s unique=u all-repeated?=D"},
	{"tsort", coreutils, "", ""},
	{"fold", coreutils, "bsw:", "bytes=b spaces=s width:=w"},
	{"expand", coreutils, "it:", "tabs:=t initial=i!"},
	{"unexpand", coreutils, "at:", "all=a tabs:=t first-only!"},
	{"nl", coreutils, "b:d:f:h:i:l:n:ps:v:w:", "body-numbering:=b number-width:=w number-separator:=s starting-line-number:=v number-format:=n"},
	{"od", coreutils, "A:aBbcDdeFfHhIij:LlN:OosSt:vXxw!", "address-radix:=A skip-bytes:=j read-bytes:=N format:=t output-duplicates=v"},
	{"base64", coreutils, "dw:i!", "decode=d wrap:=w ignore-garbage=i!"},
	{"cp", coreutils, "RrHLPfinalpsvxT!t!u!b!dS!Z!", "archive=a force=f interactive=i no-clobber=n recursive=R preserve?=p link=l symbolic-link=s verbose=v one-file-system=x no-dereference=P dereference=L sparse: reflink? target-directory:=t! no-target-directory=T! update?=u! backup?=b! attributes-only! parents! remove-destination=f"},
	{"mv", coreutils, "finvT!t!u!b!S!Z!", "force=f interactive=i no-clobber=n verbose=v no-target-directory=T! target-directory:=t! update?=u! backup?=b!"},
	{"ln", coreutils, "sfinvFLPTt!br!", "symbolic=s force=f interactive=i no-dereference=n verbose=v relative=r! logical=L physical=P no-target-directory=T target-directory:=t!"},
	{"rm", coreutils, "dfiIRrv", "force=f recursive=r dir=d verbose=v interactive?=i! one-file-system no-preserve-root! preserve-root"},
	{"unlink", coreutils, "", ""},
	{"mkdir", coreutils, "m:pvZ!", "mode:=m parents=p verbose=v"},
	{"rmdir", coreutils, "pv", "parents=p verbose=v ignore-fail-on-non-empty!"},
	{"touch", coreutils, "acd:fhmr:t:", "date:=d no-create=c reference:=r no-dereference=h time:!"},
	{"truncate", coreutils, "cor:s:", "no-create=c reference:=r size:=s io-blocks=o!"},
	{"mktemp", coreutils, "dp:qt:u", "directory=d tmpdir?=p quiet=q dry-run=u suffix:!"},
	{"mkfifo", coreutils, "m:Z!", "mode:=m"},
	{"basename", coreutils, "as:z!", "multiple=a suffix:=s"},
	{"dirname", coreutils, "z!", ""},
	{"pwd", coreutils, "LP", "logical=L physical=P"},
	{"sync", coreutils, "df", "data=d file-system=f"},
	{"chmod", coreutils, "Rfvc", "recursive=R silent=f quiet=f verbose=v changes=c! reference:! preserve-root no-preserve-root"},
	{"chown", coreutils, "HLPRfhvc", "recursive=R silent=f quiet=f verbose=v changes=c! no-dereference=h dereference reference:! from:! preserve-root no-preserve-root"},
	{"chgrp", coreutils, "HLPRfhvc", "recursive=R silent=f quiet=f verbose=v changes=c! no-dereference=h dereference reference:! preserve-root no-preserve-root"},
	{"install", coreutils, "b!Cc!dDg:m:o:psS!T!t!v", "directory=d group:=g mode:=m owner:=o preserve-timestamps=p strip=s target-directory:=t! no-target-directory=T! verbose=v compare=C"},
	{"cksum", coreutils, "a!z!", "algorithm:=a! untagged! tag!"},
	{"md5sum", coreutils, "bctwz!", gnuSums}, {"sha1sum", coreutils, "bctwz!", gnuSums}, {"sha224sum", coreutils, "bctwz!", gnuSums},
	{"sha256sum", coreutils, "bctwz!", gnuSums}, {"sha384sum", coreutils, "bctwz!", gnuSums}, {"sha512sum", coreutils, "bctwz!", gnuSums},
	{"id", coreutils, "aGgnruzZ!", "group=g groups=G name=n real=r user=u zero=z!"},
	{"groups", coreutils, "", ""}, {"whoami", coreutils, "", ""}, {"logname", coreutils, "", ""},
	{"who", coreutils, "abHmqsTu", ""}, {"tty", coreutils, "s", "silent=s quiet=s"},
	{"env", coreutils, "+0iC!u:vS:", "ignore-environment=i null=0 unset:=u chdir:=C! split-string:=S debug=v"},
	{"printenv", coreutils, "0!", ""}, {"nice", coreutils, "+n:", "adjustment:=n"}, {"nohup", coreutils, "+", ""},
	{"timeout", coreutils, "+fk:ps:v", "preserve-status=p foreground=f kill-after:=k signal:=s verbose=v"},
	{"nproc", coreutils, "", "all ignore:"},
	{"true", coreutils, raw, ""}, {"false", coreutils, raw, ""}, {"echo", coreutils, raw, ""}, {"printf", coreutils, raw, ""},
	{"test", coreutils, raw, ""}, {"[", coreutils, raw, ""}, {"expr", coreutils, raw, ""}, {"sleep", coreutils, raw, ""}, {"yes", coreutils, raw, ""},
	{"dd", coreutils, raw, ""}, {"stty", coreutils, raw, ""},
	{"find", findutils, raw, ""},
	{"xargs", findutils, "+0E:I:i!L:l!n:oP:prs:tx", "null=0 arg-file:=a! delimiter:=d! max-args:=n max-procs:=P no-run-if-empty=r verbose=t replace?=I! max-lines?=L!"},
	{"grep", "GNU grep 3.8", grepFlags, grepLong}, {"egrep", "GNU grep 3.8", grepFlags, grepLong}, {"fgrep", "GNU grep 3.8", grepFlags, grepLong},
	{"sed", "GNU sed 4.9", "nre:Ef:i?suzl!", "expression:=e file:=f quiet=n silent=n regexp-extended=E in-place?=i separate=s! unbuffered=u null-data=z! follow-symlinks! posix! debug! sandbox!"},
	{"awk", "mawk 1.3.4", raw, ""},
	{"tar", "GNU tar 1.34", raw, ""},
	{"gzip", "gzip 1.12", "123456789cdfhklnNqrS!tvV", ""}, {"gunzip", "gzip 1.12", "cdfhklnNqrS!tvV", ""}, {"zcat", "gzip 1.12", "f", ""},
	{"zstd", "zstd 1.5.4", "123456789cdfkqT:tvo:", "rm decompress=d stdout=c force=f keep=k test=t threads:=T quiet=q verbose=v"},
	{"unzstd", "zstd 1.5.4", "cdfkqtvo:", ""}, {"zstdcat", "zstd 1.5.4", "f", ""},
	{"cmp", "GNU diffutils 3.8", "bi:ln:s", "silent=s quiet=s verbose=l bytes:=n ignore-initial:=i print-bytes=b"},
	{"diff", "GNU diffutils 3.8", "0123456789abBC:dhiI:NpqrS!s!tTU:uwX!x:y!W!c", "brief=q unified?=U recursive=r new-file=N text=a ignore-case=i ignore-all-space=w ignore-space-change=b"},
	{"hexdump", utilLinux, "bcCde!f!n:os:vx", ""}, {"logger", utilLinux, "if:p:st:", "tag:=t priority:=p stderr=s file:=f id?=i!"},
	{"nologin", "login 4.13", raw, ""}, {"getent", libc, "", ""}, {"getconf", libc, "av:", ""},
	{"ps", procps, raw, ""}, {"pgrep", procps, raw, ""}, {"pkill", procps, raw, ""}, {"kill", procps, raw, ""}, {"uptime", procps, "ps", "pretty=p! since=s!"},
	{"w", procps, "hs", ""},
	{"openssl", "OpenSSL 3.0", raw, ""}, {"which", "debianutils", "a", ""}, {"ping", iputils, "46AaDdfhHno:QqRrvc:C:e:G:g:I:i:k:l:M:m:P:p:S:s:T:t:W:z:x:X:", ""},
	{"nc", "netcat-openbsd", "46dhklnNrStUuvzCe:I:i:O:p:s:T:V:w:X!x!", ""}, {"host", "bind9-host", "46aCdilm:N:nrsTt:vVW:wR:c:", ""},
	{"file", "file-5.44", "bikLhs0zf!F!m!CcdEel!NnprSvZ", "brief=b mime=i mime-type mime-encoding dereference=L"}, {"strings", "GNU binutils 2.40", "an:o!t:", "all=a bytes:=n radix:=t"},
}

const (
	coreutils = "GNU coreutils 9.1"
	findutils = "GNU findutils 4.9.0"
	utilLinux = "util-linux 2.38.1"
	procps    = "procps-ng 4.0.2"
	libc      = "Debian GLIBC 2.36-9"
	iputils   = "iputils 20221126"
	gnuSums   = "binary=b check=c text=t warn=w quiet! status! strict! tag! ignore-missing! zero=z!"
)

// gnuSbin are the programs of /usr/sbin.
var gnuSbin = strings.Fields("nologin losetup blkid reboot poweroff halt shutdown sysctl modprobe lsmod useradd")

// GNUTools lists the programs of a machine with Linux.
func GNUTools() []*sim.Tool {
	own := map[string]command{}
	for _, topic := range [][]command{gnuFileCommands, gnuDiskCommands, gnuSystemCommands, gnuNetCommands} {
		for _, c := range topic {
			for name := range strings.FieldsSeq(c.name) {
				own[name] = c
			}
		}
	}
	var tools []*sim.Tool
	bsd := everyCommand()
	for _, same := range gnuSame {
		c, ok := bsd[same[0]]
		if !ok {
			panic("no command " + same[0]) // the list is part of the program
		}
		c.gnu, c.flags, c.long, c.usage, c.code, c.libxo = same[1], same[2], same[3], "", gnuCode(same[0]), 0
		c.files, c.timer, c.login = nil, nil, nil
		own[same[0]] = c
	}
	for name, c := range own {
		dir := "/usr/bin"
		if slices.Contains(gnuSbin, name) {
			dir = "/usr/sbin"
		}
		c.name, c.dir, c.also, c.pkg = name, dir, "", sim.DebianPackage
		tool := c.tool(name)
		tool.Since, tool.Until = "", ""
		tools = append(tools, tool)
	}
	slices.SortFunc(tools, func(a, b *sim.Tool) int { return strings.Compare(a.Name, b.Name) })
	return tools
}

// gnuCode is the exit code of a wrong call.
func gnuCode(name string) int {
	switch name {
	case "grep", "egrep", "fgrep", "sort", "cmp", "diff", "ls", "tty":
		return 2
	case "env", "nice", "nohup", "timeout":
		return 125
	}
	return 1
}

// everyCommand are FreeBSD's commands by name.
func everyCommand() map[string]command {
	all := map[string]command{}
	for _, topic := range topics() {
		for _, c := range topic {
			for name := range strings.FieldsSeq(c.name) {
				all[name] = c
			}
		}
	}
	return all
}

func linux(p *sim.Proc) bool { return p.Machine.OS() == "Linux" }

// gnuWords are what GNU's programs say about a name, before the reason.
var gnuWords = map[string]string{
	"rm": "cannot remove '%s'", "mkdir": "cannot create directory '%s'", "rmdir": "failed to remove '%s'", "touch": "cannot touch '%s'",
	"chmod": "cannot access '%s'", "chown": "cannot access '%s'", "chgrp": "cannot access '%s'", "ls": "cannot access '%s'", "cp": "cannot stat '%s'",
	"mv": "cannot stat '%s'", "du": "cannot access '%s'", "head": "cannot open '%s' for reading", "tail": "cannot open '%s' for reading",
	"truncate": "cannot open '%s' for writing", "find": "'%s'", "install": "cannot stat '%s'", "dd": "failed to open '%s'",
	"stat": "cannot statx '%s'", "sort": "cannot read: %s", "sed": "can't read %s", "env": "'%s'", "nice": "'%s'", "timeout": "failed to run command '%s'", "nohup": "failed to run command '%s'",
}

// version answers --version.
func (g *getopt) version() {
	i := strings.LastIndexByte(g.gnu, ' ')
	g.p.Printf("%s (%s) %s\n", progname(g.p), g.gnu[:max(i, 0)], g.gnu[i+1:])
	g.failed, g.code = true, 0
}
