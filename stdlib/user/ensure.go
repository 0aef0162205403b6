package user

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/group"
)

// EnsureArgs are the arguments of Ensure.
type EnsureArgs struct {
	Name         string        `lua:"name,required" doc:"login name"`
	UID          *int          `lua:"uid" doc:"number; default: as it is, or the next that is free"`
	Group        string        `lua:"group" doc:"first group; default: as it is, or one of the user's own name"`
	Groups       []string      `lua:"groups" doc:"other groups, all of them; default: as it is"`
	Append       bool          `lua:"append" doc:"keep other groups too"`
	Class        *string       `lua:"class" doc:"login class of login.conf(5); empty: default"`
	Comment      *string       `lua:"comment" doc:"full name and the like (GECOS)"`
	Home         string        `lua:"home" doc:"home directory; default: as it is, or below /home"`
	CreateHome   *bool         `lua:"create_home" doc:"make the home directory where it is missing" default:"true"`
	HomeMode     string        `lua:"home_mode" doc:"mode of a home directory that is made, such as \"0750\""`
	Skeleton     string        `lua:"skeleton" doc:"directory whose files a new home directory gets; default: /usr/share/skel"`
	Shell        string        `lua:"shell" doc:"login shell by its path; default: as it is, or /bin/sh"`
	Expire       string        `lua:"expire" doc:"when the account ends: 2026-12-31, a time, or never"`
	PasswordHash effect.Secret `lua:"password_hash" doc:"password as crypt(3) stores it"`
	Password     effect.Secret `lua:"password" doc:"password as it is typed; set only where the account has none, since nobody can compare it"`
	Locked       *bool         `lua:"locked" doc:"true: no password opens the account, whatever it is; keys still do"`
}

// Ensured is what Ensure came to.
type Ensured struct {
	Changed bool   `lua:"changed" doc:"the account is, or in check mode would be, different now"`
	UID     int    `lua:"uid,produced" doc:"number"`
	GID     int    `lua:"gid,produced" doc:"number of the first group"`
	Home    string `lua:"home" doc:"home directory"`
}

var (
	classForm   = lazyregexp.New(`^[A-Za-z0-9_-]*$`)
	commentForm = lazyregexp.New(`^[^:\x00-\x1f\x7f]*$`)
	pathForm    = lazyregexp.New(`^/[^:\x00-\x1f\x7f]*$`)
	modeForm    = lazyregexp.New(`^0?[0-7]{3}$`)
	hashForm    = lazyregexp.New(`^[^:\s]+$`)
)

// check refuses what pw(8) would, and what it would take in another sense.
func (a EnsureArgs) check(op string) error {
	groups := slices.Clone(a.Groups)
	if a.Group != "" {
		groups = append(groups, a.Group)
	}
	for _, name := range groups {
		if err := group.CheckName(op, "group", name); err != nil {
			return err
		}
	}
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	hash, password := a.PasswordHash.Reveal(), a.Password.Reveal()
	switch {
	case a.UID != nil && *a.UID < 0:
		return effect.Errorf(effect.Invalid, op, "%d is no number of a user", *a.UID)
	case !classForm.MatchString(text(a.Class)):
		return effect.Errorf(effect.Invalid, op, "%q is no login class", *a.Class)
	case !commentForm.MatchString(text(a.Comment)):
		return effect.Errorf(effect.Invalid, op, "the comment %q holds a character that passwd(5) has no room for", *a.Comment)
	case a.Home != "" && !pathForm.MatchString(a.Home), a.Skeleton != "" && !pathForm.MatchString(a.Skeleton):
		return effect.Errorf(effect.Invalid, op, "home and skeleton are absolute paths without a colon")
	case a.Shell != "" && !pathForm.MatchString(a.Shell):
		return effect.Errorf(effect.Invalid, op, "the shell %q is no absolute path", a.Shell)
	case a.HomeMode != "" && !modeForm.MatchString(a.HomeMode):
		return effect.Errorf(effect.Invalid, op, "the mode %q is not octal", a.HomeMode)
	case hash != "" && password != "":
		return effect.Errorf(effect.Invalid, op, "password and password_hash exclude each other")
	case hash != "" && !hashForm.MatchString(hash):
		return effect.Errorf(effect.Invalid, op, "the hash holds a blank or a colon")
	case strings.ContainsAny(password, "\r\n\x00"):
		return effect.Errorf(effect.Invalid, op, "the password holds a line end")
	}
	_, err := expiry(op, a.Expire)
	return err
}

