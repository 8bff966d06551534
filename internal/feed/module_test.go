package feed

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestModuleLabels(t *testing.T) {
	for title, want := range map[string]string{
		"Important: nodejs:16 security, bug fix, and enhancement update": "nodejs:16",
		"idm:DL1 bug fix update":                                          "idm:DL1",
		"Moderate: virt:rhel and virt-devel:rhel security update":         "virt:rhel virt-devel:rhel",
		"ALSA-2022:5468: php:8.0 security update (Important)":             "php:8.0",
		"perl-DBD-Pg:3.7 bug fix and enhancement update":                  "perl-DBD-Pg:3.7",
		"Low: pmdk:1_fileformat_v6 security update":                       "pmdk:1_fileformat_v6",
		"Red Hat Security Advisory: nodejs:18 security update":            "nodejs:18",
		"Moderate: ruby security update":                                  "ruby:2.5",
		"Moderate: container-tools security update":                       "container-tools:rhel8",
		"Important: log4j:2 security update, log4j:2 again":               "log4j:2",
		"ipa bug fix and enhancement update":                              "",
		"Moderate: openssl security update":                               "",
		"http://example.com/x and :x and x: and CVE-2024:1 are no labels": "",
		"Important: httpd:2.4/mod_http2 security update":                  "httpd:2.4",
		"": "",
	} {
		if got := moduleLabels(title); got != want {
			t.Errorf("%q: %q, want %q", title, got, want)
		}
	}
}

// TestEveryModuleBuildOfAlmaLinuxIsNamed holds the rule to every erratum of
// the mirror: those of module builds whose title names no stream are counted
// by name, and nothing else is said to be of a module.
func TestEveryModuleBuildOfAlmaLinuxIsNamed(t *testing.T) {
	unnamed := []string{ // bug fixes that name no CVE, and so are left out
		"ALBA-2019:3373", "ALBA-2020:1673", "ALBA-2021:4230",
	}
	named, labels, missing := 0, map[string]bool{}, []string{}
	check := func(doc []byte, o *out) error {
		o.read++
		var raw osvRecord
		if err := json.Unmarshal(doc, &raw); err != nil {
			return err
		}
		rec, _, _, err := osvReader{source: "almalinux"}.record(&raw)
		if err != nil {
			return err
		}
		for i, a := range rec.Affected {
			modular := strings.Contains(string(raw.Affected[i].Ranges[0].Events[1].Fixed), ".module_el")
			switch {
			case modular && a.Module == "" && !slices.Contains(missing, rec.ID):
				missing = append(missing, rec.ID)
			case !modular && a.Module != "":
				t.Errorf("%s: %s %v is of %q", rec.ID, a.Name, a.Ranges, a.Module)
			case modular:
				named++
				labels[a.Module] = true
			}
		}
		return nil
	}
	if _, err := readFile(t, filepath.Join(sharedDir(t, "feeds"), bucket, "AlmaLinux", "all.zip"), format{pick: isJSON, doc: check}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d statements of %d modules", named, len(labels))
	slices.Sort(missing)
	if !slices.Equal(missing, unnamed) {
		t.Errorf("without a stream: %q, want %q", missing, unnamed)
	}
	if named < 20000 || len(labels) < 80 || !labels["nodejs:10"] || !labels["virt:rhel virt-devel:rhel"] {
		t.Errorf("%d statements, %d modules: the test looks at too little", named, len(labels))
	}
}
