package python

import (
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
)

// pythonDist is the metadata of an installed distribution
// (https://packaging.python.org/specifications/recording-installed-packages/).
type pythonDist struct {
	dir     string            // .dist-info, .egg-info, or a file of that name
	tops    reach.Set[string] // modules at the top that it brought
	entries []pythonEntry
}

// pythonEntry is one entry point.
type pythonEntry struct {
	group, name, module string
}

// Bounds of the metadata that is read.
const (
	maxDists  = 5000
	maxRecord = 8 << 20
)

// distsIn returns the distributions installed in a directory of sys.path.
func (r *reader) distsIn(site string) []pythonDist {
	if dists, known := r.dists[site]; known {
		return dists
	}
	var dists []pythonDist
	for e := range r.w.List(site) {
		base := path.Base(e.Path)
		ext := path.Ext(base)
		if ext != ".dist-info" && ext != ".egg-info" || len(dists) >= maxDists {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimSuffix(base, ext), "-")
		d := pythonDist{dir: e.Path}
		add := func(top string) {
			top, _, _ = strings.Cut(top, "/")
			top, _, _ = strings.Cut(top, ".")
			if top != "" {
				d.tops.Add(top)
			}
		}
		// Where nothing lists the modules, they are named like the distribution.
		add(strings.ReplaceAll(name, "-", "_"))
		add(strings.ToLower(strings.ReplaceAll(name, "-", "_")))
		for _, list := range []string{"RECORD", "top_level.txt", "installed-files.txt", "SOURCES.txt"} {
			text, err := r.w.Read(e.Path+"/"+list, maxRecord)
			if err != nil {
				continue
			}
			for line := range strings.Lines(string(text)) {
				line, _, _ = strings.Cut(strings.TrimSpace(line), ",")
				line = strings.TrimPrefix(line, "../")
				if !strings.HasPrefix(line, ".") {
					add(line)
				}
			}
		}
		if text, err := r.w.Read(e.Path+"/entry_points.txt", reach.MaxText); err == nil {
			d.entries = readEntryPoints(string(text))
		}
		dists = append(dists, d)
	}
	r.dists[site] = dists
	return dists
}

// readEntryPoints reads an entry_points.txt
// (https://packaging.python.org/specifications/entry-points/).
func readEntryPoints(text string) []pythonEntry {
	var entries []pythonEntry
	group := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "["); ok {
			group, _, _ = strings.Cut(rest, "]")
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") || group == "" {
			continue
		}
		module, _, _ := strings.Cut(value, ":")
		module, _, _ = strings.Cut(module, "[")
		entries = append(entries, pythonEntry{strings.TrimSpace(group), strings.TrimSpace(name), strings.TrimSpace(module)})
	}
	return entries
}

// isBuildGroup reports whether a group of entry points is one that only
// setuptools asks for, when it builds.
func isBuildGroup(group string) bool {
	return strings.HasPrefix(group, "distutils.") || strings.HasPrefix(group, "setuptools.") || group == "egg_info.writers"
}

// entryPoints follows a source that asks for entry points: those of the groups
// that its strings name, and of console scripts only those whose name it has.
// Where it names no group that exists, it may ask for any.
func (r *reader) entryPoints(file string, names []string) {
	named := false
	var rest []pythonEntry
	for _, dir := range r.searchPath() {
		for _, d := range r.distsIn(dir) {
			for _, e := range d.entries {
				script := e.group == "console_scripts" || e.group == "gui_scripts"
				switch {
				case !slices.Contains(names, e.group):
					if !script && !isBuildGroup(e.group) {
						rest = append(rest, e)
					}
				case !script || slices.Contains(names, e.name):
					named = true
					r.importModule(file, e.module, "entry point "+e.group+" "+e.name, true)
					for _, meta := range []string{"entry_points.txt", "METADATA", "PKG-INFO"} {
						r.w.Need(file, d.dir+"/"+meta, "entry point "+e.group+" "+e.name)
					}
				}
			}
		}
	}
	if named {
		return
	}
	for _, e := range rest {
		found, _ := r.findModule(r.searchPath(), e.module)
		r.w.Keep(file, "entry point "+e.group+" "+e.name, found.files...)
	}
}
