package store

import (
	"context"
	"time"
)

// Overview is the fleet in numbers.
type Overview struct {
	Images       int    `json:"images"`
	Repositories int    `json:"repositories"`
	Counts       Counts `json:"vulnerabilities"` // of all images together
	Critical     int    `json:"imagesWithCritical"`
	Exploited    int    `json:"imagesWithExploited"`
	At           int64  `json:"at"` // when it was counted
}

// live is the number of images up to which all of them are counted when someone
// asks. Of more, everyone gets the numbers of the last Roll.
const live = 20_000

// Overview adds up a scope.
func (s *Store) Overview(ctx context.Context, scope Scope, now time.Time) (Overview, error) {
	o := Overview{At: now.Unix()}
	var b args
	if _, err := s.one(ctx, "select count(*) from repo r where "+scope.repos("r", &b), b, []any{&o.Repositories}); err != nil {
		return o, err
	}
	dest := append([]any{&o.Images, &o.Critical, &o.Exploited}, o.Counts.dest()...)
	if scope.All {
		var newest int64
		if _, err := s.one(ctx, "select coalesce(max(id), 0) from image", nil, []any{&newest}); err != nil {
			return o, err
		}
		if newest > live {
			found, err := s.one(ctx, "select images, with_critical, with_kev, "+sumColumns+", at from trend where repo_id = 0 order by day desc limit 1", nil, append(dest, &o.At))
			if found || err != nil {
				return o, err
			}
		}
	}
	var a args
	from := "image_sum s where true"
	if !scope.All { // the repositories first, of which there are few
		from = "image_sum s where s.image_id in (select ri.image_id from repo r join repo_image ri on ri.repo_id = r.id where " + scope.repos("r", &a) + ")"
	}
	_, err := s.one(ctx, "select "+inNumbers+" from "+from, a, dest)
	return o, err
}

// inNumbers are the columns of images in numbers, of rows s of image_sum.
var inNumbers = "count(*), count(*) filter (where s.critical > 0), count(*) filter (where s.kev > 0), " + summed("s.")

// Day numbers days since 1970.
func Day(at time.Time) int { return int(at.Unix() / (24 * 60 * 60)) }

// Roll counts the images of each repository, and all of them under the number 0, for
// the trend of the day.
func (t *Tx) Roll(ctx context.Context, now time.Time) error {
	if err := t.countSets(ctx); err != nil {
		return err
	}
	const columns = "day, repo_id, images, with_critical, with_kev, "
	if _, err := t.exec(ctx, "delete from trend where day = $1", Day(now)); err != nil {
		return err
	}
	if _, err := t.exec(ctx, "insert into trend ("+columns+sumColumns+", at) select cast($1 as int), 0, "+inNumbers+", cast($2 as bigint) from image_sum s", Day(now), now.Unix()); err != nil {
		return err
	}
	_, err := t.exec(ctx, "insert into trend ("+columns+sumColumns+", at) select cast($1 as int), ri.repo_id, "+inNumbers+", cast($2 as bigint) from repo_image ri join image_sum s on s.image_id = ri.image_id group by ri.repo_id",
		Day(now), now.Unix())
	return err
}

// popular is from how many images on those of a set are counted by Roll.
const popular = 500

// countSets counts the images of sets that many have, up to the newest image. Who asks
// counts those behind it.
func (t *Tx) countSets(ctx context.Context) error {
	if t.d != &postgres {
		return nil
	}
	if err := t.alone(ctx); err != nil {
		return err
	}
	if _, err := t.exec(ctx, "delete from set_count"); err != nil {
		return err
	}
	_, err := t.exec(ctx, "insert into set_count (set_id, upto, n) select set_id, max(image_id), count(*) from image_set group by set_id having count(*) >= $1", popular)
	return err
}

// Point is one day of a trend. Images that lie in several repositories count in each,
// but for the trend of everything.
type Point struct {
	Date      string `json:"date"`
	Images    int    `json:"images"`
	Critical  int    `json:"imagesWithCritical"`
	Exploited int    `json:"imagesWithExploited"`
	Counts    Counts `json:"vulnerabilities"`
}

// Trend is how the numbers of a scope, or of the repositories in it that a pattern
// names, were on the last days, oldest first.
func (s *Store) Trend(ctx context.Context, scope Scope, repo string, days int, now time.Time) ([]Point, error) {
	var a args
	where := "t.repo_id = 0"
	from := "trend t"
	if scope = scope.within(repo); !scope.all() {
		from = "trend t join repo r on r.id = t.repo_id"
		where = scope.repos("r", &a)
	}
	list := []Point{}
	rows, err := s.query(ctx, "select t.day, sum(t.images), sum(t.with_critical), sum(t.with_kev), "+summed("t.")+" from "+from+
		" where t.day > "+a.add(Day(now)-days)+" and "+where+" group by t.day order by t.day", a...)
	return list, each(rows, err, func() error {
		var day int64
		var p Point
		err := rows.Scan(append([]any{&day, &p.Images, &p.Critical, &p.Exploited}, p.Counts.dest()...)...)
		p.Date = time.Unix(day*24*60*60, 0).UTC().Format(time.DateOnly)
		list = append(list, p)
		return err
	})
}
