package store

import (
	"context"
	"fmt"
	"strings"
)

// migrations bring the tables from one version to the next. They are never changed
// once released: what a later version needs is another entry. A statement that only
// one database has begins with its name and a colon.
//
// What there is much of is kept short, as FLEET's size is that of these rows: numbers
// of four bytes, digests and hashes as bytes, wide columns first so that none is padded.
var migrations = []string{
	`
create table generation (id {{id}}, digest text not null, built bigint not null, newest bigint not null, applied bigint not null, keys bigint not null);
create table current (one int not null primary key, generation bigint not null);
insert into current (one, generation) values (1, 0);
create table db_file (digest text not null, part int not null, data {{blob}} not null, primary key (digest, part));

create table source (id {{id}}, pattern text not null unique, platform text not null, every bigint not null, added bigint not null, listed bigint not null, error text not null);
create table repo (id {{id}}, name text not null unique);
create table tag (seen bigint not null, changed bigint not null, repo_id int not null, name text not null, digest {{blob}} not null, primary key (repo_id, name)){{rowid}};
postgres: create index tag_digest on tag using hash (digest);
sqlite: create index tag_digest on tag (digest);
create index tag_seen on tag (seen);

create table image (created bigint not null, scanned bigint not null, size bigint not null, id {{id}}, packages int not null, base int not null,
  platform text not null, os text not null, digest {{blob}} not null unique, sets {{ints}} not null, parts {{ints}} not null, body {{blob}} not null);
create table part (alike bigint, id {{id}}, base int, hash {{hash}} not null unique, body {{blob}} not null);
create index part_alike on part (alike, id) where alike is not null;
create table target (image_id int not null, digest {{blob}} not null, primary key (digest, image_id)){{rowid}};
create index target_image on target (image_id);
postgres: create view leads as select digest, image_id from target union all select digest, id from image;
sqlite: create view leads as select digest, image_id from target;
create table repo_image (first_seen bigint not null, last_seen bigint not null, repo_id int not null, image_id int not null, primary key (repo_id, image_id)){{rowid}};
create index repo_image_image on repo_image (image_id, repo_id);
create index repo_image_seen on repo_image (last_seen);
create table image_secret (rule text not null, image_id int not null, n int not null, primary key (rule, image_id)){{rowid}};
create index image_secret_image on image_secret (image_id);

create table key (id {{id}}, lookup_id int not null, hash {{hash}} not null unique, type text not null, name text not null, version text not null, release text not null, body text not null,
  judged_by text not null, judged_not text not null, upgrade text not null);
create index key_package on key (name);
create index key_lookup_first on key (lookup_id);
create index key_unjudged on key (judged_not, id) where judged_not <> '';
create table functions (hash {{hash}} not null primary key, body {{blob}} not null);
create table lookup (id {{id}}, ecosystem text not null, name text not null, unique (ecosystem, name));
create table key_lookup (key_id int not null, lookup_id int not null, primary key (key_id, lookup_id)){{rowid}};
create index key_lookup_lookup on key_lookup (lookup_id);
create view looked_up as select id as key_id, lookup_id from key union all select key_id, lookup_id from key_lookup;
create table vuln (id {{id}}, name text not null unique, kev int not null, epss double precision not null);
create table finding (key_id int not null, vuln_id int not null, since int not null, severity smallint not null, kev smallint not null, suppressed smallint not null,
  fix_state text not null, fix text not null, advisory text not null, primary key (key_id, vuln_id)){{rowid}};
create index finding_vuln on finding (vuln_id, key_id);

create table keyset (id {{id}}, n int not null, hash {{hash}} not null unique, keys {{ints}} not null);
postgres: create index keyset_keys on keyset using gin (keys) with (fastupdate = off);
sqlite: create table key_set (key_id bigint not null, set_id bigint not null, primary key (key_id, set_id)) without rowid;
create table image_set (set_id int not null, image_id int not null, primary key (set_id, image_id)){{rowid}};
create table set_count (set_id int not null primary key, upto int not null, n int not null){{rowid}};
create table keyset_sum (set_id int not null primary key, critical int not null, high int not null, medium int not null, low int not null, other int not null, kev int not null, fixable int not null);
create table image_sum (image_id int not null primary key, critical int not null, high int not null, medium int not null, low int not null, other int not null, kev int not null, fixable int not null);
create index image_worst on image_sum (critical desc, high desc, image_id desc);
create table judging (one int not null primary key, digest text not null, from_generation bigint not null, after bigint not null);
create table next_key (key_id bigint not null primary key, judged_by text not null, judged_not text not null, upgrade text not null,
  critical int not null, high int not null, medium int not null, low int not null, other int not null, kev int not null, fixable int not null);
create table next_finding (key_id bigint not null, vuln text not null, epss double precision not null, severity int not null, kev int not null, fix_state text not null,
  fix text not null, suppressed int not null, advisory text not null);
create table next_gone (key_id bigint not null, vuln text not null);
create table next_event (key_id bigint not null, vuln text not null, kind text not null);
create table event (id {{id}}, generation int not null, key_id int not null, vuln_id int not null, kind text not null);
create index event_generation on event (generation, id);
create table trend (day int not null, repo_id int not null, images int not null, with_critical int not null, with_kev int not null,
  critical bigint not null, high bigint not null, medium bigint not null, low bigint not null, other bigint not null, kev bigint not null, fixable bigint not null, at bigint not null,
  primary key (day, repo_id)){{rowid}};

create table failure (digest text not null primary key, repo text not null, deaths int not null, reason text not null, at bigint not null, version text not null);
create table policy (id {{id}}, repos text not null unique, fail_on text not null, owner text not null, added bigint not null);
create table exception (id {{id}}, vuln text not null, package text not null, repos text not null, owner text not null, reason text not null, expires bigint not null, added bigint not null);
create index exception_vuln on exception (vuln);
create table hook (id {{id}}, url text not null, secret text not null, repos text not null, kinds text not null, added bigint not null, seen bigint not null, error text not null);
create table notice (hook_id bigint not null, generation bigint not null, kind text not null, vuln text not null, repo text not null, sent bigint not null, primary key (hook_id, vuln, repo, kind, generation)){{rowid}};
create table token (id {{id}}, name text not null unique, hash text not null unique, role text not null, scopes text not null, expires bigint not null, created bigint not null);
create table session (hash text not null primary key, name text not null, groups text not null, expires bigint not null);
create table audit (id {{id}}, at bigint not null, who text not null, what text not null);
postgres: create table worker (id text primary key, seen timestamptz not null);
`,
}

