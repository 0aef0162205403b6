//go:build linux

package transfer

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"bsdrun/tests/binary"
	"bsdrun/tests/sshd/sshdtest"
)

var (
	full   = flag.Bool("full", false, "measure the sizes of the target: an image of 4 GiB, a file of 1 GiB")
	gate   = flag.Bool("gate", false, "fail where bsdrun is behind what it must reach")
	rounds = flag.Int("rounds", 3, "how often each is measured, by turns")
)

// maxMemory is what bsdrun may hold at its peak, whatever it moves.
const maxMemory = 96 << 20

// job is one thing to move, and how each program moves it. In commands SRC is what
// is moved, DST where it goes, AES what chooses the cipher that is fastest with
// hardware for it.
type job struct {
	name string
	make func(b *testing.B, dir string) (src string, data int64)
	ours string            // a script; SRC and DST are put in
	they map[string]string // commands for sh
	must map[string]float64
	// bytes is how much of the data may be sent at most.
	bytes float64
}

// sizes of what is moved: the whole of it, for everyday, and over a slow link.
type sizes struct{ image, file int64 }

var (
	wholeSize = sizes{4 << 30, 1 << 30}
	dailySize = sizes{512 << 20, 128 << 20}
	slowSize  = sizes{160 << 20, 16 << 20}
)

const aes = "-c aes128-gcm@openssh.com"

// jobs are what is moved at a speed. What must be reached is bsdrun's time over the
// other's, at most.
func jobs(s sizes, slow bool) []job {
	file := map[string]string{
		"scp":      "scp -q -F CONF SRC host:DST",
		"scp aes":  "scp -q -F CONF " + aes + " SRC host:DST",
		"sftp aes": "echo put SRC DST | sftp -q -b - -F CONF " + aes + " host",
		"cat aes":  "ssh -F CONF " + aes + " host 'cat >DST' <SRC",
		// What only bsdrun does else: it knows that what has arrived is what was sent.
		"cat aes, hashed": "openssl dgst -sha256 SRC >DST.sum & ssh -F CONF " + aes +
			" host 'cat >DST.part && openssl dgst -sha256 DST.part && sync DST.part && mv DST.part DST' <SRC && wait",
		"scp, hashed": "scp -q -F CONF SRC host:DST && openssl dgst -sha256 SRC && ssh -F CONF host openssl dgst -sha256 DST",
		"rsync":       "rsync -e 'ssh -F CONF' SRC host:DST",
	}
	image := map[string]string{
		"tar -S":      "tar -C $(dirname SRC) -Scf - $(basename SRC) | ssh -F CONF host 'mkdir -p DST && tar -C DST -xf -'",
		"tar -S zstd": "tar -C $(dirname SRC) -Scf - $(basename SRC) | zstd -q | ssh -F CONF host 'mkdir -p DST && zstd -dc | tar -C DST -xf -'",
		"rsync -S":    "rsync -S -e 'ssh -F CONF' SRC host:DST",
	}
	tree := map[string]string{
		"tar":      "tar -C SRC -cf - . | ssh -F CONF host 'mkdir -p DST && tar -C DST -xf -'",
		"tar zstd": "tar -C SRC -cf - . | zstd -q | ssh -F CONF host 'mkdir -p DST && zstd -dc | tar -C DST -xf -'",
		"rsync":    "rsync -a -e 'ssh -F CONF' SRC/ host:DST",
		"scp":      "scp -q -r -F CONF SRC host:DST",
	}
	back := map[string]string{
		"scp":     "scp -q -F CONF host:SRC DST",
		"cat aes": "ssh -F CONF " + aes + " host 'cat SRC' >DST",
	}
	list := []job{
		{
			name: "file", make: func(b *testing.B, dir string) (string, int64) { return randomFile(b, dir, s.file) },
			ours: `h.file.upload(local_file("SRC"), "DST")`, they: file,
			must: map[string]float64{"scp": 1 / 1.3, "sftp aes": 1, "cat aes": 1.25, "cat aes, hashed": 1}, bytes: 1.02,
		},
		{
			name: "image", make: func(b *testing.B, dir string) (string, int64) { return sparseFile(b, dir, s.image) },
			ours: `h.file.upload(local_file("SRC"), "DST")`, they: image,
			must: map[string]float64{"tar -S": 1, "tar -S zstd": 1, "rsync -S": 1}, bytes: 1.02,
		},
		{
			name: "tree", make: smallFiles,
			ours: `h.file.sync(local_file("SRC"), "DST")`, they: tree,
			must: map[string]float64{"tar": 1, "tar zstd": 1, "rsync": 1}, bytes: 1.05,
		},
		{
			name: "download", make: func(b *testing.B, dir string) (string, int64) { return randomFile(b, dir, s.file) },
			ours: `h.file.download("SRC", local_file("got", { write = true }))`, they: back,
			must: map[string]float64{"scp": 1}, bytes: 1.02,
		},
	}
	if slow { // where the link is all that counts, nobody can be ahead by much
		delete(tree, "scp") // it takes a minute
		for i := range list {
			for peer := range list[i].must {
				list[i].must[peer] = max(list[i].must[peer], 1)
			}
		}
	}
	return list
}

