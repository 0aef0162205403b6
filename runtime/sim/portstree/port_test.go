package portstree

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

type mapFiles fstest.MapFS

func (m mapFiles) ReadFile(name string) ([]byte, error) {
	return fs.ReadFile(fstest.MapFS(m), strings.TrimPrefix(name, "/"))
}

func tree(files map[string]string) *Tree {
	m := mapFiles{}
	for name, text := range files {
		m["ports/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return &Tree{FS: m, Root: "/ports"}
}

func TestCompareVersions(t *testing.T) {
	// pairs in ascending order, from the examples of pkg-version(8) and the
	// porter's handbook
	for _, c := range []struct{ a, sign, b string }{
		{"1.0", "=", "1.0"}, {"1.0", "<", "1.1"}, {"1.9", "<", "1.10"}, {"2", ">", "1.10"},
		{"1.0", "<", "1.0_1"}, {"1.0_9", "<", "1.0_10"}, {"1.0_3", "<", "1.1"},
		{"2.0", "<", "1.0,1"}, {"1.0,1", "<", "0.9,2"}, {"1.0_1,1", ">", "1.0,1"},
		{"1.2", "<", "1.2.1"}, {"1.2", "<", "1.2a"}, {"1.2a", "<", "1.2b"}, {"1.2a", "<", "1.2a1"},
		{"1.0.b1", "<", "1.0"}, {"1.0.a2", "<", "1.0.b1"}, {"1.0.b2", "<", "1.0.b10"}, {"1.0.r1", "<", "1.0"},
		{"1.0.alpha1", "=", "1.0.a1"}, {"1.0rc1", "<", "1.0"}, {"1.0.pl1", "<", "1.0.a1"}, {"1.0pl1", "=", "1.0.pl1"},
		{"0.1", ">", "0"}, {"20240101", "<", "20240102"}, {"1.0+2", ">", "1.0"}, {"1.0+1", "<", "1.0+2"},
		{"1.0.0", "=", "1.0"}, {"A1", "=", "a1"}, {"*", "<", "0"}, {"", "=", ""},
	} {
		if got := VersionSign(c.a, c.b); got != c.sign {
			t.Errorf("%q against %q: got %q, want %q", c.a, c.b, got, c.sign)
		}
		back := strings.NewReplacer("<", ">", ">", "<").Replace(c.sign)
		if got := VersionSign(c.b, c.a); got != back {
			t.Errorf("%q against %q: got %q, want %q", c.b, c.a, got, back)
		}
	}
}

func TestPortMetadata(t *testing.T) {
	tr := tree(map[string]string{
		"devel/gmake/Makefile":     "PORTNAME=gmake\nPORTVERSION=4.4.1\nCATEGORIES=devel\n.include <bsd.port.mk>\n",
		"devel/pcre2/Makefile":     "PORTNAME=pcre2\nPORTVERSION=10.45\n",
		"security/tls/Makefile":    "PORTNAME=tls\nPORTVERSION=1\n",
		"www/server/Makefile":      "# comment\nPORTNAME=\tserver\nDISTVERSION=\t1.28.0-rc2\nPORTREVISION=\t3\nPORTEPOCH=\t2\nCATEGORIES=\twww net # two\nPKGNAMESUFFIX=\t-full\nCOMMENT=\tA \\\n\t\tserver\n\nLIB_DEPENDS=\tlibpcre2-8.so:devel/pcre2\nUSES=\tgmake ssl\nOPTIONS_DEFINE=\tTLS DEBUG\nOPTIONS_DEFAULT=TLS\nTLS_DESC=\tEncrypt\nTLS_RUN_DEPENDS=\ttls:security/tls\nDEBUG_BUILD_DEPENDS=\tx:devel/nothing\n.include <bsd.port.options.mk>\n.if ${PORT_OPTIONS:MTLS} && !defined(NEVER)\nRUN_DEPENDS+=\t${PORTNAME}-data>=1:www/data@small:install\n.else\nBROKEN=\tnever\n.endif\n\npost-install:\n\techo A=B\n\n.include <bsd.port.mk>\n",
		"www/server-lite/Makefile": "PKGNAMESUFFIX=-lite\nMASTERDIR=${.CURDIR}/../server\nOPTIONS_EXCLUDE=\n.include \"${MASTERDIR}/Makefile\"\n",
	})
	p, err := tr.Port("www/server", "")
	if err != nil {
		t.Fatal(err)
	}
	if p.PkgName() != "server-full-1.28.0.r2_3,2" {
		t.Errorf("package name %q", p.PkgName())
	}
	if p.Comment != "A server" || !cmp.Equal(p.Categories, []string{"www", "net"}) || p.Ignore != "" {
		t.Errorf("comment %q, categories %q, ignore %q", p.Comment, p.Categories, p.Ignore)
	}
	want := []Dep{
		{Lib, "libpcre2-8.so", "devel/pcre2", ""},
		{Run, "server-data>=1", "www/data", "small"},
		{Run, "tls", "security/tls", ""},
		{Build, "gmake", "devel/gmake", ""},
	}
	if diff := cmp.Diff(want, p.Deps); diff != "" {
		t.Error(diff)
	}
	if !cmp.Equal(p.Selected(), []string{"TLS"}) {
		t.Errorf("options %q", p.Selected())
	}

	tr.Options = func(name string) string {
		if name != "www_server" {
			t.Errorf("options of %q asked", name)
		}
		return "OPTIONS_FILE_UNSET+=TLS\nOPTIONS_FILE_SET+=DEBUG\n"
	}
	p, _ = tr.Port("www/server", "")
	if p.Ignore != "is marked as broken: never" || !cmp.Equal(p.Selected(), []string{"DEBUG"}) {
		t.Errorf("with options off: ignore %q, options %q", p.Ignore, p.Selected())
	}
	tr.Options = nil
	tr.MakeConf = "OPTIONS_UNSET=TLS\n"
	if p, _ = tr.Port("www/server", ""); len(p.Selected()) != 0 {
		t.Errorf("make.conf unset TLS, still on: %q", p.Selected())
	}
	tr.MakeConf = ""
	if _, err = tr.Port("www/none", ""); err == nil {
		t.Error("a missing port was found")
	}
}

func TestPackageVersion(t *testing.T) {
	for text, want := range map[string]string{
		"PORTVERSION=1.0-2_3,4\n": "1.0.2.3.4", "DISTVERSION=v2.0-RC1\n": "v2.0.r1", "DISTVERSION=1.2beta3\n": "1.2.b3", "DISTVERSION=2026-01-02\n": "2026.01.02",
		"PORTVERSION=1\nPORTREVISION=0\n": "1", "PORTVERSION=1\nPORTEPOCH=1\n": "1,1", "DISTVERSION=1.0+git\n": "1.0+g",
	} {
		p, err := tree(map[string]string{"a/b/Makefile": "PORTNAME=b\n" + text}).Port("a/b", "")
		if err != nil || p.Version != want {
			t.Errorf("%q: got %q, want %q (%v)", text, p.Version, want, err)
		}
	}
}

func TestSlavePort(t *testing.T) {
	tr := tree(map[string]string{
		"www/a/Makefile":   "PORTNAME=a\nPORTVERSION=2.0\nPORTREVISION?=0\n.include <bsd.port.mk>\n",
		"www/a-x/Makefile": "PKGNAMESUFFIX=-x\nPORTREVISION=4\nMASTERDIR=${.CURDIR}/../a\n.include \"${MASTERDIR}/Makefile\"\n",
	})
	p, err := tr.Port("www/a-x", "")
	if err != nil || p.PkgName() != "a-x-2.0_4" {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestPythonPort(t *testing.T) {
	tr := tree(map[string]string{
		"devel/py-x/Makefile": "PORTNAME=x\nDISTVERSION=1.0-b2\nPKGNAMEPREFIX=${PYTHON_PKGNAMEPREFIX}\nRUN_DEPENDS=${PYTHON_PKGNAMEPREFIX}y>0:devel/py-y@${PY_FLAVOR}\nUSES=python\nUSE_PYTHON=autoplist distutils flavors\n",
	})
	p, err := tr.Port("devel/py-x", "")
	if err != nil || p.PkgName() != "py311-x-1.0.b2" || p.Spec() != "devel/py-x@py311" {
		t.Errorf("got %+v, %v", p, err)
	}
	if diff := cmp.Diff([]Dep{{Run, "py311-y>0", "devel/py-y", "py311"}}, p.Deps); diff != "" {
		t.Error(diff)
	}
}

func TestFlavors(t *testing.T) {
	tr := tree(map[string]string{
		"devel/g/Makefile": "PORTNAME=g\nPORTVERSION=1\nFLAVORS=default tiny\nFLAVOR?=${FLAVORS:[1]}\ntiny_PKGNAMESUFFIX=-tiny\ndefault_RUN_DEPENDS=x:devel/x\n.if ${FLAVOR} == tiny\nCOMMENT=small\n.else\nCOMMENT=full\n.endif\n",
	})
	p, _ := tr.Port("devel/g", "")
	if p.PkgName() != "g-1" || p.Comment != "full" || len(p.Deps) != 1 || p.Spec() != "devel/g@default" {
		t.Errorf("default: %+v", p)
	}
	if p, _ = tr.Port("devel/g", "tiny"); p.PkgName() != "g-tiny-1" || p.Comment != "small" || len(p.Deps) != 0 {
		t.Errorf("tiny: %+v", p)
	}
}

func TestBlockers(t *testing.T) {
	for text, want := range map[string]string{
		"BROKEN=\tdoes not build\n":                                                   "is marked as broken: does not build",
		"IGNORE=\tneeds a licence\n":                                                  "needs a licence",
		"FORBIDDEN=\tholes\n":                                                         "is forbidden: holes",
		"ONLY_FOR_ARCHS=\ti386\n":                                                     "is only for i386, while you are running amd64",
		".if ${OPSYS} != FreeBSD\nBROKEN=x\n.endif\n":                                 "",
		".if defined(A) || 1 > 2\nIGNORE=x\n.endif\n":                                 "",
		"A=b\n.if ${A:Mb} && \"${A}\" == \"b\"\nIGNORE=y\n.endif\n":                   "y",
		".for i in 1 2\nX+=${i}\n.endfor\n.if ${X} == \"1 2\"\nIGNORE=loop\n.endif\n": "loop",
		"A=x.y\nIGNORE=${A:S/x/z/:C/\\.(.)/-\\1/:tu}\n":                               "Z-Y",
	} {
		tr := tree(map[string]string{"a/b/Makefile": "PORTNAME=b\nPORTVERSION=1\n" + text})
		p, err := tr.Port("a/b", "")
		if err != nil || p.Ignore != want {
			t.Errorf("%q: got %q, want %q (%v)", text, p.Ignore, want, err)
		}
	}
}

func TestCategoriesAndMoved(t *testing.T) {
	tr := tree(map[string]string{
		"Makefile":     "SUBDIR += www\n    SUBDIR += devel\n.include <bsd.port.subdir.mk>\n",
		"www/Makefile": "    COMMENT = web\n    SUBDIR += b\n    SUBDIR += a\n", "devel/Makefile": "SUBDIR+=x\n",
		"MOVED": "# old|new|date|why\nwww/old|www/a|2026-01-02|Renamed\nwww/gone||2026-01-03|Has expired\n",
	})
	if got := tr.Origins(); !cmp.Equal(got, []string{"devel/x", "www/a", "www/b"}) {
		t.Errorf("origins %q", got)
	}
	want := []Moved{{"www/old", "www/a", "2026-01-02", "Renamed"}, {"www/gone", "", "2026-01-03", "Has expired"}}
	if diff := cmp.Diff(want, tr.Moved()); diff != "" {
		t.Error(diff)
	}
}

func FuzzMakefile(f *testing.F) {
	f.Add("PORTNAME=a\n.if ${A:S/x/y/} == \"b\" && !empty(C)\nB+=${D:M*}\n.endif\n")
	f.Add(".for a b in ${X}\n.include \"Makefile\"\n.endfor\n")
	f.Add("X=${X}\nY:=${X:C/(/\\1/}${")
	f.Add(".if (((\n.elif =\n.else\n.endif")
	f.Fuzz(func(t *testing.T, text string) {
		tr := tree(map[string]string{"a/b/Makefile": text})
		_, _ = tr.Port("a/b", "")
	})
}

func FuzzCompareVersions(f *testing.F) {
	f.Add("1.0_1,2", "1.0.rc1")
	f.Fuzz(func(t *testing.T, a, b string) {
		if CompareVersions(a, b) != -CompareVersions(b, a) {
			t.Errorf("%q and %q are ordered differently the other way round", a, b)
		}
		if CompareVersions(a, a) != 0 {
			t.Errorf("%q differs from itself", a)
		}
	})
}
