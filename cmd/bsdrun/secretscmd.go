package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/inventory/secrets"
)

// vault is what the commands on encrypted files have in common.
type vault struct {
	c          *cli
	recipients []string
	files      []string
}

// secretsCommand is bsdrun secrets.
func (c *cli) secretsCommand() *cobra.Command {
	v := &vault{c: c}
	cmd := &cobra.Command{
		Use:   "secrets",
		Short: "Make and change files of secrets that are encrypted by age",
		Long: `Make and change files of secrets that are encrypted by age.

A file holds names and values in TOML, encrypted for recipients: keys of age
(bsdrun secrets keygen) or of ssh. Whom a file is for is said by -r and -R,
or by the file .age-recipients in its folder or above. Runs read it by
--secrets, or by the setting secrets of a host or group in the inventory.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	set := cmd.PersistentFlags()
	set.StringArrayVarP(&v.recipients, "recipient", "r", nil, "encrypt for this `recipient`: age1..., or ssh-ed25519 ... (repeatable)")
	set.StringArrayVarP(&v.files, "recipients-file", "R", nil, "encrypt for the recipients in this `file` (repeatable)")
	set.StringArrayVar(&c.flags.secretKeys, "secrets-key", nil, "`file` with a key of age or ssh that decrypts (repeatable; default: bsdrun's own, id_ed25519, id_rsa)")
	sub := func(use, short string, args cobra.PositionalArgs, do func(args []string) error) {
		cmd.AddCommand(&cobra.Command{Use: use, Short: short, Args: args, RunE: func(_ *cobra.Command, args []string) error { return do(args) }})
	}
	sub("keygen", "Make a key of your own, and tell its recipient", cobra.NoArgs, v.keygen)
	sub("list FILE", "List the names in a file, without their values", cobra.ExactArgs(1), v.list)
	sub("set FILE NAME", "Set a value, typed or from standard input", cobra.ExactArgs(2), v.set)
	sub("unset FILE NAME", "Remove a value", cobra.ExactArgs(2), v.unset)
	sub("edit FILE", "Change a file in your editor", cobra.ExactArgs(1), v.edit)
	sub("decrypt FILE", "Print what a file holds", cobra.ExactArgs(1), v.decrypt)
	sub("encrypt FILE", "Encrypt a file in place", cobra.ExactArgs(1), v.encrypt)
	sub("rekey FILE...", "Encrypt files anew, for the recipients of now", cobra.MinimumNArgs(1), v.rekey)
	return cmd
}

func (v *vault) keygen([]string) error {
	name := secrets.DefaultFiles()[0]
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	text, recipient, err := secrets.Generate()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return effect.WithHint(usage("there is a key already: %s", name), "its recipient is in its first line; what it encrypted needs it, so move it away only with care")
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(v.c.out, recipient)
	return err
}

// open decrypts a file. One that does not exist is empty, where that is allowed.
func (v *vault) open(name string, create bool) ([]byte, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && create {
		return nil, nil
	}
	if err != nil {
		return nil, usage("%s cannot be read: %v", name, effect.FileTrouble(err))
	}
	if !secrets.IsEncrypted(text) {
		return nil, effect.WithHint(usage("%s is not encrypted", name), "bsdrun secrets encrypt %s", name)
	}
	return v.c.secretKeys(v.c.asker()).Decrypt(name, text)
}

// save encrypts a file. The former one stays until the new one is whole.
func (v *vault) save(name string, plain []byte, to []age.Recipient) error {
	text, err := secrets.Encrypt(plain, to)
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".bsdrun-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func (v *vault) to(name string) ([]age.Recipient, error) {
	return secrets.Recipients(name, v.recipients, v.files)
}

// change changes the values of a file.
func (v *vault) change(name string, create bool, do func(values map[string]string) error) error {
	to, err := v.to(name)
	if err != nil {
		return err
	}
	plain, err := v.open(name, create)
	if err != nil {
		return err
	}
	values, err := secrets.Values(name, plain)
	if err != nil {
		return err
	}
	if err := do(values); err != nil {
		return err
	}
	if plain, err = secrets.Text(values); err != nil {
		return err
	}
	return v.save(name, plain, to)
}

func (v *vault) set(args []string) error {
	return v.change(args[0], true, func(values map[string]string) error {
		value, err := v.value(args[1])
		values[args[1]] = value
		return err
	})
}

// value is typed at a terminal, or all of standard input but its last line's end.
func (v *vault) value(name string) (string, error) {
	if isTerminal(v.c.in) {
		return v.c.asker().Ask(context.Background(), "", effect.Question{Key: "secret " + name, Text: "Secret " + name + ":", Secret: true})
	}
	text, err := io.ReadAll(v.c.in)
	return strings.TrimSuffix(string(text), "\n"), err
}

func (v *vault) unset(args []string) error {
	return v.change(args[0], false, func(values map[string]string) error {
		if _, there := values[args[1]]; !there {
			return usage("%s has no secret %s", args[0], args[1])
		}
		delete(values, args[1])
		return nil
	})
}

func (v *vault) list(args []string) error {
	plain, err := v.open(args[0], false)
	if err != nil {
		return err
	}
	values, err := secrets.Values(args[0], plain)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		_, _ = fmt.Fprintln(v.c.out, name)
	}
	return err
}

func (v *vault) decrypt(args []string) error {
	plain, err := v.open(args[0], false)
	if err == nil {
		_, err = v.c.out.Write(plain)
	}
	return err
}

func (v *vault) encrypt(args []string) error {
	plain, err := os.ReadFile(args[0])
	if err != nil {
		return usage("%s cannot be read: %v", args[0], effect.FileTrouble(err))
	}
	if secrets.IsEncrypted(plain) {
		return effect.WithHint(usage("%s is encrypted already", args[0]), "bsdrun secrets rekey %s encrypts it for others", args[0])
	}
	if _, err := secrets.Values(args[0], plain); err != nil {
		return err
	}
	to, err := v.to(args[0])
	if err != nil {
		return err
	}
	return v.save(args[0], plain, to)
}

func (v *vault) rekey(args []string) error {
	for _, name := range args {
		to, err := v.to(name)
		if err != nil {
			return err
		}
		plain, err := v.open(name, false)
		if err != nil {
			return err
		}
		if err := v.save(name, plain, to); err != nil {
			return err
		}
	}
	return nil
}

// edit lets an editor change a file that lies in memory alone.
func (v *vault) edit(args []string) error {
	to, err := v.to(args[0])
	if err != nil {
		return err
	}
	plain, err := v.open(args[0], true)
	if err != nil {
		return err
	}
	memory, err := memoryFolder()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(memory, "bsdrun-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, strings.TrimSuffix(filepath.Base(args[0]), ".age")+".toml")
	if err := os.WriteFile(name, plain, 0o600); err != nil {
		return err
	}
	edited, err := v.letEdit(name, args[0])
	if err != nil || string(edited) == string(plain) {
		return err
	}
	return v.save(args[0], edited, to)
}

// letEdit runs the editor until what it leaves can be read.
func (v *vault) letEdit(name, target string) ([]byte, error) {
	words := strings.Fields(os.Getenv("VISUAL"))
	if len(words) == 0 {
		words = strings.Fields(os.Getenv("EDITOR"))
	}
	if len(words) == 0 {
		words = []string{"vi"}
	}
	editor := exec.Command(words[0], append(words[1:], name)...) //nolint:noctx // ends when the person ends it
	editor.Stdin, editor.Stdout, editor.Stderr = v.c.in, os.Stdout, v.c.err
	if err := editor.Run(); err != nil {
		return nil, usage("%s: %v; nothing was changed", words[0], err)
	}
	edited, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if _, err := secrets.Values(target, edited); err != nil {
		return nil, effect.WithHint(err, "nothing was changed")
	}
	return edited, nil
}

// memoryFolder is a folder on a file system in memory, so that what is edited never
// reaches a disk.
func memoryFolder() (string, error) {
	places := []string{os.Getenv("XDG_RUNTIME_DIR"), "/dev/shm", os.TempDir()}
	for _, dir := range places {
		if dir != "" && inMemory(dir) {
			return dir, nil
		}
	}
	return "", effect.WithHint(usage("no folder in memory is there for what is edited"),
		"mount a tmpfs and name it by TMPDIR, or use bsdrun secrets set, which needs none")
}
