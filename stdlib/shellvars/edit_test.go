package shellvars

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"
)

// TestEditGolden applies each archive's edits: lines NAME=value or -NAME.
func TestEditGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/edit-*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			parts := archive(t, name)
			format := Format(strings.TrimSpace(parts["format"]))
			got, err := format.Edit([]byte(parts["before"]), wishes(parts["edits"]))
			if want := strings.TrimSpace(parts["error"]); want != "" {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Fatalf("error %v, want %q", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parts["after"], string(got)); diff != "" {
				t.Fatal(diff)
			}
			again, err := format.Edit(got, wishes(parts["edits"]))
			if err != nil || !bytes.Equal(got, again) {
				t.Fatalf("a second edit differs: %v\n%s", err, again)
			}
		})
	}
}

func archive(t *testing.T, name string) map[string]string {
	t.Helper()
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, f := range a.Files {
		parts[f.Name] = string(f.Data)
	}
	return parts
}

func wishes(text string) []Change {
	var list []Change
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "-"); ok {
			list = append(list, Unset(name))
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		list = append(list, Set(name, value))
	}
	return list
}

var shValue = rapid.Custom(func(t *rapid.T) string {
	pieces := rapid.SliceOf(rapid.OneOf(
		rapid.SampledFrom([]string{`"`, `'`, `\`, "$", "`", "\n", "~", "#", " ", "$(x)", "${y}", "\r\n", "=", ";", "&", "*", "!"}),
		rapid.StringMatching(`[ -~]{0,8}`),
		rapid.Map(rapid.SliceOfN(rapid.ByteRange(1, 255), 0, 6), func(b []byte) string { return string(b) }),
	)).Draw(t, "pieces")
	return strings.Join(pieces, "")
})

const rcConf = `# main settings
hostname="gate.example.org"
A='single' B=2 ; C="x
y" # two lines
ifconfig_em0="inet 192.0.2.10 \
  netmask 255.255.255.0"
export D=bare
`

// TestSetThenReadIsTheSame holds for any bytes that sh can hold, in every
// quoting style.
func TestSetThenReadIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"hostname", "A", "B", "C", "D", "ifconfig_em0", "new"}).Draw(t, "name")
		want := shValue.Draw(t, "value")
		out, err := Edit([]byte(rcConf), []Change{Set(name, want)})
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(out)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := f.Get(name)
		if !got.Exact || got.Value != want {
			t.Fatalf("%q became %q (%s) in\n%s", want, got.Value, got.Note, out)
		}
		gone, err := Edit(out, []Change{Unset(name)})
		if err != nil {
			t.Fatal(err)
		}
		if f, err := Parse(gone); err != nil {
			t.Fatal(err)
		} else if _, known := f.Get(name); known {
			t.Fatalf("%s is still there in\n%s", name, gone)
		}
	})
}

// TestShellAgrees lets the real /bin/sh source what Edit wrote.
func TestShellAgrees(t *testing.T) {
	sh, err := exec.LookPath("dash")
	if err != nil {
		if sh, err = exec.LookPath("sh"); err != nil {
			t.Skip("no sh here")
		}
	}
	file := filepath.Join(t.TempDir(), "rc.conf")
	names := []string{"hostname", "A", "B", "C", "D", "new"}
	rapid.Check(t, func(t *rapid.T) {
		var changes []Change
		for _, name := range names {
			changes = append(changes, Set(name, shValue.Draw(t, name)))
		}
		out, err := Edit([]byte(rcConf), changes)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, out, 0o600); err != nil {
			t.Fatal(err)
		}
		script := `. "$0"; printf '%s\0' "$hostname" "$A" "$B" "$C" "$D" "$new" "$ifconfig_em0"`
		got, err := exec.Command(sh, "-c", script, file).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, got)
		}
		var want strings.Builder
		for _, c := range changes {
			want.WriteString(c.Value + "\x00")
		}
		want.WriteString("inet 192.0.2.10   netmask 255.255.255.0\x00")
		if diff := cmp.Diff(want.String(), string(got)); diff != "" {
			t.Fatalf("%s\n%s", diff, out)
		}
	})
}

