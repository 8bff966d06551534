package version

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	goversion "go/version"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	depsdev "deps.dev/util/semver"
	modsemver "golang.org/x/mod/semver"
)

// The differential tests ask the authorities: the program or library that the
// ecosystem itself compares versions with. Each says how many pairs it was
// asked; each skips, with the reason, where the authority is not installed.

// pair is two versions to compare.
type pair struct{ a, b string }

// refused is an authority's answer for something that is no version to it.
const refused = 2

// authority compares pairs with somebody else's code: -1, 0, +1 or refused.
type authority func(t *testing.T, pairs []pair) []int

// differential describes the comparison of one scheme with one authority.
type differential struct {
	name      string
	scheme    Scheme
	ask       authority
	pairs     int                 // how many at most; 0 means all
	feeds     []string            // ecosystems whose real versions are compared
	samples   []string            // sample files whose versions are compared
	alphabet  string              // pieces of generated versions, by blanks; one of the first six begins each
	laxer     bool                // it takes what the packaging system itself refuses, and we with it
	explained func(p pair) string // why we differ from this authority here, "" if we must not
}

// slow is for tools that are started anew for each pair, which takes them a
// hundredth of a second. dpkg's order is compared with all versions in the form
// of Dpkg::Version too.
const slow = 600

var differentials = []differential{
	{
		name: "dpkg", scheme: Deb, ask: askDpkg, pairs: slow,
		feeds: []string{"Debian"}, samples: []string{"debian-versions.txt", "debian-versions-generated.txt"},
		alphabet: "0 1 2 9 10 007 99999999999999999999 a b z A ~ ~~ + . - - : 1: 2: 0: ~rc1 +b1 +deb12u1 -1 -0 ~bpo12+1 .. _ ^",
	},
	{
		name: "Dpkg::Version", scheme: Deb, ask: askPerl,
		feeds: []string{"Debian"}, samples: []string{"debian-versions.txt", "debian-versions-generated.txt"},
		alphabet: "0 1 2 9 10 007 99999999999999999999 a b z A ~ ~~ + . - - 1: 2: 0: ~rc1 +b1 +deb12u1 -1 -0 ~bpo12+1 ..",
		laxer:    true,
		explained: func(p pair) string {
			if longNumber.MatchString(p.a) && longNumber.MatchString(p.b) {
				return "numbers beyond a float's precision" // dpkg itself has no such limit, see above
			}
			return ""
		},
	},
	{
		name: "rpm", scheme: RPM, ask: askRPM,
		feeds: []string{"AlmaLinux"}, samples: []string{"redhat-versions.txt"},
		alphabet: "0 1 2 9 10 007 99999999999999999999 a b z A ~ ~~ ^ ^^ + . - 1: 2: 0: ~rc1 ^git1 .el9 -1 -0 .. _ .module+el8.1.0",
		laxer:    true,
	},
	{
		name: "apk", scheme: APK, ask: askAPK, pairs: slow,
		feeds: []string{"Alpine", "Wolfi"}, samples: []string{"alpine-versions-generated.txt"},
		alphabet: "0 1 2 9 10 .007 .0 .1 .10 a b z _alpha _beta2 _pre _rc1 _p1 _p10 _git20240101 ~abc ~12 -r0 -r1 -r10",
	},
	{
		name: "libalpm", scheme: Pacman, ask: askPacman,
		feeds: []string{"Alpine", "AlmaLinux"}, samples: []string{"redhat-versions.txt"},
		alphabet: "0 1 2 9 10 007 a b z A ~ + . - 1: 2: 0: rc1 .r10 +git -1 -2 .. _",
		laxer:    true,
	},
	{
		name: "node-semver", scheme: NPM, ask: askNode,
		feeds: []string{"npm"}, samples: []string{"semver-versions.txt"}, alphabet: semverAlphabet,
		explained: func(p pair) string {
			// In its loose mode 1.2.30.1 is 1.2.3 with the pre-release 0.1, and
			// 1.2.30.beta has 0.beta, which nobody can have meant; to us they are
			// a fourth number and the pre-release of 1.2.30.
			if fourParts.MatchString(p.a) || fourParts.MatchString(p.b) {
				return "a fourth part"
			}
			return ""
		},
	},
	{
		name: "Elixir's Version", scheme: Hex, ask: askElixir,
		feeds: []string{"npm", "crates.io"}, samples: []string{"semver-versions.txt"}, alphabet: semverAlphabet,
	},
	{
		name: "golang.org/x/mod/semver", scheme: Go, ask: askModSemver,
		feeds: []string{"Go"}, samples: []string{"semver-versions.txt"},
		alphabet: semverAlphabet + " -0.20240101000000-abcdefabcdef -rc.1.0.20240101000000-abcdefabcdef +incompatible",
	},
	{
		name: "go/version", scheme: Go, ask: askGoVersion,
		alphabet: "1.9 1.10 1.20 1.21 1.22 1.21.0 .0 .1 .1 .10 rc1 rc2 rc10 beta1 beta2 -bigcorp",
		explained: func(p pair) string {
			// To go/version "go1.21" is the language, older than go1.21rc1; to
			// runtime.Version before 1.21, and so to advisories, it is the release.
			for _, v := range []string{p.a, p.b} {
				v, _, _ = strings.Cut(v, "-")
				order, _ := Compare(Go, v, "1.21")
				if strings.Count(v, ".") < 2 && !strings.ContainsAny(v, "rb") && order >= 0 {
					return "a language version"
				}
			}
			return ""
		},
	},
	{
		name: "packaging", scheme: PEP440, ask: askPython,
		feeds: []string{"PyPI"}, samples: []string{"pypi-versions.txt", "pypi-versions-generated.txt"},
		alphabet: "0 1 2 10 .0 .1 .10 1! 0! a1 b2 rc1 .post1 -1 .dev0 dev3 +local +local.1 +1.2 alpha C .pre-2 _r3 REV v .0.0 +A",
	},
	{
		name: "Gem::Version", scheme: RubyGems, ask: askRuby,
		feeds: []string{"RubyGems"}, samples: []string{"rubygems-versions.txt", "rubygems-versions-generated.txt"},
		alphabet: "0 1 2 10 .0 .1 .10 .a .b2 .rc1 .pre -1 -rc.1 .A .0.0 .z9z a -",
	},
	{
		name: "ComparableVersion", scheme: Maven, ask: askMaven,
		feeds: []string{"Maven"}, samples: []string{"maven-versions.txt", "maven-versions-generated.txt"},
		alphabet: "0 1 2 10 .0 .1 .10 -1 -0 a1 -alpha -beta-2 .RC1 -rc1 -SNAPSHOT .Final .GA -sp1 _1 x -x.1 .. -- . - .jre8 cr2 m1 a",
	},
	{
		name: "composer/semver", scheme: Composer, ask: askPHP,
		feeds: []string{"Packagist"}, samples: []string{"packagist-versions.txt", "packagist-versions-generated.txt"},
		alphabet: "0 1 2 10 .0 .1 .10 -dev -alpha1 beta2 -RC.3 -p1 pl2 v -stable @dev +build .x -beta2.1 2024-05-01 20240501 a patch",
	},
	{name: "deps.dev npm", scheme: NPM, ask: askDepsDev(depsdev.NPM), feeds: []string{"npm"}, alphabet: semverAlphabet},
	{
		name: "deps.dev Cargo", scheme: Cargo, ask: askDepsDev(depsdev.Cargo),
		feeds: []string{"crates.io"}, alphabet: semverAlphabet, explained: explainZeros,
	},
	{
		name: "deps.dev NuGet", scheme: NuGet, ask: askDepsDev(depsdev.NuGet),
		feeds: []string{"NuGet"}, samples: []string{"nuget-versions.txt"}, alphabet: semverAlphabet + " .0 .1 .10 -A -Alpha", explained: explainZeros,
	},
	// Not the others of deps.dev: where they differ from us in Maven, PyPI and
	// RubyGems, the authorities above side with us.
}

