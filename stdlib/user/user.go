// Package user makes, changes, lists and removes accounts with pw(8), and keeps
// the keys they log in with. A password, or its hash, goes to pw's standard
// input alone, and no hash is ever read from a host.
package user

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/group"
)

// Account is a user.
type Account struct {
	Name     string     `lua:"name" doc:"login name"`
	UID      int        `lua:"uid" doc:"number"`
	Group    string     `lua:"group" doc:"first group, or its number where it has no name"`
	GID      int        `lua:"gid" doc:"number of the first group"`
	Groups   []string   `lua:"groups" doc:"other groups, in the order of group(5)"`
	Class    string     `lua:"class" doc:"login class; empty: default"`
	Comment  string     `lua:"comment" doc:"full name and the like (GECOS)"`
	Home     string     `lua:"home" doc:"home directory"`
	Shell    string     `lua:"shell" doc:"login shell; empty: /bin/sh"`
	Expire   *time.Time `lua:"expire" doc:"when the account ends, if ever"`
	Change   *time.Time `lua:"change" doc:"when the password has to be changed, if ever"`
	Locked   bool       `lua:"locked" doc:"locked: no password opens it; keys still do"`
	Password string     `lua:"password" doc:"set, none (no password opens it), empty (any does), or hidden from who is not root"`
}

// Details is an account that may not be there.
type Details struct {
	Exists  bool `lua:"exists" doc:"there is such a user; when false, only the name is set"`
	Account `lua:",inline"`
}

// NameArgs name a user.
type NameArgs struct {
	Name string `lua:"name,required" doc:"login name"`
}

// unknown is the number of a user or group that check mode would have made.
const unknown = -1

// noUser is pw's exit code for a user that is not there: EX_NOUSER.
const noUser = 67

// showScript shows accounts as pw(8) does, with a word instead of the hash: "$1"
// is one name, or without it all. Behind them come who we are and the groups.
const showScript = `show() {
	rest=${1#*:} locked=
	hash=${rest%%:*}
	case $hash in '*LOCKED*'*) locked='locked ' hash=${hash#'*LOCKED*'} ;; esac
	case $hash in '*'*) hash=none ;; '') hash=empty ;; *) hash=set ;; esac
	[ "$us" = 0 ] || locked= hash=hidden
	printf 'U %s\n' "${1%%:*}:$locked$hash:${rest#*:}"
}
us=$(id -u) code=0
if [ $# -gt 0 ]; then
	line=$(/usr/sbin/pw usershow -n "$1") || code=$?
	home=${line%:*}
	[ $code != 0 ] || show "$line"
	[ ! -d "${home##*:}" ] || echo H
else
	/usr/sbin/pw usershow -a | while IFS= read -r line; do show "$line"; done
fi
echo "S ${SUDO_USER:-${DOAS_USER:-$(logname 2>/dev/null || id -un)}}"
/usr/sbin/pw groupshow -a | sed 's/^/G /'
exit $code`

// state is what a look at one account tells.
type state struct {
	Account
	exists, home bool   // it, and its home directory, are there
	fresh        bool   // its home directory would have been made by a change that check mode skipped
	self         string // as whom we have logged in
	groups       []group.Group
}

func resource(name string) effect.Resource { return effect.Resource("user:" + name) }

// look reads one account. After changes that check mode skipped, numbers that
// only these would tell are negative.
func look(ctx context.Context, h effect.Doer, op, name string) (state, error) {
	none := state{Account: Account{Name: name, Groups: []string{}}}
	if err := group.CheckName(op, "user", name); err != nil {
		return none, err
	}
	res, err := group.Run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Title: "pw usershow -n " + name, Want: []int{0, noUser},
		Argv:  []string{"/bin/sh", "-c", showScript, "show", name},
		Reads: []effect.Resource{resource(name)},
		Answer: func(leaves map[effect.Resource]string) (effect.Result, bool) {
			left, ok := leaves[resource(name)]
			if left == "" {
				return effect.Result{Code: noUser}, ok
			}
			return effect.Result{Stdout: effect.OutputOf([]byte(left))}, ok
		},
	})
	if err != nil {
		return none, err
	}
	out, err := res.Text()
	if err != nil {
		return none, err
	}
	accounts, s := parse(out)
	if res.Code == noUser {
		s.Account = none.Account
		return s, nil
	}
	if len(accounts) != 1 || accounts[0].Name != name {
		return none, effect.Errorf(effect.Failed, op, "pw printed something else: %.80q", out)
	}
	s.Account, s.exists = accounts[0], true
	return s, nil
}

