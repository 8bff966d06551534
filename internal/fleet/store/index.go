package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/fleet/key"
	"github.com/careen/careen/internal/vulndb"
)

// Finding is what a key is affected by.
type Finding struct {
	Vuln       string           `json:"vuln"`
	Severity   finding.Severity `json:"-"`
	Rank       int              `json:"severity"` // Severity as a number, for the database
	KEV        int              `json:"kev"`
	EPSS       float64          `json:"epss"`
	FixState   string           `json:"fix_state"`
	Fix        string           `json:"fix"`
	Suppressed int              `json:"suppressed"` // 1: its vulnerable code is not linked in; not counted
	Advisory   string           `json:"advisory"`
}

// JudgedKey is a key with what the database of one generation says of it.
type JudgedKey struct {
	key.Stored
	Functions []byte // what Symbols is the hash of; nil for none
	Names     []vulndb.PackageName
	By, Not   string // sbom.Judged's
	Upgrade   string
	Findings  []Finding
}

// Image is what is kept of an image. Its keys and packages are cut by the layer
// that brought them: what many images share is kept once.
type Image struct {
	Digest   string // of the manifest
	Platform string
	OS       string
	Created  int64 // seconds since 1970
	Scanned  int64
	Size     int64
	Packages int
	Sets     [][]string // hashes of keys, each key in one set only
	Parts    []Part     // packages as reports have them
	Body     Part       // the rest of the report
	Secrets  []Secret
}

// Part is a packed document, of which there are many that are nearly the same.
type Part struct {
	Body  []byte // packed
	Hash  string // of the whole document, packed; "" for that of Body
	Alike int64  // those that are likely nearly the same have this number in common
	Base  int64  // the part that Body is the difference from; 0 if Body is whole
}

// Secret is how many secrets a rule found.
type Secret struct {
	Rule string `json:"rule"`
	N    int    `json:"n"`
}

// ErrMoved says that another generation of advisories took the place of the one that
// keys were judged by: judge them again.
var ErrMoved = errors.New("the advisories changed meanwhile")

// Current is the number of the generation that answers are by; 0 before the first.
func (s *Store) Current(ctx context.Context) (int64, error) {
	var g int64
	_, err := s.one(ctx, "select generation from current", nil, []any{&g})
	return g, err
}

// UnknownKeys returns the hashes of keys in an image's sets that no key has. Of a set
// that is there all keys are.
func (s *Store) UnknownKeys(ctx context.Context, sets [][]string) (map[string]bool, error) {
	var whole []string
	for _, set := range sets {
		whole = append(whole, setHash(set))
	}
	known, err := s.hashes(ctx, "keyset", whole)
	if err != nil {
		return nil, err
	}
	unknown := map[string]bool{}
	var list []string
	for i, set := range sets {
		if !known[whole[i]] {
			list = append(list, set...)
		}
	}
	known, err = s.hashes(ctx, "key", list)
	for _, h := range list {
		if !known[h] {
			unknown[h] = true
		}
	}
	return unknown, err
}

// hashes says which of the hashes a table has.
func (s *Store) hashes(ctx context.Context, table string, list []string) (map[string]bool, error) {
	known := map[string]bool{}
	if len(list) == 0 {
		return known, nil
	}
	rows, err := s.query(ctx, "select t.hash from {{hashes $1}} as x join "+table+" t on t.hash = x.v", texts(list))
	return known, each(rows, err, func() error {
		var h hash
		err := rows.Scan(&h)
		known[string(h)] = true
		return err
	})
}

// setHash is what a set of keys is kept under.
func setHash(keys []string) string {
	sorted := slices.Sorted(slices.Values(keys))
	return digestOf([]byte(strings.Join(slices.Compact(sorted), "\n")))
}

