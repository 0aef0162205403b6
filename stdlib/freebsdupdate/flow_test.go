package freebsdupdate

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/tests/answers"
	"bsdrun/tests/onsim"
)

var rootCred = vfs.Root

func newStandIn() *standIn {
	group := "wheel:*:0:root\nnobody:*:65534:\n"
	return &standIn{
		old: map[string]string{
			"/etc/hosts": "::1 localhost\n127.0.0.1 localhost\n\n# end\n", "/etc/ttys": "console none\n", "/etc/group": group,
			"/etc/ssh/sshd_config": "Port 22\n", "/etc/gone": "x\n", "/etc/ntp.conf": "pool 1\n",
		},
		fresh: map[string]string{
			"/etc/hosts": "# new\n::1 localhost\n127.0.0.1 localhost\n\n# end\n", "/etc/ttys": "console onifconsole\n", "/etc/group": group + "ntpd:*:123:\n",
			"/etc/ssh/sshd_config": "#Port 22\n", "/etc/ntp.conf": "pool 2\n",
		},
	}
}

func TestUpgradeWithLocalChanges(t *testing.T) {
	s := newStandIn()
	h, m := s.host(t)
	put(t, m, "/etc/hosts", s.old["/etc/hosts"]+"192.0.2.7 www.example.org\n")
	put(t, m, "/etc/group", s.old["/etc/group"]+"op:*:1001:\n")
	put(t, m, "/etc/ssh/sshd_config", "Port 2222\n")
	put(t, m, "/etc/gone", "mine\n")
	put(t, m, "/etc/ntp.conf", "pool mine\n")
	ctx := t.Context()

	up, err := Upgrade(ctx, h, UpgradeArgs{To: "15.0", Merge: "take"})
	if err != nil {
		t.Fatal(err)
	}
	if !up.Changed || up.Adopted || up.From != oldRelease || up.To != newRelease || !cmp.Equal(up.Components, []string{"kernel/generic", "world/base"}) ||
		!cmp.Equal(up.Kept, []string{"/etc/hosts"}) || len(up.Warnings) != 0 {
		t.Errorf("%+v", up)
	}
	want := []Candidate{{"/etc/gone", "removed"}, {"/etc/group", "changed"}, {"/etc/hosts", "changed"}, {"/etc/ntp.conf", "changed"}, {"/etc/ssh/sshd_config", "changed"}}
	if diff := cmp.Diff(want, up.Merges); diff != "" {
		t.Error(diff)
	}
	now, err := ReadProgress(ctx, h, ProgressArgs{})
	if err != nil || now.Phase != "upgrade_fetched" || now.From != oldRelease || now.To != newRelease || !now.Merges {
		t.Errorf("%+v, %v", now, err)
	}

	calls := len(s.calls)
	again, err := Upgrade(ctx, h, UpgradeArgs{To: "15.0-RELEASE"})
	if err != nil || again.Changed || !again.Adopted || !cmp.Equal(again.Merges, want) || len(s.calls) != calls {
		t.Errorf("%+v, %v, %q", again, err, s.calls[calls:])
	}
	if _, err := Merge(ctx, h, MergeArgs{}); effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "world of 15.0-RELEASE is not installed") {
		t.Errorf("merged before there was a world: %v", err)
	}

	installAll(t, h)
	checkMerge(t, h, s)
	if got := get(t, m, "/etc/hosts"); got != "# new\n::1 localhost\n127.0.0.1 localhost\n\n# end\n192.0.2.7 www.example.org\n" {
		t.Errorf("%q", got)
	}
	if got := get(t, m, "/etc/group"); got != "wheel:*:0:root\nnobody:*:65534:\nntpd:*:123:\nop:*:1001:\n" {
		t.Errorf("%q", got)
	}
	if got := get(t, m, "/etc/ssh/sshd_config") + get(t, m, "/etc/gone") + get(t, m, "/etc/ntp.conf"); got != "Port 2222\nmine\npool 2\n" {
		t.Errorf("%q", got)
	}
}

