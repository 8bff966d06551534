// Package base tells what another base image would change: it lays the image's
// own layers on each candidate, measures the result, and follows the entrypoint
// through it. Nothing is said of a candidate that was not measured.
package base

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/scan"
)

// Start says whether the program would start on a candidate.
type Start string

// The verdicts.
const (
	Starts   Start = "starts"  // all that is reached is there
	Fails    Start = "fails"   // something that is needed is not
	Unproved Start = "unknown" // nothing is missing, but not all could be followed
)

// Numbers measure an image, or what it would be.
type Numbers struct {
	Bytes           int64          `json:"bytes"` // of visible regular files
	Packages        int            `json:"packages"`
	Vulnerabilities map[string]int `json:"vulnerabilities"` // by severity
	Surface         int            `json:"surface"`         // index, see docs/surface.md
}

// Outcome is what one candidate would change.
type Outcome struct {
	Ref      string   `json:"ref"`
	Measured bool     `json:"measured"`
	Why      string   `json:"why,omitempty"` // it was not measured
	Start    Start    `json:"start,omitempty"`
	Problems []string `json:"problems,omitempty"` // what is missing, or what could not be followed
	Numbers  *Numbers `json:"numbers,omitempty"`
	Digest   string   `json:"digest,omitempty"` // of the candidate
}

// Image is the image whose base is in question.
type Image struct {
	In      *scan.Opened
	Base    int // how many of its lowest layers are the base's
	Options scan.Options
	reached *reach.Result
	own     *report.Report
}

// NewImage follows the image's entrypoint and measures it as it is.
func NewImage(in *scan.Opened, base int, opt scan.Options) (*Image, *Numbers, error) {
	reached, err := in.Reach(nil)
	if err != nil {
		return nil, nil, err
	}
	own, err := in.Report(opt)
	if err != nil {
		return nil, nil, err
	}
	i := &Image{In: in, Base: base, Options: opt, reached: reached, own: own}
	n := &Numbers{Bytes: own.Target.Expanded, Packages: len(own.Packages), Vulnerabilities: map[string]int{}}
	n.count(own.Vulnerabilities, func(finding.Vulnerability) bool { return true })
	if own.Surface != nil {
		n.Surface = own.Surface.Index
	}
	return i, n, nil
}

// Try measures the image on a candidate.
func (i *Image) Try(candidate *scan.Opened) (Outcome, error) {
	out := Outcome{Ref: candidate.Image.Ref, Measured: true, Digest: candidate.Image.Digest}
	on := i.In.Rebase(candidate, i.Base)
	defer on.Tree.Close()
	var err error
	if out.Numbers, err = i.measure(candidate, on); err != nil {
		return out, err
	}
	out.Start, out.Problems = i.follow(on, len(candidate.Image.Layers))
	return out, nil
}

// measure counts the vulnerabilities of the candidate and those of what the
// image's own layers brought: a layer that installed packages holds the database
// of the old base too, so that the laid-together tree would count that again.
func (i *Image) measure(candidate, on *scan.Opened) (*Numbers, error) {
	theirs, err := candidate.Report(i.Options)
	if err != nil {
		return nil, err
	}
	both, err := on.Report(scan.Options{Scanners: scan.Scanners{Surface: true}, Version: i.Options.Version, Now: i.Options.Now})
	if err != nil {
		return nil, err
	}
	n := &Numbers{Bytes: both.Target.Expanded, Packages: len(theirs.Packages), Vulnerabilities: map[string]int{}}
	if both.Surface != nil {
		n.Surface = both.Surface.Index
	}
	for _, p := range i.own.Packages {
		if p.Layer >= i.Base {
			n.Packages++
		}
	}
	n.count(theirs.Vulnerabilities, func(finding.Vulnerability) bool { return true })
	n.count(i.own.Vulnerabilities, func(v finding.Vulnerability) bool { return v.Layer >= i.Base })
	return n, nil
}

func (n *Numbers) count(list []finding.Vulnerability, want func(finding.Vulnerability) bool) {
	for _, v := range list {
		if v.Suppressed == nil && want(v) {
			n.Vulnerabilities[v.Severity.String()]++
		}
	}
}

// maxProblems is how many problems are named.
const maxProblems = 12