// Index adds an image and what is new of its keys, which were judged by a
// generation. An image that is there already stays as it is.
func (t *Tx) Index(ctx context.Context, img Image, keys []JudgedKey, generation int64) (id int64, err error) {
	var now int64
	if _, err := t.one(ctx, "select generation from current where one = 1{{share}}", nil, []any{&now}); err != nil {
		return 0, err
	}
	if now != generation {
		return 0, ErrMoved
	}
	if found, err := t.one(ctx, "select id from image where digest = $1", []any{digest(img.Digest)}, []any{&id}); found || err != nil {
		return id, err
	}
	if err := t.addKeys(ctx, keys, generation); err != nil {
		return 0, fmt.Errorf("keys: %w", err)
	}
	var sets, parts []int64
	for _, set := range img.Sets {
		if len(set) == 0 {
			continue
		}
		set, err := t.addSet(ctx, set)
		if err != nil {
			return 0, fmt.Errorf("set of keys: %w", err)
		}
		sets = append(sets, set)
	}
	for _, p := range img.Parts {
		part, err := t.addPart(ctx, p)
		if err != nil {
			return 0, err
		}
		parts = append(parts, part)
	}
	body := img.Body
	if body.Base == 0 { // what those that come are the difference from
		if body.Base, err = t.addPart(ctx, body); err != nil {
			return 0, err
		}
		body.Body = []byte{}
	} else if err := t.hasPart(ctx, body.Base); err != nil {
		return 0, err
	}
	found, err := t.one(ctx, `insert into image (digest, platform, os, created, scanned, size, packages, sets, parts, base, body)
		values ($1, $2, $3, $4, $5, $6, $7, {{toints $8}}, {{toints $9}}, $10, $11) on conflict do nothing returning id`,
		[]any{digest(img.Digest), img.Platform, img.OS, img.Created, img.Scanned, img.Size, img.Packages, numbersText(sets), numbersText(parts), body.Base, body.Body}, []any{&id})
	if err != nil {
		return 0, err
	}
	if !found { // another worker was faster
		_, err := t.one(ctx, "select id from image where digest = $1", []any{digest(img.Digest)}, []any{&id})
		return id, err
	}
	if _, err := t.exec(ctx, "insert into image_set (set_id, image_id) select v, cast($2 as bigint) from {{list $1}} as t where true on conflict do nothing", numbersText(sets), id); err != nil {
		return 0, err
	}
	if len(img.Secrets) > 0 {
		if _, err := t.exec(ctx, "insert into image_secret (rule, image_id, n) select x.rule, cast($2 as bigint), x.n from {{rows $1: rule text, n int}} where true", document(img.Secrets), id); err != nil {
			return 0, err
		}
	}
	_, err = t.exec(ctx, `insert into image_sum (image_id, `+sumColumns+`) select cast($1 as bigint), `+summed("s.")+`
		from (select `+sumColumns+` from keyset_sum where set_id in (select v from {{list $2}} as t)
			union all select `+counted+` from finding where key_id in (select -v from {{list $2}} as t)) s`, id, numbersText(sets))
	return id, err
}

// counts are the columns of a sum, each with the findings that it counts.
var counts = []struct{ column, where string }{
	{"critical", "severity = 5"}, {"high", "severity = 4"}, {"medium", "severity = 3"}, {"low", "severity = 2"}, {"other", "severity < 2"},
	{"kev", "kev = 1"}, {"fixable", "fix_state = 'fixed'"},
}

var sumColumns = strings.Join(columns(func(column, _ string) string { return column }), ", ")

func columns(text func(column, where string) string) []string {
	var list []string
	for _, c := range counts {
		list = append(list, text(c.column, c.where))
	}
	return list
}

// summed adds up sums: "coalesce(sum(s.critical), 0), …".
func summed(prefix string) string {
	return strings.Join(columns(func(column, _ string) string { return "coalesce(sum(" + prefix + column + "), 0)" }), ", ")
}

// counted counts findings: "count(*) filter (where severity = 5), …".
var counted = strings.Join(columns(func(_, where string) string {
	return "count(*) filter (where suppressed = 0 and " + where + ")"
}), ", ")

func (t *Tx) addKeys(ctx context.Context, keys []JudgedKey, generation int64) error {
	// One order for all workers, so that they wait for each other and never in a ring.
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b JudgedKey) int { return cmp.Compare(a.Hash, b.Hash) })
	lookups, err := t.addLookups(ctx, keys)
	if err != nil {
		return err
	}
	type row struct {
		Hash    string `json:"hash"`
		Lookup  int64  `json:"lookup_id"`
		Type    string `json:"type"`
		Name    string `json:"name"`
		Version string `json:"version"`
		Release string `json:"release"`
		Body    string `json:"body"`
		By      string `json:"judged_by"`
		Not     string `json:"judged_not"`
		Upgrade string `json:"upgrade"`
	}
	rowsOf := make([]row, len(keys))
	for i, k := range keys {
		release := ""
		if k.Key.Release != nil && len(k.Key.Release.Ecosystems) > 0 {
			release = k.Key.Release.Ecosystems[0]
		}
		first := int64(0)
		if len(k.Names) > 0 {
			first = lookups[k.Names[0]]
		}
		rowsOf[i] = row{k.Hash, first, k.Key.Type, k.Key.Name, k.Key.Version, release, k.Body, k.By, k.Not, k.Upgrade}
		if k.Functions != nil {
			if _, err := t.exec(ctx, "insert into functions (hash, body) values ($1, $2) on conflict do nothing", k.Symbols, k.Functions); err != nil {
				return err
			}
		}
	}
	added := map[string]int64{}
	const names = "lookup_id, type, name, version, release, body, judged_by, judged_not, upgrade"
	rows, err := t.query(ctx, `insert into key (hash, `+names+`) select cast(hash as {{hash}}), `+names+` from
		{{rows $1: hash text, lookup_id int, type text, name text, version text, release text, body text, judged_by text, judged_not text, upgrade text}} where true
		on conflict do nothing returning id, hash`, document(rowsOf))
	err = each(rows, err, func() error {
		var id int64
		var h hash
		if err := rows.Scan(&id, &h); err != nil {
			return err
		}
		added[string(h)] = id
		return nil
	})
	if err != nil {
		return err
	}
	var list []findingRow
	var others []lookupRow
	for _, k := range keys {
		id, ok := added[k.Hash]
		if !ok {
			continue
		}
		for _, n := range k.Names[min(1, len(k.Names)):] {
			others = append(others, lookupRow{id, lookups[n]})
		}
		for _, f := range k.Findings {
			list = append(list, findingRow{id, f})
		}
	}
	if _, err := t.exec(ctx, "insert into key_lookup (key_id, lookup_id) select key_id, lookup_id from {{rows $1: key_id int, lookup_id int}} where true on conflict do nothing", document(others)); err != nil {
		return err
	}
	return t.addFindings(ctx, list, generation)
}

