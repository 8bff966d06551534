// Package store keeps what careend knows: in PostgreSQL, or in SQLite on one
// machine. Both speak through database/sql, the few words that differ are in
// dialect. Its tables are in schema.go; docs/fleet.md has the picture of them.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"
)

// Store is an open database. It may be used by several goroutines.
type Store struct {
	SQL *sql.DB // every write; with SQLite it is one connection

	read *sql.DB // the same on PostgreSQL; a pool that cannot write on SQLite
	d    *dialect
	lock *os.File // of the data directory
}

// Open opens the database that a URL names, "postgres://…", or the SQLite file of a
// data directory, and brings its tables up to date. A data directory belongs to one
// process at a time.
func Open(ctx context.Context, databaseURL, dataDir string) (*Store, error) {
	return opened(ctx, databaseURL, dataDir, true)
}

// OpenBeside opens the database next to the process that has its data directory, for
// a change that is small.
func OpenBeside(ctx context.Context, databaseURL, dataDir string) (*Store, error) {
	return opened(ctx, databaseURL, dataDir, false)
}

func opened(ctx context.Context, databaseURL, dataDir string, alone bool) (*Store, error) {
	s, err := open(databaseURL, dataDir, alone)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func open(databaseURL, dataDir string, alone bool) (*Store, error) {
	if databaseURL != "" {
		if !strings.HasPrefix(databaseURL, "postgres://") && !strings.HasPrefix(databaseURL, "postgresql://") {
			return nil, errors.New("the database's URL begins with postgres://")
		}
		db, err := sql.Open("pgx", databaseURL)
		if err != nil {
			return nil, fmt.Errorf("database: %w", withoutPassword(err, databaseURL))
		}
		db.SetMaxOpenConns(maxConnections)
		db.SetMaxIdleConns(maxConnections)
		return &Store{SQL: db, read: db, d: &postgres}, nil
	}
	lock, err := lockDir(dataDir, alone)
	if err != nil {
		return nil, err
	}
	file := "file:" + (&url.URL{Path: filepath.Join(dataDir, "careend.sqlite")}).EscapedPath()
	// WAL lets pages be read while a job writes; a write that meets another waits. Names
	// are compared as they are written, as PostgreSQL does.
	const pragmas = "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(0)&_pragma=case_sensitive_like(1)&_txlock=immediate"
	write, err := sql.Open("sqlite", file+pragmas)
	if err != nil {
		lock.Close()
		return nil, err
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", file+"?_pragma=busy_timeout(10000)&_pragma=query_only(1)&_pragma=case_sensitive_like(1)")
	if err != nil {
		write.Close()
		lock.Close()
		return nil, err
	}
	read.SetMaxOpenConns(maxReaders)
	return &Store{SQL: write, read: read, d: &sqlite, lock: lock}, nil
}

const (
	maxConnections = 20 // to PostgreSQL, of one process
	maxReaders     = 4  // of SQLite's file at once
)

// Close closes the database and gives the data directory free.
func (s *Store) Close() error {
	err := s.SQL.Close()
	if s.read != s.SQL {
		err = errors.Join(err, s.read.Close())
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// Postgres reports whether the database is PostgreSQL.
func (s *Store) Postgres() bool { return s.d == &postgres }

// ErrLocked says that another process has the data directory.
var ErrLocked = errors.New("another careend uses it")

func lockDir(dir string, alone bool) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if !alone {
		return f, nil
	}
	if err := exclusive(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	return f, nil
}

// withoutPassword keeps the password of a URL out of an error about it.
func withoutPassword(err error, databaseURL string) error {
	if u, parseErr := url.Parse(databaseURL); parseErr == nil && u.User != nil {
		if password, ok := u.User.Password(); ok && password != "" && strings.Contains(err.Error(), password) {
			return errors.New(strings.ReplaceAll(err.Error(), password, "redacted"))
		}
	}
	return err
}

// Tx runs use in a transaction that may write.
func (s *Store) Tx(ctx context.Context, use func(*Tx) error) error {
	raw, err := s.SQL.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	tx := &Tx{SQL: raw, d: s.d}
	if err := use(tx); err != nil {
		return errors.Join(err, ignoreDone(raw.Rollback()))
	}
	return raw.Commit()
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// Tx is an open transaction.
type Tx struct {
	SQL *sql.Tx
	d   *dialect
}

func (t *Tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	r, err := t.SQL.ExecContext(ctx, t.d.rewrite(query), args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t *Tx) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.SQL.QueryContext(ctx, t.d.rewrite(query), args...)
}

// one reads a single row into dest; found is false when there is none.
func (t *Tx) one(ctx context.Context, query string, args, dest []any) (found bool, err error) {
	return scanned(t.SQL.QueryRowContext(ctx, t.d.rewrite(query), args...), dest)
}

func (s *Store) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return s.read.QueryContext(ctx, s.d.rewrite(query), args...)
}

func (s *Store) one(ctx context.Context, query string, args, dest []any) (found bool, err error) {
	return scanned(s.read.QueryRowContext(ctx, s.d.rewrite(query), args...), dest)
}

func scanned(row *sql.Row, dest []any) (bool, error) {
	err := row.Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// each calls use for every row, and closes them.
func each(rows *sql.Rows, err error, use func() error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := use(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// ErrNotFound says that there is no such thing, or none that the asker may see.
var ErrNotFound = fmt.Errorf("not found: %w", fs.ErrNotExist)