// follow walks from the entrypoint on the new base, and holds what it reaches
// against what it reached on the old one. What cannot be followed in the
// candidate's own files is the candidate's business.
func (i *Image) follow(on *scan.Opened, from int) (Start, []string) {
	reached, err := on.Reach(nil)
	if err != nil {
		return Fails, []string{err.Error()}
	}
	var problems []string
	known := map[reach.Missing]bool{}
	for _, m := range i.reached.MissingLinks(i.Base) {
		known[m] = true // on the old base too: then it can do without
	}
	for _, m := range reached.MissingLinks(from) {
		if !known[m] {
			problems = append(problems, fmt.Sprintf("/%s needs %s", m.Path, m.What))
		}
	}
	problems = append(problems, i.lost(reached)...)
	if len(problems) > 0 {
		return Fails, problems[:min(len(problems), maxProblems)]
	}
	for _, g := range reached.Gaps {
		if i.layer(g.Path) >= i.Base {
			problems = append(problems, fmt.Sprintf("/%s: %s", g.Path, g.What))
		}
	}
	if len(problems) > 0 {
		return Unproved, problems[:min(len(problems), maxProblems)]
	}
	return Starts, nil
}

// lost lists what was reached on the old base by way of something of the image's
// own, and is not there on the new one: programs that its scripts run,
// interpreters, certificates, time zones, modules; and its own files to which
// nothing leads any more.
func (i *Image) lost(now *reach.Result) []string {
	var problems []string
	for e, state := range i.reached.Files() {
		if state != reach.Reached || !e.Mode.IsRegular() {
			continue
		}
		if e.Layer >= i.Base {
			if now.State(e.Path) == reach.NotReached {
				problems = append(problems, fmt.Sprintf("nothing leads to /%s any more", e.Path))
			}
			continue
		}
		chain := i.reached.File(e.Path).Chain
		if len(chain) == 0 {
			continue
		}
		how := chain[len(chain)-1].How
		if len(chain) > 1 && i.layer(chain[len(chain)-2].Path) < i.Base {
			continue // the base's own business
		}
		if what, ok := neededByName(e, how); ok && !i.there(now, e) {
			problems = append(problems, fmt.Sprintf("%s /%s is not there (%s)", what, e.Path, how))
		}
	}
	return problems
}

// neededByName says of a file of the base what it is to the image; false for
// what is found by other ways than its name: libraries are MissingLinks'.
func neededByName(e *rootfs.Entry, how string) (string, bool) {
	switch {
	case strings.Contains(e.Path, ".so"):
		return "", false
	case e.Mode&0o111 != 0:
		return "program", true
	case strings.Contains(how, "certificates"):
		return "certificates", true
	case strings.Contains(how, "time zone"):
		return "time zone", strings.HasPrefix(e.Path, "usr/share/zoneinfo/")
	}
	return "", false
}

// there reports whether the new tree has the file, or a program of its name that
// is reached.
func (i *Image) there(now *reach.Result, e *rootfs.Entry) bool {
	if now.State(e.Path) != reach.NotReached {
		return true
	}
	name := e.Path[strings.LastIndexByte(e.Path, '/')+1:]
	for other, state := range now.Files() {
		if state != reach.NotReached && strings.HasSuffix("/"+other.Path, "/"+name) && other.Mode&0o111 != 0 {
			return true
		}
	}
	return false
}

func (i *Image) layer(file string) int {
	if e, ok := i.In.Tree.Lookup(file); ok {
		return e.Layer
	}
	return -1
}

// Rank sorts outcomes: what starts before what is not proved before what fails,
// what was not measured last; then by critical and high vulnerabilities, all of
// them, surface and size.
func Rank(outcomes []Outcome) {
	order := map[Start]int{Starts: 0, Unproved: 1, Fails: 2, "": 3}
	slices.SortStableFunc(outcomes, func(a, b Outcome) int {
		if c := cmp.Compare(order[a.Start], order[b.Start]); c != 0 || a.Numbers == nil || b.Numbers == nil {
			return c
		}
		return cmp.Or(
			cmp.Compare(a.Numbers.worst(), b.Numbers.worst()),
			cmp.Compare(a.Numbers.total(), b.Numbers.total()),
			cmp.Compare(a.Numbers.Surface, b.Numbers.Surface),
			cmp.Compare(a.Numbers.Bytes, b.Numbers.Bytes),
		)
	})
}

func (n *Numbers) worst() int {
	return n.Vulnerabilities[finding.Critical.String()] + n.Vulnerabilities[finding.High.String()]
}

func (n *Numbers) total() int {
	sum := 0
	for _, k := range n.Vulnerabilities {
		sum += k
	}
	return sum
}
