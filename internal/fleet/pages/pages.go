// Package pages shows the fleet to people. The server makes the pages whole; they
// need no script and have none. What comes from images is text to them, whatever it
// looks like.
package pages

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/fleet/api"
	"github.com/careen/careen/internal/fleet/auth"
	"github.com/careen/careen/internal/fleet/queue"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
	"github.com/careen/careen/internal/report"
)

//go:embed templates
var files embed.FS

//go:embed style.css
var style []byte

// Pages shows.
type Pages struct {
	Store *store.Store
	Work  *work.Work
	Queue *queue.Queue
	Guard *auth.Guard
	Log   *slog.Logger

	templates map[string]*template.Template
}

// page is one kind.
type page struct {
	path, file string
	role       auth.Role
	load       func(*Pages, *visit) (any, error)
}

// visit is a request with who makes it.
type visit struct {
	*http.Request
	who auth.Who
}

func pages() []page {
	return []page{
		{"/{$}", "overview.html", auth.Read, (*Pages).overview},
		{"/images", "images.html", auth.Read, (*Pages).images},
		{"/image", "image.html", auth.Read, (*Pages).image},
		{"/vulnerability/{id}", "vulnerability.html", auth.Read, (*Pages).vulnerability},
		{"/package", "package.html", auth.Read, (*Pages).packages},
		{"/jobs", "jobs.html", auth.Admin, (*Pages).jobs},
		{"/rules", "rules.html", auth.Admin, (*Pages).rules},
	}
}

// Register adds the pages to a server's table.
func (p *Pages) Register(mux *http.ServeMux) error {
	p.templates = map[string]*template.Template{}
	for _, name := range []string{"overview.html", "images.html", "image.html", "vulnerability.html", "package.html", "jobs.html", "rules.html", "login.html", "welcome.html", "problem.html"} {
		t, err := template.New(name).Funcs(words).ParseFS(files, "templates/frame.html", "templates/"+name)
		if err != nil {
			return err
		}
		p.templates[name] = t
	}
	for _, page := range pages() {
		mux.Handle("GET "+page.path, p.serve(page))
	}
	mux.HandleFunc("GET /style.css", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/css; charset=utf-8")
		out.Write(style)
	})
	mux.HandleFunc("GET /login", func(out http.ResponseWriter, r *http.Request) {
		p.write(out, http.StatusOK, "login.html", p.signIn(""))
	})
	mux.HandleFunc("POST /login", p.login)
	if p.Guard.People() != nil {
		mux.HandleFunc("GET "+auth.SignInPath, p.begin)
		mux.HandleFunc("GET "+auth.CallbackPath, p.finish)
	}
	mux.HandleFunc("POST /logout", func(out http.ResponseWriter, r *http.Request) {
		if err := p.Guard.SignOut(r); err != nil {
			p.Log.Error("sign out", "error", err)
			p.write(out, http.StatusInternalServerError, "problem.html", view{Title: "It failed", Data: "You are still signed in. The server's log says why."})
			return
		}
		http.SetCookie(out, cookie(r, "", -1))
		http.Redirect(out, r, "/login", http.StatusSeeOther)
	})
	return nil
}

// words are what templates say.
var words = template.FuncMap{
	"day": func(at int64) string {
		if at <= 0 {
			return "unknown"
		}
		return time.Unix(at, 0).UTC().Format("2006-01-02 15:04")
	},
	"short": func(digest string) string {
		_, hex, ok := strings.Cut(digest, ":")
		if !ok || len(hex) < 12 {
			return digest
		}
		return hex[:12]
	},
	"severity": func(rank int) string { return strings.ToLower(finding.Severity(rank).String()) },
	"lower":    func(s any) string { return strings.ToLower(strings.TrimSpace(word(s))) },
	"mb":       megabytes,
}

func word(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case finding.Severity:
		return v.String()
	}
	return ""
}

// view is what every page has.
type view struct {
	Title string
	Who   string
	Admin bool
	Data  any
}

