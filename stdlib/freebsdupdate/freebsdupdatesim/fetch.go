package freebsdupdatesim

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/lazyregexp"
)

// Times that the parts of a fetch take.
const (
	askTime     = 2 * time.Second
	inspectTime = 20 * time.Second
	patchTime   = 150 * time.Millisecond
	fileTime    = 300 * time.Millisecond
)

// step prints what begins, takes its time, and prints that it is done.
func (u *update) step(took time.Duration, format string, args ...any) error {
	u.Printf(format, args...)
	if err := u.Sleep(took); err != nil {
		return err
	}
	u.Printf("done.\n")
	return nil
}

// begin prepares the working directory and finds a mirror with the right key and
// a tag for the release.
func (u *update) begin() error {
	if err := u.FS().MkdirAll(path.Join(u.work, "files"), 0o755); err != nil {
		return err
	}
	if !u.has(path.Join(u.work, "tINDEX.present")) {
		if err := u.write("tINDEX.present", ""); err != nil {
			return err
		}
	}
	if err := u.findMirrors(); err != nil {
		return err
	}
	if err := u.untilOneAnswers(u.fetchKey); err != nil {
		return err
	}
	if err := u.untilOneAnswers(u.fetchTag); err != nil {
		return err
	}
	return u.tagSanity()
}

// findMirrors asks for the servers behind the name, and takes the first.
func (u *update) findMirrors() error {
	u.Printf("Looking up %s mirrors... ", u.server)
	if err := u.Sleep(askTime); err != nil {
		return err
	}
	u.mirrors = nil
	if strings.EqualFold(u.server, "update.freebsd.org") && u.Machine.Network().Reachable("http://"+strings.ToLower(u.server)+"/") == nil {
		u.mirrors = []string{"update2.freebsd.org", "update1.freebsd.org"}
	}
	var full strings.Builder
	for _, host := range u.mirrors {
		full.WriteString("1 50 " + host + "\n")
	}
	for name, text := range map[string]string{"serverlist_tried": "", "serverlist_full": full.String()} {
		if err := u.write(name, text); err != nil {
			return err
		}
	}
	if len(u.mirrors) == 0 {
		u.Printf("none found.\n")
		return nil
	}
	u.Printf("%d mirrors found.\n", len(u.mirrors))
	u.nextMirror()
	return nil
}

// nextMirror takes another server of those that were found.
func (u *update) nextMirror() bool {
	if len(u.mirrors) == 0 {
		return false
	}
	var rest strings.Builder
	for _, host := range u.mirrors {
		rest.WriteString("1 50 " + host + "\n")
	}
	u.server, u.mirrors = u.mirrors[0], u.mirrors[1:]
	_ = u.write("serverlist", rest.String())
	_ = u.write("serverlist_tried", u.read("serverlist_tried")+"1 50 "+u.server+"\n")
	return true
}

// untilOneAnswers tries one server after the other.
func (u *update) untilOneAnswers(try func() (bool, error)) error {
	for {
		if done, err := try(); err != nil || done {
			return err
		}
		if !u.nextMirror() {
			break
		}
	}
	u.Printf("No mirrors remaining, giving up.\n")
	if u.era >= 12 {
		address := "https://www.freebsd.org/platforms/index.html"
		if u.era >= 14 {
			address = "https://www.freebsd.org/platforms/"
		}
		u.Printf("\nThis may be because upgrading from this platform (%s)\nor release (%s) is unsupported by %[3]s. Only\n"+
			"platforms with Tier 1 support can be upgraded by %[3]s.\nSee %[4]s for more info.\n\n"+
			"If unsupported, FreeBSD must be upgraded by source.\n", u.arch(), u.release, path.Base(u.name), address)
	}
	return stop(1)
}

func (u *update) arch() string { return u.capture("uname", "-m") }

func (u *update) answers() bool {
	return u.Machine.Network().Reachable("http://"+strings.ToLower(u.server)+"/") == nil
}

func (u *update) fetchKey() (bool, error) {
	trusted := u.setting["KEYPRINT"]
	if text := u.read("pub.ssl"); text != "" && printOf([]byte(text)) == trusted {
		return true, nil
	}
	u.Printf("Fetching public key from %s... ", u.server)
	if err := u.Sleep(askTime); err != nil {
		return false, err
	}
	key := servedKey(u.Machine)
	switch {
	case !u.answers():
		u.Printf("failed.\n")
		return false, nil
	case printOf([]byte(key)) != trusted:
		u.Printf("key has incorrect hash.\n")
		return false, nil
	}
	u.Printf("done.\n")
	return true, u.write("pub.ssl", key)
}

func (u *update) fetchTag() (bool, error) {
	u.Printf("Fetching metadata signature for %s from %s... ", u.release, u.server)
	if err := u.Sleep(askTime); err != nil {
		return false, err
	}
	r, ok := offers(u.release)
	if !ok || !u.answers() || u.arch() != "amd64" {
		u.Printf("failed.\n")
		return false, nil
	}
	u.patch, u.eol = tagOf(u.Machine, r)
	pub, err := publish(u.Machine, r, u.patch)
	if err != nil {
		return false, err
	}
	u.pub = pub
	u.tagIndex = hashOf([]byte(u.tindex()))
	u.Printf("done.\n")
	return true, u.write("tag.new", fmt.Sprintf("freebsd-update|%s|%s|%d|%s|%d\n", u.arch(), u.release, u.patch, u.tagIndex, u.eol.Unix()))
}

