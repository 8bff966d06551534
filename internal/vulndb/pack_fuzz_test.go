package vulndb

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/careen/careen/internal/costs"
)

// FuzzUnpack gives Unpack any bytes: it writes a whole database, or nothing.
func FuzzUnpack(f *testing.F) {
	db, err := OpenBytes(image(f))
	if err != nil {
		f.Fatal(err)
	}
	var packed bytes.Buffer
	if err := Pack(&packed, db); err != nil {
		f.Fatal(err)
	}
	f.Add(packed.Bytes())
	f.Add(packed.Bytes()[:packHead])
	f.Add(packed.Bytes()[:packed.Len()-3])
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		if info, err := ReadPackInfo(bytes.NewReader(data)); err == nil && info.Size > 64<<20 {
			return // more than a fuzzer should write
		}
		path := filepath.Join(t.TempDir(), "x.db")
		info, err := Unpack(bytes.NewReader(data), path)
		if err != nil {
			if _, err := os.Stat(path); err == nil {
				t.Error("an error, and a file")
			}
			return
		}
		if err := verifyFile(path, info.Digest); err != nil {
			t.Error(err)
		}
	})
}
