package store

import (
	"context"
	"encoding/json"
	"time"
)

// Session is someone who signed in. What their groups may do is not kept, so that
// another answer to that takes effect at once.
type Session struct {
	Name    string
	Groups  []string
	Expires int64
}

// AddSession notes a session by the hash of its token, and forgets those that are over.
func (t *Tx) AddSession(ctx context.Context, s Session, hash string, now time.Time) error {
	if _, err := t.exec(ctx, "delete from session where expires <= $1", now.Unix()); err != nil {
		return err
	}
	_, err := t.exec(ctx, "insert into session (hash, name, groups, expires) values ($1, $2, $3, $4)", hash, s.Name, texts(s.Groups), s.Expires)
	return err
}

// RemoveSession ends a session.
func (t *Tx) RemoveSession(ctx context.Context, hash string) error {
	_, err := t.exec(ctx, "delete from session where hash = $1", hash)
	return err
}

// Session finds a session that is not over.
func (s *Store) Session(ctx context.Context, hash string, now time.Time) (found Session, ok bool, err error) {
	var groups string
	ok, err = s.one(ctx, "select name, groups, expires from session where hash = $1 and expires > $2", []any{hash, now.Unix()}, []any{&found.Name, &groups, &found.Expires})
	if ok {
		err = json.Unmarshal([]byte(groups), &found.Groups)
	}
	return found, ok, err
}
