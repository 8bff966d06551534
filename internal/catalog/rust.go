package catalog

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/careen/careen/internal/exe"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// maxAudit bounds cargo-auditable's list; its own reader allows 8 MiB.
const maxAudit = 8 << 20

// readRustBinary lists the crates of a program built with cargo-auditable,
// which puts them into a section ".dep-v0"
// (https://github.com/rust-secure-code/cargo-auditable/blob/master/PARSING.md).
func readRustBinary(_ *rootfs.Header, body rootfs.Body) (found, error) {
	var head [512]byte
	n, _ := body.ReadAt(head[:], 0)
	data, err := exe.Section(body, exe.Identify(head[:n]), ".dep-v0")
	if err != nil {
		return found{}, nil // whatever else it is
	}
	packages, err := parseAudit(data)
	return found{Packages: packages}, err
}

// parseAudit reads the compressed list.
func parseAudit(data []byte) ([]sbom.Package, error) {
	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("cargo-auditable: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxAudit+1))
	if err != nil {
		return nil, fmt.Errorf("cargo-auditable: %w", err)
	}
	if len(text) > maxAudit {
		return nil, errors.New("cargo-auditable: list is too long")
	}
	var doc struct {
		Packages []struct {
			Name, Version, Source, Kind string
			Dependencies                []int // indexes of Packages
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("cargo-auditable: %w", err)
	}
	var packages []sbom.Package
	for _, c := range doc.Packages {
		// Build scripts and their dependencies ran when the program was built.
		if c.Name != "" && c.Version != "" && c.Kind != "build" {
			p := language("cargo", c.Name, c.Version)
			for _, on := range c.Dependencies {
				if on >= 0 && on < len(doc.Packages) {
					p.DependsOn = append(p.DependsOn, language("cargo", doc.Packages[on].Name, doc.Packages[on].Version).PURL)
				}
			}
			packages = append(packages, p)
		}
	}
	return packages, nil
}
