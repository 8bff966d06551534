package store

import (
	"context"
	"time"
)

// Failure is an image whose reading ended the process that read it.
type Failure struct {
	Digest  string `json:"digest"`
	Repo    string `json:"repo"`
	Deaths  int    `json:"deaths"`
	Reason  string `json:"reason"` // of the last
	At      int64  `json:"at"`
	Version string `json:"version"` // of the careend that tried; another tries anew
	Away    bool   `json:"away"`    // it is not tried again by this version
}

// maxDeaths is how many processes an image may cost.
const maxDeaths = 3

// Died notes that a process died of an image, and returns what is known of that then.
func (t *Tx) Died(ctx context.Context, digest, repo, reason, version string, now time.Time) (Failure, error) {
	f := Failure{Digest: digest, Repo: repo, Reason: reason, At: now.Unix(), Version: version}
	_, err := t.one(ctx, `insert into failure (digest, repo, deaths, reason, at, version) values ($1, $2, 1, $3, $4, $5)
		on conflict (digest) do update set repo = excluded.repo, reason = excluded.reason, at = excluded.at, version = excluded.version,
			deaths = case when failure.version = excluded.version then failure.deaths + 1 else 1 end returning deaths`,
		[]any{digest, repo, reason, f.At, version}, []any{&f.Deaths})
	f.Away = f.Deaths >= maxDeaths
	return f, err
}

// Forget forgets the deaths by an image: it is tried again when it is listed next.
func (t *Tx) Forget(ctx context.Context, digest string) (found bool, err error) {
	n, err := t.exec(ctx, "delete from failure where digest = $1", digest)
	return n > 0, err
}

// PutAway reports whether an image is not to be tried by a version, and why.
func (s *Store) PutAway(ctx context.Context, digest, version string) (away bool, reason string, err error) {
	away, err = s.one(ctx, "select reason from failure where digest = $1 and version = $2 and deaths >= $3", []any{digest, version, maxDeaths}, []any{&reason})
	return away, reason, err
}

// Failures returns the images that processes died of, the last first.
func (s *Store) Failures(ctx context.Context, limit int) ([]Failure, error) {
	list := []Failure{}
	rows, err := s.query(ctx, "select digest, repo, deaths, reason, at, version from failure order by at desc, digest limit $1", limit)
	return list, each(rows, err, func() error {
		var f Failure
		err := rows.Scan(&f.Digest, &f.Repo, &f.Deaths, &f.Reason, &f.At, &f.Version)
		f.Away = f.Deaths >= maxDeaths
		list = append(list, f)
		return err
	})
}
