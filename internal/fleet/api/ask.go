package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/fleet/auth"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/page"
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
			{"package", "with a package of this name"}, {"version", "and of this version"}, {"versions", "and of a version in this range: >=3.0,<3.0.12"}, {"secret", "with a secret that this rule found: github-pat"}, {"sort", "worst: those with the most severe findings first"}, cursor, limit,
		}, "", "Images", (*API).images},
		{"GET", "/v1/image", auth.Read, "One image", []param{ref, platform}, "", "Image", (*API).image},
		{"GET", "/v1/report", auth.Read, "An image's report by the current advisories, as careen scan writes it", []param{ref, platform, {"format", formatNames() + "; json unless said"}}, "", "Report", (*API).report},
		{"GET", "/v1/verdict", auth.Read, "Whether an image passes a gate", []param{ref, platform, {"failOn", "what --fail-on of careen scan takes; critical unless said"}}, "", "Verdict", (*API).verdict},
		{"GET", "/v1/vulnerabilities/{id}", auth.Read, "A vulnerability: the packages that have it, the fix, and in how many images", nil, "", "Vulnerability", (*API).vulnerability},
		{"GET", "/v1/packages", auth.Read, "The versions of a package that images have", []param{{"name", "of the package"}}, "", "Packages", (*API).packages},
		{"GET", "/v1/unjudged", auth.Read, "Packages that nobody's advisories were compared with", []param{{"reason", "why not: " + reasonNames()}, cursor, limit}, "", "Unjudged", (*API).unjudged},
		{"GET", "/v1/events", auth.Read, "What came, went or changed with the advisories, oldest first", []param{{"since", "behind this generation"}, {"kind", "one of new, gone, exploited, fixable"}, cursor, limit}, "", "Events", (*API).events},
		{"GET", "/v1/trends", auth.Read, "The numbers of the last days", []param{{"repo", "of the repositories that this pattern names"}, {"days", "how many, 90 unless said"}}, "", "Trend", (*API).trends},
		{"GET", "/v1/diff", auth.Read, "What one image has that another has not, as careen diff writes it", []param{{"from", "a reference"}, {"to", "a reference"}, platform}, "", "Difference", (*API).diff},
		{"GET", "/v1/policies", auth.Admin, "What images of which repositories must not have", nil, "", "Policies", (*API).policies},
		{"POST", "/v1/policies", auth.Admin, "Say that for some repositories", nil, "NewPolicy", "Added", (*API).addPolicy},
		{"DELETE", "/v1/policies/{id}", auth.Admin, "Say it no longer", nil, "", "Done", (*API).removePolicy},
		{"GET", "/v1/exceptions", auth.Admin, "What is accepted, by whom and until when", nil, "", "Exceptions", (*API).exceptions},
		{"POST", "/v1/exceptions", auth.Admin, "Accept a vulnerability for some time", nil, "NewException", "Added", (*API).addException},
		{"DELETE", "/v1/exceptions/{id}", auth.Admin, "Accept it no longer", nil, "", "Done", (*API).removeException},
		{"POST", "/v1/sboms", auth.Submit, "Keep and judge an SBOM (CycloneDX, SPDX), or a result of careen scan -f json", []param{{"repo", "the repository that it is for"}}, "Upload", "Uploaded", (*API).upload},
		{"GET", "/v1/hooks", auth.Admin, "Who is told what changes", nil, "", "Hooks", (*API).hooks},
		{"POST", "/v1/hooks", auth.Admin, "Tell someone what changes in some repositories", nil, "NewHook", "Added", (*API).addHook},
		{"DELETE", "/v1/hooks/{id}", auth.Admin, "Tell it no longer", nil, "", "Done", (*API).removeHook},
		{"POST", "/v1/notifications", auth.Submit, "What a registry says was pushed: Docker distribution, Harbor, Quay, GitHub", nil, "Notification", "Queued", (*API).notified},
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
	ask := store.ImageQuery{Repo: q.Get("repo"), CVE: strings.ToUpper(q.Get("cve")), Package: q.Get("package"), Version: q.Get("version"), Secret: q.Get("secret"), Limit: limit + 1}
	if text := q.Get("versions"); text != "" {
		if ask.Package == "" {
			return nil, bad("versions: of which package?")
		}
		between, err := ParseRange(text)
		if err != nil {
			return nil, bad("versions: %v", err)
		}
		all, err := a.Store.Versions(r.Context(), ask.Package)
		if err != nil {
			return nil, err
		}
		ask.Package, ask.Keys = "", between.keys(all)
	}
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

