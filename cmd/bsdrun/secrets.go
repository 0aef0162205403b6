package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/inventory/secrets"
)

// secrets finds a secret by name: in the environment (BSDRUN_SECRET_NAME), in
// the file of --secrets, or from a person.
//
// The second function finds one in a host's own file.
func (c *cli) secrets(asker effect.Asker) (byName func(ctx context.Context, name string) (string, error), inFile func(ctx context.Context, file, name string) (string, bool, error), err error) {
	files := &secretFiles{keys: c.secretKeys(asker), read: map[string]map[string]string{}}
	file, err := files.values("--secrets", c.flags.secretFile)
	if err != nil {
		return nil, nil, err
	}
	inFile = func(_ context.Context, path, name string) (string, bool, error) {
		values, err := files.values("secrets of the inventory", path)
		value, found := values[name]
		return value, found, err
	}
	return func(ctx context.Context, name string) (string, error) {
		variable := "BSDRUN_SECRET_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(name))
		if value, ok := os.LookupEnv(variable); ok {
			return value, nil
		}
		if value, ok := file[name]; ok {
			return value, nil
		}
		value, err := asker.Ask(ctx, "", effect.Question{Key: "secret " + name, Text: "Secret " + name + ":", Secret: true})
		if err == nil {
			return value, nil
		}
		told := *effect.AsError(err)
		if told.Kind != effect.Stopped {
			return "", &told
		}
		told.Hint = fmt.Sprintf("set %s, name %s in the file of --secrets, or type it at a terminal; bsdrun resume continues the run", variable, name)
		return "", &told
	}, inFile, nil
}

// secretKeys are the keys that open encrypted files.
func (c *cli) secretKeys(asker effect.Asker) secrets.Keys {
	return secrets.Keys{Files: c.flags.secretKeys, Ask: func(text string) (string, error) {
		return asker.Ask(context.Background(), "", effect.Question{Key: text, Text: text, Secret: true})
	}}
}

// secretFiles are files of secrets, each read once.
type secretFiles struct {
	keys secrets.Keys
	mu   sync.Mutex
	read map[string]map[string]string
}

// values reads a TOML file of names and values that is encrypted, or that only its
// owner may read.
func (s *secretFiles) values(what, path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.read[path]; ok {
		return known, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, usage("%s: there is no file %s", what, path)
	}
	text, err := readFlagFile(what, path)
	if err != nil {
		return nil, err
	}
	switch {
	case secrets.IsEncrypted(text):
		if text, err = s.keys.Decrypt(path, text); err != nil {
			return nil, err
		}
	case info.Mode().Perm()&0o077 != 0:
		return nil, effect.WithHint(usage("%s: others may read %s", what, path), "chmod 600 %s, or encrypt it: bsdrun secrets encrypt %s", path, path)
	}
	values, err := secrets.Values(path, text)
	if err == nil {
		s.read[path] = values
	}
	return values, err
}
