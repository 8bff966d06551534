// Package harbor answers Harbor as one of its scanners, by version 1.2 of its
// pluggable scanner API (https://github.com/goharbor/pluggable-scanner-spec):
// vulnerabilities and SBOMs of images that Harbor names. The short-lived credential
// that comes with a request stays in this process's memory.
package harbor

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/fleet/auth"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/report"
)

// Scanner is what Harbor talks to.
type Scanner struct {
	Store   *store.Store
	Work    *work.Work
	Guard   *auth.Guard
	Version string
	Log     *slog.Logger
}

// Prefix is where the API lies: what Harbor is given as the scanner's endpoint.
const Prefix = "/harbor"

// Paths lists "METHOD PATH" of all endpoints, for the tests of what others see.
func Paths() []string {
	return []string{"GET " + Prefix + "/api/v1/metadata", "POST " + Prefix + "/api/v1/scan", "GET " + Prefix + "/api/v1/scan/{id}/report"}
}

// Register adds the endpoints to a server's table.
func (s *Scanner) Register(mux *http.ServeMux) {
	for i, do := range []func(http.ResponseWriter, *http.Request, auth.Who) error{s.metadata, s.scan, s.report} {
		role := []auth.Role{auth.Read, auth.Submit, auth.Read}[i]
		mux.HandleFunc(Paths()[i], func(out http.ResponseWriter, r *http.Request) {
			who, status, err := s.Guard.Who(r)
			if err == nil && who.Role < role {
				status, err = http.StatusForbidden, errors.New("this takes the role "+role.String())
			}
			if err != nil {
				s.fail(out, status, err.Error())
				return
			}
			err = do(out, r, who)
			var p problem
			switch {
			case err == nil:
			case errors.As(err, &p):
				s.fail(out, p.status, p.why)
			default:
				s.Log.Error("request of Harbor failed", "path", r.URL.Path, "error", err)
				s.fail(out, http.StatusInternalServerError, "it failed; the server's log says why")
			}
		})
	}
}

type problem struct {
	status int
	why    string
}

func (p problem) Error() string { return p.why }

// The media types of the specification.
const (
	typeMetadata = "application/vnd.scanner.adapter.metadata+json; version=1.1"
	typeResponse = "application/vnd.scanner.adapter.scan.response+json; version=1.0"
	typeError    = "application/vnd.scanner.adapter.error+json; version=1.0"
	typeVulns    = "application/vnd.security.vulnerability.report; version=1.1"
	typeVulns10  = "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0"
	typeRaw      = "application/vnd.scanner.adapter.vuln.report.raw"
	typeSBOM     = "application/vnd.security.sbom.report+json; version=1.0"
	typeSPDX     = "application/spdx+json"
	typeCyclone  = "application/vnd.cyclonedx+json"
)

var consumed = []string{"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}

func (s *Scanner) fail(out http.ResponseWriter, status int, why string) {
	if status == http.StatusUnauthorized {
		out.Header().Set("WWW-Authenticate", `Basic realm="careend"`)
	}
	s.write(out, status, typeError, map[string]any{"error": map[string]string{"message": why}})
}

func (s *Scanner) write(out http.ResponseWriter, status int, mediaType string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		s.Log.Error("answer to Harbor", "error", err)
		status, b = http.StatusInternalServerError, []byte(`{"error":{"message":"it failed"}}`)
	}
	out.Header().Set("Content-Type", mediaType)
	out.Header().Set("Cache-Control", "no-store")
	out.WriteHeader(status)
	out.Write(b)
}

type scanner struct {
	Name    string `json:"name"`
	Vendor  string `json:"vendor"`
	Version string `json:"version"`
}

func (s *Scanner) self() scanner { return scanner{"Careen", "Careen", s.Version} }

func (s *Scanner) metadata(out http.ResponseWriter, r *http.Request, _ auth.Who) error {
	properties := map[string]string{"harbor.scanner-adapter/scanner-type": "os-package-vulnerability"}
	g, found, err := s.Store.Generation(r.Context())
	if err != nil {
		return err
	}
	if found {
		properties["harbor.scanner-adapter/vulnerability-database-updated-at"] = time.Unix(g.Newest, 0).UTC().Format(time.RFC3339)
	}
	s.write(out, http.StatusOK, typeMetadata, map[string]any{
		"scanner": s.self(),
		"capabilities": []any{
			map[string]any{"type": "vulnerability", "consumes_mime_types": consumed, "produces_mime_types": []string{typeVulns10, typeVulns, typeRaw}},
			map[string]any{"type": "sbom", "consumes_mime_types": consumed, "produces_mime_types": []string{typeSBOM},
				"additional_attributes": map[string]any{"sbom_media_types": []string{typeSPDX, typeCyclone}}},
		},
		"properties": properties,
	})
	return nil
}

