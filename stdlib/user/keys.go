package user

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
)

// KeysArgs are the arguments of AuthorizedKeys.
type KeysArgs struct {
	Name      string   `lua:"name,required" doc:"login name"`
	Keys      []string `lua:"keys,required" doc:"public keys that may log in, each as a line of sshd(8): options, type, key, comment"`
	Remove    []string `lua:"remove" doc:"public keys that may not; comments and options do not matter"`
	Exclusive bool     `lua:"exclusive" doc:"remove all other keys, too"`
}

// KeysChanged is what AuthorizedKeys came to.
type KeysChanged struct {
	Changed bool   `lua:"changed" doc:"the file is, or in check mode would be, different now"`
	Path    string `lua:"path" doc:"the file"`
}

// typeForm is the type of a public key, or of a certificate's authority.
var typeForm = lazyregexp.New(`^(ssh-(rsa|dss|ed25519)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)$`)

// key is a line of authorized_keys.
type key struct {
	line string // without blanks around it
	id   string // type and key, whatever options and comment are
}

// parseKey reads a line of authorized_keys; ok is false for a comment and for
// what sshd(8) would not take.
func parseKey(line string) (k key, ok bool) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' || strings.ContainsAny(line, "\n\x00") {
		return key{}, false
	}
	words := words(line)
	for n := range min(2, len(words)-1) { // options may come first
		if typeForm.MatchString(words[n]) && isKey(words[n], words[n+1]) {
			return key{line: line, id: words[n] + " " + words[n+1]}, true
		}
	}
	return key{}, false
}

// words divides a line at blanks that no quotes enclose.
func words(line string) []string {
	var list []string
	quoted, escaped := false, false
	word := strings.Builder{}
	for _, c := range line {
		switch {
		case !quoted && (c == ' ' || c == '\t'):
			if word.Len() > 0 {
				list = append(list, word.String())
				word.Reset()
			}
			continue
		case c == '"' && !escaped:
			quoted = !quoted
		}
		escaped = c == '\\' && !escaped
		word.WriteRune(c)
	}
	if word.Len() > 0 {
		list = append(list, word.String())
	}
	return list
}

// isKey tells whether base64 text holds a key of a type, which it names itself.
func isKey(kind, text string) bool {
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(blob) < 4 {
		return false
	}
	n := binary.BigEndian.Uint32(blob)
	return int64(n) == int64(len(kind)) && len(blob) > 4+len(kind) && string(blob[4:4+n]) == kind
}

// parseKeys reads the keys that a person gives.
func parseKeys(op string, lines []string) ([]key, error) {
	var list []key
	for _, line := range lines {
		k, ok := parseKey(line)
		if !ok {
			return nil, effect.Errorf(effect.Invalid, op, "this is no public key: %.60q", line)
		}
		list = append(list, k)
	}
	return list, nil
}

// AuthorizedKeys keeps the keys that a user may log in with.
func AuthorizedKeys(ctx context.Context, h effect.Doer, a KeysArgs) (KeysChanged, error) {
	const op = "user.authorized_keys"
	wanted, err := parseKeys(op, a.Keys)
	if err != nil {
		return KeysChanged{}, err
	}
	unwanted, err := parseKeys(op, a.Remove)
	if err != nil {
		return KeysChanged{}, err
	}
	for _, k := range unwanted {
		if slices.ContainsFunc(wanted, func(w key) bool { return w.id == k.id }) {
			return KeysChanged{}, effect.Errorf(effect.Invalid, op, "a key is both wanted and to be removed: %.60q", k.line)
		}
	}
	is, err := look(ctx, h, op, a.Name)
	if err != nil {
		return KeysChanged{}, err
	}
	switch {
	case !is.exists:
		return KeysChanged{}, effect.WithHint(effect.Errorf(effect.Missing, op, "there is no user %s", a.Name), "h.user.ensure makes it")
	case !path.IsAbs(is.Home) || is.Home == "/nonexistent":
		return KeysChanged{}, effect.Errorf(effect.Failed, op, "%s has no home directory", a.Name)
	case !is.home:
		return KeysChanged{}, effect.WithHint(effect.Errorf(effect.Missing, op, "the home directory %s is not there", is.Home), "h.user.ensure makes it")
	case a.Exclusive && len(wanted) == 0 && a.Name == is.self:
		return KeysChanged{}, effect.Errorf(effect.Failed, op, "we have logged in as %s: some key has to stay", a.Name)
	}
	f := keysFile{op: op, account: is.Account, dir: path.Join(is.Home, ".ssh")}
	if is.fresh {
		return f.foretell(ctx, h, edit("", wanted, unwanted, a.Exclusive))
	}
	return f.put(ctx, h, func(before string) string { return edit(before, wanted, unwanted, a.Exclusive) })
}

