package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/careen/careen/internal/fleet/key"
	"github.com/careen/careen/internal/vulndb"
)

// Generation is an advisory database that was applied whole: all that is answered
// is by one.
type Generation struct {
	ID      int64  `json:"generation"`
	Digest  string `json:"digest"`
	Built   int64  `json:"built"`   // seconds since 1970
	Newest  int64  `json:"newest"`  // the newest statement
	Applied int64  `json:"applied"` //
	Keys    int64  `json:"keys"`    // that were judged again
}

// Generation returns the current one; false before the first.
func (s *Store) Generation(ctx context.Context) (g Generation, found bool, err error) {
	found, err = s.one(ctx, "select g.id, g.digest, g.built, g.newest, g.applied, g.keys from current c join generation g on g.id = c.generation", nil,
		[]any{&g.ID, &g.Digest, &g.Built, &g.Newest, &g.Applied, &g.Keys})
	return g, found, err
}

// Generations returns the newest ones, newest first.
func (s *Store) Generations(ctx context.Context, limit int) ([]Generation, error) {
	list := []Generation{}
	rows, err := s.query(ctx, "select id, digest, built, newest, applied, keys from generation order by id desc limit $1", limit)
	return list, each(rows, err, func() error {
		var g Generation
		err := rows.Scan(&g.ID, &g.Digest, &g.Built, &g.Newest, &g.Applied, &g.Keys)
		list = append(list, g)
		return err
	})
}

const filePart = 4 << 20 // bytes of an advisory database in one row

// PutFile keeps an advisory database for the workers of other machines.
func (s *Store) PutFile(ctx context.Context, digest string, from io.Reader) error {
	return s.Tx(ctx, func(tx *Tx) error {
		var n int
		if _, err := tx.one(ctx, "select count(*) from db_file where digest = $1", []any{digest}, []any{&n}); err != nil || n > 0 {
			return err
		}
		buf := make([]byte, filePart)
		for part := 0; ; part++ {
			n, err := io.ReadFull(from, buf)
			if n > 0 {
				if _, err := tx.exec(ctx, "insert into db_file (digest, part, data) values ($1, $2, $3) on conflict do nothing", digest, part, buf[:n]); err != nil {
					return err
				}
			}
			switch {
			case err == io.EOF, err == io.ErrUnexpectedEOF:
				return nil
			case err != nil:
				return err
			}
		}
	})
}

// File writes an advisory database that PutFile keeps.
func (s *Store) File(ctx context.Context, digest string, to io.Writer) error {
	for part := 0; ; part++ {
		var data []byte
		found, err := s.one(ctx, "select data from db_file where digest = $1 and part = $2", []any{digest, part}, []any{&data})
		switch {
		case err != nil:
			return err
		case !found && part == 0:
			return fmt.Errorf("advisory database %s: %w", digest, ErrNotFound)
		case !found:
			return nil
		}
		if _, err := io.Copy(to, bytes.NewReader(data)); err != nil {
			return err
		}
	}
}

// KeyRow is a stored key that is to be judged again.
type KeyRow struct {
	ID int64
	key.Stored
}

type queryFunc func(ctx context.Context, query string, args ...any) (*sql.Rows, error)