func BenchmarkTransfer(b *testing.B) {
	fast := dailySize
	if *full {
		fast = wholeSize
	}
	b.Run("loopback", func(b *testing.B) { compare(b, Speed{}, jobs(fast, false)) })
	// 100 Mbit/s, 20 ms there and back; what is moved is scaled to that.
	slow := Speed{Rate: 100e6 / 8, Delay: 10 * time.Millisecond}
	b.Run("slow", func(b *testing.B) { compare(b, slow, jobs(slowSize, true)) })
}

// bench is the server, the link to it and the programs that use it.
type bench struct {
	link   *Link
	conf   string // an ssh_config that leads over the link
	direct string // one that leads to the server itself
	bin    string
	dir    string
	data   int64
}

func compare(b *testing.B, speed Speed, list []job) {
	server := startServer(b)
	link, err := NewLink(server.Addr(), speed)
	check(b, err)
	defer link.Close()
	bin := binary.Of(b)
	for _, j := range list {
		b.Run(j.name, func(b *testing.B) {
			m := bench{link: link, dir: openDir(b), bin: bin}
			m.conf = m.configure(b, server, "link", link.Port())
			m.direct = m.configure(b, server, "direct", server.Port)
			src, data := j.make(b, m.dir)
			m.data = data
			for b.Loop() {
				m.measure(b, j, src)
			}
		})
	}
}

// startServer starts an sshd for a user of its own, whose shell starts as fast as a
// shell can, and on whose account no other run is under way.
func startServer(b *testing.B) *sshdtest.Server {
	b.Helper()
	var o sshdtest.Options
	if os.Geteuid() == 0 {
		o.User, _ = sshdtest.NewUser(b, "/bin/sh", "")
	}
	return sshdtest.Start(b, o)
}

// openDir is a folder that the server's user may enter.
func openDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("", "bsdrun-transfer-")
	check(b, err)
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	check(b, os.Chmod(dir, 0o755))
	return dir
}

// configure writes an ssh_config that reaches the server at a port.
func (m *bench) configure(b *testing.B, server *sshdtest.Server, name string, port int) string {
	b.Helper()
	known := filepath.Join(m.dir, name+"_hosts")
	line, err := os.ReadFile(server.KnownHosts)
	check(b, err)
	_, key, _ := bytes.Cut(line, []byte(" "))
	check(b, os.WriteFile(known, fmt.Appendf(nil, "[127.0.0.1]:%d %s", port, key), 0o600))
	conf := filepath.Join(m.dir, name+"_config")
	check(b, os.WriteFile(conf, fmt.Appendf(nil, `Host host
  HostName 127.0.0.1
  Port %d
  User %s
  IdentityFile %s
  IdentitiesOnly yes
  UserKnownHostsFile %s
  GlobalKnownHostsFile /dev/null
  ConnectTimeout %.0f
`, port, server.User, server.Key, known, sshdtest.Patience.Seconds()), 0o600))
	return conf
}

// run is what moving something once has cost.
type run struct {
	took     time.Duration
	cpu      time.Duration // of the client and its children
	memory   int64         // at its peak
	up, down int64         // bytes over the link
}

// measure moves by turns, so that drift of the machine hits all alike. At full
// speed a link would cost more than it counts, so that once more is counted.
func (m *bench) measure(b *testing.B, j job, src string) {
	names := []string{"bsdrun"}
	for name := range j.they {
		names = append(names, name)
	}
	slices.Sort(names[1:])
	all := map[string][]run{}
	for range *rounds {
		for _, name := range names {
			all[name] = append(all[name], m.once(b, j, name, src, m.link.Speed != Speed{}))
		}
	}
	ours := middle(all["bsdrun"])
	if m.link.Speed == (Speed{}) {
		counted := m.once(b, j, "bsdrun", src, true)
		ours.up, ours.down = counted.up, counted.down
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%s: %d bytes to move; times as a ratio to bsdrun's\n%-16s %8s %8s %8s %9s %9s\n", b.Name(), m.data, "", "time", "cpu s", "MiB", "sent", "received")
	for _, name := range names {
		r := ours
		if name != "bsdrun" {
			r = middle(all[name])
		}
		fmt.Fprintf(&table, "%-16s %8.2f %8.2f %8d %9.4f %9.4f\n", name, float64(r.took)/float64(ours.took), r.cpu.Seconds(), r.memory>>20,
			float64(r.up)/float64(m.data), float64(r.down)/float64(m.data))
	}
	b.Logf("%s", table.String())
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(ours.took.Milliseconds()), "ms/bsdrun")
	b.ReportMetric(float64(ours.memory>>20), "MiB-peak")
	b.ReportMetric(float64(ours.up+ours.down)/float64(m.data), "moved/data")
	for name, most := range j.must {
		x := float64(ours.took) / float64(middle(all[name]).took)
		b.ReportMetric(x, "x-"+strings.NewReplacer(",", "", " ", "-").Replace(name))
		if *gate && x > most {
			b.Errorf("%.2f times as long as %s, at most %.2f is good", x, name, most)
		}
	}
	if x := float64(ours.up+ours.down) / float64(m.data); *gate && x > j.bytes {
		b.Errorf("%.4f times the data went over the link, at most %.2f is good", x, j.bytes)
	}
	if *gate && ours.memory > maxMemory {
		b.Errorf("%d MiB at its peak, at most %d is good", ours.memory>>20, maxMemory>>20)
	}
}