const semverAlphabet = "0.0.0 1.2.3 1.2.4 1.10.0 10.0.1 v1.2.3 0 1 .1 0.0 -alpha -alpha.1 -1 -0 -rc.10 .beta -x-y +build +1 v -A"

var (
	longNumber = regexp.MustCompile(`\d{16}`)
	fourParts  = regexp.MustCompile(`^[v=]*\d+\.\d+\.\d+\.[0-9A-Za-z]`)
	zeroLed    = regexp.MustCompile(`-(.*\.)?0\d+(\.|\+|$)`)
)

// explainZeros: a pre-release number with a leading zero is invalid to
// semver.org and Cargo; NuGet takes it and reads it as a number
// (NuGet.Versioning's VersionComparer), as we do. deps.dev makes it a word.
func explainZeros(p pair) string {
	if zeroLed.MatchString(p.a) || zeroLed.MatchString(p.b) {
		return "a leading zero in a pre-release"
	}
	return ""
}

func TestDifferential(t *testing.T) {
	long := os.Getenv("CAREEN_LONG") != ""
	for _, d := range differentials {
		t.Run(d.name, func(t *testing.T) {
			pairs := d.make(t, long)
			answers := d.ask(t, pairs)
			if len(answers) != len(pairs) {
				t.Fatalf("%d answers for %d pairs", len(answers), len(pairs))
			}
			compared, refusals, explained, differences, unread := 0, 0, map[string]int{}, 0, 0
			for i, p := range pairs {
				if answers[i] == refused {
					refusals++
					continue
				}
				compared++
				got, err := Compare(d.scheme, p.a, p.b)
				if err != nil && d.laxer {
					unread++
					continue
				}
				if got == answers[i] && err == nil {
					continue
				}
				why := ""
				if d.explained != nil {
					why = d.explained(p)
				}
				if why != "" {
					explained[why]++
					continue
				}
				if differences++; differences <= 20 {
					t.Errorf("%q and %q: %d (%v), %s says %d", p.a, p.b, got, err, d.name, answers[i])
				}
			}
			if compared == 0 {
				t.Error("nothing was compared")
			}
			t.Logf("%s: %d pairs compared, %d differ; explained: %v; we refuse %d, it refuses %d more", d.name, compared, differences, explained, unread, refusals)
		})
	}
}

