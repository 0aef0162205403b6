package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/report"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib"
)

// checkCommand is bsdrun check RECIPE HOST..., the same as --check.
func (c *cli) checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "check RECIPE HOST...",
		Short:             "Read for real, change nothing, tell what would change (= --check)",
		ValidArgsFunction: completeRecipes,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.flags.check = true
			return c.runRecipe(cmd, args)
		},
	}
	cmd.Flags().StringVarP(&c.flags.code, "execute", "e", "", "check this `code` instead of a recipe")
	c.flags.add(cmd.Flags())
	return cmd
}

// runRecipe runs a recipe, or the code of -e, on hosts.
func (c *cli) runRecipe(cmd *cobra.Command, args []string) error {
	ctx := cmd.Context()
	o, err := c.options()
	if err != nil {
		return err
	}
	hosts := args
	if cmd.Flags().Changed("execute") {
		if err := c.checkCode(args); err != nil {
			return err
		}
		o.Name, o.Source, o.AdHoc = "-e", []byte(c.flags.code), true
		o.Root, err = os.Getwd()
	} else {
		if len(args) == 0 {
			return usage("which recipe, and which hosts?")
		}
		var src source
		src, err = findRecipe(args[0])
		if err == nil && len(bytes.TrimSpace(src.text)) == 0 {
			err = usage("%s is empty", args[0])
		}
		o.Name, o.Source, o.Root, o.Files, hosts = src.name, src.text, src.root, src.files, args[1:]
	}
	if err != nil {
		return err
	}
	if o.Hosts, err = c.hostsOf(ctx, o.Name, hosts); err != nil {
		return err
	}
	return c.carryOut(ctx, o, engine.Run)
}

// checkCode refuses -e without code, and with a recipe besides.
func (c *cli) checkCode(hosts []string) error {
	if strings.TrimSpace(c.flags.code) == "" {
		return effect.WithHint(usage("--execute: there is no code"), "bsdrun -e 'return h.facts.release' sim:")
	}
	if len(hosts) > 0 && filepath.Ext(hosts[0]) == ".lua" {
		return effect.WithHint(usage("%s is no host: with --execute there is no recipe", hosts[0]), "leave one of the two out")
	}
	return nil
}

// hostsOf are the hosts of the command line or, with --rerun, those of an earlier
// run; of these only the ones that the command line names, when it names any.
func (c *cli) hostsOf(ctx context.Context, recipe string, args []string) ([]inventory.Host, error) {
	if c.flags.rerun == "" {
		return c.hosts(args)
	}
	store, err := openJournal()
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }()
	again, err := engine.Rerun(ctx, store, recipe, c.flags.rerun)
	if err != nil || len(args) == 0 && c.flags.limit == "" {
		return again, err
	}
	if len(args) == 0 {
		return c.limited(ctx, again)
	}
	named, err := c.hosts(args)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, h := range again {
		wanted[h.Name] = true
	}
	among := slices.DeleteFunc(named, func(h inventory.Host) bool { return !wanted[h.Name] })
	if len(among) == 0 {
		return nil, usage("--rerun %s: none of these hosts is among them", c.flags.rerun)
	}
	return among, nil
}

// limited are those of an earlier run's hosts that --limit keeps.
func (c *cli) limited(ctx context.Context, hosts []inventory.Host) ([]inventory.Host, error) {
	inv, err := c.readInventory(ctx)
	if err != nil {
		return nil, err
	}
	return inv.Limit(hosts, c.flags.limit)
}

// becomeMethods are the ways to become root; auto finds one.
var becomeMethods = []string{"auto", "doas", "sudo", "su", "mdo"}

// options turns flags into those of the engine.
func (c *cli) options() (engine.Options, error) {
	f := &c.flags
	for _, leave := range f.allow {
		if leave != "irreversible" {
			return engine.Options{}, usage("--allow knows irreversible, not %q", leave)
		}
	}
	if err := f.checkProgress(); err != nil {
		return engine.Options{}, err
	}
	if f.forks < 1 {
		return engine.Options{}, usage("--forks is a number of hosts from 1, not %d", f.forks)
	}
	if err := f.checkTimes(); err != nil {
		return engine.Options{}, err
	}
	for _, path := range f.allowRead {
		if _, err := os.Stat(path); err != nil {
			return engine.Options{}, usage("--allow-read: there is no file or folder %s", path)
		}
	}
	if f.become != "" && !slices.Contains(becomeMethods, f.become) {
		return engine.Options{}, usage("--become knows %s, not %q", strings.Join(becomeMethods, ", "), f.become)
	}
	params, err := readParams(f.paramFiles, f.params)
	if err != nil {
		return engine.Options{}, err
	}
	o := engine.Options{
		Version: version(), Params: params, AllowRead: f.allowRead,
		Settings: engine.Settings{
			Check: f.check, StartAt: f.startAt, Forks: f.forks, Batch: f.batch, MaxFail: f.maxFail, Allow: f.allow, TakeOver: f.takeOver,
			User: f.user, Jump: f.jump, Become: f.become, AcceptNew: f.acceptNew, Legacy: f.legacy,
			Timeout: f.timeout, RunTimeout: f.runTimeout, ConnectTimeout: f.connectTimeout,
		},
		SSH:       sshhost.SharedConfig{Warn: c.warn},
		FindHosts: func(name string) ([]inventory.Host, error) { return c.chosen(name) },
		Redactor:  &layer.Redactor{},
		Modules:   stdlib.Modules(),
		Tools:     stdlib.Tools,
	}
	if o.SSHConfig, err = localFile("--ssh-config", f.sshConfig); err != nil {
		return o, err
	}
	if len(f.reachable) > 0 {
		if o.Connectable, err = c.chosen(f.reachable...); err != nil {
			return o, err
		}
	}
	o.Identity, err = localFile("--identity", f.identity)
	return o, err
}

