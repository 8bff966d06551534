package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Scope says which repositories someone may see. What is asked is answered as if
// there were no others.
type Scope struct {
	All      bool
	Patterns []string // of names, with "*" for any run of characters

	also string // a pattern that is asked for; "" for none
}

// within is the part of a scope that a pattern of repositories leaves; "" leaves all.
func (s Scope) within(pattern string) Scope {
	s.also = pattern
	return s
}

// all reports whether no repository is left out.
func (s Scope) all() bool { return s.All && s.also == "" }

// Everything is the scope of who may see all.
var Everything = Scope{All: true}

// args are the arguments of a query that is put together.
type args []any

// add notes an argument and returns what stands for it in the query.
func (a *args) add(v any) string {
	*a = append(*a, v)
	return "$" + strconv.Itoa(len(*a))
}

// repos is the condition that a repository, by the alias of its row, is in the scope.
func (s Scope) repos(alias string, a *args) string {
	like := func(pattern string) string { return alias + ".name like " + a.add(like(pattern)) + ` escape '\'` }
	list := []string{"false"}
	if s.All {
		list = []string{"true"}
	} else {
		for _, p := range s.Patterns {
			list = append(list, like(p))
		}
	}
	if s.also == "" {
		return "(" + joinOr(list) + ")"
	}
	return "((" + joinOr(list) + ") and " + like(s.also) + ")"
}

// visible is the condition that an image is in a repository of the scope.
func (s Scope) visible(image string, a *args) string {
	if s.all() {
		return "true"
	}
	return "exists (select 1 from repo_image ri join repo r on r.id = ri.repo_id where ri.image_id = " + image + " and " + s.repos("r", a) + ")"
}

// Counts are findings, each of a package as installed.
type Counts struct {
	Critical int `json:"critical"`
	High     int `json:"high"`
	Medium   int `json:"medium"`
	Low      int `json:"low"`
	Other    int `json:"other"` // negligible, or of unknown severity
	KEV      int `json:"exploited"`
	Fixable  int `json:"fixable"`
}

func (c *Counts) dest() []any {
	return []any{&c.Critical, &c.High, &c.Medium, &c.Low, &c.Other, &c.KEV, &c.Fixable}
}

// ImageRow is an image in a list.
type ImageRow struct {
	ID       int64    `json:"-"`
	Digest   string   `json:"digest"`
	Platform string   `json:"platform"`
	OS       string   `json:"os"`
	Created  int64    `json:"created"`
	Scanned  int64    `json:"scanned"`
	Size     int64    `json:"size"`
	Packages int      `json:"packages"`
	Counts   Counts   `json:"vulnerabilities"`
	Tags     []string `json:"tags"`  // references by tag, now
	Repos    []string `json:"repos"` // that have it
	Asked    string   `json:"-"`     // the repository by which it was asked for; "" by digest alone
}

const imageColumns = "i.id, i.digest, i.platform, i.os, i.created, i.scanned, i.size, i.packages, " +
	"s.critical, s.high, s.medium, s.low, s.other, s.kev, s.fixable"

func (r *ImageRow) dest() []any {
	return append([]any{&r.ID, (*digest)(&r.Digest), &r.Platform, &r.OS, &r.Created, &r.Scanned, &r.Size, &r.Packages}, r.Counts.dest()...)
}

// ImageQuery says which images are asked for. The zero value asks for all, newest
// first.
type ImageQuery struct {
	Repo    string  // a pattern of repositories
	CVE     string  // vulnerable to it
	Package string  // with a package of this name,
	Version string  // and this version
	Keys    []int64 // with one of these keys; nil asks nothing
	Secret  string  // with a secret that this rule found
	Worst   bool    // those with the most severe findings first
	After   Cursor  // where the page before ended
	Limit   int
}

// Cursor is a place in a list.
type Cursor struct {
	Critical, High int
	ID             int64
}

