package feed

import (
	"slices"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/vulndb"
)

// moduleLabel is a module's name and stream as the titles of errata write
// them: "nodejs:16", "idm:DL1", "perl-FCGI:0.78"
// (https://docs.fedoraproject.org/en-US/modularity/architecture/nsvca/).
var moduleLabel = lazy.Regexp(`^([A-Za-z0-9][A-Za-z0-9._+-]*):([A-Za-z0-9][A-Za-z0-9._+-]*)$`)

// erratumLabel is what looks like a label and is an erratum's id:
// "ALSA-2022:5468: php:8.0 security update (Important)".
var erratumLabel = lazy.Regexp(`^[A-Z]{2,5}-[0-9]{4}$`)

// defaultStreams are those of RHEL 8 for the modules that some errata name
// without one ("Moderate: ruby security update", ALSA-2024:4499): the stream
// that a package comes from when nobody chose another
// (https://access.redhat.com/support/policy/updates/rhel-app-streams-life-cycle).
// RHEL 9 and later have no default streams.
var defaultStreams = map[string]string{
	"389-ds": "1.4", "container-tools": "rhel8", "go-toolset": "rhel8", "llvm-toolset": "rhel8", "mailman": "2.1",
	"pki-core": "10.6", "ruby": "2.5", "rust-toolset": "rhel8", "satellite-5-client": "1.0", "varnish": "6",
}

// nameModules says of each statement about a build of a module (its release
// has ".module_el8…" or ".module+el8…" in it) which module and stream that is.
// OSV has no field for it, but the title of an erratum names them: "Moderate:
// virt:rhel and virt-devel:rhel security update" speaks of two, and does not
// say which package is of which. A statement whose title names no stream that
// is known stays without one.
func nameModules(rec *vulndb.Record, title string) {
	label := ""
	for i := range rec.Affected {
		a := &rec.Affected[i]
		if !slices.ContainsFunc(a.Ranges, func(r vulndb.Range) bool { return isModuleBuild(r.Fixed) }) {
			continue
		}
		if label == "" {
			if label = moduleLabels(title); label == "" {
				return
			}
		}
		a.Module = label
	}
}

func isModuleBuild(version string) bool {
	return strings.Contains(version, ".module_el") || strings.Contains(version, ".module+el")
}

// moduleLabels returns the labels in a title, separated by spaces.
func moduleLabels(title string) string {
	var labels []string
	words := strings.Fields(title)
	for _, word := range words {
		label, _, _ := strings.Cut(word, "/") // "httpd:2.4/mod_http2 security update"
		parts := moduleLabel().FindStringSubmatch(strings.Trim(label, ",;()"))
		if parts != nil && !erratumLabel().MatchString(parts[1]) && !slices.Contains(labels, parts[0]) {
			labels = append(labels, parts[0])
		}
	}
	if len(labels) == 0 {
		for _, word := range words {
			if stream := defaultStreams[word]; stream != "" {
				return word + ":" + stream
			}
		}
	}
	return strings.Join(labels, " ")
}