// request is what Harbor asks for.
type request struct {
	Registry struct {
		URL           string `json:"url"`
		Authorization string `json:"authorization"`
	} `json:"registry"`
	Artifact     artifact `json:"artifact"`
	Capabilities []struct {
		Type     string   `json:"type"`
		Produces []string `json:"produces_mime_types"`
	} `json:"enabled_capabilities"`
}

type artifact struct {
	Repository string `json:"repository"`
	Digest     string `json:"digest"`
	Tag        string `json:"tag,omitempty"`
	MIMEType   string `json:"mime_type,omitempty"`
}

const maxRequest = 1 << 20

func (s *Scanner) scan(out http.ResponseWriter, r *http.Request, who auth.Who) error {
	var asked request
	if err := json.NewDecoder(http.MaxBytesReader(out, r.Body, maxRequest)).Decode(&asked); err != nil {
		return problem{http.StatusBadRequest, "no scan request: " + err.Error()}
	}
	repo, login, err := asked.check()
	if err != nil {
		return err
	}
	if !who.MaySee(repo) {
		return problem{http.StatusUnprocessableEntity, "artifact.repository: not among the repositories of this token"}
	}
	if err := s.Work.ReadWith(r.Context(), repo, asked.Artifact.Digest, asked.Artifact.Tag, login); err != nil {
		return err
	}
	s.write(out, http.StatusAccepted, typeResponse, map[string]string{"id": idOf(repo, asked.Artifact.Digest)})
	return nil
}

// check reads which image is meant, and with which credential.
func (q *request) check() (repo string, login work.Login, err error) {
	invalid := func(field, why string) (string, work.Login, error) {
		return "", work.Login{}, problem{http.StatusUnprocessableEntity, field + ": " + why}
	}
	u, err := url.Parse(q.Registry.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return invalid("registry.url", "the base URL of a registry")
	}
	login.Insecure = u.Scheme == "http"
	if q.Artifact.Repository == "" || q.Artifact.Digest == "" {
		return invalid("artifact", "repository and digest are needed")
	}
	n, err := image.ParseName(u.Host + "/" + q.Artifact.Repository + "@" + q.Artifact.Digest)
	if err != nil {
		return invalid("artifact", err.Error())
	}
	if m := q.Artifact.MIMEType; m != "" && !slices.Contains(consumed, m) {
		return "", login, problem{http.StatusNotImplemented, "artifact.mime_type: " + m + " is not scanned"}
	}
	for _, c := range q.Capabilities {
		if c.Type != "vulnerability" && c.Type != "sbom" {
			return "", login, problem{http.StatusNotImplemented, "enabled_capabilities: " + c.Type + " is not one of this scanner's"}
		}
	}
	if a := q.Registry.Authorization; a != "" {
		scheme, secret, _ := strings.Cut(a, " ")
		plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(secret))
		user, password, ok := strings.Cut(string(plain), ":")
		if !strings.EqualFold(scheme, "basic") || err != nil || !ok {
			return invalid("registry.authorization", "Basic and the credential of a robot account")
		}
		login.Username, login.Password = user, password
	}
	return n.Repository, login, nil
}

// idOf names a request by the image that it is for, so that any server can answer it.
func idOf(repo, digest string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(repo + "@" + digest))
}

func imageOf(id string) (repo, digest string, ok bool) {
	text, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return "", "", false
	}
	repo, digest, ok = strings.Cut(string(text), "@")
	return repo, digest, ok
}

func (s *Scanner) report(out http.ResponseWriter, r *http.Request, who auth.Who) error {
	repo, digest, ok := imageOf(r.PathValue("id"))
	if !ok || !who.MaySee(repo) {
		return problem{http.StatusNotFound, "no such scan request"}
	}
	accept := plainType(cmp.Or(r.Header.Get("Accept"), typeVulns))
	write := s.writer(accept)
	if write == nil {
		return problem{http.StatusNotImplemented, "no report of the type " + accept}
	}
	sbomType := r.URL.Query().Get("sbom_media_type")
	if accept == plainType(typeSBOM) && sbomType != typeSPDX && sbomType != typeCyclone {
		return problem{http.StatusBadRequest, "sbom_media_type: one of " + typeSPDX + ", " + typeCyclone}
	}
	img, err := s.Store.Image(r.Context(), who.Scope, digest, repo, "", "")
	if errors.Is(err, store.ErrNotFound) {
		return s.pending(out, r, repo, digest)
	}
	if err != nil {
		return err
	}
	rep, _, err := s.Work.Report(r.Context(), img)
	if err != nil {
		return err
	}
	rep.Target.Ref = repo + "@" + digest
	_, path, _ := strings.Cut(repo, "/")
	return write(out, rep, artifact{Repository: path, Digest: digest}, sbomType)
}

