package catalog

import (
	"encoding/json"
	"path"
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/rpmdb"
	"github.com/careen/careen/internal/sbom"
)

// isOpkgStatus wants the database of opkg, of OpenWrt and Yocto's images.
func isOpkgStatus(h *rootfs.Header, _ []byte) bool {
	return h.Path == "usr/lib/opkg/status" || h.Path == "var/lib/opkg/status" || h.Path == "opt/lib/opkg/status"
}

// parseOpkgStatus reads paragraphs like dpkg's.
func parseOpkgStatus(data []byte) ([]sbom.Package, error) {
	var db dpkgDatabase
	err := db.read(data)
	namePackages(db.packages, db.needs, db.provides)
	for i := range db.packages {
		p := &db.packages[i]
		as := language("opkg", p.Name, p.Version)
		as.Arch, as.Source, as.DependsOn = p.Arch, p.Source, p.DependsOn
		*p = as
	}
	return db.packages, err
}

// isSnap wants the description of each snap that is mounted or unpacked:
// snap/NAME/REVISION/meta/snap.yaml.
func isSnap(h *rootfs.Header, _ []byte) bool {
	return strings.HasSuffix(h.Path, "/meta/snap.yaml") && strings.Contains("/"+h.Path, "/snap/")
}

// parseSnap reads snap.yaml
// (https://snapcraft.io/docs/the-snap-format).
func parseSnap(data []byte) ([]sbom.Package, error) {
	fields := map[string]string{}
	for y := range yamlLines(data) {
		if len(y.path) == 0 && y.key != "" && len(fields) < maxMembers {
			fields[y.key] = y.value
		}
	}
	if fields["name"] == "" || fields["version"] == "" {
		return nil, problems{{0, "snap.yaml without a name or a version"}}
	}
	p := language("snap", fields["name"], fields["version"])
	if l := fields["license"]; l != "" {
		p.Licenses = []string{l}
	}
	return []sbom.Package{p}, nil
}

// isFlatpak wants the metadata of deployed applications and runtimes:
// flatpak/app/ID/ARCH/BRANCH/COMMIT/metadata.
func isFlatpak(h *rootfs.Header, _ []byte) bool {
	return strings.HasSuffix(h.Path, "/metadata") && (strings.Contains(h.Path, "flatpak/app/") || strings.Contains(h.Path, "flatpak/runtime/"))
}

// readFlatpak takes name and branch from the path, which Flatpak keeps exact; an
// application's branch is mostly "stable", a runtime's its release
// (https://docs.flatpak.org/en/latest/using-flatpak.html#identifiers).
func readFlatpak(h *rootfs.Header, _ rootfs.Body) (found, error) {
	parts := strings.Split(h.Path, "/")
	n := len(parts)
	if n < 6 || parts[n-6] != "app" && parts[n-6] != "runtime" {
		return found{}, nil
	}
	p := language("flatpak", parts[n-5], parts[n-3])
	p.Arch = parts[n-4]
	return found{Packages: []sbom.Package{p}}, nil
}

// isBottlerocketInventory wants the list that Bottlerocket has in place of rpm's database.
func isBottlerocketInventory(h *rootfs.Header, _ []byte) bool {
	return strings.HasSuffix(h.Path, "usr/share/bottlerocket/application-inventory.json")
}

// parseBottlerocketInventory reads what the build of Bottlerocket wrote of its
// packages (https://github.com/bottlerocket-os/bottlerocket, application inventory).
func parseBottlerocketInventory(data []byte) ([]sbom.Package, error) {
	var doc struct {
		Content []struct{ Name, Publisher, Version, Release, Epoch, Architecture string }
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	var packages []sbom.Package
	for _, c := range doc.Content {
		if c.Name == "" || c.Version == "" {
			continue
		}
		if len(packages) == maxPackages {
			return packages, problems{errTooMany}
		}
		r := rpmdb.Package{Name: strings.TrimPrefix(c.Name, "bottlerocket-"), Version: c.Version, Release: c.Release, Arch: c.Architecture, Vendor: c.Publisher}
		packages = append(packages, rpmPackage(&r))
	}
	return packages, nil
}

// isCOSPackages wants the list of packages of Google's Container-Optimized OS.
func isCOSPackages(h *rootfs.Header, _ []byte) bool { return h.Path == "etc/cos-package-info.json" }

// parseCOSPackages reads what is installed, which Gentoo's names and revisions
// say; what only the build had is left out.
func parseCOSPackages(data []byte) ([]sbom.Package, error) {
	var doc struct {
		Installed []struct{ Category, Name, Version, Revision string } `json:"installedPackages"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	var packages []sbom.Package
	for _, c := range doc.Installed {
		if c.Name == "" || c.Version == "" {
			continue
		}
		if len(packages) == maxPackages {
			return packages, problems{errTooMany}
		}
		version := c.Version
		if c.Revision != "" && c.Revision != "0" {
			version += "-r" + c.Revision
		}
		packages = append(packages, language("ebuild", path.Join(c.Category, c.Name), version))
	}
	return packages, nil
}
