package zpool

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what the recordings parse to into testdata, to be read by a person")

// answer is a command of the recordings and what it printed.
type answer struct {
	name, command, stdout string
}

// recorded are all commands of the recordings of real tools.
func recorded(t testing.TB) []answer {
	t.Helper()
	var all []answer
	for _, archive := range []string{"zfs-fuse", "openzfs"} {
		a, err := txtar.ParseFile(filepath.Join("zpoolsim", "testdata", archive+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			for _, part := range strings.Split("\n"+string(f.Data), "\n$ ")[1:] {
				command, rest, _ := strings.Cut(part, "\n--- stdout\n")
				stdout, _, ok := strings.Cut("\n"+rest, "\n--- stderr\n")
				if !ok {
					t.Fatalf("%s: %s", f.Name, part)
				}
				all = append(all, answer{archive + "/" + f.Name, command, strings.TrimPrefix(stdout, "\n") + "\n"})
			}
		}
	}
	return all
}

// outputOf is the output of a recorded command.
func outputOf(t testing.TB, name, command string) string {
	t.Helper()
	for _, a := range recorded(t) {
		if a.name == name && a.command == command {
			return a.stdout
		}
	}
	t.Fatalf("no recording of %s in %s", command, name)
	return ""
}

// tellsStatus tells whether the last command of a recorded line is about pools;
// what is before it only prepares.
func tellsStatus(command string) bool {
	last := command[strings.LastIndex(command, "; ")+1:]
	last = strings.TrimSpace(last)
	return (strings.HasPrefix(last, "zpool status") || strings.HasPrefix(last, "zpool import")) &&
		!strings.Contains(last, "|") && !strings.Contains(last, "-Q") && !strings.HasPrefix(last, "zpool import -d /dev/disk/by-partlabel zroot")
}

var recordingTime = time.Date(2026, 11, 23, 23, 29, 54, 0, time.UTC)

func parseEither(out string) ([]Status, error) {
	if isJSON(out) {
		return parseStatusJSON("test", out, recordingTime)
	}
	return parseStatus("test", out)
}

// TestRecordings parses every recorded zpool status and zpool import, and
// compares what comes out with what a person has read and approved.
func TestRecordings(t *testing.T) {
	var b strings.Builder
	for _, a := range recorded(t) {
		if !tellsStatus(a.command) || strings.HasPrefix(a.stdout, "\tDestroy and re-create") {
			continue
		}
		out := a.stdout
		if at := strings.Index(out, "  pool: "); at > 0 { // what the preparation printed
			out = out[at:]
		}
		pools, err := parseEither(out)
		command, _, _ := strings.Cut(a.command, "; dd if=/dev/zero")
		fmt.Fprintf(&b, "%s: %s\n", a.name, command)
		if err != nil {
			fmt.Fprintf(&b, "  error: %v\n", err)
		}
		for _, pool := range pools {
			b.WriteString(describe(pool))
		}
	}
	golden(t, "recordings.txt", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

// describe tells all of a status in a few lines.
func describe(s Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s %s", s.Name, s.State)
	for _, part := range [][2]string{{"guid", s.ID}, {"message", s.Message}, {"removal", s.Removal}} {
		if part[1] != "" {
			fmt.Fprintf(&b, ", %s %s", part[0], part[1])
		}
	}
	b.WriteByte('\n')
	line := func(what, text string) {
		if text != "" {
			fmt.Fprintf(&b, "    %s: %s\n", what, text)
		}
	}
	line("status", s.Status)
	line("action", s.Action)
	line("problems", strings.Join(s.Problems, "; "))
	if c := s.Checkpoint; c.Exists {
		line("checkpoint", fmt.Sprintf("%s %d discarding=%v", stamp(c.Created), c.Size, c.Discarding))
	}
	if c := s.Scan; c.Function != "none" {
		line("scan", fmt.Sprintf("%s %s %s..%s took=%s repaired=%d errors=%d done=%.4g left=%s",
			c.Function, c.State, stamp(c.Started), stamp(c.Ended), c.Took, c.Repaired, c.Errors, c.Done, c.Left))
	}
	if e := s.Errors; e.Count != 0 {
		line("lost", fmt.Sprintf("%d %q %q", e.Count, e.Text, e.Files))
	}
	for label, text := range s.Other {
		line(label, text)
	}
	describeVdevs(&b, s.Vdevs, "    ")
	return b.String()
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

func describeVdevs(b *strings.Builder, vdevs []Vdev, indent string) {
	for _, v := range vdevs {
		fmt.Fprintf(b, "%s- %s (%s, %s) %s %d/%d/%d", indent, v.Name, v.Type, v.Class, v.State, v.Read, v.Write, v.Checksum)
		for _, part := range []string{v.Path, v.GUID, v.Note} {
			if part != "" {
				fmt.Fprintf(b, " %q", part)
			}
		}
		b.WriteByte('\n')
		describeVdevs(b, v.Vdevs, indent+"  ")
	}
}
