package effect

import "time"

// JobVerb is an operation on a detached job.
type JobVerb string

// The job operations. Status, Log and List are Reads.
const (
	JobStart  JobVerb = "start"  // Argv or Shell of the effect, or attach when it is there already
	JobStatus JobVerb = "status" // Result.Job
	JobLog    JobVerb = "log"    // Result.Data from Offset, at most Limit bytes; Result.Job too
	JobStop   JobVerb = "stop"   // TERM, then KILL after Grace, to the whole tree
	JobList   JobVerb = "list"   // Result.Jobs
	JobRemove JobVerb = "remove" // forget an ended job
)

// JobOp starts or addresses a command that outlives the connection.
type JobOp struct {
	Verb JobVerb
	// Key names the job across runs: "poudriere-bulk-143amd64-default". With
	// an empty Key the job is named after the effect's ID.
	Key string
	// ID addresses an existing job (all verbs but start and list).
	ID     string
	Offset int64
	Limit  int64
	Grace  time.Duration
}

// JobState is what a host knows of a detached job.
type JobState struct {
	ID      string
	Key     string
	Run     string // the run that started it
	Command string
	State   string // running, exited, rebooted (the host went down under it), lost, absent
	Code    int    // exit code, once exited
	PID     int
	Started time.Time
	Ended   time.Time
	LogSize int64
	// Attached is set by start when the job was there already.
	Attached bool
	// Foreign is set with Attached when another run started the job.
	Foreign bool
}

// Running tells whether the job has not ended.
func (s *JobState) Running() bool { return s != nil && s.State == "running" }
