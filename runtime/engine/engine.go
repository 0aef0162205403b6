// Package engine carries out a run: one recipe on its hosts. It composes the
// chain that every effect passes, keeps account of steps, and turns what
// happened into the journal's report. Modules and simulated tools are passed
// in.
package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/fleet"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/script"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sshhost"
)

// Options are all that a run needs.
type Options struct {
	Name   string // of the recipe: errors and reports use it
	Source []byte
	Root   string // the recipe's folder; empty: no local files
	// Files are what a recipe without a folder loads, by path from its folder.
	Files map[string][]byte
	// AllowRead are local paths beyond Root that the script may read.
	AllowRead []string
	AdHoc     bool
	Version   string // of bsdrun

	Hosts []inventory.Host
	// FindHosts gives what a parameter of type host names. Nil: what the name says.
	FindHosts func(name string) ([]inventory.Host, error)
	// Params are the recipe's parameters: plain data, or strings as the
	// command line gives them.
	Params map[string]any

	Settings

	SSH        sshhost.SharedConfig
	KnownHosts []string
	// BecomePassword gives the password for becoming root; asked for once a
	// run. Nil: the Asker is asked when one is needed.
	BecomePassword func(ctx context.Context) (effect.Secret, error)

	Journal  *journal.Store // nil: one that ends with the run
	Asker    effect.Asker   // nil: defaults answer, or the run stops
	Events   effect.Events  // nil: nobody listens
	Print    func(host, text string)
	Redactor *layer.Redactor // nil: one of its own; sinks outside the engine may share it
	Secrets  func(ctx context.Context, name string) (string, error)
	// FileSecrets finds a secret in a host's own file.
	FileSecrets func(ctx context.Context, file, name string) (value string, found bool, err error)

	Modules []binding.Module
	Tools   func() []*sim.Tool // of simulated machines; asked for with the first one
	// Machines are simulated machines that are there already, by the names of
	// their hosts. They outlive the run.
	Machines map[string]*sim.Machine
	Cover    *script.Coverage // counts what runs of the recipe; nil: nothing does

	// Session, when not nil, is what is done on every host instead of running the
	// program: it evaluates inputs as they come. An error of it ends the host.
	Session func(ctx context.Context, s *Session) error

	// Interrupt stops the run: the first time gently (running effects
	// finish, nothing new is sent), the second time at once.
	Interrupt <-chan struct{}
	// Wrap is put just above the transport, for tests.
	Wrap effect.Layer
	// WrapConn is put around the connections to simulated machines, for tests.
	WrapConn func(net.Conn) net.Conn

	dial func(inventory.Host) (transport, error) // for tests
}

// Settings are the options that a resumed run takes over.
type Settings struct {
	Check   bool   `json:"-"`
	StartAt string `json:"start_at,omitempty"` // name of the first step to run
	Undo    string `json:"undo,omitempty"`     // the run that this one takes back
	Forks   int    `json:"forks,omitempty"`
	Batch   string `json:"batch,omitempty"`
	MaxFail string `json:"max_fail,omitempty"`
	// Connectable are further hosts that connect() may reach, and Named those that
	// parameters name.
	Connectable    []inventory.Host          `json:"connectable,omitempty"`
	Named          map[string]inventory.Host `json:"named,omitempty"`
	Allow          []string                  `json:"allow,omitempty"`
	TakeOver       []string                  `json:"take_over,omitempty"` // runs that are given up: this one takes their locks
	User           string                    `json:"user,omitempty"`
	Jump           string                    `json:"jump,omitempty"`
	Identity       string                    `json:"identity,omitempty"`   // a private key file
	SSHConfig      string                    `json:"ssh_config,omitempty"` // read instead of the usual files
	Become         string                    `json:"become,omitempty"`
	BecomeUser     string                    `json:"become_user,omitempty"`
	AcceptNew      bool                      `json:"accept_new,omitempty"`
	Legacy         bool                      `json:"legacy,omitempty"`
	Timeout        time.Duration             `json:"timeout,omitempty"`     // of an effect that has none of its own
	RunTimeout     time.Duration             `json:"run_timeout,omitempty"` // of the whole run
	ConnectTimeout time.Duration             `json:"connect_timeout,omitempty"`
}

