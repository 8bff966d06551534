package catalog

import (
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isApkDatabase wants apk's database; apk-tools 3 moved it below usr/.
func isApkDatabase(h *rootfs.Header, _ []byte) bool {
	return h.Path == "lib/apk/db/installed" || h.Path == "usr/lib/apk/db/installed"
}

// parseApkInstalled reads apk's database of installed packages: records of
// "letter:value" lines, ended by an empty line (apk-package(5), and
// apk_db_write_fdb in apk-tools' database.c).
func parseApkInstalled(data []byte) ([]sbom.Package, error) {
	var (
		packages []sbom.Package
		wrong    problems
		p        sbom.Package

		needs, provides [][]string // of packages
		names           nameCount
		need, provide   []string // of p
		dir             string
		start           int
		line            int
		files           int
	)
	end := func() {
		switch {
		case start == 0:
		case p.Name == "" || p.Version == "":
			wrong.add(start, "record of package %q without a name or a version", p.Name)
		case strings.HasPrefix(p.Name, "."):
			// A virtual package (apk add --virtual .build-deps): a name for a
			// list of others, with nothing in it.
		default:
			p.Type = "apk"
			p.Source.Version = p.Version
			if p.Source.Name == "" {
				p.Source.Name = p.Name
			}
			packages = append(packages, p)
			needs, provides = append(needs, need), append(provides, provide)
		}
		p, dir, start = sbom.Package{}, "", 0
		need, provide = nil, nil
	}
	rest := string(data)
	for rest != "" {
		text, more, complete := strings.Cut(rest, "\n")
		rest = more
		line++
		if !complete {
			wrong.add(line, "the file ends in the middle of a line")
		}
		if text == "" {
			end()
			if len(packages) == maxPackages || files > maxFiles {
				namePackages(packages, needs, provides)
				return packages, append(wrong, errTooMany).err()
			}
			continue
		}
		if start == 0 {
			start = line
		}
		if len(text) < 2 || text[1] != ':' {
			wrong.add(line, "not a field: %.60q", text)
			continue
		}
		value := text[2:]
		switch text[0] {
		case 'P':
			p.Name = value
		case 'V':
			p.Version = value
		case 'A':
			p.Arch = value
		case 'm':
			p.Vendor = value
		case 'o':
			p.Source.Name = value
		case 'L':
			if value != "" {
				p.Licenses = []string{value}
			}
		case 'D':
			need = names.take(apkNames(value))
		case 'p':
			provide = names.take(apkNames(value))
		case 'F':
			dir = strings.Trim(value, "/")
		case 'R':
			if files++; files > maxFiles {
				continue
			}
			if dir == "" {
				p.Files = append(p.Files, value)
			} else {
				p.Files = append(p.Files, dir+"/"+value)
			}
		}
	}
	end()
	namePackages(packages, needs, provides)
	return packages, wrong.err()
}

// apkNames takes the names out of a list of dependencies, "so:libc.so.6=6
// foo>=1.2 bar@edge !baz"; the last is a conflict.
func apkNames(list string) []string {
	var names []string
	for name := range strings.FieldsSeq(list) {
		if end := strings.IndexAny(name, "<>=~@"); end >= 0 {
			name = name[:end]
		}
		if !strings.HasPrefix(name, "!") && len(names) < maxNamesOfOne {
			names = append(names, name)
		}
	}
	return names
}
