// Package plan puts what the other rooms found about one image into the
// shortest list of steps, with the numbers after each. It finds nothing out by
// itself: a step stands on a report, a slimming or a base that was measured.
package plan

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/careen/careen/internal/base"
	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/harden"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/slim"
)

// Step is one thing to do, and the numbers once it is done after those before it.
type Step struct {
	Kind  string          `json:"kind"` // "base", "upgrade", "slim", "pin" or "user"
	Do    string          `json:"do"`   // a command, or a line for the Dockerfile
	Why   string          `json:"why"`
	Place string          `json:"place,omitempty"` // "Dockerfile:3", where one was given
	After *report.Numbers `json:"after"`
}

// Unpinned is a FROM that names its image by a tag alone.
type Unpinned struct {
	File string
	Line int
	Ref  string
}

// Input is what is known of the image. Slim and Harden are nil where the
// entrypoint could not be followed.
type Input struct {
	Report       *report.Report
	Packages     []sbom.Package // the catalogue that Slim's fates are of
	Slim         *slim.Plan
	Harden       *harden.Profile
	Base         *base.Outcome  // the best candidate, nil where none was proved to start
	OnBase       *slim.Plan     // Slim of the image on it, nil where that is not known
	BasePackages []sbom.Package // that OnBase's fates are of
	Unpinned     []Unpinned
	Width        int // of a command; 0 means 100
}

// Plan is the list, and the numbers before it.
type Plan struct {
	Schema string         `json:"schema"`
	Target string         `json:"target"`
	Now    report.Numbers `json:"now"`
	Steps  []Step         `json:"steps"`
}

// Schema is the name and version of the JSON.
const Schema = "careen-plan/1"

// Make works the steps out. The order is that of their weight: another base
// makes most upgrades needless, and what is dropped needs none.
//
// It ends with the context, whose cause is the error then.
func Make(ctx context.Context, in Input) (*Plan, error) {
	if in.Width == 0 {
		in.Width = 100
	}
	m := &maker{ctx: ctx, in: in}
	m.start()
	p := &Plan{Schema: Schema, Target: in.Report.Target.Ref, Now: m.numbers(), Steps: []Step{}}
	m.rebase(p)
	m.drop(p)
	m.upgrade(p)
	m.pin(p)
	m.user(p)
	return p, context.Cause(ctx)
}

type maker struct {
	ctx      context.Context
	in       Input
	left     map[*finding.Vulnerability]bool // that are not fixed yet
	bad      map[string]int                  // how many those are, by severity
	gone     map[string]bool                 // purls that are not there any more
	packages int
	bytes    int64
}

func (m *maker) start() {
	r := m.in.Report
	m.left, m.bad, m.gone = map[*finding.Vulnerability]bool{}, map[string]int{}, map[string]bool{}
	for i := range r.Vulnerabilities {
		if v := &r.Vulnerabilities[i]; v.Suppressed == nil {
			m.left[v] = true
			m.bad[v.Severity.String()]++
		}
	}
	m.packages, m.bytes = len(r.Packages), r.Target.Expanded
}

// fix takes a vulnerability off what is left.
func (m *maker) fix(v *finding.Vulnerability) {
	delete(m.left, v)
	severity := v.Severity.String()
	if m.bad[severity]--; m.bad[severity] == 0 {
		delete(m.bad, severity)
	}
}

func (m *maker) numbers() report.Numbers {
	return report.Numbers{Vulnerabilities: maps.Clone(m.bad), Packages: m.packages, Bytes: m.bytes}
}

func (m *maker) add(p *Plan, s Step) {
	after := m.numbers()
	s.After = &after
	p.Steps = append(p.Steps, s)
}

// rebase continues with the image as it is on the candidate: its packages and
// vulnerabilities, and what can be dropped there.
func (m *maker) rebase(p *Plan) {
	b := m.in.Base
	if b == nil || b.Start != base.Starts || b.Report == nil {
		return
	}
	ref := m.in.Report.Target.Ref
	m.in.Report, m.in.Slim, m.in.Packages = b.Report, m.in.OnBase, m.in.BasePackages
	m.in.Report.Target.Ref = ref
	m.start()
	why := "the entrypoint finds all that it needs on it"
	for i, l := range b.Lacks {
		if i == 0 {
			why += ", but not: "
		} else {
			why += ", "
		}
		why += l.What + " " + l.Name
	}
	m.add(p, Step{Kind: "base", Do: "FROM " + b.Ref, Why: why})
}

