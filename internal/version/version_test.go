package version

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
)

var allSchemes = []Scheme{Deb, RPM, APK, Pacman, SemVer, NPM, Cargo, Hex, Pub, NuGet, Go, PEP440, Maven, RubyGems, Composer, Hackage, CRAN, Generic}

// TestOrder holds versions in rising order; an "=" before one says that it is
// the same as the one before.
func TestOrder(t *testing.T) {
	for scheme, versions := range map[Scheme]string{
		Deb:      "1.0~~ 1.0~rc1-1 1.0 =1.0-0 =0:1.0-00 1.0-1~bpo11+1 1.0-1 1.0-1+b1 1.0-1+deb12u1 1.0a-1 1.0+dfsg-1 1.0.1 1.10 1:0.1 10:0",
		RPM:      "1.0~rc1-1 1.0 1.0-1.el9 1.0-1.el9_2 1.0-10.el9 1.0^git1-1 1.0.1-1 =0:1.0.1-1 1:0.5-1",
		APK:      "1.0_alpha 1.0_alpha2 1.0_beta 1.0_pre1 1.0_rc1-r3 1.0 =1.0 1.0-r0 =1.0-r00 1.0-r1 1.0~abc 1.0_git20240101 1.0_p1 1.0a 1.0.1 1.0.10 1.1",
		Pacman:   "1.0rc1-1 1.0-1 1.0-1.1 1.0-2 1.0.r5-1 1.0.1-1 1:0.1-1",
		NPM:      "1.0.0-0 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0 =v1.0.0 =1.0 =1.0.0+build 1.0.1 1.2.0 1.10.0",
		Pub:      "1.0.0-pre 1.0.0-pre+1 1.0.0 1.0.0+1 1.0.0+2 1.0.0+a",
		NuGet:    "1.0.0-Alpha =1.0.0-alpha 1.0.0-beta.2 1.0.0-beta.10 1.0 =1.0.0.0 1.0.0.1",
		Go:       "v0.0.0-20190101000000-abcdefabcdef v0.0.0 v1.2.2 v1.2.3-0.20190101000000-abcdefabcdef v1.2.3-rc.1 v1.2.3 =1.2.3 =v1.2.3+incompatible v1.10.0",
		PEP440:   "1.dev0 1.0a1.dev1 1.0a1 1.0.alpha.2 1.0b1 1.0rc1 =1.0c1 1 =1.0 =v1.0.0 1.0+local 1.0+1 1.0.post0.dev1 1.0.post0 =1.0-0 =1.0.rev 1.0.1 1!0.1",
		Maven:    "1-alpha-1 =1a1 1.0-beta 1.0-m2 1.0-rc1 =1.0-cr1 1.0-SNAPSHOT 1 =1.0.0.Final =1-ga 1-sp 1-jre8 1-1 1.0.1",
		RubyGems: "1.0.a 1.0.a.1 1.0.b =1.0.b.0 1.0.pre.1 =1.0-1 1 =1.0 1.0.1 1.10",
		Composer: "1.0-dev 1.0-alpha1 =1.0a1 1.0-beta.2 1.0RC1 1.0 =v1.0.0 =1.0.0.0-stable 1.0-p1 =1.0pl1 1.0.1 1.1.0 1.x-dev 2.0",
		Hackage:  "0.9 1 1.0 1.0.0 1.0.1 1.10",
		CRAN:     "0.9 0.75 0.75-1 =0.75.1 1.0",
		Generic:  "1.0-dev 1.0-rc1 1.0 =v1.0 1.0a 1.0.1 1.1.1k 1.1.1l 1.10",
	} {
		list := strings.Fields(versions)
		for i := range list {
			rank, same := i, strings.TrimPrefix(list[i], "=")
			for strings.HasPrefix(list[rank], "=") {
				rank--
			}
			for j := range list {
				other := j
				for strings.HasPrefix(list[other], "=") {
					other--
				}
				b := strings.TrimPrefix(list[j], "=")
				got, err := Compare(scheme, same, b)
				if err != nil || got != compareInts(rank, other) {
					t.Errorf("Compare(%s, %q, %q) = %d, %v; want %d", scheme, same, b, got, err, compareInts(rank, other))
				}
			}
		}
	}
}

