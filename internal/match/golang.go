package match

import (
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
)

const maxSymbols = 10 // named in a finding; the rest adds nothing for a reader

// goModule returns the path under which the Go database lists a module. Paths
// are compared whole: "example.com/m" and "example.com/m/v2" are two modules
// (https://go.dev/ref/mod#major-version-suffixes).
func goModule(name string) string {
	if name == "std" || name == "go" {
		return "stdlib" // https://go.dev/doc/security/vuln/database#schema
	}
	return name
}

// goVersion returns a module's version, or "" for one built from a working
// tree ("(devel)", "devel go1.22-abcdef"). What a toolchain's builder adds
// behind a blank ("1.20.4 X:boringcrypto") does not change the standard library.
func goVersion(k *Key) string {
	v := strings.TrimPrefix(k.Version, "go")
	if v == "" || strings.HasPrefix(strings.TrimPrefix(v, "("), "devel") {
		return ""
	}
	if goModule(k.Name) == "stdlib" && !strings.HasPrefix(k.Version, "go") {
		v, _, _ = strings.Cut(v, " ")
		return v
	}
	return k.Version
}

// linked compares the vulnerable functions that the statements list with those
// in the binary. Statements without a list (GHSA has none) leave the word to
// those with one. Without any list, or without the binary's table of
// functions, nothing can be said.
func linked(k *Key, list []*statement) *finding.Linked {
	var found []string
	listed, applies := false, false // any function; one of a system and an architecture that the binary may be for
	for _, s := range list {
		for _, sym := range s.Symbols {
			listed = true
			if !builtFor(sym.GOOS, "linux") || k.Arch != "" && !builtFor(sym.GOARCH, k.Arch) {
				continue
			}
			applies = true
			if k.Symbols == nil {
				continue
			}
			if len(sym.Names) == 0 && k.Symbols.Has(sym.Path) {
				// Every function of the package is meant: see sbom.NewSymbols
				// for the import paths among the names.
				found = append(found, strings.Clone(sym.Path))
			}
			for _, name := range sym.Names {
				if k.Symbols.Has(sym.Path + "." + name) {
					found = append(found, sym.Path+"."+name)
				}
			}
		}
	}
	switch {
	case !listed, applies && k.Symbols == nil:
		return &finding.Linked{State: finding.SymbolsUnknown}
	case len(found) == 0:
		return &finding.Linked{State: finding.SymbolsNotLinked}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	return &finding.Linked{State: finding.SymbolsLinked, Symbols: found[:min(len(found), maxSymbols)]}
}

// builtFor reports whether a list of systems or architectures has the one that
// the binary is for. The system is taken to be Linux: that is what the images
// are for, and a binary for another cannot run in one.
func builtFor(list []string, target string) bool {
	return len(list) == 0 || slices.Contains(list, target)
}

// notLinked says why a finding is suppressed.
func notLinked(advisory string) *finding.Suppressed {
	return &finding.Suppressed{
		By:  "not-linked",
		Why: fmt.Sprintf("the vulnerable functions that %s lists are not in the binary", advisory),
	}
}
