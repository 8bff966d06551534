package store

import (
	"context"
	"strings"
)

// Event is a finding that came, went or changed with a generation of advisories.
type Event struct {
	ID         int64  `json:"id"`
	Generation int64  `json:"generation"`
	Kind       string `json:"kind"` // "new", "gone", "exploited", "fixable"
	Vuln       string `json:"vulnerability"`
	Severity   int    `json:"-"`
	Word       string `json:"severity,omitempty"` // absent of what is gone
	Type       string `json:"type"`
	Name       string `json:"name"`
	Version    string `json:"version"`
	Fix        string `json:"fix,omitempty"`
}

// Events lists what changed behind a generation, oldest first, of packages that
// images of a scope have. after is the last event of the page before.
func (s *Store) Events(ctx context.Context, scope Scope, since, after int64, kind string, limit int) ([]Event, error) {
	var a args
	where := []string{"e.generation > cast(" + a.add(since) + " as bigint)", "e.id > cast(" + a.add(after) + " as bigint)"}
	if kind != "" {
		where = append(where, "e.kind = "+a.add(kind))
	}
	if !scope.all() {
		where = append(where, "exists (select 1 from (select 1) o {{holding e.key_id}} where "+scope.visible("m.image_id", &a)+")")
	}
	list := []Event{}
	rows, err := s.query(ctx, `select e.id, e.generation, e.kind, v.name, coalesce(f.severity, -1), k.type, k.name, k.version, coalesce(f.fix, '')
		from event e join key k on k.id = e.key_id join vuln v on v.id = e.vuln_id left join finding f on f.key_id = e.key_id and f.vuln_id = e.vuln_id
		where `+strings.Join(where, " and ")+" order by e.id limit cast("+a.add(limit)+" as int)", a...)
	return list, each(rows, err, func() error {
		var e Event
		err := rows.Scan(&e.ID, &e.Generation, &e.Kind, &e.Vuln, &e.Severity, &e.Type, &e.Name, &e.Version, &e.Fix)
		list = append(list, e)
		return err
	})
}

// Unjudged is a package as installed that nobody's advisories were compared with.
type Unjudged struct {
	Key     int64  `json:"id"`
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Release string `json:"release,omitempty"`
	Why     string `json:"notJudged"`
}

// Unjudged lists those that images of a scope have, behind one, by reason and number.
func (s *Store) Unjudged(ctx context.Context, scope Scope, why string, after int64, limit int) ([]Unjudged, error) {
	var a args
	where := "k.judged_not <> '' and k.judged_not = " + a.add(why) + " and k.id > cast(" + a.add(after) + " as bigint)"
	if !scope.all() {
		where += " and exists (select 1 from (select 1) o {{holding k.id}} where " + scope.visible("m.image_id", &a) + ")"
	}
	list := []Unjudged{}
	rows, err := s.query(ctx, "select k.id, k.type, k.name, k.version, k.release, k.judged_not from key k where "+where+" order by k.id limit cast("+a.add(limit)+" as int)", a...)
	return list, each(rows, err, func() error {
		var u Unjudged
		err := rows.Scan(&u.Key, &u.Type, &u.Name, &u.Version, &u.Release, &u.Why)
		list = append(list, u)
		return err
	})
}

// Version is a version of a package that some image has.
type Version struct {
	Key           int64
	Type, Version string
	Release       string
}

// Versions lists the versions of a package in the fleet, whoever has them: what a
// range of versions is looked for among.
func (s *Store) Versions(ctx context.Context, name string) ([]Version, error) {
	var list []Version
	rows, err := s.query(ctx, "select id, type, version, release from key where name = $1", name)
	return list, each(rows, err, func() error {
		var v Version
		err := rows.Scan(&v.Key, &v.Type, &v.Version, &v.Release)
		list = append(list, v)
		return err
	})
}

// TagDigest is the digest that a tag had when it was last looked at; "" for a tag
// that is not known.
func (s *Store) TagDigest(ctx context.Context, repo, tag string) (of string, err error) {
	_, err = s.one(ctx, "select t.digest from repo r join tag t on t.repo_id = r.id where r.name = $1 and t.name = $2", []any{repo, tag}, []any{(*digest)(&of)})
	return of, err
}
