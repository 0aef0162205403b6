package journal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bsdrun/runtime/effect"
)

func memory(t *testing.T) *Store {
	t.Helper()
	s, err := Memory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func begin(t *testing.T, s *Store, run Run, hosts ...string) (*Run, *Recorder) {
	t.Helper()
	var list []Host
	for _, name := range hosts {
		list = append(list, Host{Name: name, Spec: []byte(`{"name":"` + name + `"}`)})
	}
	rec, err := s.Begin(&run, list)
	if err != nil {
		t.Fatal(err)
	}
	return &run, rec
}

func TestIDsAreShortAndSortByTime(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	last := ""
	for i := range 100 {
		id := NewID(at.Add(time.Duration(i) * 7 * time.Hour))
		if len(id) != 11 || id <= last {
			t.Fatalf("%q after %q", id, last)
		}
		last = id
	}
	if a, b := NewID(at), NewID(at); a[:8] != b[:8] {
		t.Errorf("ids of one moment begin with %s and %s", a[:8], b[:8])
	}
}

func plain() *rapid.Generator[any] {
	var value *rapid.Generator[any]
	leaf := rapid.OneOf(
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Float64().AsAny(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) any { return string(b) }),
	)
	value = rapid.OneOf(leaf,
		rapid.Map(rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return value }), 0, 3), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(rapid.StringMatching(`[a-z]{0,3}`), rapid.Deferred(func() *rapid.Generator[any] { return value }), 0, 3), func(m map[string]any) any { return m }),
	)
	return value
}

func TestValuesComeBackExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := plain().Draw(t, "value")
		b, err := EncodeValue(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeValue(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestValuesKeepWhatJSONLoses(t *testing.T) {
	for _, want := range []any{
		[]any{}, map[string]any{}, int64(1), float64(1), int64(math.MaxInt64), int64(math.MinInt64),
		"\xff\x00\xfe", "", math.Inf(1), float64(1 << 62), nil,
		map[string]any{"list": []any{}, "table": map[string]any{}, "": "\x80"},
	} {
		b, err := EncodeValue(want)
		if err != nil {
			t.Errorf("%#v: %v", want, err)
			continue
		}
		got, err := DecodeValue(b)
		if err != nil || !cmp.Equal(want, got) {
			t.Errorf("%#v came back as %#v, %v", want, got, err)
		}
	}
}

func TestValuesThatAreNotPlainAreRefusedWithTheirPlace(t *testing.T) {
	self := map[string]any{}
	self["me"] = self
	for _, c := range []struct {
		value any
		says  string
	}{
		{map[string]any{"a": []any{int64(1), 7}}, "the value.a[2] is int"},
		{effect.NewSecret("pw", "x"), "effect.Secret"},
		{self, "nested deeper"},
		{[]any(nil), "nil list"},
	} {
		_, err := EncodeValue(c.value)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("got %v, want %q", err, c.says)
		}
	}
}

func FuzzDecodeValue(f *testing.F) {
	b, _ := EncodeValue(map[string]any{"a": []any{int64(1), "x", nil}})
	f.Add(b)
	f.Add([]byte{0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := DecodeValue(b)
		if err != nil {
			return
		}
		ForJSON(v)
	})
}

func TestFolderAndFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "bsdrun")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	begin(t, s, Run{Recipe: "r"}, "a")
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v", info.Mode())
	}
	files, _ := filepath.Glob(filepath.Join(dir, "journal.db*"))
	if len(files) < 2 {
		t.Errorf("no write-ahead log beside the journal: %v", files)
	}
	for _, name := range files {
		if info, _ := os.Stat(name); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

func TestANewerJournalIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	begin(t, s, Run{Recipe: "kept"}, "a")
	if _, err := s.conn.ExecContext(context.Background(), fmt.Sprintf("PRAGMA user_version = %d", len(migrations)+1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "newer bsdrun") {
		t.Errorf("got %v", err)
	}
}

func TestMigrationsKeepWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	run, _ := begin(t, s, Run{Recipe: "old"}, "a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before := migrations
	defer func() { migrations = before }()
	migrations = append(migrations[:len(migrations):len(migrations)], "ALTER TABLE runs ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'")
	s, err = Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	found, err := s.Find(context.Background(), run.ID)
	if err != nil || found.Recipe != "old" {
		t.Fatalf("%v, %v", found, err)
	}
	var version int
	var colour string
	if err := s.conn.QueryRowContext(context.Background(), "PRAGMA user_version").Scan(&version); err != nil || version != len(migrations) {
		t.Errorf("version %d, %v", version, err)
	}
	if err := s.conn.QueryRowContext(context.Background(), "SELECT colour FROM runs").Scan(&colour); err != nil || colour != "red" {
		t.Errorf("the new column says %q, %v", colour, err)
	}
}

func TestABrokenMigrationLeavesTheOldVersion(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before := migrations
	migrations = append(migrations[:len(migrations):len(migrations)], "CREATE TABLE half (a); CREATE TABLE runs (again)")
	_, err = Open(dir)
	migrations = before
	if err == nil {
		t.Fatal("a broken migration passed")
	}
	s, err = Open(dir)
	if err != nil {
		t.Fatalf("the old version cannot be opened any more: %v", err)
	}
	defer s.Close()
	var n int
	if err := s.conn.QueryRowContext(context.Background(), "SELECT count(*) FROM sqlite_master WHERE name = 'half'").Scan(&n); err != nil || n != 0 {
		t.Errorf("half a migration stayed: %d, %v", n, err)
	}
}

func TestARunIsReadBackWhole(t *testing.T) {
	ctx := context.Background()
	s := memory(t)
	run, rec := begin(t, s, Run{
		Recipe: "pool.lua", Source: []byte("return {}"), Root: "/r", Version: "1.0", Params: map[string]any{"n": int64(3)}, Options: []byte("{}"),
	}, "b.example.org", "a.example.org")
	rec.File("lib/x.lua", []byte("x = 1"))
	rec.File("empty", nil)
	at := time.Unix(1700000000, 123).UTC()
	rec.HostStart("b.example.org", at)
	rec.StepStart("b.example.org", Step{Path: "One", Title: "One", Started: at})
	e := &Effect{Host: "b.example.org", Step: "One", Ordinal: 1, ID: "x.1", Op: "run", Kind: "change", Risk: "safe", Hash: "h", What: "true", Sent: at, Command: true, In: "www", As: "root"}
	if err := rec.Intent(e, true); err != nil {
		t.Fatal(err)
	}
	effects, err := s.Effects(ctx, run.ID, "b.example.org")
	if err != nil || len(effects) != 1 || effects[0].Status != Sent || effects[0].Session != 1 {
		t.Fatalf("after the intent: %+v, %v", effects, err)
	}
	e.Status, e.Counts, e.Ended, e.Out, e.Result = effect.StatusChanged, true, at.Add(time.Second), []byte("\xffout"), []byte{1}
	rec.Outcome(e)
	if err := rec.StepEnd("b.example.org", Step{Path: "One", Status: "changed", Exact: true, Value: map[string]any{"l": []any{}}, Changes: 1, Ended: at.Add(2 * time.Second)}); err != nil {
		t.Fatal(err)
	}
	if err := rec.Answer("b.example.org", "q", "yes"); err != nil {
		t.Fatal(err)
	}
	rec.Line(Line{At: at, Host: "b.example.org", Type: "log", Text: "hello"})
	failure := &ErrorReport{Op: "pkg.install", Kind: effect.Failed, Code: 70, Message: "no such package", Hint: "pkg search"}
	if err := rec.HostEnd(Host{Name: "b.example.org", Status: "failed", Error: failure, Ended: at.Add(3 * time.Second)}); err != nil {
		t.Fatal(err)
	}
	if err := rec.End(Failed, map[string]any{"in all": int64(2)}, nil); err != nil {
		t.Fatal(err)
	}

	found, err := s.Find(ctx, run.ID[:10])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]byte{"lib/x.lua": []byte("x = 1"), "empty": {}}, found.Files); diff != "" {
		t.Error(diff)
	}
	if found.State != Failed || found.Params["n"] != int64(3) || string(found.Source) != "return {}" || !found.Resumable() {
		t.Errorf("%+v", found)
	}
	effects, err = s.Effects(ctx, run.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Effect{*e}, effects, cmp.AllowUnexported(Effect{})); diff != "" {
		t.Error(diff)
	}
	answers, err := s.Answers(ctx, run.ID)
	if err != nil || answers[[2]string{"b.example.org", "q"}] != "yes" {
		t.Errorf("%v, %v", answers, err)
	}
	lines, err := s.Lines(ctx, run.ID, "")
	if err != nil || len(lines) != 1 || lines[0].Text != "hello" {
		t.Errorf("%v, %v", lines, err)
	}
	log, err := s.HostLog(ctx, "b.example.org", time.Time{}, 10)
	if err != nil || len(log) != 1 || log[0].Run != run.ID || log[0].Recipe != "pool.lua" || string(log[0].Out) != "\xffout" {
		t.Errorf("%+v, %v", log, err)
	}
	report, err := s.Report(ctx, "last")
	if err != nil {
		t.Fatal(err)
	}
	report.Took = 0
	want := &Report{Run: run.ID, Recipe: "pool.lua", Started: report.Started, Summary: map[string]any{"in all": int64(2)}, Hosts: []HostReport{
		{Name: "b.example.org", Status: "failed", Changed: 1, Steps: []StepReport{
			{Name: "One", Status: "changed", Took: 2, Changes: []ChangeReport{{Op: "run", What: "true"}}}}, Error: failure},
		{Name: "a.example.org", Status: "stopped", Steps: []StepReport{}},
	}}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Error(diff)
	}
}

