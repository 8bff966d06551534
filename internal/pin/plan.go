package pin

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/project"
)

// Registry answers what tags name; *image.Resolver is one.
type Registry interface {
	Resolve(reference string) (image.Resolved, error) // with verified digests
	Claimed(reference string) (string, error)         // the digest as the registry says it, "" for none
	Tags(reference string) ([]string, error)
}

// Options of a plan. The zero value pins what is not pinned yet.
type Options struct {
	Registry Registry
	Commits  Commits // nil: code of repositories is left alone
	Lock     *Lock   // is asked first, and told what the registry said; nil means none
	Platform string  // pin the image of this platform; "" means the index, which is of all
	Update   bool    // move pins to what their tags name now; the lock is only told
	Check    bool    // change nothing; compare pins with what their tags name now
}

// State is what became of a reference.
type State int

// The states.
const (
	Skipped  State = iota // nothing to pin; Reference.Skip says why
	Current               // pinned, and as far as was asked for, to what its tag names
	Pinned                // gets a pin
	Moved                 // its pin moves
	Unpinned              // has none; with Check
	Stale                 // its tag names another image now; with Check
	Stuck                 // cannot be written; Why says why
	Failed                // nobody could say what its tag names; Why says why
)

// Outcome is what became of one reference.
type Outcome struct {
	Path      string
	Reference Reference
	State     State
	New       string // value with its pin, for Pinned and Moved; what the tag names, for Stale
	Why       string // for Stuck, for Unpinned what cannot be pinned as it is written, and what should be known otherwise
}

// Plan is what is to be done. Nothing is written before Write.
type Plan struct {
	Outcomes []Outcome // in the order of documents and their references
	files    []project.Replacement
}

// Make asks the lock and the registry for every reference that needs it, and
// plans the changes. A reference that cannot be resolved is Failed, and keeps
// none of the others from its pin.
func Make(documents []*Document, opt Options) *Plan {
	p := &planner{opt: opt, known: map[string]Locked{}, errs: map[string]error{}}
	plan := &Plan{}
	for _, d := range documents {
		wanted := map[int]string{}
		first := len(plan.Outcomes)
		for i, ref := range d.References {
			o := p.outcome(ref)
			o.Path, o.Reference = d.Path, ref
			if o.State == Pinned || o.State == Moved {
				wanted[i] = o.New
			}
			plan.Outcomes = append(plan.Outcomes, o)
		}
		if opt.Check {
			d.unpinnable(plan.Outcomes[first:])
		}
		if opt.Check {
			continue
		}
		data, stuck := d.rewrite(wanted)
		for i, why := range stuck {
			o := &plan.Outcomes[first+i]
			o.State, o.New, o.Why = Stuck, "", why
		}
		if !bytes.Equal(data, d.Data) {
			plan.files = append(plan.files, project.Replacement{Path: d.Path, Old: d.Data, New: data})
		}
	}
	return plan
}

// Failed returns the outcomes of references that could not be resolved.
func (p *Plan) Failed() []Outcome {
	var list []Outcome
	for _, o := range p.Outcomes {
		if o.State == Failed {
			list = append(list, o)
		}
	}
	return list
}

// unpinnable says of references without a pin why they could not be given one.
// No registry is asked: digests that differ where the values differ represent
// those that it would name.
func (d *Document) unpinnable(outcomes []Outcome) {
	wanted := map[int]string{}
	for i, o := range outcomes {
		if name, err := image.ParseName(o.Reference.Value); o.State == Unpinned && !o.Reference.Code() && err == nil {
			wanted[i] = pinnedValue(o.Reference.Value, name, "", fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(o.Reference.Value))))
		}
	}
	_, stuck := d.rewrite(wanted)
	for i, why := range stuck {
		outcomes[i].Why = why
	}
}

// Data returns what a document becomes: its own bytes where nothing changes.
func (p *Plan) Data(d *Document) []byte {
	for _, f := range p.files {
		if f.Path == d.Path {
			return f.New
		}
	}
	return d.Data
}

// Write changes the files, each at once or not at all.
func (p *Plan) Write() error { return project.Replace(p.files) }

type planner struct {
	opt   Options
	known map[string]Locked // by tagged name
	errs  map[string]error  // by tagged name: what is not there is asked for once
}

