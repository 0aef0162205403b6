package poudriere

import (
	"context"
	"fmt"
	"path"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/shellvars"
)

// RepoSignArgs say with what repositories are signed.
type RepoSignArgs struct {
	Key      string        `lua:"key" doc:"path of the private key on the host; made where there is none" default:"/usr/local/etc/ssl/keys/poudriere.key"`
	Content  effect.Secret `lua:"content" doc:"the private key (PEM) instead of a new one"`
	Jail     string        `lua:"jail" doc:"sign this jail's repository anew at once"`
	Tree     string        `lua:"tree" doc:"the ports tree" default:"default"`
	Set      string        `lua:"set" doc:"the set"`
	Bits     int           `lua:"bits" doc:"size of a new key" default:"4096"`
	Generate bool          `lua:"generate" doc:"make a key where there is none" default:"true"`
}

// Signed tells with what repositories are signed.
type Signed struct {
	Changed   bool   `lua:"changed"`
	Key       string `lua:"key" doc:"path of the private key"`
	Pubkey    string `lua:"pubkey" doc:"path of the public key"`
	PublicPEM string `lua:"public,produced" doc:"the public key, for the clients"`
	Resigned  string `lua:"resigned,omitempty" doc:"the repository that was signed anew"`
}

// RepoSign makes builds sign their repository: a key, its public half, and the
// setting.
func RepoSign(ctx context.Context, h effect.Doer, a RepoSignArgs) (Signed, error) {
	const op = "poudriere.repo.sign"
	done := Signed{Key: a.Key, Pubkey: strings.TrimSuffix(a.Key, ".key") + ".pub"}
	if err := checkPath(op, "key", a.Key); err != nil {
		return done, err
	}
	if a.Bits < 2048 {
		return done, invalid(op, "a key of %d bits is too weak", a.Bits)
	}
	c, err := needConf(ctx, h, op)
	if err != nil {
		return done, err
	}
	made, err := a.ensureKey(ctx, h, op)
	if err != nil {
		return done, err
	}
	derived, err := a.ensurePublic(ctx, h, op, done.Pubkey, made)
	if err != nil {
		return done, err
	}
	src, err := shellvars.Edit(c.src, []shellvars.Change{shellvars.Set("PKG_REPO_SIGNING_KEY", a.Key)})
	if err != nil {
		return done, effect.Errorf(effect.Failed, op, "%s: %v", c.path, err)
	}
	put, err := file.PutAs(ctx, h, op, file.PutArgs{Path: c.path, Content: binding.Content{Data: src}, Validate: []string{"sh", "-n", "%s"}})
	if err != nil {
		return done, err
	}
	done.Changed = made || derived || put.Changed
	if a.Jail != "" && done.Changed {
		if done.Resigned, err = a.resign(ctx, h, op); err != nil {
			return done, err
		}
	}
	public, _, err := file.Content(ctx, h, op, done.Pubkey)
	if unknown(err) {
		err = nil
	}
	done.PublicPEM = string(public)
	return done, err
}

// ensureKey has the private key in place, readable by root alone.
func (a RepoSignArgs) ensureKey(ctx context.Context, h effect.Doer, op string) (bool, error) {
	if _, err := file.MkdirAs(ctx, h, op, file.MkdirArgs{Path: path.Dir(a.Key)}); err != nil {
		return false, err
	}
	if a.Content.Reveal() != "" {
		put, err := file.PutAs(ctx, h, op, file.PutArgs{
			Path: a.Key, Mode: "0400", Content: binding.Content{Data: []byte(strings.TrimRight(a.Content.Reveal(), "\n") + "\n"), Secret: true},
			Validate: []string{"openssl", "pkey", "-noout", "-in", "%s"},
		})
		return put.Changed, err
	}
	info, err := file.StatAs(ctx, h, op, a.Key)
	if err != nil || info != nil {
		return false, err
	}
	if !a.Generate {
		missing := effect.Errorf(effect.Missing, op, "there is no key %s", a.Key)
		missing.Hint = "give it as content=, or let generate=true make one"
		return false, missing
	}
	_, err = h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Change, Env: environment(), Title: "openssl genrsa -out " + a.Key + " " + decimal(a.Bits),
		Argv:   []string{"sh", "-c", `umask 077 && openssl genrsa -out "$1.new" "$2" 2>/dev/null && chmod 0400 "$1.new" && mv "$1.new" "$1"`, "sh", a.Key, decimal(a.Bits)},
		Writes: []effect.Resource{effect.File(a.Key)}, Diff: &effect.Diff{Path: a.Key, Note: "make a key of " + decimal(a.Bits) + " bits"},
	})
	return err == nil, err
}

