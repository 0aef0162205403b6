package threeway

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func keepLocal(Conflict) Side { return Local }
func takeNew(Conflict) Side   { return New }

func TestMergeBringsBothChanges(t *testing.T) {
	old := "1\n2\n3\n4\n5\n6\n7\n"
	m := Merge("1 mine\n2\n3\n4\n5\n6\n7\n", old, "1\n2\n3\n4\n5\n6\n7 new\n", nil)
	if got := m.Resolve(keepLocal); got != "1 mine\n2\n3\n4\n5\n6\n7 new\n" || len(m.Conflicts()) != 0 {
		t.Errorf("%q, %v", got, m.Conflicts())
	}
}

func TestConflictIsDecidedByTheCaller(t *testing.T) {
	m := Merge("a\nmine\nc\n", "a\nb\nc\n", "a\ntheirs\nc\n", nil)
	want := Conflict{Line: 2, Local: "mine\n", Old: "b\n", New: "theirs\n"}
	if got := m.Conflicts(); len(got) != 1 || got[0] != want {
		t.Fatalf("%+v", got)
	}
	if got := m.Resolve(keepLocal); got != "a\nmine\nc\n" {
		t.Errorf("keep: %q", got)
	}
	if got := m.Resolve(takeNew); got != "a\ntheirs\nc\n" {
		t.Errorf("take: %q", got)
	}
}

func TestMergeEndsLinesThatTextFollows(t *testing.T) {
	m := Merge("a\nb", "a\n", "a\nc\n", nil)
	if got := m.Resolve(keepLocal); got != "a\nb" {
		t.Errorf("%q", got)
	}
	m = Merge("x\na", "a", "a\nb\n", func(line string) string { return strings.TrimSuffix(line, "\n") })
	if got := m.Resolve(keepLocal); got != "x\na\nb\n" {
		t.Errorf("%q", got)
	}
}

func TestKeyMakesLinesTheSame(t *testing.T) {
	tag := func(line string) string {
		if strings.HasPrefix(line, "# $FreeBSD") {
			return "tag"
		}
		return line
	}
	m := Merge("# $FreeBSD: 1 $\nmine\n", "# $FreeBSD: 2 $\nx\n", "# $FreeBSD$\nx\n", tag)
	if got := m.Resolve(keepLocal); got != "# $FreeBSD$\nmine\n" || len(m.Conflicts()) != 0 {
		t.Errorf("%q, %v", got, m.Conflicts())
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a\nb\n", "a\nb\n", 0}, {"a\nb\n", "a\nc\n", 2}, {"a\n", "", 1}, {"a\nb\nc\n", "c\na\n", 3}} {
		if got := Distance(test.a, test.b, nil); got != test.want {
			t.Errorf("%q, %q: %d", test.a, test.b, got)
		}
	}
}

// text draws a text of few different lines, so that they repeat.
func text(t *rapid.T, name string) string {
	lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "{", "}"}), 0, 12).Draw(t, name)
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestMergeOfUnchangedSides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, other := text(t, "old"), text(t, "other")
		for what, m := range map[string]Merged{
			"new release unchanged": Merge(other, old, old, nil),
			"no local change":       Merge(old, old, other, nil),
			"the same change":       Merge(other, old, other, nil),
		} {
			if got := m.Resolve(keepLocal); got != other || len(m.Conflicts()) != 0 {
				t.Fatalf("%s: %q with %d conflicts, want %q", what, got, len(m.Conflicts()), other)
			}
		}
	})
}

func TestMergeIsSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		local, old, fresh := text(t, "local"), text(t, "old"), text(t, "new")
		there, back := Merge(local, old, fresh, nil), Merge(fresh, old, local, nil)
		if a, b := there.Resolve(keepLocal), back.Resolve(takeNew); a != b {
			t.Fatalf("%q and %q", a, b)
		}
	})
}

func TestMatchIsALongestCommonSubsequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 14)
		a, b := list.Draw(t, "a"), list.Draw(t, "b")
		last, length := -1, 0
		for i, j := range match(a, b) {
			if j < 0 {
				continue
			}
			if j <= last || a[i] != b[j] {
				t.Fatalf("pair %d, %d", i, j)
			}
			last = j
			length++
		}
		if want := lcsLength(a, b); length != want {
			t.Fatalf("%d pairs, the longest has %d", length, want)
		}
	})
}

