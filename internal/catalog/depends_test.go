package catalog

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
)

// edges writes what each package depends on, by name and version.
func edges(r Result) []string {
	short := map[string]string{}
	for _, p := range r.Packages {
		short[p.PURL] = p.Name + "@" + p.Version
		if p.Arch != "" && p.Arch != "all" {
			short[p.PURL] += ":" + p.Arch
		}
	}
	var lines []string
	for _, p := range r.Packages {
		if len(p.DependsOn) == 0 {
			continue
		}
		line := short[p.PURL] + ":"
		for _, purl := range p.DependsOn {
			line += " " + short[purl]
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func TestDependencies(t *testing.T) {
	file, link := imagetest.File, imagetest.Symlink
	n1, p1 := pom("g", "app", "1")
	n2, p2 := pom("g", "lib", "2")
	n3, p3 := pom("g", "shaded", "3")
	tests := []struct {
		name  string
		files []imagetest.Entry
		want  []string
	}{
		{"dpkg: alternatives, virtual packages, architectures, versions, fields", []imagetest.Entry{file(dpkgStatusPath, `Package: a
Status: install ok installed
Version: 1
Architecture: amd64
Pre-Depends: libc (>= 2.36)
Depends: gone | virtual | b, script:any, c (<< 9) | b, not-here, a
Recommends: r

Package: b
Status: install ok installed
Version: 2
Architecture: amd64
Provides: virtual (= 2), other

Package: c
Status: install ok installed
Version: 3
Architecture: all
Provides: virtual

Package: libc
Status: install ok installed
Version: 4
Architecture: amd64

Package: libc
Status: install ok installed
Version: 4
Architecture: i386

Package: script
Status: install ok installed
Version: 5
Architecture: amd64
Provides: not-here-either

Package: gone
Status: deinstall ok config-files
Version: 6
Architecture: amd64

Package: r
Status: install ok installed
Version: 7
Architecture: all
Depends: libc
`)}, []string{"a@1:amd64: b@2:amd64 c@3 libc@4:amd64 script@5:amd64", "r@7: libc@4:amd64 libc@4:i386"}},
		{"dpkg: a file for each package", []imagetest.Entry{
			file(dpkgStatusDir+"a", "Package: a\nVersion: 1\nArchitecture: amd64\nDepends: b (>= 1), gone | c\n"),
			file(dpkgStatusDir+"b", "Package: b\nVersion: 2\nArchitecture: amd64\n"), file(dpkgStatusDir+"c", "Package: c\nVersion: 3\nArchitecture: amd64\n")},
			[]string{"a@1:amd64: b@2:amd64 c@3:amd64"}},
		{"apk: libraries, commands, files, conflicts", []imagetest.Entry{file("lib/apk/db/installed",
			"P:a\nV:1\nA:x86_64\nD:so:libx.so.1 /bin/sh !conflict b>=2 cmd:tool pinned@edge\n\nP:x\nV:2\nA:x86_64\np:so:libx.so.1=1.2 cmd:tool=2\n\nP:sh\nV:3\nA:x86_64\np:/bin/sh\n\nP:b\nV:4\nA:x86_64\nD:a\n\nP:conflict\nV:5\nA:x86_64\n\nP:pinned\nV:6\nA:x86_64\n\n")},
			[]string{"a@1:x86_64: b@4:x86_64 pinned@6:x86_64 sh@3:x86_64 x@2:x86_64", "b@4:x86_64: a@1:x86_64"}},
		{"pacman", []imagetest.Entry{file(pacmanDir+"a-1/desc", "%NAME%\na\n\n%VERSION%\n1\n\n%DEPENDS%\nb>=2\nsh\n\n"), file(pacmanDir+"b-2/desc", "%NAME%\nb\n\n%VERSION%\n2\n\n")},
			[]string{"a@1: b@2"}},
		{"node: the nearest folder, kinds of dependencies", []imagetest.Entry{
			file("app/node_modules/a/package.json", `{"name":"a","version":"1","dependencies":{"b":"^1","@s/c":"*","gone":"*"},"devDependencies":{"d":"*"},"optionalDependencies":{"o":"*"},"peerDependencies":{"p":"*"}}`),
			file("app/node_modules/a/node_modules/b/package.json", `{"name":"b","version":"1","dependencies":{"d":"*"}}`),
			file("app/node_modules/b/package.json", `{"name":"b","version":"2","dependencies":"none","peerDependencies":{"a":"*"}}`),
			file("app/node_modules/@s/c/package.json", `{"name":"@s/c","version":"3","dependencies":{"b":"^2"}}`),
			file("app/node_modules/d/package.json", `{"name":"d","version":"4"}`), file("app/node_modules/o/package.json", `{"name":"o","version":"5"}`),
			file("app/node_modules/p/package.json", `{"name":"p","version":"6"}`), file("elsewhere/node_modules/gone/package.json", `{"name":"gone","version":"7"}`)},
			[]string{"@s/c@3: b@2", "a@1: @s/c@3 b@1 o@5 p@6", "b@1: d@4", "b@2: a@1"}},
		{"node: pnpm's links, and Debian's folder", []imagetest.Entry{
			file("app/node_modules/.pnpm/a@1/node_modules/a/package.json", `{"name":"a","version":"1","dependencies":{"b":"^1","global":"*"}}`),
			link("app/node_modules/.pnpm/a@1/node_modules/b", "../../b@2/node_modules/b"),
			file("app/node_modules/.pnpm/b@2/node_modules/b/package.json", `{"name":"b","version":"2"}`),
			link("app/node_modules/a", ".pnpm/a@1/node_modules/a"),
			file("usr/share/nodejs/global/package.json", `{"name":"global","version":"3"}`)},
			[]string{"a@1: b@2 global@3"}},
		{"python: its own folder first, extras left out", []imagetest.Entry{
			file("venv/site-packages/a-1.dist-info/METADATA", "Name: A\nVersion: 1\nRequires-Dist: Foo_Bar[x] (>=1)\nRequires-Dist: other; python_version >= \"3\"\nRequires-Dist: extra ; extra == 'x'\nRequires-Dist: gone\n\nRequires-Dist: extra\n"),
			file("venv/site-packages/foo_bar-2.dist-info/METADATA", "Name: foo.bar\nVersion: 2\n"), file("usr/site-packages/foo_bar-1.dist-info/METADATA", "Name: foo.bar\nVersion: 1\n"),
			file("usr/site-packages/other.egg-info/PKG-INFO", "Name: other\nVersion: 3\n"), file("venv/site-packages/extra-4.egg-info", "Name: extra\nVersion: 4\n")},
			[]string{"A@1: foo.bar@2 other@3"}},
		{"conda", []imagetest.Entry{file("opt/conda-meta/a-1-0.json", `{"name":"a","version":"1","depends":["b >=1,<2","__glibc"]}`), file("opt/conda-meta/b-1-0.json", `{"name":"b","version":"1"}`), file("envs/x/conda-meta/b-3-0.json", `{"name":"b","version":"3"}`)},
			[]string{"a@1: b@1"}},
		{"ruby: default gems are next to the others", []imagetest.Entry{
			file("g/specifications/a-1.gemspec", "# stub: a 1 ruby lib\nGem::Specification.new do |s|\n  s.add_runtime_dependency(%q<b>.freeze, [\">= 0\"])\n  s.add_dependency 'c', '~> 1'\n  s.add_development_dependency(%q<d>.freeze, [\">= 0\"])\nend\n"),
			file("g/specifications/b-2.gemspec", "# stub: b 2 ruby lib\n"), file("g/specifications/default/c-3.gemspec", "# stub: c 3 ruby lib\n"), file("g/specifications/d-4.gemspec", "# stub: d 4 ruby lib\n")},
			[]string{"a@1: b@2 c@3"}},
		{"java: an archive on those in it, and on what was shaded into it", []imagetest.Entry{
			file("srv/app-1.jar", zipped(t, true, n1, p1, "BOOT-INF/lib/lib-2.jar", zipped(t, false, n2, p2, n3, p3))),
			file("srv/unknown.war", zipped(t, true, "WEB-INF/lib/lib-2.jar", zipped(t, false, n2, p2)))},
			[]string{"g:app@1: g:lib@2", "g:lib@2: g:shaded@3"}},
		{"composer", []imagetest.Entry{file("v/composer/installed.json", `{"packages":[{"name":"A/a","version":"1","require":{"php":">=8","b/B":"*"}},{"name":"b/b","version":"2","require":[]}]}`)}, []string{"A/a@1: b/b@2"}},
		{"dotnet", []imagetest.Entry{file("app.deps.json", `{"targets":{"net8":{"A/1.0.0":{"dependencies":{"B":"2.0.0","App":"1"},"runtime":{"A.dll":{}}}}},"libraries":{"A/1.0.0":{"type":"package"},"B/2.0.0":{"type":"package"}}}`)}, []string{"A@1.0.0: B@2.0.0"}},
		{"cargo-auditable", []imagetest.Entry{imagetest.Exec("bin/x", audited(`{"packages":[{"name":"a","version":"1.0.0","dependencies":[1,2,9]},{"name":"b","version":"2.0.0"},{"name":"c","version":"3.0.0","kind":"build"}]}`))}, []string{"a@1.0.0: b@2.0.0"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := inTree(stack(t, test.files))
			if diff := cmp.Diff(test.want, edges(r)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, summary(r))
			}
			for _, w := range r.Warnings {
				if w.Kind != "distro" {
					t.Errorf("warning %+v", w)
				}
			}
		})
	}
}

// debianDependencies asks Debian's own library which installed packages meet
// each dependency, in the order in which the field names them. Versions are
// left out: the fixtures' packages are rebuilds under other numbers.
const debianDependencies = `
use strict; use warnings; use Dpkg::Deps; use Dpkg::Arch qw(get_host_arch);
$/ = ""; my (@all, %real, %offer); my $facts = Dpkg::Deps::KnownFacts->new();
while (my $p = <STDIN>) {
	next unless $p =~ /^Status: .* installed$/m;
	$p =~ s/\n[ \t]+/ /g; my %f = $p =~ /^([\w-]+):[ \t]*(.*)$/mg; push @all, \%f;
	$real{$f{Package}} = 1;
	$facts->add_installed_package($f{Package}, $f{Version}, $f{Architecture}, $f{"Multi-Arch"} // "no");
	next unless $f{Provides};
	for my $v (deps_parse($f{Provides}, virtual => 1, union => 1)->get_deps()) {
		$facts->add_provided_package($v->{package}, $v->{relation}, $v->{version}, $f{Package});
		push @{$offer{$v->{package}}}, $f{Package};
	}
}
for my $f (@all) {
	my %on;
	for my $field ("Pre-Depends", "Depends") {
		next unless $f->{$field};
		my $and = deps_parse($f->{$field}, host_arch => "amd64", build_arch => "amd64", reduce_arch => 0) or next;
		for my $need ($and->get_deps()) {
			for my $one ($need->isa("Dpkg::Deps::OR") ? $need->get_deps() : $need) {
				delete @$one{qw(relation version)};
				next unless ($one->get_evaluation($facts) // 0) == 1;
				$on{$_} = 1 for $real{$one->{package}} ? $one->{package} : @{$offer{$one->{package}}};
				last;
			}
		}
	}
	delete $on{$f->{Package}};
	print "$f->{Package}: @{[sort keys %on]}\n" if %on;
}`

// TestDependenciesAgainstDpkg compares the edges of Debian images with Debian's
// own reader of dependencies.
func TestDependenciesAgainstDpkg(t *testing.T) {
	if err := exec.Command("perl", "-MDpkg::Deps", "-e", "1").Run(); err != nil {
		t.Skip("perl has no Dpkg::Deps")
	}
	for _, name := range []string{"debian-bookworm-2024", "debian-bullseye-2024"} {
		t.Run(name, func(t *testing.T) {
			status, err := os.ReadFile(shared(t, "fixtures", name, dpkgStatusPath))
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("perl", "-e", debianDependencies)
			cmd.Stdin = strings.NewReader(string(status))
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("perl: %v", err)
			}
			want := strings.Split(strings.TrimSpace(string(out)), "\n")
			slices.Sort(want)
			packages, err := parseDpkgStatus(status)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			n := 0
			for _, p := range packages {
				if len(p.DependsOn) > 0 {
					got = append(got, p.Name+": "+strings.Join(p.DependsOn, " "))
					n += len(p.DependsOn)
				}
			}
			slices.Sort(got)
			t.Logf("%d packages, %d edges", len(packages), n)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-dpkg +got):\n%s", diff)
			}
		})
	}
}

