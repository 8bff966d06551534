package match

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/eol"
	"github.com/careen/careen/internal/sbom"
)

// runtime is a program that others run on or talk to, which the table of ends of
// life knows as product. Of Java it has days for the lines without long-term
// support only: how long the others live differs from one vendor to the next.
type runtime struct {
	product string
	is      func(*sbom.Package) bool
}

// runtimes returns those that are looked for.
func runtimes() []runtime {
	return []runtime{
		{"node", program("node")}, {"python", program("python")}, {"php", program("php")}, {"ruby", program("ruby")}, {"openjdk", program("openjdk")},
		{"go", isGoLibrary}, {"dotnet", isDotnetRuntime}, {"nginx", program("nginx")},
		{"postgresql", program("postgresql")}, {"mariadb", program("mariadb")}, {"mysql", program("mysql")}, {"redis", program("redis")},
	}
}

// program recognises what catalog found by the bytes of a program or by the
// release file of a Java runtime.
func program(name string) func(*sbom.Package) bool {
	return func(p *sbom.Package) bool { return (p.Type == "generic" || p.Type == "bitnami") && p.Name == name }
}

// isGoLibrary recognises the standard library in a program built with Go,
// which is fixed by building it anew with a supported Go.
func isGoLibrary(p *sbom.Package) bool { return p.Type == "golang" && goModule(p.Name) == "stdlib" }

// isDotnetRuntime recognises the shared framework, or its copy in a
// self-contained program: "Microsoft.NETCore.App.Runtime.linux-x64".
func isDotnetRuntime(p *sbom.Package) bool {
	return p.Type == "nuget" && strings.HasPrefix(p.Name, "Microsoft.NETCore.App.Runtime.")
}

// RuntimesPastEOL warns of each release line of a runtime among the packages
// that gets no more security fixes on the day given. What a package of the
// distribution installed is left out: its distribution fixes it, for as long as
// Supported says.
func RuntimesPastEOL(pkgs []sbom.Package, now time.Time) []Warning {
	today := now.UTC().Format(time.DateOnly)
	type line struct{ title, day string }
	at := map[line][]string{}
	table, others := runtimes(), ofOthers(pkgs)
	for i := range pkgs {
		p := &pkgs[i]
		if p.Owner != "" && !others[p.Owner] || p.FromLockFile {
			continue
		}
		for _, r := range table {
			if !r.is(p) {
				continue
			}
			if release, ok := r.release(p); ok && release.EndedBefore(today) {
				key := line{release.String(), release.End()}
				at[key] = append(at[key], cmp.Or(mainPath(p.Locations), p.PURL)) // an SBOM may name no path
			}
		}
	}
	var list []Warning
	for l, paths := range at {
		list = append(list, Warning{
			Kind:    "end-of-life",
			Message: fmt.Sprintf("%s has had no security fixes since %s: %s", l.title, l.day, named(paths)),
		})
	}
	slices.SortFunc(list, func(a, b Warning) int { return cmp.Compare(a.Message, b.Message) })
	return list
}

// release finds the one that a package's version belongs to.
func (r *runtime) release(p *sbom.Package) (eol.Release, bool) {
	version := strings.TrimPrefix(strings.TrimPrefix(p.Version, "go"), "v") // "go1.19.1" and "v1.19.1" are one
	if p.Name == "openjdk" {
		version = strings.TrimPrefix(version, "1.") // Java 8 and before were 1.8.0_392
	}
	return eol.Find(r.product, version)
}