func lcsLength(a, b []int) int {
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
	}
	for i := range a {
		for j := range b {
			table[i+1][j+1] = max(table[i][j+1], table[i+1][j])
			if a[i] == b[j] {
				table[i+1][j+1] = table[i][j] + 1
			}
		}
	}
	return table[len(a)][len(b)]
}

// edited draws a change of a text of distinct lines: alignments of such texts
// are never a matter of taste.
func edited(t *rapid.T, lines []string, name string) []string {
	var out []string
	for _, line := range lines {
		switch rapid.IntRange(0, 9).Draw(t, name) {
		case 0:
		case 1:
			out = append(out, line+" by "+name)
		case 2:
			out = append(out, line, "after "+line+" by "+name)
		default:
			out = append(out, line)
		}
	}
	return out
}

func TestMergeAgreesWithGitAndDiff3(t *testing.T) {
	for _, program := range []string{"git", "diff3"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s here", program)
		}
	}
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		var lines []string
		for i := range rapid.IntRange(0, 12).Draw(t, "lines") {
			lines = append(lines, fmt.Sprint("line ", i))
		}
		names := []string{filepath.Join(dir, "local"), filepath.Join(dir, "old"), filepath.Join(dir, "new")}
		texts := [][]string{edited(t, lines, "local"), lines, edited(t, lines, "new")}
		for i, name := range names {
			texts[i] = append(texts[i], "end")
			if err := os.WriteFile(name, []byte(strings.Join(texts[i], "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		join := func(i int) string { return strings.Join(texts[i], "\n") + "\n" }
		m := Merge(join(0), join(1), join(2), nil)
		for option, pick := range map[string]func(Conflict) Side{"--ours": keepLocal, "--theirs": takeNew} {
			out, _ := output(t, "git", append([]string{"merge-file", "-p", "-q", option}, names...)...)
			if got := m.Resolve(pick); got != out {
				t.Fatalf("git merge-file %s: %q, we: %q", option, out, got)
			}
		}
		out, code := output(t, "diff3", append([]string{"-E", "-m"}, names...)...)
		if (code == 1) != (len(m.Conflicts()) > 0) {
			t.Fatalf("diff3 exits %d, we have %d conflicts", code, len(m.Conflicts()))
		}
		if code == 0 && out != m.Resolve(keepLocal) {
			t.Fatalf("diff3: %q, we: %q", out, m.Resolve(keepLocal))
		}
	})
}

func output(t *rapid.T, program string, args ...string) (string, int) {
	out, err := exec.Command(program, args...).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		return string(out), exit.ExitCode()
	}
	return string(out), 0
}

const (
	oldPasswd = "# $FreeBSD$\nroot:*:0:0::0:0:Charlie &:/root:/bin/csh\ntoor:*:0:0::0:0:Bourne-again Superuser:/root:\n" +
		"sshd:*:22:22::0:0:Secure Shell Daemon:/var/empty:/usr/sbin/nologin\ngames:*:7:13::0:0:Games pseudo-user:/usr/games:/usr/sbin/nologin\n"
	newPasswd = "root:*:0:0::0:0:Charlie &:/root:/bin/sh\ntoor:*:0:0::0:0:Bourne-again Superuser:/root:\n" +
		"sshd:*:22:22::0:0:Secure Shell Daemon:/var/empty:/usr/sbin/nologin\nntpd:*:123:123::0:0:NTP Daemon:/var/db/ntp:/usr/sbin/nologin\n"
)

func TestPasswd(t *testing.T) {
	local := "# mine\nroot:$6$x:0:0::0:0:Charlie &:/root:/bin/csh\ntoor:*:0:0::0:0:Bourne-again Superuser:/root:\n" +
		"sshd:*:22:22::0:0:Secure Shell Daemon:/var/empty:/bin/tcsh\nop:$6$y:1001:1001::0:0:Operator:/home/op:/bin/sh\n+:::::::::\n"
	want := "# mine\nroot:$6$x:0:0::0:0:Charlie &:/root:/bin/sh\ntoor:*:0:0::0:0:Bourne-again Superuser:/root:\n" +
		"sshd:*:22:22::0:0:Secure Shell Daemon:/var/empty:/bin/tcsh\nntpd:*:123:123::0:0:NTP Daemon:/var/db/ntp:/usr/sbin/nologin\n" +
		"op:$6$y:1001:1001::0:0:Operator:/home/op:/bin/sh\n+:::::::::\n"
	got, notes := Passwd(local, oldPasswd, newPasswd)
	if got != want || len(notes) != 0 {
		t.Errorf("%s\n%v", got, notes)
	}
	if again, _ := Passwd(got, oldPasswd, newPasswd); again != got {
		t.Errorf("a second merge changes it: %s", again)
	}
}