// localFile is the path of a file that a flag names, wherever a resumed run is
// started from.
func localFile(flag, name string) (string, error) {
	if name == "" || name == "none" {
		return name, nil
	}
	if _, err := os.Stat(name); err != nil {
		return "", usage("%s: there is no file %s", flag, name)
	}
	return filepath.Abs(name)
}

func (c *cli) warn(text string) {
	if !c.flags.quiet {
		_, _ = c.err.Write([]byte("bsdrun: " + text + "\n"))
	}
}

// readParams reads parameter files, then single parameters over them.
func readParams(files, singles []string) (map[string]any, error) {
	params := map[string]any{}
	for _, name := range files {
		text, err := readFlagFile("--params", name)
		if err != nil {
			return nil, err
		}
		decode, language := toml.Unmarshal, "TOML"
		if filepath.Ext(name) == ".json" {
			decode, language = json.Unmarshal, "JSON"
		}
		if err := decode(text, &params); err != nil {
			return nil, effect.WithHint(usage("--params: %s: %s", name, strings.TrimPrefix(err.Error(), "toml: ")), "it is read as %s; a name that ends in .json is JSON, any other TOML", language)
		}
	}
	for _, single := range singles {
		name, value, ok := strings.Cut(single, "=")
		if !ok || name == "" || strings.TrimSpace(name) != name {
			return nil, usage("--param is name=value, without a space before the =, not %q", single)
		}
		params[name] = value
	}
	return params, nil
}

// carryOut does a run or goes on with one, shows its progress, and prints what
// it came to.
func (c *cli) carryOut(ctx context.Context, o engine.Options, do func(context.Context, engine.Options) (*journal.Report, error)) error {
	store, err := c.equip(&o)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()

	live := journal.NewLive(store)
	defer live.Close()
	events := sinks{live}
	if c.flags.output == "jsonl" {
		events = append(events, report.NewLines(o.Redactor.Writer(c.out)))
	}
	o.Print = func(_, text string) { _, _ = fmt.Fprintln(c.out, text) } // redacted already
	interrupts, press, forget := interruptions()
	o.Interrupt = interrupts
	end := func() {}
	if !c.flags.quiet {
		var shown sinks
		shown, end = c.showProgress(&o, press)
		events = append(events, shown...)
	}
	o.Events = events
	r, err := do(ctx, o)
	end()
	forget()
	if err != nil && diskFull(err) {
		return effect.WithHint(err, "make room on the journal's file system (bsdrun runs prune), then bsdrun resume last goes on")
	}
	if err != nil {
		return err
	}
	return c.finish(r)
}

// equip gives a run the journal, and who answers its questions.
func (c *cli) equip(o *engine.Options) (*journal.Store, error) {
	asker := c.asker()
	o.Asker = asker
	err := c.checkJUnit()
	if err != nil {
		return nil, err
	}
	if o.Secrets, o.FileSecrets, err = c.secrets(asker); err != nil {
		return nil, err
	}
	if o.SSH.Keeper, err = c.keeperWay(); err != nil {
		return nil, err
	}
	if c.flags.askBecome {
		o.BecomePassword = askOnce(asker)
	}
	if o.Journal, err = openJournal(); err != nil {
		return nil, err
	}
	return o.Journal, nil
}

// askOnce asks for the password before the run begins to work.
func askOnce(asker effect.Asker) func(ctx context.Context) (effect.Secret, error) {
	return func(ctx context.Context) (effect.Secret, error) {
		password, err := asker.Ask(ctx, "", effect.Question{Key: "become password", Text: "Password to become root:", Secret: true})
		return effect.NewSecret("become password", password), err
	}
}

// interruptions delivers every Ctrl-C and polite kill; press does as if Ctrl-C
// were pressed. A reader of our output that goes away (| head) ends no run in the
// middle of its changes, and hides no exit code.
func interruptions() (interrupts <-chan struct{}, press, forget func()) {
	signals, broken := make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, terminate)
	signal.Notify(broken, brokenPipe)
	out := make(chan struct{}, 2)
	go func() {
		for range signals {
			out <- struct{}{}
		}
	}()
	press = func() {
		select {
		case signals <- os.Interrupt:
		default: // two are enough
		}
	}
	return out, press, func() {
		signal.Stop(signals)
		close(signals)
	}
}

// sinks are several receivers of events.
type sinks []effect.Events

func (s sinks) Emit(e effect.Event) {
	for _, sink := range s {
		sink.Emit(e)
	}
}

// finish prints a report as asked for and turns it into an exit code.
func (c *cli) finish(r *journal.Report) error {
	hideOwnScript(r)
	switch c.flags.output {
	case "json":
		if err := report.JSON(c.out, r); err != nil {
			return err
		}
		c.tellFailures(r)
	case "junit":
		if err := report.JUnit(c.out, r); err != nil {
			return err
		}
		c.tellFailures(r)
	case "jsonl": // results have been printed as they happened
		c.tellFailures(r)
	default:
		report.Text(c.out, c.err, r, c.textOptions())
	}
	if err := c.writeJUnit(r); err != nil {
		return err
	}
	if code := r.Exit(c.flags.exitCode); code != 0 {
		return exitCode(code)
	}
	return nil
}

// tellFailures tells a person, too, where machines read the results.
func (c *cli) tellFailures(r *journal.Report) {
	if !c.flags.quiet {
		report.Failures(c.err, r, c.style())
	}
}