// expiry reads when an account ends; nil is never.
func expiry(op, text string) (*time.Time, error) {
	if text == "" || text == "never" {
		return nil, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil && t.Unix() > 0 {
			t = t.UTC()
			return &t, nil
		}
	}
	return nil, effect.Errorf(effect.Invalid, op, "expire %q is no day such as 2026-12-31, no time, and not never", text)
}

// Ensure makes an account, or changes what of it differs.
func Ensure(ctx context.Context, h effect.Doer, a EnsureArgs) (Ensured, error) {
	const op = "user.ensure"
	if err := a.check(op); err != nil {
		return Ensured{}, err
	}
	is, err := look(ctx, h, op, a.Name)
	if err != nil {
		return Ensured{}, err
	}
	c := change{op: op, args: a, is: is}
	if err := c.decide(ctx, h); err != nil {
		return Ensured{}, err
	}
	if err := c.refuseLockout(); err != nil {
		return Ensured{}, err
	}
	if err := c.refuseMissing(ctx, h); err != nil {
		return Ensured{}, err
	}
	done := Ensured{UID: c.to.UID, GID: c.to.GID, Home: c.to.Home}
	skipped, err := c.carryOut(ctx, h)
	done.Changed = c.changed
	if err != nil || skipped || !c.changed {
		return done, err
	}
	now, err := look(ctx, h, op, a.Name)
	if err != nil {
		return done, err
	}
	done.UID, done.GID = now.UID, now.GID
	return done, c.verify(now)
}

// change is the way from one state of an account to another.
type change struct {
	op       string
	args     EnsureArgs
	is, to   state
	options  []string // of pw useradd and usermod
	password bool     // feed pw the password, or its hash
	changed  bool
}

// decide finds what differs.
func (c *change) decide(ctx context.Context, h effect.Doer) error {
	a := c.args
	c.to = c.is
	c.to.exists, c.to.Groups = true, slices.Clone(c.is.Groups)
	if !c.is.exists {
		c.to.UID, c.to.GID, c.to.Group = unknown, unknown, a.Name
		c.to.Home, c.to.Shell, c.to.Comment, c.to.Password = "/home/"+a.Name, "/bin/sh", "User &", "none"
	}
	if a.UID != nil && (!c.is.exists || *a.UID != c.is.UID) {
		if c.is.exists && c.is.UID == unknown {
			return effect.ErrUnknown
		}
		c.to.UID = *a.UID
		c.options = append(c.options, "-u", strconv.Itoa(*a.UID))
	}
	if a.Group != "" && (!c.is.exists || a.Group != c.is.Group) {
		c.to.Group, c.to.GID = a.Group, gidOf(c.is.groups, a.Group)
		c.options = append(c.options, "-g", a.Group)
	}
	c.decideGroups()
	c.text("-L", a.Class, &c.to.Class)
	c.text("-c", a.Comment, &c.to.Comment)
	c.path("-d", a.Home, &c.to.Home)
	c.path("-s", a.Shell, &c.to.Shell)
	if a.Expire != "" {
		expire, err := expiry(c.op, a.Expire)
		if err != nil {
			return err
		}
		if seconds(expire) != seconds(c.is.Expire) {
			c.to.Expire = expire
			c.options = append(c.options, "-e", seconds(expire))
		}
	}
	c.decideHome()
	return c.decidePassword(ctx, h)
}

func gidOf(groups []group.Group, name string) int {
	for _, g := range groups {
		if g.Name == name {
			return g.GID
		}
	}
	return unknown
}

func (c *change) text(option string, wanted *string, to *string) {
	if wanted != nil && (!c.is.exists || *wanted != *to) {
		*to = *wanted
		c.options = append(c.options, option, *wanted)
	}
}

// path is text for what no one makes empty; a new account is told all of them,
// since pw.conf(5) may have another default.
func (c *change) path(option, wanted string, to *string) {
	if wanted == "" {
		wanted = *to
	}
	if !c.is.exists || wanted != *to {
		*to = wanted
		c.options = append(c.options, option, wanted)
	}
}

