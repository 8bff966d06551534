package scan

import (
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/surface"
)

// inspect adds what the image's files and configuration say by themselves: its
// attack surface, and where they break a rule.
func (in *Opened) inspect(r *report.Report, on Scanners) {
	if !on.Surface && !on.Misconfigurations {
		return
	}
	found := surface.Inspect(surface.Subject{
		Image:    in.shown,
		Tree:     in.looked,
		Facts:    in.facts,
		Base:     baseLayers(in.Image),
		Packages: in.Catalog.Packages,
	})
	if on.Surface {
		r.Surface = found.Surface()
	}
	if on.Misconfigurations {
		r.Misconfigurations = found.Misconfigurations()
	}
}
