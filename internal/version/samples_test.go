package version

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shared returns a path below the test data that lies next to the repository, or
// skips the test when there is none.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir := os.Getenv("CAREEN_SHARED")
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for dir = wd; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			if dir == filepath.Dir(dir) {
				t.Fatal("no go.mod above the test's directory")
			}
		}
		dir = filepath.Join(filepath.Dir(dir), "shared")
	}
	path := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no test data: %v (set CAREEN_SHARED)", err)
	}
	return path
}

// sampleSchemes says which scheme each file of ordered pairs is about.
var sampleSchemes = map[string][]Scheme{
	"alpine-versions.txt":              {APK},
	"alpine-versions-generated.txt":    {APK},
	"apk-tools-version.data":           {APK},
	"cran-versions.txt":                {CRAN},
	"cran-versions-generated.txt":      {CRAN},
	"debian-versions.txt":              {Deb},
	"debian-versions-generated.txt":    {Deb},
	"hackage-versions.txt":             {Hackage},
	"maven-versions.txt":               {Maven},
	"maven-versions-generated.txt":     {Maven},
	"nuget-versions.txt":               {NuGet},
	"packagist-versions.txt":           {Composer},
	"packagist-versions-generated.txt": {Composer},
	"pub-versions.txt":                 {Pub},
	"pypi-versions.txt":                {PEP440},
	"pypi-versions-generated.txt":      {PEP440},
	"redhat-versions.txt":              {RPM},
	"rubygems-versions.txt":            {RubyGems},
	"rubygems-versions-generated.txt":  {RubyGems},
	"semver-versions.txt":              {SemVer, NPM, Cargo, Hex, Go},
}

func TestSamples(t *testing.T) {
	dir := shared(t, "samples", "versions")
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, f := range files {
		schemes, ok := sampleSchemes[f.Name()]
		if !ok {
			t.Errorf("%s: no scheme in the table", f.Name())
		}
		for _, scheme := range schemes {
			total += testSampleFile(t, scheme, filepath.Join(dir, f.Name()))
		}
	}
	t.Logf("%d pairs compared in all", total)
}

func testSampleFile(t *testing.T, scheme Scheme, path string) int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	name := filepath.Base(path)
	pairs, checked, other, line := 0, 0, 0, 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line++
		text := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(text, "#") || strings.HasPrefix(text, "//") {
			continue
		}
		text, _, _ = strings.Cut(text, "\t") // a comment in apk-tools' table
		fields := strings.Fields(text)
		why, differs := sampleDifferences[name+": "+text]
		switch {
		case len(fields) == 0:
		case len(fields) == 1 && scheme == APK: // a version, or with "!" not one
			checked++
			v, bad := strings.CutPrefix(fields[0], "!")
			if v != "" && ((valid(APK, v) != nil) != bad) != differs {
				t.Errorf("%s:%d: valid(%q) = %v (listed as a difference: %v %s)", name, line, v, valid(APK, v), differs, why)
			}
		case len(fields) == 3 && strings.Contains(fields[1], "~"):
			other++ // apk's fuzzy match of a prefix: not an order
		case len(fields) == 3:
			pairs++
			want := strings.Index("<=>", fields[1]) - 1
			got, _ := Compare(scheme, fields[0], fields[2])
			back, _ := Compare(scheme, fields[2], fields[0])
			if got != -back {
				t.Errorf("%s:%d: %s: %s gives %d, the other way round %d", name, line, scheme, text, got, back)
			}
			if differs == (got == want) {
				t.Errorf("%s:%d: %s: %s: got %c (listed as a difference: %v %s)", name, line, scheme, text, "<=>"[got+1], differs, why)
			}
		default:
			t.Errorf("%s:%d: cannot read %q", name, line, text)
		}
	}
	t.Logf("%-34s %-8s %6d pairs, %d validity checks, %d lines that are not about order", name, scheme, pairs, checked, other)
	return pairs
}

