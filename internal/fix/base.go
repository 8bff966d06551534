package fix

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/careen/careen/internal/base"
	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/scan"
)

// Bases are what an image may be built on instead.
type Bases struct {
	Image      *scan.Opened
	Reached    *reach.Result
	Index      string // the file of known bases
	Candidates base.Candidates
	Options    scan.Options
}

// Making makes the files for an image of which a report lists what is in it; own
// tells what its own layers brought.
type Making = func(after *report.Report, own func(*sbom.Package) bool) error

// Move tries other bases: those that are named, and where the file compiles, none
// at all and its own. It reports whether one was taken, for which it called do.
func (b *Bases) Move(ctx context.Context, input *Input, do Making) (bool, error) {
	in, named := b.Image, len(b.Candidates.Refs) > 0
	parsed := dockerfile.Parse(input.Dockerfile.Path, input.Dockerfile.Data)
	line, compiles := Compiles(parsed)
	if !named && !compiles {
		input.Move.Hint, input.Move.Because = "another base, with --candidate", "none was named; careen base "+in.Image.Ref+" says which may do"
		return false, nil
	}
	index, err := base.OpenIndex(b.Index)
	if err != nil {
		return false, err
	}
	compared, err := b.Candidates.Compare(ctx, in, b.Reached, index, b.Options)
	if err != nil {
		if named || ctx.Err() != nil {
			return false, err
		}
		input.Move.Hint, input.Move.Because = lastStage, fmt.Sprintf("line %d compiles; %v", line, err)
		return false, nil
	}
	why := "the entrypoint finds all that it needs on it"
	if compiles {
		why += fmt.Sprintf("; what line %d compiles with stays behind", line)
	}
	best := compared.Candidates[0]
	var text []byte
	if best.Start != base.Starts {
		input.Move.Hint, input.Move.Because = "another base", best.Ref+" "+strings.Join(append([]string{best.Said()}, best.Problems[:min(len(best.Problems), 1)]...), ": ")
		if !compiles {
			return false, nil
		}
		if text, err = compared.Image.Split(parsed); err != nil {
			input.Move.Hint, input.Move.Because = lastStage, fmt.Sprintf("line %d compiles; but %v", line, err)
			return false, nil
		}
		return true, b.onOwn(ctx, compared, input, text, why, do)
	}
	if text, err = compared.Image.Rewrite(parsed, best, ""); err != nil {
		input.Move.Hint, input.Move.Because = "FROM "+best.Ref, err.Error()
		return false, nil
	}
	for i, l := range best.Lacks {
		why += map[bool]string{true: ", but not: ", false: ", "}[i == 0] + l.What + " " + l.Name
	}
	return true, b.Candidates.With(ctx, in, best.Ref, b.Options, func(candidate *scan.Opened) error {
		on := in.Rebase(candidate, compared.BaseLayers)
		defer on.Tree.Close()
		input.Move = Move{To: cmp.Or(best.From, best.Ref), Dockerfile: text, Tree: on.Tree, Split: len(parsed.Stages) == 1, Layers: len(candidate.Image.Layers), Why: why}
		return do(best.Report, b.ownOf(compared))
	})
}

// lastStage is the hint for a file that compiles in its last stage.
const lastStage = "a last stage of its own"

// onOwn gives a file that compiles a last stage on the base that it has, if the
// program is proved to start there.
func (b *Bases) onOwn(ctx context.Context, compared *base.Report, input *Input, text []byte, why string, do Making) error {
	lower := *b.Image.Image
	lower.Layers = lower.Layers[:compared.BaseLayers]
	lower.Config.History = nil
	candidate, err := scan.Open(ctx, &lower, b.Options)
	if err != nil {
		return err
	}
	defer candidate.Close()
	outcome, err := compared.Image.Try(candidate)
	if err != nil {
		return err
	}
	on := b.Image.Rebase(candidate, compared.BaseLayers)
	defer on.Tree.Close()
	if outcome.Start == base.Starts {
		to := dockerfile.Parse(input.Dockerfile.Path, input.Dockerfile.Data).Stages[0].Base.Text
		input.Move = Move{To: to, Dockerfile: text, Tree: on.Tree, Split: true, Layers: compared.BaseLayers, Why: why}
	} else {
		input.Move.Hint, input.Move.Because = lastStage, "it is not proved to start with what is reached alone: "+strings.Join(outcome.Problems, "; ")
	}
	return do(outcome.Report, b.ownOf(compared))
}

// ownOf tells the packages that the image's own layers brought from its base's.
func (b *Bases) ownOf(compared *base.Report) func(*sbom.Package) bool {
	own := map[string]bool{}
	for _, p := range b.Image.Catalog.Packages {
		if p.Layer >= compared.BaseLayers {
			own[p.PURL] = true
		}
	}
	return func(p *sbom.Package) bool { return own[p.PURL] }
}
