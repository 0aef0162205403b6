package layer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"bsdrun/runtime/effect"
)

// answer is the result of an effect as the journal keeps it.
type answer struct {
	Code           int               `json:"code,omitempty"`
	Stdout, Stderr []byte            `json:",omitempty"`
	Unchanged      bool              `json:"unchanged,omitempty"`
	Data           []byte            `json:"data,omitempty"`
	Info           *effect.FileInfo  `json:"info,omitempty"`
	List           []effect.FileInfo `json:"list,omitempty"`
	Job            *effect.JobState  `json:"job,omitempty"`
	Jobs           []effect.JobState `json:"jobs,omitempty"`
}

// maxAnswer bounds what the journal keeps of a result; a longer one is asked
// from the host's ledger again.
const maxAnswer = 256 << 10

// encodeAnswer is a result in full, or nil when it is too long or holds a
// secret.
func encodeAnswer(r effect.Result, redact *Redactor) []byte {
	a := answer{Code: r.Code, Unchanged: r.Unchanged, Data: r.Data, Info: r.Info, List: r.List, Job: r.Job, Jobs: r.Jobs}
	for _, stream := range []struct {
		from effect.Output
		to   *[]byte
	}{{r.Stdout, &a.Stdout}, {r.Stderr, &a.Stderr}} {
		if stream.from.Size() > maxAnswer {
			return nil
		}
		b, err := stream.from.Bytes()
		if err != nil || holdsSecret(redact, b) {
			return nil
		}
		*stream.to = b
	}
	if holdsSecret(redact, a.Data) {
		return nil
	}
	b, err := json.Marshal(a)
	if err != nil || len(b) > 2*maxAnswer || holdsSecret(redact, b) {
		return nil
	}
	return b
}

func holdsSecret(redact *Redactor, b []byte) bool {
	return redact.load() != nil && len(redact.Bytes(b)) != len(b)
}

// decodeAnswer is the inverse of encodeAnswer.
func decodeAnswer(b []byte) (effect.Result, error) {
	var a answer
	if err := json.Unmarshal(b, &a); err != nil {
		return effect.Result{}, effect.Errorf(effect.Internal, "journal", "a recorded result cannot be read: %v", err)
	}
	return effect.Result{
		Code: a.Code, Stdout: effect.OutputOf(a.Stdout), Stderr: effect.OutputOf(a.Stderr), Unchanged: a.Unchanged,
		Recorded: true, Data: a.Data, Info: a.Info, List: a.List, Job: a.Job, Jobs: a.Jobs,
	}, nil
}

// digest tells the results of reads apart.
func digest(r effect.Result, err error) string {
	h := sha256.New()
	encoder := json.NewEncoder(h)
	for _, stream := range []effect.Output{r.Stdout, r.Stderr} {
		_ = encoder.Encode(stream.Size())
		_, _ = h.Write(stream.Tail(effect.TailSize))
		_, _ = h.Write([]byte{0})
	}
	_ = encoder.Encode(answer{Code: r.Code, Data: r.Data, Info: r.Info, List: r.List, Job: r.Job, Jobs: r.Jobs})
	for _, part := range r.Batch {
		_ = encoder.Encode(digest(part.Result, part.Err))
	}
	if err != nil {
		_ = encoder.Encode(effect.KindOf(err))
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}
