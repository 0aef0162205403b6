package poudrieresim

import (
	"testing"
	"time"
)

func FuzzReadManifest(f *testing.F) {
	good, err := archive(time.Unix(0, 0), [2]string{"+COMPACT_MANIFEST", `{"name":"a","version":"1","origin":"x/a"}`})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("no package"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readManifest(data)
		if err == nil && m.sum == "" {
			t.Error("a package without a checksum")
		}
	})
}

func TestArchiveAndBack(t *testing.T) {
	data, err := archive(time.Unix(0, 0), [2]string{"+COMPACT_MANIFEST", `{"name":"a","version":"1","origin":"x/a","deps":{"b":{"origin":"x/b","version":"2"}}}`})
	if err != nil {
		t.Fatal(err)
	}
	m, err := readManifest(data)
	if err != nil || m.Name != "a" || m.Version != "1" || m.Deps["b"].Version != "2" {
		t.Errorf("%+v, %v", m, err)
	}
}
