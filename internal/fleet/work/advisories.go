package work

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/careen/careen/internal/fleet/key"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/match"
	"github.com/careen/careen/internal/vulndb"
)

// advisories are the databases that this process has open, by digest. One that the
// store keeps is fetched when it is first asked for.
type advisories struct {
	store *store.Store
	dir   string

	mu   sync.Mutex
	open map[string]*lent
}

// lent is an open database with how many use it.
type lent struct {
	db   *vulndb.DB
	uses int
	old  bool // to be closed when nobody uses it
}

// use opens the database with a digest. Call done when it is no longer read.
func (a *advisories) use(ctx context.Context, digest string) (db *vulndb.DB, done func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.open[digest]
	if l == nil {
		db, err := a.load(ctx, digest)
		if err != nil {
			return nil, nil, fmt.Errorf("advisory database %s: %w", digest, err)
		}
		l = &lent{db: db}
		if a.open == nil {
			a.open = map[string]*lent{}
		}
		a.open[digest] = l
	}
	l.uses++
	return l.db, func() { a.release(digest, l) }, nil
}

func (a *advisories) release(digest string, l *lent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l.uses--; l.uses == 0 && l.old {
		l.db.Close()
		delete(a.open, digest)
	}
}

// keepOnly closes all databases but one, each when nobody uses it any more.
func (a *advisories) keepOnly(digest string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for d, l := range a.open {
		if l.old = d != digest; l.old && l.uses == 0 {
			l.db.Close()
			delete(a.open, d)
		}
	}
}

func (a *advisories) file(digest string) string {
	return filepath.Join(a.dir, strings.ReplaceAll(digest, ":", "-")+".db")
}

func (a *advisories) load(ctx context.Context, digest string) (*vulndb.DB, error) {
	file := a.file(digest)
	if db, err := vulndb.Open(file); err == nil {
		if db.Info().Digest == digest {
			return db, nil
		}
		db.Close()
	}
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(a.dir, "fetched-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(a.store.File(ctx, digest, f), f.Close()); err != nil {
		return nil, err
	}
	db, err := vulndb.Open(f.Name())
	if err != nil {
		return nil, err
	}
	if err := db.Verify(); err != nil || db.Info().Digest != digest {
		db.Close()
		return nil, errors.Join(err, errors.New("it came damaged"))
	}
	return db, errors.Join(os.Rename(f.Name(), file))
}

// judge compares keys with the advisories of a database.
type judge struct{ km *match.KeyMatcher }

func newJudge(db *vulndb.DB) judge { return judge{match.NewKeyMatcher(db, match.Options{})} }

func (j judge) findings(k *match.Key) (match.Outcome, []store.Finding) {
	o := j.km.Match(k)
	list := make([]store.Finding, 0, len(o.Vulnerabilities))
	seen := map[string]int{}
	for _, v := range o.Vulnerabilities {
		f := store.Finding{Vuln: v.ID, Severity: v.Severity, Rank: int(v.Severity), FixState: string(v.Fix.State), Fix: v.Fix.Version, Advisory: v.Advisory.ID}
		if v.KEV {
			f.KEV = 1
		}
		if v.EPSS != nil {
			f.EPSS = v.EPSS.Score
		}
		if v.Suppressed != nil {
			f.Suppressed = 1
		}
		if at, twice := seen[f.Vuln]; twice {
			list[at] = f // one vulnerability is one finding of a key
			continue
		}
		seen[f.Vuln] = len(list)
		list = append(list, f)
	}
	return o, list
}

// keys judges keys that were just read.
func (j judge) keys(list []key.Stored, functions map[string][]byte) ([]store.JudgedKey, error) {
	out := make([]store.JudgedKey, 0, len(list))
	for _, s := range list {
		k, err := key.Decode(s, func(hash string) ([]byte, error) {
			b, ok := functions[hash]
			if !ok {
				return nil, fmt.Errorf("linked functions %s: %w", hash, store.ErrNotFound)
			}
			return b, nil
		})
		if err != nil {
			return nil, err
		}
		o, found := j.findings(&k)
		s.Key = k
		out = append(out, store.JudgedKey{Stored: s, Functions: functions[s.Symbols], Names: k.Names(),
			By: o.Judged.By, Not: string(o.Judged.Not), Upgrade: o.UpgradeTo, Findings: found})
	}
	return out, nil
}

// again judges keys that are stored.
func (j judge) again(rows []store.KeyRow, functions func(hash string) ([]byte, error)) ([]store.Rejudged, error) {
	out := make([]store.Rejudged, 0, len(rows))
	for _, row := range rows {
		k, err := key.Decode(row.Stored, functions)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", row.ID, err)
		}
		o, found := j.findings(&k)
		out = append(out, store.Rejudged{ID: row.ID, By: o.Judged.By, Not: string(o.Judged.Not), Upgrade: o.UpgradeTo, Findings: found})
	}
	return out, nil
}

// marks looks up what a database says of vulnerabilities for themselves, and which
// of them it calls exploited otherwise than is stored.
func marks(db *vulndb.DB, known []store.VulnMark) (all []store.VulnMark, kev []string) {
	for _, v := range known {
		mark := store.VulnMark{Name: v.Name}
		refs, _ := db.Find(v.Name)
		for _, ref := range refs {
			found := db.Vulnerability(ref)
			if found.EPSS != nil {
				mark.EPSS = max(mark.EPSS, found.EPSS.Score)
			}
			if found.KEV != nil {
				mark.KEV = 1
			}
		}
		if mark.KEV != v.KEV {
			kev = append(kev, v.Name)
		}
		if mark != v {
			all = append(all, mark)
		}
	}
	return all, kev
}
