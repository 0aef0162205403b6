package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

const ini = `; a comment
lone.example.org
[web]
web[01:03].example.org:2222 rack=7 label="two words" # behind
[db]
db[a:b] ansible_host=192.0.2.7 ansible_become=no
[prod:children]
web
db
[prod:vars]
ansible_user=ops
ansible_become=true
ansible_become_method=doas
ansible_ssh_common_args=-o ProxyJump=jump.example.org -o StrictHostKeyChecking=accept-new -C
ansible_python_interpreter=/usr/local/bin/python3
ports=[80, 443]
flag=True
`

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func chosen(t *testing.T, inv *Inventory, args ...string) []Host {
	t.Helper()
	hosts, err := inv.Select(args, "")
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return hosts
}

func TestAnsibleINI(t *testing.T) {
	dir := write(t, map[string]string{
		"hosts": ini, "group_vars/prod.yml": "flag: no\ntier: 1\n", "group_vars/all/a.yml": "tier: 0\nfrom: all\n",
		"host_vars/web02.example.org.yml": "tier: 2\nansible_port: 22\n", "group_vars/gone.yml": "x: 1\n",
	})
	inv, err := Load([]string{filepath.Join(dir, "hosts")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := Host{
		Name: "web02.example.org", Kind: SSH, Address: "web02.example.org", User: "ops", Port: 22,
		Settings: Settings{Jump: "jump.example.org", Become: "doas", AcceptNew: true}, Groups: []string{"all", "prod", "web"},
		Vars: map[string]any{
			"rack": int64(7), "label": "two words", "ports": []any{int64(80), int64(443)}, "flag": false, "tier": int64(2), "from": "all",
		},
	}
	if diff := cmp.Diff(want, chosen(t, inv, "web02.example.org")[0]); diff != "" {
		t.Error(diff)
	}
	if h := chosen(t, inv, "web01.example.org")[0]; h.Port != 2222 || h.Vars["tier"] != int64(1) {
		t.Errorf("%+v", h)
	}
	if h := chosen(t, inv, "dba")[0]; h.Address != "192.0.2.7" || h.Become != "" {
		t.Errorf("%+v", h)
	}
	told := strings.Join(inv.Told(), "\n")
	for _, want := range []string{"-C has no counterpart", "ansible_python_interpreter has no counterpart", "no group gone"} {
		if !strings.Contains(told, want) {
			t.Errorf("%q is not told:\n%s", want, told)
		}
	}
}

func TestAnsibleYAML(t *testing.T) {
	inv, err := Read("hosts.yml", []byte(`
all:
  vars: &common { region: eu, yes_is: yes }
  children:
    web:
      hosts:
        web[1:2]: { ansible_user: root, <<: *common, region: us }
        db: !!null
      children: { edge: { hosts: { edge1: } } }
`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(chosen(t, inv, "web")); got != "db web1 web2 edge1" {
		t.Errorf("got %s", got)
	}
	h := chosen(t, inv, "web1")[0]
	if h.User != "root" || h.Vars["region"] != "us" || h.Vars["yes_is"] != true {
		t.Errorf("%+v", h)
	}
}

func TestMistakesAreTold(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"h.toml", "[groups.a]\nhosts = ['x']\nport = 99999\n", "h.toml:3:1: port is a port"},
		{"h.toml", "[groups.a]\nhosts = [\n 'x',\n 'web[3:1]']\n", "h.toml:4:2: [3:1] is empty"},
		{"h.toml", "[groups.a]\nchildren = ['b']\n[groups.b]\nchildren = ['a']\n", "group a is below itself"},
		{"h.toml", "[groups.a]\nhosst = []\n", "h.toml:2:1: there is no field groups.a.hosst (did you mean \"hosts\"?)"},
		{"h.yml", "all:\n  vars:\n    pw: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n", "h.yml:3:9: all.vars.pw is encrypted by ansible-vault"},
		{"h.yml", "$ANSIBLE_VAULT;1.1;AES256\n6162\n", "the file is encrypted"},
		{"h.yml", "web:\n  hostz: {}\n", "h.yml:2:3: there is no field web.hostz (did you mean \"hosts\"?)"},
		{"h.yml", "a: 1\na: 2\n", "h.yml:2:1: a stands here twice"},
		{"h.yml", "a: &a [*a]\n", "h.yml"},
		{"hosts", "[web:children]\ndb\n", "hosts:2:1: group web has a child db"},
		{"hosts", "web1 port 22\n", `hosts:1:1: behind a host stand variables`},
		{"hosts", "web1 ansible_port='{{ p }}'\n", "does not evaluate"},
		{"hosts", "web1 ansible_connection=docker\n", "not by docker"},
		{"hosts", "[web:vars]\na=1\n", "there is no group web"},
		{"hosts", "#!/bin/sh\n", "runs no inventory programs"},
	} {
		_, err := Read(c.name, []byte(c.text), Options{})
		if effect.KindOf(err) != effect.Usage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %s", c.text, err, c.want)
		}
	}
}

func TestSelectors(t *testing.T) {
	inv, err := Read("hosts", []byte("[web]\nweb[01:03]\n[prod]\nweb02\nweb03\ndb1\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for selector, want := range map[string]string{
		"web:!web03": "web01 web02", "web:&prod": "web02 web03", "web,prod:!web*": "db1", "~web0[12]": "web01 web02", "web:prod": "web01 web02 web03 db1",
		"all": "web01 web02 web03 db1", "!prod": "web01", "pro*": "web02 web03 db1", "root@web01:22": "root@web01:22",
		"2001:db8::1": "2001:db8::1", "ops@[2001:db8::1]:22,web01": "ops@[2001:db8::1]:22 web01", "sim:b?start=2025-01-01T10:00,x": "b", "sim:b*2:!b-1": "b-2",
	} {
		hosts, err := inv.Select([]string{selector}, "")
		if got := names(hosts); err != nil || got != want {
			t.Errorf("%s: got %s (%v), want %s", selector, got, err, want)
		}
	}
	for _, selector := range []string{"web:!wbe03", "nothing*", "~(", "web:!web"} {
		if _, err := inv.Select([]string{selector}, ""); effect.KindOf(err) != effect.Usage {
			t.Errorf("%s: %v", selector, err)
		}
	}
}

func TestAliasesOfSSHConfig(t *testing.T) {
	dir := write(t, map[string]string{"config": "Host web1 *.example.org\n  Port 22\nInclude " + "INC" + "\nhost=db1\n", "more": "Host \"edge1\" !x\n"})
	text, err := os.ReadFile(filepath.Join(dir, "config"))
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(string(text), "INC", filepath.Join(dir, "more"))), 0o600); err != nil {
		t.Fatal(err)
	}
	inv, err := Load(nil, Options{SSHConfig: config})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(chosen(t, inv, "ssh_config:!db*")); got != "web1 edge1" {
		t.Errorf("got %s", got)
	}
}

