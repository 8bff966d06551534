// Package eol knows when releases of distributions, runtimes, databases and
// servers stop getting security fixes: one table (releases.txt, with its
// sources) for all who ask. Which release an image or a package is of is for the
// caller to say; OfImage reads the names and tags of images.
package eol

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

//go:embed releases.txt
var data string

// Release is one release of a product, and the days on which its fixes end.
type Release struct {
	Product string   // os-release's ID of a distribution, else the program's name: "debian", "node"
	Title   string   // "Debian", "Node.js"
	Line    string   // "12", "3.10"
	Regular string   // last day ("2026-07-11") of fixes from those who made it; "" when it is not known or there is none
	Long    string   // last day of fixes from a long-term team for everybody; "" without one
	Names   []string // code names: "bookworm"
}

// End is the last day of fixes, "" when none is known.
func (r Release) End() string {
	if r.Long != "" {
		return r.Long
	}
	return r.Regular
}

// EndedBefore reports whether the last day of fixes lies before a day.
func (r Release) EndedBefore(day string) bool { return r.End() != "" && r.End() < day }

// String names a release: "Debian 12".
func (r Release) String() string { return r.Title + " " + r.Line }

// table is releases.txt by product, each in the order of its releases.
var table = sync.OnceValue(func() map[string][]Release {
	products := map[string][]Release{}
	product, title := "", ""
	for line := range strings.Lines(data) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if name, rest, ok := strings.Cut(line, "] "); ok && line[0] == '[' {
			product = name[1:]
			title, _, _ = strings.Cut(rest, " | ")
			continue
		}
		fields := strings.Fields(line)
		r := Release{Product: product, Title: title, Line: fields[0]}
		for i, day := range []*string{&r.Regular, &r.Long} {
			if i+1 < len(fields) && fields[i+1] != "-" {
				*day = fields[i+1]
			}
		}
		if len(fields) > 3 {
			r.Names = fields[3:]
		}
		products[product] = append(products[product], r)
	}
	return products
})

// Of returns the release of a product that is called exactly so.
func Of(product, line string) (Release, bool) {
	for _, r := range table()[product] {
		if r.Line == line || r.Line == "*" {
			return r, true
		}
	}
	return Release{}, false
}

// Find returns the release that a version belongs to: 3.8 for "3.8.1", and for
// "3.8rc1". A version that is shorter than the releases are, such as "2" of
// Python, means the newest of those it begins, unless releases of tomorrow may
// begin with it too.
func Find(product, version string) (Release, bool) {
	list := table()[product]
	for _, r := range list {
		rest, ok := strings.CutPrefix(version, r.Line)
		if ok && (rest == "" || rest[0] < '0' || rest[0] > '9') {
			return r, true
		}
	}
	for i := len(list) - 1; i >= 0; i-- {
		if strings.HasPrefix(list[i].Line, version+".") && version != "" {
			return list[i], i+1 < len(list) && number(list[i+1].Line)
		}
	}
	return Release{}, false
}

// Named returns the release of a product that has a code name: "bookworm".
func Named(product, name string) (Release, bool) {
	for _, r := range table()[product] {
		for _, n := range r.Names {
			if n == name {
				return r, true
			}
		}
	}
	return Release{}, false
}

// number reports whether a text begins like a version.
func number(s string) bool {
	_, err := strconv.Atoi(s[:min(len(s), 1)])
	return err == nil
}
