// Command bsdrun-gen writes what is generated from the declarations of modules:
// docs/reference and recipes/_meta. Run it by go generate.
package main

import (
	"fmt"
	"os"
	"strings"

	"bsdrun/runtime/gen"
	"bsdrun/runtime/rehearse"
	"bsdrun/stdlib"
)

func main() {
	if len(os.Args) != 2 || strings.HasPrefix(os.Args[1], "-") {
		fmt.Fprintln(os.Stderr, "usage: bsdrun-gen ROOT")
		os.Exit(64)
	}
	if err := gen.Write(os.Args[1], append(stdlib.Modules(), rehearse.Modules()...)); err != nil {
		fmt.Fprintln(os.Stderr, "bsdrun-gen:", err)
		os.Exit(1)
	}
}
