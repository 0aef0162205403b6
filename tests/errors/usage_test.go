package errors

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestWrongCommandLines(t *testing.T) {
	b := newBench(t, map[string]string{
		"bad.toml":  "a = \n",
		"bad.yaml":  "a:\n  b: 1\n",
		"host.toml": "[hosts.web]\naddress = \"192.0.2.1\"\ncolour = \"red\"\n",
		"prot.lua":  "return { hosts = { web = { prot = 22 } } }\n",
		"open.toml": "token = \"x\"\n",
		"needs.lua": "--- Needs a number.\nlocal recipe = { params = { n = { type = \"integer\", doc = \"how many\", required = true } } }\nfunction recipe.run() end\nreturn recipe\n",
		"linux.lua": "--- Is for Linux.\nlocal recipe = { needs = { os = \"Linux\" } }\nfunction recipe.run() end\nreturn recipe\n",
	})
	b.output(t, "facts sim:") // a run that can be shown and reported
	if err := os.Chmod(filepath.Join(b.dir, "open.toml"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.check(t, map[string]provoked{
		"no host":              {args: "facts", code: 64, says: []string{"on which hosts"}},
		"no recipe":            {args: "nope sim:", code: 64, says: []string{"no recipe nope", "bsdrun list"}},
		"recipe misspelt":      {args: "poudrire sim:", code: 64, says: []string{"did you mean poudriere"}},
		"command misspelt":     {args: "shwo run", code: 64, says: []string{"did you mean the command show", "bsdrun show --help"}},
		"help misspelt":        {args: "help shwo", code: 64, says: []string{"no command shwo; did you mean show"}},
		"help of nothing":      {args: "help fsh", code: 64, says: []string{"no command fsh$", "bsdrun --help lists"}},
		"help of a recipe":     {args: "help facts", code: 64, says: []string{"no command facts$", "bsdrun doc facts"}},
		"help below":           {args: "help secrets kegyen", code: 64, says: []string{"no command secrets kegyen; did you mean keygen"}},
		"command below":        {args: "secrets lst", code: 64, says: []string{"no command secrets lst; did you mean list"}},
		"a word too much":      {args: "version all", code: 64, says: []string{"bsdrun version", "bsdrun version --help"}},
		"recipe's ending":      {args: "needs sim:", code: 64, says: []string{"did you mean needs.lua"}},
		"host first":           {args: "sim: facts", code: 64, says: []string{"looks like a host", "before the hosts"}},
		"a verb too much":      {args: "run facts sim:", code: 64, says: []string{"no command run", "bsdrun facts"}},
		"a folder":             {args: ". sim:", code: 64, says: []string{`\. is a folder`}},
		"flag unknown":         {args: "facts sim: --chek", code: 64, says: []string{"--chek", "did you mean --check"}},
		"flag's value":         {args: "facts sim: --timeout soon", code: 64, says: []string{`"soon"`, "30s"}},
		"number":               {args: "facts sim: --forks many", code: 64, says: []string{`"many"`}},
		"forks":                {args: "facts sim: --forks 0", code: 64, says: []string{"--forks is a number"}, noHint: true},
		"batch":                {args: "facts sim: --batch few", code: 64, says: []string{`--batch is a number of hosts \(5\) or a share`}, noHint: true},
		"max-fail":             {args: "facts sim: --max-fail 200%", code: 64, says: []string{"--max-fail is"}, noHint: true},
		"output":               {args: "facts sim: -o xml", code: 64, says: []string{"text, json, jsonl or junit"}, noHint: true},
		"output of a list":     {args: "runs -o junit", code: 64, says: []string{"junit is for runs"}, noHint: true},
		"color":                {args: "facts sim: --color pink", code: 64, says: []string{"auto, always or never"}, noHint: true},
		"allow":                {args: "facts sim: --allow all", code: 64, says: []string{"irreversible"}, noHint: true},
		"become":               {args: "facts sim: --become=magic", code: 64, says: []string{"doas, sudo, su, mdo"}, noHint: true},
		"parameter unknown":    {args: "facts sim: -p x=1", code: 64, says: []string{`no parameter "x"`}},
		"parameter missing":    {args: "needs.lua local:", code: 64, says: []string{"n is missing: how many"}},
		"parameter's type":     {args: "needs.lua sim: -p n=x", code: 64, says: []string{`n: expected a (whole )?number, got "x"`}},
		"parameter's form":     {args: "facts sim: -p x", code: 64, says: []string{"name=value"}, noHint: true},
		"parameters' file":     {args: "facts sim: -P none.toml", code: 64, says: []string{"none.toml: no such file"}, noHint: true},
		"parameters' syntax":   {args: "facts sim: -P bad.toml", code: 64, says: []string{"--params: bad.toml"}, noHint: true},
		"secrets' file":        {args: "facts sim: --secrets none", code: 64, says: []string{"no file no(ne|file)"}, noHint: true},
		"secrets that show":    {args: "facts sim: --secrets open.toml", code: 64, says: []string{"others may read", "chmod 600"}},
		"identity":             {args: "facts web --identity nofile", code: 64, says: []string{"no file no(ne|file)"}, noHint: true},
		"ssh_config":           {args: "facts web -F nofile", code: 64, says: []string{"no file no(ne|file)"}, noHint: true},
		"step to start at":     {args: "facts sim: --start-at nowhere", code: 64, says: []string{`no step is named "nowhere"`}},
		"exec without command": {args: "exec sim:", code: 64, says: []string{"HOST... -- COMMAND", "two dashes"}},
		"repl without host":    {args: "repl", code: 64, says: []string{"on which hosts"}},
		"doc":                  {args: "doc zpool.statsu", code: 64, says: []string{`did you mean "zpool.status"`}},
		"doc of many":          {args: "doc zpool zfs", code: 64, says: []string{"one name, not 2", "--search"}},
		"search":               {args: "doc -k zzzzz", code: 64, says: []string{"zzzzz"}},
		"argument missing":     {args: "show", code: 64, says: []string{"bsdrun show RUN", "bsdrun show --help"}},
		"run unknown":          {args: "show none", code: 64, says: []string{`no run "none"`, "bsdrun runs"}},
		"resume unknown":       {args: "resume none", code: 64, says: []string{`no run "none"`, "bsdrun runs"}},
		"rerun":                {args: "facts --rerun some", code: 64, says: []string{"failed, unreachable or unfinished"}, noHint: true},
		"inventory's file":     {args: "-i none.toml facts web", code: 64, says: []string{"none.toml: no such file"}, noHint: true},
		"inventory's syntax":   {args: "-i bad.toml facts web", code: 64, says: []string{"bad.toml:1:5"}, noHint: true},
		"inventory's setting":  {args: "-i host.toml facts web", code: 64, says: []string{"no field hosts.web.colour$", "here may stand: .*port"}},
		"setting misspelt":     {args: "-i prot.lua facts web", code: 64, says: []string{`prot.lua: there is no field hosts.web.prot \(did you mean "port"\?\)`, "here may stand"}},
		"selection":            {args: "facts sim: -l nothing", code: 64, says: []string{"--limit nothing keeps no host", "the run is on sim"}},
		"selection misspelt":   {args: "facts sim:builder -l bulider", code: 64, says: []string{`keeps no host \(did you mean "builder"\?\)`}},
		"exclusion misspelt":   {args: "facts sim:builder -l '!bulider'", code: 64, says: []string{`there is no host or group bulider \(did you mean "builder"\?\)`}},
		"host's name":          {args: "facts 'a;b'", code: 64, says: []string{"is no host name"}, noHint: true},
		"profile":              {args: "facts sim:nope", code: 64, says: []string{`no simulated machine "nope"; there are builder`}, noHint: true},
		"profile misspelt":     {args: "facts sim:bulider", code: 64, says: []string{`no simulated machine "bulider" \(did you mean "builder"\?\)`}, noHint: true},
		"profile's parameter":  {args: "facts 'sim:?bogus=1'", code: 64, says: []string{`no parameter "bogus"; it has`}, noHint: true},
		"-e of nothing":        {args: "-e '' sim:", code: 64, says: []string{"there is no code"}},
		"-e and a recipe":      {args: "-e 'return 1' needs.lua sim:", code: 64, says: []string{"needs.lua is no host", "leave one"}},
		"host's name empty":    {args: "facts ''", code: 64, says: []string{"a host's name is empty", "variable of the shell"}},
		"limit's name empty":   {args: "facts sim: -l '!'", code: 64, says: []string{"name is empty"}},
		"parameter as a host":  {args: "needs.lua sim: n=1", code: 64, says: []string{`"n=1" is no host name`, "-p n=..."}},
		"bracket":              {args: "facts '[::1'", code: 64, says: []string{"is no host name"}, noHint: true},
		"parameter of nothing": {args: "needs.lua sim: -p n=", code: 64, says: []string{`n: expected a number, got ""`}},
		"parameter's space":    {args: "needs.lua sim: -p 'n = 1'", code: 64, says: []string{"without a space before the ="}, noHint: true},
		"parameters of YAML":   {args: "facts sim: -P bad.yaml", code: 64, says: []string{"--params: bad.yaml: expected", "read as TOML"}},
		"flag of a letter":     {args: "runs -n 5", code: 64, says: []string{"unknown flag: -n"}},
		"version":              {args: "--version", code: 64, says: []string{"bsdrun version prints it"}},
		"loud and quiet":       {args: "facts sim: -q -v", code: 64, says: []string{"--verbose shows more and --quiet less", "one of the two"}},
		"time below 0":         {args: "facts sim: --timeout -5s", code: 64, says: []string{"--timeout is a time from 0, not -5s"}, noHint: true},
		"no time to connect":   {args: "facts sim: --connect-timeout 0", code: 64, says: []string{"longer than 0"}, noHint: true},
		"exec of nothing":      {args: "exec sim: -- ''", code: 64, says: []string{"the command is empty"}, noHint: true},
		"exec without host":    {args: "exec -- ls", code: 64, says: []string{"on which hosts", "hint name them: host"}},
		"file to allow":        {args: "facts sim: --allow-read nowhere", code: 64, says: []string{"--allow-read: there is no file or folder nowhere"}, noHint: true},
		"results' folder":      {args: "facts sim: --junit nowhere/x.xml", code: 64, says: []string{"--junit: nowhere/x.xml cannot be written: no such file"}, noHint: true},
		"results' disk":        {args: "facts sim: --junit /dev/full", code: 1, says: []string{"/dev/full could not be written: no space left", "bsdrun report"}},
		"report's folder":      {args: "report last -o nowhere/x.html", code: 64, says: []string{"--file: nowhere/x.html cannot be written: no such file"}, noHint: true},
		"project's folder":     {args: "init /proc/x", code: 64, says: []string{"/proc/x.* cannot be written: no such file", "bsdrun init FOLDER"}},
		"recipient":            {args: "secrets encrypt -r age1xyz open.toml", code: 64, says: []string{"mistyped or cut off"}, noHint: true},
		"another system":       {args: "linux.lua sim:", code: 2, says: []string{"^sim: .*needs Linux"}, noHint: true},
	})
}

func TestTheJournalThatCannotBeHad(t *testing.T) {
	b := newBench(t, nil)
	b.places["STATE"] = "/proc"
	b.check(t, map[string]provoked{"folder": {args: "facts sim:", code: 64, says: []string{"the journal's folder", "XDG_STATE_HOME"}}})
	b.places["STATE"] = filepath.Join(b.dir, "fresh")
	b.check(t, map[string]provoked{"none yet": {args: "show last", code: 64, says: []string{"no run is recorded yet", "bsdrun facts sim: makes one"}}})
	b.places["STATE"] = filepath.Join(b.dir, "broken")
	if err := os.MkdirAll(filepath.Join(b.dir, "broken", "bsdrun"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "broken", "bsdrun", "journal.db"), []byte("no journal"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.check(t, map[string]provoked{"file": {args: "facts sim:", code: 64, says: []string{"journal.db", "move the file away"}}})

	delete(b.places, "STATE")
	if code, stderr := b.run(t, "-q facts sim:"); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	ofLaterVersion(t, filepath.Join(b.dir, "state", "bsdrun", "journal.db"))
	b.check(t, map[string]provoked{"a newer one": {args: "facts sim:", code: 64, says: []string{"version 9999, this bsdrun knows up to", "newer bsdrun"}}})
}

// ofLaterVersion makes a journal look as if a later bsdrun had written it: SQLite
// keeps the version that an application gives its file in the header, at 60.
func ofLaterVersion(t *testing.T, journal string) {
	t.Helper()
	file, err := os.OpenFile(journal, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte{0, 0, 0x27, 0x0f}, 60); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestFilesThatAreNoRecipes are told what they are instead.
func TestFilesThatAreNoRecipes(t *testing.T) {
	b := newBench(t, map[string]string{
		"binary.lua": "\x7fELF\x01\x00\x00", "wide.lua": "\xff\xfer\x00", "compiled.lua": "\x1bLuaQ", "empty.lua": "\n",
	})
	b.check(t, map[string]provoked{
		"binary":   {args: "binary.lua sim:", code: 5, says: []string{"this is no text", "^  at +binary.lua"}, noHint: true},
		"wide":     {args: "wide.lua sim:", code: 5, says: []string{"UTF-16; save it as UTF-8"}, noHint: true},
		"compiled": {args: "compiled.lua sim:", code: 5, says: []string{"compiled Lua"}, noHint: true},
		"empty":    {args: "empty.lua sim:", code: 64, says: []string{"empty.lua is empty"}, noHint: true},
	})
}

// TestAddressesThatCannotBeListenedOn are told for serve and sim alike.
func TestAddressesThatCannotBeListenedOn(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	b := newBench(t, nil)
	b.places["TAKEN"] = taken.Addr().String()
	for _, command := range []string{"serve", "sim builder"} {
		b.check(t, map[string]provoked{
			"taken":       {args: command + " --listen $TAKEN", code: 64, says: []string{"another program listens there", "another port"}},
			"no port":     {args: command + " --listen 127.0.0.1", code: 64, says: []string{`an address with a port from 0 to 65535, not "127.0.0.1"`}},
			"high port":   {args: command + " --listen 127.0.0.1:70000", code: 64, says: []string{"from 0 to 65535"}},
			"not of here": {args: command + " --listen 192.0.2.1:8420", code: 64, says: []string{"--listen 192.0.2.1:8420: cannot assign", "address of this machine"}},
		})
	}
}

// TestKeysAndFilesOfSecretsThatDoNotFit are told apart.
func TestKeysAndFilesOfSecretsThatDoNotFit(t *testing.T) {
	b := newBench(t, map[string]string{"s.toml": "db = \"x\"\n", "key": "AGE-SECRET-KEY-1QQQ\n"})
	recipient := b.output(t, "secrets keygen")
	b.write(t, ".age-recipients", recipient)
	if code, stderr := b.run(t, "secrets encrypt s.toml"); code != 0 {
		t.Fatal(stderr)
	}
	whole, err := os.ReadFile(filepath.Join(b.dir, "s.toml"))
	if err != nil {
		t.Fatal(err)
	}
	b.write(t, "cut.toml", string(whole[:100]))
	b.write(t, "short.toml", string(whole[:len(whole)-80]))
	b.check(t, map[string]provoked{
		"no key":      {args: "secrets list --secrets-key key s.toml", code: 64, says: []string{"key is no key of age or ssh", "AGE-SECRET-KEY-1"}},
		"key missing": {args: "secrets list --secrets-key nowhere s.toml", code: 64, says: []string{"the key nowhere cannot be read: no such file"}, noHint: true},
		"file":        {args: "secrets list nowhere.toml", code: 64, says: []string{"nowhere.toml cannot be read: no such file"}, noHint: true},
		"file cut":    {args: "secrets list cut.toml", code: 64, says: []string{"cut.toml cannot be decrypted: it has been cut off or altered", "backup"}},
		"file short":  {args: "secrets list short.toml", code: 64, says: []string{"short.toml cannot be decrypted: it has been cut off or altered", "backup"}},
	})
	if err := os.Remove(filepath.Join(b.dir, ".config", "bsdrun", "identity")); err != nil {
		t.Fatal(err)
	}
	b.check(t, map[string]provoked{"key gone": {args: "secrets list s.toml", code: 64, says: []string{"no key to decrypt it with", "looked for: .*identity"}}})
	b.output(t, "secrets keygen")
	b.check(t, map[string]provoked{"another key": {args: "secrets list s.toml", code: 64, says: []string{"not encrypted for any of the keys", "tried: .*identity"}}})
}
