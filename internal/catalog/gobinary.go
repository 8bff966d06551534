package catalog

import (
	"errors"
	"path"
	"runtime/debug"
	"strings"

	"github.com/careen/careen/internal/exe"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isExecutable wants ELF, PE and Mach-O files, whatever their mode: plugins
// and files copied from Windows have no executable bit.
func isExecutable(_ *rootfs.Header, head []byte) bool {
	return exe.Identify(head) != exe.None
}

// readGoBinary lists the modules that a Go binary is made of.
func readGoBinary(_ *rootfs.Header, body rootfs.Body) (found, error) {
	var buf [512]byte
	n, _ := body.ReadAt(buf[:], 0)
	head := buf[:n]
	kind := exe.Identify(head)
	info, err := exe.GoBuild(body, kind)
	switch {
	case errors.Is(err, exe.ErrNotGo):
		if exe.Packed(head) {
			return found{Problems: problems{{0, "compressed by UPX: what the program is made of cannot be read"}}}, nil
		}
		return found{}, nil
	case err != nil:
		return found{Problems: problems{{0, "Go build information: " + err.Error()}}}, nil
	}
	f := found{Packages: goPackages(info)}
	// A table that is missing or not understood leaves the symbols unknown,
	// which match treats as linked.
	if names, err := exe.GoFunctions(body, kind, body.Size(), mainPath(info)); err == nil {
		f.Symbols = sbom.NewSymbols(names)
	}
	return f, nil
}

// mainPath returns the import path of package main, "" where only a file name
// was given to the compiler.
func mainPath(info *debug.BuildInfo) string {
	if info.Path == "command-line-arguments" {
		return ""
	}
	return info.Path
}

// goPackages turns build information into packages: the standard library, the
// main module and its dependencies.
func goPackages(info *debug.BuildInfo) []sbom.Package {
	var all []sbom.Package
	seen := map[string]bool{}
	add := func(name, version string) {
		if name == "" || seen[name+"@"+version] {
			return
		}
		seen[name+"@"+version] = true
		all = append(all, language("golang", name, version))
	}
	add("stdlib", goVersion(info.GoVersion))
	switch {
	case info.Main.Path == "" && strings.HasPrefix(info.Path, "cmd/"): // go itself, compile, link, cgo
		add("toolchain", goVersion(info.GoVersion)) // https://go.dev/doc/security/vuln/database#schema
	case info.Main.Path == "" && strings.Contains(info.Path, "."):
		add(info.Path, devel) // built without modules, as Debian does: neither its module nor its version is known
	}
	version := info.Main.Version
	if version == "" || version == devel {
		// The commit is known at best, not the tag. A version made up from it
		// (v0.0.0-…) would sort below every release and match every advisory;
		// govulncheck matches none either. From Go 1.24 on the go command itself
		// stamps the version of the repository.
		if version = linkedVersion(info); version == "" {
			version = devel
		}
	}
	add(info.Main.Path, version)
	for _, dep := range info.Deps {
		if dep == nil {
			continue
		}
		switch r := dep.Replace; {
		case r == nil:
			add(dep.Path, dep.Version)
		case r.Version == "", r.Version == devel:
			add(dep.Path, devel) // replaced by a folder: whatever is in there
		default:
			add(r.Path, r.Version)
		}
	}
	// Of the modules' graph the binary keeps what is in it, not the edges: the
	// program depends on all.
	for i := range all {
		if all[i].Name == info.Main.Path {
			for k := range all {
				all[i].DependsOn = append(all[i].DependsOn, all[k].PURL)
			}
			break
		}
	}
	return all
}

// goVersion turns "go1.22.3", "go1.20.4 X:boringcrypto", "go1.19.6 (Red Hat
// 1.19.6-1.el9)" and "devel go1.23-abc Tue …" into the version of the standard
// library as advisories count it.
func goVersion(s string) string {
	for _, word := range strings.Fields(s) {
		if v, ok := strings.CutPrefix(word, "go"); ok && v != "" && v[0] >= '0' && v[0] <= '9' {
			return v
		}
	}
	return ""
}

// linkedVersion returns the version that a program's builder wrote into one of
// its variables with the linker's -X, "" when there is none or no agreement.
// Variables of the program itself count more than those of a library that holds
// a program's version (github.com/prometheus/common/version.Version).
func linkedVersion(info *debug.BuildInfo) string {
	var flags string
	for _, s := range info.Settings {
		if s.Key == "-ldflags" {
			flags = s.Value
		}
	}
	own, other := map[string]bool{}, map[string]bool{}
	for _, word := range strings.FieldsFunc(flags, func(r rune) bool { return strings.ContainsRune(" \t\n'\"", r) }) {
		word = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-"), "X=")
		variable, value, ok := strings.Cut(word, "=")
		if !ok || !strings.EqualFold(strings.TrimPrefix(strings.ToLower(path.Ext(variable)), ".git"), "version") &&
			!strings.EqualFold(path.Ext(variable), ".version") {
			continue
		}
		value = "v" + strings.TrimPrefix(value, "v")
		if !isSemver(value) {
			continue
		}
		pkg := strings.TrimSuffix(variable, path.Ext(variable))
		switch {
		case pkg == "main", pkg == info.Main.Path, strings.HasPrefix(pkg, info.Main.Path+"/"):
			own[value] = true
		case !strings.HasPrefix(pkg, "k8s.io/"): // client-go's version is not the program's
			other[value] = true
		}
	}
	for _, set := range []map[string]bool{own, other} {
		if len(set) == 1 {
			for v := range set {
				return v
			}
		}
		if len(set) > 1 {
			return ""
		}
	}
	return ""
}

// isSemver reports whether s is vMAJOR.MINOR.PATCH with what may follow it.
func isSemver(s string) bool {
	s, ok := strings.CutPrefix(s, "v")
	core, _, _ := strings.Cut(s, "+")
	core, _, _ = strings.Cut(core, "-")
	parts := strings.Split(core, ".")
	if !ok || len(parts) != 3 {
		return false
	}
	for _, p := range parts {
		if p == "" || len(p) > 18 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}
