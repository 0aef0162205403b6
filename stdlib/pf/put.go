package pf

import (
	"context"
	"fmt"
	"strings"
	"time"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/pf/rules"
	"bsdrun/stdlib/sysrc"
)

// PutArgs are the arguments of Put.
type PutArgs struct {
	Text   string        `lua:"text,required" doc:"the rules: the text of a pf.conf, such as pf.ruleset makes"`
	File   string        `lua:"file" doc:"where they are kept; pf_rules in rc.conf says so" default:"/etc/pf.conf"`
	Within time.Duration `lua:"within" unit:"seconds" doc:"the host takes the rules back unless a new connection comes about in this time" default:"60"`
	Backup string        `lua:"backup" doc:"keep the former file: an absolute path, or what is added to its name" default:".before"`
	Origin Origin        `lua:"origin" doc:"where the lines of the text came from, as template tells it with lines=true"`
}

// PutResult is what Put did.
type PutResult struct {
	Changed bool     `lua:"changed" doc:"rules, file or rc.conf are, or in check mode would be, different now"`
	Loaded  bool     `lua:"loaded" doc:"the rules were loaded; they were in force already otherwise"`
	Enabled bool     `lua:"enabled" doc:"the filter was off and is on now"`
	Added   []string `lua:"added" doc:"rules that were not in force before"`
	Removed []string `lua:"removed" doc:"rules that are not in force any more"`
}

const (
	staging = "/var/db/bsdrun/pf.conf.new"
	former  = "/var/db/bsdrun/pf.conf.former"
)

// Put puts rules in force and keeps them, so that they cannot lock us out.
func Put(ctx context.Context, h effect.Doer, a PutArgs) (PutResult, error) {
	const op = "pf.put"
	a.Text = ended(a.Text)
	if err := rightRules(ctx, h, op, a); err != nil {
		return PutResult{}, err
	}
	now, err := status(ctx, h, op)
	if err != nil {
		return PutResult{}, err
	}
	result, err := outcome(ctx, h, now, a)
	if err != nil {
		return PutResult{}, err
	}
	keep := func(ctx context.Context, h effect.Doer) error { return result.keep(ctx, h, a) }
	if !result.Loaded && !result.Enabled {
		err := keep(ctx, h)
		return result, err
	}
	if err := save(ctx, h, op, now, a); err != nil {
		return PutResult{}, err
	}
	load := &loading{op: op, enable: result.Enabled, module: !now.Loaded}
	result.Changed = true
	err = host.Guard(ctx, h, host.Guarded{
		Op: op, Note: "pf's rules", Within: a.Within,
		Undo: []string{"sh", "-c", load.undo()}, Apply: load.start, Verify: load.ended, Keep: keep,
	})
	return result, err
}

// rightRules has the host's pfctl read the rules before anything is done.
func rightRules(ctx context.Context, h effect.Doer, op string, a PutArgs) error {
	checked, err := Check(ctx, h, CheckArgs{Text: a.Text, Origin: a.Origin})
	if err != nil || checked.OK {
		return err
	}
	lines := strings.Split(a.Text, "\n")
	var said []string
	for _, p := range checked.Errors {
		line := fmt.Sprintf("line %d: %s", p.Line, p.Text)
		if p.Line > 0 && p.Line <= len(lines) {
			line += ": " + strings.TrimSpace(lines[p.Line-1])
		}
		if p.At != "" {
			line += " (" + p.At + ")"
		}
		said = append(said, line)
	}
	return effect.WithHint(effect.Errorf(effect.Failed, op, "pf does not take the rules: %s", strings.Join(said, "; ")), "nothing was changed")
}

// outcome is what putting the rules in force would come to.
func outcome(ctx context.Context, h effect.Doer, now Status, a PutArgs) (PutResult, error) {
	if !now.Loaded { // nothing is in force
		return PutResult{Loaded: true, Enabled: true, Added: []string{}, Removed: []string{}}, nil
	}
	diff, err := DiffOf(ctx, h, DiffArgs{Text: a.Text})
	return PutResult{Loaded: !diff.Same, Enabled: !now.Enabled, Added: diff.Added, Removed: diff.Removed}, err
}

// keep writes what the next boot reads.
func (r *PutResult) keep(ctx context.Context, h effect.Doer, a PutArgs) error {
	backup := a.Backup
	if _, there, err := file.Content(ctx, h, "pf.put", a.File); err != nil {
		return err
	} else if !there {
		backup = ""
	}
	put, err := file.Put(ctx, h, file.PutArgs{Path: a.File, Content: binding.Content{Data: []byte(a.Text)}, Backup: backup, Validate: []string{"/sbin/pfctl", "-nf", "%s"}})
	if err != nil {
		return err
	}
	vars := map[string]any{"pf_enable": true}
	if a.File != "/etc/pf.conf" {
		vars["pf_rules"] = a.File
	}
	set, err := sysrc.Set(ctx, h, sysrc.SetArgs{Vars: vars})
	r.Changed = r.Changed || put.Changed || set.Changed
	return err
}

