package cvss

import (
	"archive/zip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocvss30 "github.com/pandatix/go-cvss/30"
	gocvss31 "github.com/pandatix/go-cvss/31"

	"github.com/careen/careen/internal/costs"
)

func TestScore(t *testing.T) {
	for _, c := range []struct {
		vector  string
		score   float64
		version string
	}{
		// CVSS v2 guide, 3.3: worked examples.
		{"AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8, "2.0"},  // CVE-2002-0392
		{"AV:N/AC:L/Au:N/C:C/I:C/A:C", 10.0, "2.0"}, // CVE-2003-0818
		{"AV:L/AC:H/Au:N/C:C/I:C/A:C", 6.2, "2.0"},  // CVE-2003-0062
		{"(AV:N/AC:L/Au:N/C:N/I:N/A:C)", 7.8, "2.0"},
		{"CVSS2#AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8, "2.0"},
		{"CVSS:2.0/AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8, "2.0"},
		{"AV:N/AC:L/Au:N/C:N/I:N/A:C/E:F/RL:OF/RC:C", 7.8, "2.0"}, // the base score, though the temporal one is 6.4
		{"AV:N/AC:L/Au:N/C:N/I:N/A:C/E:F", 7.8, "2.0"},            // an incomplete group

		// CVSS v3.1 examples document and NVD.
		{"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1, "3.1"}, // CVE-2013-1937
		{"CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:L/I:N/A:N", 4.3, "3.1"},
		{"CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4, "3.1"},  // CVE-2013-0375
		{"CVSS:3.0/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1, "3.0"},  // CVE-2014-3566
		{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0, "3.1"}, // CVE-2021-44228
		{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5, "3.1"},  // CVE-2014-0160
		{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0, "3.1"},
		{" CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N/ \n", 7.5, "3.1"},
		{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N (7.5)", 7.5, "3.1"},
		{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N/E:U/RL:O/RC:C", 7.5, "3.1"},
		{"CVSS:3.1/S:U/C:H/I:N/A:N/AV:N/AC:L/PR:N/UI:N", 7.5, "3.1"},

		// CVSS v4.0 examples document.
		{"CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 7.3, "4.0"}, // CVE-2022-41741
		{"CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 7.7, "4.0"}, // CVE-2020-3549
		{"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", 8.7, "4.0"}, // CVE-2014-0160
		{"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", 10, "4.0"},  // CVE-2021-44228
		{"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", 0, "4.0"},
		// The threat metric counts: it is the score of the metrics given.
		{"CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U", 4.4, "4.0"},
		{"CVSS:4.0/E:U/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 4.4, "4.0"},
	} {
		score, version, err := Score(c.vector)
		if err != nil || score != c.score || version != c.version {
			t.Errorf("Score(%q) = %v, %q, %v; want %v, %q", c.vector, score, version, err, c.score, c.version)
		}
	}
}

func TestScoreRefuses(t *testing.T) {
	for _, vector := range []string{
		"",
		"7.5",
		"CVSS:3.1/",
		"CVSS:3.1/AV:N",
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N",           // a metric is missing
		"CVSS:3.1/AV:N/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",  // twice
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N/X:Y",   // unknown
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:C",       // a value of version 2
		"CVSS:3.2/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",       // no such version
		"AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",                // 3.0 or 3.1?
		"AV:N/AC:L/Au:N/C:N/I:N",                             // a metric is missing
		"AV:N/AC:L/C:N/I:N/A:C/E:F",                          // six metrics, but not the six
		"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N",   // a group is missing
		"CVSS:3.1/" + strings.Repeat("AV:N/", 1000) + "AC:L", // too long
		"CVSS:2.0/CVSS:2.0/AV:N/AC:L/Au:N/C:N/I:N/A:C",       // nested
		"CVSS:4.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",       // a 3.1 vector under another name
		"CVSS:3.1/AV:N/AC:L/Au:N/C:N/I:N/A:C",                // a 2.0 vector under another name
		"CVSS:3.1/av:n/ac:l/pr:n/ui:n/s:u/c:h/i:n/a:n",       // lower case
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N/AV:N",  // twice
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:",        // no value
		"CVSS:3.1/AV:N//AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",      // an empty metric
		"()",
	} {
		if score, version, err := Score(vector); err == nil || score != 0 || version != "" {
			t.Errorf("Score(%q) = %v, %q, %v; want an error", vector, score, version, err)
		}
	}
}

func FuzzScore(f *testing.F) {
	f.Add("AV:N/AC:L/Au:N/C:N/I:N/A:C")
	f.Add("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N/RL:O")
	f.Add("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N/MAV:X")
	f.Add("CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U/MSI:S/U:Red")
	costs.Fuzz(f, func(t *testing.T, vector string) {
		score, version, err := Score(vector)
		if err != nil {
			if score != 0 || version != "" {
				t.Errorf("Score(%q) = %v, %q with an error", vector, score, version)
			}
			return
		}
		if score < 0 || score > 10 {
			t.Errorf("Score(%q) = %v", vector, score)
		}
	})
}

// misprints are the vectors whose published score none of their formulas gives,
// with that score: one of the two was edited and the other was not.
var misprints = map[string][]float64{
	"CVSS:3.0/AV:N/AC:L/PR:L/UI:R/S:U/C:L/I:N/A:N":                                                                          {4.6},      // CVE-2023-44154
	"CVSS:3.1/AV:A/AC:L/PR:H/UI:N/S:C/C:H/I:H/A:H":                                                                          {4.9},      // CVE-2024-46902
	"CVSS:3.1/AV:L/AC:H/PR:L/UI:R/S:U/C:L/I:N/A:N":                                                                          {2.5},      // CVE-2022-46647
	"CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H":                                                                          {8.4},      // CVE-2024-28568, CVE-2024-28575
	"CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L":                                                                          {5.1},      // CVE-2024-20848
	"CVSS:3.1/AV:N/AC:H/PR:L/UI:N/S:C/C:H/I:H/A:N":                                                                          {5.3},      // CVE-2023-3932
	"CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:L/A:N/E:U/RL:O/RC:R":                                                            {4.4},      // CVE-2024-33509
	"CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:C/C:H/I:L/A:H":                                                                          {4.3},      // CVE-2024-0095
	"CVSS:3.1/AV:N/AC:L/PR:H/UI:R/S:C/C:H/I:H/A:N":                                                                          {4.6},      // CVE-2024-36997
	"CVSS:3.1/AV:N/AC:L/PR:H/UI:R/S:U/C:H/I:H/A:N":                                                                          {6.8},      // CVE-2024-20275
	"CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:L/I:N/A:N/E:P/RL:X/RC:R":                                                            {4.6},      // CVE-2024-45323
	"CVSS:3.1/AV:N/AC:L/PR:L/UI:R/S:C/C:L/I:L/A:N":                                                                          {4.3},      // CVE-2024-36995
	"CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:C/C:H/I:H/A:H/E:F/RL:T/RC:C/CR:H/IR:H/AR:M/MAV:N/MAC:L/MPR:N/MUI:N/MS:C/MC:H/MI:H/MA:H": {5.3},      // CVE-2024-9798
	"CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:L/I:H/A:N":                                                                          {7.6, 6.5}, // CVE-2023-36860, CVE-2024-36989
	"CVSS:4.0/AV:N/AC:L/AT:N/PR:H/UI:N/VC:N/VI:N/VA:N/SC:L/SI:N/SA:N":                                                       {2},        // CVE-2024-38863
	"CVSS:4.0/AV:N/AC:L/AT:P/PR:H/UI:N/VC:N/VI:N/VA:N/SC:H/SI:H/SA:N/RE:L/U:Green":                                          {5},        // CVE-2024-8642; other calculators say 5.1 too
}

// otherScore names the score of the vector that was published in place of the
// base score, "" if it is none: CNAs put the temporal or the environmental score
// there, and some tools (GitHub's, until 2024) computed the base score with the
// environmental formula, whose impact sub-score under a changed scope differs
// in 3.1 (specification, 7.3), which makes 9.9 a 10.
func otherScore(vector string, published float64) string {
	version, metrics, _ := strings.Cut(strings.TrimPrefix(vector, "CVSS:"), "/")
	switch version {
	case "3.0":
		if c, err := gocvss30.ParseVector("CVSS:3.0/" + metrics); err == nil {
			switch published {
			case c.TemporalScore():
				return "temporal"
			case c.EnvironmentalScore():
				return "environmental"
			}
		}
	case "3.1":
		if c, err := gocvss31.ParseVector("CVSS:3.1/" + metrics); err == nil {
			switch published {
			case c.TemporalScore():
				return "temporal"
			case c.EnvironmentalScore():
				return "environmental"
			}
		}
	}
	return ""
}

// TestPublishedScores holds every vector of the CVE list that has a base score
// next to it against that score.
func TestPublishedScores(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("reads fifty thousand CVE records; set CAREEN_LONG=1")
	}
	archive, err := zip.OpenReader(shared(t, "feeds", "github.com", "CVEProject", "cvelistV5", "archive", "refs", "heads", "main.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	compared, differ := map[string]int{}, map[string]int{}
	for _, f := range archive.File {
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var record any
		err = json.NewDecoder(r).Decode(&record)
		r.Close()
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		eachScore(record, func(vector string, published float64) {
			score, version, err := Score(vector)
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(f.Name), err)
				return
			}
			compared[version]++
			if score == published {
				return
			}
			why := otherScore(vector, published)
			if why == "" && slices.Contains(misprints[vector], published) {
				why = "misprint"
			}
			if why == "" {
				t.Errorf("%s: %s: %v, published as %v", filepath.Base(f.Name), vector, score, published)
			}
			differ[why]++
		})
	}
	if len(compared) < 4 {
		t.Errorf("some version was not compared at all: %v", compared)
	}
	t.Logf("compared with published base scores: %v; published in its place: %v", compared, differ)
}

// eachScore calls f for every object that has a vector and a base score.
func eachScore(v any, f func(vector string, score float64)) {
	switch v := v.(type) {
	case map[string]any:
		vector, ok := v["vectorString"].(string)
		if score, scored := v["baseScore"].(float64); ok && scored {
			f(vector, score)
		}
		for _, inner := range v {
			eachScore(inner, f)
		}
	case []any:
		for _, inner := range v {
			eachScore(inner, f)
		}
	}
}

func BenchmarkScore(b *testing.B) {
	for _, vector := range []string{
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N",
		"CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
	} {
		b.Run(vector[:8], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Score(vector)
			}
		})
	}
}
