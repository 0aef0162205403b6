package gpartsim

import "testing"

// A place or size is sectors, never negative, and agrees with bytes.
func FuzzLBA(f *testing.F) {
	for _, text := range []string{"1024", "512k", "4g", "1m", "0x10", "513b", "", "1mb", "x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := lba(text, 512); ok && n < 0 {
			t.Errorf("%q is %d sectors", text, n)
		}
	})
}

func TestLBA(t *testing.T) {
	for text, want := range map[string]int64{"1024": 1024, "1024s": 1024, "512k": 1024, "1M": 2048, "4g": 8388608, "512b": 1} {
		if n, ok := lba(text, 512); !ok || n != want {
			t.Errorf("%q is %d, %v; want %d", text, n, ok, want)
		}
	}
	for _, text := range []string{"", "k", "-1", "513b", "4x", "1mm"} {
		if n, ok := lba(text, 512); ok {
			t.Errorf("%q is %d", text, n)
		}
	}
}