// installAll goes through the three passes.
func installAll(t *testing.T, h effect.Doer) {
	t.Helper()
	booted := true
	first, err := Install(t.Context(), h, InstallArgs{})
	if err != nil || !first.Changed || first.Phase != "kernel_done" || !first.RebootNeeded || !first.KernelChanged || first.Finished {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := Install(t.Context(), h, InstallArgs{}); effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "does not run yet") {
		t.Fatalf("a world on the old kernel: %v", err)
	}
	second, err := Install(t.Context(), h, InstallArgs{Booted: &booted})
	if err != nil || second.Phase != "world_done" || !second.PackagesFirst || second.RebootNeeded || second.Finished {
		t.Fatalf("%+v, %v", second, err)
	}
	third, err := Install(t.Context(), h, InstallArgs{})
	if err != nil || third.Phase != "none" || !third.Finished || third.PackagesFirst {
		t.Fatalf("%+v, %v", third, err)
	}
	fourth, err := Install(t.Context(), h, InstallArgs{})
	if err != nil || fourth.Changed || !fourth.Finished {
		t.Fatalf("%+v, %v", fourth, err)
	}
}

func checkMerge(t *testing.T, doer effect.Doer, s *standIn) {
	t.Helper()
	h := &onsim.Count{Doer: doer}
	done, err := Merge(t.Context(), h, MergeArgs{})
	if err != nil {
		t.Fatal(err)
	}
	how := map[string]string{}
	for _, f := range done.Files {
		how[f.Path] = f.How
		if f.Changed != (f.Diff != "") {
			t.Errorf("%+v", f)
		}
	}
	want := map[string]string{"/etc/gone": "obsolete", "/etc/group": "merged", "/etc/hosts": "merged", "/etc/ntp.conf": "new", "/etc/ssh/sshd_config": "kept"}
	if diff := cmp.Diff(want, how); diff != "" || !done.Changed || done.Conflicts != 2 || len(done.Rebuilt) != 0 {
		t.Errorf("%+v %s", done, diff)
	}
	h.Changes = 0
	again, err := Merge(t.Context(), h, MergeArgs{})
	if err != nil || again.Changed || h.Changes != 0 {
		t.Errorf("%+v, %v, %d changes", again, err, h.Changes)
	}
	if backup, err := Merge(t.Context(), doer, MergeArgs{Policy: "script"}); effect.KindOf(err) != effect.Invalid {
		t.Errorf("%+v, %v", backup, err)
	}
}

func TestUpgradeInCheckMode(t *testing.T) {
	s := newStandIn()
	h, _ := s.host(t)
	up, err := Upgrade(t.Context(), effect.Chain(h, layer.Check()), UpgradeArgs{To: "15.0"})
	if err != nil || !up.Changed || up.From != oldRelease || len(s.calls) != 0 {
		t.Errorf("%+v, %v, %q", up, err, s.calls)
	}
}

func TestUpgradeGoesOnWithTextsThatWereMissing(t *testing.T) {
	s := newStandIn()
	h, m := s.host(t)
	put(t, m, "/etc/hosts", "mine\n")
	good := s.old["/etc/hosts"]
	ctx := t.Context()
	failing := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if strings.HasPrefix(e.Title, "fetch the texts") {
			return effect.Result{}, effect.Errorf(effect.Unreachable, e.Op, "the connection is lost")
		}
		return h.Do(ctx, e)
	})
	if _, err := Upgrade(ctx, failing, UpgradeArgs{To: "15.0"}); effect.KindOf(err) != effect.Unreachable {
		t.Fatal(err)
	}
	s.noTexts = true
	if _, err := Upgrade(ctx, h, UpgradeArgs{To: "15.0"}); effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "all texts") {
		t.Fatal(err)
	}
	s.noTexts = false
	up, err := Upgrade(ctx, h, UpgradeArgs{To: "15.0"})
	if err != nil || !up.Adopted || len(up.Merges) != 1 {
		t.Fatalf("%+v, %v", up, err)
	}
	if got := get(t, m, "/var/db/freebsd-update/bsdrun-"+hostHash[:16]+"/texts/"+hashOf(good)+".gz"); got != string(packed(good)) {
		t.Errorf("%q", got)
	}
}

// The tool forgets the old release's index as soon as it turns to the new one.
func TestUpgradeThatWasCutOff(t *testing.T) {
	s := newStandIn()
	h, m := s.host(t)
	put(t, m, "/etc/ntp.conf", "pool mine\n")
	s.cutOff = true
	if _, err := Upgrade(t.Context(), h, UpgradeArgs{To: "15.0"}); effect.KindOf(err) != effect.Failed {
		t.Fatal(err)
	}
	s.cutOff, s.calls = false, nil
	up, err := Upgrade(t.Context(), h, UpgradeArgs{To: "15.0"})
	if err != nil || up.From != oldRelease || len(up.Merges) != 1 || len(up.Components) != 2 {
		t.Fatalf("%+v, %v", up, err)
	}
	if len(s.calls) != 1 || !strings.HasSuffix(s.calls[0], " upgrade") {
		t.Errorf("%q", s.calls)
	}
}

