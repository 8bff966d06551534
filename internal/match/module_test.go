package match

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/careen/careen/internal/feed"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/version"
	"github.com/careen/careen/internal/vulndb"
)

// TestStreamsOfAlmaLinuxDoNotMix puts, for each stream of a module, the oldest
// and the newest build that AlmaLinux's errata name into an image. Which errata
// are the stream's is read from their titles.
func TestStreamsOfAlmaLinuxDoNotMix(t *testing.T) {
	b := vulndb.NewBuilder()
	if _, err := feed.Build(context.Background(), feed.Options{Mirror: shared(t, "feeds"), Only: []string{"almalinux"}}, b); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := b.Write(&file, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	db, err := vulndb.OpenBytes(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}

	type build struct{ version, erratum string }
	streams := map[string][]build{}
	own := regexp.MustCompile(`(?:^|[ :])((?:nodejs|php|postgresql|mariadb|ruby|nginx|redis|mysql|squid|httpd):[0-9.]+)[ /]`)
	for _, rec := range readOSV(t, "AlmaLinux") {
		title := own.FindStringSubmatch(rec.Summary)
		if title == nil {
			continue
		}
		name := regexp.MustCompile(`^[a-z]+`).FindString(title[1])
		for _, a := range rec.Affected {
			if a.Package.Ecosystem == "AlmaLinux:8" && a.Package.Name == name {
				streams[title[1]] = append(streams[title[1]], build{a.Ranges[0].Events[1]["fixed"], rec.ID})
			}
		}
	}
	// Its title names ruby without a stream, which is to say the default one.
	defaults := []string{"ALSA-2024:4499"}
	findings, unlabelled := 0, 0
	for label, builds := range streams {
		slices.SortFunc(builds, func(a, b build) int {
			c, err := version.Compare(version.RPM, a.version, b.version)
			if err != nil {
				t.Fatal(err)
			}
			return c
		})
		name := regexp.MustCompile(`^[a-z]+`).FindString(label)
		newest := rpm(name, builds[len(builds)-1].version)
		newest.Modularity = label + ":8100020240101:0a1b2c3d"
		if got := Packages(context.Background(), alma8, []sbom.Package{newest}, db, Options{}); len(got.Vulnerabilities) != 0 {
			t.Errorf("%s at its newest, %s: %d findings, first %+v", label, newest.Version, len(got.Vulnerabilities), got.Vulnerabilities[0].Advisory)
		}
		oldest := rpm(name, builds[0].version)
		oldest.Modularity = newest.Modularity
		for _, v := range Packages(context.Background(), alma8, []sbom.Package{oldest}, db, Options{}).Vulnerabilities {
			findings++
			if slices.Contains(defaults, v.Advisory.ID) {
				continue
			}
			if !slices.ContainsFunc(builds, func(b build) bool { return b.erratum == v.Advisory.ID }) {
				t.Errorf("%s %s: %s by %s, which is not its erratum", label, oldest.Version, v.ID, v.Advisory.ID)
			}
		}
		oldest.Modularity = ""
		unlabelled += len(Packages(context.Background(), alma8, []sbom.Package{oldest}, db, Options{}).Vulnerabilities)
	}
	t.Logf("%d streams; %d findings on their oldest builds, %d where the label is lost", len(streams), findings, unlabelled)
	if len(streams) < 25 || findings < 300 || unlabelled < findings {
		t.Errorf("%d streams, %d findings, %d without labels: the test looks at too little", len(streams), findings, unlabelled)
	}
}

func TestUnlabelledStreams(t *testing.T) {
	for _, tt := range []struct {
		label, fixed, version string
		want                  bool
	}{
		{"nginx:1.20", "1:1.20.1-1.module_el8", "1:1.16.1-2.module_el8", false},
		{"nginx:1.16", "1:1.16.1-3.module_el8", "1:1.16.1-2.module_el8", true},
		{"nginx:1.2", "1:1.2.1-1.module_el8", "1:1.20.1-2.module_el8", false},
		{"postgresql:13", "13.5-1.module_el8", "13.3-1.module_el8", true},
		{"postgresql:13", "13.5-1.module_el8", "12.9-1.module_el8", false},
		{"php:7.4", "1:1.10.13-1.module_el8", "1:1.10.9-1.module_el8", true}, // php-pear
		{"php:7.4", "7.4.19-1.module_el8", "7.3.20-1.module_el8", false},
	} {
		if got := sameStreamNumbers(tt.label, tt.fixed, tt.version); got != tt.want {
			t.Errorf("%s, fixed in %s, installed %s: %v", tt.label, tt.fixed, tt.version, got)
		}
	}
}
