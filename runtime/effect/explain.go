package effect

import (
	"errors"
	"io/fs"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// Rule tells one of a tool's failures by what it prints.
type Rule struct {
	Pattern *lazyregexp.Regexp // on both tails of the output
	Kind    ErrKind
	Hint    string // $1 is the first group of Pattern that matched
}

// Explain gives the failure of a command the kind and hint of the first rule
// that matches, and tells whether one did. Failures that are not a command's
// exit stay as they are.
func Explain(err error, rules []Rule) (error, bool) {
	var e *Error
	if !errors.As(err, &e) || e.Code == 0 || e.Kind == Timeout || e.Kind == Unknown {
		return err, false
	}
	text := e.Err + "\n" + e.Out
	for _, r := range rules {
		m := r.Pattern.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		known := *e
		known.Kind = r.Kind
		if r.Hint != "" { // whoever knows the tool knows more than the transport
			known.Hint = strings.ReplaceAll(r.Hint, "$1", firstGroup(m))
		}
		return &known, true
	}
	return err, false
}

func firstGroup(match []string) string {
	for _, group := range match[1:] {
		if group != "" {
			return group
		}
	}
	return ""
}

// FileTrouble is why a file of this machine could not be had, without the call that
// failed and the name.
func FileTrouble(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
