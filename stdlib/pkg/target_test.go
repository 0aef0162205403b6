package pkg_test

import (
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/pkg"
	"bsdrun/tests/answers"
)

// TestTargets: every command goes to the packages of the jail, or of the root.
func TestTargets(t *testing.T) {
	for words, target := range map[string]pkg.Target{"pkg -j www ": {Jail: "www"}, "pkg -r /mnt ": {Rootdir: "/mnt"}} {
		h := answers.New(t)
		h.Says(words, "")
		h.Fails(words+"query", answers.Answer{Code: 1})
		h.Says(words+"query %k", "0\n")
		h.Says(words+"install", "New packages to be INSTALLED:\n\ttree: 2.2.1\n")
		h.Says(words+"upgrade -n", "Installed packages to be UPGRADED:\n\ttree: 2.2.0 -> 2.2.1\n")
		h.Says(words+"autoremove -n", "Installed packages to be REMOVED:\n\ttree: 2.2.1\n")
		h.Says(words+"clean -n", "The cleanup will free 1 MiB\n")
		h.Says(words+"which", "tree-2.2.1\n")
		h.Says(words+"audit", `{"pkg_count":0,"packages":{}}`)
		for name, err := range map[string]error{
			"install":    second(pkg.Install(ctx, h, pkg.InstallArgs{Names: []string{"tree"}, Target: target})),
			"upgrade":    second(pkg.Upgrade(ctx, h, pkg.UpgradeArgs{Target: target})),
			"plan":       second(pkg.PlanFor(ctx, h, pkg.PlanArgs{Action: "autoremove", Target: target})),
			"autoremove": second(pkg.Autoremove(ctx, h, target)),
			"update":     second(pkg.Update(ctx, h, pkg.UpdateArgs{Target: target})),
			"lock":       second(pkg.Lock(ctx, h, pkg.NamesArgs{Names: []string{"tree"}, Target: target})),
			"clean":      second(pkg.Clean(ctx, h, pkg.CleanArgs{Target: target})),
			"check":      second(pkg.Check(ctx, h, pkg.CheckArgs{Target: target})),
			"list":       second(pkg.List(ctx, h, pkg.ListArgs{Target: target})),
			"info":       second(pkg.Info(ctx, infoOf(h, words), pkg.NameArgs{Name: "tree", Target: target})),
			"search":     second(pkg.Search(ctx, h, pkg.SearchArgs{Pattern: "tree", Target: target})),
			"query":      second(pkg.Query(ctx, h, pkg.QueryArgs{Format: "%n", Target: target})),
			"which":      second(pkg.Which(ctx, h, pkg.WhichArgs{Path: "/usr/local/bin/tree", Target: target})),
			"audit":      second(pkg.Audit(ctx, h, pkg.AuditArgs{Fetch: true, Target: target})),
			"repo.list":  second(pkg.ListRepos(ctx, h, target)),
		} {
			if err != nil {
				t.Errorf("%s%s: %v", words, name, err)
			}
		}
		for _, line := range h.Seen {
			if !strings.HasPrefix(line, words) {
				t.Errorf("%q went elsewhere", line)
			}
		}
	}
	h := answers.New(t)
	for _, bad := range []pkg.Target{{Jail: "a", Rootdir: "/b"}, {Jail: "-a"}, {Rootdir: "b"}} {
		if _, err := pkg.List(ctx, h, pkg.ListArgs{Target: bad}); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// infoOf answers the script of pkg.info, which is several commands.
func infoOf(h *answers.Host, words string) *answers.Host {
	h.Fails(words+"query 'P", answers.Answer{Code: 1})
	return h
}
