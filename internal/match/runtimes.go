package match

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/sbom"
)

// runtime is a program that others run on or talk to, with the ends of its
// release lines. A line that is missing has no known end.
type runtime struct {
	title string
	is    func(*sbom.Package) bool
	ends  []lineEnd
}

// lineEnd is the last day on which a line ("3.8", "16") got security fixes
// from its project, at no charge.
type lineEnd struct{ line, day string }

// runtimes returns the table, as of August 2026. It is restated from
// https://endoflife.date (copies of June 2023 to April 2026), which collects
// the projects' own pages: nodejs/Release, devguide.python.org/versions,
// php.net/supported-versions, ruby-lang.org/en/downloads/branches,
// postgresql.org/support/versioning, dotnet.microsoft.com's support policy,
// nginx.org, redis/SECURITY.md, MariaDB's maintenance policy, Oracle's Lifetime
// Support Policy (MySQL). Go supports a release until there are two newer ones
// (https://go.dev/doc/devel/release#policy). Of Java the lines without
// long-term support are listed: how long the others live differs from one
// vendor to the next.
func runtimes() []runtime {
	return []runtime{
		{"Node.js", program("node"), []lineEnd{
			{"0", "2016-12-31"}, {"4", "2018-04-30"}, {"5", "2016-06-30"}, {"6", "2019-04-30"}, {"7", "2017-06-30"}, {"8", "2019-12-31"},
			{"9", "2018-06-30"}, {"10", "2021-04-30"}, {"11", "2019-06-30"}, {"12", "2022-04-30"}, {"13", "2020-06-01"}, {"14", "2023-04-30"},
			{"15", "2021-06-01"}, {"16", "2023-09-11"}, {"17", "2022-06-01"}, {"18", "2025-04-30"}, {"19", "2023-06-01"}, {"20", "2026-04-30"},
			{"21", "2024-06-01"}, {"22", "2027-04-30"}, {"23", "2025-06-01"}, {"24", "2028-04-30"},
		}},
		{"Python", program("python"), []lineEnd{
			{"2.6", "2013-10-29"}, {"2.7", "2020-01-01"}, {"3.3", "2017-09-29"}, {"3.4", "2019-03-18"}, {"3.5", "2020-09-30"}, {"3.6", "2021-12-23"},
			{"3.7", "2023-06-27"}, {"3.8", "2024-10-31"}, {"3.9", "2025-10-31"}, {"3.10", "2026-10-31"}, {"3.11", "2027-10-31"}, {"3.12", "2028-10-31"},
			{"3.13", "2029-10-31"},
		}},
		{"PHP", program("php"), []lineEnd{
			{"5.3", "2014-08-14"}, {"5.4", "2015-09-14"}, {"5.5", "2016-07-21"}, {"5.6", "2018-12-31"}, {"7.0", "2019-01-10"}, {"7.1", "2019-12-01"},
			{"7.2", "2020-11-30"}, {"7.3", "2021-12-06"}, {"7.4", "2022-11-28"}, {"8.0", "2023-11-26"}, {"8.1", "2025-12-31"}, {"8.2", "2026-12-31"},
			{"8.3", "2027-12-31"}, {"8.4", "2028-12-31"}, {"8.5", "2029-12-31"},
		}},
		{"Ruby", program("ruby"), []lineEnd{
			{"1.9", "2015-02-23"}, {"2.0", "2016-02-24"}, {"2.1", "2017-03-31"}, {"2.2", "2018-03-31"}, {"2.3", "2019-03-31"}, {"2.4", "2020-03-31"},
			{"2.5", "2021-04-05"}, {"2.6", "2022-04-12"}, {"2.7", "2023-03-31"}, {"3.0", "2024-04-23"}, {"3.1", "2025-03-31"}, {"3.2", "2026-03-31"},
			{"3.3", "2027-03-31"}, {"3.4", "2028-03-31"}, {"4.0", "2029-03-31"},
		}},
		{"Java", program("openjdk"), []lineEnd{
			{"9", "2018-03-20"}, {"10", "2018-09-25"}, {"12", "2019-09-17"}, {"13", "2020-03-17"}, {"14", "2020-09-15"}, {"15", "2021-03-16"},
			{"16", "2021-09-30"}, {"18", "2022-09-30"}, {"19", "2023-03-31"}, {"20", "2023-09-19"}, {"22", "2024-09-17"}, {"23", "2025-03-18"},
		}},
		{"Go", isGoLibrary, []lineEnd{
			{"1.10", "2019-02-25"}, {"1.11", "2019-09-03"}, {"1.12", "2020-02-25"}, {"1.13", "2020-08-11"}, {"1.14", "2021-02-16"}, {"1.15", "2021-08-16"},
			{"1.16", "2022-03-15"}, {"1.17", "2022-08-02"}, {"1.18", "2023-02-01"}, {"1.19", "2023-08-08"}, {"1.20", "2024-02-06"}, {"1.21", "2024-08-13"},
			{"1.22", "2025-02-11"}, {"1.23", "2025-08-12"}, {"1.24", "2026-02-10"},
		}},
		{".NET", isDotnetRuntime, []lineEnd{
			{"1.0", "2019-06-27"}, {"1.1", "2019-06-27"}, {"2.0", "2018-10-01"}, {"2.1", "2021-08-21"}, {"2.2", "2019-12-23"}, {"3.0", "2020-03-03"},
			{"3.1", "2022-12-13"}, {"5", "2022-05-10"}, {"6", "2024-11-12"}, {"7", "2024-05-14"}, {"8", "2026-11-10"}, {"9", "2026-11-10"}, {"10", "2028-11-14"},
		}},
		{"nginx", program("nginx"), []lineEnd{
			{"1.10", "2017-04-12"}, {"1.12", "2018-04-17"}, {"1.14", "2019-04-23"}, {"1.16", "2020-04-20"}, {"1.18", "2021-04-20"}, {"1.19", "2021-05-25"},
			{"1.20", "2022-05-24"}, {"1.21", "2022-06-21"}, {"1.22", "2023-04-11"}, {"1.23", "2023-05-23"}, {"1.24", "2024-04-23"}, {"1.25", "2024-05-29"},
			{"1.26", "2025-04-23"}, {"1.27", "2025-06-24"},
		}},
		{"PostgreSQL", program("postgresql"), []lineEnd{
			{"9.0", "2015-10-08"}, {"9.1", "2016-10-27"}, {"9.2", "2017-11-09"}, {"9.3", "2018-11-08"}, {"9.4", "2020-02-13"}, {"9.5", "2021-02-11"},
			{"9.6", "2021-11-11"}, {"10", "2022-11-10"}, {"11", "2023-11-09"}, {"12", "2024-11-14"}, {"13", "2025-11-13"}, {"14", "2026-11-12"},
			{"15", "2027-11-11"}, {"16", "2028-11-09"},
		}},
		{"MariaDB", program("mariadb"), []lineEnd{
			{"5.5", "2020-04-11"}, {"10.0", "2019-03-31"}, {"10.1", "2020-10-17"}, {"10.2", "2022-05-23"}, {"10.3", "2023-05-25"}, {"10.4", "2024-06-18"},
			{"10.5", "2025-06-24"}, {"10.6", "2026-07-06"}, {"10.7", "2023-02-14"}, {"10.8", "2023-05-20"}, {"10.9", "2023-08-22"}, {"10.10", "2023-11-17"},
			{"10.11", "2028-02-16"},
		}},
		{"MySQL", program("mysql"), []lineEnd{
			{"5.5", "2018-12-31"}, {"5.6", "2021-02-28"}, {"5.7", "2023-10-31"}, {"8.0", "2026-04-30"}, {"8.1", "2023-10-25"}, {"8.2", "2023-12-14"},
			{"8.3", "2024-04-10"}, {"8.4", "2032-04-30"}, {"9.0", "2024-10-15"}, {"9.1", "2025-01-21"}, {"9.2", "2025-04-15"}, {"9.3", "2025-07-22"},
			{"9.4", "2025-10-21"}, {"9.5", "2026-01-20"}, {"9.6", "2026-04-21"},
		}},
		{"Redis", program("redis"), []lineEnd{{"5.0", "2022-04-27"}, {"6.0", "2022-05-31"}, {"7.0", "2024-07-29"}, {"8.0", "2026-02-11"}}},
	}
}

