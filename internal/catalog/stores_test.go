package catalog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/imagetest"
)

// TestGentooAndNix: neither's packages have advisories in OSV, but they are
// listed, and Gentoo's own what their lists of files name.
func TestGentooAndNix(t *testing.T) {
	const hash = "0c1p8wj6z2q3x4v5y6z7a8b9c0d1f2gh"
	file := imagetest.File
	got := summary(inTree(stack(t, []imagetest.Entry{
		file("etc/os-release", "ID=gentoo\n"),
		file("var/db/pkg/dev-python/six-1.16.0-r1/CONTENTS", "dir /usr/lib\nobj /usr/lib/python3.11/site-packages/six-1.16.0.dist-info/METADATA d41d8cd98f00b204e9800998ecf8427e 1700000000\nsym /usr/bin/a b -> c d 1700000000\n"),
		file("usr/lib/python3.11/site-packages/six-1.16.0.dist-info/METADATA", "Name: six\nVersion: 1.16.0\n\n"),
		file("var/db/pkg/virtual/broken/CONTENTS", ""),
		file("nix/store/"+hash+"-openssl-3.0.12/lib/x", ""), file("nix/store/"+hash[1:]+"0-openssl-3.0.12-bin/bin/x", ""),
		file("nix/store/"+hash+"-bash-interactive-5.2-p21/bin/bash", ""), file("nix/store/"+hash+"-source/x", ""),
		file("nix/store/"+hash+"-glibc-2.38.drv", ""), file("nix/store/short-foo-1.0/x", ""),
	})))
	want := `distro gentoo  etc/os-release
pkg:ebuild/dev-python/six@1.16.0-r1 layer=0 touched=0 var/db/pkg/dev-python/six-1.16.0-r1/CONTENTS@0 files=usr/lib/python3.11/site-packages/six-1.16.0.dist-info/METADATA,usr/bin/a b
pkg:nix/bash-interactive@5.2-p21 layer=0 touched=0 nix/store/` + hash + `-bash-interactive-5.2-p21@0
pkg:nix/openssl@3.0.12 layer=0 touched=0 nix/store/` + hash + `-openssl-3.0.12@0 nix/store/` + hash[1:] + `0-openssl-3.0.12-bin@0
pkg:pypi/six@1.16.0 layer=0 touched=0 usr/lib/python3.11/site-packages/six-1.16.0.dist-info/METADATA@0 owner=pkg:ebuild/dev-python/six@1.16.0-r1
warning packages var/db/pkg/virtual/broken/CONTENTS@0 incomplete=true: portage: a package of Gentoo without a version
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSplitPortage(t *testing.T) {
	for pf, want := range map[string][2]string{
		"skopeo-1.5.1": {"skopeo", "1.5.1"}, "openssl-3.0.12-r1": {"openssl", "3.0.12-r1"}, "gtk+-2.24.33-r3": {"gtk+", "2.24.33-r3"},
		"font-adobe-100dpi-1.0.4": {"font-adobe-100dpi", "1.0.4"}, "x": {"x", ""}, "-1": {"-1", ""}, "a-r1": {"a-r1", ""},
	} {
		if name, version := splitPortage(pf); name != want[0] || version != want[1] {
			t.Errorf("%s: %q %q", pf, name, version)
		}
	}
}

func FuzzStores(f *testing.F) {
	f.Add("skopeo-1.5.1-r1", []byte("obj /usr/bin/x d41d8cd98f00b204e9800998ecf8427e 1\nsym /a -> b 1\n"))
	f.Add("0c1p8wj6z2q3x4v5y6z7a8b9c0d1f2gh-openssl-3.0.12-bin", []byte("obj /\nobj / \n"))
	costs.Fuzz(f, func(t *testing.T, base string, data []byte) {
		if name, version := splitNix(base); len(name)+len(version) > len(base) {
			t.Errorf("%q: %q and %q are longer", base, name, version)
		}
		splitPortage(base)
		parsePortageContents(data)
	})
}

// TestOtherSystems reads what the samples of opkg, Bottlerocket and others say.
func TestOtherSystems(t *testing.T) {
	want := map[string]string{
		"opkg": "pkg:opkg/busybox@1.36.1-1 pkg:opkg/libc@1.2.4-4", "bottlerocket": "containerd 1.7.22-1.abc.br1 kernel-6.1 6.1.109-1.br1",
		"cos": "pkg:ebuild/app-arch/gzip@1.9-r1 pkg:ebuild/dev-libs/expat@2.1.0", "snap": "pkg:snap/core22@20240111", "flatpak": "pkg:flatpak/org.freedesktop.Platform@23.08",
	}
	all := samples(t)
	for name, line := range want {
		list, wrong := read(t, all[name].path, []byte(all[name].content))
		var got []string
		for _, p := range list {
			text := p.PURL
			if text == "" {
				text = p.Name + " " + p.Version
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != line || len(wrong) > 0 {
			t.Errorf("%s: %q %v, want %q", name, got, wrong, line)
		}
	}
}
