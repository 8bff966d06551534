package report

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/sbom"
)

// Step is a command that fixes findings, and what it fixes.
type Step struct {
	Command string
	Fixes   []*finding.Vulnerability

	manager string
}

// maxSteps is how many commands a table suggests.
const maxSteps = 3

// Steps returns the commands that fix most, at most three, each at most width
// columns long. A command is suggested only where it does what it says: for
// packages that the image's own layers can upgrade, with names and versions
// that a shell takes literally.
func Steps(r *Report, shown Shown, width int) []Step {
	var all []Step
	byManager := map[string][]*Upgrade{}
	var managers []string
	rows := Upgrades(r, shown)
	for i := range rows {
		u := &rows[i]
		m := manager(r, u)
		if m == "" || u.Fix == "" {
			continue
		}
		if byManager[m] == nil {
			managers = append(managers, m)
		}
		byManager[m] = append(byManager[m], u)
	}
	for _, m := range managers {
		if s, ok := step(m, byManager[m], width); ok {
			s.manager, _, _ = strings.Cut(m, " /")
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b Step) int {
		return cmp.Or(
			cmp.Compare(totalRisk(b.Fixes), totalRisk(a.Fixes)),
			strings.Compare(a.Command, b.Command),
		)
	})
	// A second project's npm install would read as if it belonged to the first.
	seen := map[string]bool{}
	all = slices.DeleteFunc(all, func(s Step) bool {
		again := seen[s.manager]
		seen[s.manager] = true
		return again
	})
	return all[:min(len(all), maxSteps)]
}

func totalRisk(list []*finding.Vulnerability) float64 {
	sum := 0.0
	for _, v := range list {
		sum += v.Risk + float64(v.Severity)/100 // severity decides where no risk is known
	}
	return sum
}

// manager names the command that upgrades a row, "" when none is safe to say.
func manager(r *Report, u *Upgrade) string {
	p := u.Packages[0]
	os := r.Target.OS
	switch p.Type {
	case "deb", "apk":
		// Past its end of life, a release's archive has moved or stands still.
		if os == nil || os.PastEOL || !os.Advisories {
			return ""
		}
		return p.Type
	case "npm":
		if root, ok := npmProject(p); ok {
			return "npm " + root
		}
	case "golang":
		if p.Owner != "" || p.Base {
			return ""
		}
		if p.Name == "stdlib" {
			return "go toolchain"
		}
		return "go"
	}
	return ""
}

// npmProject returns the directory whose package.json npm install would change:
// only for a package right below the node_modules of an application that a
// layer of the image's own brought. What sits deeper belongs to another package,
// and below lib/node_modules to a global installation.
func npmProject(p *sbom.Package) (string, bool) {
	if p.Owner != "" || p.Base || p.FromLockFile || len(p.Locations) != 1 {
		return "", false
	}
	root, inner, found := strings.Cut("/"+p.Locations[0].Path, "/node_modules/")
	if !found || inner != path.Join(p.Name, "package.json") || path.Base(root) == "lib" {
		return "", false
	}
	return root, true
}

var (
	npmName = lazy.Regexp(`^(@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*$`)
	osName  = lazy.Regexp(`^[a-z0-9][a-z0-9+._-]*$`)
	goName  = lazy.Regexp(`^[a-zA-Z0-9][a-zA-Z0-9._~/-]*$`)
	version = lazy.Regexp(`^v?[0-9][0-9A-Za-z.+~_:-]*$`)
)

// step builds the command for one package manager from the worst rows on, as
// many as fit in the width.
func step(manager string, rows []*Upgrade, width int) (Step, bool) {
	var s Step
	name, _, _ := strings.Cut(manager, " ")
	switch {
	case manager == "go toolchain":
		return toolchainStep(rows)
	case name == "npm":
		s.Command = "npm install"
	case name == "go":
		s.Command = "go get"
	case name == "deb":
		s.Command = "apt-get install --only-upgrade"
	case name == "apk":
		s.Command = "apk upgrade"
	}
	taken := map[string]bool{}
	for _, u := range rows {
		var arguments string
		for _, p := range u.Packages {
			argument, ok := argument(name, p, u.Fix)
			if ok && !taken[argument] {
				taken[argument] = true
				arguments += " " + argument
			}
		}
		if arguments == "" || len(s.Command)+len(arguments) > width {
			continue
		}
		s.Command += arguments
		s.Fixes = append(s.Fixes, u.Fixes...)
	}
	return s, len(s.Fixes) > 0
}

// argument is how a package manager is told what to go to. apt and apk take the
// newest that the release has, which is at least the fixed one.
func argument(manager string, p *sbom.Package, fix string) (string, bool) {
	if !version().MatchString(fix) {
		return "", false
	}
	switch manager {
	case "npm":
		return p.Name + "@" + fix, npmName().MatchString(p.Name)
	case "go":
		return p.Name + "@v" + strings.TrimPrefix(fix, "v"), goName().MatchString(p.Name)
	}
	return p.Name, osName().MatchString(p.Name)
}

// toolchainStep says which Go to build with: one word for all binaries, when
// they agree on it.
func toolchainStep(rows []*Upgrade) (Step, bool) {
	fix := strings.TrimPrefix(rows[0].Fix, "v")
	s := Step{Command: "rebuild with Go " + fix}
	for _, u := range rows {
		if strings.TrimPrefix(u.Fix, "v") == fix {
			s.Fixes = append(s.Fixes, u.Fixes...)
		}
	}
	return s, version().MatchString(fix)
}
