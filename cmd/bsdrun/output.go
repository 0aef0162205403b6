package main

import (
	"errors"
	"io"
	"sync"
	"syscall"

	"bsdrun/runtime/effect"
)

// output is standard output, which remembers that something could not be
// written.
type output struct {
	to io.Writer

	mu  sync.Mutex
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.to.Write(p)
	if err != nil {
		o.mu.Lock()
		if o.err == nil {
			o.err = err
		}
		o.mu.Unlock()
	}
	return n, err
}

// failed says whether a command had no other trouble than a failed write.
func (o *output) failed(err error) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err != nil && (err == nil || errors.Is(err, o.err))
}

// lost is why results were lost; a reader who has seen enough (| head) is no
// reason.
func (o *output) lost() *effect.Error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil || errors.Is(o.err, syscall.EPIPE) {
		return nil
	}
	return &effect.Error{Message: "the results could not be written: " + o.err.Error(), Cause: o.err,
		Hint: "what was done is recorded: bsdrun show last"}
}
