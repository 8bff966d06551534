package harbor

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/careen/careen/internal/fleet/auth"
	"github.com/careen/careen/internal/fleet/queue"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/vulndb"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// valid checks answers by the specification that lies next to the checkout.
func valid(t *testing.T) func(schema, body string) {
	t.Helper()
	root := os.Getenv("CAREEN_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared")
	}
	text, err := os.ReadFile(filepath.Join(root, "specs", "harbor-scanner-1.2.yaml"))
	if err != nil {
		t.Logf("answers are not checked by the specification: %v (set CAREEN_SHARED)", err)
		return func(string, string) {}
	}
	var doc struct { // without the paths, whose answers have numbers for names
		Components map[string]any `json:"components"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	if err := c.AddResource("harbor.json", spec); err != nil {
		t.Fatal(err)
	}
	return func(schema, body string) {
		t.Helper()
		s, err := c.Compile("harbor.json#/components/schemas/" + schema)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Errorf("%s: %v\n%s", schema, err, body)
		} else if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v\n%s", schema, err, body)
		}
	}
}

// protected is a registry that wants a user and a password; open is the same without.
func protected(t *testing.T, user, password string) (host, open string) {
	t.Helper()
	registry := imagetest.RegistryHandler()
	closed := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			out.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			out.WriteHeader(http.StatusUnauthorized)
			return
		}
		registry.ServeHTTP(out, r)
	}))
	t.Cleanup(closed.Close)
	other := httptest.NewServer(registry)
	t.Cleanup(other.Close)
	return strings.TrimPrefix(closed.URL, "http://"), strings.TrimPrefix(other.URL, "http://")
}

// server is careend as Harbor sees it.
type server struct {
	t     *testing.T
	url   string
	store *store.Store
	token string
}

func serve(t *testing.T) *server {
	t.Helper()
	ctx := context.Background()
	s, err := store.Open(ctx, "", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w := work.New(s, work.Options{DataDir: t.TempDir(), Log: quiet, Version: "1.0.0"})
	q, err := queue.Open(ctx, queue.Options{DB: s.SQL, Handlers: w.Handlers(), Log: quiet, Workers: map[string]int{w.QueueOwn(): 2, work.QueueJudge: 1}})
	if err != nil {
		t.Fatal(err)
	}
	w.SetQueue(q)
	if err := q.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		q.Stop(ctx)
	})
	b := vulndb.NewBuilder()
	if err := b.Add(vulndb.Record{ID: "CVE-2024-1", Source: "secdb", Affected: []vulndb.Affected{
		{Ecosystem: "Alpine:v3.20", Name: "busybox", Ranges: []vulndb.Range{{Fixed: "1.5-r0"}}}}}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "advisories.db")
	if _, err := vulndb.WriteFile(file, b, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	if err := w.Offer(ctx, file); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	(&Scanner{Store: s, Work: w, Guard: auth.New(s, "127.0.0.1:0", nil), Version: "1.0.0", Log: quiet}).Register(mux)
	h := httptest.NewServer(mux)
	t.Cleanup(h.Close)
	return &server{t: t, url: h.URL + Prefix + "/api/v1", store: s}
}

// ask asks as Harbor does: it follows no redirection.
func (s *server) ask(method, path, accept, body string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	if s.token != "" {
		req.SetBasicAuth("harbor", s.token)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(b)
}

// poll asks for a report until it is there, or is not going to be.
func (s *server) poll(id, accept, query string) (*http.Response, string) {
	s.t.Helper()
	for range 600 {
		resp, body := s.ask("GET", "/scan/"+id+"/report"+query, accept, "")
		if resp.StatusCode != http.StatusFound {
			return resp, body
		}
		if resp.Header.Get("Refresh-After") == "" {
			s.t.Fatal("302 without Refresh-After")
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatal("no report within half a minute")
	return nil, ""
}

func scanRequest(registry, user, repo, digest string) string {
	return fmt.Sprintf(`{"registry":{"url":"http://%s","authorization":"Basic %s"},"artifact":{"repository":%q,"digest":%q,"tag":"v1",
		"mime_type":"application/vnd.oci.image.manifest.v1+json"},"enabled_capabilities":[{"type":"vulnerability"},{"type":"sbom","parameters":{"sbom_media_types":["application/spdx+json"]}}]}`,
		registry, base64.StdEncoding.EncodeToString([]byte(user)), repo, digest)
}

func TestHarborScansWithItsCredential(t *testing.T) {
	check := valid(t)
	registry, open := protected(t, "robot$careen", "hunter2-of-harbor")
	img := func(version string) string {
		digest, err := imagetest.Push(open+"/library/app:"+version, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
			imagetest.File("etc/os-release", "ID=alpine\nVERSION_ID=3.20.3\n"),
			imagetest.File("lib/apk/db/installed", "C:Q1xxxx\nP:busybox\nV:"+version+"-r0\nA:x86_64\no:busybox\n\n"),
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	digest, other := img("1.0"), img("2.0")
	s := serve(t)

	resp, body := s.ask("GET", "/metadata", "", "")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != typeMetadata {
		t.Errorf("metadata: %s %s", resp.Status, resp.Header)
	}
	check("ScannerAdapterMetadata", body)

	scan := func(user, digest string) string {
		t.Helper()
		resp, body := s.ask("POST", "/scan", "", scanRequest(registry, user, "library/app", digest))
		var accepted struct{ ID string }
		if err := json.Unmarshal([]byte(body), &accepted); err != nil || resp.StatusCode != http.StatusAccepted || accepted.ID == "" || resp.Header.Get("Content-Type") != typeResponse {
			t.Fatalf("scan: %s\n%s", resp.Status, body)
		}
		check("ScanResponse", body)
		return accepted.ID
	}
	refused := scan("robot$careen:wrong", other)
	if resp, body := s.poll(refused, typeVulns, ""); resp.StatusCode != 500 || !strings.Contains(body, "does not accept") || strings.Contains(body, "wrong") {
		t.Errorf("a wrong password: %s\n%s", resp.Status, body)
	} else {
		check("ErrorResponse", body)
	}

	id := scan("robot$careen:hunter2-of-harbor", digest)
	resp, body = s.poll(id, typeVulns, "")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != typeVulns {
		t.Fatalf("report: %s %s\n%s", resp.Status, resp.Header, body)
	}
	check("HarborVulnerabilityReport", body)
	var report struct {
		Artifact        artifact
		Severity        string
		Vulnerabilities []item
	}
	if err := json.Unmarshal([]byte(body), &report); err != nil {
		t.Fatal(err)
	}
	if report.Artifact != (artifact{Repository: "library/app", Digest: digest}) || len(report.Vulnerabilities) != 1 || report.Severity != report.Vulnerabilities[0].Severity {
		t.Fatalf("report: %s", body)
	}
	if v := report.Vulnerabilities[0]; v.ID != "CVE-2024-1" || v.Package != "busybox" || v.Version != "1.0-r0" || v.FixVersion != "1.5-r0" {
		t.Errorf("vulnerability: %+v", v)
	}
	if again := scan("robot$careen:hunter2-of-harbor", digest); again != id {
		t.Errorf("the same image has another id: %s", again)
	}

	for _, c := range []struct {
		accept, query string
		status        int
		schema, has   string
	}{
		{typeVulns10, "", 200, "HarborVulnerabilityReport", "CVE-2024-1"},
		{`application/vnd.security.vulnerability.report;version="1.1"`, "", 200, "HarborVulnerabilityReport", "CVE-2024-1"},
		{"*/*", "", 200, "HarborVulnerabilityReport", "CVE-2024-1"},
		{"", "", 200, "HarborVulnerabilityReport", "CVE-2024-1"},
		{typeRaw, "", 200, "", `"schema"`},
		{typeSBOM, "?sbom_media_type=application/spdx%2Bjson", 200, "HarborSbomReport", "SPDXRef-DOCUMENT"},
		{typeSBOM, "?sbom_media_type=application/vnd.cyclonedx%2Bjson", 200, "HarborSbomReport", "CycloneDX"},
		{typeSBOM, "", 400, "ErrorResponse", "sbom_media_type"},
		{typeSBOM, "?sbom_media_type=text/plain", 400, "ErrorResponse", "sbom_media_type"},
		{"application/pdf", "", 501, "ErrorResponse", "application/pdf"},
	} {
		resp, body := s.ask("GET", "/scan/"+id+"/report"+c.query, c.accept, "")
		if resp.StatusCode != c.status || !strings.Contains(body, c.has) {
			t.Errorf("%q %s: %s, want %d with %s\n%.500s", c.accept, c.query, resp.Status, c.status, c.has, body)
		}
		if c.schema != "" {
			check(c.schema, body)
		}
	}
	for _, unknown := range []string{"none", idOf(registry+"/library/app", "sha256:"+strings.Repeat("0", 64)), idOf(registry+"/other", digest)} {
		if resp, _ := s.ask("GET", "/scan/"+unknown+"/report", typeVulns, ""); resp.StatusCode != 404 {
			t.Errorf("report of %s: %s", unknown, resp.Status)
		}
	}

	// The credential is nowhere in the database.
	rows, err := s.store.SQL.Query("select cast(args as text) || coalesce(cast(errors as text), '') || cast(metadata as text) from river_job")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"hunter2", base64.StdEncoding.EncodeToString([]byte("robot$careen:hunter2-of-harbor"))} {
			if strings.Contains(text, secret) {
				t.Errorf("a job has the credential: %s", text)
			}
		}
	}
	if err := rows.Err(); err != nil || n < 2 {
		t.Errorf("%d jobs were looked at: %v", n, err)
	}
}

func TestHarborIsToldWhatIsWrong(t *testing.T) {
	check := valid(t)
	s := serve(t)
	digest := "sha256:" + strings.Repeat("a", 64)
	good := scanRequest("registry.example.com", "u:p", "library/app", digest)
	for _, c := range []struct {
		old, new string
		status   int
	}{
		{`{"registry"`, `["registry"`, 400},
		{`"repository":"library/app"`, `"repository":7`, 400},
		{`"http://registry.example.com"`, `"registry.example.com"`, 422},
		{`"http://registry.example.com"`, `"file:///etc"`, 422},
		{`"library/app"`, `""`, 422},
		{`"library/app"`, `"Library APP"`, 422},
		{digest, `sha256:1`, 422},
		{digest, ``, 422},
		{`Basic `, `Bearer `, 422},
		{base64.StdEncoding.EncodeToString([]byte("u:p")), `!`, 422},
		{`image.manifest.v1+json`, `image.index.v1+json`, 501},
		{`"type":"sbom"`, `"type":"licence"`, 501},
	} {
		body := strings.Replace(good, c.old, c.new, 1)
		if body == good {
			t.Fatalf("%s changes nothing", c.old)
		}
		resp, answer := s.ask("POST", "/scan", "", body)
		if resp.StatusCode != c.status || resp.Header.Get("Content-Type") != typeError {
			t.Errorf("%s for %s: %s, want %d\n%s", c.new, c.old, resp.Status, c.status, answer)
		}
		check("ErrorResponse", answer)
	}
}

func TestHarborsTokenBoundsIt(t *testing.T) {
	s := serve(t)
	add := func(name, role string, scopes ...string) string {
		token := auth.NewToken()
		if err := s.store.Tx(context.Background(), func(tx *store.Tx) error {
			return tx.AddToken(context.Background(), store.Token{Name: name, Role: role, Scopes: scopes}, auth.Hash(token), time.Now())
		}); err != nil {
			t.Fatal(err)
		}
		return token
	}
	reader, submitter := add("reader", "read"), add("submitter", "submit", "registry.example.com/mine/*")
	digest := "sha256:" + strings.Repeat("a", 64)
	for _, c := range []struct {
		token, method, path, body string
		status                    int
	}{
		{"", "GET", "/metadata", "", 401},
		{"careend_no", "GET", "/metadata", "", 401},
		{reader, "GET", "/metadata", "", 200},
		{reader, "POST", "/scan", scanRequest("registry.example.com", "u:p", "mine/app", digest), 403},
		{submitter, "POST", "/scan", scanRequest("registry.example.com", "u:p", "other/app", digest), 422},
		{submitter, "GET", "/scan/" + idOf("registry.example.com/other/app", digest) + "/report", "", 404},
	} {
		s.token = c.token
		if resp, body := s.ask(c.method, c.path, "", c.body); resp.StatusCode != c.status {
			t.Errorf("%s %s: %s, want %d\n%s", c.method, c.path, resp.Status, c.status, body)
		}
	}
}
