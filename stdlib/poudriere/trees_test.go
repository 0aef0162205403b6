package poudriere

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

func pools(names string) func([]string) (string, int) {
	return func([]string) (string, int) { return names, 0 }
}

func TestConfigure(t *testing.T) {
	sampleConf := "# The pool.\n#ZPOOL=zroot\nFREEBSD_HOST=_PROTO_://_CHANGE_THIS_\nRESOLV_CONF=/etc/resolv.conf\nBASEFS=/usr/local/poudriere\nUSE_PORTLINT=no\nUSE_TMPFS=yes\nDISTFILES_CACHE=/usr/ports/distfiles\nMINE=\"stays\" # really\n"
	for name, c := range map[string]struct {
		src   string
		args  ConfigureArgs
		pools string
		want  []string
		never []string
	}{
		"the sample, no pool":    {sampleConf, ConfigureArgs{}, "", []string{"FREEBSD_HOST=https://download.FreeBSD.org", "NO_ZFS=", `MINE="stays" # really`}, []string{"CHANGE_THIS", "\nZPOOL="}},
		"the sample, one pool":   {sampleConf, ConfigureArgs{}, "tank\n", []string{"ZPOOL="}, []string{"NO_ZFS="}},
		"zfs is not wanted":      {sampleConf, ConfigureArgs{ZFS: new(false)}, "tank\n", []string{"NO_ZFS="}, []string{"\nZPOOL="}},
		"nothing there":          {"", ConfigureArgs{UseTmpfs: "all", ParallelJobs: 4, Settings: map[string]string{"PKG_HASH": "yes"}}, "", []string{"BASEFS=", "USE_TMPFS=", "PARALLEL_JOBS=", "PKG_HASH=", "DISTFILES_CACHE=", "RESOLV_CONF="}, nil},
		"what was decided stays": {"NO_ZFS=yes\nBASEFS=/p\nFREEBSD_HOST=ftp://ftp.example.org\nUSE_TMPFS=no\n", ConfigureArgs{}, "tank\n", []string{"NO_ZFS=yes", "BASEFS=/p\n", "FREEBSD_HOST=ftp://ftp.example.org\n", "USE_TMPFS=no\n"}, []string{"ZPOOL"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			delete(f.files, jailsDir+"/143amd64/version")
			delete(f.files, confPath)
			if c.src != "" {
				f.files[confPath] = c.src
			}
			f.commands["zpool list"] = pools(c.pools)
			got := must(Configure(f.ctx, f, c.args))
			for _, want := range c.want {
				if !strings.Contains(f.files[confPath], want) {
					t.Errorf("%q is not in\n%s", want, f.files[confPath])
				}
			}
			for _, never := range c.never {
				if strings.Contains(f.files[confPath], never) {
					t.Errorf("%q is in\n%s", never, f.files[confPath])
				}
			}
			if !got.Changed || got.ZFS != (strings.Contains(f.files[confPath], "\nZPOOL=")) {
				t.Errorf("%+v", got)
			}
			f.changes = nil
			if again := must(Configure(f.ctx, f, c.args)); again.Changed || len(f.changes) > 0 {
				t.Errorf("the second time changed %q", f.changed())
			}
		})
	}
}

func TestConfigureRefuses(t *testing.T) {
	f := newFake(t)
	f.commands["zpool list"] = pools("tank\n")
	_, err := Configure(f.ctx, f, ConfigureArgs{Zpool: "tank"})
	failure(t, err, effect.Failed, "143amd64", "remove the jails")
	f.commands["zpool list"] = pools("")
	_, err = Configure(f.ctx, f, ConfigureArgs{ZFS: new(true)})
	failure(t, err, effect.Missing, "no pool")
	for _, bad := range []ConfigureArgs{
		{BaseFS: "/"}, {BaseFS: "x"}, {ZFS: new(false), Zpool: "z"}, {FreeBSDHost: "_PROTO_://_CHANGE_THIS_"}, {Settings: map[string]string{"A-B": "x"}},
	} {
		_, err = Configure(f.ctx, f, bad)
		failure(t, err, effect.Invalid)
	}
	f.files[confPath] = "BASEFS=$(hostname)\n"
	_, err = Configure(f.ctx, f, ConfigureArgs{})
	failure(t, err, effect.Failed, "BASEFS", "line 1")
	if len(f.changes) > 0 {
		t.Errorf("refusing changed %q", f.changed())
	}
}

