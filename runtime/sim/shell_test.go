package sim_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"bsdrun/runtime/sim"
)

func newMachine(t *testing.T, tools ...*sim.Tool) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: "freebsd-14.3", Tools: tools})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func run(t *testing.T, m *sim.Machine, script string) (string, string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return m.Exec(ctx, "root", script)
}

// shellTable is what sh must do. The same text is given to a real POSIX shell
// where there is one; the utilities it uses are builtins of both.
var shellTable = []struct{ script, want string }{
	{`echo a b  c`, "a b c\n"},
	{`echo "a b"  'c  d'`, "a b c  d\n"},
	{`x=1; y=$x$x; echo "$y" '$y' \$y`, "11 $y $y\n"},
	{`echo $((1+2*3)) $(( (1+2)*3 )) $((7/2)) $((7%3)) $((1<<4)) $((5>3)) $((!0))`, "7 9 3 1 16 1 1\n"},
	{`x=5; echo $((x+1)) $((x*=2)) $x`, "6 10 10\n"},
	{`echo $((0x1f)) $((010))`, "31 8\n"},
	{`for i in 1 2 3; do echo $i; done`, "1\n2\n3\n"},
	{`i=0; while [ $i -lt 3 ]; do i=$((i+1)); [ $i -eq 2 ] && continue; echo $i; done`, "1\n3\n"},
	{`i=0; until [ $i -ge 2 ]; do i=$((i+1)); done; echo $i`, "2\n"},
	{`for i in 1 2; do for j in a b; do [ $j = b ] && continue 2; echo $i$j; done; done`, "1a\n2a\n"},
	{`for i in 1 2; do for j in a b; do break 2; done; done; echo $i$j`, "1a\n"},
	{`if false; then echo a; elif true; then echo b; else echo c; fi`, "b\n"},
	{`if false; then echo a; fi; echo $?`, "0\n"},
	{`case abc in a*) echo one;; *) echo two;; esac`, "one\n"},
	{`case "a*" in "a*") echo literal;; esac; case ab in "a*") echo no;; *) echo yes;; esac`, "literal\nyes\n"},
	{`case x in a|x) echo alt;; esac`, "alt\n"},
	{`case "" in "") echo empty;; esac`, "empty\n"},
	{`case abc in [!a]*) echo no;; [a-c]bc) echo class;; esac`, "class\n"},
	{`f() { echo "$1-$2-$#"; return 3; }; f a "b c"; echo $?`, "a-b c-2\n3\n"},
	{`f() { local x=in; echo $x; }; x=out; f; echo $x`, "in\nout\n"},
	{`f() { x=changed; }; x=out; f; echo $x`, "changed\n"},
	{`set -- a "b c" d; for i in "$@"; do echo "<$i>"; done`, "<a>\n<b c>\n<d>\n"},
	{`set -- a "b c" d; for i in $@; do echo "<$i>"; done`, "<a>\n<b>\n<c>\n<d>\n"},
	{`set -- a "b c" d; for i in "$*"; do echo "<$i>"; done`, "<a b c d>\n"},
	{`set -- a b c; IFS=,; echo "$*"; echo "x$*y"`, "a,b,c\nxa,b,cy\n"},
	{`set --; for i in "$@"; do echo no; done; echo $#`, "0\n"},
	{`set -- "" ""; echo $#; for i in "$@"; do echo "<$i>"; done`, "2\n<>\n<>\n"},
	{`set -- a b; echo "x$@y"; for i in "x$@y"; do echo "<$i>"; done`, "xa by\n<xa>\n<by>\n"},
	{`set -- a b c d e f g h i j k; echo ${10} ${11} $#; shift 9; echo $1 $#`, "j k 11\nj 2\n"},
	{`unset x; echo ${x-unset} ${x:-empty} ${x+set}; x=; echo ${x-unset} ${x:-empty} ${x+set} ${x:+full}`, "unset empty\nempty set\n"},
	{`echo ${y:=assigned}; echo $y`, "assigned\nassigned\n"},
	{`x=hello; echo ${#x}`, "5\n"},
	{`p=/usr/local/lib/x.tar.gz; echo ${p##*/} ${p%/*} ${p%.*} ${p%%.*} ${p#*/}`, "x.tar.gz /usr/local/lib /usr/local/lib/x.tar /usr/local/lib/x usr/local/lib/x.tar.gz\n"},
	{`x='a*b'; echo "${x%\*b}" "${x#a"*"}"`, "a b\n"},
	{`x=abc; p='a*'; echo "${x#$p}" "${x#"$p"}"`, "bc abc\n"},
	{`x="a  b"; echo $x; echo "$x"; for i in $x; do echo $i; done`, "a b\na  b\na\nb\n"},
	{`IFS=:; x=a::b:; for i in $x; do echo "<$i>"; done`, "<a>\n<>\n<b>\n"},
	{`IFS=": "; x="a : b  c"; for i in $x; do echo "<$i>"; done`, "<a>\n<b>\n<c>\n"},
	{`IFS=; x="a b"; for i in $x; do echo "<$i>"; done`, "<a b>\n"},
	{`echo $(echo a; echo b) "$(echo a; echo b)"`, "a b a\nb\n"},
	{"echo `echo back \\`echo nested\\``", "back nested\n"},
	{`x=$(false); echo $?; x=$(exit 7) || echo $?`, "1\n7\n"},
	{`x=$(printf 'a\n\n\n'); echo "[$x]"`, "[a]\n"},
	{`echo a | { read x; echo got $x; }`, "got a\n"},
	{`printf 'a b c\nd\n' | while read x y; do echo "$x/$y"; done`, "a/b c\nd/\n"},
	{`printf 'a\\\nb\n' | { read x; echo "$x"; }`, "ab\n"},
	{`printf 'a\\b\n' | { read -r x; printf '%s\n' "$x" | { read -r y; printf '%s\n' "$y"; }; }`, "a\\b\n"},
	{`printf 'no newline' | { read x; echo "$? $x"; }`, "1 no newline\n"},
	{`echo a:b:c | { IFS=: read x y z; echo "$x $y $z"; }`, "a b c\n"},
	{`true | false; echo $?; false | true; echo $?`, "1\n0\n"},
	{`! true; echo $?; ! false; echo $?`, "1\n0\n"},
	{`true && echo a || echo b; false && echo a || echo b`, "a\nb\n"},
	{`(exit 3); echo $?; (x=1); echo "[$x]"`, "3\n[]\n"},
	{`{ echo a; echo b; } | { read x; read y; echo $y$x; }`, "ba\n"},
	{`echo out; echo err >&2; echo both 2>&1`, "out\nboth\n"},
	{`{ echo err >&2; } 2>&1 | { read x; echo "piped $x"; }`, "piped err\n"},
	{`x=$( { echo out; echo err >&2; } 2>&1 >/dev/null ); echo "$x"`, "err\n"},
	{`exec 3>&1; echo three >&3; exec 3>&-; echo gone >&3 || echo closed`, "three\nclosed\n"},
	{"read x <<E\nhere $((1+1))\nE\necho \"$x\"", "here 2\n"},
	{"x=v; while read l; do echo \"[$l]\"; done <<E\na $x\n$(echo sub) \\$x\nE", "[a v]\n[sub $x]\n"},
	{"x=v; while read -r l; do echo \"[$l]\"; done <<'E'\na $x\nE", "[a $x]\n"},
	{"if true; then\nwhile read l; do echo \"[$l]\"; done <<-E\n\t\tindented\n\tE\nfi", "[indented]\n"},
	{`set -e; false; echo no`, ""},
	{`set -e; false || echo ok; if false; then :; fi; ! true; echo end`, "ok\nend\n"},
	{`set -e; f() { false; echo in; }; f || echo failed; f; echo no`, "in\n"},
	{`set -e; (false; echo no); echo no`, ""},
	{`set -e; x=$(false); echo no`, ""},
	{`set -e; true && false; echo no`, ""},
	{`set -e; false && true; echo yes`, "yes\n"},
	{`set -e; { false; } || echo a; false | true; echo b`, "a\nb\n"},
	{`set -u; echo ${x-default}; echo $x; echo no`, "default\n"},
	{`x=1; readonly x; x=2; echo no`, ""},
	{`x=1 eval 'echo $x'; eval "echo a;" 'echo b'`, "1\na\nb\n"},
	{`x=a; eval "$x=b"; echo $a`, "b\n"},
	{`f() { echo f; }; command -v f; command -v cd; command -v nosuchthing; echo $?; unset -f f; command -v f; echo $?`, "f\ncd\n127\n127\n"},
	{`while getopts ab:c o -a -b val -c rest; do echo "$o:$OPTARG"; done; echo $OPTIND`, "a:\nb:val\nc:\n5\n"},
	{`while getopts :ab: o -x -b; do echo "$o:$OPTARG"; done`, "?:x\n::b\n"},
	{`while getopts ab: o -abval x; do echo "$o:$OPTARG"; done; echo $OPTIND`, "a:\nb:val\n2\n"},
	{`trap 'echo bye' EXIT; echo hi; exit 4`, "hi\nbye\n"},
	{`trap 'echo caught' USR1; kill -USR1 $$; echo after`, "caught\nafter\n"},
	{`(trap 'echo sub' EXIT; :); echo main`, "sub\nmain\n"},
	{`trap '' TERM; kill -TERM $$; echo alive`, "alive\n"},
	{`(exit 5) & wait $!; echo $?`, "5\n"},
	{`{ echo bg; } & wait; echo done`, "bg\ndone\n"},
	{`(kill -TERM $$ 2>/dev/null; :) & wait; echo no`, ""},
	{`f() { return; }; false; f; echo $?`, "1\n"},
	{`cd /; pwd; cd usr; echo $PWD $OLDPWD; cd - >/dev/null; pwd`, "/\n/usr /\n/\n"},
	{`cd /usr/../bin/.; pwd`, "/bin\n"},
	{`cd /nonexistent 2>/dev/null || echo failed`, "failed\n"},
	{`test a = a && echo eq; [ a != b ] && echo ne; [ -z "" ] && echo z; [ -n x ] && echo n; [ x ] && echo x`, "eq\nne\nz\nn\nx\n"},
	{`[ 1 -lt 2 ] && [ 2 -ge 2 ] && echo num; [ -d / ] && echo dir; [ -f / ] || echo nofile; [ -e /nope ] || echo none`, "num\ndir\nnofile\nnone\n"},
	{`[ a = a -a b = b ] && echo and; [ a = b -o b = b ] && echo or; [ ! a = b ] && echo not; [ "(" = ")" ] || echo paren`, "and\nor\nnot\nparen\n"},
	{`[ 1 -eq x ] 2>/dev/null; echo $?`, "2\n"},
	{`printf '%s-%d-%x-%05d-%5s|%-5s|\n' a 12 255 42 r l`, "a-12-ff-00042-    r|l    |\n"},
	{`printf '%s\n' a b c; printf '[%s]' ; echo; printf '%b\n' 'a\tb'; printf '\101\n'`, "a\nb\nc\n[]\na\tb\nA\n"},
	{`printf '%c%c\n' abc def; printf '%%\n'; printf '%.2s\n' abcdef; printf '%o %X\n' 8 255`, "ad\n%\nab\n10 FF\n"},
	{`printf '%s %s\n' a b c`, "a b\nc \n"},
	{`x='*'; echo "$x" '*' \*; cd /nonexistent-glob 2>/dev/null; echo /nonexistent*`, "* * *\n/nonexistent*\n"},
	{`set -f; echo /b*; set +f`, "/b*\n"},
	{`x=a; x=$x"b"'c'; echo ${x}d`, "abcd\n"},
	{`printf '%s ' "a'b" 'a"b' "a\"b"; printf '%s\n' "a\\b"`, "a'b a\"b a\"b a\\b\n"},
	{"echo a\\\nb", "ab\n"},
	{`echo ~root | { read x; [ "$x" = /root ] && echo home; }; HOME=/h; echo ~ ~/x "~" x~; y=~/z; echo $y`, "home\n/h /h/x ~ x~\n/h/z\n"},
	{`x=a:~; HOME=/h; y=a:~:~/b; echo $y`, "a:/h:/h/b\n"},
	{`umask 022; umask; umask 077; umask`, "0022\n0077\n"},
	{`export A=1; (echo $A); unset A; echo "[$A]"`, "1\n[]\n"},
	{`x=1; { x=2; }; echo $x; x=3 | :; echo $x`, "2\n2\n"},
	{`:; echo $?; false; echo $?; true; echo $?`, "0\n1\n0\n"},
	{`sh -c 'echo $0 $1 $#' name a b`, "name a 2\n"},
	{`echo 'echo from stdin $1' | sh -s arg`, "from stdin arg\n"},
	{`sh -c 'exit 9'; echo $?; sh -c 'kill -TERM $$'; echo $?`, "9\n143\n"},
	{`sh -ec 'false; echo no'; echo $?`, "1\n"},
	{`nosuchcommand 2>/dev/null; echo $?; /nosuch/path 2>/dev/null; echo $?`, "127\n127\n"},
	{`if nosuchcommand 2>/dev/null; then echo yes; else echo no; fi`, "no\n"},
	{`echo a >/nonexistent/x 2>/dev/null || echo failed; echo next`, "failed\nnext\n"},
	{`x=$(echo "a b"); set -- $x; echo $#; set -- "$x"; echo $#`, "2\n1\n"},
	{`x="a
b"; echo "$x"; echo $x`, "a\nb\na b\n"},
	{`f() { for a; do echo "$a"; done; }; f 1 "2 3"`, "1\n2 3\n"},
	{`f() { echo "$@"; }; f "$@" end`, "end\n"},
	{`set a b; f() { set x y z; echo $#; }; f; echo $#`, "3\n2\n"},
	{`x=5; f() { local x; x=6; g; }; g() { echo $x; }; f; echo $x`, "6\n5\n"},
	{`while :; do break; done; echo $?; while false; do :; done; echo $?`, "0\n0\n"},
	{`x=; echo "[${x:-"a b"}]" [${x:-a b}]; for i in ${x:-a b}; do echo $i; done; for i in ${x:-"a b"}; do echo $i; done`, "[a b] [a b]\na\nb\na b\n"},
	{`x='a b'; for i in ${x+"$x"}; do echo "<$i>"; done`, "<a b>\n"},
	{`x="it's"; echo "${x}" "${x%"'s"}"`, "it's it\n"},
	{`echo $((1 ? 2 : 3)) $((2 > 1 && 1 > 2)) $((-5 / 2)) $((~0))`, "2 0 -2 -1\n"},
	{`x=3; echo $(( x == 3 ? x * 2 : 0 )) $(($x - 1))`, "6 2\n"},
	{`exit`, ""},
	{`echo one; exit 0; echo two`, "one\n"},
	{`(echo a; exit 3) || echo "failed $?"`, "a\nfailed 3\n"},
	{`! (exit 1) && echo ok`, "ok\n"},
	{`{ exit 6; }; echo no`, ""},
	{`. /dev/null; echo $?`, "0\n"},
	{`command echo a; command cd /; pwd`, "a\n/\n"},
	{`A=1 B=2 sh -c 'echo $A$B'; echo "[$A]"`, "12\n[]\n"},
	{`IFS=x; A=1x2; set -- $A; echo $1-$2`, "1-2\n"},
	{`true || false && echo chain`, "chain\n"},
	{`x=0; [ $x -eq 0 ] && { echo zero; } || echo nonzero`, "zero\n"},
	{`echo "$(printf '%s' "$(echo deep)")"`, "deep\n"},
	{`echo "quoted $(echo "inner quotes") end"`, "quoted inner quotes end\n"},
	{"cat_() { while IFS= read -r l; do printf '%s\\n' \"$l\"; done; }; cat_ <<A; cat_ <<B\none\nA\n  two\nB", "one\n  two\n"},
	{`x=1; while read y; do x=$y; done <<E
7
E
echo $x`, "7\n"},
	{`for i in a b; do echo $i; done >/dev/null; for i in c; do echo $i; done | while read z; do echo "<$z>"; done`, "<c>\n"},
	{`case $# in 0) echo none;; esac; echo ${#}`, "none\n0\n"},
	{`echo "${x:-$(echo computed)}"`, "computed\n"},
	{`echo a#b #comment`, "a#b\n"},
	{`x=abc; echo ${x#a}${x%c}; unset x; echo "${x#a}"`, "bcab\n\n"},
	{`type cd | { read a rest; echo $a; }`, "cd\n"},
	{`readonly r=1; echo $r; (r=2) 2>/dev/null || echo kept`, "1\nkept\n"},
	{`set -- -a b; echo "$1"; set -e -- x; echo $1 $-`, "-a\nx e\n"},
	{`wait; echo $?; wait 2>/dev/null; echo $?`, "0\n0\n"},
	{`x=$((1)); x=$((x+1)); echo $x; : $((x=9)); echo $x`, "2\n9\n"},
	{`f() { echo $1; shift; [ $# -gt 0 ] && f "$@"; }; f 1 2 3; :`, "1\n2\n3\n"},
	{`f() { (return 3); echo $?; }; f`, "3\n"},
	{`echo a; (sleep_() { :; }; sleep_; echo b); echo c`, "a\nb\nc\n"},
	{`set -x 2>/dev/null; echo traced`, "traced\n"},
	{"printf '%s|' '\xff\xfe\x80' \"caf\xc3\xa9\xc3\"; x='\xef\x9e\x80'; printf '%s\\n' \"$x\"", "\xff\xfe\x80|caf\xc3\xa9\xc3|\xef\x9e\x80\n"},
	{"read x <<E\n\xe9\xff\nE\nprintf '%s\\n' \"${x}\"", "\xe9\xff\n"},
	{`x=$(printf '\377a b\351 c'); for i in $x; do printf '%s|' "$i"; done`, "\xffa|b\xe9|c|"},
	{`exec echo replaced; echo no`, "replaced\n"},
	{`exec 5<<E
line
E
read x <&5; echo $x`, "line\n"},
}