// TestGoReleases: the names that a toolchain goes by.
func TestGoReleases(t *testing.T) {
	for _, same := range [][]string{
		{"go1.21rc2", "1.21rc2", "v1.21.0-rc.2", "1.21.0-rc.2", "v1.21.0rc2"},
		{"go1.21.0", "1.21.0", "v1.21.0", "go1.21", "1.21", "go1.21.0 X:boringcrypto", "go1.21.0-bigcorp"},
		{"go1.22.5", "go1.22.5-1.el9", "go1.22.5+auto"},
		{"go1.20beta1", "1.20.0-beta.1"},
	} {
		for _, a := range same {
			for _, b := range same {
				if c, err := Compare(Go, a, b); c != 0 || err != nil {
					t.Errorf("Compare(Go, %q, %q) = %d, %v", a, b, c, err)
				}
			}
		}
	}
	rising := []string{"go1.9.2rc2", "go1.9.2", "go1.10", "go1.20beta1", "go1.20rc1", "1.20.0-rc.2", "go1.20rc10", "go1.20", "go1.20.1", "1.21.0-0", "go1.21rc2", "go1.21.0", "go1.21.13"}
	for i := range rising {
		for j := range rising {
			if c, err := Compare(Go, rising[i], rising[j]); c != compareInts(i, j) || err != nil {
				t.Errorf("Compare(Go, %q, %q) = %d, %v", rising[i], rising[j], c, err)
			}
		}
	}
	for _, v := range []string{"(devel)", "devel go1.23-abcdef Mon Jan 1", "go", "unknown", ""} {
		if valid(Go, v) == nil {
			t.Errorf("%q is a Go version", v)
		}
	}
}

// valid says why v is no version in the scheme, or nil if it is one.
func valid(s Scheme, v string) error {
	_, err := Compare(s, v, v)
	return err
}

func TestInvalid(t *testing.T) {
	for scheme, versions := range map[Scheme][]string{
		Deb:         {"", "1:", "a:1", ":1", "1-", "1 2", "99999999999:1"},
		RPM:         {"", "1:", "-1"},
		APK:         {"", "a", "1.0-", "1.0-r", "1.0_foo", "1.0_", "1.0~xyz", "1.0-r1-r2", "v1", "1.0A"},
		Pacman:      {"", "-1"},
		SemVer:      {"", "latest", "1.x", "1.2.X", "1.0-", "1.0-a..b", "1.0+", "1.0_beta", "*", "^1.0", "1..2"},
		NuGet:       {"", "1.0.*"},
		PEP440:      {"", "1.0-bulbasaur", "1.0+", "1.0+a..b", "!1", "1.0a1a2", "main"},
		Maven:       {"", " "},
		RubyGems:    {"a", "1..0", "1.0-", "junk"},
		Composer:    {"", "dev-main", "main", "1.0-foo", "1.2.3.#", "x-dev"},
		Hackage:     {"", "1.a", "1.", ".1", "1-1"},
		CRAN:        {"", "1.a", "1--1"},
		Generic:     {"", "latest"},
		Scheme("x"): {"1"},
	} {
		for _, v := range versions {
			err := valid(scheme, v)
			if err == nil {
				t.Errorf("%q is valid in %s", v, scheme)
			}
			// The order goes on: unreadable versions are older than readable ones.
			if scheme == SemVer || scheme == PEP440 || scheme == Composer || scheme == CRAN {
				c, err := Compare(scheme, v, "0.0.1")
				d, back := Compare(scheme, "0.0.1", v)
				if c != -1 || d != 1 || err == nil || back == nil {
					t.Errorf("Compare(%s, %q, 0.0.1) = %d, %v and back %d, %v", scheme, v, c, err, d, back)
				}
			}
		}
		long := strings.Repeat("1", maxLength+1)
		if valid(scheme, long) == nil {
			t.Errorf("a version of %d bytes is valid in %s", len(long), scheme)
		}
	}
}

func TestForEcosystem(t *testing.T) {
	for ecosystem, want := range map[string]Scheme{
		"Debian": Deb, "Debian:12": Deb, "Ubuntu:22.04:LTS": Deb, "Ubuntu:Pro:18.04:LTS": Deb, "Echo": Deb,
		"Alpine:v3.20": APK, "Alpine:edge": APK, "Wolfi": APK, "Chainguard": APK, "MinimOS": APK,
		"Rocky Linux:9": RPM, "Red Hat:enterprise_linux:9::appstream": RPM, "SUSE:Linux Enterprise Server 15 SP5": RPM,
		"openSUSE:Leap 15.5": RPM, "Azure Linux:3": RPM, "Photon OS:4.0": RPM, "Amazon Linux:2023": RPM, "Oracle Linux:9": RPM,
		"Fedora:40": RPM, "openEuler:24.03-LTS": RPM, "Mageia:9": RPM, "AlmaLinux:9": RPM, "Arch Linux": Pacman,
		"Go": Go, "npm": NPM, "PyPI": PEP440, "Maven": Maven, "Maven:https://maven.google.com": Maven, "RubyGems": RubyGems,
		"NuGet": NuGet, "Packagist": Composer, "crates.io": Cargo, "Pub": Pub, "Hex": Hex, "Hackage": Hackage, "CRAN": CRAN,
		"Bitnami": SemVer, "ConanCenter": Generic, "SwiftURL": SemVer, "Julia": Pub, "GitHub Actions": SemVer, "Node.js": SemVer,
		"Root:Alpine:3.18": APK, "Root:PyPI": PEP440, "TuxCare:PyPI": PEP440,
	} {
		if got, ok := ForEcosystem(ecosystem); !ok || got != want {
			t.Errorf("ForEcosystem(%q) = %q, %v; want %q", ecosystem, got, ok, want)
		}
	}
	for _, ecosystem := range []string{"", "Nonsense", "OSS-Fuzz", "Android", "FreeBSD:kernel", "Root", "Root:nothing"} {
		if got, ok := ForEcosystem(ecosystem); ok {
			t.Errorf("ForEcosystem(%q) = %q", ecosystem, got)
		}
	}
	for ecosystem, scheme := range schemes {
		if !slices.Contains(allSchemes, scheme) {
			t.Errorf("%s: scheme %q", ecosystem, scheme)
		}
	}
}