// make returns neighbours in our order and random pairs, of real versions and
// of generated ones. The feeds are read only in the long run.
func (d *differential) make(t *testing.T, long bool) []pair {
	r := rand.New(rand.NewPCG(1, uint64(len(d.name))))
	limit := d.pairs
	if !long {
		limit = 400
	}
	var pairs []pair
	add := func(versions []string) {
		r.Shuffle(len(versions), func(i, j int) { versions[i], versions[j] = versions[j], versions[i] })
		if limit > 0 && len(versions) > limit/4 {
			versions = versions[:limit/4]
		}
		for i := range len(versions) - 1 {
			pairs = append(pairs, pair{versions[i], versions[i+1]})
		}
		slices.SortStableFunc(versions, func(a, b string) int { c, _ := Compare(d.scheme, a, b); return c })
		for i := range len(versions) - 1 {
			pairs = append(pairs, pair{versions[i], versions[i+1]})
		}
	}
	var real []string
	for _, name := range d.samples {
		versions := sampleVersions(t, name)
		for i := 0; i+1 < len(versions) && (limit == 0 || i < limit/4); i += 2 {
			pairs = append(pairs, pair{versions[i], versions[i+1]}) // as the file has them
		}
		real = append(real, versions...)
	}
	if long {
		for _, eco := range d.feeds {
			real = append(real, feedVersions(t, eco)...)
		}
	}
	slices.Sort(real)
	add(slices.Compact(real))
	if d.alphabet != "" {
		var generated []string
		pieces := strings.Fields(d.alphabet)
		prefix := ""
		if d.name == "go/version" {
			prefix = "go"
		}
		for range 10000 {
			v := prefix + pieces[r.IntN(min(6, len(pieces)))]
			for range r.IntN(6) {
				v += pieces[r.IntN(len(pieces))]
			}
			generated = append(generated, v)
		}
		slices.Sort(generated)
		add(slices.Compact(generated))
	}
	return pairs
}

// sampleVersions returns the versions of a file of ordered pairs.
func sampleVersions(t *testing.T, name string) []string {
	data, err := os.ReadFile(shared(t, "samples", "versions", name))
	if err != nil {
		t.Fatal(err)
	}
	var versions []string
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 && strings.Contains("<=>", f[1]) {
			versions = append(versions, f[0], f[2])
		}
	}
	return versions
}

// maxFeedVersions keeps the long run within minutes.
const maxFeedVersions = 20000

// feedVersions returns the versions that the advisories of an ecosystem name.
func feedVersions(t *testing.T, ecosystem string) []string {
	archive, err := zip.OpenReader(shared(t, "feeds", "osv-vulnerabilities.storage.googleapis.com", ecosystem, "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	seen := map[string]bool{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var record struct {
			Affected []struct {
				Ranges []struct {
					Type   string
					Events []map[string]string
				}
				Versions []string
			}
		}
		err = json.NewDecoder(r).Decode(&record)
		r.Close()
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		for _, affected := range record.Affected {
			for _, rng := range affected.Ranges {
				for _, event := range rng.Events {
					for _, v := range event {
						seen[v] = seen[v] || rng.Type != "GIT"
					}
				}
			}
			for _, v := range affected.Versions {
				seen[v] = true
			}
		}
	}
	var versions []string
	for v, ok := range seen {
		if ok && !strings.ContainsAny(v, " \t\n") && v != "" {
			versions = append(versions, v)
		}
	}
	slices.Sort(versions)
	r := rand.New(rand.NewPCG(1, 1))
	r.Shuffle(len(versions), func(i, j int) { versions[i], versions[j] = versions[j], versions[i] })
	return versions[:min(len(versions), maxFeedVersions)]
}