func (p *Pages) serve(page page) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		who, status, err := p.Guard.Who(r)
		if status == http.StatusUnauthorized {
			http.Redirect(out, r, "/login", http.StatusSeeOther)
			return
		}
		if err == nil && who.Role < page.role {
			status, err = http.StatusForbidden, errors.New("this page takes the role "+page.role.String())
		}
		if err != nil {
			p.write(out, status, "problem.html", view{Title: "Not shown", Data: err.Error()})
			return
		}
		data, err := page.load(p, &visit{r, who})
		v := view{Title: titleOf(page, r), Who: who.Name, Admin: who.Role >= auth.Admin, Data: data}
		switch {
		case err == nil:
			p.write(out, http.StatusOK, page.file, v)
		case errors.Is(err, store.ErrNotFound):
			v.Title, v.Data = "Not found", "There is no such thing here."
			p.write(out, http.StatusNotFound, "problem.html", v)
		case errors.Is(err, store.ErrCursor):
			v.Title, v.Data = "Not found", "This page of the list does not exist."
			p.write(out, http.StatusBadRequest, "problem.html", v)
		default:
			p.Log.Error("page failed", "path", r.URL.Path, "error", err)
			v.Title, v.Data = "It failed", "The server's log says why."
			p.write(out, http.StatusInternalServerError, "problem.html", v)
		}
	})
}

func titleOf(page page, r *http.Request) string {
	for _, name := range []string{r.PathValue("id"), r.URL.Query().Get("ref"), r.URL.Query().Get("name")} {
		if name != "" {
			return name
		}
	}
	return strings.ToUpper(page.file[:1]) + strings.TrimSuffix(page.file[1:], ".html")
}

func (p *Pages) write(out http.ResponseWriter, status int, name string, v view) {
	var b bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&b, "frame", v); err != nil {
		p.Log.Error("page", "name", name, "error", err)
		http.Error(out, "it failed; the server's log says why", http.StatusInternalServerError)
		return
	}
	h := out.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "private, no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	out.WriteHeader(status)
	out.Write(b.Bytes())
}

func cookie(r *http.Request, token string, age int) *http.Cookie {
	return &http.Cookie{Name: auth.Cookie, Value: token, Path: "/", MaxAge: age, HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode}
}

// login keeps a token in the browser, if it is one.
func (p *Pages) login(out http.ResponseWriter, r *http.Request) {
	const day = 24 * 60 * 60
	r.Body = http.MaxBytesReader(out, r.Body, 4096)
	token := strings.TrimSpace(r.PostFormValue("token"))
	asked := r.Clone(r.Context())
	asked.Header = http.Header{"Authorization": {"Bearer " + token}}
	if _, _, err := p.Guard.Who(asked); token == "" || err != nil {
		p.write(out, http.StatusUnauthorized, "login.html", p.signIn("This is no valid token."))
		return
	}
	http.SetCookie(out, cookie(r, token, day))
	http.Redirect(out, r, "/", http.StatusSeeOther)
}

// signIn is what the page to sign in on shows.
func (p *Pages) signIn(problem string) view {
	var data struct{ Problem, Path, Issuer string }
	data.Problem = problem
	if people := p.Guard.People(); people != nil {
		data.Path, data.Issuer = auth.SignInPath, people.Issuer()
	}
	return view{Title: "Sign in", Data: data}
}

func (p *Pages) begin(out http.ResponseWriter, r *http.Request) {
	if err := p.Guard.People().Begin(out, r); err != nil {
		p.notSignedIn(out, err)
	}
}

// finish keeps a session in the browser. The page that says so leads on: a redirect
// would be the provider's, and a strict cookie is not sent with that.
func (p *Pages) finish(out http.ResponseWriter, r *http.Request) {
	session, err := p.Guard.People().Finish(out, r, p.Store)
	if err != nil {
		p.notSignedIn(out, err)
		return
	}
	http.SetCookie(out, session)
	out.Header().Set("Refresh", "0; url=/")
	p.write(out, http.StatusOK, "welcome.html", view{Title: "Signed in"})
}

func (p *Pages) notSignedIn(out http.ResponseWriter, err error) {
	var refused auth.Refused
	if errors.As(err, &refused) {
		p.write(out, http.StatusForbidden, "login.html", p.signIn(refused.Error()))
		return
	}
	p.Log.Error("sign in", "error", err)
	p.write(out, http.StatusBadGateway, "login.html", p.signIn("The provider could not be asked, or answered wrongly. The server's log says why."))
}

func (p *Pages) overview(v *visit) (any, error) {
	ctx := v.Context()
	o, err := p.Store.Overview(ctx, v.who.Scope, time.Now())
	if err != nil {
		return nil, err
	}
	worst, err := p.Store.Images(ctx, v.who.Scope, store.ImageQuery{Worst: true, Limit: 10})
	if err != nil {
		return nil, err
	}
	newest, err := p.Store.Images(ctx, v.who.Scope, store.ImageQuery{Limit: 10})
	if err != nil {
		return nil, err
	}
	g, _, err := p.Store.Generation(ctx)
	if err != nil {
		return nil, err
	}
	const days = 30
	trend, err := p.Store.Trend(ctx, v.who.Scope, "", days, time.Now())
	return struct {
		store.Overview
		Worst, Newest []store.ImageRow
		Generation    store.Generation
		Trend         []bar
	}{o, worst, newest, g, bars(trend, days)}, err
}

