package rpmdb

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
)

// history makes a database with the tables of libdnf that are read: rows are put
// in by SQL. It returns the file and its log.
func history(t *testing.T, sql string) (data, log []byte) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	file := filepath.Join(t.TempDir(), "history.sqlite")
	const script = `import sqlite3, sys, os
c = sqlite3.connect(sys.argv[1])
c.execute("pragma journal_mode=wal"); c.execute("pragma wal_autocheckpoint=0")
c.executescript("""create table trans (id integer primary key autoincrement, dt_begin integer not null);
create table repo (id integer primary key, repoid text not null);
create table item (id integer primary key, item_type integer not null);
create table trans_item (id integer primary key autoincrement, trans_id integer, item_id integer, repo_id integer, action integer not null, reason integer not null, state integer not null);
create table rpm (item_id integer unique not null, name text not null, epoch integer not null, version text not null, release text not null, arch text not null,
 constraint rpm_unique_nevra unique (name, epoch, version, release, arch));
create index rpm_name on rpm(name);""")
before, after = sys.argv[2].split("--checkpoint")
c.executescript(before); c.execute("pragma wal_checkpoint(truncate)").fetchall()
c.executescript(after); c.commit()
os._exit(0)`
	if out, err := exec.Command(python, "-c", script, file, sql).CombinedOutput(); err != nil {
		t.Skipf("python3 without sqlite3: %v %s", err, out)
	}
	if data, err = os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	log, _ = os.ReadFile(file + "-wal")
	return data, log
}

const transactions = `insert into repo values (1,'@System'), (2,'appstream'), (7,'docker-ce-stable'), (9,'@commandline');
insert into rpm values (1,'nginx',2,'1.24.0','1.el9','x86_64'), (2,'docker-ce',3,'26.1.0','1.el9','x86_64'), (3,'acme',0,'1','2','noarch'), (4,'gone',0,'1','1','noarch'), (5,'moved',0,'1','1','noarch');
insert into trans_item (trans_id,item_id,repo_id,action,reason,state) values (1,1,2,1,2,1), (1,2,7,1,2,1), (1,3,9,1,2,1), (1,4,1,8,0,1), (1,5,7,1,2,1);
--checkpoint
insert into trans_item (trans_id,item_id,repo_id,action,reason,state) values (2,5,2,9,2,1), (3,1,1,8,2,1);`

func TestHistory(t *testing.T) {
	data, log := history(t, transactions)
	nginx, moved := Origin{"nginx", "1.24.0-1.el9", "appstream"}, Origin{"moved", "1-1", "docker-ce-stable"}
	rest := []Origin{{"docker-ce", "26.1.0-1.el9", "docker-ce-stable"}, {"acme", "1-2", "@commandline"}}
	got, err := History(bytes.NewReader(data), int64(len(data)), nil, 0)
	if diff := cmp.Diff(append(append([]Origin{nginx}, rest...), moved), got); diff != "" || err != nil {
		t.Errorf("without its log: %v\n%s", err, diff)
	}
	if len(log) == 0 {
		t.Fatal("no log was left")
	}
	moved.Repository = "appstream" // reinstalled from there
	got, err = History(bytes.NewReader(data), int64(len(data)), bytes.NewReader(log), int64(len(log)))
	if diff := cmp.Diff(append(append([]Origin{nginx}, rest...), moved), got); diff != "" || err != nil {
		t.Errorf("with its log: %v\n%s", err, diff)
	}
	for _, n := range []int{0, 50, 100, 5000, len(data) / 2} {
		if _, err := History(bytes.NewReader(data[:n]), int64(n), nil, 0); err == nil {
			t.Errorf("%d of %d bytes are taken for whole", n, len(data))
		}
	}
}

func FuzzHistory(f *testing.F) {
	w := sqliteWriter{pages: [][]byte{nil}}
	var schema [][]byte
	for _, t := range []struct {
		name string
		rows [][]byte
	}{
		{"repo", [][]byte{sqliteRecord(nil, "appstream"), sqliteRecord(nil, "acme")}},
		{"trans_item", [][]byte{sqliteRecord(nil, 1, 4, 2, 1, 2)}},
		{"rpm", [][]byte{sqliteRecord(4, "nginx", 0, "1", "2", "noarch")}},
	} {
		schema = append(schema, sqliteRecord("table", t.name, t.name, w.table(t.rows), ""))
	}
	data := w.file(schema)
	if got, err := History(bytes.NewReader(data), int64(len(data)), nil, 0); err != nil || len(got) != 1 || got[0] != (Origin{"nginx", "1-2", "acme"}) {
		f.Fatal(got, err)
	}
	f.Add(data, []byte{})
	costs.Fuzz(f, func(_ *testing.T, data, log []byte) {
		History(bytes.NewReader(data), int64(len(data)), bytes.NewReader(log), int64(len(log)))
	})
}
