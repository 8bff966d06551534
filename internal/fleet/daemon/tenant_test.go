package daemon

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/admission"
	"github.com/careen/careen/internal/fleet/harbor"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/vulndb"
)

// ask makes a request with a token and returns its status and body.
func (p *program) ask(method, path, token, body string) (int, string) {
	p.t.Helper()
	req, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// newToken runs careend token add next to the server.
func newToken(t *testing.T, dir, name, role string, scopes ...string) string {
	t.Helper()
	args := []string{"token", "add", name, "--role", role, "--data-dir", dir}
	for _, s := range scopes {
		args = append(args, "--scope", s)
	}
	var out bytes.Buffer
	if err := Run(context.Background(), args, nil, strings.NewReader(""), &out, &out); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}

// TestTenantsDoNotSeeEachOther asks every endpoint and every page for what is
// another's, and holds that the answer is that of what does not exist.
func TestTenantsDoNotSeeEachOther(t *testing.T) {
	host := imagetest.Registry(t)
	b := vulndb.NewBuilder()
	for id, name := range map[string]string{"CVE-2024-1": "alphapkg", "CVE-2024-2": "betapkg"} {
		if err := b.Add(vulndb.Record{ID: id, Source: "secdb", Affected: []vulndb.Affected{
			{Ecosystem: "Alpine:v3.20", Name: name, Ranges: []vulndb.Range{{Fixed: "9.0-r0"}}}}}); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "advisories.db")
	if _, err := vulndb.WriteFile(file, b, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	digests := map[string]string{}
	for tenant, name := range map[string]string{"alpha": "alphapkg", "beta": "betapkg"} {
		digest, err := imagetest.Push(host+"/"+tenant+"/app:v1", imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
			imagetest.File("etc/os-release", "ID=alpine\nVERSION_ID=3.20.3\n"),
			imagetest.File("lib/apk/db/installed", "C:Q1xxxx\nP:"+name+"\nV:1.0-r0\nA:x86_64\no:"+name+"\n\n"),
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		digests[tenant] = digest
	}
	dir := t.TempDir()
	p := run(t, "--data-dir", dir, "--db", file, host+"/")
	all := newToken(t, dir, "all", "admin")
	p.until("two images", func() bool {
		_, text := p.ask("GET", "/v1/images", all, "")
		return strings.Count(text, `"digest"`) == 2
	})
	alpha, beta := newToken(t, dir, "alpha", "admin", host+"/alpha/*"), newToken(t, dir, "beta", "read", host+"/beta/*")

	ref := host + "/beta/app:v1"
	asked := []struct {
		endpoint, path, body string
		refused              int  // what alpha gets
		none                 bool // beta, whose it is, has no answer with its name either: it takes another role, or is for all
	}{
		{"GET /v1/overview", "/v1/overview", "", 200, true},
		{"GET /v1/images", "/v1/images", "", 200, false},
		{"GET /v1/images", "/v1/images?repo=" + host + "/beta/*", "", 200, false},
		{"GET /v1/images", "/v1/images?cve=CVE-2024-2", "", 200, false},
		{"GET /v1/images", "/v1/images?package=betapkg", "", 200, false},
		{"GET /v1/images", "/v1/images?sort=worst", "", 200, false},
		{"GET /v1/image", "/v1/image?ref=" + ref, "", 404, false},
		{"GET /v1/image", "/v1/image?ref=" + digests["beta"], "", 404, false},
		{"GET /v1/report", "/v1/report?ref=" + ref, "", 404, false},
		{"GET /v1/report", "/v1/report?format=table&ref=" + digests["beta"], "", 404, false},
		{"GET /v1/verdict", "/v1/verdict?failOn=unknown&ref=" + ref, "", 202, false},
		{"GET /v1/vulnerabilities/{id}", "/v1/vulnerabilities/CVE-2024-2", "", 404, false},
		{"GET /v1/packages", "/v1/packages?name=betapkg", "", 404, false},
		{"GET /v1/images", "/v1/images?package=betapkg&versions=>0", "", 200, false},
		{"GET /v1/unjudged", "/v1/unjudged?reason=nobody-publishes", "", 200, true},
		{"GET /v1/events", "/v1/events?since=0", "", 200, true},
		{"GET /v1/trends", "/v1/trends?repo=" + host + "/beta/*", "", 200, true},
		{"GET /v1/diff", "/v1/diff?from=" + ref + "&to=" + ref, "", 404, false},
		{"GET /v1/policies", "/v1/policies", "", 403, true},
		{"POST /v1/policies", "/v1/policies", `{"repos":"*","failOn":"critical"}`, 403, true},
		{"DELETE /v1/policies/{id}", "/v1/policies/1", "", 403, true},
		{"GET /v1/exceptions", "/v1/exceptions", "", 403, true},
		{"POST /v1/exceptions", "/v1/exceptions", `{"vulnerability":"CVE-2024-2","repos":"*","reason":"x","until":"2099-01-01"}`, 403, true},
		{"DELETE /v1/exceptions/{id}", "/v1/exceptions/1", "", 403, true},
		{"POST /v1/sboms", "/v1/sboms?repo=" + host + "/beta/app", `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}`, 403, true},
		{"GET /v1/hooks", "/v1/hooks", "", 403, true},
		{"POST /v1/hooks", "/v1/hooks", `{"url":"https://example.com","secret":"0123456789abcdef","repos":"*","kinds":"critical"}`, 403, true},
		{"DELETE /v1/hooks/{id}", "/v1/hooks/1", "", 403, true},
		{"POST /v1/notifications", "/v1/notifications", `{"docker_url":"` + host + `/beta/app","updated_tags":["v1"]}`, 200, true},
		{"GET /v1/database", "/v1/database", "", 200, true},
		{"GET /v1/sources", "/v1/sources", "", 403, true},
		{"POST /v1/sources", "/v1/sources", `{"pattern":"` + ref + `"}`, 403, true},
		{"DELETE /v1/sources/{id}", "/v1/sources/1", "", 403, true},
		{"POST /v1/scans", "/v1/scans", `{"references":["` + ref + `"]}`, 403, true},
		{"POST /v1/import", "/v1/import", ref, 403, true},
		{"GET /v1/jobs", "/v1/jobs", "", 403, true},
		{"POST /v1/jobs/{id}/retry", "/v1/jobs/1/retry", "", 403, true},
		{"GET /v1/failures", "/v1/failures", "", 403, true},
		{"DELETE /v1/failures/{digest}", "/v1/failures/" + digests["beta"], "", 403, true},
		{"GET /v1/audit", "/v1/audit", "", 403, true},
		{"GET /v1/openapi.json", "/v1/openapi.json", "", 200, true},
		{"GET /harbor/api/v1/metadata", "/harbor/api/v1/metadata", "", 200, true},
		{"POST /harbor/api/v1/scan", "/harbor/api/v1/scan", `{"registry":{"url":"http://` + host + `"},"artifact":{"repository":"beta/app","digest":"` + digests["beta"] + `"}}`, 422, true},
		{"GET /harbor/api/v1/scan/{id}/report", "/harbor/api/v1/scan/" + base64.RawURLEncoding.EncodeToString([]byte(host+"/beta/app@"+digests["beta"])) + "/report", "", 404, false},
		{"POST /admission/validate", "/admission/validate?unknown=deny&failOn=unknown", `{"apiVersion":"admission.k8s.io/v1","request":{"uid":"x","object":{"kind":"Pod","spec":{"containers":[{"image":"` + ref + `"}]}}}}`, 200, false},
		{"POST /admission/mutate", "/admission/mutate", `{"apiVersion":"admission.k8s.io/v1","request":{"uid":"x","object":{"kind":"Pod","spec":{"containers":[{"image":"` + ref + `"}]}}}}`, 200, true},
		{"GET /", "/", "", 200, false},
		{"GET /images", "/images?repo=beta", "", 200, false},
		{"GET /images", "/images?cve=CVE-2024-2", "", 200, false},
		{"GET /image", "/image?ref=" + ref, "", 404, false},
		{"GET /vulnerability/{id}", "/vulnerability/CVE-2024-2", "", 404, false},
		{"GET /package", "/package?name=betapkg", "", 404, false},
		{"GET /jobs", "/jobs", "", 404, true},
		{"GET /rules", "/rules", "", 404, true},
	}
	var interfaces struct {
		Paths map[string]map[string]any
	}
	if _, text := p.ask("GET", "/v1/openapi.json", all, ""); json.Unmarshal([]byte(text), &interfaces) != nil || len(interfaces.Paths) < 10 {
		t.Fatalf("no list of the endpoints: %s", text)
	}
	var endpoints []string
	for path, methods := range interfaces.Paths {
		for method := range methods {
			endpoints = append(endpoints, strings.ToUpper(method)+" "+path)
		}
	}
	endpoints = slices.Concat(endpoints, harbor.Paths(), admission.Paths())
	source, err := os.ReadFile(filepath.Join("..", "pages", "pages.go"))
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`\{"(/[^"]*)", "[a-z]+\.html", auth\.`).FindAllStringSubmatch(string(source), -1)
	if len(shown) < 6 {
		t.Fatalf("only %d pages found: has their table another form?", len(shown))
	}
	for _, m := range shown {
		endpoints = append(endpoints, "GET "+strings.TrimSuffix(m[1], "{$}"))
	}
	for _, e := range endpoints {
		if !slices.ContainsFunc(asked, func(a struct {
			endpoint, path, body string
			refused              int
			none                 bool
		}) bool {
			return a.endpoint == e
		}) {
			t.Errorf("%s is not asked: say here how one tenant would ask it for what is another's", e)
		}
	}
	for _, a := range asked {
		method, _, _ := strings.Cut(a.endpoint, " ")
		status, text := p.ask(method, a.path, alpha, a.body)
		if status != a.refused {
			t.Errorf("%s %s: alpha gets %d, want %d\n%s", method, a.path, status, a.refused, text)
		}
		// What was asked for may be repeated; anything else of beta's may not.
		shown := strings.NewReplacer(ref, "", "CVE-2024-2", "", "betapkg", "", `value="beta"`, "", digests["beta"], "").Replace(text)
		if strings.Contains(shown, "beta") || strings.Contains(shown, digests["beta"][7:19]) {
			t.Errorf("%s %s: alpha sees what is beta's:\n%s", method, a.path, text)
		}
		if a.refused == 200 && a.endpoint != "GET /v1/database" && a.endpoint != "GET /v1/openapi.json" && strings.Contains(text, "1.0-r0") && strings.Contains(a.path, "beta") {
			t.Errorf("%s %s: alpha gets a package", method, a.path)
		}
		if status, text := p.ask(method, a.path, "", a.body); status != http.StatusUnauthorized && status != http.StatusSeeOther {
			t.Errorf("%s %s without a token: %d\n%s", method, a.path, status, text)
		}
		if a.none {
			continue
		}
		if status, text := p.ask(method, a.path, beta, a.body); status != 200 || !strings.Contains(text, "beta") && !strings.Contains(text, digests["beta"][7:19]) {
			t.Errorf("%s %s: beta does not see its own: %d\n%s", method, a.path, status, text)
		}
	}
	// Numbers are those of one's own, too.
	var o struct {
		Images, Repositories int
		Vulnerabilities      struct{ Other int }
	}
	_, text := p.ask("GET", "/v1/overview", alpha, "")
	if err := json.Unmarshal([]byte(text), &o); err != nil || o.Images != 1 || o.Repositories != 1 || o.Vulnerabilities.Other != 1 {
		t.Errorf("alpha's numbers: %s", text)
	}
	if status, _ := p.ask("GET", "/metrics", alpha, ""); status != http.StatusForbidden {
		t.Errorf("the numbers of all: %d", status)
	}
	// Roles, and the end of a token.
	if status, _ := p.ask("POST", "/v1/scans", beta, `{"references":["`+ref+`"]}`); status != http.StatusForbidden {
		t.Errorf("who may only read has images scanned: %d", status)
	}
	var out lines
	if err := Run(context.Background(), []string{"token", "remove", "beta", "--data-dir", dir}, nil, strings.NewReader(""), &out, &out); err != nil {
		t.Fatal(err)
	}
	if status, _ := p.ask("GET", "/v1/images", beta, ""); status != http.StatusUnauthorized {
		t.Errorf("a token that was removed: %d", status)
	}
	// A page of another site has the browser send a request.
	req, _ := http.NewRequest("POST", p.url+"/logout", nil)
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("another site's request: %d", resp.StatusCode)
	}
}