// save writes the rules to be loaded and the former ones, to be loaded again if need
// be. Those that are in force are taken from the file where it has the same: pfctl
// does not print options.
func save(ctx context.Context, h effect.Doer, op string, now Status, a PutArgs) error {
	put := func(path, text string) error {
		_, err := file.Put(ctx, h, file.PutArgs{Path: path, Content: binding.Content{Data: []byte(text)}, Mode: "0600"})
		return err
	}
	if _, err := file.Mkdir(ctx, h, file.MkdirArgs{Path: "/var/db/bsdrun", Mode: "0700"}); err != nil {
		return err
	}
	if err := put(staging, a.Text); err != nil {
		return err
	}
	text := ""
	if now.Loaded {
		var err error
		if text, err = inForce(ctx, h, op, a.File); err != nil {
			return err
		}
	}
	return put(former, text)
}

// inForce is a text of the rules that are in force.
func inForce(ctx context.Context, h effect.Doer, op, path string) (string, error) {
	text, there, err := file.Content(ctx, h, op, path)
	if err != nil {
		return "", err
	}
	if there {
		if diff, err := DiffOf(ctx, h, DiffArgs{Path: path}); err == nil && diff.onlyTables() {
			return string(text), nil
		}
	}
	nat, err := loaded(ctx, h, op, "", "nat")
	if err != nil {
		return "", err
	}
	filter, err := loaded(ctx, h, op, "", "rules")
	if err != nil {
		return "", err
	}
	all, err := definitions(ctx, h, op)
	if err != nil {
		return "", err
	}
	for _, list := range [][]rules.Rule{filter.Scrub, nat.Translation(), filter.Filter} {
		all = append(all, rules.Lines(list, rules.Style{}, false)...)
	}
	return strings.Join(all, "\n") + "\n", nil
}

// definitions are lines that give the tables that there are, with what they hold,
// and the interfaces that are skipped.
func definitions(ctx context.Context, h effect.Doer, op string) (all []string, err error) {
	skipped, err := optionsInForce(ctx, h, op, &rules.Ruleset{})
	if err != nil {
		return nil, err
	}
	for i, line := range skipped {
		if skipped[i] = strings.TrimPrefix(line, "set skip on "); i == len(skipped)-1 {
			all = append(all, "set skip on { "+strings.Join(skipped, " ")+" }")
		}
	}
	tables, err := ListTables(ctx, h, ListTablesArgs{})
	if err != nil {
		return nil, err
	}
	var env rules.Env
	for _, t := range tables {
		held, err := entries(ctx, h, op, TableArgs{Name: t.Name})
		if err != nil {
			return nil, err
		}
		table := rules.Table{Name: t.Name, Const: t.Const, Persist: t.Persist, Counters: t.Counters}
		for _, address := range held {
			found, _ := env.TableAddresses(address)
			table.Addresses = append(table.Addresses, found...)
		}
		all = append(all, table.String())
	}
	return all, nil
}

// loadTime is when the rules are usually in force.
const loadTime = 2 * time.Second

// loading puts the staged rules in force by a job of the host: a filter that goes on
// stops the connection over which it was told to, since that has no state.
type loading struct {
	op             string
	enable, module bool
	job            *host.Job
}

func (l *loading) start(ctx context.Context, h effect.Doer) (err error) {
	script := "sleep 1; "
	if l.module {
		script += "{ /sbin/kldstat -q -m pf || /sbin/kldload pf; } && " // kldload has no -n before 10.1
	}
	script += "/sbin/pfctl -f " + staging
	if l.enable {
		script += " && /sbin/pfctl -e"
	}
	l.job, err = host.StartJob(ctx, h, effect.Effect{
		Op: l.op, Risk: effect.Disruptive, Note: "rules may stop connections, ours too", Shell: script,
		Reads: all, Writes: []effect.Resource{"pf", "net", "kld:pf"}, Title: "pfctl -f " + staging,
	}, "pf.put")
	if err != nil || l.job.Skipped() {
		return err
	}
	return clock.Sleep(ctx, loadTime)
}

// undo takes it back: the former rules, and off where the filter was off.
func (l *loading) undo() string {
	if l.module {
		return "/sbin/pfctl -d; /sbin/pfctl -F rules -F nat"
	}
	script := "/sbin/pfctl -f " + former
	if l.enable {
		script += "; /sbin/pfctl -d"
	}
	return script
}

// ended tells how the job ended.
func (l *loading) ended(ctx context.Context, _ effect.Doer) error {
	var said strings.Builder
	state, err := l.job.Wait(ctx, 0, func(n host.News) error { said.Write(n.Log); return nil })
	if err == nil && (state.State != "exited" || state.Code != 0) {
		err = effect.Errorf(effect.Failed, l.op, "pfctl did not load the rules: %s", strings.TrimSpace(said.String()))
	}
	return err
}