func TestPasswdDoesNotTakeANumberTwice(t *testing.T) {
	local := "root:*:0:0::0:0:Charlie &:/root:/bin/csh\nclock:*:123:5::0:0::/:/bin/sh\n"
	got, notes := Passwd(local, oldPasswd, newPasswd)
	if strings.Contains(got, "ntpd") || len(notes) != 1 || !strings.Contains(notes[0], "123 belongs to clock") {
		t.Errorf("%s\n%v", got, notes)
	}
}

func TestGroup(t *testing.T) {
	got, notes := Group(
		"wheel:*:0:root,op\noperator:*:5:root\nmail:*:6:\nstaff:*:20:op\n",
		"wheel:*:0:root\noperator:*:5:root\nmail:*:6:\nvideo:*:44:\n",
		"wheel:*:0:root\noperator:*:5:root\nmail:*:6:postfix\nntpd:*:123:\nvideo:*:44:\n")
	want := "wheel:*:0:root,op\noperator:*:5:root\nmail:*:6:postfix\nntpd:*:123:\nstaff:*:20:op\n"
	if got != want || len(notes) != 0 {
		t.Errorf("%q\n%v", got, notes)
	}
}

func TestAccountsNeverLoseOne(t *testing.T) {
	entry := rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom([]string{"root", "toor", "op", "sshd", "ntpd", "www"}).Draw(t, "name")
		shell := rapid.SampledFrom([]string{"/bin/sh", "/bin/csh"}).Draw(t, "shell")
		return fmt.Sprintf("%s:%s:%d:0::0:0::/:%s", name, rapid.SampledFrom([]string{"*", "$6$a"}).Draw(t, "hash"), len(name)*100+int(name[0]), shell)
	})
	file := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOf(entry).Draw(t, "entries"), "\n") + "\n"
	})
	rapid.Check(t, func(t *rapid.T) {
		local := file.Draw(t, "local")
		merged, _ := Passwd(local, file.Draw(t, "old"), file.Draw(t, "new"))
		lines := strings.Split(merged, "\n")
		for line := range strings.Lines(local) {
			if line == "\n" {
				continue
			}
			keep := strings.Join(strings.Split(line, ":")[:3], ":") + ":"
			if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, keep) }) {
				t.Fatalf("%q was lost from %q", keep, merged)
			}
		}
	})
}

func FuzzMerge(f *testing.F) {
	f.Add("a\nb\n", "a\n", "a\nc\n")
	f.Add("", "x", "x\ny")
	f.Fuzz(func(t *testing.T, local, old, fresh string) {
		m := Merge(local, old, fresh, nil)
		if got := Merge(local, old, old, nil).Resolve(keepLocal); strings.TrimSuffix(got, "\n") != strings.TrimSuffix(local, "\n") {
			t.Errorf("nothing new: %q of %q", got, local)
		}
		if len(m.Conflicts()) == 0 && m.Resolve(keepLocal) != m.Resolve(takeNew) {
			t.Error("no conflict, and yet two results")
		}
	})
}

func TestMarked(t *testing.T) {
	text, conflicts := Merge("a\nmine\nc\n", "a\nb\nc\n", "a\nyours\nc\nd\n", nil).Marked("current version", "14.3-RELEASE")
	want := "a\n<<<<<<< current version\nmine\n=======\nyours\n>>>>>>> 14.3-RELEASE\nc\nd\n"
	if text != want || !conflicts {
		t.Errorf("%v %q", conflicts, text)
	}
	if text, conflicts = Merge("a\nb\nc\n", "a\nc\n", "a\nc\nd\n", nil).Marked("x", "y"); conflicts || text != "a\nb\nc\nd\n" {
		t.Errorf("%v %q", conflicts, text)
	}
}
