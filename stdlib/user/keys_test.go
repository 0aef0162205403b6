package user_test

import (
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/user"
)

const (
	alice = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJNKBeXlEC4O31hwgEoOnLe0UBo/eeN5gvsBgdG86J8v alice@example.org"
	bob   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE35+ml0PmlT0xu4woXOf1DeZSOgxJQ/RSwUyk8Fxk+5 bob@example.org"
)

// keys expects a change the first time alone.
func keys(t *testing.T, h effect.Doer, a user.KeysArgs) {
	t.Helper()
	for _, want := range []bool{true, false} {
		done, err := user.AuthorizedKeys(ctx, h, a)
		if err != nil || done.Changed != want {
			t.Fatalf("%+v: %+v %v, want changed %v", a, done, err, want)
		}
	}
}

func TestAuthorizedKeys(t *testing.T) {
	h, m := host(t, "")
	sh(t, m, "pw useradd alice -m -u 1234")
	const file = "/home/alice/.ssh/authorized_keys"
	if done, err := user.AuthorizedKeys(ctx, h, user.KeysArgs{Name: "alice", Keys: []string{}}); err != nil || done.Changed || done.Path != file {
		t.Errorf("nothing to do: %+v %v", done, err)
	}
	keys(t, h, user.KeysArgs{Name: "alice", Keys: []string{alice}})
	if out := sh(t, m, "stat -f '%Lp %u %g' /home/alice/.ssh "+file); out != "700 1234 1234\n600 1234 1234\n" {
		t.Errorf("%q", out)
	}
	sh(t, m, "printf '# mine\\n\\nfrom=\"192.0.2.1\" %s\\nodd line' '"+bob+"' >>"+file)
	restricted := `restrict,command="echo \"hi there\"" ` + strings.TrimSuffix(alice, "alice@example.org") + "other"
	keys(t, h, user.KeysArgs{Name: "alice", Keys: []string{restricted}})
	want := restricted + "\n# mine\n\nfrom=\"192.0.2.1\" " + bob + "\nodd line"
	if out := sh(t, m, "cat "+file); out != want {
		t.Errorf("%q", out)
	}
	sh(t, m, "printf '\\n%s again\\n' '"+bob+"' >>"+file)
	keys(t, h, user.KeysArgs{Name: "alice", Keys: []string{bob}})
	keys(t, h, user.KeysArgs{Name: "alice", Keys: []string{}, Remove: []string{alice}})
	if out := sh(t, m, "cat "+file); out != "# mine\n\n"+bob+"\nodd line\n" {
		t.Errorf("%q", out)
	}
	keys(t, h, user.KeysArgs{Name: "alice", Keys: []string{alice}, Exclusive: true})
	if out := sh(t, m, "cat "+file); out != "# mine\n\nodd line\n"+alice+"\n" {
		t.Errorf("%q", out)
	}
	// sshd(8) trusts no file that others may write.
	sh(t, m, "chmod 666 "+file+"; chown root "+file)
	keys(t, h, user.KeysArgs{Name: "alice", Keys: []string{alice}})
	if out := sh(t, m, "stat -f '%Lp %u' "+file); out != "600 1234\n" {
		t.Errorf("%q", out)
	}
}

func TestKeyRefusals(t *testing.T) {
	h, m := host(t, "")
	sh(t, m, "pw useradd alice -m && pw useradd bob && pw useradd carol -m && mkdir -p /root/.ssh")
	sh(t, m, "mkdir /home/carol/.ssh && ln -s /root/.ssh/authorized_keys /home/carol/.ssh/authorized_keys")
	for name, c := range map[string]struct {
		args user.KeysArgs
		kind effect.ErrKind
	}{
		"no key":         {user.KeysArgs{Name: "alice", Keys: []string{"ssh-ed25519 nonsense"}}, effect.Invalid},
		"a private one":  {user.KeysArgs{Name: "alice", Keys: []string{"-----BEGIN OPENSSH PRIVATE KEY-----"}}, effect.Invalid},
		"another type":   {user.KeysArgs{Name: "alice", Keys: []string{strings.Replace(alice, "ed25519", "rsa", 1)}}, effect.Invalid},
		"two lines":      {user.KeysArgs{Name: "alice", Keys: []string{alice + "\n" + bob}}, effect.Invalid},
		"a comment":      {user.KeysArgs{Name: "alice", Keys: []string{"# " + alice}}, effect.Invalid},
		"both":           {user.KeysArgs{Name: "alice", Keys: []string{alice}, Remove: []string{alice}}, effect.Invalid},
		"no such user":   {user.KeysArgs{Name: "nosuch", Keys: []string{alice}}, effect.Missing},
		"no home":        {user.KeysArgs{Name: "bob", Keys: []string{alice}}, effect.Missing},
		"a link":         {user.KeysArgs{Name: "carol", Keys: []string{alice}}, effect.Denied},
		"none for us":    {user.KeysArgs{Name: "root", Keys: []string{}, Exclusive: true}, effect.Failed},
		"nobody's home":  {user.KeysArgs{Name: "nobody", Keys: []string{alice}}, effect.Failed},
		"an option only": {user.KeysArgs{Name: "alice", Keys: []string{"restrict"}}, effect.Invalid},
	} {
		if _, err := user.AuthorizedKeys(ctx, h, c.args); effect.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	if out := sh(t, m, "ls -A /root/.ssh"); strings.Contains(out, "authorized_keys") {
		t.Errorf("the link was followed: %q", out)
	}
}
