package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/imagetest"
)

// TestEveryChangeIsInTheAuditLog makes each change, and those of the command line, and
// reads who made it.
func TestEveryChangeIsInTheAuditLog(t *testing.T) {
	host := imagetest.Registry(t)
	push(t, host+"/app:v1", "1.0-r0")
	dir := t.TempDir()
	p := run(t, "--data-dir", dir, "--db", advisories(t), host+"/app:*")
	token := newToken(t, dir, "ada", "admin")
	digest := "sha256:" + strings.Repeat("d", 64)
	s, err := store.OpenBeside(context.Background(), "", dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Tx(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Died(context.Background(), digest, host+"/bad", "panic", "1", time.Now())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var jobs struct {
		Jobs []struct{ ID int64 }
	}
	p.until("a job is done", func() bool {
		_, text := p.ask("GET", "/v1/jobs?state=completed", token, "")
		return json.Unmarshal([]byte(text), &jobs) == nil && len(jobs.Jobs) > 0
	})
	type noted struct{ Who, What string }
	audit := func() (list []noted) {
		var answer struct{ Audit []noted }
		if _, text := p.ask("GET", "/v1/audit?limit=1000", token, ""); json.Unmarshal([]byte(text), &answer) != nil {
			t.Fatal(text)
		}
		return answer.Audit
	}
	if all := audit(); !slices.Contains(all, noted{"command line", "token ada added"}) || !slices.Contains(all, noted{"command line", fmt.Sprintf("source %q added", host+"/app:*")}) {
		t.Errorf("the command line's changes: %+v", all)
	}
	rows := []struct{ endpoint, path, body, what string }{
		{"POST /v1/policies", "/v1/policies", `{"repos":"h/*","failOn":"high"}`, `policy for "h/*": high`},
		{"POST /v1/policies", "/v1/policies", `{"repos":"h/*","failOn":"low"}`, `policy for "h/*": low`},
		{"DELETE /v1/policies/{id}", "/v1/policies/{id}", "", "policy {id} removed"},
		{"POST /v1/exceptions", "/v1/exceptions", `{"vulnerability":"CVE-2024-1","repos":"h/*","reason":"why","until":"2099-01-01"}`, `exception of CVE-2024-1 in "h/*" until 2099-01-01: why`},
		{"DELETE /v1/exceptions/{id}", "/v1/exceptions/{id}", "", "exception {id} removed"},
		{"POST /v1/hooks", "/v1/hooks", `{"url":"https://example.com","secret":"0123456789abcdef","repos":"h/*","kinds":"critical"}`, `hook for "h/*": https://example.com`},
		{"DELETE /v1/hooks/{id}", "/v1/hooks/{id}", "", "hook {id} removed"},
		{"POST /v1/sources", "/v1/sources", `{"pattern":"` + host + `/app:v*"}`, fmt.Sprintf("source %q added", host+"/app:v*")},
		{"DELETE /v1/sources/{id}", "/v1/sources/{id}", "", "source {id} removed"},
		{"POST /v1/jobs/{id}/retry", fmt.Sprintf("/v1/jobs/%d/retry", jobs.Jobs[0].ID), "", fmt.Sprintf("job %d tried again", jobs.Jobs[0].ID)},
		{"DELETE /v1/failures/{digest}", "/v1/failures/" + digest, "", "failure of " + digest + " forgotten"},
		{"POST /v1/scans", "/v1/scans", `{"references":["` + host + `/app:v1"]}`, fmt.Sprintf("scan of %q asked for", host+"/app:v1")},
		{"POST /v1/import", "/v1/import", host + "/app:v1\n" + host + "/app:v2\n", fmt.Sprintf("scan of %q asked for, and of 1 more", host+"/app:v1")},
		{"POST /v1/notifications", "/v1/notifications", `{"events":[{"action":"push","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","repository":"app","tag":"v3"},"request":{"host":"` + host + `"}}]}`, fmt.Sprintf("scan of %q asked for", host+"/app:v3")},
		{"POST /v1/sboms", "/v1/sboms?repo=" + host + "/app", `{"bomFormat":"CycloneDX","specVersion":"1.5","components":[]}`, fmt.Sprintf("SBOM for %q uploaded: {digest}", host+"/app")},
	}
	id := ""
	for _, row := range rows {
		before := len(audit())
		method, _, _ := strings.Cut(row.endpoint, " ")
		var status int
		var text string
		p.until(row.endpoint+" is not put off while the advisories are applied", func() bool {
			status, text = p.ask(method, strings.ReplaceAll(row.path, "{id}", id), token, row.body)
			return status != http.StatusServiceUnavailable
		})
		if status != 200 {
			t.Errorf("%s: %d %s", row.endpoint, status, text)
			continue
		}
		var kept struct{ Digests []string }
		json.Unmarshal([]byte(text), &kept)
		want := noted{"ada", strings.NewReplacer("{id}", id, "{digest}", strings.Join(kept.Digests, " ")).Replace(row.what)}
		if now := audit(); len(now) != before+1 || now[0] != want {
			t.Errorf("%s: %d lines more, the newest %+v, want %+v", row.endpoint, len(now)-before, now[0], want)
		}
		if strings.Contains(text, `"id"`) {
			var added struct{ ID int64 }
			if json.Unmarshal([]byte(text), &added) == nil {
				id = fmt.Sprint(added.ID)
			}
		}
	}
	// What is refused, or is about nothing, changes nothing and says so.
	before := len(audit())
	for _, row := range []struct {
		method, path, body string
		want               int
	}{
		{"DELETE", "/v1/policies/999", "", 404}, {"DELETE", "/v1/exceptions/999", "", 404}, {"DELETE", "/v1/hooks/999", "", 404}, {"DELETE", "/v1/sources/999", "", 404},
		{"POST", "/v1/jobs/999999/retry", "", 404}, {"POST", "/v1/jobs/x/retry", "", 404}, {"DELETE", "/v1/failures/" + digest, "", 404},
		{"POST", "/v1/policies", `{"repos":"h/*","failOn":"purple"}`, 400}, {"POST", "/v1/sources", `{"pattern":"team/*"}`, 400},
	} {
		if status, text := p.ask(row.method, row.path, token, row.body); status != row.want {
			t.Errorf("%s %s: %d, want %d: %s", row.method, row.path, status, row.want, text)
		}
	}
	if now := len(audit()); now != before {
		t.Errorf("%d lines about nothing: %+v", now-before, audit()[:now-before])
	}
	// Each change is above.
	var document struct {
		Paths map[string]map[string]struct{ Description string }
	}
	if _, text := p.ask("GET", "/v1/openapi.json", token, ""); json.Unmarshal([]byte(text), &document) != nil || len(document.Paths) < 10 {
		t.Fatal(text)
	}
	for path, methods := range document.Paths {
		for method, e := range methods {
			name := strings.ToUpper(method) + " " + path
			if method != "get" && !strings.Contains(e.Description, "Role: read") && !slices.ContainsFunc(rows, func(r struct{ endpoint, path, body, what string }) bool { return r.endpoint == name }) {
				t.Errorf("%s is not tried: what does it write into the log?", name)
			}
		}
	}
}
