package fleet

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/key"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
	"github.com/careen/careen/internal/match"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// bulk writes the rows of repositories as Index would, many times faster: what it
// writes is compared with Index in TestBulkIsIndex. It comes before the first
// generation, which judges all of it.
type bulk struct {
	t      testing.TB
	f      *Fleet
	tables map[string]*copied

	keys    map[string]numbered // by purl, and release of a distribution
	bases   map[int]set
	sets    map[string]set // by hash
	lookups map[vulndb.PackageName]int
	size    sizes
	fill    *rand.ChaCha8
}

// sizes are how long documents are, as careend writes them for a sample of the fleet.
type sizes struct {
	base       int     // packages of a base,
	perPackage float64 // of a list of dependencies that stands alone, for each
	different  int     // of one that is kept as what differs from another
	whole      int     // the rest of an image that stands alone
	body       int     // and of one that does not
}

type numbered struct {
	id   int
	hash string
}

// set is a set of keys with the part that has its packages.
type set struct{ id, part int }

// copied is a table that rows are streamed to.
type copied struct {
	cmd *exec.Cmd
	in  *bufio.Writer
	end func() error
	n   int
}

var columnsOf = map[string]string{
	"key":        "id, lookup_id, hash, type, name, version, release, body, judged_by, judged_not, upgrade",
	"lookup":     "id, ecosystem, name",
	"key_lookup": "key_id, lookup_id",
	"keyset":     "id, hash, n, keys",
	"part":       "id, hash, alike, base, body",
	"image":      "id, digest, platform, os, created, scanned, size, packages, sets, parts, base, body",
	"image_set":  "set_id, image_id",
	"repo":       "id, name",
	"repo_image": "repo_id, image_id, first_seen, last_seen",
	"tag":        "repo_id, name, digest, seen, changed",
}

func newBulk(t testing.TB, f *Fleet, databaseURL string) *bulk {
	t.Helper()
	b := &bulk{t: t, f: f, tables: map[string]*copied{}, keys: map[string]numbered{}, bases: map[int]set{}, sets: map[string]set{}, lookups: map[vulndb.PackageName]int{}, fill: rand.NewChaCha8([32]byte{})}
	for table, columns := range columnsOf {
		cmd := exec.Command("psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", databaseURL, "-c", "copy "+table+" ("+columns+") from stdin")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		cmd.Stderr = &out
		if err := cmd.Start(); err != nil {
			t.Skipf("psql: %v", err)
		}
		w := bufio.NewWriterSize(in, 1<<20)
		b.tables[table] = &copied{cmd: cmd, in: w, end: func() error {
			err := errors.Join(w.Flush(), in.Close(), cmd.Wait())
			if err != nil {
				err = fmt.Errorf("%s: %w: %s", table, err, out.String())
			}
			return err
		}}
	}
	return b
}

var escaped = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

// row appends a row and returns its number.
func (b *bulk) row(table string, values ...any) int {
	c := b.tables[table]
	c.n++
	for i, v := range values {
		if i > 0 {
			c.in.WriteByte('\t')
		}
		switch v := v.(type) {
		case nil:
			c.in.WriteString(`\N`)
		case string:
			escaped.WriteString(c.in, v)
		case int:
			c.in.WriteString(strconv.Itoa(v))
		case []int:
			c.in.WriteByte('{')
			for i, n := range v {
				if i > 0 {
					c.in.WriteByte(',')
				}
				c.in.WriteString(strconv.Itoa(n))
			}
			c.in.WriteByte('}')
		}
	}
	c.in.WriteByte('\n')
	return c.n
}

// blob is bytes that nothing compresses, in place of a packed document.
func (b *bulk) blob(n int) string {
	buf := make([]byte, n)
	b.fill.Read(buf)
	return `\x` + hex.EncodeToString(buf)
}

