package checklist

import (
	"fmt"
	"strings"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/lint"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/workload"
)

// scannedInCI goes by the workflows that were given. One that builds no image
// says nothing: another may.
func scannedInCI(in Input) verdict {
	next := "careen scan --fail-on high after the build (docs/ci.md)"
	var gates, loose, builds []Evidence
	workflows := 0
	for _, f := range in.Workloads {
		if f.Kind.Workflow() {
			workflows++
		}
		for _, step := range lint.ImageSteps(f) {
			at := line(f.Path, step.Line)
			switch {
			case step.Kind == "scan" && step.Why == "":
				gates = append(gates, Evidence{Text: "a scan that gates", Line: at})
			case step.Kind == "scan":
				loose = append(loose, Evidence{Text: "a scan that stops nothing: " + step.Why, Line: at})
			case step.Kind == "build":
				builds = append(builds, Evidence{Text: "an image is built", Line: at})
			}
		}
	}
	switch {
	case gates != nil:
		return verdict{state: Pass, says: gates[0].Text, evidence: gates}
	case loose != nil:
		return verdict{state: Fail, says: loose[0].Text, evidence: loose, next: "let it fail the job: --fail-on, --exit-code"}
	case builds != nil:
		return verdict{state: Fail, says: "the image is built and not scanned", evidence: builds, next: next}
	case workflows > 0:
		return verdict{state: NotEvidenced, says: fmt.Sprintf("%s given, none of which builds or scans an image", safetext.Count(workflows, "workflow")), next: next}
	}
	return verdict{state: NotEvidenced, says: "no workflow given", next: "careen check " + in.Typed + " .github/workflows"}
}

// Labels about the base (OCI image-spec v1.1, annotations.md).
const baseNameLabel = "org.opencontainers.image.base.name"

// pinnedBase looks at every image that the Dockerfiles take files from. Without
// one, the image's own label may name a digest.
func pinnedBase(in Input) verdict {
	var loose, pinned, unknown []Evidence
	path := ""
	for _, f := range in.Dockerfiles {
		for _, ref := range f.References() {
			if ref.Kind == dockerfile.KindSyntax || ref.Scratch || ref.Stage >= 0 {
				continue
			}
			e := Evidence{Text: ref.Text, Line: line(f.Path, ref.Line)}
			switch {
			case strings.Contains(ref.Value, "@sha256:") || strings.Contains(ref.Text, "@sha256:"):
				pinned = append(pinned, e)
			case !ref.Resolved:
				e.Text += ": " + ref.Why
				unknown = append(unknown, e)
			default:
				if loose == nil {
					path = f.Path
				}
				loose = append(loose, e)
			}
		}
	}
	switch {
	case loose != nil:
		return verdict{state: Fail, says: loose[0].Text + " has no digest" + andMore(len(loose)-1), evidence: loose, next: "careen pin " + path}
	case unknown != nil:
		return verdict{state: NotEvidenced, says: unknown[0].Text, evidence: unknown, next: "give the ARG a default with a digest"}
	case pinned != nil:
		return verdict{state: Pass, says: pinned[0].Text + andMore(len(pinned)-1), evidence: pinned}
	case len(in.Dockerfiles) > 0:
		return verdict{state: Pass, says: "built from scratch"}
	}
	if config := in.Report.Target.Config; config != nil {
		if name := config.Labels[baseNameLabel]; strings.Contains(name, "@sha256:") {
			return verdict{state: Pass, says: "its label names " + name}
		}
	}
	return verdict{state: NotEvidenced, says: "no Dockerfile given", next: "careen check " + in.Typed + " Dockerfile"}
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", n)
}

// service is a container that runs the image, and the file that says so.
type service struct {
	file    string
	kind    workload.Kind
	service *workload.Service
}

