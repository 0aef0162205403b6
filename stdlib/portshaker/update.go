package portshaker

import (
	"context"
	"slices"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/git"
)

// UpdateArgs choose sources.
type UpdateArgs struct {
	Sources    []string      `lua:"sources,pos" doc:"only these; default: all that targets merge from"`
	Force      bool          `lua:"force" doc:"run even where the repository has nothing new"`
	Timeout    time.Duration `lua:"timeout" doc:"for each source" unit:"seconds" default:"7200"`
	git.Access `lua:",inline"`
}

// Updated tells what the update brought.
type Updated struct {
	Changed bool           `lua:"changed"`
	Sources []SourceUpdate `lua:"sources"`
}

// SourceUpdate is what became of one source.
type SourceUpdate struct {
	Name     string `lua:"name"`
	Method   string `lua:"method"`
	URI      string `lua:"uri,omitempty"`
	Branch   string `lua:"branch,omitempty"`
	Cache    string `lua:"cache"`
	Changed  bool   `lua:"changed" doc:"for other methods than git: it ran"`
	Before   string `lua:"before,omitempty" doc:"commit before; empty when it was not fetched yet"`
	Revision string `lua:"revision,produced" doc:"commit now; empty for other methods than git"`
}

// Update brings the sources up to date. A git source whose repository has
// nothing new is left alone.
func Update(ctx context.Context, h effect.Doer, a UpdateArgs) (Updated, error) {
	const op = "portshaker.update"
	done := Updated{Sources: []SourceUpdate{}}
	if err := a.Access.Check(op); err != nil {
		return done, err
	}
	c, err := needConf(ctx, h, op)
	if err != nil {
		return done, err
	}
	all := c.sources()
	names := a.Sources
	if len(names) == 0 {
		names = all
	}
	for _, name := range names {
		if !slices.Contains(all, name) {
			err := effect.Errorf(effect.Missing, op, "no target merges from a source %s", name)
			err.Hint = "the sources are " + orNone(all)
			return done, err
		}
	}
	var fetched, remotes []effect.Effect
	for _, name := range names {
		cache := c.cache(name)
		fetched = append(fetched, file.Looks(op, script(name))...)
		fetched = append(fetched, file.Stats(op, clone(cache))...)
		fetched = append(fetched, git.AskStatus(git.StatusArgs{Dir: cache}))
	}
	if h, err = host.Prefetch(ctx, h, op, fetched...); err != nil {
		return done, err
	}
	for _, name := range names {
		source, err := describe(ctx, h, op, c, name)
		if err != nil {
			return done, err
		}
		done.Sources = append(done.Sources, source)
		if ask, err := git.AskRemote(a.remote(source)); err == nil && source.Method == "git" {
			remotes = append(remotes, ask)
		}
	}
	if h, err = host.Prefetch(ctx, h, op, remotes...); err != nil {
		return done, err
	}
	for i := range done.Sources {
		if err := a.update(ctx, h, op, &done.Sources[i]); err != nil {
			return done, err
		}
		done.Changed = done.Changed || done.Sources[i].Changed
	}
	return done, nil
}

// describe reads the script of a source.
func describe(ctx context.Context, h effect.Doer, op string, c conf, name string) (SourceUpdate, error) {
	s := SourceUpdate{Name: name, Cache: c.cache(name)}
	vars, src, err := readScript(ctx, h, op, name)
	if err != nil {
		return s, err
	}
	if src == nil {
		missing := effect.Errorf(effect.Missing, op, "the source %s has no script %s", name, script(name))
		missing.Hint = "h.portshaker.source.put writes it"
		return s, missing
	}
	var says Source
	says.describe(vars)
	s.Method, s.URI, s.Branch = says.Method, says.URI, says.Branch
	return s, nil
}

// remote asks for the branch that a source follows.
func (a UpdateArgs) remote(s SourceUpdate) git.RemoteRevisionArgs {
	return git.RemoteRevisionArgs{URI: s.URI, Ref: "refs/heads/" + s.Branch, Access: a.Access}
}

func (a UpdateArgs) update(ctx context.Context, h effect.Doer, op string, s *SourceUpdate) error {
	wanted, edited, err := a.compare(ctx, h, op, s)
	if err != nil {
		return err
	}
	if s.Before != "" && s.Before == wanted && !edited && !a.Force {
		s.Revision = s.Before
		return nil
	}
	if err := a.run(ctx, h, op, s, wanted); err != nil {
		return err
	}
	s.Changed = s.Changed || edited
	return nil
}

// compare reads what is fetched and what the repository has. wanted is empty
// where that cannot be known beforehand. Edits in the cache are portshaker's to
// throw away; until then they would be merged.
func (a UpdateArgs) compare(ctx context.Context, h effect.Doer, op string, s *SourceUpdate) (wanted string, edited bool, err error) {
	if s.Method != "git" {
		return "", false, nil
	}
	fetched, err := file.StatAs(ctx, h, op, clone(s.Cache))
	if err != nil {
		return "", false, err
	}
	if s.URI != "" && s.Branch != "" {
		there, err := git.RemoteRevision(ctx, h, a.remote(*s))
		if err != nil && (fetched != nil || !unknown(err)) {
			return "", false, about(err, op, "the source "+s.Name)
		}
		wanted = there.Revision
	}
	if fetched == nil {
		return wanted, false, nil
	}
	now, err := git.GetStatus(ctx, h, git.StatusArgs{Dir: s.Cache})
	if err != nil {
		return "", false, about(err, op, "what was fetched of the source "+s.Name)
	}
	s.Before = now.Revision
	return wanted, now.Edited, nil
}

// about says what an error of another module is about.
func about(err error, op, what string) error {
	e := *effect.AsError(err)
	if e.Kind == effect.Unknown {
		return err
	}
	e.Message, e.Op = what+": "+e.Summary(), op
	return &e
}

// run has portshaker update one source.
func (a UpdateArgs) run(ctx context.Context, h effect.Doer, op string, s *SourceUpdate, wanted string) error {
	e := effect.Effect{
		Op: op, Kind: effect.Change, Argv: []string{"portshaker", "-u", s.Name}, Env: environment(), Timeout: a.Timeout,
		Reads:  []effect.Resource{"pkg:portshaker", "pkg:git", effect.File(confPath), effect.Tree(sourceDir), effect.Tree(s.Cache)},
		Writes: []effect.Resource{effect.Tree(s.Cache)},
		Diff:   &effect.Diff{Path: s.Cache, Note: "update the source " + s.Name},
	}
	s.Changed = true
	if wanted != "" {
		s.Revision = wanted
		e.Leaves = git.Leaves(s.Cache, wanted)
		e.Diff.Note += " to " + wanted
	}
	res, err := do(ctx, h, a.Access.Apply(e), "portshaker -u "+s.Name)
	if err != nil || res.Skipped || s.Method != "git" {
		return err
	}
	s.Revision, err = git.Revision(ctx, h, git.RevisionArgs{Dir: s.Cache})
	s.Changed = s.Revision != s.Before
	return err
}
