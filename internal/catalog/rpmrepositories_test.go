package catalog

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rpmdb"
	"github.com/careen/careen/internal/sbom"
)

// TestRPMRepositories: where nobody signed an rpm, the repository that it came
// from says whose it is.
func TestRPMRepositories(t *testing.T) {
	const repoFile = "# comment\n[main]\nenabled=1\n[acme]\nname=Acme\nbaseurl = https://user:secret@rpm.acme.example/el9,\n  https://mirror.acme.example/el9\n" +
		"[tools]\nbaseurl=https://download.docker.com/linux/centos/$releasever/$basearch/stable\n[off]\nbaseurl=https://rpm.widgets.example/x\nenabled=0\n" +
		"[rocky]\nmirrorlist=https://mirrors.rockylinux.org/mirrorlist?arch=$basearch&repo=BaseOS-$releasever\n[local]\nbaseurl=file:///media\n" +
		"[more]\nmetalink=https://mirrors.fedoraproject.org/metalink?repo=epel-9&arch=x\n[nginx]\nbaseurl=http://nginx.org/packages/centos/9/x86_64/\n[mirrored-baseos]\nbaseurl=https://nexus.corp.example/rocky/9\n"
	repos := parseRepositories("etc/yum.repos.d/x.repo", repoFile)
	for _, r := range repos {
		if strings.Contains(r.address, "secret") || strings.Contains(r.address, "media") {
			t.Errorf("a repository at %q", r.address)
		}
	}
	const rocky = "Rocky Enterprise Software Foundation"
	for _, tt := range []struct {
		name, vendor, signer, before, from, want string
	}{
		{"agent", "", "", unnamedBuilder, "acme", "rpm.acme.example"},
		{"agent", rocky, "", "", "acme", ""}, // a mirror
		{"agent", "", "", unnamedBuilder, "rocky", ""},
		{"agent", "", "", unnamedBuilder, "baseos", ""},
		{"agent", "", "", unnamedBuilder, "nobody-knows", unnamedBuilder},
		{"agent", "", "", "", "nobody-knows", ""},
		{"agent", "", "", unnamedBuilder, "off", "rpm.widgets.example"},
		{"containerd.io", "", "", "", "tools", "Docker"},
		{"containerd.io", rocky, "", "", "tools", "Docker"},
		{"containerd.io", rocky, rocky + " - Release key 2022 <releng@rockylinux.org>", "", "tools", ""},
		{"jq", "", "", "", "epel", "EPEL"},
		{"jq", "", "", "", "more", "mirrors.fedoraproject.org"},
		{"x", "", "", "", "copr:copr.fedorainfracloud.org:jane:x", "COPR"},
		{"x", "", "", "", "pgdg16", "PostgreSQL (PGDG)"},
		{"x", "", "", unnamedBuilder, "@commandline", fromFile},
		{"x", "", "", unnamedBuilder, "/x-1-1.noarch", fromFile},
		{"x", rocky, "", "", "@commandline", ""},
		{"x", "Acme", "", "", "baseos", "Acme"},
		{"nginx-mod", "", "", unnamedBuilder, "", "nginx.org"}, // by its name alone
		{"nginx-mod", rocky, "", "", "", ""},
		{"nginxy", "", "", unnamedBuilder, "", unnamedBuilder},
		{"acme-agent", "", "", unnamedBuilder, "", "rpm.acme.example"},
		{"widgets-x", "", "", unnamedBuilder, "", unnamedBuilder}, // its repository is not enabled
	} {
		all := repos
		if tt.from != "" {
			all = append(all[:len(all):len(all)], repository{"from", tt.name + " 1-1", tt.from})
		}
		p := []sbom.Package{{Type: "rpm", Name: tt.name, Version: "2:1-1", Vendor: tt.vendor, Signer: tt.signer, Builder: tt.before}}
		if nameBuilders(sbom.Distro{ID: "rocky"}, p, all...); p[0].Builder != tt.want {
			t.Errorf("%s from %q, vendor %q: built by %q, want %q", tt.name, tt.from, tt.vendor, p[0].Builder, tt.want)
		}
	}
}