// parse reads the output of showScript.
func parse(out string) ([]Account, state) {
	var s state
	var accounts []Account
	var groups strings.Builder
	for line := range strings.Lines(out) {
		letter, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		switch letter {
		case "U":
			if a, ok := parseAccount(value); ok {
				accounts = append(accounts, a)
			}
		case "H":
			s.home, s.fresh = true, value == "fresh"
		case "S":
			s.self = value
		case "G":
			groups.WriteString(value + "\n")
		}
	}
	s.groups = group.Parse(groups.String())
	for i := range accounts {
		accounts[i].join(s.groups)
	}
	return accounts, s
}

// parseAccount reads a line of master.passwd(5) whose hash is a word.
func parseAccount(line string) (Account, bool) {
	f := strings.Split(line, ":")
	if len(f) != 10 || f[0] == "" {
		return Account{}, false
	}
	a := Account{Name: f[0], UID: number(f[2]), GID: number(f[3]), Class: f[4], Comment: f[7], Home: f[8], Shell: f[9], Groups: []string{}}
	a.Password, a.Locked = strings.CutPrefix(f[1], "locked ")
	a.Change, a.Expire = moment(f[5]), moment(f[6])
	return a, true
}

func number(text string) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return unknown
}

// moment reads a time of master.passwd(5); 0 is never.
func moment(text string) *time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return nil
	}
	t := time.Unix(n, 0).UTC()
	return &t
}

func seconds(t *time.Time) string {
	if t == nil {
		return "0"
	}
	return strconv.FormatInt(t.Unix(), 10)
}

// join finds the groups that an account is in.
func (a *Account) join(groups []group.Group) {
	a.Group = strconv.Itoa(a.GID)
	if a.GID == unknown {
		a.Group = a.Name // the one that pw(8) makes along
	}
	named := false
	for _, g := range groups {
		if g.GID == a.GID && !named {
			a.Group, named = g.Name, true
		}
		if slices.Contains(g.Members, a.Name) {
			a.Groups = append(a.Groups, g.Name)
		}
	}
}

// text is the state in the form of showScript, for check mode.
func (s state) text() string {
	number := func(n int) string {
		if n == unknown {
			return "?"
		}
		return strconv.Itoa(n)
	}
	word := s.Password
	if s.Locked {
		word = "locked " + word
	}
	var b strings.Builder
	fmt.Fprintf(&b, "U %s:%s:%s:%s:%s:%s:%s:%s:%s:%s\n", s.Name, word, number(s.UID), number(s.GID), s.Class,
		seconds(s.Change), seconds(s.Expire), s.Comment, s.Home, s.Shell)
	switch {
	case s.fresh:
		b.WriteString("H fresh\n")
	case s.home:
		b.WriteString("H\n")
	}
	fmt.Fprintf(&b, "S %s\n", s.self)
	for _, g := range s.groups {
		in := slices.Contains(s.Groups, g.Name)
		g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(m string) bool { return m == s.Name })
		if in {
			g.Members = append(g.Members, s.Name)
		}
		b.WriteString("G " + g.Line() + "\n")
	}
	// Groups of changes that were skipped, too.
	other := func(name string, gid int, members ...string) {
		if !slices.ContainsFunc(s.groups, func(g group.Group) bool { return g.Name == name }) {
			b.WriteString("G " + group.Group{Name: name, GID: gid, Members: members}.Line() + "\n")
		}
	}
	if s.GID != unknown {
		other(s.Group, s.GID)
	}
	for _, name := range s.Groups {
		if name != s.Group {
			other(name, unknown-1, s.Name)
		}
	}
	return b.String()
}

// Get tells of one user.
func Get(ctx context.Context, h effect.Doer, a NameArgs) (Details, error) {
	s, err := look(ctx, h, "user.get", a.Name)
	if err == nil && s.exists && (s.UID == unknown || s.GID == unknown) {
		err = effect.ErrUnknown
	}
	return Details{Exists: s.exists, Account: s.Account}, err
}

// List lists the users, sorted by number.
func List(ctx context.Context, h effect.Doer) ([]Account, error) {
	res, err := group.Run(ctx, h, effect.Effect{
		Op: "user.list", Kind: effect.Read, Title: "pw usershow -a",
		Argv:  []string{"/bin/sh", "-c", showScript, "show"},
		Reads: []effect.Resource{"user", "group"},
	})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	list, _ := parse(out)
	slices.SortStableFunc(list, func(a, b Account) int { return a.UID - b.UID })
	return list, nil
}
