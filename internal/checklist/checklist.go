// Package checklist checks an image, and the files that build and run it,
// against eight points: minimal base, non-root user, scanned in CI, pinned base, no
// secrets, multi-stage, capabilities dropped, read-only files. Each point passes
// or fails on evidence, or is not evidenced; nothing is guessed. The points and
// their weights are written down in docs/check.md. It does no I/O.
package checklist

import (
	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/workload"
)

// Schema is the name and version of the JSON.
const Schema = "careen-check/1"

// Input is what there is to judge by.
type Input struct {
	Typed       string         // the target as the user named it, for the next steps
	Report      *report.Report // with packages, secrets, misconfigurations and surface
	Dockerfiles []*dockerfile.File
	Workloads   []*workload.File // compose files, manifests, workflows, docker run lines
}

// State is the outcome of a point.
type State string

// The states.
const (
	Pass         State = "pass"
	Fail         State = "fail"
	NotEvidenced State = "not evidenced" // nothing that was given says
)

// Point is one of the eight.
type Point struct {
	ID       string     `json:"id"` // "minimal-base"…
	Title    string     `json:"title"`
	State    State      `json:"state"`
	Says     string     `json:"says"`           // in one line, what the state rests on
	Evidence []Evidence `json:"evidence"`       // the places, at most ten
	Next     string     `json:"next,omitempty"` // what to do, for points that do not pass
	Weight   int        `json:"weight"`         // what a pass adds to the score
}

// Evidence is one place that a state rests on.
type Evidence struct {
	Text  string            `json:"text"`
	Line  *finding.Line     `json:"line,omitempty"`  // of a file that builds or runs the image
	Place *finding.Location `json:"place,omitempty"` // in the image
}

// Result is the checklist of one image.
type Result struct {
	Schema   string  `json:"schema"`
	Careen   string  `json:"careen"`
	Target   string  `json:"target"`
	Platform string  `json:"platform,omitempty"`
	Digest   string  `json:"digest,omitempty"`
	Points   []Point `json:"points"`
	Score    int     `json:"score"` // 0 to 100: the weights of the points that pass
}

// point is a row of the list.
type point struct {
	id, title string
	weight    int
	judge     func(in Input) verdict
}

// verdict is what a judge says.
type verdict struct {
	state    State
	says     string
	evidence []Evidence
	next     string
}

// points returns the list. The weights add up to 100.
func points() []point {
	return []point{
		{"minimal-base", "minimal base", 15, minimalBase},
		{"non-root", "non-root user", 15, nonRoot},
		{"scanned-in-ci", "scanned in CI", 10, scannedInCI},
		{"pinned-base", "pinned base", 10, pinnedBase},
		{"no-secrets", "no secrets", 20, noSecrets},
		{"multi-stage", "multi-stage", 10, multiStage},
		{"capabilities", "capabilities dropped", 10, capabilitiesDropped},
		{"read-only", "read-only files", 10, readOnlyFiles},
	}
}

// maxEvidence bounds the places of one point.
const maxEvidence = 10

// Judge goes through the points.
func Judge(in Input) *Result {
	r := &Result{
		Schema: Schema, Careen: in.Report.Careen, Target: in.Report.Target.Ref,
		Platform: in.Report.Target.Platform, Digest: in.Report.Target.Digest,
	}
	for _, p := range points() {
		v := p.judge(in)
		if v.evidence == nil {
			v.evidence = []Evidence{}
		}
		if v.state == Pass {
			r.Score += p.weight
			v.next = ""
		}
		r.Points = append(r.Points, Point{
			ID: p.id, Title: p.title, State: v.state, Says: v.says, Weight: p.weight, Next: v.next,
			Evidence: v.evidence[:min(len(v.evidence), maxEvidence)],
		})
	}
	return r
}

func line(file string, n int) *finding.Line { return &finding.Line{File: file, Line: n} }