// ensurePublic has the public half beside the key.
func (a RepoSignArgs) ensurePublic(ctx context.Context, h effect.Doer, op, public string, fresh bool) (bool, error) {
	info, err := file.StatAs(ctx, h, op, public)
	if err != nil || info != nil && !fresh {
		return false, err
	}
	_, err = h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Change, Env: environment(),
		Argv:   []string{"openssl", "rsa", "-in", a.Key, "-pubout", "-out", public},
		Reads:  []effect.Resource{effect.File(a.Key)},
		Writes: []effect.Resource{effect.File(public)}, Diff: &effect.Diff{Path: public, Note: "derive the public key"},
	})
	return err == nil, err
}

// resign makes the catalogue of the repository that is there anew.
func (a RepoSignArgs) resign(ctx context.Context, h effect.Doer, op string) (string, error) {
	p, err := locate(ctx, h, op, a.Jail, a.Tree, a.Set)
	if err != nil {
		return "", err
	}
	repo := path.Join(p.packages(), ".latest")
	info, err := file.StatAs(ctx, h, op, repo)
	if err != nil || info == nil {
		return "", err
	}
	_, err = do(ctx, h, effect.Effect{
		Op: op, Kind: effect.Change, Env: environment(), Argv: []string{"pkg", "repo", repo, a.Key},
		Reads:  []effect.Resource{effect.File(a.Key), effect.Tree(repo)},
		Writes: []effect.Resource{effect.Tree(repo)}, Diff: &effect.Diff{Path: repo, Note: "sign the repository"},
	})
	return repo, err
}

// RepoPublishArgs say where a repository goes.
type RepoPublishArgs struct {
	Jail     string `lua:"jail,required" doc:"the jail"`
	To       string `lua:"to,required" doc:"path where clients or a web server find it; replaced in one step"`
	Tree     string `lua:"tree" doc:"the ports tree" default:"default"`
	Set      string `lua:"set" doc:"the set"`
	Keep     int    `lua:"keep" doc:"so many earlier copies stay" default:"1"`
	RepoConf string `lua:"repo_conf" doc:"name of a repository for this host's own pkg, written to /usr/local/etc/pkg/repos"`
	URL      string `lua:"url" doc:"address of the repository for clients; default: file: and the path"`
	Pubkey   string `lua:"pubkey" doc:"path of the public key on the clients, for a signed repository"`
	Priority int    `lua:"priority" doc:"of the repository among others"`
}

// Published tells what was published.
type Published struct {
	Changed bool   `lua:"changed"`
	To      string `lua:"to"`
	Source  string `lua:"source" doc:"the state of the repository that is published"`
	Conf    string `lua:"conf" doc:"what clients put into /usr/local/etc/pkg/repos"`
}

// publishScript copies a repository beside its place, hard links where the file
// system allows, and lets a symbolic link point there in one step.
const publishScript = `set -e
from=$1
to=$2
name=$3
keep=$4
copy=$to.d/$name
mkdir -p "$to.d"
rm -rf "$copy.new"
cp -al "$from/" "$copy.new" 2>/dev/null || { rm -rf "$copy.new"; cp -Rp "$from/" "$copy.new"; }
printf '%s\n' "$name" >"$copy.new/.bsdrun-published"
rm -rf "$copy"
mv "$copy.new" "$copy"
if [ -d "$to" ] && [ ! -L "$to" ]; then
	rmdir "$to"
fi
ln -sfn "${to##*/}.d/$name" "$to.new"
mv -fh "$to.new" "$to" 2>/dev/null || mv -fT "$to.new" "$to"
ls -1t "$to.d" | grep -v -x -F "$name" | tail -n +"$((keep + 1))" | while read -r old; do rm -rf "$to.d/$old"; done`

