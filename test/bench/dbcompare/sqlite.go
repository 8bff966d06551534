package main

import (
	"database/sql"
	"encoding/json"

	"github.com/careen/careen/internal/finding"
	_ "modernc.org/sqlite" // registers the driver "sqlite": SQLite in Go, no cgo
)

// schema is in the spirit of Grype's version 6: packages found through an index
// of ecosystem and name, what affects them in rows of its own, and JSON for what
// nothing asks for. Ranges are rows here. The shape is theirs, the code is not.
const schema = `
CREATE TABLE packages (n INTEGER PRIMARY KEY, ecosystem TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE affected (n INTEGER PRIMARY KEY, package INTEGER NOT NULL, id TEXT NOT NULL, source TEXT NOT NULL,
	fix TEXT NOT NULL, severity INTEGER NOT NULL, more TEXT);
CREATE TABLE ranges (affected INTEGER, n INTEGER, introduced TEXT, fixed TEXT, last TEXT, branch TEXT,
	PRIMARY KEY (affected, n)) WITHOUT ROWID;
CREATE TABLE vulnerabilities (id TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`

const indexes = `
CREATE UNIQUE INDEX packages_name ON packages (ecosystem, name);
CREATE INDEX affected_package ON affected (package);
ANALYZE;
VACUUM;`

const query = `
SELECT a.n, a.id, a.source, a.fix, a.severity, a.more, r.introduced IS NOT NULL,
	coalesce(r.introduced, ''), coalesce(r.fixed, ''), coalesce(r.last, ''), coalesce(r.branch, '')
FROM packages p JOIN affected a ON a.package = p.n LEFT JOIN ranges r ON r.affected = a.n
WHERE p.ecosystem = ? AND p.name = ? ORDER BY a.n, r.n`

type sqliteStore struct {
	db    *sql.DB
	query *sql.Stmt
}

func writeSQLite(path string, f *facts) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(off)&_pragma=synchronous(off)")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec(schema); err != nil {
		return err
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := fillSQLite(tx, f); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	_, err = db.Exec(indexes)
	return err
}

func fillSQLite(tx *sql.Tx, f *facts) error {
	var inserts [4]*sql.Stmt
	for i, into := range []string{"packages VALUES (?,?,?)", "affected VALUES (?,?,?,?,?,?,?)", "ranges VALUES (?,?,?,?,?,?)", "vulnerabilities VALUES (?,?)"} {
		var err error
		if inserts[i], err = tx.Prepare("INSERT INTO " + into); err != nil {
			return err
		}
		defer inserts[i].Close()
	}
	n := 0
	for i, p := range f.packages {
		if _, err := inserts[0].Exec(i, p.ecosystem, p.name); err != nil {
			return err
		}
		for _, a := range p.advisories {
			more := a
			more.ID, more.Source, more.Fix, more.Severity, more.Ranges = "", "", "", 0, nil
			text, err := json.Marshal(more)
			if err != nil {
				return err
			}
			column := sql.NullString{String: string(text), Valid: string(text) != "{}"}
			if _, err := inserts[1].Exec(n, i, a.ID, a.Source, string(a.Fix), int(a.Severity), column); err != nil {
				return err
			}
			for j, r := range a.Ranges {
				if _, err := inserts[2].Exec(n, j, r.Introduced, r.Fixed, r.LastAffected, r.Limit); err != nil {
					return err
				}
			}
			n++
		}
	}
	for _, v := range f.vulnerabilities {
		id := v.ID
		v.ID = ""
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if _, err := inserts[3].Exec(id, string(text)); err != nil {
			return err
		}
	}
	return nil
}

func openSQLite(path string) (store, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&immutable=1&_pragma=cache_size(-65536)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	stmt, err := db.Prepare(query)
	return &sqliteStore{db, stmt}, err
}

func (s *sqliteStore) Close() error { return s.db.Close() }

func (s *sqliteStore) lookup(ecosystem, name string) (list []advisory, err error) {
	rows, err := s.query.Query(ecosystem, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for last := -1; rows.Next(); {
		var (
			n, severity int
			a           advisory
			r           interval
			more        sql.NullString
			ranged      bool
		)
		if err := rows.Scan(&n, &a.ID, &a.Source, &a.Fix, &severity, &more, &ranged, &r.Introduced, &r.Fixed, &r.LastAffected, &r.Limit); err != nil {
			return nil, err
		}
		if n != last { // the first row of a statement
			last, a.Severity = n, finding.Severity(severity)
			if more.Valid {
				if err := json.Unmarshal([]byte(more.String), &a); err != nil {
					return nil, err
				}
			}
			list = append(list, a)
		}
		if ranged {
			own := &list[len(list)-1]
			own.Ranges = append(own.Ranges, r)
		}
	}
	return list, rows.Err()
}
