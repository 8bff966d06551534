// Command packages holds what Careen lists of a root file system against what
// other scanners list, those that stand in $PATH: Syft, OSV-Scalibr, Trivy. It
// prints the packages that only one of two has, with their files, but for those
// that docs/packages.md says are told apart on purpose.
//
//	go install github.com/anchore/syft/cmd/syft@latest
//	go install github.com/google/osv-scalibr/binary/scalibr@latest
//	go run ./test/oracle/packages DIR
package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// peers are the scanners and how each writes CycloneDX JSON of a folder.
var peers = []struct {
	name string
	args func(dir, out string) []string
}{
	{"syft", func(dir, out string) []string {
		return []string{"scan", "-q", "dir:" + dir, "--override-default-catalogers", "image", "-o", "cyclonedx-json=" + out}
	}},
	{"scalibr", func(dir, out string) []string { return []string{"--root", dir, "--offline", "-o", "cdx-json=" + out} }},
	{"trivy", func(dir, out string) []string {
		return []string{"rootfs", "-q", "--offline-scan", "--skip-db-update", "--skip-java-db-update", "-f", "cyclonedx", "-o", out, dir}
	}},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: packages DIR")
		os.Exit(1)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	scratch, err := os.MkdirTemp("", "oracle")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	list := func(name string, args ...string) (map[string][]string, error) {
		cmd := exec.Command(name, args...)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			// Scalibr exits with an error where one of its many plugins has one.
			fmt.Printf("%s: %v\n", name, err)
		}
		data, err := os.ReadFile(filepath.Join(scratch, "sbom.json"))
		if err != nil {
			return nil, err
		}
		return parse(data)
	}
	out := filepath.Join(scratch, "sbom.json")
	ours, err := list("go", "run", "./cmd/careen", "sbom", "-q", "dir:"+dir, "-f", "cyclonedx", "-o", out)
	if err != nil {
		return err
	}
	compared := 0
	for _, peer := range peers {
		os.Remove(out)
		if _, err := exec.LookPath(peer.name); err != nil {
			fmt.Printf("%s is not in $PATH\n", peer.name)
			continue
		}
		theirs, err := list(peer.name, peer.args(dir, out)...)
		if err != nil {
			return fmt.Errorf("%s: %w", peer.name, err)
		}
		compared++
		print(fmt.Sprintf("only careen, not %s", peer.name), ours, theirs)
		print(fmt.Sprintf("only %s, not careen", peer.name), theirs, ours)
	}
	if compared == 0 {
		return fmt.Errorf("no other scanner to compare with")
	}
	return nil
}

// print lists what is in a and not in b.
func print(title string, a, b map[string][]string) {
	n, explained := 0, 0
	fmt.Printf("\n%s:\n", title)
	for _, key := range slices.Sorted(maps.Keys(a)) {
		switch _, both := b[key]; {
		case both:
		case onPurpose(key, a[key]):
			explained++
		default:
			n++
			fmt.Printf("  %s  %s\n", key, strings.Join(a[key][:min(2, len(a[key]))], " "))
		}
	}
	fmt.Printf("  %d of %d, and %d that are told apart on purpose\n", n, len(a), explained)
}

// parse returns the packages of a CycloneDX document by what identifies them,
// each with the files that it was read from.
func parse(data []byte) (map[string][]string, error) {
	type component struct {
		Purl       string
		Properties []struct{ Name, Value string }
		Evidence   struct{ Occurrences []struct{ Location string } }
		Components []json.RawMessage
	}
	all := map[string][]string{}
	var walk func(list []json.RawMessage) error
	walk = func(list []json.RawMessage) error {
		for _, raw := range list {
			var c component
			if err := json.Unmarshal(raw, &c); err != nil {
				return err
			}
			if key := identity(c.Purl); key != "" {
				files := all[key]
				for _, p := range c.Properties {
					if strings.Contains(p.Name, "ocation") || strings.Contains(p.Name, "FilePath") {
						files = append(files, strings.TrimPrefix(p.Value, "/"))
					}
				}
				for _, o := range c.Evidence.Occurrences {
					files = append(files, strings.TrimPrefix(o.Location, "/"))
				}
				all[key] = files
			}
			if err := walk(c.Components); err != nil {
				return err
			}
		}
		return nil
	}
	var top component
	if err := json.Unmarshal(data, &top); err != nil {
		return nil, err
	}
	return all, walk(top.Components)
}

// identity is a package URL without what scanners write differently: qualifiers,
// case, the v of Go's versions, dashes in Python's names, Maven's groups, whose
// kind of program it is.
func identity(purl string) string {
	purl, _, _ = strings.Cut(purl, "?")
	purl, _, _ = strings.Cut(purl, "#")
	if decoded, err := url.PathUnescape(purl); err == nil {
		purl = decoded
	}
	purl = strings.ToLower(strings.TrimPrefix(purl, "pkg:"))
	kind, rest, ok := strings.Cut(purl, "/")
	if !ok {
		return ""
	}
	switch kind {
	case "golang":
		rest = strings.Replace(rest, "@v", "@", 1)
	case "pypi":
		rest = strings.ReplaceAll(rest, "_", "-")
	case "maven":
		rest = rest[strings.LastIndexByte(rest, '/')+1:]
	case "bitnami", "generic":
		kind = "program"
	}
	return kind + "/" + rest
}

// onPurpose reports whether docs/packages.md, "Listed otherwise than by others",
// names the kind of a difference.
func onPurpose(key string, files []string) bool {
	if !strings.Contains(strings.TrimPrefix(key, "npm/@"), "@") {
		return true // without a version
	}
	return len(files) > 0 && !slices.ContainsFunc(files, func(f string) bool {
		switch name := filepath.Base(f); {
		case name == "package.json":
			parts := strings.Split(filepath.Dir(f), "node_modules/")
			folder := strings.ToLower(parts[len(parts)-1])
			own := strings.Count(folder, "/") == strings.Count(folder, "@") // NAME or @SCOPE/NAME
			return len(parts) > 1 && own && strings.HasPrefix(key, "npm/"+folder+"@")
		case strings.HasPrefix(f, "usr/share/doc/"), strings.Contains(f, "/test/"), strings.Contains(f, "/tests/"), strings.Contains(f, "/examples/"):
			return false
		case strings.HasSuffix(name, ".lock"), strings.HasSuffix(name, "-lock.json"), strings.HasSuffix(name, "-lock.yaml"),
			name == "pom.xml", strings.HasSuffix(name, ".pom"), name == "go.mod", name == "go.sum", name == "requirements.txt":
			return false
		}
		return true
	})
}