// key returns the number of a package's key.
func (b *bulk) key(distro sbom.Distro, p sbom.Package, of *match.Key) numbered {
	at := p.PURL
	if of != nil { // a distribution's
		at = distro.ID + distro.VersionID + p.PURL
	}
	if n, ok := b.keys[at]; ok {
		return n
	}
	if of == nil {
		of = &match.Keys(distro, []sbom.Package{p})[0]
	}
	s, err := key.Encode(*of)
	if err != nil {
		b.t.Fatal(err)
	}
	release := ""
	if of.Release != nil && len(of.Release.Ecosystems) > 0 {
		release = of.Release.Ecosystems[0]
	}
	lookups := []int{}
	for _, name := range of.Names() {
		if _, ok := b.lookups[name]; !ok {
			b.lookups[name] = b.row("lookup", b.tables["lookup"].n+1, name.Ecosystem, name.Name)
		}
		lookups = append(lookups, b.lookups[name])
	}
	if len(lookups) == 0 {
		lookups = []int{0}
	}
	n := numbered{b.row("key", b.tables["key"].n+1, lookups[0], s.Hash, of.Type, of.Name, of.Version, release, s.Body, "", "", ""), s.Hash}
	b.keys[at] = n
	for _, id := range lookups[1:] {
		b.row("key_lookup", n.id, id)
	}
	return n
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// part adds a document of packages: as what differs from another, or for those to come.
func (b *bulk) part(hash string, base int, length int) int {
	id := b.tables["part"].n + 1
	if base > 0 {
		return b.row("part", id, hash, nil, base, b.blob(length))
	}
	return b.row("part", id, hash, int(int64(b.fill.Uint64())), nil, b.blob(length))
}

// set returns the set of keys, with its part, which differs from another if base is
// not 0.
func (b *bulk) set(keys []numbered, base, length int) set {
	slices.SortFunc(keys, func(x, y numbered) int { return cmp.Compare(x.hash, y.hash) })
	keys = slices.Compact(keys)
	hashes := make([]string, len(keys))
	ids := make([]int, len(keys))
	for i, k := range keys {
		hashes[i], ids[i] = k.hash, k.id
	}
	hash := shortHash(strings.Join(hashes, "\n"))
	if s, ok := b.sets[hash]; ok {
		return s
	}
	slices.Sort(ids)
	s := set{b.row("keyset", b.tables["keyset"].n+1, hash, len(ids), ids), b.part(hash, base, length)}
	b.sets[hash] = s
	return s
}

func (b *bulk) repository(n int) {
	repo, first, body := 0, 0, 0
	var last set
	var before map[int]int
	for _, img := range b.f.Repository(n) {
		base := b.f.bases[img.Base]
		at, ok := b.bases[img.Base]
		if !ok {
			all := match.Keys(base.Distro, base.Packages)
			var keys []numbered
			for i, p := range base.Packages {
				keys = append(keys, b.key(base.Distro, p, &all[i]))
			}
			at = b.set(keys, 0, b.size.base)
			b.bases[img.Base] = at
		}
		if before == nil || !sameMap(before, img.Version) {
			var keys []numbered
			for _, p := range b.f.Dependencies(img) {
				keys = append(keys, b.key(base.Distro, p, nil))
			}
			length := b.size.different
			if first == 0 {
				length = int(b.size.perPackage * float64(len(keys)))
			}
			last, before = b.set(keys, first, length), img.Version
			if first == 0 {
				first = last.part
			}
		}
		own := -b.key(base.Distro, b.f.OwnArtefact(img), nil).id
		text := `\x`
		if repo == 0 {
			repo = b.row("repo", b.tables["repo"].n+1, img.Repo)
			body = b.part(shortHash(img.Repo), 0, b.size.whole)
		} else {
			text = b.blob(b.size.body)
		}
		digest := `\x` + strings.TrimPrefix(digestOf(img), "sha256:")
		id := b.row("image", b.tables["image"].n+1, digest, "linux/amd64", base.Report.Target.OS.Name, 1, 1, 92_000_000, len(base.Packages)+len(img.order)+1,
			[]int{at.id, last.id, own}, []int{at.part, last.part}, body, text)
		for _, s := range []int{at.id, last.id, own} {
			b.row("image_set", s, id)
		}
		b.row("repo_image", repo, id, 1, 1)
		b.row("tag", repo, img.Tag, digest, 1, 1)
	}
}

func sameMap(a, b map[int]int) bool {
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

const sampled = 20 // repositories that documents are measured of

// sample indexes repositories behind those of a fleet in a store of its own and says
// how long their documents are.
func sample(t testing.TB, f *Fleet, behind int) (of sizes) {
	t.Helper()
	ctx := context.Background()
	s, err := store.Open(ctx, "", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := work.New(s, work.Options{DataDir: t.TempDir(), Log: quiet, Version: "test"})
	path := filepath.Join(t.TempDir(), "none.db")
	if _, err := vulndb.WriteFile(path, vulndb.NewBuilder(), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	apply(t, s, w, path)
	ingest(t, s, w, f, behind, behind+sampled, 1)
	packages, bytes := 0, 0
	for n := range sampled {
		img := f.Repository(behind + n)[0]
		r, distro := f.Report(img, digestOf(img))
		facts, err := work.FactsOf(r, distro, time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		of.base = max(of.base, len(facts.Image.Parts[0].Body))
		packages += len(img.order)
		bytes += len(facts.Image.Parts[1].Body)
	}
	of.perPackage = float64(bytes) / float64(packages)
	of.different = int(number(t, s, "select coalesce(cast(avg(length(body)) as integer), 0) from part where base is not null"))
	of.whole = int(number(t, s, "select cast(avg(length(p.body)) as integer) from part p where p.id in (select base from image)"))
	of.body = int(number(t, s, "select cast(avg(length(body)) as integer) from image where length(body) > 0"))
	t.Logf("documents: base %d, %.1f a dependency, %d what differs of dependencies; image %d, %d what differs", of.base, of.perPackage, of.different, of.whole, of.body)
	return of
}

// load writes repositories to an empty store, and the sums of no findings.
func load(t testing.TB, s *store.Store, f *Fleet, databaseURL string, from, to int) time.Duration {
	t.Helper()
	size := sample(t, f, to)
	if _, err := s.SQL.Exec("drop index keyset_keys"); err != nil {
		t.Fatal(err)
	}
	b := newBulk(t, f, databaseURL)
	b.size = size
	began := time.Now()
	for n := from; n < to; n++ {
		b.repository(n)
	}
	for _, c := range b.tables {
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
	}
	const zero = "0, 0, 0, 0, 0, 0, 0"
	for _, query := range []string{
		"create index keyset_keys on keyset using gin (keys) with (fastupdate = off)",
		"insert into keyset_sum select id, " + zero + " from keyset",
		"insert into image_sum select id, " + zero + " from image",
		"select setval(pg_get_serial_sequence('key', 'id'), (select max(id) from key))",
		"select setval(pg_get_serial_sequence('lookup', 'id'), (select max(id) from lookup))",
		"select setval(pg_get_serial_sequence('keyset', 'id'), (select max(id) from keyset))",
		"select setval(pg_get_serial_sequence('part', 'id'), (select max(id) from part))",
		"select setval(pg_get_serial_sequence('image', 'id'), (select max(id) from image))",
		"select setval(pg_get_serial_sequence('repo', 'id'), (select max(id) from repo))",
		"vacuum analyze",
	} {
		if _, err := s.SQL.Exec(query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	return time.Since(began)
}