// RepoPublish copies the last state of a package repository to where clients
// find it. A state that is published already is left alone.
func RepoPublish(ctx context.Context, h effect.Doer, a RepoPublishArgs) (Published, error) {
	const op = "poudriere.repo.publish"
	done := Published{To: a.To}
	if err := checkPath(op, "to", a.To); err != nil {
		return done, err
	}
	if a.RepoConf != "" {
		if err := checkName(op, "repository", treeName, a.RepoConf); err != nil {
			return done, err
		}
	}
	p, err := locate(ctx, h, op, a.Jail, a.Tree, a.Set)
	if err != nil {
		return done, err
	}
	if done.Source, err = latestState(ctx, h, op, p); err != nil {
		return done, err
	}
	name := path.Base(done.Source)
	now, _, err := file.Content(ctx, h, op, path.Join(a.To, ".bsdrun-published"))
	if err != nil {
		return done, err
	}
	done.Conf = a.conf(p)
	if strings.TrimSpace(string(now)) != p.master()+name {
		_, err = h.Do(ctx, effect.Effect{
			Op: op, Kind: effect.Change, Env: environment(), Title: "publish " + done.Source + " at " + a.To,
			Argv:   []string{"sh", "-c", publishScript, "sh", done.Source, a.To, p.master() + name, decimal(max(a.Keep, 0))},
			Reads:  []effect.Resource{effect.Tree(done.Source)},
			Writes: []effect.Resource{effect.Tree(a.To), effect.Tree(a.To + ".d"), effect.File(a.To)},
			Diff:   &effect.Diff{Path: a.To, Note: "publish " + done.Source},
		})
		if err != nil {
			return done, err
		}
		done.Changed = true
	}
	if a.RepoConf == "" {
		return done, nil
	}
	put, err := file.PutAs(ctx, h, op, file.PutArgs{
		Path: path.Join("/usr/local/etc/pkg/repos", a.RepoConf+".conf"), Content: binding.Content{Data: []byte(done.Conf)},
	})
	done.Changed = done.Changed || put.Changed
	return done, err
}

var realState = lazyregexp.New(`^\.real_\d+$`)

// latestState is the folder that holds the repository's last state:
// packages/NAME/.latest names .real_EPOCH. Without
// ATOMIC_PACKAGE_REPOSITORY it is packages/NAME itself.
func latestState(ctx context.Context, h effect.Doer, op string, p place) (string, error) {
	latest := path.Join(p.packages(), ".latest")
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileLstat, Path: latest}, Reads: []effect.Resource{effect.Tree(p.packages())},
	})
	if err != nil {
		return "", err
	}
	if res.Info != nil && realState.MatchString(path.Base(res.Info.Target)) {
		return path.Join(p.packages(), path.Base(res.Info.Target)), nil
	}
	info, err := file.StatAs(ctx, h, op, path.Join(p.packages(), "All"))
	if err == nil && info == nil {
		missing := effect.Errorf(effect.Missing, op, "there are no packages in %s", p.packages())
		missing.Hint = "h.poudriere.bulk builds them"
		return "", missing
	}
	return p.packages(), err
}

// conf is what a client's pkg needs to know, pkg.conf(5).
func (a RepoPublishArgs) conf(p place) string {
	name, url := a.RepoConf, a.URL
	if name == "" {
		name = p.master()
	}
	if url == "" {
		url = "file://" + a.To
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: {\n\turl: \"%s\",\n", name, url)
	if a.Pubkey != "" {
		fmt.Fprintf(&b, "\tsignature_type: \"pubkey\",\n\tpubkey: \"%s\",\n", a.Pubkey)
	}
	if a.Priority != 0 {
		fmt.Fprintf(&b, "\tpriority: %d,\n", a.Priority)
	}
	b.WriteString("\tenabled: yes\n}\n")
	return b.String()
}
