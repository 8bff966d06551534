package catalog

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/careen/careen/internal/rootfs"
)

// benchBody is a file in memory, as visitors see it.
type benchBody struct{ *strings.Reader }

func (b benchBody) Size() int64 { return b.Reader.Size() }

func (b benchBody) Bytes(max int64) ([]byte, error) {
	if b.Reader.Size() > max {
		return nil, fmt.Errorf("%d bytes, more than %d", b.Reader.Size(), max)
	}
	data := make([]byte, b.Reader.Size())
	_, err := b.ReadAt(data, 0)
	return data, err
}

// BenchmarkCatalogers runs the visitors whose files can be written here on what
// they meet most: a database of 500 packages, one package.json, one Go binary.
func BenchmarkCatalogers(b *testing.B) {
	var dpkg, apk strings.Builder
	for i := range 500 {
		fmt.Fprintf(&dpkg, "Package: pkg%d\nStatus: install ok installed\nSource: src%d (1.%d)\nVersion: 1.%d-1\nArchitecture: amd64\nDepends: libc6 (>= 2.36)\nDescription: a package\n with two lines\n\n", i, i, i, i)
		fmt.Fprintf(&apk, "P:pkg%d\nV:1.%d-r0\nA:x86_64\no:src%d\nL:MIT\nF:usr/lib\nR:libpkg%d.so\nZ:Q1abcdefghijklmnopqrstuvwxyz=\n\n", i, i, i, i)
	}
	binary, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		b.Fatal(err)
	}
	inputs := map[string]struct {
		path, content string
		mode          os.FileMode
	}{
		"dpkg":     {"var/lib/dpkg/status", dpkg.String(), 0o644},
		"apk":      {"lib/apk/db/installed", apk.String(), 0o644},
		"npm":      {"app/node_modules/x/package.json", `{"name": "x", "version": "1.0.0", "license": "MIT", "dependencies": {"y": "^1.0.0"}}`, 0o644},
		"gobinary": {"app/server", string(program), 0o755},
	}
	for _, v := range Visitors() {
		in, ok := inputs[v.Name]
		if !ok {
			continue
		}
		b.Run(v.Name, func(b *testing.B) {
			h := &rootfs.Header{Path: in.path, Size: int64(len(in.content)), Mode: in.mode}
			if !v.Want(h, []byte(in.content[:min(512, len(in.content))])) {
				b.Fatalf("%s does not want %s", v.Name, in.path)
			}
			b.SetBytes(h.Size)
			b.ReportAllocs()
			for b.Loop() {
				fact, err := v.Visit(h, benchBody{strings.NewReader(in.content)})
				if err != nil || len(fact) == 0 {
					b.Fatalf("%d bytes of facts, %v", len(fact), err)
				}
			}
		})
	}
}
