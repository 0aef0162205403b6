package sshhost

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadBackScript: what is read back is brought to the disk as well, and goes where
// that fails.
func TestReadBackScript(t *testing.T) {
	for name, code := range map[string]string{"well": "0", "failing": "1"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			stage, tool := filepath.Join(dir, "stage"), filepath.Join(dir, "fsync")
			content := []byte(strings.Repeat("content", 1000))
			err := errors.Join(
				os.WriteFile(stage, content, 0o600),
				os.WriteFile(tool, []byte("#!/bin/sh\necho \"$1\" >>"+dir+"/synced; exit "+code+"\n"), 0o700), //nolint:gosec // it is to be run
			)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("sh", "-c", readBackScript(stage, "sha256sum"))
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
			cmd.Stdin = strings.NewReader(" 0 1\n")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if synced, err := os.ReadFile(filepath.Join(dir, "synced")); err != nil || string(synced) != stage+"\n" {
				t.Errorf("brought to the disk: %q %v", synced, err)
			}
			_, err = os.Stat(stage)
			if code != "0" {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("what is not on the disk is still there: %v", err)
				}
				return
			}
			if want := sha256.Sum256(content); err != nil || !strings.HasPrefix(string(out), hex.EncodeToString(want[:])) {
				t.Errorf("%s %v", out, err)
			}
		})
	}
}