// program recognises what catalog found by the bytes of a program or by the
// release file of a Java runtime.
func program(name string) func(*sbom.Package) bool {
	return func(p *sbom.Package) bool { return (p.Type == "generic" || p.Type == "bitnami") && p.Name == name }
}

// isGoLibrary recognises the standard library in a program built with Go,
// which is mended by building it anew with a supported Go.
func isGoLibrary(p *sbom.Package) bool { return p.Type == "golang" && goModule(p.Name) == "stdlib" }

// isDotnetRuntime recognises the shared framework, or its copy in a
// self-contained program: "Microsoft.NETCore.App.Runtime.linux-x64".
func isDotnetRuntime(p *sbom.Package) bool {
	return p.Type == "nuget" && strings.HasPrefix(p.Name, "Microsoft.NETCore.App.Runtime.")
}

// RuntimesPastEOL warns of each release line of a runtime among the packages
// that gets no more security fixes on the day given. What a package of the
// distribution installed is left out: its distribution mends it, for as long as
// Supported says.
func RuntimesPastEOL(pkgs []sbom.Package, now time.Time) []Warning {
	today := now.UTC().Format(time.DateOnly)
	type line struct{ title, line, day string }
	at := map[line][]string{}
	table := runtimes()
	for i := range pkgs {
		p := &pkgs[i]
		if p.Owner != "" || p.FromLockFile {
			continue
		}
		for _, r := range table {
			if !r.is(p) {
				continue
			}
			if end, ok := r.end(p); ok && end.day < today {
				key := line{r.title, end.line, end.day}
				at[key] = append(at[key], mainPath(p.Locations))
			}
		}
	}
	var list []Warning
	for l, paths := range at {
		list = append(list, Warning{
			Kind:    "end-of-life",
			Message: fmt.Sprintf("%s %s has had no security fixes since %s: %s", l.title, l.line, l.day, named(paths)),
		})
	}
	slices.SortFunc(list, func(a, b Warning) int { return cmp.Compare(a.Message, b.Message) })
	return list
}

// end finds the line that a package's version belongs to.
func (r *runtime) end(p *sbom.Package) (lineEnd, bool) {
	version := strings.TrimPrefix(strings.TrimPrefix(p.Version, "go"), "v") // "go1.19.1" and "v1.19.1" are one
	if p.Name == "openjdk" {
		version = strings.TrimPrefix(version, "1.") // Java 8 and before were 1.8.0_392
	}
	for _, e := range r.ends {
		rest, ok := strings.CutPrefix(version, e.line)
		if ok && (rest == "" || rest[0] < '0' || rest[0] > '9') {
			return e, true
		}
	}
	return lineEnd{}, false
}