func TestRepositoryOwners(t *testing.T) {
	known := builders(knownBuilders())
	names := map[string]bool{}
	for _, b := range known {
		names[b.name] = true
	}
	for id, name := range maps.All(repositoryIDs) {
		if !names[name] || id != strings.ToLower(id) {
			t.Errorf("%s: %q is not in the table of builders", id, name)
		}
	}
	for _, tt := range []struct{ id, uri, want string }{
		{"baseos", "https://download.rockylinux.org/pub/rocky", ""},
		{"x", "https://download.opensuse.org/distribution/leap/15.6/repo/oss", ""},
		{"x", "https://download.opensuse.org/repositories/home:/jane/x", "download.opensuse.org"},
		{"x", "https://packages.microsoft.com/azurelinux/3.0/prod/base/x86_64", ""},
		{"x", "https://packages.microsoft.com/rhel/9/prod", "Microsoft"},
		{"x", "https://dl.fedoraproject.org/pub/epel/9", "EPEL"},
		{"x", "https://download.copr.fedorainfracloud.org/results/jane/x", "COPR"},
		{"x", "https://repo.mysql.com/yum/mysql-8.0", "MySQL"},
		{"x", "https://yum.oracle.com/repo/OracleLinux/OL9", ""},
		{"x", "https://amazonlinux-2-repos-us-east-1.s3.amazonaws.com/2", ""},
		{"ol9_baseos_latest", "", ""}, {"ubi-9-appstream-rpms", "", ""}, {"SLE_BCI", "", ""}, {"repo-oss", "", ""}, {"amzn2-core", "", ""},
		{"basex", "", unnamedBuilder}, {"mysqlx", "", unnamedBuilder}, {"", "", unnamedBuilder},
	} {
		if got := known.ownerOf(tt.id, addressOf(tt.uri)).builder; got != tt.want {
			t.Errorf("%s at %q: of %q, want %q", tt.id, tt.uri, got, tt.want)
		}
	}
}

func TestRPMOrigins(t *testing.T) {
	nevras := parseNevras("version = \"1.0\"\n[nevras]\n[nevras.\"vim-minimal-2:9.1.1-1.fc41.x86_64\"]\nfrom_repo = \"updates\"\n[nevras.\"a-b-1-2.noarch\"]\nfrom_repo = \"acme\"\n[nevras.broken]\nfrom_repo=\"x\"\n")
	want := []rpmdb.Origin{{Name: "a-b", Version: "1-2", Repository: "acme"}, {Name: "vim-minimal", Version: "9.1.1-1.fc41", Repository: "updates"}}
	if diff := cmp.Diff(want, nevras); diff != "" {
		t.Errorf("nevras.toml: %s", diff)
	}
	origins, repos := parseZyppHistory("# 2024-01-01 10:00:00 x|y|z|a\n2024-01-01 10:00:00|radd   |acme|https://rpm.acme.example/x|\n2024-01-01 10:00:01|install|agent|1:2-3|x86_64||acme|0123|\n" +
		"2024-01-01|remove |agent|2-3|x86_64|root@h|\nbroken|install|\n")
	if diff := cmp.Diff([]rpmdb.Origin{{Name: "agent", Version: "2-3", Repository: "acme"}}, origins); diff != "" {
		t.Errorf("zypp's history: %s", diff)
	}
	if len(repos) != 1 || repos[0].address != "https://rpm.acme.example/x" {
		t.Errorf("zypp's repositories: %v", repos)
	}
	for path, want := range map[string]string{
		"b/3c8d0b1d0a1e2f3c8d0b1d0a1e2f3c8d0b1d0a1e-bash-completion-4.2.46-34.el7-x86_64/from_repo": "bash-completion 4.2.46-34.el7",
		"b/3c-bash-4-3.el7.noarch/from_repo": "bash 4-3.el7",
		"b/from_repo":                        " ", "x/y-/from_repo": " ",
	} {
		if name, version := yumdbPackage(yumdbDir + path); name+" "+version != want {
			t.Errorf("%s: %s %s", path, name, version)
		}
	}
}

