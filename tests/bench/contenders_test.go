//go:build linux

package bench

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bsdrun/tests/sshd/sshdtest"
)

// command is what is run everywhere: short, and a program of its own.
const command = "/bin/echo hello"

// group are the hosts of a workload: loopback addresses of one server.
type group struct {
	server    *sshdtest.Server
	dir       string // files of the contenders
	addresses []string
	times     int // the command is run on each host
}

// newGroup writes what the contenders read: ssh_config, known_hosts, inventories,
// playbooks.
func newGroup(b *testing.B, server *sshdtest.Server, hosts, times int) *group {
	b.Helper()
	g := &group{server: server, dir: b.TempDir(), times: times}
	var known, names strings.Builder
	for i := range hosts {
		address := fmt.Sprintf("127.0.%d.%d", 1+i/200, 1+i%200)
		g.addresses = append(g.addresses, address)
		key := strings.TrimSpace(string(marshalKey(server.HostKey)))
		fmt.Fprintf(&known, "[%s]:%d %s\n", address, server.Port, key)
		fmt.Fprintf(&names, "%s\n", address)
	}
	g.write(b, "known_hosts", known.String())
	g.write(b, "names", names.String())
	g.write(b, "ssh_config", fmt.Sprintf(`Host *
  Port %d
  User %s
  IdentityFile %s
  IdentitiesOnly yes
  UserKnownHostsFile %s
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  ConnectTimeout %.0f
  ControlPath %s/c-%%C
`, server.Port, server.User, server.Key, g.path("known_hosts"), sshdtest.Patience.Seconds(), g.dir))
	g.write(b, "commands", strings.Repeat(command+"\n", times))
	g.write(b, "host_key.pub", string(marshalKey(server.HostKey)))
	for name, text := range peerFiles {
		g.write(b, name, g.fill(text))
	}
	return g
}

func (g *group) path(name string) string { return filepath.Join(g.dir, name) }

func (g *group) write(b *testing.B, name, text string) {
	b.Helper()
	check(b, os.WriteFile(g.path(name), []byte(text), 0o600))
}

// fill puts the group into a script or a file: HOSTS (separated by spaces), QUOTED
// (with quotation marks and commas), TARGETS (with their port), FORKS, TIMES, COMMAND,
// DIR, PORT, USER, KEY. {{ }} stands around what is written once a time.
func (g *group) fill(text string) string {
	before, rest, repeated := strings.Cut(text, "{{")
	if repeated {
		each, after, _ := strings.Cut(rest, "}}")
		text = before + strings.Repeat(each, g.times) + after
	}
	var targets, hosts []string
	for _, a := range g.addresses {
		targets = append(targets, a+":"+strconv.Itoa(g.server.Port))
		hosts = append(hosts, fmt.Sprintf("{host: %s, port: %d}", a, g.server.Port))
	}
	return strings.NewReplacer(
		"HOSTLIST", strings.Join(hosts, ", "), "HOSTS", strings.Join(g.addresses, " "), "QUOTED", `"`+strings.Join(g.addresses, `", "`)+`"`,
		"TARGETS", strings.Join(targets, " "), "FORKS", strconv.Itoa(len(g.addresses)), "TIMES", strconv.Itoa(g.times),
		"COMMAND", command, "DIR", g.dir, "PORT", strconv.Itoa(g.server.Port), "USER", g.server.User, "KEY", g.server.Key,
	).Replace(text)
}

// contender is one way to do a workload.
type contender struct {
	name   string
	needs  string // the program that must be there; empty: what is always there
	script string // for sh, after fill
	floor  bool
	ours   bool
	alone  bool // only on one host: under its many names a host has one lock
}

// contenders are all that is measured: bsdrun, the floors, then the peers.
func contenders(bsdrun, floor string) []contender {
	bare := func(mode string) contender {
		return contender{name: "floor " + mode, floor: true, script: floor + " " + mode + " USER KEY DIR/host_key.pub TIMES '" + command + "' TARGETS"}
	}
	ours := func(name, verb string) contender {
		return contender{name: name, ours: true,
			script: bsdrun + ` -q -f FORKS -F DIR/ssh_config -e 'for i = 1, TIMES do h:` + verb + `{"/bin/echo", "hello"} end' HOSTS`}
	}
	each := func(script string) string {
		return "all=; for h in HOSTS; do (" + script + ") & all=\"$all $!\"; done; for p in $all; do wait $p || exit; done"
	}
	changing := ours("bsdrun, as changes", "run")
	changing.alone = true
	list := []contender{
		ours("bsdrun", "read"), changing, bare("shell+qa"), bare("shell"), bare("exec"),
		{name: "ssh host sh <script", needs: "ssh", script: each("ssh -F DIR/ssh_config $h sh <DIR/commands")},
		{name: "ssh, ControlMaster", needs: "ssh", script: each("for i in $(seq TIMES); do ssh -F DIR/ssh_config -o ControlMaster=auto -o ControlPersist=30 $h COMMAND || exit; done; ssh -F DIR/ssh_config -O exit $h 2>/dev/null")},
		{name: "ssh", needs: "ssh", script: each("for i in $(seq TIMES); do ssh -F DIR/ssh_config $h COMMAND || exit; done")},
		{name: "ssh, curve25519", needs: "ssh", script: each("for i in $(seq TIMES); do ssh -F DIR/ssh_config -o KexAlgorithms=curve25519-sha256 $h COMMAND || exit; done")},
	}
	for _, name := range slices.Sorted(maps.Keys(peerScripts)) {
		needs, _, _ := strings.Cut(name, " ")
		list = append(list, contender{name: name, needs: peerPrograms[needs], script: peerScripts[name]})
	}
	return list
}

