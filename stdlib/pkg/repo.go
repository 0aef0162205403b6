package pkg

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
)

// Repo is a repository as pkg.conf(5) describes it.
type Repo struct {
	Name          string `lua:"name" doc:"name"`
	URL           string `lua:"url" doc:"address"`
	Enabled       bool   `lua:"enabled" doc:"packages are taken from it"`
	Priority      int    `lua:"priority" doc:"the highest wins where several have a package"`
	MirrorType    string `lua:"mirror_type" doc:"srv, http or none"`
	SignatureType string `lua:"signature_type" doc:"none, pubkey or fingerprints"`
	Pubkey        string `lua:"pubkey,omitempty" doc:"public key that signs its catalogue"`
	Fingerprints  string `lua:"fingerprints,omitempty" doc:"directory of trusted fingerprints"`
}

// RepoArgs are the arguments of PutRepo.
type RepoArgs struct {
	Name          string `lua:"name,required" doc:"name; also of the file under /usr/local/etc/pkg/repos"`
	URL           string `lua:"url,pos" doc:"address, such as \"file:///usr/local/poudriere/data/packages/143amd64-default\"; may be empty to disable a known one"`
	Enabled       *bool  `lua:"enabled" doc:"take packages from it" default:"true"`
	Priority      int    `lua:"priority" doc:"the highest wins where several have a package"`
	MirrorType    string `lua:"mirror_type" doc:"how mirrors are found" enum:"srv|http|none"`
	SignatureType string `lua:"signature_type" doc:"how the catalogue is verified" enum:"none|pubkey|fingerprints"`
	Pubkey        string `lua:"pubkey" doc:"public key on the host, for signature_type pubkey"`
	Fingerprints  string `lua:"fingerprints" doc:"directory of trusted fingerprints, for signature_type fingerprints"`
	Rootdir       string `lua:"rootdir" doc:"of the system under this directory"`
}

var repoName = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

// PutRepo describes a repository to pkg, in a file of its own.
func PutRepo(ctx context.Context, h effect.Doer, a RepoArgs) (file.Changed, error) {
	const op = "pkg.repo.put"
	enabled := a.Enabled == nil || *a.Enabled
	switch {
	case !repoName.MatchString(a.Name):
		return file.Changed{}, effect.Errorf(effect.Invalid, op, "%q is no name of a repository", a.Name)
	case a.URL == "" && enabled:
		return file.Changed{}, effect.Errorf(effect.Invalid, op, "a repository that is enabled needs a url")
	case a.SignatureType == "pubkey" && a.Pubkey == "":
		return file.Changed{}, effect.Errorf(effect.Invalid, op, "signature_type pubkey needs pubkey")
	case a.SignatureType == "fingerprints" && a.Fingerprints == "":
		return file.Changed{}, effect.Errorf(effect.Invalid, op, "signature_type fingerprints needs fingerprints")
	case strings.ContainsAny(a.URL+a.Pubkey+a.Fingerprints, "\n\x00"):
		return file.Changed{}, effect.Errorf(effect.Invalid, op, "a value holds a line end")
	}
	dir := strings.TrimSuffix(a.Rootdir, "/") + "/usr/local/etc/pkg/repos"
	made, err := file.Mkdir(ctx, h, file.MkdirArgs{Path: dir})
	if err != nil {
		return file.Changed{}, err
	}
	catalogue := Target{Rootdir: a.Rootdir}.catalogue()[0]
	alsoCatalogue := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.Kind == effect.Change {
			e.Writes = append(slices.Clone(e.Writes), catalogue)
		}
		return h.Do(ctx, e)
	})
	done, err := file.PutAs(ctx, alsoCatalogue, op, file.PutArgs{
		Path: dir + "/" + a.Name + ".conf", Mode: "0644",
		Content: binding.Content{Data: []byte(writeRepo(a, enabled))},
	})
	done.Changed = done.Changed || made.Changed
	return done, err
}

// writeRepo writes a repository in UCL.
func writeRepo(a RepoArgs, enabled bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: {\n", a.Name)
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s: %s,\n", name, value)
		}
	}
	field("url", quoteUCL(a.URL))
	field("mirror_type", quoteUCL(a.MirrorType))
	field("signature_type", quoteUCL(a.SignatureType))
	field("pubkey", quoteUCL(a.Pubkey))
	field("fingerprints", quoteUCL(a.Fingerprints))
	if a.Priority != 0 {
		field("priority", strconv.Itoa(a.Priority))
	}
	if enabled {
		b.WriteString("  enabled: yes\n}\n")
	} else {
		b.WriteString("  enabled: no\n}\n")
	}
	return b.String()
}

// quoteUCL writes a string that UCL reads back; variables such as ${ABI} stay.
func quoteUCL(s string) string {
	if s == "" {
		return ""
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// ListRepos lists the repositories that pkg knows, with variables resolved.
func ListRepos(ctx context.Context, h effect.Doer, t Target) ([]Repo, error) {
	const op = "pkg.repo.list"
	if err := t.check(op); err != nil {
		return nil, err
	}
	res, err := run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Argv: t.command("-vv"),
		Reads: append(t.catalogue()[1:], t.one("pkg")),
	})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	return parseRepos(out), err
}

var (
	repoForm  = lazyregexp.New(`^  (\S+): \{\s*$`)
	fieldForm = lazyregexp.New(`^\s+(\w+)\s*: (.*?),?\s*$`)
)

// parseRepos reads the "Repositories:" part of pkg -vv.
func parseRepos(out string) []Repo {
	list := []Repo{}
	_, out, _ = strings.Cut("\n"+out, "\nRepositories:")
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\r\n")
		if m := repoForm.FindStringSubmatch(line); m != nil {
			list = append(list, Repo{Name: m[1], MirrorType: "none", SignatureType: "none"})
			continue
		}
		m := fieldForm.FindStringSubmatch(line)
		if m == nil || len(list) == 0 {
			continue
		}
		r, value := &list[len(list)-1], strings.Trim(m[2], `"`)
		switch m[1] {
		case "url":
			r.URL = value
		case "enabled":
			r.Enabled = value == "yes"
		case "priority":
			r.Priority, _ = strconv.Atoi(value)
		case "mirror_type":
			r.MirrorType = strings.ToLower(value)
		case "signature_type":
			r.SignatureType = strings.ToLower(value)
		case "pubkey":
			r.Pubkey = value
		case "fingerprints":
			r.Fingerprints = value
		}
	}
	return list
}