func TestAResumedRunContinuesTheNumbering(t *testing.T) {
	ctx := context.Background()
	s := memory(t)
	run, rec := begin(t, s, Run{Recipe: "r"}, "a")
	for range 3 {
		rec.Outcome(&Effect{Host: "a", Kind: "read", Status: "ok"})
	}
	found, err := s.Find(ctx, run.ID)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Resume(ctx, found)
	if err != nil {
		t.Fatal(err)
	}
	again.Outcome(&Effect{Host: "a", Kind: "read", Status: "ok"})
	effects, err := s.Effects(ctx, run.ID, "a")
	if err != nil || len(effects) != 4 || effects[3].Session != 2 {
		t.Errorf("%+v, %v", effects, err)
	}
}

func TestFindNamesWhatIsAmbiguousOrMissing(t *testing.T) {
	ctx := context.Background()
	s := memory(t)
	begin(t, s, Run{ID: "0aaaaaaaa1", Recipe: "one"})
	begin(t, s, Run{ID: "0aaaaaaab2", Recipe: "two"})
	for id, says := range map[string]string{"0a": "more than one", "zz": "no run", "": "no run", "%": "no run"} {
		if _, err := s.Find(ctx, id); err == nil || !strings.Contains(err.Error(), says) || effect.KindOf(err) != effect.Usage {
			t.Errorf("%q: %v", id, err)
		}
	}
	for id, recipe := range map[string]string{"b2": "two", "A1": "one", "last": "two"} {
		if r, err := s.Find(ctx, id); err != nil || r.Recipe != recipe {
			t.Errorf("%q: %v, %v", id, r, err)
		}
	}
}

func TestManyHostsShareCommits(t *testing.T) {
	s := memory(t)
	run, rec := begin(t, s, Run{Recipe: "r"}, "a")
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for j := range 20 {
				e := &Effect{Host: fmt.Sprint(i), Kind: "change", Ordinal: int64(j)}
				if err := rec.Intent(e, j%5 == 0); err != nil {
					t.Error(err)
				}
				e.Status = "changed"
				rec.Outcome(e)
			}
		})
	}
	wg.Wait()
	effects, err := s.Effects(context.Background(), run.ID, "")
	if err != nil || len(effects) != 64*20 {
		t.Fatalf("%d effects, %v", len(effects), err)
	}
	for _, e := range effects {
		if e.Status != "changed" {
			t.Fatalf("%+v", e)
		}
	}
}

