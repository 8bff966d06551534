package report

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/golden"
	"github.com/careen/careen/internal/sbom"
)

func render(t *testing.T, opt TableOptions, reports ...*Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteTable(&b, reports, opt); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTableGolden(t *testing.T) {
	golden.File(t, filepath.Join("testdata", "table.txt"), render(t, TableOptions{}, shop()))
	golden.File(t, filepath.Join("testdata", "table-all.txt"), render(t, TableOptions{All: true, Width: 120, Shown: Shown{Suppressed: true}}, shop()))
	for _, width := range []int{80, 100, 200} {
		golden.File(t, filepath.Join("testdata", fmt.Sprintf("table-%d.txt", width)), render(t, TableOptions{Width: width}, shop()))
		golden.File(t, filepath.Join("testdata", fmt.Sprintf("table-vulnerability-%d.txt", width)), render(t, TableOptions{Width: width, ByVulnerability: true}, shop()))
	}
	golden.File(t, filepath.Join("testdata", "table-vulnerability-60.txt"), render(t, TableOptions{Width: 60, ByVulnerability: true}, shop()))
	golden.File(t, filepath.Join("testdata", "table-links.txt"), render(t, TableOptions{Links: true, ByVulnerability: true}, shop()))
	golden.File(t, filepath.Join("testdata", "table-60.txt"), render(t, TableOptions{Width: 60}, shop()))
	golden.File(t, filepath.Join("testdata", "table-40.txt"), render(t, TableOptions{Width: 40}, shop()))
	golden.File(t, filepath.Join("testdata", "table-color.txt"), render(t, TableOptions{Width: 140, Color: true}, shop()))
	golden.File(t, filepath.Join("testdata", "table-vulnerability.txt"), render(t, TableOptions{ByVulnerability: true, Width: 120}, shop()))
	golden.File(t, filepath.Join("testdata", "table-shown.txt"), render(t, TableOptions{ByVulnerability: true, Width: 120, Shown: Shown{NotLinked: true, Suppressed: true}}, shop()))
}

// TestLinks: with links the text is the same, each id leads to its page, and an id
// that is out to end the link early does not.
func TestLinks(t *testing.T) {
	r := shop()
	r.Vulnerabilities[6].ID = "CVE-1\x1b\\\x07owned\u202e"
	link := regexp.MustCompile("\x1b]8;;([ -~]*)\x1b\\\\")
	for _, by := range []bool{false, true} {
		linked := string(render(t, TableOptions{Links: true, ByVulnerability: by, Width: 120}, r))
		if got, want := link.ReplaceAllString(linked, ""), string(render(t, TableOptions{ByVulnerability: by, Width: 120}, r)); got != want {
			t.Errorf("links change the text:\n%s", cmp.Diff(want, got))
		}
		if !strings.Contains(linked, "\x1b]8;;https://www.cve.org/CVERecord?id=CVE-2023-24538\x1b\\CVE-2023-24538\x1b]8;;\x1b\\") {
			t.Errorf("no link on an id:\n%q", linked)
		}
	}
}

func TestSecretsOfOneFileShareAParagraph(t *testing.T) {
	r := shop()
	first := r.Secrets[0]
	second := first
	second.Rule, second.Places = "npm-token", slices.Clone(first.Places)
	second.Places[0].InFile = 9
	r.Secrets = append(r.Secrets, second)
	out := string(render(t, TableOptions{}, r))
	at, life := strings.Index(out, "npm-token"), strings.Index(out, "deleted but extractable from layer 2")
	if at < 0 || at > life || strings.Count(out, "deleted but extractable from layer 2") != 1 {
		t.Errorf("not in one paragraph:\n%s", out)
	}
}

func TestTableOfSeveralPlatforms(t *testing.T) {
	arm := shop()
	arm.Target.Platform = "linux/arm64/v8"
	arm.Target.Ref = empty().Target.Ref
	golden.File(t, filepath.Join("testdata", "table-platforms.txt"), render(t, TableOptions{}, empty(), arm))
}

func TestTableEscapesWhatTheImageNames(t *testing.T) {
	r := shop()
	hostile := "a\x1b]0;owned\x07b\nc\u202ed\xff\u200be\u0085f\u2028g"
	r.Target.Ref = hostile
	r.Target.OS.Name = hostile
	r.Packages[0].Name = hostile
	r.Packages[0].Version = hostile
	r.Packages[0].UpgradeTo = hostile
	r.Packages[0].Instruction = hostile
	r.Packages[8].Locations = at(hostile, 3)
	r.Vulnerabilities[6].ID = hostile
	r.Vulnerabilities[6].Package = r.Packages[0].PURL
	r.Warnings = []Warning{{Kind: hostile, Path: hostile, Message: hostile}}
	for _, opt := range []TableOptions{{Width: 400}, {Width: 400, ByVulnerability: true}} {
		out := string(render(t, opt, r))
		checkLines(t, out, opt.Width)
		want := `a\x1b]0;owned\x07b\nc\u202ed\xff\u200be\u0085f\u2028g`
		if n := strings.Count(out, want); n < 5 {
			t.Errorf("the escaped text is there %d times, want it for each place:\n%s", n, out)
		}
	}
}

// checkLines holds an uncoloured table to what it promises of every line.
func checkLines(t *testing.T, out string, width int) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("not UTF-8: %q", out)
	}
	for l := range strings.SplitSeq(strings.TrimSuffix(out, "\n"), "\n") {
		if n := textWidth(l); n > width {
			t.Errorf("%d columns, want at most %d: %q", n, width, l)
		}
		for _, r := range l {
			if !unicode.IsGraphic(r) {
				t.Errorf("line holds %U: %q", r, l)
			}
		}
	}
}

