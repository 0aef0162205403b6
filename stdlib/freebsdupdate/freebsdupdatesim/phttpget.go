package freebsdupdatesim

import (
	"path"
	"strings"

	"bsdrun/runtime/sim"
)

const phttpgetPath = "/usr/libexec/phttpget"

// phttpget is the program by which the tool gets files of its server. It puts
// them into the directory where it is and says on standard error how each went;
// its exit code does not tell.
func phttpget(p *sim.Proc) int {
	if len(p.Args) < 2 {
		p.Errorf("usage: phttpget server [file ...]\n")
		return 64
	}
	server := p.Args[1]
	if err := p.Machine.Network().Reachable("http://" + strings.ToLower(server) + "/"); err != nil {
		p.Errorf("phttpget: Could not connect to %s\n", server)
		return 1
	}
	for _, file := range p.Args[2:] {
		content, there := serve(p.Machine, "http://"+server+"/"+file)
		if !there {
			p.Errorf("http://%s/%s: 404 Error (ignored)\n", server, file)
			continue
		}
		if err := p.Sleep(fileTime); err != nil {
			return 1
		}
		if err := p.FS().WriteFile(path.Base(file), content, 0o644); err != nil {
			p.Errorf("phttpget: %s: %s\n", path.Base(file), sim.ErrText(err))
			return 1
		}
		p.Errorf("http://%s/%s: 200 OK\n", server, file)
	}
	return 0
}