// A run that was cut off while the tool fetches is resumed while, or after, the tool
// goes on: it goes by what its journal has, not by what has become of it since.
func TestUpgradeOfAResumedRun(t *testing.T) {
	s := newStandIn()
	h, m := s.host(t)
	put(t, m, "/etc/ntp.conf", "pool mine\n")
	j := &journaled{Doer: h}
	first, err := Upgrade(t.Context(), j, UpgradeArgs{To: "15.0"})
	if err != nil || len(first.Merges) != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	calls := len(s.calls)
	j.resumed = true
	again, err := Upgrade(t.Context(), j, UpgradeArgs{To: "15.0"})
	if err != nil || len(s.calls) != calls {
		t.Fatalf("%v, %q", err, s.calls)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
}

// journaled is a host that answers the Changes of a resumed run as its journal does.
// A Change that the journal does not have would be done, or stop the run.
type journaled struct {
	effect.Doer
	resumed bool
	asked   []effect.Effect
	answers []effect.Result
}

func (j *journaled) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	if e.Kind != effect.Change {
		return j.Doer.Do(ctx, e)
	}
	if !j.resumed {
		answer, err := j.Doer.Do(ctx, e)
		j.asked, j.answers = append(j.asked, e), append(j.answers, answer)
		return answer, err
	}
	for i, was := range j.asked { // what is as it should be by now is not asked for
		if was.Title == e.Title && slices.Equal(was.Argv, e.Argv) {
			answer := j.answers[i]
			j.asked, j.answers = j.asked[i+1:], j.answers[i+1:]
			answer.Recorded = true
			return answer, nil
		}
	}
	return effect.Result{}, effect.Errorf(effect.Failed, e.Op, "a change that was not made before: %s %q", e.Title, e.Argv)
}

func TestUpgradeOfTheSameRelease(t *testing.T) {
	s := newStandIn()
	h, _ := s.host(t)
	up, err := Upgrade(t.Context(), h, UpgradeArgs{To: "14.3"})
	if err != nil || up.Changed || !up.Done || len(s.calls) != 0 {
		t.Errorf("%+v, %v, %q", up, err, s.calls)
	}
	for _, to := range []string{"", "15", "15.0-RELEASE-p1", "15.0; reboot"} {
		if _, err := Upgrade(t.Context(), h, UpgradeArgs{To: to}); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%q: %v", to, err)
		}
	}
}

