package zfs

import (
	"context"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// plan is what has to be sent, in this order.
type plan struct {
	transfers []transfer
	resumable bool
	rollback  string   // common snapshot to go back to first
	lost      []string // what goes with that
	force     bool     // something was written there since
	mounted   string   // where the target is mounted
	fresh     bool     // the target is not there yet
}

// transfer is one stream.
type transfer struct {
	snapshot, from, token string
	guid, creation        string
}

// plan compares the snapshots of both sides.
func (s *sending) plan(ctx context.Context, h effect.Doer) (plan, error) {
	here, err := s.snapshots(ctx, h, s.source)
	if err != nil {
		return plan{}, err
	}
	end, err := s.end(here)
	if err != nil || end < 0 {
		return plan{}, err
	}
	there, err := s.received(ctx)
	if err != nil || match(here[end], there) >= 0 {
		return plan{}, err
	}
	p, state, err := s.receiver(ctx, there)
	if err != nil {
		return plan{}, err
	}
	here = here[:end+1]
	base, next := "", 0 // what to send the difference from, and the first to send
	if token := known(state["receive_resume_token"]); token != "" {
		next, err = s.resumed(ctx, h, token, here)
		if err == nil {
			base = here[next]["name"]
			p.add(here[next], "", token)
			next++
		}
	} else if there != nil {
		base, next, err = s.common(here, there, state, &p)
	}
	if err != nil {
		return plan{}, err
	}
	if s.args.Intermediate != nil && !*s.args.Intermediate {
		next = max(next, end)
	}
	for _, r := range here[next:] {
		if strings.Contains(r["name"], "@") {
			p.add(r, base, "")
			base = r["name"]
		}
	}
	return p, nil
}

func (p *plan) add(r row, from, token string) {
	p.transfers = append(p.transfers, transfer{snapshot: r["name"], from: from, token: token, guid: r["guid"], creation: r["creation"]})
}

// received is what the other host has; nothing where the dataset is not there.
func (s *sending) received(ctx context.Context) ([]row, error) {
	if _, made := s.fresh[parentOf(s.target)]; made {
		return nil, nil // what was just made has nothing below
	}
	there, err := s.snapshots(ctx, s.args.Host, s.target)
	if effect.KindOf(err) == effect.Missing && isAbsent(err) {
		return nil, nil
	}
	return there, err
}

// snapshots are a dataset, then its bookmarks, then its snapshots in the order of
// time.
func (s *sending) snapshots(ctx context.Context, h effect.Doer, name string) ([]row, error) {
	q := query{op: s.op, name: name, types: listTypes, depth: 1, properties: []string{"type", "guid", "creation", "createtxg", "mountpoint", "mounted", "written", "receive_resume_token"}}
	rows, err := q.list(ctx, h)
	if err != nil {
		return nil, err
	}
	var of, bookmarks, snapshots []row
	for _, r := range rows {
		dataset, sign, _ := split(r["name"])
		switch {
		case dataset != name:
		case sign == "@":
			snapshots = append(snapshots, r)
		case sign == "#":
			bookmarks = append(bookmarks, r)
		default:
			of = append(of, r)
		}
	}
	return append(append(of, bookmarks...), snapshots...), nil
}

// end is the place of the snapshot to send up to; -1 where there is none and none
// is needed.
func (s *sending) end(here []row) (int, error) {
	for i := len(here) - 1; i >= 0; i-- {
		if _, sign, name := split(here[i]["name"]); sign == "@" && (s.last == "" || name == s.last) {
			return i, nil
		}
	}
	switch {
	case !s.needed:
		return -1, nil
	case s.last != "":
		return -1, effect.Errorf(effect.Missing, s.op, "there is no snapshot %s@%s", s.source, s.last)
	default:
		return -1, effect.WithHint(effect.Errorf(effect.Missing, s.op, "%s has no snapshot", s.source), "h.zfs.snapshot takes one")
	}
}

// match is the place of a snapshot on the other side, by its identity or, where a
// release does not tell that, by its name and time; -1 where it is not there.
func match(r row, others []row) int {
	_, _, name := split(r["name"])
	for i, o := range others {
		_, sign, other := split(o["name"])
		if sign != "@" {
			continue
		}
		if r["guid"] != "" && o["guid"] != "" {
			if r["guid"] == o["guid"] {
				return i
			}
			continue
		}
		if name == other && r["creation"] == o["creation"] {
			return i
		}
	}
	return -1
}

// receiver tells what the other host can do, and how the dataset stands there.
func (s *sending) receiver(ctx context.Context, there []row) (plan, row, error) {
	if len(there) == 0 {
		p, err := s.newTarget(ctx)
		return p, nil, err
	}
	state := there[0]
	_, can := state["receive_resume_token"]
	p := plan{resumable: can}
	if state["mounted"] == "yes" {
		p.mounted = state["mountpoint"]
	}
	return p, state, nil
}

// newTarget is the plan for a dataset that is not there yet: what it shall lie in
// must be.
func (s *sending) newTarget(ctx context.Context) (plan, error) {
	parent := parentOf(s.target)
	if parent == "" {
		return plan{}, effect.WithHint(effect.Errorf(effect.Missing, s.op, "the other host has no pool %s", s.target), "name a dataset that it has, or a new one below: to=")
	}
	if can, made := s.fresh[parent]; made {
		return plan{resumable: can, fresh: true}, nil
	}
	found, err := one(ctx, s.args.Host, s.op, parent, "receive_resume_token")
	if err == nil && found == nil {
		err = effect.WithHint(effect.Errorf(effect.Missing, s.op, "the other host has no dataset %s for %s to lie in", parent, s.target), "zfs.create makes it there")
	}
	_, can := found["receive_resume_token"]
	return plan{resumable: can, fresh: true}, err
}

// common finds what both sides have, and what stands in the way of going on from
// there: base is what to send the difference from, next the first to send.
func (s *sending) common(here, there []row, state row, p *plan) (base string, next int, err error) {
	at, i := -1, 0
	for n := range here[1:] {
		// A bookmark may be what is left of a later snapshot.
		if found := match(here[n+1], there); found >= max(at, 0) {
			at, i = found, n+1
		}
	}
	if at < 0 {
		return "", 0, effect.WithHint(effect.Errorf(effect.Failed, s.op, "the other host has a dataset %s that has no snapshot in common with %s", s.target, s.source),
			"send to another dataset, or destroy that one")
	}
	for _, later := range there[at+1:] {
		p.lost = append(p.lost, later["name"])
	}
	if len(p.lost) > 0 && !s.args.Force {
		return "", 0, effect.WithHint(effect.Errorf(effect.Failed, s.op, "the other host has later snapshots than the common %s: %s", there[at]["name"], strings.Join(p.lost, ", ")),
			"send to another dataset, or give them up: force=true")
	}
	if len(p.lost) > 0 {
		p.rollback = there[at]["name"]
	}
	p.force = s.args.Force && p.rollback == "" && state["written"] != "0"
	return here[i]["name"], s.after(here, i), nil
}

// after is the place of the first snapshot that is later than a snapshot or
// bookmark.
func (s *sending) after(here []row, i int) int {
	if strings.Contains(here[i]["name"], "@") {
		return i + 1
	}
	for next := i + 1; next < len(here); next++ {
		if strings.Contains(here[next]["name"], "@") && number(here[next]["createtxg"]) > number(here[i]["createtxg"]) {
			return next
		}
	}
	return len(here)
}

// resumeName is the snapshot that a token is of: as it is called now, or else as
// it was.
var resumeName = lazyregexp.New(`(?m)^(?:full|incremental\t[^\t\n]+)\t([^\t\n]+)\t\d+$|toname = (\S.*)`)

// resumed is the place of the snapshot whose stream had been cut.
func (s *sending) resumed(ctx context.Context, h effect.Doer, token string, here []row) (int, error) {
	res, err := run(ctx, h, effect.Effect{
		Op: s.op, Kind: effect.Read, Argv: []string{"zfs", "send", "-nvP", "-t", token}, Title: "zfs send -nvP -t TOKEN",
		Reads: []effect.Resource{below(s.source)}, Want: []int{0, 1, 2, 255},
	})
	if err != nil {
		return 0, err
	}
	name := tokenOf(string(res.Stdout.Tail(effect.TailSize)) + string(res.Stderr.Tail(effect.TailSize)))
	for i, r := range here {
		if r["name"] == name {
			return i, nil
		}
	}
	return 0, effect.WithHint(effect.Errorf(effect.Failed, s.op, "the other host has begun to receive %s from something that %s does not have any more", s.target, s.source),
		"give that up there with zfs receive -A %s, and send again", s.target)
}

// tokenOf reads what zfs send -nvP -t tells of a token.
func tokenOf(said string) string {
	name := ""
	for _, m := range resumeName.FindAllStringSubmatch(said, -1) {
		if m[1] != "" {
			return m[1]
		}
		name = strings.TrimSpace(m[2])
	}
	return name
}