func (c *change) decideGroups() {
	if c.args.Groups == nil {
		return
	}
	wanted := []string{}
	if c.args.Append {
		wanted = slices.Clone(c.is.Groups)
	}
	for _, name := range c.args.Groups {
		if !slices.Contains(wanted, name) {
			wanted = append(wanted, name)
		}
	}
	same := len(wanted) == len(c.is.Groups) && !slices.ContainsFunc(wanted, func(g string) bool { return !slices.Contains(c.is.Groups, g) })
	if c.is.exists && same {
		return
	}
	c.to.Groups = wanted
	if c.is.exists || len(wanted) > 0 {
		c.options = append(c.options, "-G", strings.Join(wanted, ","))
	}
}

func (c *change) decideHome() {
	a := c.args
	if a.CreateHome != nil && !*a.CreateHome || c.to.Home == "/nonexistent" {
		return
	}
	if c.is.exists && c.is.home && c.to.Home == c.is.Home {
		return
	}
	c.to.home, c.to.fresh = true, true
	c.options = append(c.options, "-m")
	if a.HomeMode != "" {
		c.options = append(c.options, "-M", a.HomeMode)
	}
	if a.Skeleton != "" {
		c.options = append(c.options, "-k", a.Skeleton)
	}
}

// secret is what pw(8) is fed.
func (c *change) secret() string {
	if hash := c.args.PasswordHash.Reveal(); hash != "" {
		return hash
	}
	return c.args.Password.Reveal()
}

func (c *change) decidePassword(ctx context.Context, h effect.Doer) error {
	hash, password := c.args.PasswordHash.Reveal(), c.args.Password.Reveal()
	switch {
	case hash != "":
		same := false
		if c.is.exists {
			var err error
			if same, err = hasHash(ctx, h, c.op, c.args.Name, hash); err != nil {
				return err
			}
		}
		c.password = !same
	case password != "":
		c.password = !c.is.exists || c.is.Password == "none" || c.is.Password == "empty"
	}
	switch {
	case c.password:
		c.to.Password, c.to.Locked = "set", false
	case !c.is.exists:
		c.options = append(c.options, "-w", "no")
	}
	if c.args.Locked != nil {
		c.to.Locked = *c.args.Locked
	} else if c.is.Locked {
		c.to.Locked = true // a new password does not open it
	}
	return nil
}

// hashScript compares a hash on the host, so that it stays there.
const hashScript = `IFS= read -r wanted
line=$(/usr/sbin/pw usershow -n "$1") || exit
rest=${line#*:}
hash=${rest%%:*}
hash=${hash#'*LOCKED*'}
[ "$hash" = "$wanted" ] && echo same || echo other`

func hashResource(name string) effect.Resource { return effect.Resource("password:" + name) }

// digest stands for a hash where it may be kept.
func digest(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return hex.EncodeToString(sum[:])
}

// hasHash tells whether an account's password has a hash already.
func hasHash(ctx context.Context, h effect.Doer, op, name, hash string) (bool, error) {
	res, err := group.Run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Title: "compare the password of " + name,
		Argv: []string{"/bin/sh", "-c", hashScript, "hash", name}, Stdin: strings.NewReader(hash + "\n"),
		Reads: []effect.Resource{hashResource(name)},
		Answer: func(leaves map[effect.Resource]string) (effect.Result, bool) {
			word := "other"
			if leaves[hashResource(name)] == digest(hash) {
				word = "same"
			}
			return effect.Result{Stdout: effect.OutputOf([]byte(word + "\n"))}, true
		},
	})
	if err != nil {
		return false, err
	}
	word, err := res.Line()
	return word == "same", err
}

// refuseLockout stops a change that would keep us ourselves from coming back.
func (c *change) refuseLockout() error {
	if c.args.Name != c.is.self || !c.is.exists {
		return nil
	}
	why := ""
	switch {
	case c.to.Locked && !c.is.Locked:
		why = "would lock it"
	case c.to.Shell != c.is.Shell && (strings.HasSuffix(c.to.Shell, "/nologin") || c.to.Shell == "/usr/bin/false"):
		why = "would take its shell"
	case c.to.Expire != nil && seconds(c.to.Expire) != seconds(c.is.Expire):
		why = "would let it expire"
	default:
		return nil
	}
	return effect.WithHint(effect.Errorf(effect.Failed, c.op, "we have logged in as %s, and this %s", c.args.Name, why),
		"do it as somebody else")
}

