package layer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bsdrun/runtime/effect"
)

func redactor(secrets ...string) *Redactor {
	r := &Redactor{}
	for _, s := range secrets {
		r.Add(s)
	}
	return r
}

func TestRedactorRemovesEveryForm(t *testing.T) {
	secret := "p@ss 'w\"$x\\ö/+\n?"
	r := redactor(secret)
	quoted := Quote([]string{secret})
	asJSON, _ := json.Marshal(secret)
	for name, form := range map[string]string{
		"raw": secret, "without its newline": strings.TrimSuffix(secret, "\n"),
		"sh": quoted, "json": string(asJSON), "query": url.QueryEscape(secret), "path": url.PathEscape(secret),
		"base64": base64.StdEncoding.EncodeToString([]byte(secret)), "base64 url": base64.URLEncoding.EncodeToString([]byte(secret)),
		"base64 within": base64.StdEncoding.EncodeToString([]byte("user:" + secret)),
		"shifted":       base64.StdEncoding.EncodeToString([]byte("ab" + secret + "cd")),
	} {
		got := r.String("before " + form + " after")
		if !strings.Contains(got, mask) || !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
			t.Errorf("%s: %q came out as %q", name, form, got)
		}
		if rest := strings.Trim(strings.ReplaceAll(got, mask, ""), " "); len(rest) > len("before  after")+10 {
			t.Errorf("%s: too much is left: %q", name, got)
		}
	}
}

func TestRedactorHidesTheLinesOfAKey(t *testing.T) {
	r := redactor("-----BEGIN KEY-----\nb3BlbnNzaC1rZXkt\nabc\n-----END KEY-----\n")
	got := r.String("+b3BlbnNzaC1rZXkt\n+-----BEGIN KEY-----\n")
	if got != "+***\n+-----BEGIN KEY-----\n" {
		t.Errorf("got %q", got)
	}
}

func TestOverlappingSecretsHideEachOther(t *testing.T) {
	r := redactor("abcd", "cdef")
	if got := r.String("x abcdef y"); got != "x *** y" {
		t.Errorf("got %q", got)
	}
}

func TestRedactorWithoutSecretsPassesEverything(t *testing.T) {
	var r *Redactor
	if got := r.String("plain"); got != "plain" {
		t.Errorf("got %q", got)
	}
	var b bytes.Buffer
	w := (&Redactor{}).Writer(&b)
	if _, err := w.Write([]byte("plain")); err != nil || b.String() != "plain" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestWriterDoesNotHoldBackWhatIsNoSecret(t *testing.T) {
	var b bytes.Buffer
	w := redactor("secret-value").Writer(&b)
	for _, c := range []struct{ write, shown string }{
		{"Password: ", "Password: "}, {"secret-", "Password: "}, {"garden", "Password: secret-garden"}, {" secret-va", "Password: secret-garden "},
		{"lue.", "Password: secret-garden ***."},
	} {
		_, _ = w.Write([]byte(c.write))
		if b.String() != c.shown {
			t.Errorf("after %q: %q, want %q", c.write, b.String(), c.shown)
		}
	}
	_, _ = w.Write([]byte(" secret"))
	if err := w.Close(); err != nil || !strings.HasSuffix(b.String(), ". secret") {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestWriterHearsOfSecretsThatComeLater(t *testing.T) {
	var b bytes.Buffer
	r := &Redactor{}
	w := r.Writer(&b)
	_, _ = w.Write([]byte("first "))
	r.Add("hush")
	_, _ = w.Write([]byte("hush"))
	_ = w.Close()
	if b.String() != "first ***" {
		t.Errorf("got %q", b.String())
	}
}

// However a stream is cut, what the writer passes on is what String makes of it
// as a whole, and holds no form of any secret.
func TestWriterRedactsAcrossChunkBorders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.StringMatching(`[ab'"]{1,6}`)
		secrets := rapid.SliceOfN(letters, 1, 3).Draw(t, "secrets")
		pieces := rapid.SliceOf(rapid.OneOf(rapid.SampledFrom(secrets), rapid.StringMatching(`[abc '"\\]{0,5}`))).Draw(t, "pieces")
		r := redactor(secrets...)
		text := strings.Join(pieces, "")
		var b bytes.Buffer
		w := r.Writer(&b)
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "chunk")
			if _, err := w.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if whole := r.String(text); b.String() != whole {
			t.Fatalf("in chunks %q, as a whole %q", b.String(), whole)
		}
		for _, visible := range strings.Split(b.String(), mask) {
			for _, secret := range secrets {
				if strings.Contains(visible, secret) {
					t.Fatalf("%q shows %q", b.String(), secret)
				}
			}
		}
	})
}

func FuzzRedactor(f *testing.F) {
	f.Add("secret", "a secret b", 3)
	f.Add("aa", "aaaa", 1)
	f.Fuzz(func(t *testing.T, secret, text string, cut int) {
		if secret == "" || strings.Contains(mask, secret) {
			return
		}
		r := redactor(secret)
		var b bytes.Buffer
		w := r.Writer(&b)
		cut = max(0, min(cut, len(text)))
		_, _ = w.Write([]byte(text[:cut]))
		_, _ = w.Write([]byte(text[cut:]))
		_ = w.Close()
		for _, visible := range strings.Split(b.String(), mask) {
			if strings.Contains(visible, secret) {
				t.Errorf("%q shows %q", b.String(), secret)
			}
		}
		if b.String() != r.String(text) {
			t.Errorf("in chunks %q, as a whole %q", b.String(), r.String(text))
		}
	})
}

func TestEventsErrorsAndValuesAreCleaned(t *testing.T) {
	r := redactor("hunter22")
	e := r.Event(effect.Event{
		Text: "hunter22", Diff: &effect.Diff{Before: []byte("a"), After: []byte("pw=hunter22")},
		Err:  &effect.Error{Command: "login hunter22", Err: "bad hunter22", Cause: errors.New("hunter22 refused")},
		Data: map[string]any{"k": []any{"hunter22", int64(1)}},
	})
	b, err := json.Marshal(e)
	if err != nil || bytes.Contains(b, []byte("hunter22")) {
		t.Errorf("%s, %v", b, err)
	}
	if string(e.Diff.After) != "pw=***" || e.Err.Error() == "" || strings.Contains(e.Err.Error(), "hunter22") {
		t.Errorf("%s, %v", e.Diff.After, e.Err)
	}
	if !r.Holds(map[string]any{"a": []any{"x hunter22"}}) || r.Holds([]any{"hunter"}) {
		t.Error("Holds is wrong")
	}
}