// edit makes the keys of a file those that are wanted. Comments, and other keys
// where they may stay, are kept byte for byte.
func edit(before string, wanted, unwanted []key, exclusive bool) string {
	var after strings.Builder
	has := func(list []key, k key) int { return slices.IndexFunc(list, func(w key) bool { return w.id == k.id }) }
	done := make([]bool, len(wanted))
	for line := range strings.Lines(before) {
		k, ok := parseKey(line)
		at := -1
		if ok {
			at = has(wanted, k)
		}
		switch {
		case !ok, at < 0 && !exclusive && has(unwanted, k) < 0:
			after.WriteString(line)
		case at >= 0 && !done[at]:
			done[at] = true
			if k.line == wanted[at].line {
				after.WriteString(line)
			} else {
				after.WriteString(wanted[at].line + "\n")
			}
		}
	}
	text := after.String()
	if text != "" && !strings.HasSuffix(text, "\n") && slices.Contains(done, false) {
		text += "\n"
	}
	for i, k := range wanted {
		if !done[i] && has(wanted, k) == i {
			text += k.line + "\n"
		}
	}
	return text
}

// keysFile is the file of an account's keys.
type keysFile struct {
	op      string
	account Account
	dir     string
}

func (f keysFile) path() string { return path.Join(f.dir, "authorized_keys") }

// group is by number, where that is known: a group need not have the user's name.
func (f keysFile) group() string {
	if f.account.GID == unknown {
		return f.account.Group
	}
	return strconv.Itoa(f.account.GID)
}

// put edits the file and sees to it that sshd(8) trusts it: the directory and
// the file belong to the user and nobody else may write them.
func (f keysFile) put(ctx context.Context, h effect.Doer, edit func(string) string) (KeysChanged, error) {
	done := KeysChanged{Path: f.path()}
	before, err := f.read(ctx, h)
	if err != nil {
		return done, err
	}
	after := edit(string(before))
	if after == "" && before == nil {
		return done, nil
	}
	made, err := file.Mkdir(ctx, h, file.MkdirArgs{Path: f.dir, Mode: "0700", Owner: f.account.Name, Group: f.group()})
	done.Changed = made.Changed
	if err != nil {
		return done, err
	}
	put, err := file.PutAs(ctx, h, f.op, file.PutArgs{
		Path: f.path(), Content: binding.Content{Data: []byte(after)}, Mode: "0600", Owner: f.account.Name, Group: f.group(),
	})
	done.Changed = done.Changed || put.Changed
	return done, err
}

// foretell is put into a home directory that check mode did not make: nothing is
// there to be looked at.
func (f keysFile) foretell(ctx context.Context, h effect.Doer, after string) (KeysChanged, error) {
	if after == "" {
		return KeysChanged{Path: f.path()}, nil
	}
	dirMode, mode := fs.FileMode(0o700), fs.FileMode(0o600)
	for _, op := range []*effect.FileOp{
		{Verb: effect.FileMkdir, Path: f.dir, Mode: &dirMode},
		{Verb: effect.FilePut, Path: f.path(), Data: []byte(after), Mode: &mode},
	} {
		op.Owner, op.Group = f.account.Name, f.group()
		_, err := h.Do(ctx, effect.Effect{
			Op: f.op, Kind: effect.Change, File: op, Writes: []effect.Resource{effect.Tree(f.dir)},
			Diff: &effect.Diff{Path: op.Path, After: op.Data},
		})
		if err != nil {
			return KeysChanged{Path: f.path()}, err
		}
	}
	return KeysChanged{Changed: true, Path: f.path()}, nil
}

// read gets the file; nil says that there is none. What the user owns may point
// elsewhere: a link is never followed, since root would write where it leads.
func (f keysFile) read(ctx context.Context, h effect.Doer) ([]byte, error) {
	for _, at := range []string{f.dir, f.path()} {
		res, err := h.Do(ctx, effect.Effect{
			Op: f.op, Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileLstat, Path: at}, Reads: []effect.Resource{effect.File(at)},
		})
		switch {
		case err != nil:
			return nil, err
		case res.Info == nil:
			return nil, nil
		case res.Info.Type == "link":
			return nil, effect.Errorf(effect.Denied, f.op, "%s is a symbolic link: what it leads to is left alone", at)
		}
	}
	res, err := h.Do(ctx, effect.Effect{
		Op: f.op, Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileGet, Path: f.path()}, Reads: []effect.Resource{effect.File(f.path())},
	})
	if err != nil {
		return nil, err
	}
	return append([]byte{}, res.Data...), nil
}