// askScript pipes pairs, "a<tab>b" a line, through a program that prints -1, 0,
// 1 or "e" for each.
func askScript(t *testing.T, pairs []pair, name string, args ...string) []int {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s: %v", name, err)
	}
	var in strings.Builder
	for _, p := range pairs {
		fmt.Fprintf(&in, "%s\t%s\n", p.a, p.b)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin = strings.NewReader(in.String())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("%s: %v: %.500s", name, err, stderr.String())
	}
	var answers []int
	for _, s := range strings.Fields(string(out)) {
		if s == "e" {
			answers = append(answers, refused)
			continue
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("%s said %q", name, s)
		}
		answers = append(answers, compareInts(n, 0))
	}
	return answers
}

func needLong(t *testing.T) {
	t.Helper()
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("slow to start or to install; set CAREEN_LONG=1")
	}
}

// writeScript puts a program into a temporary file.
func writeScript(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// askDpkg starts dpkg once or twice for each pair.
func askDpkg(t *testing.T, pairs []pair) []int {
	needLong(t)
	return askScript(t, pairs, "sh", writeScript(t, "dpkg.sh", `
command -v dpkg >/dev/null || { echo "no dpkg" >&2; exit 1; }
tab=$(printf '\t')
while IFS="$tab" read -r a b; do
  dpkg --compare-versions "$a" lt "$b" 2>/dev/null && { echo -1; continue; }
  dpkg --compare-versions "$a" gt "$b" 2>/dev/null
  case $? in 0) echo 1;; 1) echo 0;; *) echo e;; esac
done`))
}

func askPerl(t *testing.T, pairs []pair) []int {
	return askScript(t, pairs, "perl", "-MDpkg::Version", "-ne", `
chomp; my ($a, $b) = split /\t/;
my ($x, $y) = (Dpkg::Version->new($a, check => 1), Dpkg::Version->new($b, check => 1));
print defined $x && defined $y ? $x <=> $y : "e", "\n";`)
}

func askRPM(t *testing.T, pairs []pair) []int {
	var in strings.Builder
	for _, p := range pairs {
		fmt.Fprintf(&in, "%s\t%s\n", p.a, p.b)
	}
	file := writeScript(t, "pairs", in.String())
	return askScript(t, nil, "rpm", "--eval", `%{lua:
for line in io.lines("`+file+`") do
  local a, b = line:match("^(.-)\t(.*)$")
  local ok, c = pcall(rpm.vercmp, a, b)
  print((ok and c or "e") .. "\n")
end}`)
}

func askAPK(t *testing.T, pairs []pair) []int {
	needLong(t)
	return askScript(t, pairs, "sh", writeScript(t, "apk.sh", `
command -v apk >/dev/null || { echo "no apk-tools; the ordered samples are the authority" >&2; exit 1; }
tab=$(printf '\t')
while IFS="$tab" read -r a b; do
  apk version --check "$a" "$b" >/dev/null 2>&1 || { echo e; continue; }
  case $(apk version --test "$a" "$b") in "<") echo -1;; ">") echo 1;; "=") echo 0;; *) echo e;; esac
done`))
}

// askPacman calls what vercmp(8) is a shell around: Debian has the library, not
// the program.
func askPacman(t *testing.T, pairs []pair) []int {
	return askScript(t, pairs, "python3", "-c", `
import ctypes, sys
alpm = ctypes.CDLL("libalpm.so.13")
for line in sys.stdin.buffer:
    print(alpm.alpm_pkg_vercmp(*line.rstrip(b"\n").split(b"\t")))`)
}

// askNode compares what node-semver's strict mode takes, and pairs of which
// one is taken by its loose mode only.
func askNode(t *testing.T, pairs []pair) []int {
	needLong(t)
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skipf("no npm: %v", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(cache, "careen-test", "semver")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("npm", "install", "--silent", "--no-audit", "--prefix", dir, "semver@7").CombinedOutput(); err != nil {
		t.Skipf("npm install: %v: %s", err, out)
	}
	return askScript(t, pairs, "node", "-e", `
const semver = require(`+strconv.Quote(filepath.Join(dir, "node_modules", "semver"))+`);
const lines = require('fs').readFileSync(0, 'utf8').split('\n').slice(0, -1);
console.log(lines.map(line => {
  const [a, b] = line.split('\t');
  return semver.valid(a, true) && semver.valid(b, true) ? semver.compare(a, b, true) : 'e';
}).join('\n'));`)
}

func askElixir(t *testing.T, pairs []pair) []int {
	needLong(t)
	return askScript(t, pairs, "elixir", "-e", `
for line <- IO.stream(:stdio, :line) do
  [a, b] = line |> String.trim_trailing("\n") |> String.split("\t")
  case {Version.parse(a), Version.parse(b)} do
    {{:ok, x}, {:ok, y}} -> IO.puts(case Version.compare(x, y) do :lt -> -1; :gt -> 1; :eq -> 0 end)
    _ -> IO.puts("e")
  end
end`)
}

func askModSemver(_ *testing.T, pairs []pair) []int {
	var answers []int
	for _, p := range pairs {
		a, b := "v"+strings.TrimPrefix(p.a, "v"), "v"+strings.TrimPrefix(p.b, "v")
		if !modsemver.IsValid(a) || !modsemver.IsValid(b) {
			answers = append(answers, refused)
			continue
		}
		answers = append(answers, modsemver.Compare(a, b))
	}
	return answers
}

func askGoVersion(_ *testing.T, pairs []pair) []int {
	var answers []int
	for _, p := range pairs {
		if !goversion.IsValid(p.a) || !goversion.IsValid(p.b) {
			answers = append(answers, refused)
			continue
		}
		answers = append(answers, goversion.Compare(p.a, p.b))
	}
	return answers
}

func askPython(t *testing.T, pairs []pair) []int {
	script := writeScript(t, "pep440.py", `
import sys
from packaging.version import Version, InvalidVersion
for line in sys.stdin:
    try:
        a, b = map(Version, line.rstrip("\n").split("\t"))
        print((a > b) - (a < b))
    except InvalidVersion:
        print("e")
`)
	// Debian's python3 has Debian's python3-packaging, whatever else is in PATH.
	if exec.Command("/usr/bin/python3", "-c", "import packaging").Run() == nil {
		return askScript(t, pairs, "/usr/bin/python3", script)
	}
	return askScript(t, pairs, "python3", script)
}

func askRuby(t *testing.T, pairs []pair) []int {
	return askScript(t, pairs, "ruby", "-ne", `
a, b = $_.chomp.split("\t", -1)
puts(Gem::Version.correct?(a) && Gem::Version.correct?(b) ? Gem::Version.new(a) <=> Gem::Version.new(b) : "e")`)
}

func askMaven(t *testing.T, pairs []pair) []int {
	needLong(t)
	jar := "/usr/share/java/maven3-artifact.jar"
	if _, err := os.Stat(jar); err != nil {
		t.Skipf("no maven-artifact: %v", err)
	}
	return askScript(t, pairs, "java", "-cp", jar+":/usr/share/java/commons-lang3.jar", writeScript(t, "Compare.java", `
import java.io.*;
import org.apache.maven.artifact.versioning.ComparableVersion;
public class Compare {
  public static void main(String[] args) throws IOException {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    StringBuilder out = new StringBuilder();
    for (String line; (line = in.readLine()) != null; ) {
      String[] v = line.split("\t", -1);
      out.append(Integer.signum(new ComparableVersion(v[0]).compareTo(new ComparableVersion(v[1])))).append('\n');
    }
    System.out.print(out);
  }
}`))
}

func askPHP(t *testing.T, pairs []pair) []int {
	return askScript(t, pairs, "php", writeScript(t, "compare.php", `<?php
if (!@include '/usr/share/php/Composer/Semver/autoload.php') { fwrite(STDERR, "no composer/semver"); exit(1); }
$parser = new Composer\Semver\VersionParser();
while (($line = fgets(STDIN)) !== false) {
  [$a, $b] = explode("\t", rtrim($line, "\n"));
  try {
    $a = $parser->normalize($a); $b = $parser->normalize($b);
    echo strpos($a, 'dev-') === 0 || strpos($b, 'dev-') === 0 ? "e" : version_compare($a, $b), "\n";
  } catch (UnexpectedValueException $e) { echo "e\n"; }
}`))
}

func askDepsDev(system depsdev.System) authority {
	return func(_ *testing.T, pairs []pair) []int {
		var answers []int
		for _, p := range pairs {
			a, errA := system.Parse(p.a)
			b, errB := system.Parse(p.b)
			if errA != nil || errB != nil {
				answers = append(answers, refused)
				continue
			}
			answers = append(answers, compareInts(a.Compare(b), 0))
		}
		return answers
	}
}
