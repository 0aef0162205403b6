package poudriere

import (
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/effect"
)

const (
	logs      = "/usr/local/poudriere/data/logs/bulk/143amd64-default"
	firstName = "2026-01-31_12h00m00s"
	ours      = "bsdrun build " + firstName + ": bulk -j 143amd64 -p default misc/hello misc/broken\n"
)

var hello = BulkArgs{Jail: "143amd64", Tree: "default", Origins: []string{"misc/hello", "misc/broken"}, Lines: 2}

// building is a job that builds with one failure and ends with code.
func building(t *testing.T, first string, code int) *fakeJob {
	return &fakeJob{log: first, steps: []func(*fake){
		func(*fake) {},
		func(f *fake) { f.files[logs+"/"+firstName+"/.data.mini.json"] = string(sample(t, "mini-running.json")) },
		func(f *fake) { f.job.log += "[00:00:12] ====>> Committing packages\n" },
		func(f *fake) {
			f.files[logs+"/"+firstName+"/.data.json"] = string(sample(t, "data.json"))
			f.files[logs+"/"+firstName+"/logs/broken-0.1.log"] = "cc: error\n*** Error code 1\n"
			f.end("exited", code)
		},
	}}
}

// events collects what is reported on the way.
type events []string

func (e *events) Emit(event effect.Event) { *e = append(*e, event.Text) }

func TestBulk(t *testing.T) {
	for name, code := range map[string]int{
		"exit code of failures": 2, "256 failures look like 0": 0,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.job = building(t, ours, code)
			var heard events
			got := must(Bulk(effect.WithEvents(f.ctx, &heard), f, hello))
			if got.Name != firstName || got.Attached || !got.Changed || len(got.Built) != 3 || got.Status != "done" || got.Exit != code {
				t.Errorf("%+v", got)
			}
			if len(got.Failed) != 1 || got.Failed[0].Phase != "build" || got.Failed[0].Tail != "cc: error\n*** Error code 1" {
				t.Errorf("failed %+v", got.Failed)
			}
			if all := strings.Join(heard, "|"); !strings.Contains(all, "3 of 7: 2 built, 0 failed") {
				t.Errorf("heard %s", all)
			}
			if started := f.changes[0]; started.Job.Key != "poudriere-build-143amd64-default" || len(f.changes) != 1 {
				t.Errorf("changes %+v", f.changes)
			}
		})
	}
}

func TestBulkAttachesToTheSameBuild(t *testing.T) {
	f := newFake(t)
	f.job = building(t, ours, 2)
	f.job.state.Attached = true
	if got := must(Bulk(f.ctx, f, hello)); !got.Attached || got.Name != firstName || f.ids != 1 {
		t.Errorf("started %d jobs: %+v", f.ids, got)
	}
}

func TestBulkWaitsForAnotherJob(t *testing.T) {
	f := newFake(t)
	f.job = building(t, strings.Replace(ours, "misc/hello misc/broken", "www/other", 1), 0)
	f.job.state.Attached = true
	last := len(f.job.steps) - 1
	end := f.job.steps[last]
	f.job.steps[last] = func(f *fake) {
		end(f)
		// What follows is our own.
		f.job.steps = append(f.job.steps, func(f *fake) {
			if f.ids == 2 {
				f.job.log, f.job.state.Attached, f.job.state.State = ours, false, "running"
				f.job.steps = append(f.job.steps, func(f *fake) { f.end("exited", 2) })
			}
		})
	}
	got, err := Bulk(f.ctx, f, hello)
	if err != nil || f.ids != 2 {
		t.Fatalf("started %d jobs: %+v, %v", f.ids, got, err)
	}
}

// A job that is never ours must not be met for ever.
func TestBulkGivesUpOnOthers(t *testing.T) {
	f := newFake(t)
	f.job = &fakeJob{log: "something else\n", state: effect.JobState{State: "exited", Attached: true}}
	_, err := Bulk(f.ctx, f, hello)
	failure(t, err, effect.Failed, "keep coming", "status")
}

func TestBulkWaitsForAStrangersBuild(t *testing.T) {
	f := newFake(t)
	f.files[logs+"/latest/.data.mini.json"] = string(sample(t, "mini-running.json"))
	asked := 0
	f.commands["poudriere status"] = func([]string) (string, int) {
		if asked++; asked > 2 {
			return "", 0
		}
		return "-\tdefault\t143amd64\tby-hand\tparallel_build:\t7\t1\t1\t2\t0\t0\t0\t3\t00:10:02\t/l\n", 0
	}
	f.job = building(t, ours, 2)
	var heard events
	must(Bulk(effect.WithEvents(f.ctx, &heard), f, hello))
	if asked != 3 || !strings.Contains(strings.Join(heard, "|"), "waiting for the build by-hand") {
		t.Errorf("asked %d times, heard %q", asked, heard)
	}
	// Not for ever, where a limit is set.
	asked = -1000
	limited := hello
	limited.Timeout = time.Hour
	_, err := Bulk(f.ctx, f, limited)
	failure(t, err, effect.Timeout, "by-hand")
}