// run is one session of a run.
type run struct {
	o       Options
	id      string
	program *script.Program
	params  map[inventory.Kind]map[string]any // as checked; simulated hosts may use the example
	files   map[string][]byte                 // the stored copy; nil: the disk
	loaded  map[string][]byte                 // read while compiling

	store    *journal.Store
	rec      *journal.Recorder
	past     map[string]*past // by host; nil on a new run
	edited   bool
	finished map[string]bool // hosts that former sessions are done with
	// sharedPast is what the hosts shared in former sessions.
	sharedPast []fleet.Entry
	redactor   *layer.Redactor
	asker      *questions
	secrets    *secrets
	password   func(ctx context.Context) (effect.Secret, error)
	sink       *sink
	hosts      map[string]inventory.Host
	shared     *sshhost.Shared
	network    *sim.Network
	tools      func() []*sim.Tool

	hard  context.Context // ends when everything must stop at once
	conns connections
	turns checkTurns // of a session
}

// past is what former sessions left of one host.
type past struct {
	effects *layer.Past
	steps   map[string]journal.Step
}

// defaultForks bounds the hosts worked on at once when nobody says otherwise.
const defaultForks = 200

// Run carries out a run. Its error is for what forbids a run (a wrong
// parameter, a syntax error): nothing has been touched then. Once a host is
// worked on, everything that happens is in the report.
func Run(ctx context.Context, o Options) (*journal.Report, error) {
	r, err := prepare(o)
	if err != nil {
		return nil, err
	}
	plan, err := fleet.NewPlan(r.forks(), o.Batch, o.MaxFail)
	if err != nil {
		return nil, err
	}
	done, err := r.openStore()
	if err != nil {
		return nil, err
	}
	defer done()
	record, hosts, err := r.record()
	if err != nil {
		return nil, err
	}
	release, err := r.store.Hold(record.ID)
	if err != nil {
		return nil, internal(err)
	}
	defer release()
	if r.rec, err = r.store.Begin(record, hosts); err != nil {
		return nil, internal(err)
	}
	for name, content := range r.loaded {
		r.rec.File(name, content)
	}
	return r.carryOut(ctx, plan)
}

func internal(err error) error {
	return &effect.Error{Kind: effect.Internal, Op: "engine", Cause: err}
}

// prepare makes a new run, checked.
func prepare(o Options) (*run, error) {
	r := &run{o: o, id: journal.NewID(time.Now()), redactor: o.Redactor, files: o.Files, loaded: map[string][]byte{}, hosts: map[string]inventory.Host{}}
	return r, r.validate()
}

// validate checks everything that can be checked before a host is touched.
func (r *run) validate() error {
	o := &r.o
	if r.redactor == nil {
		r.redactor = &layer.Redactor{}
	}
	if len(o.Hosts) == 0 {
		return effect.Errorf(effect.Usage, "run", "no hosts are given")
	}
	for _, h := range slices.Concat(o.Hosts, o.Connectable) {
		r.hosts[h.Name] = h
	}
	for _, leave := range o.Allow {
		if leave != layer.AllowIrreversible {
			return effect.Errorf(effect.Usage, "run", "--allow %s: there is only %s", leave, layer.AllowIrreversible)
		}
	}
	if err := r.compile(); err != nil {
		return err
	}
	if o.Undo != "" && (r.program.Recipe == nil || !r.program.Recipe.Undo) {
		return effect.WithHint(effect.Errorf(effect.Usage, "undo", "what run %s ran has no undo function", o.Undo), "bsdrun show %s tells all that it changed, with what files were like before", o.Undo)
	}
	return r.checkParams()
}

func (r *run) forks() int {
	if r.o.Forks == 0 {
		return defaultForks
	}
	return r.o.Forks
}

// compile reads the recipe and what it loads.
func (r *run) compile() error {
	name := r.o.Name
	if r.o.Undo != "" {
		name = strings.TrimPrefix(name, undoName) // whose lines errors and coverage speak of
	}
	program, err := script.Compile(name, r.o.Source, script.Options{
		Root: r.o.Root, Allow: r.o.AllowRead, Files: r.files,
		Loaded: func(name string, content []byte) { r.loaded[name] = content }, Cover: r.o.Cover,
	})
	r.program = program
	return err
}

// checkParams checks the parameters for every kind of host of the run. A
// simulated host takes the recipe's example for what is required and missing.
func (r *run) checkParams() error {
	r.params = map[inventory.Kind]map[string]any{}
	for _, h := range r.o.Hosts {
		if _, done := r.params[h.Kind]; done {
			continue
		}
		given := map[string]any{}
		if h.Kind == inventory.Sim && r.program.Recipe != nil {
			for _, p := range r.program.Recipe.Params {
				if example, ok := r.program.Recipe.Example[p.Name]; ok && p.Required {
					given[p.Name] = example
				}
			}
		}
		for name, value := range r.o.Params {
			given[name] = value
		}
		checked, err := r.program.Params(given)
		if err != nil {
			return err
		}
		r.params[h.Kind] = checked
	}
	return r.hostParams()
}

