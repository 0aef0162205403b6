package sim

import "testing"

func TestAuthorizedKeysAreReadAsSshdDoes(t *testing.T) {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS deploy"
	for name, c := range map[string]struct {
		text string
		keys int
	}{
		"nothing": {"", 0}, "an empty line": {"\n", 0}, "a comment": {"# nobody yet\n", 0},
		"keys": {"# mine\n" + key + "\n\n" + key + "\n", 2},
	} {
		keys, err := ParseAuthorizedKeys([]byte(c.text))
		if err != nil || len(keys) != c.keys {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
		if (ServeOptions{AuthorizedKeys: keys}).open() {
			t.Errorf("%s: the machine is open to everybody", name)
		}
	}
	if _, err := ParseAuthorizedKeys([]byte(key + "\nnonsense\n")); err == nil {
		t.Error("nonsense is taken for a key")
	}
}
