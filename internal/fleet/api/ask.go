package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/fleet/auth"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/policy"
	"github.com/careen/careen/internal/report"
)

// endpoints is the table of all.
func endpoints() []endpoint {
	ref := param{"ref", "a reference, by tag or digest: registry.example.com/app:1"}
	platform := param{"platform", "of several platforms, this one: linux/arm64"}
	limit, cursor := param{"limit", "how many at most, 50 unless said"}, param{"cursor", "where the page before ended"}
	return []endpoint{
		{"GET", "/v1/overview", auth.Read, "The fleet in numbers", nil, "", "Overview", (*API).overview},
		{"GET", "/v1/images", auth.Read, "Images, newest first: all, or those with a vulnerability or a package", []param{
			{"repo", `a pattern of repositories: registry.example.com/team/*`}, {"cve", "with this vulnerability, by its primary id"},
			{"package", "with a package of this name"}, {"version", "and of this version"}, {"sort", "worst: those with the most severe findings first"}, cursor, limit,
		}, "", "Images", (*API).images},
		{"GET", "/v1/image", auth.Read, "One image", []param{ref, platform}, "", "Image", (*API).image},
		{"GET", "/v1/report", auth.Read, "An image's report by the current advisories, as careen scan writes it", []param{ref, platform, {"format", formatNames() + "; json unless said"}}, "", "Report", (*API).report},
		{"GET", "/v1/verdict", auth.Read, "Whether an image passes a gate", []param{ref, platform, {"failOn", "what --fail-on of careen scan takes; critical unless said"}}, "", "Verdict", (*API).verdict},
		{"GET", "/v1/vulnerabilities/{id}", auth.Read, "A vulnerability: the packages that have it, the fix, and in how many images", nil, "", "Vulnerability", (*API).vulnerability},
		{"GET", "/v1/packages", auth.Read, "The versions of a package that images have", []param{{"name", "of the package"}}, "", "Packages", (*API).packages},
		{"GET", "/v1/database", auth.Read, "The advisories that answers are by", nil, "", "Generations", (*API).database},
		{"GET", "/v1/sources", auth.Admin, "What is watched", nil, "", "Sources", (*API).sources},
		{"POST", "/v1/sources", auth.Admin, "Watch a reference or a pattern of references", nil, "NewSource", "Added", (*API).addSource},
		{"DELETE", "/v1/sources/{id}", auth.Admin, "Watch it no longer", nil, "", "Done", (*API).removeSource},
		{"POST", "/v1/scans", auth.Submit, "Have images scanned now", nil, "NewScans", "Queued", (*API).addScans},
		{"POST", "/v1/import", auth.Submit, "Have the images scanned that a list names, or that pods run (kubectl get pods -A -o json)", nil, "List", "Queued", (*API).importList},
		{"GET", "/v1/jobs", auth.Admin, "Jobs, newest first", []param{{"state", "of this state: running, retryable, discarded…"}, limit}, "", "Jobs", (*API).jobs},
		{"POST", "/v1/jobs/{id}/retry", auth.Admin, "Do a job now", nil, "", "Done", (*API).retryJob},
		{"GET", "/v1/failures", auth.Admin, "Images whose reading ended the process that read them", []param{limit}, "", "Failures", (*API).failures},
		{"DELETE", "/v1/failures/{digest}", auth.Admin, "Try such an image again when it is listed next", nil, "", "Done", (*API).forgetFailure},
		{"GET", "/v1/audit", auth.Admin, "Who changed what", []param{limit}, "", "Audit", (*API).audit},
		{"GET", "/v1/openapi.json", auth.Read, "This interface, in OpenAPI 3.1", nil, "", "Document", (*API).openAPI},
	}
}

func (a *API) overview(r *request) (any, error) {
	o, err := a.Store.Overview(r.Context(), r.who.Scope, time.Now())
	if err != nil {
		return nil, err
	}
	g, _, err := a.Store.Generation(r.Context())
	return struct {
		store.Overview
		Generation int64 `json:"generation"`
	}{o, g.ID}, err
}

// images is a page of a list.
type images struct {
	Images []store.ImageRow `json:"images"`
	Next   string           `json:"next,omitempty"` // cursor of the next page
}

func (a *API) images(r *request) (any, error) {
	q := r.URL.Query()
	limit, err := r.limit()
	if err != nil {
		return nil, err
	}
	ask := store.ImageQuery{Repo: q.Get("repo"), CVE: strings.ToUpper(q.Get("cve")), Package: q.Get("package"), Version: q.Get("version"), Limit: limit + 1}
	if strings.HasPrefix(q.Get("cve"), "GHSA") {
		ask.CVE = q.Get("cve")
	}
	switch q.Get("sort") {
	case "", "newest":
	case "worst":
		ask.Worst = true
	default:
		return nil, bad("sort: one of newest, worst")
	}
	if ask.After, err = store.ParseCursor(q.Get("cursor")); err != nil {
		return nil, err
	}
	list, err := a.Store.Images(r.Context(), r.who.Scope, ask)
	if err != nil {
		return nil, err
	}
	page := images{Images: list}
	if len(list) > limit {
		page.Images = list[:limit]
		page.Next = list[limit-1].Next().String()
	}
	return page, nil
}

// find finds the image that a request names.
func (a *API) find(r *request) (store.ImageRow, error) {
	return Find(r.Context(), a.Store, r.who.Scope, r.URL.Query().Get("ref"), r.URL.Query().Get("platform"))
}