// sampleDifferences are the sample lines that we answer otherwise, and why.
var sampleDifferences = map[string]string{
	"apk-tools-version.data: !0.1a1": "a number behind a letter is read as apk-tools 2 reads it: Alpine shipped such versions",

	// No versions at all. apk-tools 2 read on where 3 stops; the first is the
	// authority, and Compare returns an error for each.
	"alpine-versions.txt: 1-r = 1-r0":                  "a revision without a number",
	"alpine-versions.txt: 1-r0-1 = 1-r-2":              "a revision without a number",
	"alpine-versions.txt: 0..1..0 < 0..1..1":           "dots without a number between them",
	"alpine-versions.txt: 0...1...0 < 0...1...1":       "dots without a number between them",
	"alpine-versions.txt: 0...1...0.r1 < 0...1...0.r2": "dots without a number between them",
	"alpine-versions.txt: 0...1...0r1 < 0...1...0r2":   "dots without a number between them",
	"alpine-versions.txt: 0..8 > 0...8":                "dots without a number between them",
	"alpine-versions.txt: 0.8.21.r2 > 0.8.21.r1":       "a dot without a number behind it",
	"alpine-versions.txt: .2 > .1":                     "no number in front",
	"alpine-versions.txt: a < b":                       "no number in front",
	"alpine-versions.txt: c > b":                       "no number in front",

	// Written for Maven before 3.8.6. Since then a word behind a dot opens an
	// inner list, too (MNG-7644); maven-artifact 3.8.7 sides with us.
	"maven-versions-generated.txt: 1.0.0-RC16 < 1.0.0.RC8-beta":                   "a word behind a dot",
	"maven-versions-generated.txt: 1.0.0-gradle-rework-beta3 < 1.0.0.RC7-3":       "a word behind a dot",
	"maven-versions-generated.txt: 2.9.0-1 < 2.9.0.RC1":                           "a word behind a dot",
	"maven-versions-generated.txt: 6.1.12.rc5 < 6.1.12rc1":                        "a word behind a dot",
	"maven-versions-generated.txt: 1.1.31.sec10 < 1.1.31_noneautotype":            "a word behind a dot",
	"maven-versions-generated.txt: 1.1.34.sec10 < 1.1.34_noneautotype":            "a word behind a dot",
	"maven-versions-generated.txt: 1.1.46.sec10 < 1.1.46_noneautotype":            "a word behind a dot",
	"maven-versions-generated.txt: 1.2.8.sec10_noneautotype < 1.2.8_noneautotype": "a word behind a dot",
	"maven-versions-generated.txt: 1.2.31.sec10 < 1.2.31_noneautotype":            "a word behind a dot",
	"maven-versions-generated.txt: 1.2.48.sec10 < 1.2.48_noneautotype":            "a word behind a dot",
	"maven-versions-generated.txt: 1.2.50.sec10 < 1.2.50_noneautotype":            "a word behind a dot",
	"maven-versions-generated.txt: 1.2.54.sec10 < 1.2.54_noneautotype":            "a word behind a dot",
	"maven-versions-generated.txt: 1.2.57.sec10 < 1.2.57_noneautotype":            "a word behind a dot",
	"maven-versions-generated.txt: 1.2.60.sec10 < 1.2.60_noneautotype":            "a word behind a dot",
	"maven-versions-generated.txt: 1.2.67.sec10 < 1.2.67_noneautotype":            "a word behind a dot",
	"maven-versions-generated.txt: 1.0.0rc0 < 1.0.beta8":                          "a word behind a dot",
	"maven-versions-generated.txt: 1.5.9.RC1 < 1.5.9-RC0":                         "a word behind a dot",
	"maven-versions-generated.txt: 1.1.0-01-glassfish < 1.1.0.Beta1":              "a word behind a dot",
	"maven-versions.txt: 1-1 = 1-ga-1":                                            "\"ga\" keeps its inner list",

	// Made with PHP's version_compare alone. Composer compares only what
	// VersionParser::normalize has normalised, and composer/semver sides with us.
	"packagist-versions-generated.txt: v3.0 < v3.0.0-beta":             "version_compare alone; Composer normalises first",
	"packagist-versions-generated.txt: v3.4 < v3.4.0-alpha":            "version_compare alone; Composer normalises first",
	"packagist-versions-generated.txt: v4-beta4 < v4.0-alpha":          "version_compare alone; Composer normalises first",
	"packagist-versions-generated.txt: v1.9.0-ALPHA.1 = v1.9.0-BETA.1": "version_compare alone; Composer normalises first",
	"packagist-versions-generated.txt: v1.9.0-BETA.1 < v1.9.0-ALPHA.2": "version_compare alone; Composer normalises first",
	"packagist-versions-generated.txt: v1.9.0-ALPHA.2 = v1.9.0-BETA.2": "version_compare alone; Composer normalises first",
	"packagist-versions-generated.txt: 5.1.0-stable < 5.1.0-beta2":     "version_compare alone; Composer normalises first",
	"packagist-versions-generated.txt: 3.0.0b1 < 3.0.0b1.post1":        "not a version to Composer",
	"packagist-versions-generated.txt: 3.0.0b2 < 3.0.0b2.post1":        "not a version to Composer",
	"packagist-versions-generated.txt: 3.1.0 < 3.1.0.post1":            "not a version to Composer",
	"packagist-versions-generated.txt: 3.2.0rc1 < 3.2.0rc1.post1":      "not a version to Composer",
	"packagist-versions-generated.txt: 3.4.0 < 3.5.0.post1":            "not a version to Composer",
	"packagist-versions-generated.txt: 3.5.2 < 3.5.2.post1":            "not a version to Composer",
	"packagist-versions-generated.txt: v4.4 < v4.4.0-beta":             "version_compare alone; Composer normalises first",
	"packagist-versions-generated.txt: v6.5 < v6.5.0-beta-0":           "version_compare alone; Composer normalises first",
	"packagist-versions-generated.txt: v6.6 < v6.6.0-beta":             "version_compare alone; Composer normalises first",
	"packagist-versions-generated.txt: 1.5 < 1.5.1.dev100":             "not a version to Composer",
	"packagist-versions.txt: 1.0.0 > 1.0":                              "version_compare alone; Composer normalises first",
	"packagist-versions.txt: 1.2.3.# = 1.2.3":                          "not a version to Composer",
	"packagist-versions.txt: 1.2.3.# = 1.2.3.1":                        "not a version to Composer",
	"packagist-versions.txt: 1.2.3.#.1 > 1.2.3":                        "not a version to Composer",
	"packagist-versions.txt: 1.2.3.#.p3 > 1.2.3":                       "not a version to Composer",
}