// contentTypes are those of report's formats that are not JSON.
var contentTypes = map[string]string{
	"table": "text/plain; charset=utf-8", "markdown": "text/markdown; charset=utf-8", "html": "text/html; charset=utf-8", "csv": "text/csv; charset=utf-8",
	"junit": "application/xml", "sarif": "application/sarif+json", "cyclonedx": "application/vnd.cyclonedx+json", "spdx": "application/spdx+json",
}

// formats are what a report is written in: those of careen scan, but for the one that
// takes a template.
func formats() []report.Format {
	return slices.DeleteFunc(report.FormatsOf("scan"), func(f report.Format) bool { return f.Name == "template" })
}

func formatNames() string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

func (a *API) report(r *request) (any, error) {
	name := cmp.Or(r.URL.Query().Get("format"), "json")
	i := slices.IndexFunc(formats(), func(f report.Format) bool { return f.Name == name })
	if i < 0 {
		return nil, bad("format: one of %s", formatNames())
	}
	img, err := a.find(r)
	if err != nil {
		return nil, err
	}
	rep, _, err := a.Work.Report(r.Context(), img)
	if err != nil {
		return nil, err
	}
	reports := []*report.Report{rep}
	var b bytes.Buffer
	err = formats()[i].Write(&b, &report.Document{Reports: reports, BOM: report.BOMOptions{Timestamp: time.Now()}, Own: map[string]func(io.Writer) error{
		"html": func(w io.Writer) error { return page.Write(w, reports, page.Options{}) },
	}})
	return document{cmp.Or(contentTypes[name], "application/json"), b.Bytes()}, err
}

// Verdict says whether an image passes.
type Verdict struct {
	Verdict    string `json:"verdict"` // "pass", "fail", "undecided" or "unknown"
	Because    string `json:"because,omitempty"`
	FailOn     string `json:"failOn,omitempty"` // what it was judged by
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
	failOn := r.URL.Query().Get("failOn")
	if failOn != "" {
		if _, err := ParseGate(failOn); err != nil {
			return nil, bad("failOn: %v", err)
		}
	}
	return Judge(r.Context(), a.Store, a.Work, r.who, r.URL.Query().Get("ref"), r.URL.Query().Get("platform"), failOn)
}

// ParseGate reads what an image must not have.
func ParseGate(failOn string) (policy.Gate, error) {
	gate, err := policy.ParseGate(failOn)
	gate.Scope = policy.Gated
	return gate, err
}

// Judge gives the verdict on an image: by what is asked for, else by the policy for its
// repository, else by critical vulnerabilities. One that is not known is asked for, if
// the asker may do that.
func Judge(ctx context.Context, s *store.Store, w *work.Work, who auth.Who, ref, platform, failOn string) (Verdict, error) {
	img, err := Find(ctx, s, who.Scope, ref, platform)
	if errors.Is(err, store.ErrNotFound) {
		return unknown(ctx, w, who, ref, platform)
	}
	if err != nil {
		return Verdict{}, err
	}
	by := failOn
	if by == "" {
		repo := img.Asked
		if repo == "" && len(img.Repos) > 0 {
			repo = img.Repos[0]
		}
		p, found, err := s.PolicyOf(ctx, repo)
		if err != nil {
			return Verdict{}, err
		}
		by = finding.Critical.String()
		if found {
			by = p.FailOn
		}
	}
	gate, err := ParseGate(by)
	if err != nil {
		return Verdict{}, err
	}
	rep, g, err := w.Report(ctx, img)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Verdict: "pass", FailOn: by, Digest: img.Digest, Generation: g.ID, Because: gate.Verdict([]*report.Report{rep})}
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

// unknown is the verdict on an image that is not known.
func unknown(ctx context.Context, w *work.Work, who auth.Who, ref, platform string) (Verdict, error) {
	v := Verdict{Verdict: "unknown", Because: "it was not scanned yet"}
	n, err := image.ParseName(ref)
	if err != nil || !who.MaySee(n.Repository) {
		return v, nil
	}
	away, why, err := w.PutAway(ctx, n.Repository, cmp.Or(n.Tag, "latest"), n.Digest)
	switch {
	case err != nil:
		return v, err
	case away:
		return Verdict{Verdict: "undecided", Because: "it could not be read, and was put away: " + why, Digest: n.Digest}, nil
	case who.Role >= auth.Submit:
		err := w.Submit(ctx, "", platform, ref)
		if errors.Is(err, work.ErrBusy) {
			v.Because += "; it could not be queued: " + err.Error()
			return v, nil
		}
		v.Queued = err == nil
		return v, err
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