type nameRow struct {
	Ecosystem string `json:"ecosystem"`
	Name      string `json:"name"`
}

// lookupRow is a further name that a key is looked up under. Nearly all have one, which
// is in the key's own row.
type lookupRow struct {
	Key    int64 `json:"key_id"`
	Lookup int64 `json:"lookup_id"`
}

// addLookups returns the numbers of the names that keys are looked up under.
func (t *Tx) addLookups(ctx context.Context, keys []JudgedKey) (map[vulndb.PackageName]int64, error) {
	ids := map[vulndb.PackageName]int64{}
	var list []nameRow
	for _, k := range keys {
		for _, n := range k.Names {
			if _, twice := ids[n]; !twice {
				ids[n] = 0
				list = append(list, nameRow{n.Ecosystem, n.Name})
			}
		}
	}
	slices.SortFunc(list, func(a, b nameRow) int {
		return cmp.Or(cmp.Compare(a.Ecosystem, b.Ecosystem), cmp.Compare(a.Name, b.Name))
	})
	if _, err := t.exec(ctx, `insert into lookup (ecosystem, name) select x.ecosystem, x.name from {{rows $1: ecosystem text, name text}}
		where not exists (select 1 from lookup l where l.ecosystem = x.ecosystem and l.name = x.name) order by 1, 2 on conflict do nothing`, document(list)); err != nil {
		return nil, err
	}
	rows, err := t.query(ctx, "select l.id, l.ecosystem, l.name from {{rows $1: ecosystem text, name text}} join lookup l on l.ecosystem = x.ecosystem and l.name = x.name", document(list))
	return ids, each(rows, err, func() error {
		var id int64
		var n vulndb.PackageName
		err := rows.Scan(&id, &n.Ecosystem, &n.Name)
		ids[n] = id
		return err
	})
}

type findingRow struct {
	Key int64 `json:"key_id"`
	Finding
}

const findingColumns = "severity, kev, fix_state, fix, suppressed, advisory"

const findingConflict = `on conflict (key_id, vuln_id) do update set severity = excluded.severity, kev = excluded.kev, fix_state = excluded.fix_state,
	fix = excluded.fix, suppressed = excluded.suppressed, advisory = excluded.advisory`

// addFindings adds findings of keys, or changes what is there.
func (t *Tx) addFindings(ctx context.Context, list []findingRow, generation int64) error {
	if len(list) == 0 {
		return nil
	}
	vulns := map[string]Finding{}
	for _, f := range list {
		vulns[f.Vuln] = f.Finding
	}
	var distinct []Finding
	for _, f := range vulns {
		distinct = append(distinct, f)
	}
	slices.SortFunc(distinct, func(a, b Finding) int { return cmp.Compare(a.Vuln, b.Vuln) })
	if _, err := t.exec(ctx, `insert into vuln (name, kev, epss) select vuln, kev, epss from
		{{rows $1: vuln text, kev int, epss float8}} where true on conflict do nothing`, document(distinct)); err != nil {
		return err
	}
	_, err := t.exec(ctx, `insert into finding (key_id, vuln_id, `+findingColumns+`, since)
		select x.key_id, v.id, x.severity, x.kev, x.fix_state, x.fix, x.suppressed, x.advisory, cast($2 as bigint) from
		{{rows $1: key_id bigint, vuln text, severity int, kev int, fix_state text, fix text, suppressed int, advisory text}}
		join vuln v on v.name = x.vuln where true `+findingConflict, document(list), generation)
	return err
}