func TestNothingFoundSaysWhatItIsWorth(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Report)
		want   string
	}{
		{"all compared with data", func(*Report) {}, "  0 vulnerabilities"},
		{"not looked for", func(r *Report) { r.Vulnerabilities = nil }, "  vulnerabilities were not looked for"},
		{"no database", func(r *Report) { r.Database = nil }, "no advisory data: nothing can be said"},
		{"empty database", func(r *Report) { r.Database.Sources = nil }, "no advisory data: nothing can be said"},
		{"release without advisories", func(r *Report) { r.Target.OS.Advisories = false }, "no advisory data for Debian"},
		{"distribution unknown", func(r *Report) { r.Target.OS = nil }, "nothing names the distribution of 4 packages"},
		{"past its end", func(r *Report) { r.Target.OS.PastEOL = true }, "past its end of life"},
		{"open flaws unknown", func(r *Report) { r.Target.OS.FixedOnly = true }, "those without one are not in this database"},
		{"no packages", func(r *Report) { r.Packages = []sbom.Package{} }, "no packages were found"},
		{"gaps", func(r *Report) {
			r.Warnings = []Warning{{Kind: "no-advisories", Layer: -1, Message: "no data for gem"}}
		}, "the warnings below say where"},
		{"some not judged", func(r *Report) { r.Judged.Not = map[sbom.Reason]int{sbom.OtherBuilder: 1} }, "none found in the packages that were judged"},
		{"filtered", func(r *Report) { r.Hidden = &Hidden{BySeverity: 4} }, "none left in the list by the flags"},
		{"suppressed", func(r *Report) { r.Vulnerabilities = shop().Vulnerabilities[13:14] }, "none that counts"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := empty()
			r.Judged = &JudgedCount{Packages: len(r.Packages)}
			test.change(r)
			out := string(render(t, TableOptions{}, r))
			if !strings.Contains(out, test.want) {
				t.Errorf("want %q in\n%s", test.want, out)
			}
			if exact := strings.Contains(out, "  0 vulnerabilities\n"); exact != (test.name == "all compared with data") {
				t.Errorf("says %q: %t\n%s", "0 vulnerabilities", exact, out)
			}
		})
	}
}

func TestTableSaysLoudly(t *testing.T) {
	r := shop()
	r.Target.OS.PastEOL = true
	r.Target.OS.EOL = "2024-06-30"
	r.Target.OS.Advisories = false
	out := string(render(t, TableOptions{}, r))
	for _, want := range []string{"END OF LIFE since 2024-06-30", "NO ADVISORY DATA"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "apt-get") {
		t.Errorf("suggests apt-get for a release whose archive is closed:\n%s", out)
	}
}

func TestTableCountsTheRowsItLeavesOut(t *testing.T) {
	r := empty()
	for i := range 30 {
		p := r.Packages[6]
		p.Name = fmt.Sprintf("package-%02d", i)
		p.PURL = "pkg:npm/" + p.Name + "@1.0.0"
		v := shop().Vulnerabilities[3]
		v.Package = p.PURL
		r.Packages = append(r.Packages, p)
		r.Vulnerabilities = append(r.Vulnerabilities, v)
	}
	out := string(render(t, TableOptions{}, r))
	if want := "\n… 10 more packages: --all\n"; !strings.Contains(out, want) {
		t.Errorf("no %q in\n%s", want, out)
	}
	out = string(render(t, TableOptions{ByVulnerability: true}, r))
	if want := "\n… 10 more vulnerabilities: --all\n"; !strings.Contains(out, want) {
		t.Errorf("no %q in\n%s", want, out)
	}
	out = string(render(t, TableOptions{All: true}, r))
	if strings.Contains(out, "--all") || !strings.Contains(out, "package-29") {
		t.Errorf("--all leaves rows out:\n%s", out)
	}
}

