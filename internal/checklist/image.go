package checklist

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/workload"
)

// What a minimal base has at most. Distroless has 5 to 15 packages and no
// shell, Alpine and Wolfi some 15 and BusyBox, and the slim images of runtimes
// on Alpine 20 to 50; the smallest general-purpose images (debian:slim,
// ubuntu, ubi-minimal) begin at 80 packages and two shells, or at 100.
const (
	minimalPackages = 60
	minimalShells   = 1
	minimalBytes    = 250_000_000 // the Node runtime alone is 100 MB
)

// minimalBase measures the base where the history tells it apart, else the
// whole image; the name of the base says nothing.
func minimalBase(in Input) verdict {
	r := in.Report
	next := "careen base " + in.Typed
	if r.Packages == nil || r.Surface == nil {
		return verdict{state: NotEvidenced, says: "packages and surface were not looked at", next: next}
	}
	ofBase := slices.ContainsFunc(r.Target.Layers, func(l report.Layer) bool { return l.Base })
	packages, bytes := 0, r.Target.Expanded
	for _, p := range r.Packages {
		if purl.OfDistribution(p.Type) && (p.Base || !ofBase) {
			packages++
		}
	}
	var shells, managers []string
	var evidence []Evidence
	for _, t := range r.Surface.Tools {
		if ofBase && !t.Base || len(t.Locations) == 0 {
			continue
		}
		switch t.Kind {
		case finding.Shell:
			shells = append(shells, t.Name)
		case finding.PackageManager:
			managers = append(managers, t.Name)
		default:
			continue
		}
		evidence = append(evidence, Evidence{Text: string(t.Kind) + " " + t.Name, Place: &t.Locations[0]})
	}
	what := "the image"
	if ofBase {
		what, bytes = "the base", 0
		for _, l := range r.Surface.Layers {
			if r.Target.Layers[l.Layer].Base {
				bytes += l.Bytes
			}
		}
	}
	says := fmt.Sprintf("%s has %s, %s, %s, %.1f MB", what, safetext.Count(packages, "distribution package"), named(shells, "shell"), named(managers, "package manager"), float64(bytes)/1e6)
	for _, f := range in.Dockerfiles {
		if base := lastBase(f); base != nil {
			evidence = slices.Insert(evidence, 0, Evidence{Text: "FROM " + base.Text, Line: line(f.Path, base.Line)})
		}
	}
	if packages <= minimalPackages && len(shells) <= minimalShells && bytes <= minimalBytes {
		return verdict{state: Pass, says: says, evidence: evidence}
	}
	return verdict{state: Fail, says: says, evidence: evidence, next: next}
}

// named is "no shell", "1 shell (busybox)", "2 shells (bash, dash)".
func named(names []string, what string) string {
	switch len(names) {
	case 0:
		return "no " + what
	case 1:
		return fmt.Sprintf("1 %s (%s)", what, names[0])
	}
	return fmt.Sprintf("%d %ss (%s)", len(names), what, strings.Join(names, ", "))
}

// lastBase is the image under the last stage, through the stages that it is
// built on; nil when nothing says.
func lastBase(f *dockerfile.File) *dockerfile.Reference {
	if len(f.Stages) == 0 {
		return nil
	}
	base := f.Stages[len(f.Stages)-1].Base
	for range f.Stages { // a stage can only name an earlier one
		if base == nil || base.Stage < 0 || base.Stage >= len(f.Stages) {
			return base
		}
		base = f.Stages[base.Stage].Base
	}
	return base
}

// The rules of package surface on the configured user.
var rootRules = []string{"CI001", "CI002"}

const unknownRule = "CI028"

// nonRoot goes by the image's configuration, and by what runs the image where
// that is given: it may choose another user either way.
func nonRoot(in Input) verdict {
	r := in.Report
	next := "USER 65532, or what careen harden " + in.Typed + " says"
	if r.Target.Config == nil || r.Misconfigurations == nil {
		return verdict{state: NotEvidenced, says: "a directory has no configuration that names a user", next: next}
	}
	root, unknown := "", ""
	for _, m := range r.Misconfigurations {
		switch {
		case m.Suppressed != nil:
		case slices.Contains(rootRules, m.Rule):
			root = m.Message
		case m.Rule == unknownRule:
			unknown = m.Message
		}
	}
	var asRoot, asOther, unsure []Evidence
	where := ""
	unsaid := false
	for _, s := range running(in) {
		next, user := asUser(s.kind), s.service.User
		e := Evidence{Text: s.service.Name + " runs as " + user.Value, Line: line(s.file, user.Line)}
		switch {
		case user.Line > 0 && isRoot(user.Value):
			asRoot, where = append(asRoot, e), cmp.Or(where, next)
		case user.Line > 0 && isNumber(user.Value):
			asOther = append(asOther, e)
		case s.service.RunAsNonRoot.On():
			asOther = append(asOther, Evidence{Text: s.service.Name + " must not run as root", Line: line(s.file, s.service.RunAsNonRoot.Line)})
		case user.Line > 0 && user.Value != r.Target.Config.User:
			// What number the image gives the name is not in the report.
			e.Text += ", of whom nothing says that it is not root"
			unsure, where = append(unsure, e), cmp.Or(where, next)
		default:
			unsaid = true
		}
	}
	switch {
	case asRoot != nil:
		return verdict{state: Fail, says: asRoot[0].Text, evidence: asRoot, next: where}
	case unsure != nil:
		return verdict{state: NotEvidenced, says: unsure[0].Text, evidence: unsure, next: where}
	case asOther != nil && !unsaid:
		return verdict{state: Pass, says: asOther[0].Text, evidence: asOther}
	case root != "":
		return verdict{state: Fail, says: root, evidence: userLine(in), next: next}
	case unknown != "":
		return verdict{state: NotEvidenced, says: unknown, evidence: userLine(in), next: next}
	}
	return verdict{state: Pass, says: "USER " + r.Target.Config.User, evidence: append(userLine(in), asOther...)}
}