// What is not of POSIX is refused, in the shell's words, and a script that is
// broken further down runs up to there.
func TestSyntaxErrors(t *testing.T) {
	m := newMachine(t)
	for script, want := range map[string]string{
		"echo a\n)":         "sh: Syntax error: \")\" unexpected\n",
		"echo a\n(echo b":   "sh: Syntax error: end of file unexpected (expecting \")\")\n",
		"echo a\necho 'b":   "sh: Syntax error: Unterminated quoted string\n",
		"echo a\nif true":   "sh: Syntax error: end of file unexpected (expecting \"then\")\n",
		"echo a\ndone":      "sh: Syntax error: \"done\" unexpected\n",
		"echo a\nx=(1 2)":   "",
		"echo a\necho <(:)": "",
	} {
		out, errs, code := run(t, m, script)
		if out != "a\n" || code != 2 || !strings.Contains(errs, "Syntax error: ") || want != "" && errs != want {
			t.Errorf("%q: %q, %q, %d", script, out, errs, code)
		}
	}
}

func TestShellTable(t *testing.T) {
	m := newMachine(t, echoTool())
	for _, c := range shellTable {
		out, errs, code := run(t, m, c.script)
		if out != c.want {
			t.Errorf("%s\nprinted %q (%d, %q)\nwant    %q", c.script, out, code, errs, c.want)
		}
	}
	if log := m.CannotLog(); len(log) > 0 {
		t.Errorf("the simulator could not: %v", log)
	}
}