func (t *Tx) keyIDs(ctx context.Context, hashes []string) ([]int64, error) {
	ids := make([]int64, 0, len(hashes))
	rows, err := t.query(ctx, "select k.id from {{hashes $1}} as x join key k on k.hash = x.v", texts(hashes))
	return ids, each(rows, err, func() error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
}

// addSet returns the set of these keys, which is made if there is none. One key is a set
// as it is, under its number below zero. The error is ErrMoved if a key was removed since
// it was asked for: once more.
func (t *Tx) addSet(ctx context.Context, hashes []string) (id int64, err error) {
	hash := setHash(hashes)
	if found, err := t.one(ctx, "select id from keyset where hash = $1", []any{hash}, []any{&id}); found || err != nil {
		return id, err
	}
	keys, err := t.keyIDs(ctx, hashes)
	if err != nil {
		return 0, err
	}
	if len(keys) < len(hashes) {
		return 0, ErrMoved
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) == 1 {
		if t.d == &sqlite {
			_, err = t.exec(ctx, "insert into key_set (key_id, set_id) values ($1, -$1) on conflict do nothing", keys[0])
		}
		return -keys[0], err
	}
	text := numbersText(keys)
	found, err := t.one(ctx, "insert into keyset (hash, n, keys) values ($1, $2, {{toints $3}}) on conflict do nothing returning id", []any{hash, len(keys), text}, []any{&id})
	if err != nil {
		return 0, err
	}
	if !found {
		_, err := t.one(ctx, "select id from keyset where hash = $1", []any{hash}, []any{&id})
		return id, err
	}
	if t.d == &sqlite {
		if _, err := t.exec(ctx, "insert into key_set (key_id, set_id) select v, cast($2 as bigint) from {{list $1}} as t", text, id); err != nil {
			return 0, err
		}
	}
	_, err = t.exec(ctx, "insert into keyset_sum (set_id, "+sumColumns+") select cast($1 as bigint), "+counted+" from finding where key_id in (select v from {{list $2}} as t)", id, text)
	return id, err
}

// Alike looks for a part that a whole one may be kept as the difference from. known says
// that the very same is there. base is 0 for none.
func (s *Store) Alike(ctx context.Context, p Part) (known bool, base int64, body []byte, err error) {
	var id int64
	if known, err = s.one(ctx, "select id from part where hash = $1", []any{digestOf(p.Body)}, []any{&id}); known || err != nil {
		return known, 0, nil, err
	}
	_, err = s.one(ctx, "select id, body from part where alike = $1 order by id desc limit 1", []any{p.Alike}, []any{&base, &body})
	return false, base, body, err
}

// hasPart makes sure that a part is there; the error is ErrMoved if it was removed.
func (t *Tx) hasPart(ctx context.Context, id int64) error {
	found, err := t.one(ctx, "select id from part where id = $1", []any{id}, []any{&id})
	if err == nil && !found {
		err = ErrMoved
	}
	return err
}

func (t *Tx) addPart(ctx context.Context, p Part) (id int64, err error) {
	hash := cmp.Or(p.Hash, digestOf(p.Body))
	if found, err := t.one(ctx, "select id from part where hash = $1", []any{hash}, []any{&id}); found || err != nil {
		return id, err
	}
	alike, base := sql.NullInt64{Int64: p.Alike, Valid: p.Base == 0}, sql.NullInt64{Int64: p.Base, Valid: p.Base != 0}
	if base.Valid {
		if err := t.hasPart(ctx, p.Base); err != nil {
			return 0, err
		}
	}
	found, err := t.one(ctx, "insert into part (hash, alike, base, body) values ($1, $2, $3, $4) on conflict do nothing returning id", []any{hash, alike, base, p.Body}, []any{&id})
	if err != nil || found {
		return id, err
	}
	_, err = t.one(ctx, "select id from part where hash = $1", []any{hash}, []any{&id})
	return id, err
}

// hash is a hash as the database writes it: PostgreSQL keeps it as a uuid.
type hash string

// Scan implements sql.Scanner.
func (h *hash) Scan(v any) error {
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("a hash is a text, not %T", v)
	}
	*h = hash(strings.ReplaceAll(text, "-", ""))
	return nil
}

// HashOf is the hash that a packed document is kept under.
func HashOf(body []byte) string { return digestOf(body) }

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// document writes the argument of {{rows}}; nothing in it can fail to be JSON.
func document(list any) string {
	b, err := json.Marshal(list)
	if err != nil || string(b) == "null" {
		return "[]"
	}
	return string(key.WithoutNUL(b))
}

func texts(list []string) string { return document(list) }

func numbersText(list []int64) string { return document(list) }