// TestParseAgreesWithShell reads files of every quoting with both.
func TestParseAgreesWithShell(t *testing.T) {
	sh, err := exec.LookPath("dash")
	if err != nil {
		t.Skip("no dash here")
	}
	for _, src := range []string{
		"A=1\nA=2\n", "A=a\\ b", "A='a'\"b\"c", "A=\"x\\\ny\"", "A=x\\\ny", `A="\$x \a \\ \" \` + "`" + `"`,
		"A=1 B=$A\nA=$B$B", "B=x; A=\"${B}y\"", "export A=1", "readonly A='q r'", "A=", "A=''", "A=caf\xe9\xff",
		"A=x\r\nB=y", "A=1; unset A; A=3", "{ A=7; }", "(A=1); A=2", "A=1 # c", "A=1#c", "A=a:b=c", "A=x | cat\nA=y",
		"A=1; A=2 true", "A='#'", "A=\"a#b\"", "A=\\#x", "A=\\\\", "A='\\'", "A=\"a\nb\"", "A=!x", "A=a;B=b",
		"f() { A=no; }\nA=yes", "A=1\nif false; then B=2; fi", "A=1 && A=2\nA=3", "A=\"it's\"", "A=$", "A=\"$\"", "A=a$",
		"export A=1 B=2", "export A; A=5", "A=\\'", "A=\"\\\\\"", "A=x;;", "A=(1)", "A=`echo x`y; A=z", ": ${A:=q}; A=w", "A={a,b}", "A=*", "A=a\\",
		"f() { A=2; }; A=1; f", "A=1; f() { A=2; f; }", "f() { . /nosuch; }; A=1", "A=1 :", "export \"A=b\"", "export 'A'=b c", "A=1 export B=2", "A=1 true", "readonly A=1; B=2", "for A in 1 2; do :; done",
	} {
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		want, shErr := exec.Command(sh, "-c", `. "$0" 2>/dev/null; printf '%s' "$A"`, file).Output()
		f, err := Parse([]byte(src))
		if shErr != nil && err == nil && len(want) == 0 {
			t.Errorf("%q: sh refuses, Parse takes it", src)
		}
		if err != nil {
			if shErr == nil {
				t.Errorf("%q: sh takes it, Parse says %v", src, err)
			}
			continue
		}
		v, known := f.Get("A")
		if !known && len(want) > 0 {
			t.Errorf("%q: sh has %q, Parse has nothing", src, want)
		}
		if v.Exact && v.Value != string(want) {
			t.Errorf("%q: %q, sh has %q", src, v.Value, want)
		}
	}
}

func FuzzEdit(f *testing.F) {
	f.Add([]byte(rcConf), "hostname", "x y", false)
	f.Add([]byte("A=1\nif x; then A=2; fi\nexit"), "A", "'", true)
	f.Add([]byte("A+=x\nA=1\nA+=y; B=$A"), "A", "$", false)
	f.Add([]byte("export A=1 B=2 # c\n"), "A", "", true)
	f.Fuzz(func(t *testing.T, src []byte, name, value string, remove bool) {
		wish := Change{Name: name, Value: value, Remove: remove}
		out, err := Edit(src, []Change{wish})
		if err != nil {
			return
		}
		again, err := Edit(out, []Change{wish})
		if err != nil || !bytes.Equal(out, again) {
			t.Fatalf("not idempotent: %v\n%q\n%q", err, out, again)
		}
	})
}

func FuzzEditLoader(f *testing.F) {
	f.Add([]byte("zfs_load=\"YES\"\n# c\nkern.maxfiles = 5 # x\n"), "zfs_load", "NO", false)
	f.Add([]byte("a=b\r\na=\"c\""), "a", "", true)
	f.Fuzz(func(t *testing.T, src []byte, name, value string, remove bool) {
		wish := Change{Name: name, Value: value, Remove: remove}
		out, err := EditLoader(src, []Change{wish})
		if err != nil {
			return
		}
		file, err := ParseLoader(out)
		if err != nil {
			t.Fatal(err)
		}
		if v, known := file.Get(name); !holds(v, known, wish) {
			t.Fatalf("%q has %q, want %q", out, v.Value, value)
		}
	})
}