// The table is right if a real shell says the same, exit codes included.
func TestShellTableConfirmed(t *testing.T) {
	dash, err := exec.LookPath("dash")
	if err != nil {
		t.Skip("no dash here to confirm the table")
	}
	m := newMachine(t, echoTool())
	for _, c := range shellTable {
		cmd := exec.Command(dash, "-c", c.script)
		cmd.Dir, cmd.Env = "/", []string{"HOME=/root", "PATH=" + pathWithSh(t, dash), "USER=root"}
		out, err := cmd.Output()
		code := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			if code = exit.ExitCode(); code < 0 {
				code = 128 + int(exit.Sys().(syscall.WaitStatus).Signal())
			}
		} else if err != nil {
			t.Fatal(err)
		}
		if string(out) != c.want {
			t.Errorf("%s\ndash prints %q, the table says %q", c.script, out, c.want)
		}
		if _, errs, got := run(t, m, c.script); got != code {
			t.Errorf("%s\ndash exits with %d, the simulator with %d (%q)", c.script, code, got, errs)
		}
	}
}

// pathWithSh is a PATH on which sh is the shell to confirm with.
func pathWithSh(t *testing.T, dash string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(dash, dir+"/sh"); err != nil {
		t.Fatal(err)
	}
	return dir + ":/usr/bin:/bin"
}

func echoTool() *sim.Tool {
	return &sim.Tool{Name: "echo", Paths: []string{"/bin/echo"}, Run: func(p *sim.Proc) int {
		p.Printf("%s\n", strings.Join(p.Args[1:], " "))
		return 0
	}}
}