// asUser is how a kind of file says as whom to run.
func asUser(kind workload.Kind) string {
	switch kind {
	case workload.Compose:
		return `user: "65532:65532", or another number`
	case workload.Kubernetes:
		return "runAsUser: 65532, or another number"
	}
	return "--user 65532:65532, or another number"
}

func isRoot(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	name = strings.TrimSpace(name)
	return name == "root" || name != "" && strings.Trim(name, "0") == ""
}

// isNumber reports whether the user is given by its number, other than root's.
func isNumber(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	n, err := strconv.ParseUint(strings.TrimSpace(name), 10, 32)
	return err == nil && n > 0
}

// userLine is the last USER of the last stage, else the end of what there is.
func userLine(in Input) []Evidence {
	for _, f := range in.Dockerfiles {
		if len(f.Stages) == 0 {
			continue
		}
		last := f.Stages[len(f.Stages)-1]
		for _, i := range slices.Backward(last.Instructions) {
			if i.Name == "USER" {
				return []Evidence{{Text: "USER " + i.Text, Line: line(f.Path, i.Line)}}
			}
		}
		return []Evidence{{Text: "the last stage names no USER", Line: line(f.Path, last.Line)}}
	}
	return nil
}

func noSecrets(in Input) verdict {
	r := in.Report
	next := "revoke them; RUN --mount=type=secret in builds, and the environment of the container when it runs"
	if r.Secrets == nil {
		return verdict{state: NotEvidenced, says: "secrets were not looked for", next: next}
	}
	var evidence []Evidence
	hidden := 0
	for _, s := range r.Secrets {
		if s.Suppressed != nil {
			continue
		}
		e := Evidence{Text: s.Rule + " " + s.Redacted + " " + string(s.Exposure)}
		if len(s.Places) > 0 {
			p := s.Places[0]
			e.Line = p.Line
			if p.Path != "" {
				e.Place = &finding.Location{Path: p.Path, Layer: p.Layer}
			}
		}
		evidence = append(evidence, e)
		if s.Exposure == finding.Extractable {
			hidden++
		}
	}
	if evidence == nil {
		return verdict{state: Pass, says: fmt.Sprintf("none found in %s, the configuration and the history", safetext.Count(len(r.Target.Layers), "layer"))}
	}
	says := safetext.Count(len(evidence), "secret")
	if hidden > 0 {
		says += fmt.Sprintf(", %d deleted but extractable", hidden)
	}
	return verdict{state: Fail, says: says, evidence: evidence, next: next}
}

// multiStage looks at what building leaves behind: an image that holds none of
// it was built elsewhere, in an earlier stage or outside.
func multiStage(in Input) verdict {
	r := in.Report
	next := "build in an earlier stage, and COPY --from what runs"
	if r.Surface == nil || r.Packages == nil {
		return verdict{state: NotEvidenced, says: "packages and surface were not looked at", next: next}
	}
	var names []string
	var evidence []Evidence
	for _, t := range r.Surface.Tools {
		if t.Kind == finding.Compiler && len(t.Locations) > 0 {
			names = append(names, t.Name)
			evidence = append(evidence, Evidence{Text: t.Name, Place: &t.Locations[0]})
		}
	}
	development := 0
	for _, p := range r.Packages {
		if !isDevelopment(p.Type, p.Name) {
			continue
		}
		development++
		if len(p.Locations) > 0 {
			evidence = append(evidence, Evidence{Text: p.Name + " " + p.Version, Place: &p.Locations[0]})
		}
	}
	if development > 0 {
		names = append(names, safetext.Count(development, "development package"))
	}
	if names == nil {
		says := "no compiler, build tool or development package in the image"
		for _, f := range in.Dockerfiles {
			if n := len(f.Stages); n > 1 {
				says += fmt.Sprintf("; %s has %d stages", f.Path, n)
				evidence = append(evidence, Evidence{Text: "the last of them", Line: line(f.Path, f.Stages[n-1].Line)})
			}
		}
		return verdict{state: Pass, says: says, evidence: evidence}
	}
	for _, f := range in.Dockerfiles {
		if n := len(f.Stages); n > 0 {
			evidence = slices.Insert(evidence, 0, Evidence{Text: safetext.Count(n, "stage"), Line: line(f.Path, f.Stages[n-1].Line)})
		}
	}
	return verdict{state: Fail, says: strings.Join(names, ", ") + " in the image", evidence: evidence, next: next}
}

// isDevelopment tells the distribution packages that hold headers and static
// libraries, by the suffixes that Debian's policy (8.4), Fedora's packaging
// guidelines and Alpine's APKBUILD reference give them.
func isDevelopment(purlType, name string) bool {
	switch purlType {
	case "deb", "apk":
		return strings.HasSuffix(name, "-dev") || name == "build-essential" || name == "build-base"
	case "rpm":
		return strings.HasSuffix(name, "-devel") || name == "kernel-headers" || name == "glibc-headers"
	}
	return false
}
