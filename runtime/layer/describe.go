package layer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"bsdrun/runtime/effect"
)

// Describe tells what an effect does as a person would type it.
func Describe(e effect.Effect) string {
	var b strings.Builder
	if e.In != "" {
		fmt.Fprintf(&b, "[jail %s] ", e.In)
	}
	if e.As != "" {
		fmt.Fprintf(&b, "[as %s] ", e.As)
	}
	switch {
	case e.Title != "":
		b.WriteString(jobPrefix(e) + e.Title)
	case e.File != nil:
		b.WriteString(describeFile(e.File))
	case e.Conn != nil:
		b.WriteString(string(e.Conn.Verb))
		if len(e.Argv) > 0 {
			b.WriteString(": " + Quote(e.Argv))
		}
	case len(e.Argv) > 0:
		b.WriteString(jobPrefix(e) + Quote(e.Argv))
	case e.Shell != "":
		b.WriteString(jobPrefix(e) + strings.TrimSpace(e.Shell))
	case e.Job != nil:
		fmt.Fprintf(&b, "%s job %s", e.Job.Verb, e.Job.ID)
	case e.Batch != nil:
		parts := make([]string, len(e.Batch))
		for i, part := range e.Batch {
			parts[i] = Describe(part)
		}
		b.WriteString(strings.Join(parts, "; "))
	}
	return b.String()
}

func jobPrefix(e effect.Effect) string {
	if e.Job == nil {
		return ""
	}
	return string(e.Job.Verb) + " job: "
}

func describeFile(f *effect.FileOp) string {
	text := string(f.Verb) + " " + f.Path
	if f.To != "" {
		text += " -> " + f.To
	}
	if f.Mode != nil {
		text += fmt.Sprintf(" mode %04o", uint32(*f.Mode))
	}
	if f.Owner != "" || f.Group != "" {
		text += " owner " + f.Owner + ":" + f.Group
	}
	if f.Flags != "" {
		text += " flags " + f.Flags
	}
	if f.Recursive {
		text += " (and all below)"
	}
	return text
}

// Quote writes a command so that sh reads the same words back.
func Quote(argv []string) string {
	words := make([]string, len(argv))
	for i, arg := range argv {
		quoted, err := syntax.Quote(arg, syntax.LangPOSIX)
		if err != nil { // control characters, which single quotes keep
			quoted = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words[i] = quoted
	}
	return strings.Join(words, " ")
}

// Hash tells effects apart by all that decides what they do: two effects of one
// hash do the same. Standard input counts where it can be read twice.
func Hash(e effect.Effect) string {
	h := sha256.New()
	add := func(name string, parts ...string) {
		_, _ = fmt.Fprintf(h, "%s %d\n", name, len(parts))
		for _, part := range parts {
			_, _ = fmt.Fprintf(h, "%d:%s\n", len(part), part)
		}
	}
	add("what", e.Op, e.Kind.String(), e.Shell, e.In, e.As, e.Dir)
	add("argv", e.Argv...)
	add("env", e.Env...)
	if f := e.File; f != nil {
		mode := ""
		if f.Mode != nil {
			mode = fmt.Sprint(uint32(*f.Mode))
		}
		add("file", string(f.Verb), f.Path, f.To, mode, f.Owner, f.Group, f.Flags, f.Backup,
			fmt.Sprint(f.Recursive, f.Parents, f.Symbolic, f.Offset, f.Length), string(f.Data))
		add("validate", f.Validate...)
		if r, ok := f.Source.(effect.Ranges); ok {
			identity, err := r.Identity()
			add("source", fmt.Sprint(r.Size()), identity, fmt.Sprint(err))
		} else if f.Source != nil {
			sum, err := f.Source.SHA256()
			add("source", fmt.Sprint(f.Source.Size()), sum, fmt.Sprint(err))
		}
	}
	if j := e.Job; j != nil {
		add("job", string(j.Verb), j.Key, j.ID, fmt.Sprint(j.Offset))
	}
	if c := e.Conn; c != nil {
		add("conn", string(c.Verb))
	}
	if t := e.Talk; t != nil {
		for _, x := range t.Exchanges {
			add("talk", x.Expect, x.Send, x.Fail, fmt.Sprint(x.Repeat))
		}
	}
	for _, part := range e.Batch {
		add("part", Hash(part))
	}
	hashStdin(h, e.Stdin)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// hashStdin reads standard input where it can be put back.
func hashStdin(h hash.Hash, stdin io.Reader) {
	s, ok := stdin.(io.ReadSeeker)
	if !ok {
		return
	}
	at, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return
	}
	_, _ = io.WriteString(h, "stdin\n")
	_, _ = io.Copy(h, s)
	_, _ = s.Seek(at, io.SeekStart)
}
