// Package fix does to the files that build and run an image what plan lists for
// it. Each change is a step with its reason and with what shows it; what cannot
// be shown to be safe is a hint, and changes nothing. It opens no file and no
// image: bytes, and what is known of the image, go in; bytes and steps come out.
//
// What to do is found out elsewhere: another base and upgrades by plan, users
// and locks by harden, caches by lint, digests by pin. Here stands where each
// goes in the file, and when it may.
package fix

import (
	"bytes"
	"fmt"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/harden"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/pin"
	"github.com/careen/careen/internal/project"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/rootfs"
)

// Input is what is known of an image and of the files that build and run it.
type Input struct {
	Ref      string
	Config   image.Config
	Tree     *rootfs.Tree    // of the image, as it is
	Reach    *reach.Result   // nil where the entrypoint cannot be followed
	Profile  *harden.Profile // nil where Reach is
	Move     Move
	Upgrades []Upgrade
	Registry pin.Registry
	Service  string // of the files that run it; "" finds the one that is meant

	Dockerfile *project.File   // nil for none
	Deployed   []*project.File // compose files and manifests
}

// Move is what is known of another base.
type Move struct {
	To         string        // as a Dockerfile names it; "" for none
	Dockerfile []byte        // rewritten for it
	Tree       *rootfs.Tree  // of the image's own layers on it
	Reach      *reach.Result // there
	Split      bool          // the last stage is new, and has of the image's own files only what is reached
	Layers     int           // how many of the tree's lowest layers are the base's
	Why        string        // it was chosen
	Hint       string        // what was not done, and Because; "" for nothing
	Because    string
}

// Upgrade is a package to upgrade by its name.
type Upgrade struct {
	Type, Name, Version string // Type is that of a purl: "deb", "apk", "npm"
	Fix                 string // the lowest version that fixes what can be fixed
	Fixed               []*finding.Vulnerability
	Own                 bool // the image's own layers brought it, not its base
}

// Step is one change, or a hint at one that was not made.
type Step struct {
	Kind     string `json:"kind"` // "base", "pin", "upgrade", "cache", "user", "health" or "runtime"
	Done     bool   `json:"done"` // false: a hint
	File     string `json:"file"`
	Do       string `json:"do"`
	Why      string `json:"why"`
	Evidence string `json:"evidence,omitempty"`
}

// File is one file with what became of it.
type File struct {
	*project.File
	New []byte
}

// Changed reports whether anything was done to the file.
func (f *File) Changed() bool { return !bytes.Equal(f.Data, f.New) }

// Result is what was done.
type Result struct {
	Steps []Step
	Files []*File // those that were given, the Dockerfile first
	Fixed map[*finding.Vulnerability]bool
}

// Make does what can be done. The order is that of plan: a new base decides what
// is left to upgrade, and digests come last, when all images are named.
func Make(in Input) (*Result, error) {
	f := &fixer{in: in, out: &Result{Steps: []Step{}, Fixed: map[*finding.Vulnerability]bool{}}}
	for _, file := range in.Deployed {
		f.deployed = append(f.deployed, &File{file, file.Data})
	}
	if in.Dockerfile != nil {
		f.docker = &File{in.Dockerfile, in.Dockerfile.Data}
		if err := f.buildable(); err != nil {
			return nil, err
		}
		f.out.Files = append(f.out.Files, f.docker)
	}
	f.out.Files = append(f.out.Files, f.deployed...)
	if f.docker != nil {
		f.move()
		f.upgrade()
		f.caches()
		f.user()
		f.health()
	}
	f.services()
	f.pins()
	return f.out, nil
}

type fixer struct {
	in       Input
	out      *Result
	docker   *File // nil for none
	deployed []*File
	given    bool // what the new user writes belongs to it
}

// buildable refuses a Dockerfile that is not the image's, or that a builder
// would refuse.
func (f *fixer) buildable() error {
	parsed := f.parse()
	if len(parsed.Problems) > 0 {
		return fmt.Errorf("%s:%d: %s", f.docker.Path, parsed.Problems[0].Line, parsed.Problems[0].Message)
	}
	history := f.in.Config.History
	if len(history) == 0 {
		return nil // nothing to compare with
	}
	origins, ok := dockerfile.Align(parsed, history)
	if !ok {
		return fmt.Errorf("%s: the history of %s does not fit it: name the Dockerfile that the image was built from", f.docker.Path, f.in.Ref)
	}
	last := parsed.Stages[len(parsed.Stages)-1]
	for i := len(origins) - 1; i >= 0; i-- {
		if o := origins[i]; o.Instruction != nil && o.Instruction.Name != "FROM" {
			if o.Stage != last {
				return fmt.Errorf("%s: %s was built from the stage of line %d, not from the last: what is changed is the last", f.docker.Path, f.in.Ref, o.Stage.Line)
			}
			break
		}
	}
	return nil
}

func (f *fixer) done(file *File, kind, do, why, evidence string) {
	f.out.Steps = append(f.out.Steps, Step{kind, true, file.Path, do, why, evidence})
}

func (f *fixer) hint(file *File, kind, do, why string) {
	f.out.Steps = append(f.out.Steps, Step{Kind: kind, File: file.Path, Do: do, Why: why})
}

// parse reads the Dockerfile as it is now.
func (f *fixer) parse() *dockerfile.File { return dockerfile.Parse(f.docker.Path, f.docker.New) }

// move puts the last stage on another base.
func (f *fixer) move() {
	m := f.in.Move
	if m.To != "" {
		do := "FROM " + m.To
		if m.Split {
			do += " as a last stage of its own, with what is reached"
		}
		f.docker.New = m.Dockerfile
		f.done(f.docker, "base", do, m.Why, "the image's own layers were laid on it, and the entrypoint was followed through both")
	}
	if m.Hint != "" {
		f.hint(f.docker, "base", m.Hint, m.Because)
	}
}

// moved reports whether the last stage stands on another base.
func (f *fixer) moved() bool { return f.in.Move.To != "" }