// refuseMissing stops before pw(8) has done half: groups that are not there, and
// a shell that nobody could run.
func (c *change) refuseMissing(ctx context.Context, h effect.Doer) error {
	for _, name := range append(slices.Clone(c.to.Groups), c.args.Group) {
		if name == "" || slices.ContainsFunc(c.is.groups, func(g group.Group) bool { return g.Name == name }) {
			continue
		}
		g, err := group.Look(ctx, h, c.op, name)
		if err != nil {
			return err
		}
		if !g.Exists {
			return effect.WithHint(effect.Errorf(effect.Missing, c.op, "there is no group %s", name), "h.group.ensure(%q) makes it", name)
		}
		if name == c.args.Group {
			c.to.GID = g.GID
		}
	}
	own := slices.IndexFunc(c.is.groups, func(g group.Group) bool { return g.Name == c.args.Name })
	if !c.is.exists && c.args.Group == "" && own >= 0 && len(c.is.groups[own].Members) > 0 {
		return effect.WithHint(effect.Errorf(effect.Failed, c.op, "the group %s has members already", c.args.Name),
			"say with group= that it is to be the first group")
	}
	if err := c.refuseTaken(ctx, h); err != nil {
		return err
	}
	if c.args.Shell == "" || c.to.Shell == c.is.Shell {
		return nil
	}
	res, err := h.Do(ctx, effect.Effect{
		Op: c.op, Kind: effect.Read, Argv: []string{"/bin/test", "-x", c.args.Shell}, Want: []int{0, 1},
		Reads: []effect.Resource{effect.File(c.args.Shell)},
	})
	switch {
	case effect.KindOf(err) == effect.Unknown:
		return nil // it may come with a package; the real run looks again
	case err != nil:
		return err
	case res.Code != 0:
		return effect.WithHint(effect.Errorf(effect.Missing, c.op, "there is no shell %s", c.args.Shell), "install it first: h.pkg.install")
	}
	return nil
}

// refuseTaken stops a number that another account has: pw usermod would give it
// twice.
func (c *change) refuseTaken(ctx context.Context, h effect.Doer) error {
	if c.args.UID == nil || !c.is.exists || c.to.UID == c.is.UID {
		return nil
	}
	res, err := group.Run(ctx, h, effect.Effect{
		Op: c.op, Kind: effect.Read, Argv: []string{"/usr/sbin/pw", "usershow", "-7", "-u", strconv.Itoa(c.to.UID)}, Want: []int{0, noUser},
		Reads: []effect.Resource{"user"},
	})
	switch {
	case effect.KindOf(err) == effect.Unknown:
		return nil // the real run looks again
	case err != nil || res.Code == noUser:
		return err
	}
	line, err := res.Line()
	if err != nil {
		return err
	}
	other, _, _ := strings.Cut(line, ":")
	return effect.Errorf(effect.Failed, c.op, "the number %d is that of %s", c.to.UID, other)
}

// verify tells what pw(8) has left undone without a word, such as another first
// group for root.
func (c *change) verify(now state) error {
	want, got := c.to, now
	sorted := func(list []string) string { return strings.Join(slices.Sorted(slices.Values(list)), " ") }
	for _, f := range []struct{ name, want, got string }{
		{"group", want.Group, got.Group},
		{"groups", sorted(want.Groups), sorted(got.Groups)},
		{"class", want.Class, got.Class},
		{"comment", want.Comment, got.Comment},
		{"home", want.Home, got.Home},
		{"shell", want.Shell, got.Shell},
		{"expire", seconds(want.Expire), seconds(got.Expire)},
		{"password", want.Password, got.Password},
		{"locked", strconv.FormatBool(want.Locked), strconv.FormatBool(got.Locked)},
	} {
		if f.want != f.got && (f.name != "comment" || c.args.Comment != nil) {
			return effect.Errorf(effect.Failed, c.op, "pw reported no error, but %s of %s is %q instead of %q", f.name, c.args.Name, f.got, f.want)
		}
	}
	if want.home && !got.home {
		return effect.Errorf(effect.Failed, c.op, "pw reported no error, but the home directory %s is not there", want.Home)
	}
	return nil
}