func TestPortsCreate(t *testing.T) {
	f := newFake(t)
	version := "poudriere-git-3.4.99\n"
	f.commands["poudriere version"] = func([]string) (string, int) { return version, 0 }
	f.commands["poudriere ports -c"] = func([]string) (string, int) { return "", 0 }
	args := PortsCreateArgs{Name: "mine", Path: "/usr/ports-mine"}
	if got := must(PortsCreate(f.ctx, f, args)); !got.Changed || got.Method != "null" {
		t.Errorf("%+v", got)
	}
	version = "poudriere 3.0.16\n"
	f.commands["poudriere version"] = func([]string) (string, int) { return "3.0.16\n", 0 }
	must(PortsCreate(f.ctx, f, args))
	must(PortsCreate(f.ctx, f, PortsCreateArgs{Name: "fetched", Branch: "2026Q4"}))
	var made []string
	for _, line := range f.seen {
		if strings.HasPrefix(line, "poudriere ports") {
			made = append(made, strings.TrimPrefix(line, "poudriere ports "))
		}
	}
	want := []string{"-c -p mine -m null -M /usr/ports-mine", "-c -p mine -F -f none -M /usr/ports-mine", "-c -p fetched -m git+https -B 2026Q4"}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	f.changes = nil
	if got := must(PortsCreate(f.ctx, f, PortsCreateArgs{Name: "default", Path: "/usr/local/poudriere/ports/default/"})); got.Changed || len(f.changes) > 0 {
		t.Errorf("what is registered was registered again: %+v", got)
	}
	_, err := PortsCreate(f.ctx, f, PortsCreateArgs{Name: "default", Path: "/elsewhere"})
	failure(t, err, effect.Failed, "/usr/local/poudriere/ports/default", "keep=true")
	_, err = PortsCreate(f.ctx, f, PortsCreateArgs{Name: "default"})
	failure(t, err, effect.Failed, "method null")
	for _, bad := range []PortsCreateArgs{
		{Name: "a-b", Path: "/x"}, {Name: "a:b", Path: "/x"}, {Name: "a", Path: "/"}, {Name: "a", Method: "null"}, {Name: "a", Branch: "-b"},
	} {
		_, err = PortsCreate(f.ctx, f, bad)
		failure(t, err, effect.Invalid)
	}
}

// An old registration of method - would lose its directory with a removal, and
// become a clone with an update.
func TestOldRegistrations(t *testing.T) {
	f := newFake(t)
	f.register(portsDir, "old", map[string]string{"method": "-", "mnt": "/usr/ports", "created_fs": "1"})
	_, err := PortsUpdate(f.ctx, f, TreeArgs{Name: "old"})
	failure(t, err, effect.Failed, "clone", "ports.create")
	got := must(PortsCreate(f.ctx, f, PortsCreateArgs{Name: "old", Path: "/usr/ports"}))
	if !got.Adopted || f.files[portsDir+"/old/method"] != "null\n" {
		t.Errorf("%+v, method %q", got, f.files[portsDir+"/old/method"])
	}
	f.register(portsDir, "old", map[string]string{"method": "-"})
	f.changes = nil
	f.commands["poudriere ports -d"] = func([]string) (string, int) {
		if f.files[portsDir+"/old/method"] != "null\n" {
			t.Error("removed while the method was still -")
		}
		return "", 0
	}
	must(PortsRemove(f.ctx, f, TreeRemoveArgs{Name: "old"}))
	if last := f.changes[len(f.changes)-1]; last.Risk != effect.Safe {
		t.Errorf("removing a registration has the risk %s", last.Risk)
	}
}

