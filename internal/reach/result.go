package reach

import (
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/rootfs"
)

// Result is what Compute found out.
type Result struct {
	Gaps    []Gap // what could not be followed, sorted by path
	walk    *Walk
	started map[string]bool // of the files that a command line names: see Started
}

func newResult(w *Walk) *Result {
	slices.SortFunc(w.gaps, compareGaps)
	return &Result{Gaps: w.gaps, walk: w, started: startedBy(w.marks)}
}

func compareGaps(a, b Gap) int {
	if c := strings.Compare(a.Path, b.Path); c != 0 {
		return c
	}
	if a.Line != b.Line {
		return a.Line - b.Line
	}
	return strings.Compare(a.What, b.What)
}

// method names the proof of NotReached. Where something could not be followed,
// the proof holds for what the gaps do not keep: that is said too.
func (r *Result) method() string {
	const closure = "nothing that the entrypoint reaches names it (static closure)"
	switch n := len(r.Gaps); n {
	case 0:
		return closure
	case 1:
		return closure + "; one place could not be followed and keeps what it may use"
	default:
		return fmt.Sprintf("%s; %d places could not be followed and keep what they may use", closure, n)
	}
}

// State returns the verdict on a path of the tree in one word: a file, a link
// itself, or a directory. A path that the image does not have is not reached.
func (r *Result) State(file string) State {
	if m, ok := r.walk.marks[file]; ok {
		return m.state
	}
	return NotReached
}

// File returns the verdict on a path of the tree: a file, a link itself, or a
// directory.
func (r *Result) File(file string) Verdict {
	m, ok := r.walk.marks[file]
	switch {
	case !ok:
		return Verdict{State: NotReached, Why: r.method()}
	case m.state == Unknown:
		return Verdict{State: Unknown, Why: r.whyKept(file, m)}
	}
	return Verdict{State: Reached, Chain: r.chain(file)}
}

// maxChain is how many steps of a chain are said, those nearest to the file. As many
// files as an image has may be as many steps away.
const maxChain = 100

// chain returns the steps from the entrypoint to a file.
func (r *Result) chain(file string) []Step {
	var steps []Step
	for file != "" && len(steps) < maxChain {
		m := r.walk.marks[file]
		steps = append(steps, Step{file, m.how})
		file = m.from
	}
	slices.Reverse(steps)
	if file != "" {
		steps[0].How = "… " + steps[0].How
	}
	return steps
}

// whyKept says what could not be followed, and how that leads to a file.
func (r *Result) whyKept(file string, m mark) string {
	var via []string
	for n := 0; n < maxChain && m.from != ""; n++ {
		next := r.walk.marks[m.from]
		if next.state == Reached {
			why := fmt.Sprintf("/%s: %s", m.from, m.how)
			if len(via) > 0 {
				slices.Reverse(via)
				why += " → " + strings.Join(via, " → ")
			}
			return why
		}
		via = append(via, m.how)
		m = next
	}
	return m.how
}

// Files iterates over every entry of the image with its state, in the order of
// a walk; it ends early with the context of Compute.
func (r *Result) Files() iter.Seq2[*rootfs.Entry, State] {
	return func(yield func(*rootfs.Entry, State) bool) {
		for i, e := range r.walk.entries {
			if i%256 == 0 && r.walk.ctx.Err() != nil || !yield(e, r.State(e.Path)) {
				return
			}
		}
	}
}

// Package returns the verdict on a package of the catalogue by its index: that
// of its files, documentation left out. One unknown file makes it unknown only
// if none is reached.
func (r *Result) Package(i int) Verdict {
	files, whole := r.packageFiles(i)
	unknown := ""
	for _, f := range files {
		switch r.State(f) {
		case Reached:
			return r.File(f)
		case Unknown:
			if unknown == "" {
				unknown = f
			}
		}
	}
	switch {
	case unknown != "":
		return r.File(unknown)
	case !whole:
		return Verdict{State: Unknown, Why: "which files it has is not known"}
	}
	return Verdict{State: NotReached, Why: r.method()}
}