// What a patch of the old release did is no local change of those who had
// edited the file before.
func TestMergeFromTheTextThatWasEdited(t *testing.T) {
	s := newStandIn()
	s.unpatched = map[string]string{"/etc/ntp.conf": "a\nb\nc\nd\n"}
	s.old["/etc/ntp.conf"], s.fresh["/etc/ntp.conf"] = "a\nB\nc\nd\n", "a\nB\nc\nd\ne\n"
	h, m := s.host(t)
	put(t, m, "/etc/ntp.conf", "mine\na\nb\nc\nd\n")
	if _, err := Upgrade(t.Context(), h, UpgradeArgs{To: "15.0"}); err != nil {
		t.Fatal(err)
	}
	installAll(t, h)
	done, err := Merge(t.Context(), h, MergeArgs{})
	if err != nil || done.Conflicts != 0 || get(t, m, "/etc/ntp.conf") != "mine\na\nB\nc\nd\ne\n" {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestMergeByEditor(t *testing.T) {
	s := newStandIn()
	h, m := s.host(t)
	put(t, m, "/etc/ntp.conf", "pool mine\n")
	put(t, m, "/root/editor", "#!/bin/sh\ncat \"$1\" \"$3\" >\"$4\"\n")
	ctx := t.Context()
	if _, err := Upgrade(ctx, h, UpgradeArgs{To: "15.0", Merge: "script", Editor: []string{"sh", "/root/editor"}}); err != nil {
		t.Fatal(err)
	}
	installAll(t, h)
	done, err := Merge(ctx, h, MergeArgs{})
	if err != nil || len(done.Files) != 1 || done.Files[0].How != "edited" || get(t, m, "/etc/ntp.conf") != "pool mine\npool 2\n" {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestEditorThatLeavesMarkers(t *testing.T) {
	s := newStandIn()
	h, m := s.host(t)
	put(t, m, "/etc/ntp.conf", "pool mine\n")
	put(t, m, "/root/editor", "#!/bin/sh\necho '<<<<<<< mine' >\"$4\"\n")
	ctx := t.Context()
	if _, err := Upgrade(ctx, h, UpgradeArgs{To: "15.0"}); err != nil {
		t.Fatal(err)
	}
	installAll(t, h)
	done, err := Merge(ctx, h, MergeArgs{Policy: "script", Editor: []string{"sh", "/root/editor"}})
	if err != nil || done.Changed || done.Files[0].How != "kept" || !strings.Contains(done.Files[0].Note, "markers") || get(t, m, "/etc/ntp.conf") != "pool mine\n" {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestFetchPastEndOfLife(t *testing.T) {
	s := newStandIn()
	h, _ := s.host(t)
	got, err := Fetch(t.Context(), h, FetchArgs{Source: Source{Server: "mirror.example.org", CurrentlyRunning: "14.3"}})
	if err != nil || !got.EOL || got.Pending || got.Changed || got.To != "14.3-RELEASE-p1" {
		t.Errorf("%+v, %v", got, err)
	}
	want := "-f /var/db/freebsd-update/bsdrun-" + hostHash[:16] + "/fetch.conf --currently-running 14.3-RELEASE --not-running-from-cron fetch"
	if len(s.calls) != 1 || s.calls[0] != want {
		t.Errorf("%q", s.calls)
	}
}

// A pass that a run had begun, and that was made while the run was away, is not
// followed by the next one.
func TestInstallOfAResumedRun(t *testing.T) {
	s := newStandIn()
	h, _ := s.host(t)
	if _, err := Upgrade(t.Context(), h, UpgradeArgs{To: "15.0"}); err != nil {
		t.Fatal(err)
	}
	calls := len(s.calls)
	r := &recordedState{Doer: h}
	first, err := Install(t.Context(), r, InstallArgs{})
	if err != nil || first.Phase != "kernel_done" {
		t.Fatalf("%+v, %v", first, err)
	}
	r.resumed = true
	again, err := Install(t.Context(), r, InstallArgs{})
	if again != first || err != nil || len(s.calls) != calls+1 {
		t.Errorf("%+v, %v, %q", again, err, s.calls[calls:])
	}
	// What could not be begun then may be possible now.
	r = &recordedState{Doer: h, answer: &effect.Result{Stdout: effect.OutputOf(nil)}, resumed: true}
	booted := true
	second, err := Install(t.Context(), r, InstallArgs{Booted: &booted})
	if err != nil || second.Before != "kernel_done" || second.Phase != "world_done" {
		t.Errorf("%+v, %v", second, err)
	}
}

// recordedState is a host that answers the question for the state files, where it is a
// Change, as the journal of a resumed run does.
type recordedState struct {
	effect.Doer
	answer  *effect.Result
	resumed bool
}

func (r *recordedState) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	if e.Kind != effect.Change || !strings.HasPrefix(e.Title, "look at ") {
		return r.Doer.Do(ctx, e)
	}
	if r.resumed {
		answer := *r.answer
		answer.Recorded = true
		return answer, nil
	}
	answer, err := r.Doer.Do(ctx, e)
	r.answer = &answer
	return answer, err
}

// A tool that refuses to fetch without a terminal gets one.
func TestFetchOfOldReleases(t *testing.T) {
	s := newStandIn()
	s.ancient = true
	h, _ := s.host(t)
	got, err := Fetch(t.Context(), h, FetchArgs{Source: Source{CurrentlyRunning: "9.3"}})
	if err != nil || !got.EOL || got.To != "14.3-RELEASE-p1" || len(got.Warnings) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if len(s.calls) != 1 || s.calls[0] != "UNAME_r=9.3-RELEASE fetch" {
		t.Errorf("%q", s.calls)
	}
}

func TestPlaces(t *testing.T) {
	s := newStandIn()
	h, _ := s.host(t)
	if _, err := CompareIDS(t.Context(), h, IDSArgs{Place: Place{Basedir: "/mnt/"}}); err != nil || s.calls[0] != "-b /mnt IDS" {
		t.Errorf("%q, %v", s.calls, err)
	}
	for _, bad := range []Place{{Basedir: "mnt"}, {Basedir: "/mnt x"}, {Jail: "-a"}, {Jail: "www", Basedir: "/mnt"}, {Config: "/etc/*.conf"}} {
		if _, err := ReadProgress(t.Context(), h, ProgressArgs{bad}); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := ReadProgress(t.Context(), h, ProgressArgs{Place{Config: "/nosuch.conf"}}); effect.KindOf(err) != effect.Missing {
		t.Error(err)
	}
	for _, bad := range []Source{{Key: "ABC"}, {Server: "a b"}, {Components: []string{"$(id)"}}, {CurrentlyRunning: "now"}} {
		if _, err := Fetch(t.Context(), h, FetchArgs{Source: bad}); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestJail(t *testing.T) {
	h := answers.New(t)
	h.Says("jls -j www path", "/jails/www\n")
	h.Says("look at /var/db/freebsd-update", "install install.x\nINDEX-OLD\nINDEX-NEW\n"+tag)
	h.Says("freebsd-update (its options)", "usage: freebsd-update [options] command ...\n  -j jail      -- x\n")
	h.Commands["freebsd-update install"] = func(string) answers.Answer {
		h.Says("look at /var/db/freebsd-update", tag)
		return answers.Answer{Out: "Installing updates... done.\n"}
	}
	done, err := Install(t.Context(), h, InstallArgs{Place: Place{Jail: "www"}})
	if err != nil || !done.Finished || done.Before != "fetched" {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := h.Changes[len(h.Changes)-1]; !slices.Equal(got.Argv[len(got.Argv)-4:], []string{tool, "-j", "www", "install"}) || got.Risk != effect.Disruptive {
		t.Errorf("%+v", got)
	}
}

func TestMergeOfAccounts(t *testing.T) {
	s := newStandIn()
	const name = "/etc/master.passwd"
	h, m := s.host(t)
	was := get(t, m, name)
	s.old[name], s.fresh[name] = was, was+"newd:*:777:777::0:0:New Daemon:/var/empty:/usr/sbin/nologin\n"
	mine := was + "op:$6$salt$hash:1001:1001::0:0:Operator:/home/op:/bin/sh\n"
	put(t, m, name, mine)
	if _, err := Upgrade(t.Context(), h, UpgradeArgs{To: "15.0", Merge: "take"}); err != nil {
		t.Fatal(err)
	}
	installAll(t, h)
	done, err := Merge(t.Context(), h, MergeArgs{})
	if err != nil || len(done.Files) != 1 || !done.Changed || done.Files[0].Diff != "" || !slices.Equal(done.Rebuilt, []string{"/etc/spwd.db"}) {
		t.Fatalf("%+v, %v", done, err)
	}
	merged, passwd := get(t, m, name), get(t, m, "/etc/passwd")
	for _, user := range []string{"root", "op", "newd"} {
		if !strings.Contains("\n"+merged, "\n"+user+":") || !strings.Contains("\n"+passwd, "\n"+user+":") {
			t.Errorf("%s is in one of the files alone:\n%s\n%s", user, merged, passwd)
		}
	}
	if got := get(t, m, done.Backup+name); got != mine {
		t.Errorf("the copy is %q", got)
	}
}

func TestIDS(t *testing.T) {
	s := newStandIn()
	h, _ := s.host(t)
	got, err := CompareIDS(t.Context(), h, IDSArgs{})
	if err != nil || got.Release != oldRelease || len(got.Differences) != 1 || got.Differences[0].Path != "/etc/x" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRollback(t *testing.T) {
	s := newStandIn()
	h, m := s.host(t)
	if _, err := Rollback(t.Context(), h, RollbackArgs{}); effect.KindOf(err) != effect.Missing {
		t.Fatal(err)
	}
	put(t, m, "/etc/ntp.conf", "pool mine\n")
	if _, err := Upgrade(t.Context(), h, UpgradeArgs{To: "15.0"}); err != nil {
		t.Fatal(err)
	}
	installAll(t, h)
	got, err := Rollback(t.Context(), h, RollbackArgs{})
	if err != nil || !got.Changed || got.More || !got.RebootNeeded {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPatchIntegrityCheck(t *testing.T) {
	s := newStandIn()
	h, m := s.host(t)
	put(t, m, tool, "#!/bin/sh\n\tP=\"[-+./:=_[[:alnum:]]\"\n")
	done, err := PatchIntegrityCheck(t.Context(), h, PatchArgs{})
	if err != nil || !done.Changed || get(t, m, tool) != "#!/bin/sh\n\tP=\"[-+./:=%@_[[:alnum:]]\"\n" || !strings.Contains(get(t, m, done.Backup), ":=_") {
		t.Errorf("%+v, %v", done, err)
	}
	if again, err := PatchIntegrityCheck(t.Context(), h, PatchArgs{}); err != nil || again.Changed {
		t.Errorf("%+v, %v", again, err)
	}
}