func TestOneBadWriteDoesNotTakeOthersWithIt(t *testing.T) {
	s := memory(t)
	_, rec := begin(t, s, Run{Recipe: "r"}, "a")
	var bad, good error
	err := s.transact([]write{
		{do: rec.insert(&Effect{Host: "a"})},
		{do: func(b *batch) error { return b.exec("INSERT INTO nowhere VALUES (1)") }},
	})
	if err == nil {
		t.Fatal("a bad statement passed")
	}
	done1, done2 := make(chan error, 1), make(chan error, 1)
	s.commit([]write{
		{do: func(b *batch) error { return b.exec("INSERT INTO nowhere VALUES (1)") }, done: done1},
		{do: rec.insert(&Effect{Host: "a", Op: "kept"}), done: done2},
	})
	bad, good = <-done1, <-done2
	if bad == nil || good != nil {
		t.Errorf("bad: %v, good: %v", bad, good)
	}
	effects, err := s.Effects(context.Background(), rec.Run(), "a")
	if err != nil || len(effects) != 1 || effects[0].Op != "kept" {
		t.Errorf("%+v, %v", effects, err)
	}
}

func TestADurableWriteIsSynced(t *testing.T) {
	s := memory(t)
	level := func(durable bool) (n int) {
		err := s.wait(durable, func(b *batch) error {
			return s.conn.QueryRowContext(context.Background(), "PRAGMA synchronous").Scan(&n)
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const normal, full = 1, 2
	if got := []int{level(true), level(false)}; got[0] != full || got[1] != normal {
		t.Errorf("synchronous is %v", got)
	}
}

func TestAFailureNobodyWaitedForComesWithTheNextWrite(t *testing.T) {
	s, err := Memory()
	if err != nil {
		t.Fatal(err)
	}
	s.later(func(*batch) error { return errors.New("disk full") })
	if err := s.Flush(); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err == nil {
		t.Error("Close forgot it")
	}
}

func TestPruneKeepsWhatCanBeResumedAndWhatIsHeld(t *testing.T) {
	ctx := context.Background()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	old := time.Now().Add(-time.Hour)
	done, rec := begin(t, s, Run{ID: "0000000001", Recipe: "done", Started: old}, "a")
	rec.Outcome(&Effect{Host: "a"})
	if err := rec.End(Done, nil, nil); err != nil {
		t.Fatal(err)
	}
	failed, rec2 := begin(t, s, Run{ID: "0000000002", Recipe: "failed", Started: old}, "a")
	if err := rec2.End(Failed, nil, nil); err != nil {
		t.Fatal(err)
	}
	held, _ := begin(t, s, Run{ID: "0000000003", Recipe: "held", Started: old}, "a")
	release, err := s.Hold(held.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	young, rec4 := begin(t, s, Run{ID: "0000000004", Recipe: "young"}, "a")
	if err := rec4.End(Done, nil, nil); err != nil {
		t.Fatal(err)
	}
	left := func() (ids []string) {
		runs, err := s.Runs(ctx, Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			ids = append(ids, r.ID)
		}
		return ids
	}
	if n, err := s.Prune(ctx, time.Now().Add(-time.Minute), false); n != 1 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
	if diff := cmp.Diff([]string{young.ID, held.ID, failed.ID}, left()); diff != "" {
		t.Error(diff)
	}
	if effects, _ := s.Effects(ctx, done.ID, ""); len(effects) != 0 {
		t.Error("the effects of a pruned run stayed")
	}
	if n, err := s.Prune(ctx, time.Now().Add(-time.Minute), true); n != 1 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
	if diff := cmp.Diff([]string{young.ID, held.ID}, left()); diff != "" {
		t.Error(diff)
	}
}

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("BSDRUN_JOURNAL_TEST_DIE"); dir != "" {
		die(dir)
	}
	os.Exit(m.Run())
}

// die writes an intent and is killed before the outcome.
func die(dir string) {
	s, err := Open(dir)
	if err != nil {
		panic(err)
	}
	run := Run{ID: "0dead00000", Recipe: "r"}
	if _, err := s.Hold(run.ID); err != nil {
		panic(err)
	}
	rec, err := s.Begin(&run, []Host{{Name: "a"}})
	if err != nil {
		panic(err)
	}
	rec.Outcome(&Effect{Host: "a", Op: "read", Kind: "read", Status: "ok"})
	if err := rec.Intent(&Effect{Host: "a", Op: "install", Kind: "change"}, false); err != nil {
		panic(err)
	}
	self, _ := os.FindProcess(os.Getpid())
	_ = self.Kill()
	select {}
}

func TestAnIntentSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BSDRUN_JOURNAL_TEST_DIE="+dir)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the process did not die: %v\n%s", err, out)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	run, err := s.Find(context.Background(), "last")
	if err != nil {
		t.Fatal(err)
	}
	if run.State != Interrupted || !run.Resumable() {
		t.Errorf("the run's state is %s", run.State)
	}
	effects, err := s.Effects(context.Background(), run.ID, "a")
	if err != nil || len(effects) != 2 || effects[0].Op != "read" || effects[1].Status != Sent {
		t.Errorf("%+v, %v", effects, err)
	}
	release, err := s.Hold(run.ID)
	if err != nil {
		t.Fatalf("the dead still hold their run: %v", err)
	}
	if _, err := s.Hold(run.ID); !errors.Is(err, ErrHeld) {
		t.Errorf("held twice: %v", err)
	}
	if !s.Held(run.ID) {
		t.Error("nobody seems to hold the run")
	}
	release()
	if s.Held(run.ID) {
		t.Error("a released run seems held")
	}
}

func TestExitCodesByPrecedence(t *testing.T) {
	host := func(kind effect.ErrKind) HostReport {
		return HostReport{Status: effect.StatusFailed, Error: &ErrorReport{Kind: kind}}
	}
	ok := HostReport{Status: effect.StatusOK}
	changed := HostReport{Status: effect.StatusOK, Changed: 2}
	for _, c := range []struct {
		name  string
		hosts []HostReport
		err   effect.ErrKind
		check bool
		flag  bool
		want  int
	}{
		{"nothing", nil, "", false, false, 0},
		{"all well", []HostReport{ok, changed}, "", false, true, 0},
		{"check with changes", []HostReport{ok, changed}, "", true, true, 3},
		{"check with changes, not asked", []HostReport{changed}, "", true, false, 0},
		{"unreachable", []HostReport{changed, host(effect.Unreachable)}, "", true, true, 4},
		{"stopped before unreachable", []HostReport{host(effect.Unreachable), host(effect.Stopped)}, "", false, false, 75},
		{"failed before stopped", []HostReport{host(effect.Locked), host(effect.Missing)}, "", false, false, 2},
		{"script before failed", []HostReport{host(effect.Timeout), host(effect.Invalid)}, "", false, false, 5},
		{"usage before script", []HostReport{host(effect.Script)}, effect.Usage, false, false, 64},
		{"internal before usage", []HostReport{host(effect.Internal)}, effect.Usage, false, false, 1},
		{"Ctrl-C before all", []HostReport{host(effect.Internal), host(effect.Cancelled)}, "", false, false, 130},
		{"unknown is well", []HostReport{{Status: effect.StatusOK, Error: &ErrorReport{Kind: effect.Unknown}}}, "", true, false, 0},
		{"stopped without an error", []HostReport{{Status: effect.StatusStopped}}, "", false, false, 75},
	} {
		r := Report{Hosts: c.hosts, Check: c.check}
		if c.err != "" {
			r.Err = &ErrorReport{Kind: c.err}
		}
		if got := r.Exit(c.flag); got != c.want {
			t.Errorf("%s: exit %d, want %d", c.name, got, c.want)
		}
	}
}