func TestPortsRemove(t *testing.T) {
	f := newFake(t)
	f.register(portsDir, "fetched", map[string]string{"method": "git+https", "mnt": "/usr/local/poudriere/ports/fetched", "timestamp": "1769860800"})
	f.commands["poudriere ports -d"] = func([]string) (string, int) { return "", 0 }
	must(PortsRemove(f.ctx, f, TreeRemoveArgs{Name: "fetched"}))
	must(PortsRemove(f.ctx, f, TreeRemoveArgs{Name: "fetched", Keep: true}))
	must(PortsRemove(f.ctx, f, TreeRemoveArgs{Name: "default"}))
	must(PortsRemove(f.ctx, f, TreeRemoveArgs{Name: "nosuch"}))
	var risks []effect.Risk
	for _, e := range f.changes {
		risks = append(risks, e.Risk)
	}
	if !cmp.Equal(risks, []effect.Risk{effect.Irreversible, effect.Safe, effect.Safe}) {
		t.Errorf("risks %v", risks)
	}
	if note := f.changes[0].Note; !strings.Contains(note, "/usr/local/poudriere/ports/fetched") {
		t.Errorf("the note %q does not say what is lost", note)
	}
	trees := must(PortsList(f.ctx, f))
	if len(trees) != 2 || trees[0].Name != "default" || trees[1].Updated.IsZero() {
		t.Errorf("%+v", trees)
	}
	if got := must(PortsUpdate(f.ctx, f, TreeArgs{Name: "default"})); got.Changed {
		t.Errorf("a tree that poudriere does not manage was updated: %+v", got)
	}
}

func TestJailCreate(t *testing.T) {
	f := newFake(t)
	f.job = &fakeJob{steps: []func(*fake){
		func(f *fake) { f.job.log = "[00:00:01] ====>> Fetching base for FreeBSD 14.3-RELEASE amd64\n" },
		func(f *fake) {
			f.register(jailsDir, "new", map[string]string{"version": "14.3-RELEASE-p1", "arch": "amd64", "method": "http", "mnt": "/j/new"})
			f.files["/j/new/etc/login.conf"] = ""
			f.end("exited", 0)
		},
	}}
	var heard events
	ctx := effect.WithEvents(f.ctx, &heard)
	got := must(JailCreate(ctx, f, JailCreateArgs{Name: "new", Version: "14.3-RELEASE", Arch: "amd64", Method: "http"}))
	if !got.Changed || got.Version != "14.3-RELEASE-p1" || got.Path != "/j/new" {
		t.Errorf("%+v", got)
	}
	if ran := strings.Join(f.changes[0].Argv, " "); ran != "poudriere jail -c -j new -v 14.3-RELEASE -a amd64 -m http" {
		t.Errorf("ran %q", ran)
	}
	if !strings.Contains(strings.Join(heard, "|"), "Fetching base for FreeBSD") {
		t.Errorf("heard %q", heard)
	}
	f.changes = nil
	if again := must(JailCreate(ctx, f, JailCreateArgs{Name: "new", Version: "14.3-RELEASE", Arch: "amd64"})); again.Changed || len(f.changes) > 0 {
		t.Errorf("the second time: %+v", again)
	}
	_, err := JailCreate(ctx, f, JailCreateArgs{Name: "new", Version: "13.5-RELEASE", Arch: "amd64"})
	failure(t, err, effect.Failed, "14.3-RELEASE-p1, not 13.5-RELEASE", "jail.upgrade")
	_, err = JailCreate(ctx, f, JailCreateArgs{Name: "new", Version: "14.3-RELEASE", Arch: "arm64.aarch64"})
	failure(t, err, effect.Failed, "amd64, not arm64.aarch64")
	for _, bad := range []JailCreateArgs{
		{Name: "a.b", Version: "14.3-RELEASE", Arch: "amd64"}, {Name: "a", Version: "-v", Arch: "amd64"}, {Name: "a", Version: "14.3-RELEASE", Arch: "AMD"},
		{Name: "a", Version: "14.3-RELEASE", Arch: "amd64", Method: "floppy"}, {Name: "a", Version: "14.3-RELEASE", Arch: "amd64", Method: "null"},
	} {
		_, err = JailCreate(ctx, f, bad)
		failure(t, err, effect.Invalid)
	}
	f.job = &fakeJob{steps: []func(*fake){func(f *fake) {
		f.job.log = "fetch: https://download.FreeBSD.org/releases/amd64/amd64/99.0-RELEASE/MANIFEST: Not Found\n[00:00:02] ====>> Error: Empty MANIFEST file.\n"
		f.end("exited", 1)
	}}}
	_, err = JailCreate(ctx, f, JailCreateArgs{Name: "far", Version: "99.0-RELEASE", Arch: "amd64"})
	failure(t, err, effect.Missing, "Empty MANIFEST", "ftp-archive")
}