// pending answers for an image that is not there yet.
func (s *Scanner) pending(out http.ResponseWriter, r *http.Request, repo, digest string) error {
	running, why := s.Work.Reading(repo, digest)
	switch {
	case running:
		out.Header().Set("Refresh-After", "2")
		out.Header().Set("Location", r.URL.RequestURI())
		out.WriteHeader(http.StatusFound)
		return nil
	case why != "":
		return problem{http.StatusInternalServerError, why}
	}
	return problem{http.StatusNotFound, "no such scan request"}
}

// plainType writes a media type as the specification does: "a/b; version=1".
func plainType(text string) string {
	first, _, _ := strings.Cut(text, ",")
	name, version, ok := strings.Cut(first, ";")
	name = strings.TrimSpace(name)
	if version = strings.TrimSpace(version); ok && strings.HasPrefix(version, "version=") {
		return name + "; " + strings.ReplaceAll(version, `"`, "")
	}
	return name
}

type writeFunc func(out http.ResponseWriter, r *report.Report, a artifact, sbomType string) error

func (s *Scanner) writer(accept string) writeFunc {
	switch accept {
	case typeVulns, typeVulns10, "*/*":
		if accept == "*/*" {
			accept = typeVulns
		}
		return func(out http.ResponseWriter, r *report.Report, a artifact, _ string) error {
			s.write(out, http.StatusOK, accept, s.vulnerabilities(r, a))
			return nil
		}
	case typeRaw:
		return func(out http.ResponseWriter, r *report.Report, _ artifact, _ string) error {
			var b bytes.Buffer
			if err := report.WriteJSON(&b, []*report.Report{r}); err != nil {
				return err
			}
			out.Header().Set("Content-Type", typeRaw)
			_, err := io.Copy(out, &b)
			return err
		}
	case typeSBOM:
		return s.sbom
	}
	return nil
}

func (s *Scanner) sbom(out http.ResponseWriter, r *report.Report, a artifact, mediaType string) error {
	var b bytes.Buffer
	write := report.WriteSPDX
	if mediaType == typeCyclone {
		write = report.WriteCycloneDX
	}
	now := time.Now().UTC()
	if err := write(&b, []*report.Report{r}, report.BOMOptions{Timestamp: now}); err != nil {
		return err
	}
	s.write(out, http.StatusOK, typeSBOM, map[string]any{
		"generated_at": now.Format(time.RFC3339), "artifact": a, "scanner": s.self(), "media_type": mediaType, "sbom": json.RawMessage(b.Bytes()),
	})
	return nil
}

type item struct {
	ID          string         `json:"id"`
	Package     string         `json:"package"`
	Version     string         `json:"version"`
	FixVersion  string         `json:"fix_version,omitempty"`
	Severity    string         `json:"severity"`
	Description string         `json:"description,omitempty"`
	Links       []string       `json:"links"`
	CVSS        *cvss          `json:"preferred_cvss,omitempty"`
	Attributes  map[string]any `json:"vendor_attributes,omitempty"`
}

type cvss struct {
	Score  float64 `json:"score_v3"`
	Vector string  `json:"vector_v3"`
}

// vulnerabilities is the report that Harbor's console shows. What is suppressed is
// left out: Harbor has no place for the reason.
func (s *Scanner) vulnerabilities(r *report.Report, a artifact) any {
	names := map[string][2]string{}
	for _, p := range r.Packages {
		names[p.PURL] = [2]string{p.Name, p.Version}
	}
	items, worst := []item{}, finding.Unknown
	for _, v := range r.Vulnerabilities {
		if v.Suppressed != nil {
			continue
		}
		worst = max(worst, v.Severity)
		i := item{ID: v.ID, Package: names[v.Package][0], Version: names[v.Package][1], FixVersion: v.Fix.Version, Severity: word(v.Severity),
			Description: v.Title, Links: []string{}, Attributes: map[string]any{"advisory": v.Advisory.ID, "risk": v.Risk, "exploited": v.KEV}}
		if v.Advisory.URL != "" {
			i.Links = append(i.Links, v.Advisory.URL)
		}
		for _, c := range v.CVSS {
			if strings.HasPrefix(c.Vector, "CVSS:3") {
				i.CVSS = &cvss{c.Score, c.Vector}
				break
			}
		}
		items = append(items, i)
	}
	return map[string]any{"generated_at": time.Now().UTC().Format(time.RFC3339), "artifact": a, "scanner": s.self(), "severity": word(worst), "vulnerabilities": items}
}

// word is a severity as Harbor writes it: "High".
func word(s finding.Severity) string {
	w := strings.ToLower(s.String())
	return strings.ToUpper(w[:1]) + w[1:]
}