func FuzzTable(f *testing.F) {
	f.Add("minimist", "0.0.8", "COPY . /app", 100)
	f.Add("a\x1b]0;x\x07", "1\n2", "\u202e\xff", 40)
	f.Add("漢字パッケージ", "e\u0301\u0301\u0301\u0301", "\U0001f4a9 RUN", 61)
	f.Add(strings.Repeat("x", 300), strings.Repeat("9", 300), strings.Repeat("한", 300), 79)
	costs.Fuzz(f, func(t *testing.T, name, version, text string, width int) {
		r := shop()
		r.Target.Ref, r.Target.Platform, r.Target.Digest = text, name, version
		r.Target.OS.Name, r.Target.OS.EOL = text, version
		r.Packages[0].Name, r.Packages[0].Version, r.Packages[0].UpgradeTo, r.Packages[0].Instruction = name, version, version, text
		r.Packages[8].Type, r.Packages[8].Locations = name, at(text, 3)
		r.Vulnerabilities[6].ID, r.Vulnerabilities[6].Fix.Version = name, version
		r.Vulnerabilities[6].Fix.State = finding.FixState(text)
		r.Vulnerabilities[0].Package = text
		r.Warnings = append(r.Warnings, Warning{Kind: name, Path: text, Message: text})
		for _, by := range []bool{false, true} {
			out := render(t, TableOptions{Width: width, ByVulnerability: by}, r, shop())
			checkLines(t, string(out), effectiveWidth(width))
		}
	})
}

// The rows of a table come in the order asked for, and none gets lost.
func TestTableOrder(t *testing.T) {
	golden.File(t, filepath.Join("testdata", "table-by-severity.txt"), render(t, TableOptions{Order: BySeverity, ByVulnerability: true, Width: 120}, shop()))
	golden.File(t, filepath.Join("testdata", "table-by-package.txt"), render(t, TableOptions{Order: ByPackage}, shop()))
	golden.File(t, filepath.Join("testdata", "table-by-package-vulnerability.txt"), render(t, TableOptions{Order: ByPackage, ByVulnerability: true, Width: 120}, shop()))
	for _, rows := range []bool{false, true} {
		lines := func(o Order) []string {
			list := strings.Split(string(render(t, TableOptions{Order: o, ByVulnerability: rows, Width: 400}, shop())), "\n")
			slices.Sort(list)
			return list
		}
		for _, o := range []Order{BySeverity, ByPackage} {
			if diff := cmp.Diff(lines(ByRisk), lines(o)); diff != "" {
				t.Errorf("%s has other rows:\n%s", orderNames[o], diff)
			}
		}
	}
	for word, want := range map[string]Order{"risk": ByRisk, "severity": BySeverity, "package": ByPackage} {
		if o, err := ParseOrder(word); err != nil || o != want {
			t.Errorf("%s: %v, %v", word, o, err)
		}
	}
	if _, err := ParseOrder("name"); err == nil {
		t.Error("an unknown order must be an error")
	}
}

// TestPackagesOfADirectory: what has no layers was added by nothing, of which no column
// and no width is said; what only development needs is said where the column would be.
func TestPackagesOfADirectory(t *testing.T) {
	long := "@" + strings.Repeat("scope", 12) + "/" + strings.Repeat("name", 12)
	for _, development := range []bool{false, true} {
		r := &Report{Target: Target{Ref: "app", Kind: "dir"}, Packages: []sbom.Package{{PURL: "pkg:npm/x@1", Name: long, Version: "1.0.0", Type: "npm", Layer: -1, Development: development}}}
		for _, width := range []int{60, 200} {
			text := string(encoded(t, func(w io.Writer) error {
				return WriteTable(w, []*Report{r}, TableOptions{Width: width, Packages: true})
			}))
			if got := strings.Contains(text, "ADDED BY"); got != development {
				t.Errorf("at %d, development %v: ADDED BY %v\n%s", width, development, got, text)
			}
			if whole := strings.Join(strings.Fields(text), ""); !strings.Contains(whole, long) {
				t.Errorf("at %d the name is cut:\n%s", width, text)
			}
		}
	}
}