// nodeDependencies prints, for each package below a folder, the folders that
// node's own search finds its dependencies in.
const nodeDependencies = `
const fs = require('fs'), path = require('path'), {createRequire} = require('module');
const root = fs.realpathSync(process.argv[1]);
for (const file of JSON.parse(fs.readFileSync(0))) {
  const from = path.join(root, file), doc = JSON.parse(fs.readFileSync(from)), on = new Set();
  for (const kind of ['dependencies', 'optionalDependencies', 'peerDependencies']) for (const name in doc[kind] || {}) {
    for (const dir of createRequire(from).resolve.paths(name + '/x')) {
      const at = path.join(dir, name);
      if (at.startsWith(root) && fs.existsSync(path.join(at, 'package.json'))) { on.add(path.relative(root, fs.realpathSync(at))); break; }
    }
  }
  if (on.size) console.log(path.dirname(file) + ': ' + [...on].sort().join(' '));
}`

// checkNodeDependencies holds the edges between the packages of Node below a
// folder against node's own search.
func checkNodeDependencies(t *testing.T, dir string, tree *rootfs.Tree) {
	t.Helper()
	r := inTree(tree)
	var files, got []string
	places := map[string][]string{}
	for _, p := range r.Packages {
		for _, l := range p.Locations {
			files = append(files, l.Path)
			places[p.PURL] = append(places[p.PURL], filepath.Dir(l.Path))
		}
	}
	input, err := json.Marshal(files)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "-e", nodeDependencies, dir)
	cmd.Stdin = strings.NewReader(string(input))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	// A package that lies in several places has the edges of all, to what may
	// lie in several places too.
	purlAt := map[string]string{}
	for purl, list := range places {
		for _, dir := range list {
			purlAt[dir] = purl
		}
	}
	expected := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		from, to, _ := strings.Cut(strings.TrimSpace(line), ": ")
		for dir := range strings.SplitSeq(to, " ") {
			expected[purlAt[from]] = append(expected[purlAt[from]], purlAt[dir])
		}
	}
	var want []string
	n := 0
	for from, to := range expected {
		slices.Sort(to)
		to = slices.Compact(to)
		want = append(want, from+": "+strings.Join(to, " "))
		n += len(to)
	}
	for _, p := range r.Packages {
		if len(p.DependsOn) > 0 {
			got = append(got, p.PURL+": "+strings.Join(p.DependsOn, " "))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dependencies (-node +got):\n%s", diff)
	}
	if n < 100 {
		t.Errorf("node finds %d dependencies: too few to compare", n)
	}
	t.Logf("%d dependencies agree", n)
}
