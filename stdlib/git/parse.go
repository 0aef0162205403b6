package git

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Change is one path that differs from the index or the last commit.
type Change struct {
	Path     string `lua:"path"`
	From     string `lua:"from,omitempty" doc:"the former path of a renamed or copied file"`
	Index    string `lua:"index" doc:"what is staged: . M A D R C T U, as git-status(1) has it"`
	Worktree string `lua:"worktree" doc:"what is not staged, in the same letters"`
}

// Status is the state of a working tree.
type Status struct {
	Revision  string   `lua:"revision" doc:"commit id; empty before the first commit"`
	Branch    string   `lua:"branch" doc:"empty when HEAD is detached"`
	Detached  bool     `lua:"detached"`
	Upstream  string   `lua:"upstream,omitempty" doc:"origin/main"`
	Ahead     int      `lua:"ahead" doc:"commits that the upstream lacks, as of the last fetch"`
	Behind    int      `lua:"behind" doc:"commits of the upstream that are missing here, as of the last fetch"`
	Clean     bool     `lua:"clean" doc:"no edits, no conflicts and no untracked files"`
	Edited    bool     `lua:"edited" doc:"tracked files differ from the commit"`
	Changes   []Change `lua:"changes" doc:"tracked files that differ"`
	Conflicts []string `lua:"conflicts" doc:"paths that are not merged"`
	Untracked []string `lua:"untracked" doc:"directories end in a slash"`
}

// parseStatus reads git status --porcelain=v2 --branch, with or without -z.
func parseStatus(out string) (Status, error) {
	s := Status{Changes: []Change{}, Conflicts: []string{}, Untracked: []string{}}
	separator, quoted := "\n", true
	if strings.ContainsRune(out, 0) {
		separator, quoted = "\x00", false
	}
	records := strings.Split(strings.TrimSuffix(out, separator), separator)
	for i := 0; i < len(records); i++ {
		record := records[i]
		if record == "" {
			continue
		}
		former := ""
		if !quoted && record[0] == '2' {
			if i++; i == len(records) {
				return s, fmt.Errorf("git status: a rename without its former path: %q", record)
			}
			former = records[i]
		}
		if err := s.add(record, former, quoted); err != nil {
			return s, err
		}
	}
	s.Edited = len(s.Changes)+len(s.Conflicts) > 0
	s.Clean = !s.Edited && len(s.Untracked) == 0
	return s, nil
}

// statusFields is how many blank-separated fields stand before the path.
var statusFields = map[byte]int{'1': 8, '2': 9, 'u': 10}

func (s *Status) add(record, former string, quoted bool) error {
	bad := func() error { return fmt.Errorf("git status: not understood: %q", record) }
	kind := record[0]
	switch kind {
	case '#':
		return s.addHeader(record)
	case '!':
		return nil
	case '?':
		if len(record) < 3 {
			return bad()
		}
		s.Untracked = append(s.Untracked, unquote(record[2:], quoted))
		return nil
	}
	before, known := statusFields[kind]
	if !known {
		return bad()
	}
	fields := strings.SplitN(record, " ", before+1)
	if len(fields) != before+1 || len(fields[1]) != 2 {
		return bad()
	}
	name := fields[before]
	if kind == '2' && quoted {
		var found bool
		if name, former, found = strings.Cut(name, "\t"); !found {
			return bad()
		}
	}
	name, former = unquote(name, quoted), unquote(former, quoted)
	if kind == 'u' {
		s.Conflicts = append(s.Conflicts, name)
		return nil
	}
	s.Changes = append(s.Changes, Change{Path: name, From: former, Index: fields[1][:1], Worktree: fields[1][1:]})
	return nil
}

func (s *Status) addHeader(record string) error {
	key, value, _ := strings.Cut(strings.TrimPrefix(record, "# "), " ")
	switch key {
	case "branch.oid":
		if value != "(initial)" {
			s.Revision = value
		}
	case "branch.head":
		if s.Detached = value == "(detached)"; !s.Detached {
			s.Branch = value
		}
	case "branch.upstream":
		s.Upstream = value
	case "branch.ab":
		if _, err := fmt.Sscanf(value, "+%d -%d", &s.Ahead, &s.Behind); err != nil {
			return fmt.Errorf("git status: not understood: %q", record)
		}
	}
	return nil
}

// unquote reverses git's C-like quoting of odd names.
func unquote(name string, quoted bool) string {
	if !quoted || len(name) < 2 || name[0] != '"' {
		return name
	}
	if plain, err := strconv.Unquote(name); err == nil {
		return plain
	}
	return name
}

// Remote is a reference of a remote repository.
type Remote struct {
	Ref      string
	Revision string
}

// parseRemote reads git ls-remote; the commit behind an annotated tag takes the
// place of the tag object.
func parseRemote(out string) ([]Remote, error) {
	var remotes []Remote
	for _, row := range strings.Split(out, "\n") {
		if row == "" || strings.HasPrefix(row, "ref: ") {
			continue
		}
		hash, name, found := strings.Cut(row, "\t")
		if !found || !fullHash.MatchString(hash) {
			return nil, fmt.Errorf("git ls-remote: not understood: %q", row)
		}
		if tag, peeled := strings.CutSuffix(name, "^{}"); peeled {
			if n := len(remotes); n > 0 && remotes[n-1].Ref == tag {
				remotes[n-1].Revision = hash
				continue
			}
			name = tag
		}
		remotes = append(remotes, Remote{name, hash})
	}
	return remotes, nil
}