// bar is a day of the picture of a trend, in its own units.
type bar struct {
	store.Point
	X, Y, Height int
}

// The picture of a trend.
const (
	trendHeight = 80
	dayWidth    = 20
)

// bars makes the picture of the images with critical vulnerabilities; days that
// nothing is known of stay empty.
func bars(trend []store.Point, days int) []bar {
	most := 1
	for _, p := range trend {
		most = max(most, p.Critical)
	}
	list := []bar{}
	for i, p := range trend {
		h := p.Critical * trendHeight / most
		list = append(list, bar{p, (days - len(trend) + i) * dayWidth, trendHeight - h, h})
	}
	return list
}

func (p *Pages) rules(v *visit) (any, error) {
	if !v.who.Scope.All {
		return nil, store.ErrNotFound
	}
	policies, err := p.Store.Policies(v.Context())
	if err != nil {
		return nil, err
	}
	exceptions, err := p.Store.Exceptions(v.Context())
	return struct {
		Policies   []store.Policy
		Exceptions []store.Exception
		Now        int64
	}{policies, exceptions, time.Now().Unix()}, err
}

const pageOf = 100 // images

func (p *Pages) images(v *visit) (any, error) {
	q := v.URL.Query()
	after, err := store.ParseCursor(q.Get("cursor"))
	if err != nil {
		return nil, err
	}
	ask := store.ImageQuery{CVE: strings.TrimSpace(q.Get("cve")), Package: strings.TrimSpace(q.Get("package")), Version: strings.TrimSpace(q.Get("version")),
		Worst: q.Get("sort") == "worst", After: after, Limit: pageOf + 1}
	if repo := strings.TrimSpace(q.Get("repo")); repo != "" {
		ask.Repo = repo
		if !strings.Contains(repo, "*") {
			ask.Repo = "*" + repo + "*"
		}
	}
	list, err := p.Store.Images(v.Context(), v.who.Scope, ask)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(list) > pageOf {
		list = list[:pageOf]
		q.Set("cursor", list[pageOf-1].Next().String())
		next = "/images?" + q.Encode()
	}
	return struct {
		List                              []store.ImageRow
		Repo, CVE, Package, Version, Sort string
		Next                              string
	}{list, q.Get("repo"), ask.CVE, ask.Package, ask.Version, q.Get("sort"), next}, nil
}

func (p *Pages) image(v *visit) (any, error) {
	img, err := api.Find(v.Context(), p.Store, v.who.Scope, v.URL.Query().Get("ref"), v.URL.Query().Get("platform"))
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) {
			return nil, store.ErrNotFound
		}
		return nil, err
	}
	r, g, err := p.Work.Report(v.Context(), img)
	return struct {
		Image      store.ImageRow
		Report     *report.Report
		Generation store.Generation
	}{img, r, g}, err
}

func (p *Pages) vulnerability(v *visit) (any, error) {
	found, err := p.Store.Vulnerability(v.Context(), v.who.Scope, v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	list, err := p.Store.Images(v.Context(), v.who.Scope, store.ImageQuery{CVE: found.ID, Limit: pageOf})
	return struct {
		store.Vulnerability
		List []store.ImageRow
	}{found, list}, err
}

func (p *Pages) packages(v *visit) (any, error) {
	name := strings.TrimSpace(v.URL.Query().Get("name"))
	if name == "" {
		return struct {
			Name     string
			Versions []store.Installed
		}{}, nil
	}
	list, err := p.Store.Package(v.Context(), v.who.Scope, name)
	return struct {
		Name     string
		Versions []store.Installed
	}{name, list}, err
}

func (p *Pages) jobs(v *visit) (any, error) {
	if !v.who.Scope.All {
		return nil, store.ErrNotFound
	}
	list, err := p.Queue.List(v.Context(), v.URL.Query().Get("state"), pageOf)
	if err != nil {
		return nil, err
	}
	sources, err := p.Store.Sources(v.Context())
	if err != nil {
		return nil, err
	}
	failures, err := p.Store.Failures(v.Context(), pageOf)
	return struct {
		Jobs     []queue.Info
		Sources  []store.Source
		Failures []store.Failure
		States   []string
		State    string
	}{list, sources, failures, queue.States(), v.URL.Query().Get("state")}, err
}

func megabytes(n int64) string { return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB" }
