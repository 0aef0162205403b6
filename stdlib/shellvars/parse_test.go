package shellvars

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	src := `# portshaker.conf
mirror_base_dir="/var/cache/portshaker"
ports_trees="main extra"
main_ports_tree="/usr/local/${sub:-ports}"
base=/usr/local
data="${base}/poudriere/data"
use_zfs=$(zfs list >/dev/null 2>&1 && echo yes)
export BATCH=yes NOTHING
[ -n "$x" ] && x=1
list="a \
b"
late=1
late=2
latin="caf` + "\xe9" + `"
both=1; both=$base:~/x
`
	f, err := Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	want := []Var{
		{Name: "mirror_base_dir", Value: "/var/cache/portshaker", Exact: true, Line: 2},
		{Name: "ports_trees", Value: "main extra", Exact: true, Line: 3},
		{Name: "main_ports_tree", Value: `"/usr/local/${sub:-ports}"`, Line: 4, Note: "holds the expansion ${sub:-ports}"},
		{Name: "base", Value: "/usr/local", Exact: true, Line: 5},
		{Name: "data", Value: "/usr/local/poudriere/data", Exact: true, Line: 6},
		{Name: "use_zfs", Value: "$(zfs list >/dev/null 2>&1 && echo yes)", Line: 7, Note: "holds the output of a command"},
		{Name: "BATCH", Value: "yes", Exact: true, Exported: true, Line: 8},
		{Name: "x", Conditional: true, Line: 9, Note: "set under a condition on line 9"},
		{Name: "list", Value: "a b", Exact: true, Line: 10},
		{Name: "late", Value: "2", Exact: true, Line: 13},
		{Name: "latin", Value: "caf\xe9", Exact: true, Line: 14},
		{Name: "both", Value: "$base:~/x", Line: 15, Note: "holds a ~"},
	}
	if diff := cmp.Diff(want, f.Vars); diff != "" {
		t.Fatal(diff)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, src := range []string{"A='open", "if true; then A=1", "A=\x00", "A=$(", "}"} {
		if _, err := Parse([]byte(src)); err == nil {
			t.Errorf("%q is taken", src)
		}
	}
}

func TestFormatOf(t *testing.T) {
	for path, want := range map[string]Format{
		"/boot/loader.conf": Loader, "/boot/loader.conf.local": Loader, "/boot/loader.conf.d/zfs.conf": Loader,
		"/etc/rc.conf": Shell, "/usr/local/etc/poudriere.conf": Shell, "/etc/my-loader.conf": Shell,
	} {
		if got := FormatOf(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("A=1\n. x\nexport B=\"$A\"\nC+=y; D='\\'"))
	f.Add([]byte("f() { A=1; }; f\nunset A; read B\n: ${C:=x}"))
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Parse(src)
		if err != nil {
			return
		}
		for _, v := range file.Vars {
			if !nameForm.MatchString(v.Name) || v.Exact && v.Conditional {
				t.Errorf("%+v", v)
			}
		}
	})
}
