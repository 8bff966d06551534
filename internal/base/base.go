// Package base tells what another base image would change: it lays the image's
// own layers on each candidate, measures the result, and follows the entrypoint
// through it. Nothing is said of a candidate that was not measured.
package base

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/careen/careen/internal/accounts"
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
	Lacks    []Lack   `json:"lacks,omitempty"`    // what the old base had for it, and without which it starts
	Numbers  *Numbers `json:"numbers,omitempty"`
	Digest   string   `json:"digest,omitempty"` // of the candidate

	From   string         `json:"-"` // what a Dockerfile calls it; "" means Ref
	Report *report.Report `json:"-"` // what a scan of the image on it would list
}

// Image is the image whose base is in question.
type Image struct {
	In      *scan.Opened
	Base    int // how many of its lowest layers are the base's
	Options scan.Options
	reached *reach.Result
	own     *report.Report
}

// NewImage measures an image as it is; reached is what its entrypoint reaches.
func NewImage(in *scan.Opened, reached *reach.Result, base int, opt scan.Options) (*Image, *Numbers, error) {
	own, err := in.Report(opt)
	if err != nil {
		return nil, nil, err
	}
	i := &Image{In: in, Base: base, Options: opt, reached: reached, own: own}
	return i, numbersOf(own), nil
}

// Try measures the image on a candidate.
func (i *Image) Try(candidate *scan.Opened) (Outcome, error) {
	out := Outcome{Ref: candidate.Image.Ref, Measured: true, Digest: candidate.Image.Digest}
	on := i.In.Rebase(candidate, i.Base)
	defer on.Tree.Close()
	var err error
	if out.Report, err = i.measure(candidate, on); err != nil {
		return out, err
	}
	out.Numbers = numbersOf(out.Report)
	now, err := on.Reach(nil)
	if err != nil {
		out.Start, out.Problems = Fails, []string{err.Error()} // the program is not there
		return out, nil
	}
	if out.Start, out.Problems = i.follow(on, now, len(candidate.Image.Layers)); out.Start != Fails {
		out.Lacks = i.lacks(on, now)
	}
	return out, nil
}

// measure puts together what a scan of the image built on the candidate would
// list: the packages and vulnerabilities of the candidate, and those of what the
// image's own layers brought. A layer that installed packages holds the database
// of the old base too: a scan of both laid together would count that again.
func (i *Image) measure(candidate, on *scan.Opened) (*report.Report, error) {
	theirs, err := candidate.Report(i.Options)
	if err != nil {
		return nil, err
	}
	both, err := on.Report(scan.Options{Scanners: scan.Scanners{Surface: true}, Version: i.Options.Version, Now: i.Options.Now})
	if err != nil {
		return nil, err
	}
	r := *both
	r.Target.OS = theirs.Target.OS
	r.Packages, r.Vulnerabilities = slices.Clone(theirs.Packages), slices.Clone(theirs.Vulnerabilities)
	for _, p := range i.own.Packages {
		if p.Layer >= i.Base {
			r.Packages = append(r.Packages, p)
		}
	}
	for _, v := range i.own.Vulnerabilities {
		if v.Layer >= i.Base {
			r.Vulnerabilities = append(r.Vulnerabilities, v)
		}
	}
	return &r, nil
}

// numbersOf counts what a report lists.
func numbersOf(r *report.Report) *Numbers {
	n := &Numbers{Bytes: r.Target.Expanded, Packages: len(r.Packages), Vulnerabilities: map[string]int{}}
	for _, v := range r.Vulnerabilities {
		if v.Suppressed == nil {
			n.Vulnerabilities[v.Severity.String()]++
		}
	}
	if r.Surface != nil {
		n.Surface = r.Surface.Index
	}
	return n
}

// maxProblems is how many problems are named.
const maxProblems = 12