func TestTheCommandLineOverrules(t *testing.T) {
	inv, err := Read("h.toml", []byte("[hosts.web]\nuser = 'a'\nport = 23\nvars = { api_token = 'x' }\n"), Options{Overruled: []string{"user"}})
	if err != nil {
		t.Fatal(err)
	}
	h := chosen(t, inv, "web")[0]
	if h.User != "" || h.Port != 23 {
		t.Errorf("%+v", h)
	}
	x := inv.Explain(h)
	want := []Origin{{"port", 23, "host web", "h.toml:3:1"}, {"user", nil, "command line", ""}}
	if diff := cmp.Diff(want, x.Settings); diff != "" {
		t.Error(diff)
	}
	if x.Vars[0].Value != Hidden {
		t.Errorf("%+v", x.Vars)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("hosts", ini)
	f.Add("h.toml", sample)
	f.Add("h.yml", "all: {children: {web: {hosts: {'a[1:2]': {x: yes}}, vars: {<<: {y: 1}}}}}")
	f.Fuzz(func(t *testing.T, name, text string) {
		inv, err := Read(name, []byte(text), Options{})
		if err == nil && !inv.Empty() {
			_, _ = inv.Select([]string{"all"}, "")
		}
	})
}

func FuzzTerms(f *testing.F) {
	f.Add("web:!web03,~a(b|c):&x,[::1]:22")
	f.Fuzz(func(t *testing.T, text string) {
		if len(terms(text)) == 0 {
			t.Error("no term")
		}
		_, _ = newInventory(Options{}).Select([]string{text}, "")
	})
}