// tindex is the server's list of its indexes.
func (u *update) tindex() string {
	var b strings.Builder
	for _, name := range []string{"INDEX-ALL", "INDEX-NEW", "INDEX-OLD"} {
		b.WriteString(name + "|" + hashOf([]byte(lines(u.pub.index[name], entry.served))) + "\n")
	}
	return b.String()
}

// tagSanity refuses servers that are behind what runs here, or was seen.
func (u *update) tagSanity() error {
	_, level, _ := strings.Cut(u.running, "-p")
	if runs, _ := strconv.Atoi(level); u.patch < runs {
		u.Printf("\nFiles on mirror (%s-p%d) appear older than what\nwe are currently running (%s)!\nCowardly refusing to proceed any further.\n",
			u.release, u.patch, u.running)
		return stop(1)
	}
	f := strings.Split(u.read("tag"), "|")
	if len(f) == 6 && f[2] == u.release {
		if seen, _ := strconv.Atoi(f[3]); u.patch < seen {
			u.Printf("\nFiles on mirror (%[1]s-p%[2]d) are older than the\nmost recently seen updates (%[1]s-p%[3]d).\nCowardly refusing to proceed any further.\n",
				u.release, u.patch, seen)
			return stop(1)
		}
	}
	return nil
}

// metadata fetches indexes and notes them; patches serve where an older one of
// the same name is there.
func (u *update) metadata(names ...string) error {
	if err := u.step(askTime, "Fetching metadata index... "); err != nil {
		return err
	}
	have := indexHashes(u.read("tINDEX.present"))
	wanted := indexHashes(u.tindex())
	var patches, files int
	for _, name := range names {
		switch {
		case u.has(u.stored(wanted[name])):
		case have[name] != "" && u.has(u.stored(have[name])):
			patches++
		default:
			files++
		}
	}
	if patches > 0 {
		if err := u.step(askTime, "Fetching %d metadata patches.%s", patches, progress(patches)); err != nil {
			return err
		}
		if err := u.step(time.Second, "Applying metadata patches... "); err != nil {
			return err
		}
	}
	if files > 0 {
		if err := u.step(askTime, "Fetching %d metadata files... ", files); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := u.store([]byte(lines(u.pub.index[name], entry.served))); err != nil {
			return err
		}
		if err := u.integrity(u.pub.index[name]); err != nil {
			return err
		}
	}
	return u.noteIndexes(have, wanted, names)
}

// noteIndexes writes which indexes are there, and drops those that were.
func (u *update) noteIndexes(have, wanted map[string]string, names []string) error {
	now := map[string]string{}
	for name, hash := range have {
		now[name] = hash
	}
	for _, name := range names {
		if old := now[name]; old != "" && old != wanted[name] {
			_ = u.FS().Remove(u.stored(old))
		}
		now[name] = wanted[name]
	}
	var text []string
	for name, hash := range now {
		text = append(text, name+"|"+hash+"\n")
	}
	slices.Sort(text)
	if err := u.write("tINDEX.present", strings.Join(text, "")); err != nil {
		return err
	}
	return u.FS().Rename(path.Join(u.work, "tag.new"), path.Join(u.work, "tag"))
}

func indexHashes(text string) map[string]string {
	set := map[string]string{}
	for line := range strings.Lines(text) {
		name, hash, _ := strings.Cut(strings.TrimSpace(line), "|")
		set[name] = hash
	}
	return set
}

var classLine = lazyregexp.New(`(?m)^\s*P="\[(.*)\]"`)

// integrity refuses indexes with paths that the tool's own text has no
// characters for.
func (u *update) integrity(list []entry) error {
	text, _ := u.FS().ReadFile(u.name)
	class := "-+./:=,%@_[~[:alnum:]"
	if m := classLine.FindSubmatch(text); m != nil {
		class = string(m[1])
	}
	odd := strings.ReplaceAll(class, "[:alnum:]", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
	for _, e := range list {
		if strings.Trim(e.path, odd) == "" || strings.IndexFunc(e.path, func(r rune) bool { return !strings.ContainsRune(odd, r) }) < 0 {
			continue
		}
		detail := ""
		if u.era >= 13 {
			detail = " (invalid initial fields)"
		}
		u.Printf("\nThe update metadata is correctly signed, but\nfailed an integrity check%s.\nCowardly refusing to proceed any further.\n", detail)
		return stop(1)
	}
	return nil
}

// stored is where the tool keeps content with a hash.
func (u *update) stored(hash string) string { return path.Join(u.work, "files", hash+".gz") }

// store keeps content.
func (u *update) store(data []byte) error {
	name := u.stored(hashOf(data))
	if u.has(name) {
		return nil
	}
	return u.FS().WriteFile(name, pack(data), 0o644)
}

// progress is what the tool prints while it gets n things.
func progress(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		switch {
		case i%10 == 0:
			b.WriteString(strconv.Itoa(i))
		case i%2 == 0:
			b.WriteByte('.')
		}
	}
	return b.String() + " "
}