// follow walks from the entrypoint on the new base, and holds what it finds
// against what it found on the old one: what was in vain there too, the program
// can do without. What cannot be followed in the candidate's own files is the
// candidate's business. Not sure is what hangs on a branch.
func (i *Image) follow(on *scan.Opened, now *reach.Result, from int) (start Start, problems []string) {
	var doubts []string
	if user := on.Image.Config.User; user != "" {
		if _, _, ok := accounts.Resolve(user, accountsOf(on.Tree, "etc/passwd"), accountsOf(on.Tree, "etc/group")); !ok {
			problems = append(problems, fmt.Sprintf("user %s is not in its /etc/passwd or /etc/group: USER %s would do", user, i.numbers(user)))
		}
	}
	known := map[reach.Missing]bool{}
	for _, m := range i.reached.MissingLinks(i.Base) {
		known[m] = true
	}
	for _, m := range now.MissingLinks(from) {
		if !known[m] {
			problems = append(problems, fmt.Sprintf("/%s needs %s", m.Path, m.What))
		}
	}
	for _, w := range i.newWants(now) {
		e, ok := on.Tree.Lookup(w.From)
		switch {
		case w.From != "" && (!ok || e.Layer < from):
		case w.From == "" && w.Sure:
			problems = append(problems, w.What+" is not there")
		case w.Sure:
			problems = append(problems, fmt.Sprintf("/%s needs %s", w.From, w.What))
		case w.From != "":
			doubts = append(doubts, fmt.Sprintf("/%s may need %s", w.From, w.What))
		}
	}
	if len(problems) > 0 {
		return Fails, problems[:min(len(problems), maxProblems)]
	}
	for _, g := range now.Gaps {
		if e, ok := on.Tree.Lookup(g.Path); ok && e.Layer >= from {
			doubts = append(doubts, fmt.Sprintf("/%s: %s", g.Path, g.What))
		}
	}
	doubts = append(doubts, i.lost(now)...)
	if len(doubts) > 0 {
		return Unproved, doubts[:min(len(doubts), maxProblems)]
	}
	return Starts, nil
}

// newWants returns what is asked for in vain on the new base alone.
func (i *Image) newWants(now *reach.Result) []reach.Want {
	inVain := map[reach.Want]bool{}
	for _, w := range i.reached.Wants() {
		inVain[reach.Want{From: w.From, What: w.What}] = true
	}
	return slices.DeleteFunc(now.Wants(), func(w reach.Want) bool { return inVain[reach.Want{From: w.From, What: w.What}] })
}

func accountsOf(tree *rootfs.Tree, file string) []accounts.Account {
	data, err := tree.ReadFile(file)
	if err != nil {
		return nil
	}
	return accounts.Parse(data)
}

// lost lists the image's own files to which a program or a file of its own led,
// and to which nothing does any more: configuration that is read from elsewhere,
// say.
func (i *Image) lost(now *reach.Result) []string {
	var list []string
	for e, state := range i.reached.Files() {
		if state != reach.Reached || !e.Mode.IsRegular() || e.Layer < i.Base || now.State(e.Path) != reach.NotReached {
			continue
		}
		chain := i.reached.File(e.Path).Chain
		if len(chain) > 1 {
			if by := chain[len(chain)-2].Path; i.layer(by) < i.Base && !i.reached.Started(by) {
				continue // a library of the old base's asked for it
			}
		}
		list = append(list, fmt.Sprintf("nothing leads to /%s any more", e.Path))
	}
	return list
}

func (i *Image) layer(file string) int {
	if e, ok := i.In.Tree.Lookup(file); ok {
		return e.Layer
	}
	return -1
}

// Rank sorts outcomes: what starts before what is not proved before what fails,
// what was not measured last; what lacks nothing first; then by critical and high
// vulnerabilities, all of them, surface and size.
func Rank(outcomes []Outcome) {
	order := map[Start]int{Starts: 0, Unproved: 1, Fails: 2, "": 3}
	slices.SortStableFunc(outcomes, func(a, b Outcome) int {
		if c := cmp.Compare(order[a.Start], order[b.Start]); c != 0 || a.Numbers == nil || b.Numbers == nil {
			return c
		}
		return cmp.Or(
			cmp.Compare(len(a.Lacks), len(b.Lacks)),
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
