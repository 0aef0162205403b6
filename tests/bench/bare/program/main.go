// Command program runs one command several times on hosts, all at once, as fast as a
// bare client can: floor MODE USER KEY SERVERKEY TIMES COMMAND ADDRESS... where MODE is
// exec, shell or shell+qa.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"bsdrun/tests/bench/bare"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 7 {
		return errors.New("floor MODE USER KEY SERVERKEY TIMES COMMAND ADDRESS...")
	}
	mode, login := args[0], bare.Login{User: args[1], QuickAck: args[0] == "shell+qa"}
	key, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	if login.Key, err = ssh.ParsePrivateKey(key); err != nil {
		return err
	}
	if key, err = os.ReadFile(args[3]); err != nil {
		return err
	}
	if login.Server, _, _, _, err = ssh.ParseAuthorizedKey(key); err != nil {
		return err
	}
	times, err := strconv.Atoi(args[4])
	if err != nil {
		return err
	}
	addresses := args[6:]
	failed := make([]error, len(addresses))
	var all sync.WaitGroup
	for i, address := range addresses {
		all.Go(func() { failed[i] = work(mode, login, times, args[5], address) })
	}
	all.Wait()
	return errors.Join(failed...)
}

// work runs the command on one host.
func work(mode string, login bare.Login, times int, command, address string) error {
	c, err := bare.Dial(address, login)
	if err != nil {
		return err
	}
	defer c.Close()
	do := c.Exec
	if strings.HasPrefix(mode, "shell") {
		if err := c.OpenShell(); err != nil {
			return err
		}
		do = c.Run
	}
	for range times {
		if _, err := do(command); err != nil {
			return err
		}
	}
	return nil
}
