package freebsdupdatesim

import (
	"slices"
	"strings"
)

// option is one of the command line.
type option struct {
	names   []string
	setting string // that its value goes to; empty: none
	since   int    // major release
}

var options = []option{
	{[]string{"-b"}, "BASEDIR", 0},
	{[]string{"-d"}, "WORKDIR", 0},
	{[]string{"-f"}, "CONFFILE", 0},
	{[]string{"-F"}, "", 11},
	{[]string{"-j"}, "JAIL", 13},
	{[]string{"-k"}, "KEYPRINT", 0},
	{[]string{"-r"}, "TARGETRELEASE", 0},
	{[]string{"-s"}, "SERVERNAME", 0},
	{[]string{"-t"}, "MAILTO", 0},
	{[]string{"-v"}, "VERBOSELEVEL", 0},
	{[]string{"--debug"}, "", 0},
	{[]string{"--no-stats"}, "", 0},
	{[]string{"--not-running-from-cron"}, "", 10},
	{[]string{"--currently-running"}, "RUNNING", 10},
}

// verbs are the commands with the first major release that has each.
var verbs = map[string]int{
	"fetch": 0, "cron": 0, "upgrade": 0, "install": 0, "rollback": 0, "IDS": 0, "updatesready": 12, "showconfig": 12,
}

// parseArgs reads the command line: whatever is wrong with it, usage and success
// are the answer.
func (u *update) parseArgs(args []string) error {
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		i := slices.IndexFunc(options, func(o option) bool { return slices.Contains(o.names, word) })
		if i < 0 || options[i].since > u.era {
			if since, known := verbs[word]; !known || since > u.era {
				return u.usage()
			}
			u.commands = append(u.commands, word)
			continue
		}
		o := options[i]
		if o.setting == "" {
			u.flag(word)
			continue
		}
		if len(args) == 0 || u.given[o.setting] {
			return u.usage()
		}
		u.given[o.setting] = true
		u.setting[o.setting], args = args[0], args[1:]
		if word == "-v" && !slices.Contains([]string{"debug", "stats", "nostats"}, u.setting[o.setting]) {
			return u.usage()
		}
	}
	if len(u.commands) == 0 {
		return u.usage()
	}
	if r := u.setting["TARGETRELEASE"]; r != "" && u.era >= 12 && !strings.Contains(r, "-") {
		u.setting["TARGETRELEASE"] = r + "-RELEASE"
	}
	u.target = u.setting["TARGETRELEASE"]
	return nil
}

func (u *update) flag(word string) {
	switch word {
	case "-F":
		u.force = true
	case "--debug":
		u.setting["VERBOSELEVEL"] = "debug"
	case "--no-stats":
		u.setting["VERBOSELEVEL"] = "nostats"
	case "--not-running-from-cron":
		u.fromCron = true
	}
}

// usage prints what the tool knows; its exit code is 0.
func (u *update) usage() error {
	var b strings.Builder
	head := "usage: freebsd-update [options] command ... [path]\n\nOptions:\n"
	if u.era >= 14 {
		head = "usage: freebsd-update [options] command ...\n\nOptions:\n"
	}
	b.WriteString(head)
	for _, line := range usageLines {
		if line.since <= u.era {
			b.WriteString(line.text)
		}
	}
	u.Printf("%s", b.String())
	return stop(0)
}

// usageLine is a part of the usage with the first major release that prints it.
type usageLine struct {
	since int
	text  string
}

var usageLines = []usageLine{
	{0, "  -b basedir   -- Operate on a system mounted at basedir\n                  (default: /)\n"},
	{0, "  -d workdir   -- Store working files in workdir\n                  (default: /var/db/freebsd-update/)\n"},
	{0, "  -f conffile  -- Read configuration options from conffile\n                  (default: /etc/freebsd-update.conf)\n"},
	{11, "  -F           -- Force a fetch operation to proceed in the\n                  case of an unfinished upgrade\n"},
	{13, "  -j jail      -- Operate on the given jail specified by jid or name\n"},
	{0, "  -k KEY       -- Trust an RSA key with SHA256 hash of KEY\n"},
	{0, "  -r release   -- Target for upgrade (e.g., 11.1-RELEASE)\n"},
	{0, "  -s server    -- Server from which to fetch updates\n                  (default: update.FreeBSD.org)\n"},
	{0, "  -t address   -- Mail output of cron command, if any, to address\n                  (default: root)\n"},
	{10, "  --not-running-from-cron\n               -- Run without a tty, for use by automated tools\n"},
	{10, "  --currently-running release\n               -- Update as if currently running this release\n"},
	{0, "Commands:\n  fetch        -- Fetch updates from server\n"},
	{0, "  cron         -- Sleep rand(3600) seconds, fetch updates, and send an\n                  email if updates were found\n"},
	{0, "  upgrade      -- Fetch upgrades to FreeBSD version specified via -r option\n"},
	{12, "  updatesready -- Check if there are fetched updates ready to install\n"},
	{0, "  install      -- Install downloaded updates or upgrades\n"},
	{0, "  rollback     -- Uninstall most recently installed updates\n"},
	{0, "  IDS          -- Compare the system against an index of \"known good\" files\n"},
	{12, "  showconfig   -- Show configuration\n"},
}
