package fix

import (
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/harden"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/pin"
	"github.com/careen/careen/internal/workload"
)

// services gives what runs the image its locks: user, capabilities, a file system
// that is read only, and the places that the program writes.
func (f *fixer) services() {
	for _, file := range f.deployed {
		if file.Workload != nil && Deployable(file.Workload.Kind) {
			f.lock(file)
		}
	}
}

func (f *fixer) lock(file *File) {
	p := f.in.Profile
	const do = "user, cap_drop, read_only"
	if p == nil {
		f.hint(file, "runtime", do, "the entrypoint could not be followed: what it needs is not known")
		return
	}
	name, why := f.service(file)
	if why != "" {
		f.hint(file, "runtime", do, why)
		return
	}
	if p.User.Confidence == harden.Guess && !f.given {
		f.hint(file, "runtime", do, p.User.Why)
		return
	}
	if len(p.Uncovered) > 0 {
		u := p.Uncovered[0]
		f.hint(file, "runtime", do, fmt.Sprintf("the program writes %s: %s", u.What, u.Why))
		return
	}
	patched, notes, err := p.Patch(file.New, name)
	if err != nil {
		f.hint(file, "runtime", do, err.Error())
		return
	}
	changed := string(patched) != string(file.New)
	file.New = patched
	for _, note := range notes {
		f.hint(file, "runtime", "look at it by hand", note)
	}
	if !changed {
		return
	}
	f.done(file, "runtime", "cap_drop: ALL, no-new-privileges and a read-only file system for "+name, "what the program needs is listed below; it is denied the rest", "harden")
	for _, a := range p.Reasons() {
		if kind, _, _ := strings.Cut(a.What, " "); kind != "user" || a.Confidence != harden.Guess {
			f.done(file, "runtime", a.What, a.Why, "harden: "+string(a.Confidence))
		}
	}
}

// service finds the service of a file that runs the image: the one that is named,
// that has its name, or that is built from the Dockerfile; else the only one.
func (f *fixer) service(file *File) (name, why string) {
	if f.in.Service != "" {
		return f.in.Service, ""
	}
	var names, fitting []string
	for _, s := range file.Workload.Services {
		short := s.Name[strings.LastIndexAny(s.Name, "/ ")+1:]
		names = append(names, short)
		if sameImage(s.Image.Of+s.Image.Value, f.in.Ref) || s.Build && f.docker != nil {
			fitting = append(fitting, short)
		}
	}
	switch {
	case len(fitting) == 1:
		return fitting[0], ""
	case len(names) == 1 && len(fitting) == 0:
		return "", fmt.Sprintf("its only service %s runs another image than %s: say --service %[1]s if it is meant", names[0], f.in.Ref)
	case len(names) == 0:
		return "", "it has no service"
	}
	return "", "which of its services runs " + f.in.Ref + " is not known: say --service, one of " + strings.Join(names, ", ")
}

// sameImage reports whether two references name the same repository and tag.
func sameImage(a, b string) bool {
	for _, prefix := range []string{"docker:", "podman:", "registry:"} {
		b = strings.TrimPrefix(b, prefix)
	}
	x, errX := image.ParseName(a)
	y, errY := image.ParseName(b)
	return errX == nil && errY == nil && x.Tagged() == y.Tagged()
}

// pins gives every image that the files name its digest.
func (f *fixer) pins() {
	if f.in.Registry == nil {
		return
	}
	for _, file := range f.out.Files {
		doc, err := pin.Read(file.Path, file.New)
		if err != nil {
			continue
		}
		plan := pin.Make([]*pin.Document{doc}, pin.Options{Registry: f.in.Registry})
		file.New = plan.Data(doc)
		for _, o := range plan.Outcomes {
			where := o.Reference.Where + " " + o.Reference.Value
			switch o.State {
			case pin.Pinned:
				f.done(file, "pin", where+" → "+o.New, "a tag may name another image at the next build", "the digest that the registry has for it now")
			case pin.Failed, pin.Stuck:
				f.hint(file, "pin", where, o.Why)
			}
		}
	}
}

// Deployable reports whether careen fix changes files of a kind.
func Deployable(k workload.Kind) bool {
	return slices.Contains([]workload.Kind{workload.Compose, workload.Kubernetes}, k)
}

// Flags are those of docker run that say what the services were given; nil where
// none was given anything.
func (r *Result) Flags(p *harden.Profile) []string {
	if p == nil || !slices.ContainsFunc(r.Steps, func(s Step) bool { return s.Kind == "runtime" && s.Done }) {
		return nil
	}
	flags := p.Docker()
	for i, f := range flags {
		if mount, ok := strings.CutPrefix(f, "--volume "); ok {
			_, dir, _ := strings.Cut(mount, ":")
			flags[i] = "--volume " + dir // without a name, which would outlive the trial
		}
	}
	return flags
}
