package rpmdb

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Origin says from which repository dnf installed a package.
type Origin struct {
	Name, Version string // as rpm writes it, without the epoch
	Repository    string // its id: "appstream", "docker-ce-stable", "@commandline"
}

// maxHistory bounds the rows that are read of each table of a history. That of a
// machine updated daily for years has a tenth.
const maxHistory = 1 << 20

// History reads what dnf 3 and 4 remember of their transactions
// (/var/lib/dnf/history.sqlite; libdnf/transaction/sql/create_tables.sql): of each
// package the repository that it came from last. Its arguments are those of Read.
func History(r io.ReaderAt, size int64, wal io.ReaderAt, walSize int64) ([]Origin, error) {
	db, walErr, err := openSQLite(r, size, wal, walSize)
	if err != nil {
		return nil, err
	}
	ids := map[int64]string{} // of repositories
	err = db.each("repo", func(number int64, row []sqliteValue) {
		// id, which is NULL since it is the row's own number, repoid
		if len(row) >= 2 {
			ids[number] = string(row[1].data)
		}
	})
	from := map[int64]string{} // by the item
	errItems := db.each("trans_item", func(_ int64, row []sqliteValue) {
		// id, trans_id, item_id, repo_id, …; what is removed comes from @System.
		if len(row) >= 4 {
			if id := ids[row[3].number]; id != "" && !strings.EqualFold(id, "@System") {
				from[row[2].number] = id
			}
		}
	})
	var origins []Origin
	errRPM := db.each("rpm", func(_ int64, row []sqliteValue) {
		// item_id, name, epoch, version, release, arch
		if len(row) >= 5 && from[row[0].number] != "" {
			origins = append(origins, Origin{string(row[1].data), string(row[3].data) + "-" + string(row[4].data), from[row[0].number]})
		}
	})
	return origins, errors.Join(walErr, err, errItems, errRPM)
}

// each calls do with the rows of a table.
func (db *sqlite) each(table string, do func(number int64, row []sqliteValue)) error {
	root, err := db.root(table)
	if err != nil {
		return err
	}
	var failed error
	rows, total := 0, int64(0)
	db.walk(root, 0, map[int64]bool{}, func(number int64, row []byte, err error) bool {
		var values []sqliteValue
		if err == nil {
			values, err = sqliteValues(row)
		}
		// No two rows share bytes, so they cannot be more than the file.
		rows, total = rows+1, total+int64(len(row))
		if rows > maxHistory || total > db.size+db.walSize {
			failed = fmt.Errorf("table %q: more rows than fit: %d of %d bytes", table, rows, total)
			return false
		}
		if err != nil {
			failed = fmt.Errorf("table %q: row %d: %w", table, rows, err)
			return true
		}
		do(number, values)
		return true
	})
	return failed
}
