package check

import (
	"testing"

	"bsdrun/runtime/effect"
)

// The recipe's steps.
const (
	install      = "Install what is missing"
	look         = "Look at the repositories"
	shaker       = "Configure portshaker"
	update       = "Update and merge the trees"
	configure    = "Configure poudriere"
	registerTree = "Register the ports tree"
	createJail   = "Create the jail"
	build        = "Build the ports"
)

func TestFreshMachine(t *testing.T) {
	t.Parallel()
	w := builder(t)
	p := w.keeps()
	p.foresaw(t, install)
	if len(p.run[build].changes) == 0 {
		t.Error("nothing was built")
	}
}

// A run that a wrong branch has stopped leaves a machine half set up.
func TestHalfSetUp(t *testing.T) {
	t.Parallel()
	w := builder(t)
	w.params["branch"] = "no-such-branch"
	w.ends(effect.StatusFailed)
	delete(w.params, "branch")
	p := w.keeps()
	if len(p.check[install].changes) > 0 || len(p.check[shaker].changes) == 0 {
		t.Errorf("%+v", p.check)
	}
}

func TestSetUp(t *testing.T) {
	t.Parallel()
	w := setUp(t)
	p := w.keeps()
	if len(p.run) < 12 {
		t.Fatalf("%+v", p.run)
	}
}

// Whatever somebody changes by hand is what the check lists, and what the run
// mends.
func TestChangedByHand(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		by   string
		step string
	}{
		"a setting of poudriere":     {`sed -i '' -e 's,^BASEFS=.*,BASEFS=/elsewhere,' /usr/local/etc/poudriere.conf`, configure},
		"a setting of portshaker":    {`echo mirror_base_dir=/elsewhere >>/usr/local/etc/portshaker.conf`, shaker},
		"a script that cannot run":   {`chmod a-x /usr/local/etc/portshaker.d/custom`, shaker},
		"a script that is another":   {`echo '# mine' >>/usr/local/etc/portshaker.d/custom`, shaker},
		"a package that is gone":     {`pkg delete -fy rsync`, install},
		"a tree that is forgotten":   {`rm -rf /usr/local/etc/poudriere.d/ports/default`, registerTree},
		"a jail that is forgotten":   {`poudriere jail -d -y -j 143amd64`, createJail},
		"a tree that is gone":        {`rm -rf /usr/local/poudriere/ports/default`, update},
		"a merge that was cut short": {`echo begun >/var/cache/portshaker/.bsdrun/default.record`, update},
		"a mirror that is gone":      {`rm -rf /var/cache/portshaker/custom`, update},
		"a folder that is gone":      {`rmdir /usr/ports/distfiles 2>/dev/null || rm -r /usr/ports/distfiles`, configure},
		"packages that are missing":  {`rm /usr/local/poudriere/data/packages/143amd64-default/.latest/All/greeter-*`, build},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setUp(t)
			w.byHand(c.by)
			p := w.keeps()
			if p.check[c.step].status == effect.StatusOK || p.run[c.step].status != effect.StatusChanged {
				t.Errorf("%s: checked as %+v, run as %+v", c.step, p.check[c.step], p.run[c.step])
			}
			for name, s := range stepsOf(w.ends(effect.StatusOK)) {
				if name != build && len(s.changes) > 0 {
					t.Errorf("another run: %s: %v", name, s.changes)
				}
			}
		})
	}
}

// A commit in the repository is seen by the check, and what follows from it.
func TestBump(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.port("misc/hello", "1.0")
	r.port("misc/hello-tools", "0.3")
	w := builder(t, "git="+repositoryURL+"="+r.dir)
	w.params["repository"] = repositoryURL
	w.ends(effect.StatusOK)
	r.port("misc/hello", "1.1")
	p := w.keeps()
	if len(p.check[update].changes) == 0 && p.check[update].status != effect.StatusUnknown {
		t.Errorf("the check did not see the commit: %+v", p.check[update])
	}
	if p.run[update].status != effect.StatusChanged {
		t.Errorf("%+v", p.run[update])
	}
}

// Parameters that change are changes.
func TestAnotherParameter(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]string{"jobs": configure, "make_conf": "Configure the builds", "tree": registerTree} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setUp(t)
			w.params[name] = map[string]any{"jobs": int64(2), "make_conf": "DEFAULT_VERSIONS+=ssl=openssl\n", "tree": "other"}[name]
			p := w.keeps()
			if p.check[step].status == effect.StatusOK {
				t.Errorf("%s: %+v", step, p.check[step])
			}
		})
	}
}
