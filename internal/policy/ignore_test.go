package policy

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
)

func known() *report.Report {
	return &report.Report{
		Schema: report.Schema,
		Vulnerabilities: []finding.Vulnerability{
			{ID: "CVE-1", Aliases: []string{"GHSA-1"}, Fingerprint: "v1"},
			{ID: "CVE-1", Fingerprint: "v2"},
			{ID: "CVE-2", Fingerprint: "v3"},
		},
		Secrets: []finding.Secret{
			{Rule: "github-pat", Fingerprint: "s1"},
			{Rule: "jwt", Fingerprint: "s2"},
		},
		Misconfigurations: []finding.Misconfiguration{{Rule: "root-user", Fingerprint: "m1"}},
	}
}

// setAside lists the fingerprints of what is suppressed, with who said so.
func setAside(r *report.Report) string {
	var list []string
	add := func(fingerprint string, s *finding.Suppressed) {
		if s != nil {
			list = append(list, strings.TrimSpace(fingerprint+" "+s.By+" "+s.Why))
		}
	}
	for _, v := range r.Vulnerabilities {
		add(v.Fingerprint, v.Suppressed)
	}
	for _, s := range r.Secrets {
		add(s.Fingerprint, s.Suppressed)
	}
	for _, m := range r.Misconfigurations {
		add(m.Fingerprint, m.Suppressed)
	}
	return strings.Join(list, "; ")
}

func TestIgnore(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct{ file, want, warning string }{
		{"", "", ""},
		{"# nothing\n\n", "", ""},
		{"CVE-1\r\n", "v1 ign; v2 ign", ""},
		{"GHSA-1 # not reachable", "v1 ign not reachable", ""},
		{"s1 exp:2026-06-01 # until tonight", "s1 ign until tonight", ""},
		{"jwt\nroot-user", "s2 ign; m1 ign", ""},
		{"s1 exp:2026-05-30\nv3", "v3 ign", "ign: no longer ignored: s1 (until 2026-05-30)"},
	}
	for _, tt := range tests {
		var a Accepted
		if err := a.Ignore("ign", []byte(tt.file), now); err != nil {
			t.Errorf("%q: %v", tt.file, err)
			continue
		}
		r := known()
		a.Apply(r)
		if got := setAside(r); got != tt.want {
			t.Errorf("%q: suppressed %q, want %q", tt.file, got, tt.want)
		}
		warning := ""
		for _, w := range r.Warnings {
			warning = w.Message
		}
		if warning != tt.warning {
			t.Errorf("%q: warning %q", tt.file, warning)
		}
	}
	for _, bad := range []string{"s1 until tomorrow", "s1 exp:soon", "x" + strings.Repeat(" ", maxIgnoreLine)} {
		if err := new(Accepted).Ignore("ign", []byte("\n"+bad), now); err == nil || !strings.HasPrefix(err.Error(), "ign:2: ") {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func TestBaseline(t *testing.T) {
	old := known()
	old.Vulnerabilities, old.Secrets, old.Misconfigurations = old.Vulnerabilities[:1], old.Secrets[:1], nil
	for _, reports := range [][]*report.Report{{old}, {old, {Schema: report.Schema}}} {
		var doc bytes.Buffer
		if err := report.WriteJSON(&doc, reports); err != nil {
			t.Fatal(err)
		}
		var a Accepted
		if err := a.Baseline("old.json", doc.Bytes()); err != nil {
			t.Fatal(err)
		}
		r := known()
		a.Apply(r)
		if got, want := setAside(r), "v1 baseline; s1 baseline"; got != want {
			t.Errorf("suppressed %q, want %q", got, want)
		}
	}
	for _, bad := range []string{"", "{", "{}", "[1]", `{"schema":"other"}`} {
		if err := new(Accepted).Baseline("old.json", []byte(bad)); err == nil || !strings.HasPrefix(err.Error(), "old.json: not a report") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestIgnoreCaseAndUnused: an id is the same in any case, and an entry that no
// finding of any report has is named.
func TestIgnoreCaseAndUnused(t *testing.T) {
	var a Accepted
	if err := a.Ignore("ign", []byte("cve-1 # known\nGITHUB-PAT\nCVE-2024-9999\nghsa-9\n"), time.Now()); err != nil {
		t.Fatal(err)
	}
	r := known()
	a.Apply(r)
	a.Apply(&report.Report{Vulnerabilities: []finding.Vulnerability{{ID: "X-1", Aliases: []string{"GHSA-9"}}}})
	if got, want := setAside(r), "v1 ign known; v2 ign known; s1 ign"; got != want {
		t.Errorf("suppressed %q, want %q", got, want)
	}
	if got := a.Unused(); len(got) != 1 || got[0] != "CVE-2024-9999" {
		t.Errorf("unused: %q", got)
	}
}