// hostParams makes the hosts that parameters name reachable by connect(). This
// machine and simulated ones are so only where the command line names them.
func (r *run) hostParams() error {
	if r.program.Recipe == nil {
		return nil
	}
	for _, p := range r.program.Recipe.Params {
		for _, params := range r.params {
			name, ok := params[p.Name].(string)
			if _, known := r.hosts[name]; p.Type != "host" || !ok || name == "" || known {
				continue
			}
			h, err := r.named(p.Name, name)
			if err != nil {
				return err
			}
			r.hosts[name] = h
		}
	}
	return nil
}

// named is the host that a parameter names; a resumed run takes the one that it had.
func (r *run) named(param, name string) (inventory.Host, error) {
	if h, ok := r.o.Named[name]; ok {
		return h, nil
	}
	find := r.o.FindHosts
	if find == nil {
		find = inventory.Parse
	}
	hosts, err := find(name)
	if err != nil {
		return inventory.Host{}, effect.WithHint(err, "parameter %s names a host", param)
	}
	if len(hosts) != 1 {
		return inventory.Host{}, effect.Errorf(effect.Usage, "run", "parameter %s: %q is %d hosts, not one", param, name, len(hosts))
	}
	if hosts[0].Kind != inventory.SSH && r.o.Params[param] != name {
		return inventory.Host{}, effect.Errorf(effect.Usage, "run", "parameter %s: %q must be named on the command line", param, name)
	}
	if r.o.Named == nil {
		r.o.Named = map[string]inventory.Host{}
	}
	r.o.Named[name] = hosts[0]
	return hosts[0], nil
}

func (r *run) openStore() (done func(), err error) {
	if r.o.Journal != nil {
		r.store = r.o.Journal
		return func() {}, nil
	}
	if r.store, err = journal.Memory(); err != nil {
		return nil, internal(err)
	}
	return func() { _ = r.store.Close() }, nil
}

// record is the run as the journal stores it.
func (r *run) record() (*journal.Run, []journal.Host, error) {
	options, err := json.Marshal(r.o.Settings)
	if err != nil {
		return nil, nil, internal(err)
	}
	params := map[string]any{}
	for _, kind := range []inventory.Kind{inventory.Sim, inventory.Local, inventory.SSH} {
		for name, value := range r.params[kind] {
			params[name] = r.redactor.Value(value)
		}
	}
	var hosts []journal.Host
	for _, h := range r.o.Hosts {
		spec, err := json.Marshal(h)
		if err != nil {
			return nil, nil, internal(err)
		}
		hosts = append(hosts, journal.Host{Name: h.Name, Spec: spec})
	}
	return &journal.Run{
		ID: r.id, Recipe: r.o.Name, Source: r.o.Source, Root: r.o.Root, AdHoc: r.o.AdHoc, Check: r.o.Check,
		Version: r.o.Version, Params: params, Options: options,
	}, hosts, nil
}

// carryOut works on the hosts and reports.
func (r *run) carryOut(ctx context.Context, plan fleet.Plan) (*journal.Report, error) {
	hosts := r.o.Hosts
	soft, end := r.interruptible(ctx)
	defer end()
	r.shared = sshhost.NewShared(r.sshConfig())
	defer r.shared.Close()
	r.network, r.tools = sim.NewNetwork(), sync.OnceValue(r.simulatedTools)
	r.sink = &sink{run: r}
	r.secrets = &secrets{run: r, known: map[string]effect.Secret{}}
	r.password = r.becomePassword()
	if r.asker == nil {
		r.asker = &questions{run: r}
	}
	soft = effect.WithEvents(soft, r.sink)
	effect.Emit(soft, effect.Event{Type: effect.RunStart, Text: r.o.Name, Data: map[string]any{"hosts": len(hosts) - len(r.finished), "check": r.o.Check}})

	ended := plan.Run(soft, r.roster(hosts), func(ctx context.Context, m *fleet.Member) fleet.Outcome {
		return r.work(ctx, hosts[m.Index], m)
	})
	err := r.notRun(soft, hosts, ended)
	if closeErr := r.conns.closeAll(); err == nil {
		err = closeErr
	}
	state := r.state()
	summary, failure := r.summarize(ctx)
	if endErr := r.rec.End(state, summary, failure); err == nil && endErr != nil {
		err = endErr
	}
	if err != nil {
		return nil, internal(err)
	}
	report, err := r.store.Report(context.WithoutCancel(ctx), r.id)
	if err != nil {
		return nil, internal(err)
	}
	last := effect.Event{Type: effect.RunEnd, Status: state, Took: report.Took}
	if report.Summary != nil {
		last.Data = map[string]any{"summary": report.Summary}
	}
	effect.Emit(soft, last)
	return report, nil
}

