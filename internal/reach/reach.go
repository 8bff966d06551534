// Package reach computes, without running anything, which files of an image
// its entrypoint can reach: the program, what it loads, the scripts and modules
// it reads, and the commands those run. What it cannot follow it says, and
// keeps: only what is proved unreachable is called so. It reads the squashed
// tree; which packages those files belong to it takes from the catalogue.
//
// The work is a walk (walk.go) over a list of files still to look at. It starts
// with the command lines of the configuration (run.go). Each file reached is
// visited once: ELF files lead to what the dynamic linker loads (elf.go),
// configuration files to the paths they name (text.go), files that libraries open
// by convention are a table (rules.go). Sources and interpreters go to the reader
// of their language (languages.go): each is a folder below this one, and
// reach/readers is their table.
package reach

import (
	"cmp"
	"context"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// State is the verdict on a file or a package.
type State = finding.ReachState

// The states. Unknown is never counted as safe.
const (
	Reached    = finding.Reached
	NotReached = finding.NotReached
	Unknown    = finding.ReachUnknown
)

// Step is one link of the chain that shows why a file is reached: the file,
// and how the one before it leads there ("ENTRYPOINT", "DT_NEEDED libssl.so.3",
// "#!", "require(\"express\")"…).
type Step struct {
	Path string `json:"path"` // in the image, without a leading slash
	How  string `json:"how"`
}

// Verdict is what is known about one file or package.
type Verdict struct {
	State State  `json:"state"`
	Chain []Step `json:"chain,omitempty"` // Reached: from the entrypoint to it
	Why   string `json:"why,omitempty"`   // Unknown: what could not be followed; NotReached: the method of the proof
}

// Gap is something reached whose needs could not be followed to the end.
type Gap struct {
	Path  string `json:"path"` // the file that has it
	Line  int    `json:"line,omitempty"`
	What  string `json:"what"`  // "import of a computed name", "eval", "exec of $CMD"…
	Scope string `json:"scope"` // what is kept because of it: a package, a directory, or everything
}

// Options of Compute. The zero value starts from the configuration alone.
type Options struct {
	Commands [][]string // further command lines to start from, in exec form
}

// Compute finds what the entrypoint of an image reaches. The tree's facts must
// be those of Visitors, else every file that is looked at is read again from
// its layer. packages are the catalogue
// of the same tree, languages the table of readers. An error says that
// nothing can be said at all: an image that names no program to start with is
// one.
func Compute(ctx context.Context, tree *rootfs.Tree, cfg image.Config, packages []sbom.Package, languages []Language, opt Options) (*Result, error) {
	w := newWalk(ctx, tree, cfg, packages, languages)
	if err := w.start(cfg, opt); err != nil {
		return nil, cmp.Or(context.Cause(ctx), err) // what ended early may lack the program
	}
	w.drain()
	w.keepUnknown()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return newResult(w), nil
}

// Finding is the verdict as findings and packages carry it.
func (v Verdict) Finding() *finding.Reach {
	why := v.Why
	if v.State == Reached {
		why = v.String()
	}
	return &finding.Reach{State: v.State, Why: why}
}
