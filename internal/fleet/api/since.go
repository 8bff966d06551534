package api

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/careen/careen/internal/diff"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/sbom"
)

// number reads a number of a query that is not negative.
func (r *request) number(name string, usual int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, bad("%s: a number", name)
	}
	return n, nil
}

// events is a page of what changed.
type events struct {
	Events     []store.Event `json:"events"`
	Generation int64         `json:"generation"` // the current one: what to ask since, when all pages were read
	Next       string        `json:"next,omitempty"`
}

func (a *API) events(r *request) (any, error) {
	limit, err := r.limit()
	if err != nil {
		return nil, err
	}
	since, err := r.number("since", 0)
	if err != nil {
		return nil, err
	}
	after, err := r.number("cursor", 0)
	if err != nil {
		return nil, err
	}
	kind := r.URL.Query().Get("kind")
	if kind != "" && !slices.Contains([]string{"new", "gone", "exploited", "fixable"}, kind) {
		return nil, bad("kind: one of new, gone, exploited, fixable")
	}
	g, err := a.Store.Current(r.Context())
	if err != nil {
		return nil, err
	}
	list, err := a.Store.Events(r.Context(), r.who.Scope, since, after, kind, limit+1)
	page := events{Events: list, Generation: g}
	if len(list) > limit {
		page.Events = list[:limit]
		page.Next = strconv.FormatInt(list[limit-1].ID, 10)
	}
	for i := range page.Events {
		if e := &page.Events[i]; e.Severity >= 0 {
			e.Word = finding.Severity(e.Severity).String()
		}
	}
	return page, err
}

// reasons are those for which nobody's advisories are compared with a package.
func reasons() []string {
	var list []string
	for _, r := range []sbom.Reason{sbom.NoData, sbom.NobodyPublish, sbom.NoDistribution, sbom.OtherBuilder, sbom.ForeignType, sbom.Owned, sbom.NoName, sbom.NoVersion, sbom.NoOrder} {
		list = append(list, string(r))
	}
	return list
}

func reasonNames() string { return strings.Join(reasons(), ", ") }

// unjudged is a page of packages; pages of one reason follow each other.
type unjudged struct {
	Packages []store.Unjudged `json:"packages"`
	Next     string           `json:"next,omitempty"`
}

func (a *API) unjudged(r *request) (any, error) {
	limit, err := r.limit()
	if err != nil {
		return nil, err
	}
	after, err := r.number("cursor", 0)
	if err != nil {
		return nil, err
	}
	why := r.URL.Query().Get("reason")
	if !slices.Contains(reasons(), why) {
		return nil, bad("reason: one of %s", reasonNames())
	}
	list, err := a.Store.Unjudged(r.Context(), r.who.Scope, why, after, limit+1)
	page := unjudged{Packages: list}
	if len(list) > limit {
		page.Packages = list[:limit]
		page.Next = strconv.FormatInt(list[limit-1].Key, 10)
	}
	return page, err
}

func (a *API) trends(r *request) (any, error) {
	const most = 3660
	days, err := r.number("days", 90)
	if err != nil {
		return nil, err
	}
	if days == 0 || days > most {
		return nil, bad("days: a number from 1 to %d", most)
	}
	list, err := a.Store.Trend(r.Context(), r.who.Scope, r.URL.Query().Get("repo"), int(days), time.Now())
	return map[string]any{"days": list}, err
}

func (a *API) diff(r *request) (any, error) {
	q := r.URL.Query()
	from, err := Find(r.Context(), a.Store, r.who.Scope, q.Get("from"), q.Get("platform"))
	if err != nil {
		return nil, err
	}
	to, err := Find(r.Context(), a.Store, r.who.Scope, q.Get("to"), q.Get("platform"))
	if err != nil {
		return nil, err
	}
	before, _, err := a.Work.Report(r.Context(), from)
	if err != nil {
		return nil, err
	}
	after, _, err := a.Work.Report(r.Context(), to)
	if err != nil {
		return nil, err
	}
	return diff.Compare(before, after), nil
}
