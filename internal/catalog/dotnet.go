package catalog

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isDepsJSON wants the list of what a .NET program or framework is made of.
func isDepsJSON(h *rootfs.Header, _ []byte) bool { return strings.HasSuffix(h.Path, ".deps.json") }

// parseDepsJSON reads NAME.deps.json
// (https://github.com/dotnet/sdk/blob/main/documentation/specs/runtime-configuration-file.md).
// A library of type "package" came from NuGet; "runtimepack" is the framework
// of a self-contained program, under the name that advisories use behind its
// prefix; "project" is the program's own code.
func parseDepsJSON(data []byte) ([]sbom.Package, error) {
	var doc struct {
		Libraries map[string]struct{ Type string }
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(string(data), "\ufeff")), &doc); err != nil {
		return nil, err
	}
	var packages []sbom.Package
	for _, key := range slices.Sorted(maps.Keys(doc.Libraries)) {
		name, version, ok := strings.Cut(key, "/")
		kind := doc.Libraries[key].Type
		if !ok || name == "" || version == "" || kind != "package" && kind != "runtimepack" {
			continue
		}
		packages = append(packages, language("nuget", strings.TrimPrefix(name, "runtimepack."), version))
	}
	return packages, nil
}