// running returns the containers that run the image: those that are built, or
// whose image has the target's repository or a name that only the deployment
// knows. A file with one container is about it.
func running(in Input) []service {
	var all, exact, variable []service
	for _, f := range in.Workloads {
		if f.Kind.Workflow() {
			continue // a workflow's containers are tools of the build
		}
		for i := range f.Services {
			s := service{f.Path, f.Kind, &f.Services[i]}
			all = append(all, s)
			switch {
			case s.service.Build || sameRepository(s.service.Image.Value, in):
				exact = append(exact, s)
			case strings.ContainsAny(s.service.Image.Value, "${"):
				variable = append(variable, s)
			}
		}
	}
	switch {
	case exact != nil:
		return exact
	case variable != nil:
		return variable
	case len(all) == 1:
		return all
	}
	return nil
}

// sameRepository compares the last element of the names: the registry in front
// differs between the machine that builds and the one that runs.
func sameRepository(value string, in Input) bool {
	name := repository(value)
	if name == "" {
		return false
	}
	for _, ref := range append([]string{in.Report.Target.Ref}, in.Report.Target.Tags...) {
		if repository(ref) == name {
			return true
		}
	}
	return false
}

// repository is the last element of a reference's name, without tag and digest.
func repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	ref = ref[strings.LastIndexByte(ref, '/')+1:]
	name, _, _ := strings.Cut(ref, ":")
	return name
}

func capabilitiesDropped(in Input) verdict {
	return in.everyService("drops all capabilities", func(s *workload.Service) (at int, lacks string) {
		if s.Privileged.On() {
			return s.Privileged.Line, "is privileged: it has all capabilities and devices"
		}
		for _, added := range s.CapAdd {
			if capability(added.Value) == "ALL" {
				return added.Line, "gets all capabilities"
			}
		}
		for _, dropped := range s.CapDrop {
			if capability(dropped.Value) == "ALL" {
				return dropped.Line, ""
			}
		}
		if len(s.CapDrop) > 0 {
			return s.CapDrop[0].Line, "drops some capabilities, and keeps others of the default ones"
		}
		return s.Line, "keeps the default capabilities"
	})
}

func capability(name string) string { return strings.TrimPrefix(strings.ToUpper(name), "CAP_") }

func readOnlyFiles(in Input) verdict {
	return in.everyService("has a read-only root file system", func(s *workload.Service) (at int, lacks string) {
		switch {
		case s.ReadOnly.On():
			return s.ReadOnly.Line, ""
		case s.ReadOnly.Line > 0:
			return s.ReadOnly.Line, "says that its root file system may be written"
		}
		return s.Line, "can write to its root file system"
	})
}

// everyService wants a setting of every container that runs the image; set says
// where, and what the container lacks, "" when nothing.
func (in Input) everyService(has string, set func(*workload.Service) (at int, lacks string)) verdict {
	next := "careen harden " + in.Typed
	services := running(in)
	if services == nil {
		says := "no compose file, manifest or docker run line given"
		for _, f := range in.Workloads {
			if len(f.Services) > 0 && !f.Kind.Workflow() {
				says = fmt.Sprintf("nothing in %s runs %s", f.Path, in.Report.Target.Ref)
			}
		}
		return verdict{state: NotEvidenced, says: says, next: next}
	}
	var good, bad, unsaid []Evidence
	for _, s := range services {
		if s.kind == workload.Compose || s.kind == workload.Kubernetes {
			next = "careen harden " + in.Typed + " --patch " + s.file
		}
		at, lacks := set(s.service)
		switch {
		case lacks == "":
			good = append(good, Evidence{Text: s.service.Name + " " + has, Line: line(s.file, at)})
		case s.service.Partial && at == s.service.Line: // nothing that stands here says so
			unsaid = append(unsaid, Evidence{Text: s.service.Name + " takes settings from elsewhere", Line: line(s.file, at)})
		default:
			bad = append(bad, Evidence{Text: s.service.Name + " " + lacks, Line: line(s.file, at)})
		}
	}
	switch {
	case bad != nil:
		return verdict{state: Fail, says: bad[0].Text + andMore(len(bad)-1), evidence: bad, next: next}
	case unsaid != nil:
		return verdict{state: NotEvidenced, says: unsaid[0].Text, evidence: unsaid, next: next}
	}
	return verdict{state: Pass, says: good[0].Text + andMore(len(good)-1), evidence: good}
}
