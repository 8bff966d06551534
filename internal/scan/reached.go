package scan

import (
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/readers"
	"github.com/careen/careen/internal/report"
)

// Reach follows the image's entrypoint and the commands given, and keeps what it
// found for Report. The image must have been opened with Options.Reach.
func (in *Opened) Reach(commands [][]string) (*reach.Result, error) {
	found, err := reach.Compute(in.ctx, in.Tree, in.Image.Config, in.Catalog.Packages, readers.Languages(), reach.Options{Commands: commands})
	in.reached = found
	return found, err
}

// addReach gives each package the verdict on it, and each finding that of its
// package. Packages of the same purl, as npm installs them, share the strongest:
// one that is reached makes the finding so.
func (in *Opened) addReach(r *report.Report) {
	if in.reached == nil {
		return
	}
	byPURL := map[string]*finding.Reach{}
	for i := range r.Packages {
		p := &r.Packages[i]
		p.Reach = in.reached.Package(i).Finding()
		if known, ok := byPURL[p.PURL]; !ok || reachRank(p.Reach) > reachRank(known) {
			byPURL[p.PURL] = p.Reach
		}
	}
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		v.Reach = byPURL[v.Package]
	}
}

// reachRank orders verdicts by what they ask of the reader.
func reachRank(v *finding.Reach) int {
	switch v.State {
	case reach.Reached:
		return 2
	case reach.Unknown:
		return 1
	}
	return 0
}
