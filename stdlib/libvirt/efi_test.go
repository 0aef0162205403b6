package libvirt

import (
	"compress/gzip"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// variables reads a store as virt-firmware made it of Debian's OVMF_VARS_4M.fd.
func variables(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseEFIVariables(t *testing.T) {
	menu := []EFIBoot{{"file loader.efi", `\EFI\freebsd\loader.efi`, true}, {"file BOOTX64.EFI", `\EFI\BOOT\BOOTX64.EFI`, true}}
	for name, want := range map[string]EFI{
		"boot_VARS.fd.gz":   {Boot: menu},
		"secure_VARS.fd.gz": {Boot: menu, Keys: []string{"PK", "KEK", "dbx"}, SecureBoot: true, Other: 1},
	} {
		vars, err := parseVars(variables(t, name))
		if err != nil {
			t.Fatal(err)
		}
		var got EFI
		vars.tell(&got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// A variable that is being replaced counts until the new one is there.
func TestEFIVariablesThatLeave(t *testing.T) {
	whole := variables(t, "boot_VARS.fd.gz")
	const first = 72 + storeHead // behind the heads of volume and store
	for state, want := range map[byte]int{variableAdded: 2, variableLeaving: 2, 0x3d: 1, 0x3c: 1} {
		b := append([]byte{}, whole...)
		b[first+2] = state
		vars, err := parseVars(b)
		var got EFI
		vars.tell(&got)
		if err != nil || len(got.Boot) != want {
			t.Errorf("state %#x: %+v, %v", state, got.Boot, err)
		}
	}
}

func TestEFIVariablesThatCannotBeTold(t *testing.T) {
	whole := variables(t, "boot_VARS.fd.gz")
	damaged := append([]byte{}, whole...)
	damaged[72+storeHead+43] = 0x7f // the length of the first one
	for name, b := range map[string][]byte{"nothing": nil, "zeroes": make([]byte, 4096), "qcow2": []byte("QFI\xfb\x00\x00\x00\x03"), "damaged": damaged, "cut": whole[:80]} {
		if _, err := parseVars(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParseEFIVariables(f *testing.F) {
	for _, name := range []string{"boot_VARS.fd.gz", "secure_VARS.fd.gz"} {
		f.Add(variables(f, name)[:8192])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		vars, err := parseVars(b)
		var e EFI
		vars.tell(&e)
		if err == nil && e.Other < 0 {
			t.Errorf("%+v", e)
		}
	})
}
