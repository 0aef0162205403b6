package zfs

import (
	"context"
	"io"
	"strings"

	"bsdrun/runtime/effect"
)

// keyInput is a key as zfs(8) reads it from its standard input: raw as it is, all
// else as a line.
func keyInput(key effect.Secret, format string) io.Reader {
	if format == "raw" {
		return strings.NewReader(key.Reveal())
	}
	return strings.NewReader(strings.TrimRight(key.Reveal(), "\n") + "\n")
}

// LoadKeyArgs are the arguments of LoadKey.
type LoadKeyArgs struct {
	Name string        `lua:"name,required" doc:"an encryption root"`
	Key  effect.Secret `lua:"key" doc:"key or passphrase (a secret), which goes by standard input; default: from its keylocation"`
}

// LoadKey loads the key of an encrypted dataset, so that it can be mounted.
func LoadKey(ctx context.Context, h effect.Doer, a LoadKeyArgs) (Changed, error) {
	const op = "zfs.load_key"
	if err := checkName(op, a.Name, ""); err != nil {
		return Changed{}, err
	}
	found, err := encrypted(ctx, h, op, a.Name)
	if err != nil || found["keystatus"] == "available" {
		return Changed{}, err
	}
	argv := []string{"zfs", "load-key"}
	if a.Key.Reveal() != "" {
		argv = append(argv, "-L", "prompt")
	} else if found["keylocation"] == "prompt" {
		return Changed{}, effect.Errorf(effect.Invalid, op, "%s asks for its key: give it as key", a.Name)
	}
	e := change(op, append(argv, a.Name), "load the key", below(a.Name))
	if a.Key.Reveal() != "" {
		e.Stdin = keyInput(a.Key, found["keyformat"])
	}
	_, err = run(ctx, h, e)
	return Changed{Changed: err == nil}, keyError(err)
}

// encrypted tells how a dataset is encrypted, and fails where it is not.
func encrypted(ctx context.Context, h effect.Doer, op, name string) (row, error) {
	found, err := mustBe(ctx, h, op, name, "encryptionroot", "keystatus", "keyformat", "keylocation")
	if err != nil {
		return nil, err
	}
	if _, known := found["keystatus"]; !known {
		return nil, effect.Errorf(effect.Failed, op, "zfs(8) of this host does not encrypt: FreeBSD 13 and later do")
	}
	if known(found["encryptionroot"]) == "" {
		return nil, effect.Errorf(effect.Failed, op, "%s is not encrypted", name)
	}
	return found, nil
}

func keyError(err error) error {
	if e := effect.AsError(err); err != nil && strings.Contains(e.Err, "Incorrect key") {
		wrong := *e
		wrong.Kind, wrong.Hint = effect.Denied, "it is not the key of this dataset"
		return &wrong
	}
	return err
}

// ChangeKeyArgs are the arguments of ChangeKey.
type ChangeKeyArgs struct {
	Name     string        `lua:"name,required" doc:"an encrypted dataset whose key is loaded"`
	Key      effect.Secret `lua:"key" doc:"the new key or passphrase (a secret), which goes by standard input"`
	Format   string        `lua:"format" doc:"what the new key is; default: as before" enum:"raw|hex|passphrase"`
	Location string        `lua:"location" doc:"where it lies from now on: prompt or file:///path; default: as before, or prompt with key"`
	Inherit  bool          `lua:"inherit" doc:"use the key of the dataset above instead of one of its own"`
}

// ChangeKey wraps a dataset's data key with another key. Nobody can tell whether it
// is the same as before, so it always changes; only inherit converges.
func ChangeKey(ctx context.Context, h effect.Doer, a ChangeKeyArgs) (Changed, error) {
	const op = "zfs.change_key"
	if err := checkName(op, a.Name, ""); err != nil {
		return Changed{}, err
	}
	if err := a.check(op); err != nil {
		return Changed{}, err
	}
	found, err := encrypted(ctx, h, op, a.Name)
	if err != nil {
		return Changed{}, err
	}
	if a.Inherit && found["encryptionroot"] != a.Name {
		return Changed{}, nil
	}
	if found["keystatus"] != "available" {
		return Changed{}, effect.WithHint(effect.Errorf(effect.Failed, op, "the key of %s is not loaded", a.Name), "h.zfs.load_key loads it")
	}
	_, err = run(ctx, h, a.effect(op, found["keyformat"]))
	return Changed{Changed: err == nil}, err
}

func (a ChangeKeyArgs) check(op string) error {
	own := a.Key.Reveal() != "" || a.Format != "" || a.Location != ""
	switch {
	case a.Inherit && own:
		return effect.Errorf(effect.Invalid, op, "either inherit, or a key of its own")
	case a.Location != "" && a.Location != "prompt" && !strings.HasPrefix(a.Location, "file:///") && !strings.HasPrefix(a.Location, "https://"):
		return effect.Errorf(effect.Invalid, op, "%q is neither prompt nor file:///path", a.Location)
	case a.Key.Reveal() != "" && a.Location != "" && a.Location != "prompt":
		return effect.WithHint(effect.Errorf(effect.Invalid, op, "a key that is given goes with location prompt"), "put a key file there by file.put, and give its location alone")
	case !a.Inherit && a.Key.Reveal() == "" && !strings.Contains(a.Location, "://"):
		return effect.Errorf(effect.Invalid, op, "give the new key, the location of one, or inherit")
	}
	return nil
}

func (a ChangeKeyArgs) effect(op, format string) effect.Effect {
	argv := []string{"zfs", "change-key"}
	if a.Inherit {
		return change(op, append(argv, "-i", a.Name), "inherit the key", below(a.Name))
	}
	if a.Format != "" {
		argv, format = append(argv, "-o", "keyformat="+a.Format), a.Format
	}
	location := a.Location
	if location == "" {
		location = "prompt"
	}
	e := change(op, append(argv, "-o", "keylocation="+location, a.Name), "another key", below(a.Name))
	if a.Key.Reveal() != "" {
		e.Stdin = keyInput(a.Key, format)
	}
	return e
}