func (s *Store) keyIDsNamed(ctx context.Context, query queryFunc, all bool, names []vulndb.PackageName, ecosystems, vulns []string) ([]int64, error) {
	set := map[int64]struct{}{}
	collect := func(q string, args ...any) error {
		rows, err := query(ctx, q, args...)
		return each(rows, err, func() error {
			var id int64
			err := rows.Scan(&id)
			set[id] = struct{}{}
			return err
		})
	}
	var errs error
	if all {
		errs = collect("select id from key")
	} else {
		for batch := range slices.Chunk(names, 5000) {
			list := make([]nameRow, len(batch))
			for i, n := range batch {
				list[i] = nameRow{Ecosystem: n.Ecosystem, Name: n.Name}
			}
			errs = errors.Join(errs, collect("select n.key_id from {{rows $1: ecosystem text, name text}} join lookup l on l.ecosystem = x.ecosystem and l.name = x.name join looked_up n on n.lookup_id = l.id", document(list)))
		}
		if len(ecosystems) > 0 {
			errs = errors.Join(errs, collect("select n.key_id from lookup l join looked_up n on n.lookup_id = l.id where l.ecosystem in (select v from {{texts $1}} as t)", texts(ecosystems)))
		}
		if len(vulns) > 0 {
			errs = errors.Join(errs, collect("select f.key_id from {{texts $1}} as t join vuln v on v.name = t.v join finding f on f.vuln_id = v.id", texts(vulns)))
		}
	}
	ids := make([]int64, 0, len(set))
	for id := range set {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, errs
}

// chunk is how many keys are judged at once.
const chunk = 2000

func keyRows(ctx context.Context, query queryFunc, ids []int64) (list []KeyRow, err error) {
	rows, err := query(ctx, "select id, type, name, version, body from key where id in (select v from {{list $1}} as t) order by id", numbersText(ids))
	return list, each(rows, err, func() error {
		var k KeyRow
		err := rows.Scan(&k.ID, &k.Type, &k.Name, &k.Version, &k.Body)
		list = append(list, k)
		return err
	})
}

// Functions returns the linked functions kept under a hash.
func (s *Store) Functions(ctx context.Context, hash string) ([]byte, error) {
	return functions(ctx, func(q string, args, dest []any) (bool, error) { return s.one(ctx, q, args, dest) }, hash)
}

// Functions returns the linked functions kept under a hash.
func (t *Tx) Functions(ctx context.Context, hash string) ([]byte, error) {
	return functions(ctx, func(q string, args, dest []any) (bool, error) { return t.one(ctx, q, args, dest) }, hash)
}

func functions(_ context.Context, one func(string, []any, []any) (bool, error), hash string) ([]byte, error) {
	var body []byte
	found, err := one("select body from functions where hash = $1", []any{hash}, []any{&body})
	if err == nil && !found {
		err = fmt.Errorf("linked functions %s: %w", hash, ErrNotFound)
	}
	return body, err
}

// Rejudged is what another generation says of a key.
type Rejudged struct {
	ID       int64
	By, Not  string
	Upgrade  string
	Findings []Finding
	before   []Finding // as stored; filled in by change
}

// VulnMark is what a database says of a vulnerability for itself.
type VulnMark struct {
	Name string  `json:"vuln"`
	KEV  int     `json:"kev"`
	EPSS float64 `json:"epss"`
}

// Vulns yields every vulnerability that some key has, with its marks.
func (s *Store) Vulns(ctx context.Context) ([]VulnMark, error) {
	var list []VulnMark
	rows, err := s.query(ctx, "select name, kev, epss from vuln order by id")
	return list, each(rows, err, func() error {
		var v VulnMark
		err := rows.Scan(&v.Name, &v.KEV, &v.EPSS)
		list = append(list, v)
		return err
	})
}

// Delta is what is needed to go from one generation to the next.
type Delta struct {
	From, To Generation // To.ID is given by Apply
	All      bool       // every key is judged again
	Names    []vulndb.PackageName
	Systems  []string // ecosystems that only one of the databases covers
	Vulns    []VulnMark
	Kev      []string // vulnerabilities whose mark of being exploited changed
}

// Judge judges keys by the database of a delta. functions finds linked functions by
// their hash.
type Judge func(keys []KeyRow, functions func(hash string) ([]byte, error)) ([]Rejudged, error)

// Apply makes a delta's database the current generation, at once for all that is
// asked. What differs of the keys is noted first, some of them at a time, next to what
// is answered by: who is ended meanwhile goes on from there. Then one transaction
// writes all of it and moves the sums of sets and images. Keys that came since are
// judged there. then runs in the same transaction. The error is ErrMoved if another
// generation was applied meanwhile, or another process notes the same.
func (s *Store) Apply(ctx context.Context, d *Delta, judge Judge, then func(*Tx) error) (Generation, error) {
	after, err := s.beginJudging(ctx, d)
	if err != nil {
		return Generation{}, err
	}
	ids, err := s.keyIDsNamed(ctx, s.query, d.All, d.Names, d.Systems, d.Kev)
	if err != nil {
		return Generation{}, err
	}
	at, _ := slices.BinarySearch(ids, after+1)
	for batch := range slices.Chunk(ids[at:], chunk) {
		rows, err := keyRows(ctx, s.query, batch)
		if err != nil {
			return Generation{}, err
		}
		judged, err := judge(rows, func(hash string) ([]byte, error) { return s.Functions(ctx, hash) })
		if err != nil {
			return Generation{}, err
		}
		to := batch[len(batch)-1]
		if err := s.Tx(ctx, func(tx *Tx) error { return tx.noteJudged(ctx, d, after, to, judged) }); err != nil {
			return Generation{}, err
		}
		after = to
	}
	var g Generation
	err = s.Tx(ctx, func(tx *Tx) error {
		if g, err = s.makeCurrent(ctx, tx, d, judge); err != nil {
			return err
		}
		return then(tx)
	})
	return g, err
}

// beginJudging says up to which key the delta was judged already.
func (s *Store) beginJudging(ctx context.Context, d *Delta) (after int64, err error) {
	return after, s.Tx(ctx, func(tx *Tx) error {
		found, err := tx.one(ctx, "select after from judging where digest = $1 and from_generation = $2", []any{d.To.Digest, d.From.ID}, []any{&after})
		if found || err != nil {
			return err
		}
		if err := tx.forgetJudged(ctx); err != nil {
			return err
		}
		_, err = tx.exec(ctx, "insert into judging (one, digest, from_generation, after) values (1, $1, $2, 0)", d.To.Digest, d.From.ID)
		return err
	})
}

// forgetJudged empties what is noted of the next generation.
func (t *Tx) forgetJudged(ctx context.Context) error {
	for _, table := range []string{"judging", "next_key", "next_finding", "next_gone", "next_event"} {
		if _, err := t.exec(ctx, "delete from "+table); err != nil {
			return err
		}
	}
	return nil
}

// noteJudged notes what differs of the keys behind one and up to another.
func (t *Tx) noteJudged(ctx context.Context, d *Delta, after, to int64, judged []Rejudged) error {
	n, err := t.exec(ctx, "update judging set after = $4 where digest = $1 and from_generation = $2 and after = $3", d.To.Digest, d.From.ID, after, to)
	if err == nil && n != 1 {
		err = ErrMoved
	}
	if err != nil {
		return err
	}
	return t.note(ctx, judged)
}

// makeCurrent writes what was noted and makes the generation the current one.
func (s *Store) makeCurrent(ctx context.Context, tx *Tx, d *Delta, judge Judge) (Generation, error) {
	var now int64
	forUpdate := ""
	if s.Postgres() {
		forUpdate = " for update"
	}
	if _, err := tx.one(ctx, "select generation from current where one = 1"+forUpdate, nil, []any{&now}); err != nil {
		return Generation{}, err
	}
	if now != d.From.ID {
		return Generation{}, ErrMoved
	}
	if err := s.addLate(ctx, tx, d, judge); err != nil {
		return Generation{}, err
	}
	next := d.To
	if _, err := tx.one(ctx, "select count(*) from next_key", nil, []any{&next.Keys}); err != nil {
		return Generation{}, err
	}
	if _, err := tx.one(ctx, "insert into generation (digest, built, newest, applied, keys) values ($1, $2, $3, $4, $5) returning id",
		[]any{next.Digest, next.Built, next.Newest, next.Applied, next.Keys}, []any{&next.ID}); err != nil {
		return Generation{}, err
	}
	if _, err := tx.exec(ctx, `update vuln set kev = x.kev, epss = x.epss from {{rows $1: vuln text, kev int, epss float8}} where vuln.name = x.vuln`, document(d.Vulns)); err != nil {
		return Generation{}, err
	}
	if err := tx.change(ctx, next.ID); err != nil {
		return Generation{}, err
	}
	if err := tx.moveSums(ctx); err != nil {
		return Generation{}, fmt.Errorf("sums: %w", err)
	}
	if err := tx.forgetJudged(ctx); err != nil {
		return Generation{}, err
	}
	_, err := tx.exec(ctx, "update current set generation = $1", next.ID)
	return next, err
}

// addLate judges the keys that were added after the delta was made.
func (s *Store) addLate(ctx context.Context, tx *Tx, d *Delta, judge Judge) error {
	ids, err := s.keyIDsNamed(ctx, tx.query, d.All, d.Names, d.Systems, d.Kev)
	if err != nil {
		return err
	}
	done := map[int64]bool{}
	rows, err := tx.query(ctx, "select key_id from next_key")
	err = each(rows, err, func() error {
		var id int64
		err := rows.Scan(&id)
		done[id] = true
		return err
	})
	if err != nil {
		return err
	}
	ids = slices.DeleteFunc(ids, func(id int64) bool { return done[id] })
	for batch := range slices.Chunk(ids, chunk) {
		rows, err := keyRows(ctx, tx.query, batch)
		if err != nil {
			return err
		}
		late, err := judge(rows, func(hash string) ([]byte, error) { return tx.Functions(ctx, hash) })
		if err != nil {
			return err
		}
		if err := tx.note(ctx, late); err != nil {
			return err
		}
	}
	return nil
}

// note notes what differs of some keys, with the events of it and the differences of
// their counts.
func (t *Tx) note(ctx context.Context, keys []Rejudged) error {
	byID := make(map[int64]*Rejudged, len(keys))
	ids := make([]int64, len(keys))
	for i := range keys {
		byID[keys[i].ID], ids[i] = &keys[i], keys[i].ID
	}
	rows, err := t.query(ctx, `select f.key_id, v.name, f.severity, f.kev, f.fix_state, f.fix, f.suppressed, f.advisory
		from finding f join vuln v on v.id = f.vuln_id where f.key_id in (select v from {{list $1}} as t)`, numbersText(ids))
	err = each(rows, err, func() error {
		var id int64
		var f Finding
		err := rows.Scan(&id, &f.Vuln, &f.Rank, &f.KEV, &f.FixState, &f.Fix, &f.Suppressed, &f.Advisory)
		if k := byID[id]; k != nil {
			k.before = append(k.before, f)
		}
		return err
	})
	if err != nil {
		return err
	}
	var put []findingRow
	var gone []goneRow
	var judged []judgedRow
	var events []eventRow
	for i := range keys {
		k := &keys[i]
		put, gone, events = k.difference(put, gone, events)
		judged = append(judged, judgedRow{k.By, k.Not, k.Upgrade, k.counted()})
	}
	for _, step := range []struct {
		query string
		list  any
	}{
		{"insert into next_finding (key_id, vuln, epss, " + findingColumns + ") select key_id, vuln, epss, " + findingColumns + ` from
			{{rows $1: key_id bigint, vuln text, epss float8, severity int, kev int, fix_state text, fix text, suppressed int, advisory text}}`, put},
		{"insert into next_gone (key_id, vuln) select key_id, vuln from {{rows $1: key_id bigint, vuln text}}", gone},
		{"insert into next_event (key_id, vuln, kind) select key_id, vuln, kind from {{rows $1: key_id bigint, vuln text, kind text}}", events},
		{"insert into next_key (key_id, judged_by, judged_not, upgrade, " + sumColumns + ") select key_id, judged_by, judged_not, upgrade, " + sumColumns + ` from
			{{rows $1: key_id bigint, judged_by text, judged_not text, upgrade text, critical int, high int, medium int, low int, other int, kev int, fixable int}}`, judged},
	} {
		if _, err := t.exec(ctx, step.query, document(step.list)); err != nil {
			return err
		}
	}
	return nil
}

// change writes what was noted of keys that are still there.
func (t *Tx) change(ctx context.Context, generation int64) error {
	if t.d == &postgres { // what was written this minute is not counted yet
		for _, table := range []string{"next_key", "next_finding", "next_gone", "next_event"} {
			if _, err := t.exec(ctx, "analyze "+table); err != nil {
				return err
			}
		}
	}
	if _, err := t.exec(ctx, "delete from next_key where not exists (select 1 from key where key.id = next_key.key_id)"); err != nil {
		return err
	}
	for _, query := range []string{
		"insert into vuln (name, kev, epss) select vuln, max(kev), max(epss) from next_finding where cast($1 as bigint) > 0 group by vuln order by vuln on conflict do nothing",
		"insert into finding (key_id, vuln_id, " + findingColumns + ", since) select x.key_id, v.id, " + join(of("x", findingColumns)) + `, cast($1 as bigint)
			from next_finding x join next_key k on k.key_id = x.key_id join vuln v on v.name = x.vuln where true ` + findingConflict,
		"insert into event (generation, key_id, vuln_id, kind) select cast($1 as bigint), x.key_id, v.id, x.kind from next_event x join next_key k on k.key_id = x.key_id join vuln v on v.name = x.vuln order by x.key_id, v.id",
		"delete from finding where cast($1 as bigint) > 0 and (key_id, vuln_id) in (select x.key_id, v.id from next_gone x join vuln v on v.name = x.vuln)",
		`update key set judged_by = x.judged_by, judged_not = x.judged_not, upgrade = x.upgrade from next_key x
			where cast($1 as bigint) > 0 and key.id = x.key_id and (key.judged_by <> x.judged_by or key.judged_not <> x.judged_not or key.upgrade <> x.upgrade)`,
	} {
		if _, err := t.exec(ctx, query, generation); err != nil {
			return err
		}
	}
	return nil
}

// of names columns by the alias of their row.
func of(alias, columns string) []string {
	var list []string
	for c := range strings.SplitSeq(columns, ", ") {
		list = append(list, alias+"."+c)
	}
	return list
}

type goneRow struct {
	Key  int64  `json:"key_id"`
	Vuln string `json:"vuln"`
}

type judgedRow struct {
	By      string `json:"judged_by"`
	Not     string `json:"judged_not"`
	Upgrade string `json:"upgrade"`
	stagedRow
}

type eventRow struct {
	Key  int64  `json:"key_id"`
	Vuln string `json:"vuln"`
	Kind string `json:"kind"` // "new", "gone", "exploited", "fixable"
}

type stagedRow struct {
	Key      int64 `json:"key_id"`
	Critical int   `json:"critical"`
	High     int   `json:"high"`
	Medium   int   `json:"medium"`
	Low      int   `json:"low"`
	Other    int   `json:"other"`
	KEV      int   `json:"kev"`
	Fixable  int   `json:"fixable"`
}

func (r *stagedRow) add(f Finding, n int) {
	if f.Suppressed != 0 {
		return
	}
	switch f.Rank {
	case 5:
		r.Critical += n
	case 4:
		r.High += n
	case 3:
		r.Medium += n
	case 2:
		r.Low += n
	default:
		r.Other += n
	}
	if f.KEV == 1 {
		r.KEV += n
	}
	if f.FixState == "fixed" {
		r.Fixable += n
	}
}

// counted is how the counts of a key change.
func (k *Rejudged) counted() stagedRow {
	r := stagedRow{Key: k.ID}
	for _, f := range k.before {
		r.add(f, -1)
	}
	for _, f := range k.Findings {
		r.add(f, 1)
	}
	return r
}

// difference appends what has to be written of a key.
func (k *Rejudged) difference(put []findingRow, gone []goneRow, events []eventRow) ([]findingRow, []goneRow, []eventRow) {
	order := func(a, b Finding) int { return cmp.Compare(a.Vuln, b.Vuln) }
	slices.SortFunc(k.before, order)
	slices.SortFunc(k.Findings, order)
	for _, f := range k.Findings {
		i, known := slices.BinarySearchFunc(k.before, f, order)
		event := func(kind string) { events = append(events, eventRow{k.ID, f.Vuln, kind}) }
		switch {
		case !known:
			event("new")
		case sameFinding(k.before[i], f):
			continue
		case k.before[i].KEV == 0 && f.KEV == 1:
			event("exploited")
		case k.before[i].FixState != "fixed" && f.FixState == "fixed":
			event("fixable")
		}
		put = append(put, findingRow{k.ID, f})
	}
	for _, f := range k.before {
		if _, stays := slices.BinarySearchFunc(k.Findings, f, order); !stays {
			gone = append(gone, goneRow{k.ID, f.Vuln})
			events = append(events, eventRow{k.ID, f.Vuln, "gone"})
		}
	}
	return put, gone, events
}

func sameFinding(a, b Finding) bool {
	a.EPSS, a.Severity = b.EPSS, b.Severity // kept with the vulnerability, and as Rank
	return a == b
}

// moveSums adds the noted differences to the sums of the sets that have the keys,
// and of the images that have the sets.
func (t *Tx) moveSums(ctx context.Context) error {
	moved, all := 0, 0
	nonZero := joinOr(columns(func(column, _ string) string { return "d." + column + " <> 0" }))
	if _, err := t.one(ctx, "select count(*), (select count(*) from key) from next_key d where "+nonZero, nil, []any{&moved, &all}); err != nil {
		return err
	}
	of := "select s.set_id, d.* from next_key d join key_set s on s.key_id = d.key_id where " + nonZero
	if t.d == &postgres {
		holds := "join keyset s on s.keys @> array[d.key_id::int]"
		if moved > all/wholly { // the index is asked for one key at a time
			holds = "join (select id, unnest(keys) as key_id from keyset) s on s.key_id = d.key_id"
		}
		of = "select s.id as set_id, d.* from next_key d " + holds + " where " + nonZero + " union all select -d.key_id, d.* from next_key d where " + nonZero
	}
	add := columns(func(column, _ string) string { return column + " = t." + column + " + m." + column })
	sums := columns(func(column, _ string) string { return "sum(d." + column + ") as " + column })
	sets := "select d.set_id, " + join(sums) + " from (" + of + ") d group by d.set_id"
	temporary := "create temporary table next_set as " + sets
	if t.d == &postgres {
		temporary = "create temporary table next_set on commit drop as " + sets
	}
	if _, err := t.exec(ctx, temporary); err != nil {
		return err
	}
	perImage := columns(func(column, _ string) string { return "sum(m." + column + ") as " + column })
	perImageNonZero := columns(func(column, _ string) string { return "sum(m." + column + ") <> 0" })
	ofImages := "create temporary table next_image on commit drop as select i.image_id, " + join(perImage) + " from next_set m join image_set i on i.set_id = m.set_id group by i.image_id having " + joinOr(perImageNonZero)
	update := "update image_sum as t set " + join(add) + " from next_image m where t.image_id = m.image_id"
	steps := []string{"analyze next_set", ofImages, "analyze next_image", "update keyset_sum as t set " + join(add) + " from next_set m where t.set_id = m.set_id"}
	if t.d == &sqlite {
		steps = []string{strings.Replace(ofImages, " on commit drop", "", 1), steps[3], update, "drop table next_set", "drop table next_image"}
	}
	if err := t.all(ctx, steps); err != nil || t.d == &sqlite {
		return err
	}
	touched, newest := 0, 0
	if _, err := t.one(ctx, "select (select count(*) from next_image), (select coalesce(max(id), 0) from image)", nil, []any{&touched, &newest}); err != nil {
		return err
	}
	if touched > newest/rewritten {
		if done, err := t.rewriteSums(ctx); done || err != nil {
			return err
		}
	}
	return t.all(ctx, []string{update})
}

// rewritten is the part of the images above which the sums of all are written anew: a
// row that is changed costs several times one that is copied.
const rewritten = 10

// rewriteSums puts a table with the sums of all images in the place of the one that is
// there. It is not done if someone reads that for long, as a backup does.
func (t *Tx) rewriteSums(ctx context.Context) (done bool, err error) {
	moved := columns(func(column, _ string) string { return "s." + column + " + coalesce(m." + column + ", 0)" })
	if err := t.all(ctx, []string{
		"savepoint sums",
		"create table image_sum_next (like image_sum)",
		"insert into image_sum_next (image_id, " + sumColumns + ") select s.image_id, " + join(moved) + " from image_sum s left join next_image m on m.image_id = s.image_id",
		"alter table image_sum_next add constraint image_sum_next_pkey primary key (image_id)",
		"create index image_worst_next on image_sum_next (critical desc, high desc, image_id desc)",
		"analyze image_sum_next",
		"set local lock_timeout = '3s'",
	}); err != nil {
		return false, err
	}
	if err := t.all(ctx, []string{"drop table image_sum"}); err != nil {
		return false, t.all(ctx, []string{"rollback to savepoint sums"})
	}
	return true, t.all(ctx, []string{
		"set local lock_timeout = 0",
		"alter table image_sum_next rename to image_sum",
		"alter index image_sum_next_pkey rename to image_sum_pkey",
		"alter index image_worst_next rename to image_worst",
	})
}

// all runs statements.
func (t *Tx) all(ctx context.Context, statements []string) error {
	for _, statement := range statements {
		if _, err := t.exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// wholly is the part of the keys above which all sets are read once, in place of
// those that have each key.
const wholly = 20