// TestRPMOriginsInImage: the files of a layer name who built what the database of
// another holds.
func TestRPMOriginsInImage(t *testing.T) {
	file := imagetest.File
	manifest := ""
	for _, name := range []string{"one", "two", "three", "four", "five"} {
		manifest += name + "\t1-1\t1\t1\t(none)\t(none)\t1\tx86_64\t0\t" + name + "-1-1.src.rpm\n"
	}
	r := inTree(stack(t, []imagetest.Entry{
		file("etc/os-release", "ID=fedora\nVERSION_ID=41\n"), file("var/lib/rpmmanifest/container-manifest-2", manifest),
		file("etc/yum.repos.d/acme.repo", "[acme]\nbaseurl=https://rpm.acme.example/x\n"),
	}, []imagetest.Entry{
		file("usr/lib/sysimage/libdnf5/nevras.toml", "[nevras.\"one-1-1.x86_64\"]\nfrom_repo=\"acme\"\n[nevras.\"five-1-1.x86_64\"]\nfrom_repo=\"fedora\"\n"),
		file("var/lib/yum/yumdb/t/0123-two-1-1-x86_64/from_repo", "docker-ce-stable"),
		file("var/log/zypp/history", "2024|radd|w|https://rpm.widgets.example/|\n2024|install|three|1-1|x86_64||w|01|\n"),
		file("var/lib/dnf/history.sqlite", "SQLite format 3\x00 broken"),
	}))
	got := map[string]string{}
	for _, p := range r.Packages {
		got[p.Name] = p.Builder
	}
	if diff := cmp.Diff(map[string]string{"one": "rpm.acme.example", "two": "Docker", "three": "rpm.widgets.example", "four": "", "five": ""}, got); diff != "" || len(r.Warnings) != 0 {
		t.Errorf("(-want +got):\n%s%v", diff, r.Warnings)
	}
}

// BenchmarkServed doubles the repositories and the packages: the time doubles.
func BenchmarkServed(b *testing.B) {
	for _, n := range []int{500, 1000} {
		var repos []repository
		packages := make([]sbom.Package, 20*n)
		for i := range n {
			repos = append(repos, repository{"rpm", "rpm.acme" + strings.Repeat("x", i%50) + string(rune('a'+i%26)) + ".example", "r"})
		}
		for i := range packages {
			packages[i] = sbom.Package{Type: "rpm", Name: "some-name-of-a-package", Version: "1-1"}
		}
		b.Run(fmt.Sprint("repositories=", n), func(b *testing.B) {
			for b.Loop() {
				nameBuilders(sbom.Distro{ID: "rocky"}, packages, repos...)
			}
		})
	}
}

func FuzzRPMOrigins(f *testing.F) {
	f.Add("[a]\nbaseurl=https://x/y\n z\nenabled=0\n")
	f.Add("[nevras.\"a-1:2-3.x\"]\nfrom_repo=\"x\"\n")
	f.Add("2024|install|a|1:2-3|x||acme|\n2024|radd|a|https://x|\n")
	f.Add("b/0-a-1-2-noarch/from_repo")
	costs.Fuzz(f, func(_ *testing.T, text string) {
		repos := parseRepositories("etc/zypp/repos.d/x.repo", text)
		for _, o := range parseNevras(text) {
			repos = append(repos, repository{"from", o.Name + " " + o.Version, o.Repository})
		}
		origins, more := parseZyppHistory(text)
		for _, o := range origins {
			repos = append(repos, repository{"from", o.Name + " " + o.Version, o.Repository})
		}
		yumdbPackage(text)
		nameBuilders(sbom.Distro{ID: "rocky"}, []sbom.Package{{Type: "rpm", Name: text, Version: text}}, append(repos, more...)...)
	})
}