// packageFiles returns the files of a package but its documentation; whole is
// false if it may have more than those. Files that do not exist in the image are
// not in the list.
func (r *Result) packageFiles(i int) (files []string, whole bool) {
	w := r.walk
	p := &w.owners.packages[i]
	if len(p.Files) > 0 {
		return w.owners.files(i), true
	}
	if p.FromLockFile {
		return nil, false
	}
	whole = len(p.Locations) > 0
	for _, l := range p.Locations {
		file, _, _ := strings.Cut(l.Path, "!") // what is inside of an archive
		whole = whole && isUsedWith(p.Type, file)
		if p.Type != "npm" || path.Base(file) != "package.json" {
			files = append(files, file)
			continue
		}
		for e := range w.Below(Parent(file)) {
			if e.Mode.IsRegular() && !strings.Contains(e.Path[len(Parent(file)):], "/node_modules/") {
				files = append(files, e.Path)
			}
		}
	}
	return files, whole
}

// isUsedWith reports whether the file that says that a package is there is used
// whenever the package is, so that the package is not if the file is not: it is
// the program or archive that holds the package, or a reader needs it together
// with the package's modules. A document about packages is not.
func isUsedWith(packageType, file string) bool {
	base := path.Base(file)
	ext := path.Ext(base)
	switch packageType {
	case "apk", "alpm", "rpm":
		return base != "container-manifest-2" // the others list files: it has none
	case "npm":
		return base == "package.json"
	case "pypi":
		return base == "METADATA" || base == "PKG-INFO" || ext == ".egg-info"
	case "gem":
		return ext == ".gemspec"
	case "composer":
		return base == "installed.json"
	case "golang", "cargo", "maven", "generic", "bitnami":
		return ext != ".json" && ext != ".spdx"
	}
	return false
}

// String is the verdict in one line, as careen reach prints it.
func (v Verdict) String() string {
	if v.State != Reached {
		return string(v.State) + ": " + v.Why
	}
	var b strings.Builder
	b.WriteString("reached: ")
	for i, s := range v.Chain {
		if i > 0 {
			b.WriteString(" → ")
		}
		b.WriteString(s.How + " /" + s.Path)
	}
	return b.String()
}

// Count is how much of an image has one verdict.
type Count struct {
	Files    int   `json:"files"` // regular files and links
	Bytes    int64 `json:"bytes"`
	Packages int   `json:"packages"`
}

// Summary is the verdicts of an image in numbers.
type Summary struct {
	Reached    Count `json:"reached"`
	Unknown    Count `json:"unknown"`
	NotReached Count `json:"notReached"`
}

func (s *Summary) of(state State) *Count {
	switch state {
	case Reached:
		return &s.Reached
	case Unknown:
		return &s.Unknown
	}
	return &s.NotReached
}

// Libraries returns what the dynamic linker would load with files that are not
// reached but are to stay all the same: their interpreters and libraries, those
// that these need in turn, and the links that lead to them. Of it only what is not
// reached is in the list, in the order in which it was found.
func (r *Result) Libraries(files []string) []string {
	var found []string
	seen := map[string]bool{}
	queue := slices.Clone(files)
	take := func(at string) {
		if !seen[at] && r.State(at) == NotReached {
			seen[at] = true
			found = append(found, at)
			queue = append(queue, at)
		}
	}
	for len(queue) > 0 {
		file := queue[0]
		queue = queue[1:]
		f, ok := r.walk.elfFact(file)
		if !ok {
			continue
		}
		names := f.Needed
		if f.Interpreter != "" {
			names = append([]string{f.Interpreter}, names...)
		}
		for _, name := range names {
			for _, at := range r.walk.linker.libraries(file, f, name) {
				if end, ok := r.walk.Follow(at, take); ok {
					take(end)
				}
			}
		}
	}
	return found
}

// Summary counts the verdicts. The bytes of a file with several names count for
// each.
func (r *Result) Summary() Summary {
	var s Summary
	for e, state := range r.Files() {
		if e.Mode.IsDir() {
			continue
		}
		c := s.of(state)
		c.Files++
		if e.Mode.IsRegular() && !e.Hardlink {
			c.Bytes += e.Size
		}
	}
	for i := range r.walk.owners.packages {
		s.of(r.Package(i).State).Packages++
	}
	return s
}

// Paths returns the paths of the image that a name may mean: where the path
// leads, links followed; of a name without a slash, every file of that name.
func (r *Result) Paths(name string) []string {
	if strings.Contains(name, "/") {
		if at, ok := r.walk.Follow(name, nil); ok {
			return []string{at}
		}
		return nil
	}
	if _, ok := r.walk.at[name]; ok && name != "" {
		return []string{name}
	}
	var list []string
	for _, e := range r.walk.entries {
		if path.Base(e.Path) == name && !e.Mode.IsDir() {
			list = append(list, e.Path)
		}
	}
	return list
}
