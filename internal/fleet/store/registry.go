package store

import (
	"context"
	"strings"
	"time"
)

func join(list []string) string   { return strings.Join(list, ", ") }
func joinOr(list []string) string { return strings.Join(list, " or ") }

// split reads a list that is written with commas.
func split(list string) []string { return strings.Split(list, ",") }

// Source is what is watched: a reference, or a pattern of references.
type Source struct {
	ID       int64  `json:"id"`
	Pattern  string `json:"pattern"`
	Platform string `json:"platform"` // "linux/amd64"; "all"
	Every    int64  `json:"every"`    // seconds
	Added    int64  `json:"added"`
	Listed   int64  `json:"listed"` // when it was listed last; 0 never
	Error    string `json:"error,omitempty"`
}

// AddSource notes a source; one with the pattern that is there gets its settings.
func (t *Tx) AddSource(ctx context.Context, src Source, now time.Time) (id int64, err error) {
	_, err = t.one(ctx, `insert into source (pattern, platform, every, added, listed, error) values ($1, $2, $3, $4, 0, '')
		on conflict (pattern) do update set platform = excluded.platform, every = excluded.every returning id`,
		[]any{src.Pattern, src.Platform, src.Every, now.Unix()}, []any{&id})
	return id, err
}

// RemoveSource ends the watching of a source. What was found through it stays until
// it is no longer seen for as long as images are kept.
func (t *Tx) RemoveSource(ctx context.Context, id int64) error {
	n, err := t.exec(ctx, "delete from source where id = $1", id)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// Listed notes how the listing of a source ended.
func (t *Tx) Listed(ctx context.Context, id int64, now time.Time, why string) error {
	_, err := t.exec(ctx, "update source set listed = $2, error = $3 where id = $1", id, now.Unix(), why)
	return err
}

// Sources returns all sources.
func (s *Store) Sources(ctx context.Context) ([]Source, error) {
	list := []Source{}
	rows, err := s.query(ctx, "select id, pattern, platform, every, added, listed, error from source order by pattern")
	return list, each(rows, err, func() error {
		var src Source
		err := rows.Scan(&src.ID, &src.Pattern, &src.Platform, &src.Every, &src.Added, &src.Listed, &src.Error)
		list = append(list, src)
		return err
	})
}

// Source returns one source.
func (s *Store) Source(ctx context.Context, id int64) (src Source, err error) {
	found, err := s.one(ctx, "select id, pattern, platform, every, added, listed, error from source where id = $1", []any{id},
		[]any{&src.ID, &src.Pattern, &src.Platform, &src.Every, &src.Added, &src.Listed, &src.Error})
	if err == nil && !found {
		err = ErrNotFound
	}
	return src, err
}

// Target says what is known of the digest that a reference has: the images that it
// leads to, none when they are not all there.
func (s *Store) Target(ctx context.Context, of string) (images []int64, err error) {
	rows, err := s.query(ctx, "select image_id from leads where digest = $1", digest(of))
	return images, each(rows, err, func() error {
		var id int64
		err := rows.Scan(&id)
		images = append(images, id)
		return err
	})
}

// ImageID finds an image by the digest of its manifest, 0 when there is none.
func (s *Store) ImageID(ctx context.Context, of string) (id int64, err error) {
	_, err = s.one(ctx, "select id from image where digest = $1", []any{digest(of)}, []any{&id})
	return id, err
}

// Repo returns the number of a repository, which is made if there is none.
func (t *Tx) Repo(ctx context.Context, name string) (id int64, err error) {
	if found, err := t.one(ctx, "select id from repo where name = $1", []any{name}, []any{&id}); found || err != nil {
		return id, err
	}
	_, err = t.one(ctx, "insert into repo (name) values ($1) on conflict (name) do update set name = excluded.name returning id", []any{name}, []any{&id})
	return id, err
}

// Tag notes which digest a tag has.
func (t *Tx) Tag(ctx context.Context, repo int64, name, of string, now time.Time) error {
	_, err := t.exec(ctx, `insert into tag (repo_id, name, digest, seen, changed) values ($1, $2, $3, $4, $4)
		on conflict (repo_id, name) do update set seen = excluded.seen,
			changed = case when tag.digest = excluded.digest then tag.changed else excluded.changed end, digest = excluded.digest`, repo, name, digest(of), now.Unix())
	return err
}

// Seen notes that a repository has an image, and that a digest leads to it.
func (t *Tx) Seen(ctx context.Context, repo, image int64, of string, now time.Time) error {
	if _, err := t.exec(ctx, `insert into repo_image (repo_id, image_id, first_seen, last_seen) values ($1, $2, $3, $3)
		on conflict (repo_id, image_id) do update set last_seen = excluded.last_seen`, repo, image, now.Unix()); err != nil {
		return err
	}
	query := "insert into target (digest, image_id) values ($1, $2) on conflict do nothing"
	if t.d == &postgres { // the view leads has what an image's own digest leads to
		query = "insert into target (digest, image_id) select $1, $2 where not exists (select 1 from image where id = $2 and digest = $1) on conflict do nothing"
	}
	_, err := t.exec(ctx, query, digest(of), image)
	return err
}
