package freebsdupdatesim

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

const confFile = "/etc/freebsd-update.conf"

// keyword is one of the configuration file.
type keyword struct {
	setting string
	list    bool // may stand several times, each adding to the list
	yesNo   bool
	since   int // major release
}

var keywords = map[string]keyword{
	"KeyPrint":                {setting: "KEYPRINT"},
	"ServerName":              {setting: "SERVERNAME"},
	"Components":              {setting: "COMPONENTS", list: true},
	"IgnorePaths":             {setting: "IGNOREPATHS", list: true},
	"IDSIgnorePaths":          {setting: "IDSIGNOREPATHS", list: true},
	"UpdateIfUnmodified":      {setting: "UPDATEIFUNMODIFIED", list: true},
	"MergeChanges":            {setting: "MERGECHANGES", list: true},
	"MailTo":                  {setting: "MAILTO"},
	"AllowAdd":                {setting: "ALLOWADD", yesNo: true},
	"AllowDelete":             {setting: "ALLOWDELETE", yesNo: true},
	"KeepModifiedMetadata":    {setting: "KEEPMODIFIEDMETADATA", yesNo: true},
	"BaseDir":                 {setting: "BASEDIR"},
	"WorkDir":                 {setting: "WORKDIR"},
	"StrictComponents":        {setting: "STRICTCOMPONENTS", yesNo: true},
	"BackupKernel":            {setting: "BACKUPKERNEL", yesNo: true, since: 9},
	"BackupKernelDir":         {setting: "BACKUPKERNELDIR", since: 9},
	"BackupKernelSymbolFiles": {setting: "BACKUPKERNELSYMBOLFILES", yesNo: true, since: 9},
	"TargetRelease":           {setting: "TARGETRELEASE"},
	"VerboseLevel":            {setting: "VERBOSELEVEL"},
	"CreateBootEnv":           {setting: "BOOTENV", yesNo: true, since: 13},
}

// confError is a line of the configuration file that the tool refuses.
type confError struct {
	line    int
	text    string
	keyword string // that it does not know
}

func (e *confError) Error() string {
	return fmt.Sprintf("Error processing configuration file, line %d:\n==> %s\n", e.line, e.text)
}

// systemDirs are no places for a kernel's backup.
var systemDirs = strings.Fields("/ /bin /boot /etc /lib /libexec /sbin /usr /var")

var confComment = lazyregexp.New(`#.*$`)

// parseConf reads freebsd-update.conf as the tool of a major release does.
func parseConf(text string, era int) (map[string]string, error) {
	set := map[string]string{}
	n := 0
	for raw := range strings.Lines(text) {
		n++
		raw = strings.TrimSuffix(raw, "\n")
		words := strings.Fields(confComment.ReplaceAllString(raw, ""))
		if len(words) == 0 {
			continue
		}
		k, known := keywords[words[0]]
		if !known || k.since > era {
			return nil, &confError{n, raw, words[0]}
		}
		if !k.accept(set, words[1:]) {
			return nil, &confError{n, raw, ""}
		}
	}
	return set, nil
}

// accept takes the values of a line; what stands twice, or is no yes or no, is
// refused.
func (k keyword) accept(set map[string]string, values []string) bool {
	value := ""
	if len(values) > 0 {
		value = values[0] // what follows goes unheard
	}
	switch {
	case k.list:
		value = strings.TrimSpace(set[k.setting] + " " + strings.Join(values, " "))
	case set[k.setting] != "":
		return false
	case k.yesNo:
		value = strings.ToLower(value)
		if value != "yes" && value != "no" {
			return false
		}
	case k.setting == "BACKUPKERNELDIR" && (!strings.HasPrefix(value, "/") || slices.Contains(systemDirs, value)):
		return false
	}
	set[k.setting] = value
	return true
}

