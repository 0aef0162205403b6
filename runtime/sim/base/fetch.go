package base

import (
	"io"
	"net/url"
	"path"
	"strings"

	"bsdrun/runtime/sim"
)

var fetchCommands = []command{
	{name: "fetch", dir: "/usr/bin", flags: "146AaB:dFf!h!i:lMmN:no:PpQqRrS:sT:Uvw:", run: fetch, live: true,
		long: "one-file=1 ipv4-only=4 ipv6-only=6 no-redirect=A retry=a buffer-size:=B force-restart=F if-modified-since:=i symlink=l mirror=m netrc:=N " +
			"no-mtime=n output:=o no-passive no-verify-peer no-verify-hostname print-size=s quiet=q keep-output=R restart=r require-size:=S " +
			"timeout:=T passive-portrange-default=U verbose=v retry-delay:=w ca-cert: user-agent: referer! bind-address! cert! key! crl! no-sslv3 no-tlsv1 no-proxy: direct=d",
		usage: "usage: fetch [-146AadFlMmnPpqRrsUv] [-B bytes] [-o file] [-S bytes] [-T seconds] [-w seconds] [-i file] [-N netrc] URL ..."},
}

// fetch knows which hosts exist and answer, but not what the world's servers
// hold: what can be reached and has no content is a loud "can't".
func fetch(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	code := 0
	for _, arg := range o.args {
		if c := fetchOne(p, o, arg); c != 0 {
			code = c
		}
	}
	return code
}

func fetchOne(p *sim.Proc, o *options, arg string) int {
	if !strings.Contains(arg, "://") {
		if strings.HasPrefix(arg, "/") {
			arg = "file://" + arg
		} else {
			arg = "http://" + arg
		}
	}
	u, err := url.Parse(arg)
	if err != nil {
		return errx(p, "%s: malformed URL", arg)
	}
	if u.Scheme == "file" {
		return fetchFile(p, o, u)
	}
	if !isOneOf(u.Scheme, "http", "https", "ftp") {
		return errx(p, "%s: unknown URL scheme", arg)
	}
	if problem := fetchProblem(p, arg, u.Hostname()); problem != nil {
		return errx(p, "%s: %s", arg, problem.Error())
	}
	data, known := p.Machine.Served(arg)
	if !known {
		return p.Cannot("fetch %s: no content is known for it", arg)
	}
	_, code := fetched(p, o, u, data)
	return code
}

func fetchFile(p *sim.Proc, o *options, u *url.URL) int {
	r, err := openFile(p, u.Path)
	if err != nil {
		return errx(p, "%s: %s", u.String(), sim.ErrText(err))
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(r)
	if err != nil {
		return errx(p, "%s: %s", u.String(), sim.ErrText(err))
	}
	name, code := fetched(p, o, u, data)
	if code != 0 || name == "" {
		return code
	}
	if info, err := p.FS().Stat(u.Path); err == nil && !o.has("n") {
		_ = p.FS().Chtimes(name, info.MTime)
	}
	return 0
}

// fetched puts a file where the options say: its name is empty when it went to
// standard output.
func fetched(p *sim.Proc, o *options, u *url.URL, data []byte) (file string, code int) {
	if o.has("s") {
		p.Printf("%d\n", len(data))
		return "", 0
	}
	name, ok := o.get("o")
	switch {
	case name == "-":
		p.Printf("%s", data)
		return "", 0
	case !ok:
		name = path.Base(u.Path)
	case isDir(p, name):
		name = into(name, u.Path)
	}
	if err := p.FS().WriteFile(name, data, 0o666); err != nil {
		return "", errx(p, "%s: %s", name, sim.ErrText(err))
	}
	return name, 0
}
