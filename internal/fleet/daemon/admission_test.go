package daemon

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/imagetest"
)

// answered is an AdmissionReview's response.
type answered struct {
	APIVersion, Kind string
	Response         struct {
		UID       string
		Allowed   bool
		Status    struct{ Message string }
		Warnings  []string
		PatchType string
		Patch     []byte
	}
}

func (p *program) review(path string, images ...string) (a answered) {
	p.t.Helper()
	var list []string
	for _, i := range images {
		list = append(list, fmt.Sprintf(`{"name":"c","image":%q}`, i))
	}
	status, text := p.ask("POST", path, "", `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"7f0c","operation":"CREATE","object":{"kind":"Pod","spec":{"containers":[`+strings.Join(list, ",")+`]}}}}`)
	if err := json.Unmarshal([]byte(text), &a); err != nil || status != 200 {
		p.t.Fatalf("%d %v\n%s", status, err, text)
	}
	if a.APIVersion != "admission.k8s.io/v1" || a.Kind != "AdmissionReview" || a.Response.UID != "7f0c" {
		p.t.Errorf("the frame: %+v", a)
	}
	return a
}

// TestAdmission has pods admitted, by policies, exceptions and what is not known.
func TestAdmission(t *testing.T) {
	host := imagetest.Registry(t)
	push(t, host+"/team/bad:v1", "1.0-r0")
	push(t, host+"/team/good:v1", "2.0-r0")
	p := run(t, "--data-dir", t.TempDir(), "--db", advisories(t), host+"/")
	bad, good := host+"/team/bad:v1", host+"/team/good:v1"
	p.until("both images", func() bool {
		_, text := p.get("/v1/images")
		return strings.Contains(text, bad) && strings.Contains(text, good)
	})
	if a := p.review("/admission/validate", good).Response; !a.Allowed || len(a.Warnings) > 0 {
		t.Errorf("the good one: %+v", a)
	}
	if a := p.review("/admission/validate", good, bad).Response; a.Allowed || !strings.Contains(a.Status.Message, bad) || strings.Contains(a.Status.Message, good) {
		t.Errorf("the bad one: %+v", a)
	}
	// What is not known is queued, and the URL says whether it may run meanwhile.
	push(t, host+"/team/late:v1", "1.0-r0")
	late := host + "/team/late:v1"
	if a := p.review("/admission/validate", late).Response; !a.Allowed || len(a.Warnings) != 1 || !strings.Contains(a.Warnings[0], "not scanned yet") {
		t.Errorf("one that is not known, open: %+v", a)
	}
	p.until("the one that was not known is denied", func() bool { return !p.review("/admission/validate?unknown=deny", late).Response.Allowed })
	p.until("it is scanned", func() bool {
		return strings.Contains(p.review("/admission/validate", late).Response.Status.Message, "critical")
	})
	if a := p.review("/admission/validate?unknown=deny", "registry.invalid/never:1").Response; a.Allowed {
		t.Errorf("one that is not known, closed: %+v", a)
	}
	if a := p.review("/admission/validate?undecided=deny", "UPPER CASE").Response; a.Allowed {
		t.Errorf("no reference: %+v", a)
	}
	// A policy for the repository, and an exception that ends.
	if status, text := p.ask("POST", "/v1/policies", "", `{"repos":"`+host+`/team/b*","failOn":"kev"}`); status != 200 {
		t.Fatalf("policy: %d %s", status, text)
	}
	var verdict struct{ Verdict, FailOn, Because string }
	if p.json("/v1/verdict?ref="+bad, &verdict); verdict.Verdict != "pass" || verdict.FailOn != "kev" {
		t.Errorf("by the policy: %+v", verdict)
	}
	if p.json("/v1/verdict?ref="+late, &verdict); verdict.Verdict != "fail" {
		t.Errorf("a repository without a policy: %+v", verdict)
	}
	for body, want := range map[string]int{
		`{"vulnerability":"CVE-2024-1","repos":"` + host + `/team/late","reason":"not reachable","until":"` + time.Now().AddDate(0, 1, 0).Format(time.DateOnly) + `","owner":"team@example.com"}`: 200,
		`{"vulnerability":"CVE-2024-1","repos":"*","reason":"over","until":"2020-01-01"}`:                                                                                                         400,
		`{"vulnerability":"CVE-2024-1","repos":"*","until":"2099-01-01"}`:                                                                                                                         400,
	} {
		if status, text := p.ask("POST", "/v1/exceptions", "", body); status != want {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if p.json("/v1/verdict?ref="+late, &verdict); verdict.Verdict != "pass" {
		t.Errorf("by the exception: %+v", verdict)
	}
	if _, text := p.get("/v1/report?ref=" + late); !strings.Contains(text, "not reachable (team@example.com, until ") {
		t.Errorf("the report does not say who accepted it:\n%.2000s", text)
	}
	if status, _ := p.ask("DELETE", "/v1/exceptions/1", "", ""); status != 200 {
		t.Errorf("removed: %d", status)
	}
	if p.json("/v1/verdict?ref="+late, &verdict); verdict.Verdict != "fail" {
		t.Errorf("without the exception: %+v", verdict)
	}
	if _, text := p.get("/v1/audit"); !strings.Contains(text, "exception of CVE-2024-1") || !strings.Contains(text, "policy for") {
		t.Errorf("the audit log: %s", text)
	}
	// Tags become digests; what is not known stays.
	var image struct{ Digest string }
	p.json("/v1/image?ref="+good, &image)
	a := p.review("/admission/mutate", good, "registry.invalid/never:1", host+"/team/good@"+image.Digest).Response
	want := `[{"op":"test","path":"/spec/containers/0/image","value":"` + good + `"},{"op":"replace","path":"/spec/containers/0/image","value":"` + good + `@` + image.Digest + `"}]`
	if !a.Allowed || a.PatchType != "JSONPatch" || string(a.Patch) != want {
		t.Errorf("pinned: %+v\n%s", a, a.Patch)
	}
	for _, body := range []string{"", "{}", `{"apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"x"}}`, `{"apiVersion":"admission.k8s.io/v1"}`} {
		if status, _ := p.ask("POST", "/admission/validate", "", body); status != 400 {
			t.Errorf("%q: %d", body, status)
		}
	}
	if status, _ := p.ask("POST", "/admission/validate?unknown=maybe", "", "{}"); status != 400 {
		t.Errorf("another choice: %d", status)
	}
}

// TestQuestions asks what is new, what changed and what differs.
func TestQuestions(t *testing.T) {
	host := imagetest.Registry(t)
	push(t, host+"/team/app:v1", "1.0-r0")
	push(t, host+"/team/app:v2", "2.0-r0")
	p := run(t, "--data-dir", t.TempDir(), "--db", advisories(t))
	p.until("the advisories are applied", func() bool { status, _ := p.get("/readyz"); return status == 200 })
	if status, text := p.ask("POST", "/v1/notifications?registry="+host, "", `{"events":[
		{"action":"push","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","repository":"team/app","tag":"v1"},"request":{"host":"elsewhere"}},
		{"action":"push","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","repository":"team/app","tag":"v2"},"request":{"host":"elsewhere"}}]}`); status != 200 || !strings.Contains(text, `"queued":2`) {
		t.Fatalf("the notification: %d %s", status, text)
	}
	count := func(path string) int {
		var list struct{ Images, Packages, Events, Days []json.RawMessage }
		p.json(path, &list)
		return len(slices.Concat(list.Images, list.Packages, list.Events, list.Days))
	}
	p.until("both images", func() bool { return count("/v1/images") == 2 })
	for path, want := range map[string]int{
		"/v1/images?package=busybox&versions=<1.5": 1, "/v1/images?package=busybox&versions=>=1,<3": 2, "/v1/images?package=busybox&versions=>3": 0,
		"/v1/images?secret=github-pat": 0, "/v1/unjudged?reason=no-data": 0, "/v1/events?since=0": 0,
	} {
		if got := count(path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	p.until("the trend", func() bool { return count("/v1/trends") == 1 })
	var d struct {
		Schema   string
		Packages struct{ Changed, Updated, Upgraded []json.RawMessage }
	}
	if p.json("/v1/diff?from="+host+"/team/app:v1&to="+host+"/team/app:v2", &d); d.Schema != "careen-diff/1" {
		t.Errorf("the difference: %+v", d)
	}
	for _, path := range []string{"/v1/images?versions=<1", "/v1/images?package=x&versions=1", "/v1/unjudged?reason=why", "/v1/events?kind=odd", "/v1/trends?days=0", "/v1/report?format=template&ref=" + host + "/team/app:v1"} {
		if status, text := p.get(path); status != 400 {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	for format, want := range map[string]string{"html": "<!", "trivy-json": "SchemaVersion", "openvex": "@context", "csv": "CVE-2024-1", "markdown": "CVE-2024-1", "junit": "<testsuites"} {
		if status, text := p.get("/v1/report?format=" + format + "&ref=" + host + "/team/app:v1"); status != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %.300s", format, status, text)
		}
	}
}
