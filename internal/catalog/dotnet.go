package catalog

import (
	"encoding/json"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/exe"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isDepsJSON wants the list of what a .NET program or framework is made of.
func isDepsJSON(h *rootfs.Header, _ []byte) bool { return strings.HasSuffix(h.Path, ".deps.json") }

// parseDepsJSON reads NAME.deps.json
// (https://github.com/dotnet/sdk/blob/main/documentation/specs/runtime-configuration-file.md).
// A library of type "package" came from NuGet; "runtimepack" is the framework
// of a self-contained program, under the name that advisories use behind its
// prefix; "project" is the program's own code. A library that a target lists
// without a file of any kind brought none: the shared framework has it, or it
// was for the compiler alone.
func parseDepsJSON(data []byte) ([]sbom.Package, error) {
	var doc struct {
		Libraries map[string]struct{ Type string }
		Targets   map[string]map[string]depsTarget // by framework, then as Libraries
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	var packages []sbom.Package
	for _, key := range slices.Sorted(maps.Keys(doc.Libraries)) {
		name, version, ok := strings.Cut(key, "/")
		kind := doc.Libraries[key].Type
		if !ok || name == "" || version == "" || kind != "package" && kind != "runtimepack" {
			continue
		}
		listed, there := false, false
		for _, target := range doc.Targets {
			library, ok := target[key]
			listed, there = listed || ok, there || library.hasAssets()
		}
		if listed && !there {
			continue
		}
		p := language("nuget", strings.TrimPrefix(name, "runtimepack."), version)
		for _, target := range doc.Targets {
			for on, version := range target[key].Dependencies {
				p.DependsOn = append(p.DependsOn, language("nuget", on, version).PURL)
			}
		}
		slices.Sort(p.DependsOn)
		packages = append(packages, p)
	}
	return packages, nil
}

// depsTarget is a library as a target uses it: its files, by kind.
type depsTarget struct {
	Dependencies                               map[string]string
	Runtime, Native, Resources, RuntimeTargets map[string]json.RawMessage
}

func (d depsTarget) hasAssets() bool {
	for _, files := range [...]map[string]json.RawMessage{d.Runtime, d.Native, d.Resources, d.RuntimeTargets} {
		for file := range files {
			if path.Base(file) != "_._" { // represents an empty folder
				return true
			}
		}
	}
	return false
}

// runtimeFiles are the assemblies whose version resource says which runtime
// lies there, where no deps.json does (trimmed and self-contained programs), and
// the name of its package without the system at its end.
var runtimeFiles = map[string]string{
	"System.Private.CoreLib.dll": "Microsoft.NETCore.App.Runtime",
	"Microsoft.AspNetCore.dll":   "Microsoft.AspNetCore.App.Runtime",
}

func isDotnetRuntime(h *rootfs.Header, head []byte) bool {
	base := h.Path[strings.LastIndexByte(h.Path, '/')+1:]
	return (base == "System.Private.CoreLib.dll" || base == "Microsoft.AspNetCore.dll") && (len(head) == 0 || exe.Identify(head) == exe.PE)
}

// readDotnetRuntime reads "8.0.1+bf5e279d" or "6.0.10-servicing.22476.10+5a400c21".
func readDotnetRuntime(h *rootfs.Header, body rootfs.Body) (found, error) {
	v, err := exe.ReadPEVersion(body)
	if errors.Is(err, exe.ErrNoVersion) {
		return found{}, nil
	}
	if err != nil {
		return found{}, err
	}
	version, _, _ := strings.Cut(v.Strings["ProductVersion"], "+")
	version, _, _ = strings.Cut(version, "-servicing")
	if strings.Count(version, ".") < 2 || !startsWithDigit(version) {
		return found{}, nil
	}
	return found{Packages: []sbom.Package{language("nuget", runtimeFiles[path.Base(h.Path)]+"."+runtimeSystem(v.Machine), version)}}, nil
}

// runtimeSystem names what a precompiled assembly is for: its machine, xored
// with a mark of the system
// (https://github.com/dotnet/runtime/blob/main/docs/design/coreclr/botr/readytorun-format.md).
func runtimeSystem(machine uint16) string {
	const linux = 0x7b79
	switch machine {
	case 0xaa64 ^ linux:
		return "linux-arm64"
	case 0x01c4 ^ linux:
		return "linux-arm"
	case 0x8664:
		return "win-x64"
	case 0x014c:
		return "win-x86"
	case 0xaa64:
		return "win-arm64"
	}
	return "linux-x64"
}

// isRuntimeConfig wants what a .NET program says of the runtime that it starts on.
func isRuntimeConfig(h *rootfs.Header, _ []byte) bool {
	return strings.HasSuffix(h.Path, runtimeConfig)
}

const runtimeConfig = ".runtimeconfig.json"

// parseRuntimeConfig reads NAME.runtimeconfig.json
// (https://learn.microsoft.com/dotnet/core/runtime-config/). A self-contained program
// names the frameworks that lie in its folder, any other those that it asks the
// machine for, in the lowest version that it takes.
func parseRuntimeConfig(data []byte) ([]sbom.Package, error) {
	type framework struct{ Name, Version string }
	var doc struct {
		RuntimeOptions struct {
			Framework          framework
			Frameworks         []framework
			IncludedFrameworks []framework
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	o := &doc.RuntimeOptions
	var packages []sbom.Package
	add := func(f framework, asked bool) {
		if len(packages) >= maxMembers || f.Name == "" || !startsWithDigit(f.Version) {
			return
		}
		p := language("nuget", f.Name+".Runtime."+runtimeSystem(0), f.Version)
		p.FromLockFile = asked
		packages = append(packages, p)
	}
	for _, f := range o.IncludedFrameworks {
		add(f, false)
	}
	for _, f := range append(o.Frameworks, o.Framework) {
		add(f, true)
	}
	return packages, nil
}

// dropKnownRuntimes forgets runtimes recognised by their bytes where a file says
// what they are: an assembly next to a deps.json, a java below a release file. What a
// program says of its runtime counts where nothing else names that in its folder or,
// for one that it asks the machine for, anywhere.
func (j *join) dropKnownRuntimes() {
	known := map[string]bool{}   // by more than bytes, in a folder
	there := map[string]bool{}   // by more than a program's word, in a folder
	present := map[string]bool{} // likewise, by name alone
	key := func(p *sbom.Package) string {
		at := strings.LastIndexByte(p.Name, '.')
		return path.Dir(p.Locations[0].Path) + "\x00" + p.Name[:max(at, 0)]
	}
	for i := range j.packages {
		p := &j.packages[i]
		if p.Type == "nuget" && strings.Contains(p.Name, ".Runtime.") && !strings.HasSuffix(p.Locations[0].Path, runtimeConfig) {
			there[key(p)] = true
			_, name, _ := strings.Cut(key(p), "\x00")
			present[name] = true
		}
		switch {
		case p.Type == "nuget" && strings.HasSuffix(p.Locations[0].Path, ".deps.json"):
			known[key(p)] = true
		case p.Type == "generic" && path.Base(p.Locations[0].Path) == "release":
			known[path.Dir(p.Locations[0].Path)] = true
		}
	}
	j.packages = slices.DeleteFunc(j.packages, func(p sbom.Package) bool {
		at := p.Locations[0].Path
		switch {
		case p.Type == "nuget" && strings.HasSuffix(at, runtimeConfig):
			_, name, _ := strings.Cut(key(&p), "\x00")
			return there[key(&p)] || p.FromLockFile && present[name]
		case p.Type == "nuget":
			return runtimeFiles[path.Base(at)] != "" && known[key(&p)]
		case p.Type == "generic" && path.Base(at) == "java": // bin/java, jre/bin/java
			above := path.Dir(path.Dir(at))
			return known[above] || known[path.Dir(above)]
		}
		return false
	})
}