// ErrCursor says that a text is no cursor.
var ErrCursor = errors.New("no cursor of this list")

// ParseCursor reads what Cursor.String wrote; "" is the beginning.
func ParseCursor(text string) (c Cursor, err error) {
	if text == "" {
		return c, nil
	}
	if n, err := fmt.Sscanf(text, "%d.%d.%d", &c.Critical, &c.High, &c.ID); n != 3 || err != nil || c.ID <= 0 || c.String() != text {
		return Cursor{}, ErrCursor
	}
	return c, nil
}

func (c Cursor) String() string { return fmt.Sprintf("%d.%d.%d", c.Critical, c.High, c.ID) }

// Next is the cursor behind an image.
func (r *ImageRow) Next() Cursor { return Cursor{r.Counts.Critical, r.Counts.High, r.ID} }

// Images lists images of a scope.
func (s *Store) Images(ctx context.Context, scope Scope, q ImageQuery) ([]ImageRow, error) {
	scope = scope.within(q.Repo)
	few, err := s.few(ctx, scope)
	if err != nil {
		return nil, err
	}
	var a args
	with, where := "", []string{}
	if few { // going through all images for those of a few repositories takes long
		with = "with mine as materialized (select ri.image_id from repo r join repo_image ri on ri.repo_id = r.id where " + scope.repos("r", &a) + ") "
		where = append(where, "i.id in (select image_id from mine)")
	} else {
		where = append(where, scope.visible("i.id", &a))
	}
	asked := q.keys(&a)
	if s.Postgres() && scope.all() && len(asked) == 1 && !q.Worst && q.Secret == "" { // of each set, its newest are enough
		with = s.newest(asked[0], q, &a)
		where = append(where, "i.id in (select image_id from newest)")
		asked = nil
	}
	for _, keys := range asked {
		where = append(where, s.has(keys))
	}
	if q.Secret != "" {
		where = append(where, "i.id in (select image_id from image_secret where rule = "+a.add(q.Secret)+")")
	}
	order := "i.id desc"
	if q.Worst {
		order = "s.critical desc, s.high desc, s.image_id desc"
	}
	if c := q.After; c.ID > 0 {
		if q.Worst {
			where = append(where, "(s.critical, s.high, s.image_id) < (cast("+a.add(c.Critical)+" as int), cast("+a.add(c.High)+" as int), cast("+a.add(c.ID)+" as bigint))")
		} else {
			where = append(where, "i.id < cast("+a.add(c.ID)+" as bigint)")
		}
	}
	list := []ImageRow{}
	rows, err := s.query(ctx, with+"select "+imageColumns+" from image i join image_sum s on s.image_id = i.id where "+strings.Join(where, " and ")+
		" order by "+order+" limit cast("+a.add(q.Limit)+" as int)", a...)
	err = each(rows, err, func() error {
		var r ImageRow
		err := rows.Scan(r.dest()...)
		list = append(list, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, s.addNames(ctx, scope, list)
}

// keys are the queries of keys, of each of which an image has one.
func (q ImageQuery) keys(a *args) (list []string) {
	if q.CVE != "" {
		list = append(list, "select f.key_id from finding f join vuln v on v.id = f.vuln_id where f.suppressed = 0 and v.name = "+a.add(q.CVE))
	}
	if q.Package != "" {
		keys := "select k.id as key_id from key k where k.name = " + a.add(q.Package)
		if q.Version != "" {
			keys += " and k.version = " + a.add(q.Version)
		}
		list = append(list, keys)
	}
	if q.Keys != nil {
		list = append(list, "select v as key_id from {{list "+a.add(numbersText(q.Keys))+"}} as l")
	}
	return list
}

// newest are the images of a page that have one of the keys of a query.
func (s *Store) newest(keys string, q ImageQuery, a *args) string {
	behind := ""
	if q.After.ID > 0 {
		behind = "and m.image_id < cast(" + a.add(q.After.ID) + " as int) "
	}
	page := "order by image_id desc limit cast(" + a.add(q.Limit) + " as int)"
	return "with newest as materialized (select distinct n.image_id from (" + s.setsOf(keys) + ") z " +
		"cross join lateral (select m.image_id from image_set m where m.set_id = z.set_id " + behind + page + ") n " + page + ") "
}

// fewRepositories is how many are looked through in place of all images.
const fewRepositories = 2000

// few reports whether a scope has few repositories.
func (s *Store) few(ctx context.Context, scope Scope) (bool, error) {
	if scope.all() {
		return false, nil
	}
	var a args
	var n int
	_, err := s.one(ctx, "select count(*) from (select 1 from repo r where "+scope.repos("r", &a)+" limit "+strconv.Itoa(fewRepositories+1)+") t", a, []any{&n})
	return n <= fewRepositories, err
}

// has is the condition that an image has one of the keys of a query.
func (s *Store) has(keys string) string {
	return "i.id in (select m.image_id from (" + s.setsOf(keys) + ") z join image_set m on m.set_id = z.set_id)"
}

// setsOf is the query of the sets that have one of the keys of a query. A key that an
// image has in no set with others is a set of its own, under its number below zero.
func (s *Store) setsOf(keys string) string {
	if s.Postgres() {
		return "select k.id as set_id from keyset k where k.keys && (select array_agg(q.key_id::int) from (" + keys + ") q) union all select -q.key_id from (" + keys + ") q"
	}
	return "select distinct k.set_id from key_set k where k.key_id in (" + keys + ")"
}

// addNames adds the repositories and tags that the scope shows.
func (s *Store) addNames(ctx context.Context, scope Scope, list []ImageRow) error {
	if len(list) == 0 {
		return nil
	}
	at := map[int64]*ImageRow{}
	var ids []int64
	for i := range list {
		list[i].Tags, list[i].Repos = []string{}, []string{}
		at[list[i].ID] = &list[i]
		ids = append(ids, list[i].ID)
	}
	var a args
	rows, err := s.query(ctx, `select distinct ri.image_id, r.name, coalesce(t.name, '') from {{list `+a.add(numbersText(ids))+`}} as x
		join repo_image ri on ri.image_id = x.v join repo r on r.id = ri.repo_id
		left join leads g on g.image_id = ri.image_id left join tag t on t.digest = g.digest and t.repo_id = r.id
		where `+scope.repos("r", &a)+` order by 2, 3`, a...)
	return each(rows, err, func() error {
		var id int64
		var repo, tag string
		if err := rows.Scan(&id, &repo, &tag); err != nil {
			return err
		}
		row := at[id]
		if !slices.Contains(row.Repos, repo) {
			row.Repos = append(row.Repos, repo)
		}
		if tag != "" {
			row.Tags = append(row.Tags, repo+":"+tag)
		}
		return nil
	})
}

// Image finds one image: by the digest of its manifest, or by a reference whose tag
// or digest leads to it. Of several platforms it is the one named, or the first.
func (s *Store) Image(ctx context.Context, scope Scope, of, repo, tag, platform string) (ImageRow, error) {
	var a args
	query := "select " + imageColumns + " from image i join image_sum s on s.image_id = i.id where " + scope.visible("i.id", &a)
	switch {
	case of != "":
		query += " and i.id in (select image_id from leads where digest = " + a.add(digest(of)) + ")"
	default:
		query += ` and i.id in (select g.image_id from repo r join tag t on t.repo_id = r.id join leads g on g.digest = t.digest
			where r.name = ` + a.add(repo) + " and t.name = " + a.add(tag) + " and " + scope.repos("r", &a) + ")"
	}
	if repo != "" && of != "" {
		query += " and exists (select 1 from repo_image ri join repo r on r.id = ri.repo_id where ri.image_id = i.id and r.name = " + a.add(repo) + ")"
	}
	if platform != "" {
		query += " and i.platform = " + a.add(platform)
	}
	var r ImageRow
	found, err := s.one(ctx, query+" order by i.platform <> 'linux/amd64', i.platform, i.id limit 1", a, r.dest())
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return ImageRow{}, err
	}
	r.Asked = repo
	list := []ImageRow{r}
	err = s.addNames(ctx, scope, list)
	return list[0], err
}

// Stored is what an image's report is made from.
type Stored struct {
	Body  Piece
	Parts []Piece
}

// Piece is a packed document: as it is, or as what differs from another.
type Piece struct {
	Body []byte
	Base []byte // nil for one that stands alone
}

// Document reads what is kept of an image that Image found.
func (s *Store) Document(ctx context.Context, image int64) (Stored, error) {
	var d Stored
	found, err := s.one(ctx, "select i.body, b.body from image i join part b on b.id = i.base where i.id = $1", []any{image}, []any{&d.Body.Body, &d.Body.Base})
	if err != nil {
		return d, err
	}
	if !found {
		return d, ErrNotFound
	}
	if len(d.Body.Body) == 0 { // nothing differs
		d.Body = Piece{Body: d.Body.Base}
	}
	ids := "(select value as v, key as n from image i, json_each(i.parts) where i.id = $1)"
	if s.Postgres() {
		ids = "(select u.v, u.n from image i, unnest(i.parts) with ordinality as u(v, n) where i.id = $1)"
	}
	rows, err := s.query(ctx, "select p.body, b.body from "+ids+" x join part p on p.id = x.v left join part b on b.id = p.base order by x.n", image)
	return d, each(rows, err, func() error {
		var p Piece
		err := rows.Scan(&p.Body, &p.Base)
		d.Parts = append(d.Parts, p)
		return err
	})
}

// Affected is a package as installed that has a vulnerability.
type Affected struct {
	Key      int64  `json:"-"`
	Type     string `json:"type"`
	Name     string `json:"name"`
	Version  string `json:"version"`
	Release  string `json:"release,omitempty"` // of the distribution, as advisories name it
	Severity int    `json:"-"`
	Word     string `json:"severity"`
	FixState string `json:"fixState"`
	Fix      string `json:"fix,omitempty"`
	Advisory string `json:"advisory"`
	Since    int64  `json:"since"` // generation
	Images   int    `json:"images"`
}

// Vulnerability is what the fleet knows of one.
type Vulnerability struct {
	ID       string     `json:"id"`
	KEV      bool       `json:"exploited"`
	EPSS     float64    `json:"epss"`
	Images   int        `json:"images"`
	AtLeast  bool       `json:"atLeast,omitempty"` // there may be more: of so many those with several of the packages are not counted once each
	Packages []Affected `json:"packages"`
}

// maxAffected bounds the packages that an answer lists.
const maxAffected = 1000

// Vulnerability says which packages of a scope have a vulnerability, and in how many
// images each is. One that no image of the scope has is not found.
func (s *Store) Vulnerability(ctx context.Context, scope Scope, id string) (Vulnerability, error) {
	v := Vulnerability{ID: id, Packages: []Affected{}}
	var kev int
	found, err := s.one(ctx, "select kev, epss from vuln where name = $1", []any{id}, []any{&kev, &v.EPSS})
	if err != nil {
		return v, err
	}
	if !found {
		return v, ErrNotFound
	}
	v.KEV = kev == 1
	var a args
	rows, err := s.query(ctx, `with p as materialized (select k.id, k.type, k.name, k.version, k.release, f.severity, f.fix_state, f.fix, f.advisory, f.since, `+s.imagesWith("f.key_id", scope, &a)+` as images
		from vuln v join finding f on f.vuln_id = v.id join key k on k.id = f.key_id where v.name = `+a.add(id)+` and f.suppressed = 0)
		select * from p where images > 0 order by severity desc, name, version, id limit cast(`+a.add(maxAffected)+` as int)`, a...)
	err = each(rows, err, func() error {
		var p Affected
		err := rows.Scan(&p.Key, &p.Type, &p.Name, &p.Version, &p.Release, &p.Severity, &p.FixState, &p.Fix, &p.Advisory, &p.Since, &p.Images)
		v.Packages = append(v.Packages, p)
		return err
	})
	if err == nil && len(v.Packages) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return v, err
	}
	sum := 0
	for _, p := range v.Packages {
		v.Images = max(v.Images, p.Images) // of one package no image is counted twice
		sum += p.Images
	}
	if sum > countedExactly {
		v.AtLeast = sum > v.Images
		return v, nil
	}
	a = nil
	sets := s.setsOf(ImageQuery{CVE: id}.keys(&a)[0])
	of := "(" + sets + ") z join image_set m on m.set_id = z.set_id"
	if s.Postgres() { // set by set, whatever it believes of their number
		of = "(" + sets + ") z cross join lateral (select image_id from image_set where set_id = z.set_id offset 0) m"
	}
	_, err = s.one(ctx, "select count(distinct m.image_id) from "+of+" where "+scope.visible("m.image_id", &a), a, []any{&v.Images})
	return v, err
}

// countedExactly is up to how many images, those with several packages several times,
// each is counted once.
const countedExactly = 10_000

// imagesWith is the number of images of a scope that have a key. An image has a key in
// one of its sets, so the images of sets add up.
func (s *Store) imagesWith(key string, scope Scope, a *args) string {
	if s.Postgres() && scope.all() {
		return "(select coalesce(sum(coalesce(c.n, 0) + (select count(*) from image_set m where m.set_id = z.set_id and m.image_id > coalesce(c.upto, 0))), 0) from " +
			"(select s.id as set_id from keyset s where s.keys @> array[" + key + "::int] union all select -" + key + "::int) z left join set_count c on c.set_id = z.set_id)"
	}
	return "(select count(*) from (select 1) o {{holding " + key + "}} where " + scope.visible("m.image_id", a) + ")"
}

// Installed is a version of a package that images have.
type Installed struct {
	Type    string `json:"type"`
	Version string `json:"version"`
	Release string `json:"release,omitempty"`
	Not     string `json:"notJudged,omitempty"` // why nobody's advisories were compared with it
	Upgrade string `json:"upgradeTo,omitempty"`
	Counts  Counts `json:"vulnerabilities"`
	Images  int    `json:"images"`
}

// Package lists the versions of a package that images of a scope have.
func (s *Store) Package(ctx context.Context, scope Scope, name string) ([]Installed, error) {
	var a args
	n := a.add(name)
	rows, err := s.query(ctx, `with p as materialized (select k.id, k.type, k.version, k.release, k.judged_not, k.upgrade, `+s.imagesWith("k.id", scope, &a)+` as images, `+
		join(columns(func(column, _ string) string { return "coalesce(c." + column + ", 0) as " + column }))+`
		from key k
		left join (select f.key_id, `+join(columns(func(column, where string) string {
		return "count(*) filter (where f.suppressed = 0 and f." + where + ") as " + column
	}))+` from finding f where f.key_id in (select id from key where name = `+n+`) group by f.key_id) c on c.key_id = k.id
		where k.name = `+n+`)
		select type, version, release, judged_not, upgrade, images, `+sumColumns+` from p where images > 0 order by images desc, type, version, id limit cast(`+a.add(maxAffected)+` as int)`, a...)
	list := []Installed{}
	err = each(rows, err, func() error {
		var p Installed
		err := rows.Scan(append([]any{&p.Type, &p.Version, &p.Release, &p.Not, &p.Upgrade, &p.Images}, p.Counts.dest()...)...)
		list = append(list, p)
		return err
	})
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	return list, err
}
