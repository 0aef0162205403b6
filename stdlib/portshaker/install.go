package portshaker

import (
	"context"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/pkg"
)

// InstallArgs say what the sources need.
type InstallArgs struct {
	Methods []string `lua:"methods" doc:"methods of the sources that will be used" default:"git" enum:"git|svn|svn+subtrees|rsync|hg|cvs|csup|portsnap"`
	ZFS     bool     `lua:"zfs" doc:"targets are data sets only, so that rsync is not needed"`
}

// Installed tells what was installed.
type Installed struct {
	Changed bool   `lua:"changed"`
	Version string `lua:"version,produced" doc:"of portshaker"`
}

// providers are the packages that bring a method's program; any will do, the
// first is installed where none is there.
var providers = map[string][]string{
	"git": {"git", "git-lite", "git-tiny"}, "svn": {"subversion", "subversion-lts"}, "svn+subtrees": {"subversion", "subversion-lts"},
	"rsync": {"rsync"}, "hg": {"mercurial"}, "cvs": {"cvs"},
}

// Install installs portshaker and the programs that its sources need.
func Install(ctx context.Context, h effect.Doer, a InstallArgs) (Installed, error) {
	names := []string{"portshaker"}
	methods := a.Methods
	if !a.ZFS {
		methods = append(methods[:len(methods):len(methods)], "rsync")
	}
	for _, method := range methods {
		name, err := provider(ctx, h, providers[method])
		if err != nil {
			return Installed{}, err
		}
		if name != "" {
			names = append(names, name)
		}
	}
	done, err := pkg.Install(ctx, h, pkg.InstallArgs{Names: names})
	if err != nil {
		return Installed{}, err
	}
	version, _, err := pkg.Installed(ctx, h, "portshaker")
	if unknown(err) {
		err = nil
	}
	return Installed{Changed: done.Changed, Version: version}, err
}

// provider is what is to be installed for a method: nothing where one is there.
func provider(ctx context.Context, h effect.Doer, packages []string) (string, error) {
	if len(packages) == 1 {
		return packages[0], nil
	}
	for _, name := range packages {
		if _, there, err := pkg.Installed(ctx, h, name); err != nil || there {
			return "", err
		}
	}
	if len(packages) == 0 {
		return "", nil
	}
	return packages[0], nil
}