// A registration comes before the system: one that was cut short is made anew,
// one that is under way is waited for.
func TestJailCreateAfterACut(t *testing.T) {
	args := JailCreateArgs{Name: "143amd64", Version: "14.3-RELEASE", Arch: "amd64"}
	for name, half := range map[string]string{"nothing was made": "", "still fetching": "/usr/local/poudriere/jails/143amd64/fromftp/base.txz"} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			if half != "" {
				f.files[half] = ""
			}
			f.commands["poudriere jail -d -j 143amd64 -y"] = func([]string) (string, int) { return "", 0 }
			f.job = &fakeJob{steps: []func(*fake){func(f *fake) { f.end("exited", 0) }}}
			must(JailCreate(f.ctx, f, args))
			if len(f.changes) != 2 || f.ids != 1 {
				t.Errorf("changes %q", f.changed())
			}
		})
	}
	f := newFake(t)
	f.job = &fakeJob{
		state: effect.JobState{Key: jailKey("143amd64"), State: "running", Attached: true},
		steps: []func(*fake){func(f *fake) { f.end("exited", 0) }},
	}
	must(JailCreate(f.ctx, f, args))
	if len(f.changes) != 1 || f.changes[0].Job == nil {
		t.Errorf("changes %q", f.changed())
	}
}

func TestJailChanges(t *testing.T) {
	f := newFake(t)
	running := false
	f.commands["jls -j 143amd64-default jid"] = func([]string) (string, int) {
		if running {
			return "7\n", 0
		}
		return "", 1
	}
	f.commands["poudriere jail -s"] = func([]string) (string, int) { running = true; return "", 0 }
	f.commands["poudriere jail -k"] = func([]string) (string, int) { running = false; return "", 0 }
	run := JailRunArgs{Name: "143amd64", Tree: "default"}
	for i, want := range []bool{true, false} {
		if got := must(JailStart(f.ctx, f, run)); got.Changed != want {
			t.Errorf("start %d: %+v", i, got)
		}
	}
	if info := must(GetJailInfo(f.ctx, f, run)); !info.Running || info.Arch != "amd64" {
		t.Errorf("%+v", info)
	}
	for i, want := range []bool{true, false} {
		if got := must(JailStop(f.ctx, f, run)); got.Changed != want {
			t.Errorf("stop %d: %+v", i, got)
		}
	}
	f.changes = nil
	if got := must(JailUpgrade(f.ctx, f, JailUpgradeArgs{Name: "143amd64", Version: "14.3-RELEASE"})); got.Changed || len(f.changes) > 0 {
		t.Errorf("an upgrade to what it is: %+v", got)
	}
	f.job = &fakeJob{steps: []func(*fake){func(f *fake) {
		f.register(jailsDir, "143amd64", map[string]string{"version": "14.3-RELEASE-p4"})
		f.end("exited", 0)
	}}}
	if got := must(JailUpdate(f.ctx, f, JailArgs{Name: "143amd64"})); !got.Changed || got.Before != "14.3-RELEASE" || got.Version != "14.3-RELEASE-p4" {
		t.Errorf("%+v", got)
	}
	_, err := JailUpdate(f.ctx, f, JailArgs{Name: "nosuch"})
	failure(t, err, effect.Missing, "jail.create")
	f.commands["poudriere jail -d -j 143amd64 -y -C packages"] = func([]string) (string, int) { return "", 0 }
	if got := must(JailRemove(f.ctx, f, JailRemoveArgs{Name: "143amd64", Clean: "packages"})); !got.Changed {
		t.Errorf("%+v", got)
	}
	if got := must(JailRemove(f.ctx, f, JailRemoveArgs{Name: "nosuch"})); got.Changed {
		t.Errorf("%+v", got)
	}
}

