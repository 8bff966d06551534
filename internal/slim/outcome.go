package slim

import (
	"io/fs"
	"path"
	"strings"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/sbom"
)

// Installed returns the packages that stay, with the files of the new image that
// say so.
func (p *Plan) Installed(src Source) []sbom.Package {
	added := map[string]bool{}
	for _, f := range p.added {
		added[f.path] = true
	}
	var stay []sbom.Package
	for i, f := range p.Packages {
		if !f.Stays {
			continue
		}
		pkg := src.Packages[i]
		pkg.Locations = nil
		for _, l := range src.Packages[i].Locations {
			if at := dpkgDir + "status.d/" + pkg.Name; l.Path == dpkgStatus && !added[dpkgStatus] {
				l.Path = at
			}
			pkg.Locations = append(pkg.Locations, l)
		}
		stay = append(stay, pkg)
	}
	return stay
}

// Commands returns what has to be followed like an entrypoint for what is asked
// to stay to work: the programs among it. It is for reach.Options.
func Commands(src Source, opt Options) [][]string {
	var commands [][]string
	if opt.KeepShell {
		commands = append(commands, []string{"/bin/sh"})
	}
	asked := map[string]bool{}
	for i := range src.Packages {
		for _, name := range opt.KeepPackages {
			if p := &src.Packages[i]; p.Name == name || p.PURL == name {
				for _, f := range p.Files {
					asked[strings.Trim(path.Clean(f), "/")] = true
				}
			}
		}
	}
	if opt.Level == Packages || opt.Level == "" {
		commands = append(commands, started(src)...)
	}
	keep := throughLinks(src, opt.Keep)
	for _, file := range opt.Observed {
		asked[file] = true // only programs count below
	}
	for e := range src.Tree.All() {
		wanted := asked[e.Path]
		for _, pattern := range keep {
			wanted = wanted || matches(pattern, e.Path)
		}
		if wanted && e.Mode.IsRegular() && e.Mode&0o111 != 0 && e.Mode&fs.ModeSymlink == 0 {
			commands = append(commands, []string{"/" + e.Path})
		}
	}
	return commands
}

// maxStarted bounds the programs that started returns.
const maxStarted = 2000

// started lists the programs and scripts that stay because no package owns them, and
// that something may start which only sees their folder: services, hooks, jobs, CGI.
// Those in a folder of commands (bin) have to be named to be run.
func started(src Source) [][]string {
	owned := map[string]bool{}
	for i := range src.Packages {
		for _, file := range src.Packages[i].Files {
			owned[file] = true
			if at, err := src.Tree.Resolve(path.Dir(file)); err == nil {
				owned[path.Join(at, path.Base(file))] = true
			}
		}
	}
	var commands [][]string
	for e := range src.Tree.All() {
		dir := path.Base(path.Dir(e.Path))
		switch {
		case !e.Mode.IsRegular() || e.Mode&0o111 == 0 || e.Size == 0 || owned[e.Path] || unitOf(e.Path) != "" || isDatabase(e.Path):
		case dir == "bin" || dir == "sbin" || strings.HasPrefix(e.Path, "usr/") && dir != "cgi-bin":
		case strings.HasPrefix(e.Path, "lib/") || strings.HasPrefix(e.Path, "lib64/") || strings.Contains(dir, ".git"):
		case len(commands) < maxStarted:
			commands = append(commands, []string{"/" + e.Path})
		}
	}
	return commands
}

// Summary counts the kept regular files by the reason why.
func (p *Plan) Summary() map[Why]Count {
	sums := map[Why]Count{}
	for _, k := range p.Kept {
		if k.Entry.Mode.IsRegular() {
			c := sums[k.Why]
			c.add(k.Entry)
			sums[k.Why] = c
		}
	}
	return sums
}

// Explain says in one line why something stays.
func (k Kept) Explain(r *reach.Result) string {
	if k.Entry == nil {
		return ""
	}
	switch k.Why {
	case Seen:
		return "the original was seen to open it"
	case Reached, Unknown:
		return r.File(k.Entry.Path).String()
	case Package:
		return "package " + k.Note + " is needed"
	}
	if k.Note != "" {
		return string(k.Why) + ": " + k.Note
	}
	return string(k.Why)
}
