package store

import (
	"context"
	"time"
)

// retainBatch is how many images are removed in one transaction.
const retainBatch = 500

// Retain removes some of what no listing has seen since a time: tags, the images that
// no repository has then, and the sets, keys and packages that only these had. more
// says that there is more to remove.
func (s *Store) Retain(ctx context.Context, tx *Tx, before time.Time) (removed int64, more bool, err error) {
	if err := tx.alone(ctx); err != nil {
		return 0, false, err
	}
	if _, err := tx.exec(ctx, "delete from tag where seen < $1", before.Unix()); err != nil {
		return 0, false, err
	}
	if _, err := tx.exec(ctx, "delete from repo_image where last_seen < $1", before.Unix()); err != nil {
		return 0, false, err
	}
	ids, err := tx.numbers(ctx, "select i.id from image i where i.scanned < $1 and not exists (select 1 from repo_image ri where ri.image_id = i.id) order by i.id limit $2", before.Unix(), retainBatch)
	if err != nil || len(ids) == 0 {
		return 0, false, err
	}
	images := numbersText(ids)
	sets, err := tx.numbers(ctx, "select distinct set_id from image_set where image_id in (select v from {{list $1}} as t)", images)
	if err != nil {
		return 0, false, err
	}
	for _, query := range []string{
		"delete from image_set where image_id in (select v from {{list $1}} as t)",
		"delete from image_sum where image_id in (select v from {{list $1}} as t)",
		"delete from image_secret where image_id in (select v from {{list $1}} as t)",
		"delete from target where image_id in (select v from {{list $1}} as t)",
		"delete from image where id in (select v from {{list $1}} as t)",
	} {
		if _, err := tx.exec(ctx, query, images); err != nil {
			return 0, false, err
		}
	}
	if err := tx.removeSets(ctx, sets); err != nil {
		return 0, false, err
	}
	return int64(len(ids)), len(ids) == retainBatch, nil
}

// removeSets removes those of the sets that no image has any more, with their keys
// that no other set has.
func (t *Tx) removeSets(ctx context.Context, sets []int64) error {
	gone, err := t.numbers(ctx, "select v from {{list $1}} as t where not exists (select 1 from image_set i where i.set_id = t.v)", numbersText(sets))
	if err != nil {
		return err
	}
	list := numbersText(gone)
	keysOf := "select distinct key_id from key_set where set_id in (select v from {{list $1}} as t)"
	unused := "select v from {{list $1}} as t where not exists (select 1 from key_set k where k.key_id = t.v)"
	remove := []string{"delete from key_set where set_id in (select v from {{list $1}} as t)"}
	if t.d == &postgres {
		keysOf = "select distinct unnest(keys) from keyset where id in (select v from {{list $1}} as t) union select -v from {{list $1}} as t where v < 0"
		unused = "select v from {{list $1}} as t where not exists (select 1 from keyset k where k.keys @> array[t.v::int]) and not exists (select 1 from image_set m where m.set_id = -t.v)"
		remove = nil
	}
	keys, err := t.numbers(ctx, keysOf, list)
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, "delete from set_count where set_id in (select v from {{list $1}} as t)", numbersText(sets)); err != nil {
		return err
	}
	for _, query := range append(remove, "delete from keyset where id in (select v from {{list $1}} as t)", "delete from keyset_sum where set_id in (select v from {{list $1}} as t)") {
		if _, err := t.exec(ctx, query, list); err != nil {
			return err
		}
	}
	if keys, err = t.numbers(ctx, unused, numbersText(keys)); err != nil {
		return err
	}
	for _, query := range []string{
		"delete from finding where key_id in (select v from {{list $1}} as t)",
		"delete from key_lookup where key_id in (select v from {{list $1}} as t)",
		"delete from key where id in (select v from {{list $1}} as t)",
	} {
		if _, err := t.exec(ctx, query, numbersText(keys)); err != nil {
			return err
		}
	}
	return nil
}

// RetainRest removes what images that were removed leave, each in one pass over all:
// packages that no image has, and events of keys that are no more.
func (s *Store) RetainRest(ctx context.Context, tx *Tx) error {
	if err := tx.alone(ctx); err != nil {
		return err
	}
	parts := "select p.value from image i, json_each(i.parts) p"
	if s.Postgres() {
		parts = "select unnest(i.parts) from image i"
	}
	for _, query := range []string{
		"delete from part where id not in (" + parts + ") and id not in (select base from image) and id not in (select base from part where base is not null)",
		"delete from lookup where not exists (select 1 from key k where k.lookup_id = lookup.id) and not exists (select 1 from key_lookup k where k.lookup_id = lookup.id)",
		"delete from event where not exists (select 1 from key where key.id = event.key_id)",
	} {
		if _, err := tx.exec(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

// alone waits until nothing is indexed, and keeps it so until the transaction ends:
// what is about to be removed is not relied on meanwhile.
func (t *Tx) alone(ctx context.Context) error {
	lock := "select generation from current where one = 1"
	if t.d == &postgres {
		lock += " for update"
	}
	var now int64
	_, err := t.one(ctx, lock, nil, []any{&now})
	return err
}

func (t *Tx) numbers(ctx context.Context, query string, args ...any) ([]int64, error) {
	list := []int64{}
	rows, err := t.query(ctx, query, args...)
	return list, each(rows, err, func() error {
		var n int64
		err := rows.Scan(&n)
		list = append(list, n)
		return err
	})
}
