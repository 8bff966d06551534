package store

import (
	"context"
	"time"
)

// Hook is who is told what changes.
type Hook struct {
	ID     int64  `json:"id"`
	URL    string `json:"url"`
	Secret string `json:"-"`     // messages are signed with it
	Repos  string `json:"repos"` // a pattern
	Kinds  string `json:"kinds"` // "critical,exploited,fixable": what is told
	Added  int64  `json:"added"`
	Seen   int64  `json:"-"`               // the last event that was looked at
	Error  string `json:"error,omitempty"` // of the last message
}

// AddHook notes who is to be told, from now on.
func (t *Tx) AddHook(ctx context.Context, h Hook, now time.Time) (id int64, err error) {
	_, err = t.one(ctx, `insert into hook (url, secret, repos, kinds, added, seen, error) values ($1, $2, $3, $4, $5, (select coalesce(max(id), 0) from event), '') returning id`,
		[]any{h.URL, h.Secret, h.Repos, h.Kinds, now.Unix()}, []any{&id})
	return id, err
}

// RemoveHook tells it no longer.
func (t *Tx) RemoveHook(ctx context.Context, id int64) error {
	if _, err := t.exec(ctx, "delete from notice where hook_id = $1", id); err != nil {
		return err
	}
	return t.remove(ctx, "hook", id)
}

// Hooks returns all of them.
func (s *Store) Hooks(ctx context.Context) ([]Hook, error) {
	list := []Hook{}
	rows, err := s.query(ctx, "select id, url, secret, repos, kinds, added, seen, error from hook order by id")
	return list, each(rows, err, func() error {
		var h Hook
		err := rows.Scan(&h.ID, &h.URL, &h.Secret, &h.Repos, &h.Kinds, &h.Added, &h.Seen, &h.Error)
		list = append(list, h)
		return err
	})
}

// Notice is what a hook is told: once for each vulnerability, repository and kind of a
// generation, however many packages and images it is about.
type Notice struct {
	Generation int64  `json:"generation"`
	Kind       string `json:"kind"` // "critical", "exploited", "fixable"
	Vuln       string `json:"vulnerability"`
	Repo       string `json:"repository"`
}

// NoteNotices notes what a hook is to be told of the events that it has not seen, and
// that it has seen them.
func (t *Tx) NoteNotices(ctx context.Context, h Hook) error {
	var last int64
	if _, err := t.one(ctx, "select coalesce(max(id), 0) from event", nil, []any{&last}); err != nil || last <= h.Seen {
		return err
	}
	var a args
	hook, seen, until := a.add(h.ID), a.add(h.Seen), a.add(last)
	_, err := t.exec(ctx, `insert into notice (hook_id, generation, kind, vuln, repo, sent)
		select distinct cast(`+hook+` as bigint), e.generation, case when e.kind = 'new' then 'critical' else e.kind end, v.name, r.name, 0
		from event e join vuln v on v.id = e.vuln_id join finding f on f.key_id = e.key_id and f.vuln_id = e.vuln_id {{holding e.key_id}}
		join repo_image ri on ri.image_id = m.image_id join repo r on r.id = ri.repo_id
		where e.id > cast(`+seen+` as bigint) and e.id <= cast(`+until+` as bigint) and f.suppressed = 0
		and (e.kind = 'new' and f.severity = 5 or e.kind = 'exploited' or e.kind = 'fixable')
		and (case when e.kind = 'new' then 'critical' else e.kind end) in (select v from {{texts `+a.add(texts(split(h.Kinds)))+`}} as k)
		and `+Scope{Patterns: []string{h.Repos}}.repos("r", &a)+` on conflict do nothing`, a...)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, "update hook set seen = $2 where id = $1", h.ID, last)
	return err
}

// Unsent returns what a hook is to be told and was not, oldest first.
func (s *Store) Unsent(ctx context.Context, hook int64, limit int) ([]Notice, error) {
	list := []Notice{}
	rows, err := s.query(ctx, "select generation, kind, vuln, repo from notice where hook_id = $1 and sent = 0 order by generation, vuln, repo, kind limit $2", hook, limit)
	return list, each(rows, err, func() error {
		var n Notice
		err := rows.Scan(&n.Generation, &n.Kind, &n.Vuln, &n.Repo)
		list = append(list, n)
		return err
	})
}

// Sent notes that a hook was told, or why not when why is not "".
func (t *Tx) Sent(ctx context.Context, hook int64, list []Notice, why string, now time.Time) error {
	if _, err := t.exec(ctx, "update hook set error = $2 where id = $1", hook, why); err != nil || why != "" {
		return err
	}
	_, err := t.exec(ctx, `update notice set sent = $3 from {{rows $2: generation bigint, kind text, vulnerability text, repository text}}
		where hook_id = $1 and notice.generation = x.generation and notice.kind = x.kind and notice.vuln = x.vulnerability and notice.repo = x.repository`, hook, document(list), now.Unix())
	return err
}