// parseSymref finds the branch that a remote's HEAD names in the output of git
// ls-remote --symref.
func parseSymref(out string) string {
	for _, row := range strings.Split(out, "\n") {
		if rest, ok := strings.CutPrefix(row, "ref: refs/heads/"); ok {
			if branch, ok := strings.CutSuffix(rest, "\tHEAD"); ok {
				return branch
			}
		}
	}
	return ""
}

// Commit is one entry of the history.
type Commit struct {
	Revision string    `lua:"revision"`
	Parents  []string  `lua:"parents"`
	Author   string    `lua:"author"`
	Email    string    `lua:"email"`
	Time     time.Time `lua:"time" doc:"when it was committed"`
	Subject  string    `lua:"subject"`
	Body     string    `lua:"body,omitempty"`
}

// logFormat is the --format that parseLog reads; entries end in NUL (-z).
const logFormat = "%H%x1f%P%x1f%an%x1f%ae%x1f%ct%x1f%s%x1f%b"

func parseLog(out string) ([]Commit, error) {
	commits := []Commit{}
	for _, entry := range strings.Split(out, "\x00") {
		if entry = strings.Trim(entry, "\n"); entry == "" {
			continue
		}
		fields := strings.SplitN(entry, "\x1f", 7)
		if len(fields) != 7 || !fullHash.MatchString(fields[0]) {
			return nil, fmt.Errorf("git log: not understood: %q", entry)
		}
		seconds, err := strconv.ParseInt(fields[4], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("git log: not a time: %q", fields[4])
		}
		commits = append(commits, Commit{
			Revision: fields[0], Parents: append([]string{}, strings.Fields(fields[1])...),
			Author: fields[2], Email: fields[3], Time: time.Unix(seconds, 0).UTC(),
			Subject: fields[5], Body: strings.TrimSpace(fields[6]),
		})
	}
	return commits, nil
}

// FileChange is one path that differs between two revisions.
type FileChange struct {
	Status string `lua:"status" doc:"added, modified, deleted, renamed, copied or type"`
	Path   string `lua:"path"`
	From   string `lua:"from,omitempty" doc:"the former path"`
}

var statusNames = map[byte]string{
	'A': "added", 'M': "modified", 'D': "deleted", 'R': "renamed", 'C': "copied", 'T': "type", 'U': "unmerged",
}

// parseNameStatus reads git diff --name-status -z.
func parseNameStatus(out string) ([]FileChange, error) {
	files := []FileChange{}
	records := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
	if out == "" {
		return files, nil
	}
	for i := 0; i < len(records); i++ {
		letter := records[i]
		if letter == "" || statusNames[letter[0]] == "" {
			return nil, fmt.Errorf("git diff: not understood: %q", letter)
		}
		change := FileChange{Status: statusNames[letter[0]]}
		if letter[0] == 'R' || letter[0] == 'C' {
			if i++; i < len(records) {
				change.From = records[i]
			}
		}
		if i++; i >= len(records) {
			return nil, fmt.Errorf("git diff: the path of %q is missing", letter)
		}
		change.Path = records[i]
		files = append(files, change)
	}
	return files, nil
}

// Submodule is one repository inside another.
type Submodule struct {
	Path     string `lua:"path"`
	Revision string `lua:"revision" doc:"what is checked out, or wanted when nothing is"`
	State    string `lua:"state" doc:"current, missing (not initialised), different (another commit is checked out) or conflict"`
	Describe string `lua:"describe,omitempty"`
}

var submoduleStates = map[byte]string{' ': "current", '-': "missing", '+': "different", 'U': "conflict"}

// parseSubmodules reads git submodule status.
func parseSubmodules(out string) ([]Submodule, error) {
	modules := []Submodule{}
	for _, row := range strings.Split(out, "\n") {
		if strings.TrimSpace(row) == "" {
			continue
		}
		hash, rest, found := strings.Cut(row[1:], " ")
		state := submoduleStates[row[0]]
		if !found || state == "" || !fullHash.MatchString(hash) {
			return nil, fmt.Errorf("git submodule status: not understood: %q", row)
		}
		module := Submodule{Path: rest, Revision: hash, State: state}
		if cut := strings.LastIndex(rest, " ("); cut >= 0 && strings.HasSuffix(rest, ")") {
			module.Path, module.Describe = rest[:cut], rest[cut+2:len(rest)-1]
		}
		modules = append(modules, module)
	}
	return modules, nil
}

// Tree is one working tree of a repository.
type Tree struct {
	Path     string `lua:"path"`
	Revision string `lua:"revision,omitempty"`
	Branch   string `lua:"branch,omitempty" doc:"empty when detached"`
	Bare     bool   `lua:"bare"`
	Locked   bool   `lua:"locked"`
	Prunable bool   `lua:"prunable" doc:"its directory is gone"`
}

// parseWorktrees reads git worktree list --porcelain.
func parseWorktrees(out string) ([]Tree, error) {
	trees := []Tree{}
	for _, row := range strings.Split(out, "\n") {
		key, value, _ := strings.Cut(row, " ")
		if key == "" {
			continue
		}
		if key == "worktree" {
			trees = append(trees, Tree{Path: value})
			continue
		}
		if len(trees) == 0 {
			return nil, fmt.Errorf("git worktree list: not understood: %q", row)
		}
		tree := &trees[len(trees)-1]
		switch key {
		case "HEAD":
			tree.Revision = value
		case "branch":
			tree.Branch = strings.TrimPrefix(value, "refs/heads/")
		case "bare":
			tree.Bare = true
		case "locked":
			tree.Locked = true
		case "prunable":
			tree.Prunable = true
		}
	}
	return trees, nil
}
