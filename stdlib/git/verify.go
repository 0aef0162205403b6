package git

import (
	"context"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// VerifyArgs say what to verify.
type VerifyArgs struct {
	Dir     string `lua:"dir,required" doc:"the repository"`
	Ref     string `lua:"ref,pos" doc:"commit or tag" default:"HEAD"`
	Signers string `lua:"signers" doc:"file on the host with the allowed ssh signers (ssh-keygen(1)); default: as git is configured"`
	Objects bool   `lua:"objects" doc:"check every object of the repository too (git fsck)"`
}

// Verification is what a signature and the objects are worth.
type Verification struct {
	Signed  bool     `lua:"signed"`
	Good    bool     `lua:"good" doc:"the signature is valid, by a key that is known and not expired or revoked"`
	Signer  string   `lua:"signer,omitempty"`
	Key     string   `lua:"key,omitempty" doc:"fingerprint or key id"`
	Trust   string   `lua:"trust,omitempty" doc:"what gpg thinks of the key: undefined, never, marginal, full, ultimate"`
	Problem string   `lua:"problem,omitempty" doc:"why it is not good"`
	Intact  *bool    `lua:"intact,omitempty" doc:"git fsck found no error; only with objects"`
	Errors  []string `lua:"errors,omitempty" doc:"what git fsck found"`
}

// Verify checks the signature of a commit or tag, and the objects on request.
func Verify(ctx context.Context, h effect.Doer, a VerifyArgs) (Verification, error) {
	const op = "git.verify"
	if a.Ref == "" {
		a.Ref = "HEAD"
	}
	if err := checkDir(op, a.Dir); err != nil {
		return Verification{}, err
	}
	if err := checkRevision(op, a.Ref); err != nil {
		return Verification{}, err
	}
	kind, err := line(ctx, h, query(op, a.Dir, "cat-file", "-t", a.Ref))
	if err != nil {
		return Verification{}, err
	}
	verb := "verify-commit"
	if kind == "tag" {
		verb = "verify-tag"
	}
	args := []string{verb, "--raw", a.Ref}
	if a.Signers != "" {
		args = append([]string{"-c", "gpg.ssh.allowedSignersFile=" + a.Signers}, args...)
	}
	e := query(op, a.Dir, args...)
	e.Want = []int{0, 1}
	res, err := do(ctx, h, e)
	if err != nil {
		return Verification{}, err
	}
	if res.Skipped {
		return Verification{}, effect.ErrUnknown
	}
	said, err := res.Stderr.Bytes()
	if err != nil {
		return Verification{}, err
	}
	v := parseSignature(string(said))
	v.Good = v.Good && res.Code == 0
	if !a.Objects {
		return v, nil
	}
	return v, v.checkObjects(ctx, h, op, a.Dir)
}

// fsckFailed are the exit codes of git-fsck(1) that report findings.
var fsckFailed = []int{0, 1, 2, 3, 4, 5, 6, 7}

func (v *Verification) checkObjects(ctx context.Context, h effect.Doer, op, dir string) error {
	e := query(op, dir, "fsck", "--no-dangling", "--no-progress")
	e.Want = fsckFailed
	res, err := do(ctx, h, e)
	if err != nil {
		return err
	}
	out, err := res.Output()
	if err != nil {
		return err
	}
	said, err := res.Stderr.Bytes()
	if err != nil {
		return err
	}
	for _, row := range strings.Split(string(said)+"\n"+string(out), "\n") {
		if row = strings.TrimSpace(row); row != "" {
			v.Errors = append(v.Errors, row)
		}
	}
	intact := res.Code == 0
	v.Intact = &intact
	return nil
}

var (
	sshGood    = lazyregexp.New(`(?m)^Good "git" signature (?:for (\S+) )?with \S+ key (\S+)`)
	gpgProblem = map[string]string{
		"BADSIG": "the signature does not match the content", "EXPSIG": "the signature has expired",
		"EXPKEYSIG": "the key has expired", "REVKEYSIG": "the key is revoked",
		"ERRSIG": "the signature cannot be checked", "NO_PUBKEY": "the public key is not there",
	}
)

// parseSignature reads what git verify-commit --raw says: gpg's status lines
// (doc/DETAILS of GnuPG), or ssh-keygen's line.
func parseSignature(said string) Verification {
	var v Verification
	for _, row := range strings.Split(said, "\n") {
		rest, status := strings.CutPrefix(row, "[GNUPG:] ")
		if !status {
			continue
		}
		word, value, _ := strings.Cut(rest, " ")
		key, name, _ := strings.Cut(value, " ")
		switch {
		case word == "GOODSIG":
			v.Signed, v.Good, v.Signer = true, true, name
		case word == "VALIDSIG":
			v.Key = key
		case strings.HasPrefix(word, "TRUST_"):
			v.Trust = strings.ToLower(strings.TrimPrefix(word, "TRUST_"))
		case gpgProblem[word] != "":
			v.Signed, v.Good = true, false
			v.Problem = gpgProblem[word]
			if v.Key == "" {
				v.Key = key
			}
			if word == "BADSIG" || word == "EXPKEYSIG" || word == "REVKEYSIG" || word == "EXPSIG" {
				v.Signer = name
			}
		}
	}
	if m := sshGood.FindStringSubmatch(said); m != nil {
		v.Signed, v.Good, v.Signer, v.Key = true, m[1] != "", m[1], m[2]
		if !v.Good {
			v.Problem = "the key is not among the allowed signers"
		}
	}
	switch {
	case v.Signed:
	case strings.Contains(said, "Could not verify signature"), strings.Contains(said, "allowedSignersFile needs to be configured"):
		v.Signed, v.Problem = true, strings.TrimSpace(said)
	default:
		v.Problem = "there is no signature"
	}
	return v
}