// peerPrograms are the programs that the peers need.
var peerPrograms = map[string]string{
	"ansible": "ansible-playbook", "fabric": "fab", "mitogen": "ansible-playbook", "pyinfra": "pyinfra", "rex": "rex", "spot": "spot",
}

// peerScripts are how the peers are started.
var peerScripts = map[string]string{
	"ansible raw":     "cd DIR && ANSIBLE_CONFIG=DIR/ansible.cfg ansible-playbook -i DIR/names DIR/raw.yml >DIR/log 2>&1 || { tail -n 20 DIR/log; exit 1; }",
	"ansible command": "cd DIR && ANSIBLE_CONFIG=DIR/ansible.cfg ansible-playbook -i DIR/names DIR/command.yml >DIR/log 2>&1 || { tail -n 20 DIR/log; exit 1; }",
	"fabric":          `"$(dirname "$(readlink -f "$(command -v fab)")")"/python DIR/fabric_run.py`,
	"mitogen":         `cd DIR && d=$("$(dirname "$(readlink -f "$(command -v ansible-playbook)")")"/python -c 'import ansible_mitogen, os; print(os.path.dirname(ansible_mitogen.__file__))') && ANSIBLE_CONFIG=DIR/ansible.cfg ANSIBLE_STRATEGY_PLUGINS=$d/plugins/strategy ANSIBLE_STRATEGY=mitogen_linear ansible-playbook -i DIR/names DIR/command.yml >DIR/log 2>&1 || { tail -n 20 DIR/log; exit 1; }`,
	"pyinfra":         "cd DIR && pyinfra -y DIR/pyinfra_hosts.py DIR/pyinfra_deploy.py >DIR/log 2>&1 || { tail -n 20 DIR/log; exit 1; }",
	"rex":             "cd DIR && rex -f DIR/Rexfile work >DIR/log 2>&1 || { tail -n 20 DIR/log; exit 1; }",
	"spot":            "cd DIR && spot -p DIR/spot.yml -t all -c FORKS >DIR/log 2>&1 || { tail -n 20 DIR/log; exit 1; }",
}

// peerFiles are what they read.
var peerFiles = map[string]string{
	"ansible.cfg": `[defaults]
forks = FORKS
home = DIR/ansible
interpreter_python = /usr/bin/python3
[ssh_connection]
ssh_args = -F DIR/ssh_config -o ControlMaster=auto -o ControlPersist=30
control_path = DIR/a-%%C
`,
	"raw.yml":     "- hosts: all\n  gather_facts: false\n  tasks:\n{{  - raw: COMMAND\n}}",
	"command.yml": "- hosts: all\n  gather_facts: false\n  tasks:\n{{  - ansible.builtin.command: COMMAND\n}}",
	"fabric_run.py": `from threading import Thread
from fabric import Config, Connection
failed = []
def work(host):
    try:
        with Connection(host, user="USER", port=PORT, config=Config(), connect_kwargs={"key_filename": "KEY", "look_for_keys": False, "allow_agent": False}) as c:
            for i in range(TIMES):
                c.run("COMMAND", hide=True)
    except Exception as e:
        failed.append(e)
threads = [Thread(target=work, args=(h,)) for h in [QUOTED]]
for t in threads: t.start()
for t in threads: t.join()
if failed: raise SystemExit(str(failed[0]))
`,
	"pyinfra_hosts.py": `all = [(h, {"ssh_port": PORT, "ssh_user": "USER", "ssh_key": "KEY", "ssh_known_hosts_file": "DIR/known_hosts", "ssh_config_file": "/dev/null"}) for h in [QUOTED]]
`,
	"pyinfra_deploy.py": `from pyinfra.operations import server
for i in range(TIMES):
    server.shell(name="command %d" % i, commands=["COMMAND"])
`,
	"Rexfile": `use Rex -feature => ["1.4"];
set connection => "OpenSSH";
Rex::Config->set_openssh_opt(UserKnownHostsFile => "DIR/known_hosts", IdentitiesOnly => "yes");
user "USER"; private_key "KEY"; public_key "KEY.pub"; key_auth; parallelism FORKS;
group all => map { "$_:PORT" } (QUOTED);
task "work", group => "all", sub { for (1..TIMES) { run "COMMAND"; die if $?; } };
1;
`,
	"spot.yml": `user: USER
ssh_key: KEY
targets:
  all:
    hosts: [HOSTLIST]
tasks:
  - name: work
    commands:
{{      - name: command
        script: COMMAND
}}`,
}
