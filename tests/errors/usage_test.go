package errors

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWrongCommandLines(t *testing.T) {
	b := newBench(t, map[string]string{
		"bad.toml":  "a = \n",
		"host.toml": "[hosts.web]\naddress = \"192.0.2.1\"\ncolour = \"red\"\n",
		"open.toml": "token = \"x\"\n",
		"needs.lua": "--- Needs a number.\nlocal recipe = { params = { n = { type = \"integer\", doc = \"how many\", required = true } } }\nfunction recipe.run() end\nreturn recipe\n",
		"linux.lua": "--- Is for Linux.\nlocal recipe = { needs = { os = \"Linux\" } }\nfunction recipe.run() end\nreturn recipe\n",
	})
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
		"parameter's type":     {args: "needs.lua sim: -p n=x", code: 64, says: []string{"n: expected a (whole )?number, got x"}},
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
		"inventory's setting":  {args: "-i host.toml facts web", code: 64, says: []string{"colour"}, noHint: true},
		"selection":            {args: "facts sim: -l nothing", code: 64, says: []string{"--limit nothing keeps no host", "the run is on sim"}},
		"selection misspelt":   {args: "facts sim:builder -l bulider", code: 64, says: []string{`keeps no host \(did you mean "builder"\?\)`}},
		"exclusion misspelt":   {args: "facts sim:builder -l '!bulider'", code: 64, says: []string{`there is no host or group bulider \(did you mean "builder"\?\)`}},
		"host's name":          {args: "facts 'a;b'", code: 64, says: []string{"is no host name"}, noHint: true},
		"profile":              {args: "facts sim:nope", code: 64, says: []string{`no simulated machine "nope"; there are builder`}, noHint: true},
		"profile misspelt":     {args: "facts sim:bulider", code: 64, says: []string{`no simulated machine "bulider" \(did you mean "builder"\?\)`}, noHint: true},
		"profile's parameter":  {args: "facts 'sim:?bogus=1'", code: 64, says: []string{`no parameter "bogus"; it has`}, noHint: true},
		"another system":       {args: "linux.lua sim:", code: 2, says: []string{"^sim: .*needs Linux"}, noHint: true},
	})
}

func TestTheJournalThatCannotBeHad(t *testing.T) {
	b := newBench(t, nil)
	b.places["STATE"] = "/proc"
	b.check(t, map[string]provoked{"folder": {args: "facts sim:", code: 64, says: []string{"the journal's folder", "XDG_STATE_HOME"}}})
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