// summarize asks the recipe what all hosts together came to.
func (r *run) summarize(ctx context.Context) (any, *journal.ErrorReport) {
	if r.program.Recipe == nil || !r.program.Recipe.Summary || r.hard.Err() != nil {
		return nil, nil
	}
	soFar, err := r.store.Report(context.WithoutCancel(ctx), r.id)
	if err != nil {
		return nil, r.reportError(internal(err))
	}
	hosts := make([]any, len(soFar.Hosts))
	for i, h := range soFar.Hosts {
		host := map[string]any{"host": h.Name, "status": h.Status, "result": h.Result}
		if h.Error != nil {
			host["error"] = h.Error.Message
		}
		hosts[i] = host
	}
	summary, err := r.program.Summarize(r.hard, script.Options{Root: r.o.Root, Allow: r.o.AllowRead, Files: r.files, Loaded: r.rec.File}, hosts)
	return r.redactor.Value(summary), r.reportError(err)
}

// notRun records the hosts whose turn never came.
func (r *run) notRun(ctx context.Context, hosts []inventory.Host, ended fleet.Ended) error {
	for i, outcome := range ended.Outcomes {
		if outcome != fleet.NotRun {
			continue
		}
		why := effect.Errorf(effect.Stopped, "run", "not begun: the run stopped before its turn")
		if ended.Why != "" {
			why.Message = "not begun: " + ended.Why
		}
		if effect.KindOf(context.Cause(ctx)) == effect.Cancelled {
			why.Kind = effect.Cancelled
		}
		why.Hint = "bsdrun resume " + r.id + " goes on with it"
		if err := r.endHost(ctx, hosts[i].Name, time.Now(), 0, nil, why); err != nil {
			return err
		}
	}
	return nil
}

// state is how the run ended as a whole.
func (r *run) state() string {
	r.sink.mu.Lock()
	defer r.sink.mu.Unlock()
	switch {
	case r.sink.ended[effect.StatusFailed] > 0:
		return journal.Failed
	case r.sink.ended[effect.StatusStopped]+r.sink.ended[effect.StatusUnreachable] > 0:
		return journal.Stopped
	default:
		return journal.Done
	}
}

// becomePassword asks for the password at most once a run.
func (r *run) becomePassword() func(ctx context.Context) (effect.Secret, error) {
	if r.o.BecomePassword == nil {
		return nil
	}
	var mu sync.Mutex
	var known *effect.Secret
	return func(ctx context.Context) (effect.Secret, error) {
		mu.Lock()
		defer mu.Unlock()
		if known == nil {
			s, err := r.o.BecomePassword(ctx)
			if err != nil {
				return effect.Secret{}, err
			}
			r.redactor.Add(s.Reveal())
			known = &s
		}
		return *known, nil
	}
}

func (r *run) sshConfig() sshhost.SharedConfig {
	cfg := r.o.SSH
	cfg.ConfigFile = cmp.Or(r.o.SSHConfig, cfg.ConfigFile)
	if cfg.Warn == nil {
		cfg.Warn = func(text string) {
			r.sink.Emit(effect.Event{Type: effect.Log, At: time.Now(), Op: "ssh_config", Text: text})
		}
	}
	return cfg
}

// heldError tells that another process works on the run.
func heldError(op, id string, err error) error {
	if !errors.Is(err, journal.ErrHeld) {
		return internal(err)
	}
	return &effect.Error{Kind: effect.Locked, Op: op, Message: fmt.Sprintf("run %s is being worked on by another bsdrun", id), Cause: err}
}

// vanished lists the recorded steps that an edited recipe did not come to.
func vanished(steps map[string]journal.Step, met map[string]bool) string {
	var names []string
	for path, step := range steps {
		if !met[path] {
			names = append(names, step.Title)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
