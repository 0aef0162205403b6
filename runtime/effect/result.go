package effect

import (
	"strings"
	"time"
)

// Result is what an effect came to.
type Result struct {
	Code           int
	Stdout, Stderr Output
	Took           time.Duration

	// Skipped: check mode did not do it; whatever it would have produced is
	// unknown.
	Skipped bool
	// Unchanged: a Change found everything as it should be.
	Unchanged bool
	// Recorded: answered from the ledger or the journal, not done now.
	Recorded bool

	Data []byte     // get, readlink, hash, job log
	Info *FileInfo  // stat; nil when there is no such file
	List []FileInfo // list
	Job  *JobState  // job operations
	Jobs []JobState // job list
	Peer *Peer      // connection peer

	Batch []Outcome // of every Read of a batch, in their order
}

// Output is standard output, or ErrUnknown when the effect was skipped.
func (r Result) Output() ([]byte, error) {
	if r.Skipped {
		return nil, ErrUnknown
	}
	return r.Stdout.Bytes()
}

// Text is Output as a string.
func (r Result) Text() (string, error) {
	b, err := r.Output()
	return string(b), err
}

// Line is Output without the blanks and newlines around it.
func (r Result) Line() (string, error) {
	text, err := r.Text()
	return strings.TrimSpace(text), err
}

// Changed tells whether the host is, or in check mode would be, different now.
func (r Result) Changed() bool { return !r.Unchanged }