// oldest is the version that migrations[0] makes of empty tables. Those before it were
// never released.
const oldest = 8

// migrate applies what is missing. Any number of processes may do so at once: on
// PostgreSQL one holds a lock meanwhile, on SQLite the data directory.
func (s *Store) migrate(ctx context.Context) error {
	return s.Tx(ctx, func(tx *Tx) error {
		if s.Postgres() {
			if _, err := tx.exec(ctx, "select pg_advisory_xact_lock(4242020117)"); err != nil {
				return fmt.Errorf("database: %w", err)
			}
		}
		if _, err := tx.exec(ctx, "create table if not exists careend_schema (version int not null primary key)"); err != nil {
			return fmt.Errorf("database: %w", err)
		}
		var at int
		if _, err := tx.one(ctx, "select coalesce(max(version), 0) from careend_schema", nil, []any{&at}); err != nil {
			return err
		}
		newest := oldest + len(migrations) - 1
		switch {
		case at > newest:
			return fmt.Errorf("the database is of a newer careend: its tables are of version %d, this one knows %d", at, newest)
		case at == 0:
			at = oldest - 1
		case at < oldest:
			return fmt.Errorf("the database is of a careend from before the first release (version %d): begin with an empty one", at)
		}
		for i, m := range migrations[at-oldest+1:] {
			for statement := range strings.SplitSeq(m, ";\n") {
				if err := s.apply(ctx, tx, strings.TrimSpace(statement)); err != nil {
					return fmt.Errorf("database: migration %d: %w", at+i+1, err)
				}
			}
			if _, err := tx.exec(ctx, "insert into careend_schema (version) values ($1)", at+i+1); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) apply(ctx context.Context, tx *Tx, statement string) error {
	for _, d := range []*dialect{&postgres, &sqlite} {
		if own, ok := strings.CutPrefix(statement, d.name+": "); ok {
			if d != s.d {
				return nil
			}
			statement = own
		}
	}
	if statement == "" {
		return nil
	}
	_, err := tx.exec(ctx, statement)
	return err
}