// TestAPKSlips: what cannot be read is an error only where it decides.
func TestAPKSlips(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
		sure bool
	}{
		{"10.2.26-r0", "10.2.24.r0", 1, true},
		{"10.2.22-r3", "10.2.24.r0", -1, true},
		{"10.2.24-r0", "10.2.24.r0", 1, false},
		{"4.9-r0", "4.8.0.-r1", 1, true},
		{"1.1.0-r2", "1.1.0-r1-r0", 1, true},
		{"1.1.0-r1", "1.1.0-r1-r0", 1, false},
		{"latest", "1.0", -1, false},
		{"latest", "latest", 0, false},
	} {
		got, err := Compare(APK, c.a, c.b)
		if got != c.want || (err == nil) != c.sure {
			t.Errorf("Compare(APK, %q, %q) = %d, %v; want %d, sure: %v", c.a, c.b, got, err, c.want, c.sure)
		}
	}
}

// FuzzCompare: the order of each scheme is reflexive, antisymmetric and
// transitive, whatever the strings, errors or not.
func FuzzCompare(f *testing.F) {
	for _, seed := range [][3]string{
		{"1.0-1", "1:1.0~rc1", "1.0+dfsg-1"},
		{"1.0^git1~rc1", "1.0~", "1.0."},
		{"1.0_rc1-r0", "1.0a1", "1.0_p1~abc"},
		{"1.0.0-alpha.1+b", "v1.0", "1.0.0.1-01"},
		{"go1.21rc2", "1.21.0-rc.2.1", "v1.21.0-rc"},
		{"1!1.0rc1.post2.dev3+local.1", "1.0.dev0", "1.0-1"},
		{"1-0.alpha", "1..a1", "1-1.foo-bar-1-baz-0.1"},
		{"1.0.a.0.0.b", "1.0-rc.1", "1.0.0"},
		{"1.x-dev", "2024-05-01-beta2.1", "1.0-p1-dev"},
		{"1.", "1", "1.a"},
		{"", "latest", "é"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	costs.Fuzz(f, func(t *testing.T, a, b, c string) {
		for _, s := range allSchemes {
			ab, errAB := Compare(s, a, b)
			ba, errBA := Compare(s, b, a)
			bc, _ := Compare(s, b, c)
			ac, _ := Compare(s, a, c)
			if aa, _ := Compare(s, a, a); aa != 0 {
				t.Errorf("%s: %q is not itself: %d", s, a, aa)
			}
			if ab != -ba || (errAB == nil) != (errBA == nil) {
				t.Errorf("%s: %q, %q: %d (%v), the other way round %d (%v)", s, a, b, ab, errAB, ba, errBA)
			}
			if ab < -1 || ab > 1 {
				t.Errorf("%s: %q, %q: %d", s, a, b, ab)
			}
			both := valid(s, a) == nil && valid(s, b) == nil
			if both && errAB != nil || !both && errAB == nil && s != APK {
				t.Errorf("%s: %q, %q: %v, but alone %v, %v", s, a, b, errAB, valid(s, a), valid(s, b))
			}
			if s == Pacman || s == Maven {
				// Neither is a total order by its own authority: see comparePacman; and
				// to Maven a word (1.a.a) is older than an inner list (1.rc), which is
				// older than the release (1), which is older than the word.
				continue
			}
			if ab <= 0 && bc <= 0 && (ac > 0 || ac == 0 && ab+bc < 0) {
				t.Errorf("%s: %q (%d) %q (%d) %q, but the first and the last are %d", s, a, ab, b, bc, c, ac)
			}
		}
	})
}

// TestNoAllocation: matching compares every package with every advisory of its name.
func TestNoAllocation(t *testing.T) {
	for scheme, v := range map[Scheme][2]string{
		Deb:      {"1:2.36-9+deb12u4", "1:2.36-9+deb12u10"},
		RPM:      {"1:3.0.7-24.el9_2.1", "1:3.0.7-24.el9_2.10"},
		APK:      {"3.1.4_rc2-r5", "3.1.4_rc2-r10"},
		Pacman:   {"1:6.0.2-7", "1:6.0.2-8"},
		NPM:      {"1.2.3-beta.1", "1.2.3-beta.10"},
		NuGet:    {"1.2.3.4-Beta.1", "1.2.3.4-beta.10"},
		Go:       {"v1.2.3-0.20190101000000-abcdefabcdef", "v1.2.3-rc.1"},
		PEP440:   {"1.2.3rc1.post2.dev3", "1.2.3rc1.post2.dev30"},
		Maven:    {"1.2.3.Final-redhat-00001", "1.2.3.Final-redhat-00002"},
		RubyGems: {"1.2.3.rc1", "1.2.3.rc10"},
		Composer: {"v1.2.3-beta1", "1.2.3-beta10"},
		CRAN:     {"1.2-3", "1.2-30"},
		Generic:  {"1.1.1k", "1.1.1l"},
	} {
		if n := testing.AllocsPerRun(100, func() { Compare(scheme, v[0], v[1]) }); n != 0 {
			t.Errorf("Compare(%s, %q, %q) allocates %v times", scheme, v[0], v[1], n)
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	for _, c := range []struct {
		scheme Scheme
		a, b   string
	}{
		{Deb, "1:2.36-9+deb12u4", "1:2.36-9+deb12u10"},
		{RPM, "1:3.0.7-24.el9_2.1", "1:3.0.7-24.el9_2.10"},
		{APK, "3.1.4_rc2-r5", "3.1.4_rc2-r10"},
		{NPM, "1.2.3-beta.1", "1.2.3-beta.10"},
		{Go, "v1.2.3-0.20190101000000-abcdefabcdef", "v1.2.3-0.20200101000000-abcdefabcdef"},
		{PEP440, "1.2.3rc1.post2", "1.2.3rc1.post20"},
		{Maven, "1.2.3.Final-redhat-00001", "1.2.3.Final-redhat-00002"},
		{RubyGems, "1.2.3.rc1", "1.2.3.rc10"},
		{Composer, "v1.2.3-beta1", "1.2.3-beta10"},
	} {
		b.Run(string(c.scheme), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Compare(c.scheme, c.a, c.b)
			}
		})
	}
}

// TestTotalOrder checks every triple of generated versions, which look more
// like versions than what a fuzzer comes upon.
func TestTotalOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	alphabets := map[Scheme]string{SemVer: semverAlphabet, Cargo: semverAlphabet, NuGet: semverAlphabet, Pub: semverAlphabet,
		Hackage: "0 1 2 10 .0 .1 .10 01 .", CRAN: "0 1 2 10 .0 -1 .10 01 . -",
		Generic: "0 1 2 10 .0 .1 a b -rc1 -beta dev é v . k"}
	for _, d := range differentials {
		if d.scheme != Pacman && d.scheme != Maven { // see FuzzCompare
			alphabets[d.scheme] += " " + d.alphabet
		}
	}
	triples := 0
	for scheme, alphabet := range alphabets {
		pieces := strings.Fields(alphabet)
		for range 3 {
			versions := make([]string, 100)
			for i := range versions {
				versions[i] = pieces[r.IntN(min(6, len(pieces)))]
				for range r.IntN(4) {
					versions[i] += pieces[r.IntN(len(pieces))]
				}
			}
			order := make([][]int, len(versions))
			for i, a := range versions {
				for _, b := range versions {
					c, _ := Compare(scheme, a, b)
					order[i] = append(order[i], c)
				}
			}
			for i := range order {
				for j := range order {
					if order[i][j] != -order[j][i] {
						t.Fatalf("%s: %q, %q: %d and %d", scheme, versions[i], versions[j], order[i][j], order[j][i])
					}
					for k := range order {
						triples++
						ab, bc, ac := order[i][j], order[j][k], order[i][k]
						if ab <= 0 && bc <= 0 && (ac > 0 || ac == 0 && ab+bc < 0) {
							t.Fatalf("%s: %q (%d) %q (%d) %q, but the first and the last are %d", scheme, versions[i], ab, versions[j], bc, versions[k], ac)
						}
					}
				}
			}
		}
	}
	t.Logf("%d triples in %d schemes", triples, len(alphabets))
}