// Find finds the image that a reference leads to, as far as was seen: "app:1",
// "app@sha256:…" or a digest alone.
func Find(ctx context.Context, s *store.Store, scope store.Scope, ref, platform string) (store.ImageRow, error) {
	if ref == "" {
		return store.ImageRow{}, bad("ref: which image?")
	}
	if strings.HasPrefix(ref, "sha256:") || strings.HasPrefix(ref, "sha512:") {
		return s.Image(ctx, scope, ref, "", "", platform)
	}
	n, err := image.ParseName(ref)
	if err != nil {
		return store.ImageRow{}, bad("ref: %v", err)
	}
	if n.Tag == "" {
		n.Tag = "latest"
	}
	return s.Image(ctx, scope, n.Digest, n.Repository, n.Tag, platform)
}

func (a *API) image(r *request) (any, error) { return a.find(r) }

// formats are what a report is written in.
var formats = []struct {
	name, contentType string
	write             func(io.Writer, []*report.Report) error
}{
	{"json", "application/json", report.WriteJSON},
	{"sarif", "application/sarif+json", report.WriteSARIF},
	{"cyclonedx", "application/vnd.cyclonedx+json", func(w io.Writer, r []*report.Report) error {
		return report.WriteCycloneDX(w, r, report.BOMOptions{Timestamp: time.Now()})
	}},
	{"spdx", "application/spdx+json", func(w io.Writer, r []*report.Report) error {
		return report.WriteSPDX(w, r, report.BOMOptions{Timestamp: time.Now()})
	}},
	{"table", "text/plain; charset=utf-8", func(w io.Writer, r []*report.Report) error {
		return report.WriteTable(w, r, report.TableOptions{})
	}},
}

func formatNames() string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

func (a *API) report(r *request) (any, error) {
	name := r.URL.Query().Get("format")
	if name == "" {
		name = "json"
	}
	for _, f := range formats {
		if f.name != name {
			continue
		}
		img, err := a.find(r)
		if err != nil {
			return nil, err
		}
		rep, _, err := a.Work.Report(r.Context(), img)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := f.write(&b, []*report.Report{rep}); err != nil {
			return nil, err
		}
		return document{f.contentType, b.Bytes()}, nil
	}
	return nil, bad("format: one of %s", formatNames())
}

// Verdict says whether an image passes.
type Verdict struct {
	Verdict    string `json:"verdict"` // "pass", "fail", "undecided" or "unknown"
	Because    string `json:"because,omitempty"`
	Digest     string `json:"digest,omitempty"`
	Generation int64  `json:"generation,omitempty"`
	Queued     bool   `json:"queued,omitempty"` // it is being scanned
}

func (v Verdict) status() int {
	if v.Verdict == "unknown" {
		return http.StatusAccepted
	}
	return http.StatusOK
}

func (a *API) verdict(r *request) (any, error) {
	gate, err := ParseGate(r.URL.Query().Get("failOn"))
	if err != nil {
		return nil, bad("failOn: %v", err)
	}
	return Judge(r.Context(), a.Store, a.Work, r.who, r.URL.Query().Get("ref"), r.URL.Query().Get("platform"), gate)
}

// ParseGate reads what an image must not have; critical vulnerabilities unless said.
func ParseGate(failOn string) (policy.Gate, error) {
	if failOn == "" {
		failOn = finding.Critical.String()
	}
	gate, err := policy.ParseGate(failOn)
	gate.Scope = policy.Gated
	return gate, err
}

// Judge gives the verdict on an image. One that is not known is asked for, if the
// asker may do that.
func Judge(ctx context.Context, s *store.Store, w *work.Work, who auth.Who, ref, platform string, gate policy.Gate) (Verdict, error) {
	img, err := Find(ctx, s, who.Scope, ref, platform)
	if errors.Is(err, store.ErrNotFound) {
		v := Verdict{Verdict: "unknown", Because: "it was not scanned yet"}
		if n, nameErr := image.ParseName(ref); nameErr == nil && who.Role >= auth.Submit && who.MaySee(n.Repository) {
			v.Queued, err = true, w.Submit(ctx, ref, platform)
			return v, err
		}
		return v, nil
	}
	if err != nil {
		return Verdict{}, err
	}
	rep, g, err := w.Report(ctx, img)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Verdict: "pass", Digest: img.Digest, Generation: g.ID, Because: gate.Verdict([]*report.Report{rep})}
	switch {
	case v.Because != "":
		v.Verdict = "fail"
	default:
		if gaps := policy.Incomplete([]*report.Report{rep}, gate.Scope); len(gaps) > 0 {
			v.Verdict, v.Because = "undecided", gaps[0].Text()
		}
	}
	return v, nil
}

func (a *API) vulnerability(r *request) (any, error) {
	v, err := a.Store.Vulnerability(r.Context(), r.who.Scope, r.PathValue("id"))
	for i := range v.Packages {
		v.Packages[i].Word = finding.Severity(v.Packages[i].Severity).String()
	}
	return v, err
}

func (a *API) packages(r *request) (any, error) {
	name := r.URL.Query().Get("name")
	if name == "" {
		return nil, bad("name: of which package?")
	}
	list, err := a.Store.Package(r.Context(), r.who.Scope, name)
	return map[string]any{"name": name, "versions": list}, err
}

func (a *API) database(r *request) (any, error) {
	list, err := a.Store.Generations(r.Context(), 10)
	return map[string]any{"generations": list}, err
}
