package gitsim

import (
	"encoding/base64"
	"io"
	"path"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// helpers are just enough of the base system for the scripts.
func helpers() []*sim.Tool {
	tool := func(name string, run func(p *sim.Proc, fs *vfs.View, args []string) error) *sim.Tool {
		return &sim.Tool{Name: name, Paths: []string{"/bin/" + name}, Run: func(p *sim.Proc) int {
			args := p.Args[1:]
			for len(args) > 0 && strings.HasPrefix(args[0], "-") {
				args = args[1:]
			}
			if err := run(p, p.FS(), args); err != nil {
				p.Errorf("%s: %v\n", name, err)
				return 1
			}
			return 0
		}}
	}
	return []*sim.Tool{
		tool("mkdir", func(_ *sim.Proc, fs *vfs.View, args []string) error {
			for _, a := range args {
				if err := fs.MkdirAll(a, 0o777); err != nil {
					return err
				}
			}
			return nil
		}),
		tool("cat", func(p *sim.Proc, fs *vfs.View, args []string) error {
			for _, a := range args {
				data, err := fs.ReadFile(a)
				if err != nil {
					return err
				}
				_, _ = p.Stdout.Write(data)
			}
			if len(args) == 0 {
				_, err := io.Copy(p.Stdout, p.Stdin)
				return err
			}
			return nil
		}),
		tool("rm", func(_ *sim.Proc, fs *vfs.View, args []string) error {
			for _, a := range args {
				if err := fs.RemoveAll(a); err != nil {
					return err
				}
			}
			return nil
		}),
		tool("touch", func(p *sim.Proc, fs *vfs.View, args []string) error {
			for _, a := range args {
				if err := fs.WriteFile(a, nil, 0o666); err != nil {
					return err
				}
				if err := fs.Chtimes(a, p.Now().Add(time.Second)); err != nil {
					return err
				}
			}
			return nil
		}),
		tool("chmod", func(_ *sim.Proc, fs *vfs.View, args []string) error {
			mode, err := strconv.ParseUint(args[0], 8, 32)
			if err != nil {
				return err
			}
			return fs.Chmod(args[1], uint32(mode))
		}),
		tool("mv", func(_ *sim.Proc, fs *vfs.View, args []string) error { return fs.Rename(args[0], args[1]) }),
		tool("sort", func(p *sim.Proc, _ *vfs.View, _ []string) error {
			data, err := io.ReadAll(p.Stdin)
			lines := strings.SplitAfter(string(data), "\n")
			sort.Strings(lines)
			_, _ = io.WriteString(p.Stdout, strings.Join(lines, ""))
			return err
		}),
		tool("chown", func(_ *sim.Proc, fs *vfs.View, args []string) error {
			uid, err := strconv.Atoi(args[0])
			if err != nil {
				return err
			}
			return fs.Walk(args[1], func(name string, _ vfs.Info, err error) error {
				if err != nil {
					return err
				}
				return fs.Lchown(path.Clean(name), uid, uid)
			})
		}),
	}
}

func decode(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