func TestOptionsAndMakeconf(t *testing.T) {
	f := newFake(t)
	on := OptionsArgs{Origin: "www/nginx", On: []string{"HTTPV3"}, Off: []string{"MAIL"}, Jail: "143amd64", Set: "web"}
	got := must(Options(f.ctx, f, on))
	if got.Path != dir+"/143amd64-web-options/www_nginx/options" || !got.Changed || !cmp.Equal(got.On, []string{"HTTPV3"}) {
		t.Errorf("%+v", got)
	}
	f.changes = nil
	if again := must(Options(f.ctx, f, on)); again.Changed || len(f.changes) > 0 {
		t.Errorf("the second time: %+v", again)
	}
	on.On, on.Off = []string{"NEW"}, nil
	if got := must(Options(f.ctx, f, on)); !cmp.Equal(got.On, []string{"HTTPV3", "NEW"}) || !cmp.Equal(got.Off, []string{"MAIL"}) {
		t.Errorf("others did not stay: %+v", got)
	}
	on.On, on.Remove = nil, true
	if got := must(Options(f.ctx, f, on)); !got.Changed || f.files[got.Path] != "" {
		t.Errorf("%+v", got)
	}
	mk := must(Makeconf(f.ctx, f, MakeconfArgs{Vars: map[string]string{"DEFAULT_VERSIONS": "ssl=openssl"}}))
	if mk.Path != dir+"/make.conf" || f.files[mk.Path] != "DEFAULT_VERSIONS=ssl=openssl\n" {
		t.Errorf("%+v", mk)
	}
	if again := must(Makeconf(f.ctx, f, MakeconfArgs{Vars: map[string]string{"DEFAULT_VERSIONS": "ssl=openssl"}})); again.Changed {
		t.Errorf("the second time: %+v", again)
	}
	_, err := Makeconf(f.ctx, f, MakeconfArgs{Vars: map[string]string{"A": "1\nB=2"}})
	failure(t, err, effect.Invalid)
}

func TestPlanStatusAndClean(t *testing.T) {
	f := newFake(t)
	f.commands["poudriere bulk -j 143amd64 -p default -n misc/hello"] = func([]string) (string, int) {
		return "[00:00:05] ====>> Would build 1 packages using 1 builders\n[00:00:05] ====>> Ports to build: misc/hello\n", 0
	}
	if got := must(PlanBulk(f.ctx, f, PlanArgs{Jail: "143amd64", Tree: "default", Origins: []string{"misc/hello"}})); got.Count != 1 || len(f.changes) != 1 {
		t.Errorf("%+v", got)
	}
	f.commands["poudriere status -H -l -j 143amd64"] = func([]string) (string, int) {
		return "[00:00:00] ====>> Error: Log path /usr/local/poudriere/data/logs/bulk does not exist.\n", 1
	}
	if got := must(Status(f.ctx, f, StatusArgs{Jail: "143amd64"})); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	for want, call := range map[string]func() (Cleaned, error){
		"poudriere pkgclean -y -j 143amd64 -p default misc/hello": func() (Cleaned, error) {
			return Pkgclean(f.ctx, f, PkgcleanArgs{Jail: "143amd64", Tree: "default", Keep: []string{"misc/hello"}})
		},
		"poudriere pkgclean -y -j 143amd64 -p default -u -C misc/hello": func() (Cleaned, error) {
			return Pkgclean(f.ctx, f, PkgcleanArgs{Jail: "143amd64", Tree: "default", Drop: []string{"misc/hello"}, Rebuild: true})
		},
		"poudriere distclean -y -a -p default":   func() (Cleaned, error) { return Distclean(f.ctx, f, DistcleanArgs{Trees: []string{"default"}}) },
		"poudriere logclean -y -j 143amd64 -N 5": func() (Cleaned, error) { return Logclean(f.ctx, f, LogcleanArgs{Count: 5, Jail: "143amd64"}) },
		"poudriere logclean -y 30":               func() (Cleaned, error) { return Logclean(f.ctx, f, LogcleanArgs{Days: 30}) },
	} {
		f.commands = map[string]func([]string) (string, int){"poudriere version": pools("3.4.8\n"), want: func(args []string) (string, int) {
			if strings.Join(args, " ") != want {
				t.Errorf("ran %q, want %q", args, want)
			}
			return "====>> Files to be deleted:\n/x\n====>> Cleaning these will free: 1 B\n", 0
		}}
		if got := must(call()); !got.Changed || got.Freed != "1 B" || !cmp.Equal(got.Removed, []string{"/x"}) {
			t.Errorf("%s: %+v", want, got)
		}
	}
	for _, bad := range []PkgcleanArgs{{Jail: "143amd64", Tree: "default"}, {Jail: "143amd64", Tree: "default", KeepKnown: true, DropAll: true}} {
		_, err := Pkgclean(f.ctx, f, bad)
		failure(t, err, effect.Invalid)
	}
}