func TestBulkFailures(t *testing.T) {
	for name, c := range map[string]struct {
		job   *fakeJob
		kind  effect.ErrKind
		words []string
	}{
		"before the build": {
			&fakeJob{log: ours + "[00:00:00] ====>> Error: Nonexistent origin listed: misc/broken\n[00:00:01] ====>> Error: Fatal errors encountered gathering initial ports metadata\n", steps: []func(*fake){func(f *fake) { f.end("exited", 1) }}},
			effect.Missing, []string{"Nonexistent origin listed: misc/broken", "no misc/broken"},
		},
		"poudriere is missing": {
			&fakeJob{log: ours + "sh: poudriere: not found\n", steps: []func(*fake){func(f *fake) { f.end("exited", 127) }}},
			effect.Missing, []string{"pkg.install"},
		},
		"a crash": {
			&fakeJob{log: ours + "[00:10:00] ====>> Error: umount failed\n", steps: []func(*fake){func(f *fake) {
				f.files[logs+"/"+firstName+"/.data.json"] = strings.Replace(string(sample(t, "data.json")), "stopped:done:", "crashed:err:umount failed", 1)
				f.end("exited", 1)
			}}},
			effect.Failed, []string{"umount failed", "crashed:err", "3 packages built"},
		},
		"no word of the end": {
			&fakeJob{log: ours, steps: []func(*fake){func(f *fake) { f.end("exited", 0) }}},
			effect.Failed, []string{".data.json", "HTML_JSON_UPDATE_INTERVAL"},
		},
		"a reboot": {
			&fakeJob{log: ours, steps: []func(*fake){func(f *fake) { f.end("rebooted", 0) }}},
			effect.Failed, []string{"reboot"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.job = c.job
			_, err := Bulk(f.ctx, f, hello)
			failure(t, err, c.kind, c.words...)
		})
	}
}

func TestBulkTimeoutLeavesTheJob(t *testing.T) {
	f := newFake(t)
	f.job = &fakeJob{log: ours}
	limited := hello
	limited.Timeout = time.Minute
	_, err := Bulk(f.ctx, f, limited)
	failure(t, err, effect.Timeout, "the job goes on")
	if !f.job.state.Running() {
		t.Error("the job was ended")
	}
}

func TestBulkRefusesBeforeAnythingRuns(t *testing.T) {
	f := newFake(t)
	for name, c := range map[string]struct {
		args BulkArgs
		kind effect.ErrKind
		word string
	}{
		"no jail":        {BulkArgs{Jail: "nosuch", Tree: "default", All: true}, effect.Missing, "jail.create"},
		"no tree":        {BulkArgs{Jail: "143amd64", Tree: "nosuch", All: true}, effect.Missing, "ports.create"},
		"nothing named":  {BulkArgs{Jail: "143amd64", Tree: "default"}, effect.Invalid, "origins"},
		"too much named": {BulkArgs{Jail: "143amd64", Tree: "default", All: true, Origins: []string{"a/b"}}, effect.Invalid, "origins"},
		"no origin":      {BulkArgs{Jail: "143amd64", Tree: "default", Origins: []string{"hello"}}, effect.Invalid, "category/port"},
		"an option":      {BulkArgs{Jail: "-j", Tree: "default", All: true}, effect.Invalid, "jail"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Bulk(f.ctx, f, c.args)
			failure(t, err, c.kind, c.word)
		})
	}
	delete(f.files, confPath)
	_, err := Bulk(f.ctx, f, hello)
	failure(t, err, effect.Missing, "poudriere.configure")
	if len(f.changes) > 0 || len(f.seen) > 0 {
		t.Errorf("ran %q, changed %q", f.seen, f.changed())
	}
}

func TestArgs(t *testing.T) {
	all := BulkArgs{Jail: "j", Tree: "t", Set: "s", Clean: "listed", Test: true, Jobs: 4, Origins: []string{"a/b@c"}, Options: []string{"-S"}}
	if got := strings.Join(all.args(), " "); got != "-j j -p t -z s -C -t -J 4 -S a/b@c" {
		t.Errorf("got %q", got)
	}
	if got := strings.Join(BulkArgs{Jail: "j", Tree: "t", Clean: "all", All: true}.args(), " "); got != "-j j -p t -c -a" {
		t.Errorf("got %q", got)
	}
}

func TestResultsAndLog(t *testing.T) {
	f := newFake(t)
	_, err := Results(f.ctx, f, ResultsArgs{Jail: "143amd64", Tree: "default", Build: "latest"})
	failure(t, err, effect.Missing, "no build")
	f.files[logs+"/latest/.data.json"] = string(sample(t, "data.json"))
	f.files[logs+"/"+firstName+"/logs/broken-0.1.log"] = "the end\n"
	got := must(Results(f.ctx, f, ResultsArgs{Jail: "143amd64", Tree: "default", Build: "latest", Lines: 5}))
	if got.Failed[0].Tail != "the end" || got.Log != logs+"/"+firstName {
		t.Errorf("%+v", got)
	}
	f.commands["tail -n 100 "+logs+"/latest/logs/py311-thing-2.1_3.log"] = func([]string) (string, int) { return "text\n", 0 }
	log := must(Log(f.ctx, f, LogArgs{Jail: "143amd64", Tree: "default", Build: "latest", Port: "devel/py-thing@py311", Lines: 100}))
	if log.Text != "text\n" || log.Package != "py311-thing-2.1_3" {
		t.Errorf("%+v", log)
	}
	_, err = Log(f.ctx, f, LogArgs{Jail: "143amd64", Tree: "default", Build: "latest", Port: "misc/nosuch"})
	failure(t, err, effect.Missing, "misc/nosuch")
	if len(f.changes) > 0 {
		t.Errorf("reading changed %q", f.changed())
	}
}