// readConf reads the configuration file; what the command line says counts more.
func (u *update) readConf() error {
	name := u.setting["CONFFILE"]
	named := name != ""
	if !named {
		name = confFile
	}
	data, err := u.FS().ReadFile(name)
	switch {
	case err != nil && !named:
		return nil
	case err != nil:
		u.Printf("File does not exist or is not readable: %s\n", name)
		return stop(1)
	}
	set, err := parseConf(string(data), u.era)
	if err != nil {
		var wrong *confError
		if errors.As(err, &wrong) && wrong.keyword != "" {
			u.Errorf("%s: config_%s: not found\n", u.name, wrong.keyword)
		}
		u.Printf("%s", err.Error())
		return stop(1)
	}
	for setting, value := range set {
		if !u.given[setting] {
			u.setting[setting] = value
		}
	}
	return nil
}

// defaults fills in what nobody said.
func (u *update) defaults() error {
	for setting, value := range map[string]string{
		"WORKDIR": "/var/db/freebsd-update", "MAILTO": "root", "ALLOWADD": "yes", "ALLOWDELETE": "yes", "KEEPMODIFIEDMETADATA": "yes",
		"BASEDIR": "/", "VERBOSELEVEL": "stats", "STRICTCOMPONENTS": "no", "BACKUPKERNEL": "yes", "BACKUPKERNELDIR": "/boot/kernel.old",
		"BACKUPKERNELSYMBOLFILES": "no", "BOOTENV": "yes",
	} {
		if u.setting[setting] == "" {
			u.setting[setting] = value
		}
	}
	u.work, u.base = u.FS().Abs(u.setting["WORKDIR"]), u.setting["BASEDIR"]
	u.running = u.setting["RUNNING"]
	if name := u.setting["JAIL"]; name != "" {
		if u.base, u.running = u.jail(name); u.base == "" || u.running == "" {
			u.Printf("The specified jail either doesn't exist or does not have freebsd-version.\n")
			return stop(1)
		}
		u.setting["BASEDIR"] = u.base
	}
	if u.running == "" {
		u.running = u.capture("uname", "-r")
	}
	u.kernelDir = strings.TrimSuffix(u.capture("sysctl", "-n", "kern.bootfile"), "/kernel")
	return nil
}

// jail finds a jail's root and what it runs.
func (u *update) jail(name string) (root, release string) {
	_, root, _ = strings.Cut(u.capture("jls", "-j", name, "-h", "path"), "\n") // below a heading
	if root == "" {
		return "", ""
	}
	return root, u.Machine.UserlandRelease(root)
}

// shown is what showconfig prints, in its order.
var shown = strings.Fields(`KEYPRINT WORKDIR SERVERNAME MAILTO ALLOWADD ALLOWDELETE KEEPMODIFIEDMETADATA COMPONENTS IGNOREPATHS
	UPDATEIFUNMODIFIED BASEDIR VERBOSELEVEL TARGETRELEASE STRICTCOMPONENTS MERGECHANGES IDSIGNOREPATHS BACKUPKERNEL BACKUPKERNELDIR
	BACKUPKERNELSYMBOLFILES`)

func (u *update) showConfig() {
	for _, name := range shown {
		u.Printf("%s=%s\n", name, u.setting[name])
	}
}

// matches tells whether a path begins as one of a list does; the tool takes them
// for regular expressions.
func (u *update) matches(setting, path string) bool {
	return slices.ContainsFunc(u.patternsOf(u.setting[setting]), func(re *regexp.Regexp) bool { return re.MatchString(path) })
}

// patternsOf compiles a list once: there are thousands of paths.
func (u *update) patternsOf(list string) []*regexp.Regexp {
	patterns, known := u.patterns[list]
	if known {
		return patterns
	}
	for p := range strings.FieldsSeq(list) {
		if re, err := regexp.Compile("^(?:" + p + ")"); err == nil {
			patterns = append(patterns, re)
		}
	}
	if u.patterns == nil {
		u.patterns = map[string][]*regexp.Regexp{}
	}
	u.patterns[list] = patterns
	return patterns
}