// drop removes the packages that nothing reaches.
func (m *maker) drop(p *Plan) {
	if m.in.Slim == nil {
		return
	}
	stays := map[string]bool{}
	dropped := 0
	var tools []string
	for i, fate := range m.in.Slim.Packages {
		pkg := &m.in.Packages[i]
		if fate.Stays {
			stays[pkg.PURL] = true
			continue
		}
		dropped++
		if isBuildTool(pkg.Name) {
			tools = append(tools, pkg.Name)
		}
	}
	if dropped == 0 {
		return
	}
	for i := range m.in.Packages {
		if purl := m.in.Packages[i].PURL; !stays[purl] {
			m.gone[purl] = true
		}
	}
	for v := range m.left {
		if m.gone[v.Package] {
			m.fix(v)
		}
	}
	m.packages -= dropped
	m.bytes = m.in.Slim.Left.Bytes
	why := fmt.Sprintf("nothing reaches %d of %d packages", dropped, len(m.in.Packages))
	if len(tools) > 0 {
		why += "; for a build stage: " + strings.Join(tools[:min(len(tools), 5)], ", ")
	}
	m.add(p, Step{Kind: "slim", Do: "careen slim " + m.in.Report.Target.Ref, Why: why})
}

// isBuildTool reports whether a package is for building software: it is not
// needed where that is only run.
func isBuildTool(name string) bool {
	switch name {
	case "gcc", "g++", "cpp", "make", "cmake", "clang", "binutils", "build-essential", "git", "dpkg-dev", "patch", "autoconf", "automake",
		"libtool", "maven", "gradle", "golang", "cargo", "rustc", "npm", "yarn", "pip", "setuptools", "wheel", "build-base", "musl-dev", "libc6-dev":
		return true
	}
	return strings.HasPrefix(name, "gcc-") || strings.HasPrefix(name, "g++-") || strings.HasPrefix(name, "linux-libc-dev")
}

// upgrade takes the commands that fix most of what is left.
func (m *maker) upgrade(p *Plan) {
	left := *m.in.Report
	left.Packages, left.Vulnerabilities = nil, nil
	for _, pkg := range m.in.Report.Packages {
		if !m.gone[pkg.PURL] {
			left.Packages = append(left.Packages, pkg)
		}
	}
	var origin []*finding.Vulnerability
	for i := range m.in.Report.Vulnerabilities {
		if v := &m.in.Report.Vulnerabilities[i]; m.left[v] {
			left.Vulnerabilities = append(left.Vulnerabilities, *v)
			origin = append(origin, v)
		}
	}
	at := map[*finding.Vulnerability]*finding.Vulnerability{}
	for i := range left.Vulnerabilities {
		at[&left.Vulnerabilities[i]] = origin[i]
	}
	for _, s := range report.Steps(&left, report.Shown{}, m.in.Width) {
		if m.ctx.Err() != nil {
			return
		}
		fixed := 0
		for _, v := range s.Fixes {
			if m.left[at[v]] {
				m.fix(at[v])
				fixed++
			}
		}
		if fixed > 0 {
			m.add(p, Step{Kind: "upgrade", Do: s.Command, Why: fmt.Sprintf("fixes %d of the vulnerabilities left", fixed)})
		}
	}
}

// pin names the files whose next build may get another image.
func (m *maker) pin(p *Plan) {
	var files []string
	first, more := map[string]Unpinned{}, map[string]int{}
	for _, u := range m.in.Unpinned {
		if _, known := first[u.File]; known {
			more[u.File]++
			continue
		}
		first[u.File] = u
		files = append(files, u.File)
	}
	for _, file := range files {
		u := first[file]
		why := u.Ref + " is a tag: the next build may get another image"
		if n := more[file]; n > 0 {
			why += fmt.Sprintf("; and %d more", n)
		}
		m.add(p, Step{Kind: "pin", Do: "careen pin " + file, Why: why, Place: fmt.Sprintf("%s:%d", file, u.Line)})
	}
}

// user takes root away where nothing needs it, as far as more than a guess.
func (m *maker) user(p *Plan) {
	cfg := m.in.Report.Target.Config
	if m.in.Harden == nil || m.in.Harden.Root || m.in.Harden.User.Confidence == harden.Guess || cfg == nil {
		return
	}
	name, _, _ := strings.Cut(cfg.User, ":")
	if name != "" && name != "root" && name != "0" {
		return
	}
	m.add(p, Step{Kind: "user", Do: "USER " + m.in.Harden.User.What, Why: m.in.Harden.User.Why})
}

// UnpinnedIn lists the bases of a Dockerfile that are named by a tag.
func UnpinnedIn(f *dockerfile.File) []Unpinned {
	var list []Unpinned
	for _, s := range f.Stages {
		if r := s.Base; r != nil && r.External() && !strings.Contains(r.Value, "@") {
			list = append(list, Unpinned{File: f.Path, Line: r.Line, Ref: r.Value})
		}
	}
	return list
}

// SamePackages reports whether two lists name the same packages.
func SamePackages(a, b []sbom.Package) bool {
	count := map[string]int{}
	for _, p := range a {
		count[p.PURL]++
	}
	for _, p := range b {
		count[p.PURL]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}