// carryOut makes the change; skipped tells that check mode did not.
func (c *change) carryOut(ctx context.Context, h effect.Doer) (skipped bool, err error) {
	verb := "usermod"
	if !c.is.exists {
		verb = "useradd"
	}
	argv := append([]string{"/usr/sbin/pw", verb, "-n", c.args.Name}, c.options...)
	stdin, locked := "", c.is.Locked
	if c.password {
		option := "-h"
		if c.args.PasswordHash.Reveal() != "" {
			option = "-H"
		}
		argv, locked = append(argv, option, "0"), false
		stdin = c.secret() + "\n"
		if option == "-H" && c.to.Locked && c.is.exists {
			// The mark is a part of the hash: not for a moment is it open.
			stdin, locked = "*LOCKED*"+stdin, true
		}
	}
	if !c.is.exists || len(c.options) > 0 || c.password {
		if skipped, err = c.do(ctx, h, argv, stdin); err != nil {
			return skipped, err
		}
	}
	if c.to.Locked == locked {
		return skipped, nil
	}
	verb = "unlock"
	if c.to.Locked {
		verb = "lock"
	}
	return c.do(ctx, h, []string{"/usr/sbin/pw", verb, c.args.Name}, "")
}

func (c *change) do(ctx context.Context, h effect.Doer, argv []string, stdin string) (skipped bool, err error) {
	e := effect.Effect{
		Op: c.op, Kind: effect.Change, Argv: argv, Writes: c.writes(),
		Leaves: map[effect.Resource]string{resource(c.args.Name): c.to.text()},
		Diff:   &effect.Diff{Path: "user " + c.args.Name, After: []byte(describe(c.to))},
	}
	if c.is.exists {
		e.Diff.Before = []byte(describe(c.is))
	}
	if stdin != "" {
		e.Stdin = strings.NewReader(stdin)
		e.Writes = append(e.Writes, hashResource(c.args.Name))
		if hash := c.args.PasswordHash.Reveal(); hash != "" {
			e.Leaves[hashResource(c.args.Name)] = digest(hash)
		}
	}
	if !c.is.exists && c.args.Group == "" {
		own := group.Group{Name: c.args.Name, GID: unknown}
		e.Leaves[group.Resource(own.Name)] = own.Line()
	}
	res, err := group.Run(ctx, h, e)
	c.changed = c.changed || err == nil
	return res.Skipped, err
}

func (c *change) writes() []effect.Resource {
	list := append(files(c.args.Name), group.Resource(c.args.Name))
	for _, name := range slices.Concat(c.is.Groups, c.to.Groups) {
		if slices.Contains(c.is.Groups, name) != slices.Contains(c.to.Groups, name) {
			list = append(list, group.Resource(name))
		}
	}
	if c.to.home && (!c.is.home || c.to.Home != c.is.Home) {
		list = append(list, effect.Tree(c.to.Home))
	}
	return list
}

// files are what every change of an account writes.
func files(name string) []effect.Resource {
	return []effect.Resource{
		resource(name), effect.File("/etc/master.passwd"), effect.File("/etc/passwd"), effect.File("/etc/group"),
	}
}

// describe shows an account to a person.
func describe(s state) string {
	var b strings.Builder
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	number := func(n int) string {
		if n == unknown {
			return "the next that is free"
		}
		return strconv.Itoa(n)
	}
	field("uid", number(s.UID))
	field("group", s.Group)
	field("groups", strings.Join(s.Groups, " "))
	field("class", s.Class)
	field("comment", s.Comment)
	field("home", s.Home)
	if s.Home != "/nonexistent" && !s.home {
		field("home directory", "missing")
	}
	field("shell", s.Shell)
	if s.Expire != nil {
		field("expire", s.Expire.Format(time.RFC3339))
	}
	field("password", s.Password)
	if s.Locked {
		field("locked", "yes")
	}
	return b.String()
}
