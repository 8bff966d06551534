package catalog

import (
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

const pacmanDir = "var/lib/pacman/local/" // a folder per package, with desc and files

func isPacmanDesc(h *rootfs.Header, _ []byte) bool {
	return strings.HasPrefix(h.Path, pacmanDir) && strings.HasSuffix(h.Path, "/desc")
}

func isPacmanFiles(h *rootfs.Header, _ []byte) bool {
	return strings.HasPrefix(h.Path, pacmanDir) && strings.HasSuffix(h.Path, "/files")
}

// parsePacmanDesc reads a package's description: "%FIELD%" lines, each followed
// by its values and an empty line (lib/libalpm/be_local.c in pacman).
func parsePacmanDesc(data []byte) ([]sbom.Package, error) {
	p := sbom.Package{Type: "alpm"}
	for field, values := range pacmanFields(data) {
		if len(values) == 0 {
			continue
		}
		switch field {
		case "NAME":
			p.Name = values[0]
		case "VERSION":
			p.Version = values[0]
		case "BASE":
			p.Source.Name = values[0]
		case "ARCH":
			p.Arch = values[0]
		case "LICENSE":
			p.Licenses = values
		case "DEPENDS":
			for _, need := range values { // "glibc>=2.38", "libfoo.so=1-64"
				if end := strings.IndexAny(need, "<>="); end >= 0 {
					need = need[:end]
				}
				p.DependsOn = append(p.DependsOn, need)
			}
		}
	}
	if p.Name == "" || p.Version == "" {
		return nil, problems{{0, "description without a name or a version"}}
	}
	if p.Source.Name == "" {
		p.Source.Name = p.Name
	}
	p.Source.Version = p.Version
	return []sbom.Package{p}, nil
}

// parsePacmanFiles reads the files that a package owns; folders end in "/".
func parsePacmanFiles(data []byte) []string {
	var files []string
	for field, values := range pacmanFields(data) {
		if field != "FILES" {
			continue
		}
		for _, v := range values {
			if v = strings.TrimLeft(v, "/"); v != "" && !strings.HasSuffix(v, "/") {
				files = append(files, v)
			}
		}
	}
	return files
}

func pacmanFields(data []byte) func(yield func(string, []string) bool) {
	return func(yield func(string, []string) bool) {
		field := ""
		var values []string
		for text := range strings.Lines(string(data)) {
			text = strings.TrimRight(text, "\r\n")
			switch {
			case text == "":
			case len(text) > 2 && text[0] == '%' && text[len(text)-1] == '%':
				if field != "" && !yield(field, values) {
					return
				}
				field, values = text[1:len(text)-1], nil
			default:
				values = append(values, text)
			}
		}
		if field != "" {
			yield(field, values)
		}
	}
}
