package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

// failing refuses everything that is written to it.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestLostResultsAreToldAndAReaderWhoLeavesIsNot(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		told string
	}{
		{syscall.ENOSPC, 1, "the results could not be written: no space left on device"},
		{&os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}, 0, ""},
	} {
		var errOut bytes.Buffer
		code := run(context.Background(), []string{"list"}, strings.NewReader(""), failing{c.err}, &errOut)
		if code != c.code || !strings.Contains(errOut.String(), c.told) || c.told == "" && errOut.Len() > 0 {
			t.Errorf("%v: exit code %d, told %q", c.err, code, errOut.String())
		}
	}
}

func TestTheFirstLossIsRemembered(t *testing.T) {
	o := &output{to: failing{syscall.ENOSPC}}
	_, _ = io.WriteString(o, "a")
	o.to = failing{syscall.EPIPE}
	_, _ = io.WriteString(o, "b")
	if lost := o.lost(); lost == nil || !errors.Is(lost, syscall.ENOSPC) {
		t.Errorf("got %v", lost)
	}
}
