package store

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Policy is what images of some repositories must not have.
type Policy struct {
	ID     int64  `json:"id"`
	Repos  string `json:"repos"`  // a pattern
	FailOn string `json:"failOn"` // as --fail-on of careen scan takes it
	Owner  string `json:"owner"`
	Added  int64  `json:"added"`
}

// AddPolicy notes a policy; one of the same repositories is replaced.
func (t *Tx) AddPolicy(ctx context.Context, p Policy, now time.Time) (id int64, err error) {
	_, err = t.one(ctx, `insert into policy (repos, fail_on, owner, added) values ($1, $2, $3, $4)
		on conflict (repos) do update set fail_on = excluded.fail_on, owner = excluded.owner, added = excluded.added returning id`,
		[]any{p.Repos, p.FailOn, p.Owner, now.Unix()}, []any{&id})
	return id, err
}

// RemovePolicy takes a policy away.
func (t *Tx) RemovePolicy(ctx context.Context, id int64) error { return t.remove(ctx, "policy", id) }

func (t *Tx) remove(ctx context.Context, table string, id int64) error {
	n, err := t.exec(ctx, "delete from "+table+" where id = $1", id)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// Policies returns all policies.
func (s *Store) Policies(ctx context.Context) ([]Policy, error) {
	list := []Policy{}
	rows, err := s.query(ctx, "select id, repos, fail_on, owner, added from policy order by repos")
	return list, each(rows, err, func() error {
		var p Policy
		err := rows.Scan(&p.ID, &p.Repos, &p.FailOn, &p.Owner, &p.Added)
		list = append(list, p)
		return err
	})
}

// PolicyOf returns the policy for a repository: of those that fit the one with the
// longest pattern.
func (s *Store) PolicyOf(ctx context.Context, repo string) (p Policy, found bool, err error) {
	all, err := s.Policies(ctx)
	if err != nil {
		return p, false, err
	}
	all = slices.DeleteFunc(all, func(p Policy) bool { return !Fits(p.Repos, repo) })
	if len(all) == 0 {
		return p, false, nil
	}
	return slices.MaxFunc(all, func(a, b Policy) int { return cmp.Compare(len(a.Repos), len(b.Repos)) }), true, nil
}

// Exception says that a vulnerability is accepted for some time, and by whom.
type Exception struct {
	ID      int64  `json:"id"`
	Vuln    string `json:"vulnerability"`
	Package string `json:"package,omitempty"` // of this name only
	Repos   string `json:"repos"`             // a pattern
	Owner   string `json:"owner"`
	Reason  string `json:"reason"`
	Expires int64  `json:"expires"` // seconds since 1970
	Added   int64  `json:"added"`
}

// AddException notes an exception.
func (t *Tx) AddException(ctx context.Context, e Exception, now time.Time) (id int64, err error) {
	_, err = t.one(ctx, "insert into exception (vuln, package, repos, owner, reason, expires, added) values ($1, $2, $3, $4, $5, $6, $7) returning id",
		[]any{e.Vuln, e.Package, e.Repos, e.Owner, e.Reason, e.Expires, now.Unix()}, []any{&id})
	return id, err
}

// RemoveException takes an exception away.
func (t *Tx) RemoveException(ctx context.Context, id int64) error {
	return t.remove(ctx, "exception", id)
}

// Exceptions returns all exceptions, the next to expire first. Those that have expired
// are among them, for people to see.
func (s *Store) Exceptions(ctx context.Context) ([]Exception, error) {
	list := []Exception{}
	rows, err := s.query(ctx, "select id, vuln, package, repos, owner, reason, expires, added from exception order by expires, id")
	return list, each(rows, err, func() error {
		var e Exception
		err := rows.Scan(&e.ID, &e.Vuln, &e.Package, &e.Repos, &e.Owner, &e.Reason, &e.Expires, &e.Added)
		list = append(list, e)
		return err
	})
}