// outcome decides what to do about one reference.
func (p *planner) outcome(ref Reference) Outcome {
	if ref.Skip != "" {
		return Outcome{State: Skipped}
	}
	if ref.Code() {
		return p.code(ref)
	}
	name, err := image.ParseName(ref.Value)
	if err != nil {
		return Outcome{State: Skipped, Why: fmt.Sprintf("no image reference: %v", err)}
	}
	switch {
	case name.Digest == "" && p.opt.Check:
		return Outcome{State: Unpinned}
	case name.Digest != "" && !p.opt.Check && !p.opt.Update:
		return Outcome{State: Current}
	case name.Digest != "" && name.Tag == "" && p.opt.Update:
		return Outcome{State: Current, Why: "it has no tag to follow"}
	case name.Digest != "" && name.Tag == "":
		return Outcome{State: Current}
	}
	locked, err := p.locked(name)
	digest := ""
	if err == nil {
		digest, err = p.digest(name, locked)
	}
	if err != nil {
		return Outcome{State: Failed, Why: err.Error()}
	}
	pinned := pinnedValue(ref.Value, name, locked.Tag, digest)
	switch {
	case name.Digest == digest:
		return Outcome{State: Current}
	case p.opt.Check:
		return Outcome{State: Stale, New: pinned}
	case name.Digest != "":
		return Outcome{State: Moved, New: pinned}
	}
	return Outcome{State: Pinned, New: pinned}
}

// digest is what a name should be pinned to: the index, or the image of a
// platform if that was asked for, or if its pin is one.
func (p *planner) digest(name image.Name, locked Locked) (string, error) {
	if p.opt.Platform != "" {
		return image.Resolved{Digest: locked.Digest, Platforms: locked.Platforms}.Platform(p.opt.Platform)
	}
	for _, d := range locked.Platforms {
		if d == name.Digest {
			return d, nil
		}
	}
	return locked.Digest, nil
}

// pinnedValue writes the tag and the pin behind a value, whose registry and
// repository stay as they are written. A more specific tag replaces "latest".
func pinnedValue(value string, name image.Name, specific, digest string) string {
	base, _, _ := strings.Cut(value, "@")
	if name.Tag == "" || specific != "" {
		base = strings.TrimSuffix(base, ":"+name.Tag) + ":" + cmp.Or(specific, "latest")
	}
	return base + "@" + digest
}

// locked finds out what a tag names, once: from the lock, else the registry.
func (p *planner) locked(name image.Name) (Locked, error) {
	key := name.Tagged()
	if l, ok := p.known[key]; ok || p.errs[key] != nil {
		return l, p.errs[key]
	}
	if p.opt.Lock != nil && !p.opt.Update {
		if l, ok := p.opt.Lock.Images[key]; ok {
			p.known[key] = l
			return l, nil
		}
	}
	found, err := p.opt.Registry.Resolve(key)
	if err != nil {
		p.errs[key] = err
		return Locked{}, err
	}
	l := Locked{Digest: found.Digest, Platforms: found.Platforms}
	if strings.HasSuffix(key, ":latest") && !p.opt.Check {
		l.Tag = p.specific(name.Repository, found.Digest)
	}
	p.remember(key, l)
	if l.Tag != "" {
		p.remember(name.Repository+":"+l.Tag, Locked{Digest: l.Digest, Platforms: l.Platforms})
	}
	return l, nil
}

func (p *planner) remember(key string, l Locked) {
	p.known[key] = l
	if p.opt.Lock != nil && !p.opt.Check {
		p.opt.Lock.Images[key] = l
	}
}

// specific returns the most specific tag that names a digest, "" when the
// registry lists none. What it claims for a tag is cheap to ask and may be
// false, so the tag that is chosen is resolved.
func (p *planner) specific(repository, digest string) string {
	tags, err := p.opt.Registry.Tags(repository + ":latest")
	if err != nil {
		return "" // listing is often forbidden; "latest" with a digest is right too
	}
	for _, tag := range candidates(tags) {
		claimed, err := p.opt.Registry.Claimed(repository + ":" + tag)
		if err != nil {
			return ""
		}
		if claimed != digest {
			continue
		}
		if found, err := p.opt.Registry.Resolve(repository + ":" + tag); err == nil && found.Digest == digest {
			return tag
		}
	}
	return ""
}