// middle is the median of each.
func middle(runs []run) run {
	return run{
		took: median(runs, func(r run) int64 { return int64(r.took) }), cpu: median(runs, func(r run) int64 { return int64(r.cpu) }),
		memory: int64(median(runs, func(r run) int64 { return r.memory })),
		up:     int64(median(runs, func(r run) int64 { return r.up })), down: int64(median(runs, func(r run) int64 { return r.down })),
	}
}

func median(runs []run, of func(run) int64) time.Duration {
	var list []int64
	for _, r := range runs {
		list = append(list, of(r))
	}
	slices.Sort(list)
	return time.Duration(list[len(list)/2])
}

// once moves something and looks whether it has come.
func (m *bench) once(b *testing.B, j job, name, src string, linked bool) run {
	b.Helper()
	work, err := os.MkdirTemp(m.dir, "to-")
	check(b, err)
	defer os.RemoveAll(work)
	check(b, os.Chmod(work, 0o777)) // the server's user is another
	dst := filepath.Join(work, "got")
	conf := m.direct
	if linked {
		conf = m.conf
	}
	fill := strings.NewReplacer("SRC", src, "DST", dst, "CONF", conf)
	cmd := exec.Command("sh", "-ec", fill.Replace(j.they[name]))
	if name == "bsdrun" {
		// The recipe's folder is where it may write.
		recipe := filepath.Join(work, "move.lua")
		check(b, os.WriteFile(recipe, []byte(fill.Replace(j.ours)), 0o600))
		cmd = exec.Command(m.bin, "-q", "-F", conf, "--allow-read", src, recipe, "host")
	}
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(m.dir, "state"), "SSH_AUTH_SOCK=")
	began := time.Now()
	out, err := cmd.CombinedOutput()
	r := run{took: time.Since(began)}
	if err != nil {
		b.Fatalf("%s: %v\n%s", name, err, out)
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.memory = usage.Maxrss << 10
	}
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	r.up, r.down = m.link.Take()
	if name == "bsdrun" {
		if out, err := exec.Command("diff", "-rq", src, dst).CombinedOutput(); err != nil {
			b.Fatalf("what came is not what was sent: %v\n%s", err, out)
		}
	}
	return r
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// random is data that nothing packs.
func random(size int64) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(data) // never fails
	return data
}

func randomFile(b *testing.B, dir string, size int64) (string, int64) {
	name := filepath.Join(dir, "file")
	f, err := os.Create(name)
	check(b, err)
	defer f.Close()
	source := rand.NewChaCha8([32]byte{1})
	piece := make([]byte, 1<<20)
	for range size >> 20 {
		_, _ = source.Read(piece) // never fails
		_, err := f.Write(piece)
		check(b, err)
	}
	return name, size
}

// sparseFile is as images are: a tenth of it is data, in many places.
func sparseFile(b *testing.B, dir string, size int64) (string, int64) {
	name := filepath.Join(dir, "image")
	f, err := os.Create(name)
	check(b, err)
	defer f.Close()
	check(b, f.Truncate(size))
	const extent = 1 << 20
	data := int64(0)
	piece := random(extent)
	source := rand.NewChaCha8([32]byte{2})
	for at := int64(0); at < size; at += 10 * extent {
		_, _ = source.Read(piece) // never fails
		_, err := f.WriteAt(piece, at)
		check(b, err)
		data += extent
	}
	return name, data
}

// smallFiles are 500 files of 4 KiB.
func smallFiles(b *testing.B, dir string) (string, int64) {
	top := filepath.Join(dir, "tree")
	const files, size = 500, 4 << 10
	all := random(files * size)
	for n := range files {
		folder := filepath.Join(top, fmt.Sprint("folder", n%20))
		check(b, os.MkdirAll(folder, 0o755))
		check(b, os.WriteFile(filepath.Join(folder, fmt.Sprint("file", n)), all[n*size:(n+1)*size], 0o644))
	}
	return top, files * size
}
