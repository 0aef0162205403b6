// Package programs holds the C programs that come with bsdrun. A simulated
// machine, which cannot compile, knows them by their sources.
package programs

import (
	"embed"
	"fmt"
)

//go:embed c/*.c
var sources embed.FS

// The programs.
const (
	BindProbe = "bind-probe" // binds wildcard sockets of both families to one port
	Trial     = "trial"      // does nothing; a compiler that works compiles it
)

// Source is the C source of one of the programs.
func Source(name string) string {
	text, err := sources.ReadFile("c/" + name + ".c")
	if err != nil {
		panic(fmt.Sprintf("no program is named %s", name))
	}
	return string(text)
}
