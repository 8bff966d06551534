package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isChiselManifest wants what Ubuntu's chisel writes of the slices that it cut
// out of packages; such an image has no database of dpkg's.
func isChiselManifest(h *rootfs.Header, _ []byte) bool {
	return h.Path == "var/lib/chisel/manifest.wall"
}

// parseChiselManifest reads a compressed list of JSON documents, one a line, of
// kinds "package", "slice", "path" and "content"
// (https://documentation.ubuntu.com/chisel/en/latest/reference/manifest/). It
// does not name source packages: the binary package's name represents them.
func parseChiselManifest(data []byte) ([]sbom.Package, error) {
	z, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxDatabase), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	text, err := io.ReadAll(io.LimitReader(z, maxDatabase+1))
	if err != nil {
		return nil, fmt.Errorf("chisel manifest: %w", err)
	}
	if len(text) > maxDatabase {
		return nil, fmt.Errorf("chisel manifest: more than %d bytes", maxDatabase)
	}
	return parseChiselWall(text)
}

func parseChiselWall(text []byte) ([]sbom.Package, error) {
	var packages []sbom.Package
	var wrong problems
	files := map[string][]string{} // by package
	line := 0
	for row := range bytes.Lines(text) {
		line++
		if row = bytes.TrimSpace(row); len(row) == 0 {
			continue
		}
		var doc struct{ Kind, Name, Version, Arch, Slice, Path string }
		if err := json.Unmarshal(row, &doc); err != nil {
			wrong.add(line, "%v", err)
			continue
		}
		switch doc.Kind {
		case "package":
			if doc.Name == "" || doc.Version == "" {
				wrong.add(line, "package %q without a name or a version", doc.Name)
				continue
			}
			packages = append(packages, sbom.Package{Type: "deb", Name: doc.Name, Version: doc.Version, Arch: doc.Arch, Source: sbom.Source{Name: doc.Name, Version: doc.Version}})
		case "content":
			pkg, _, _ := strings.Cut(doc.Slice, "_") // "base-files_release-info"
			if p := strings.TrimPrefix(doc.Path, "/"); p != "" && !strings.HasSuffix(p, "/") {
				files[pkg] = append(files[pkg], p)
			}
		}
	}
	for i := range packages {
		packages[i].Files = files[packages[i].Name]
	}
	return packages, wrong.err()
}
