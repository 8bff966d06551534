package fleet

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
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
)

// bulk writes the rows of repositories as Index would, many times faster: what it
// writes is compared with Index in TestBulkIsIndex. It comes before the first
// generation, which judges all of it.
type bulk struct {
	t      testing.TB
	f      *Fleet
	tables map[string]*copied

	keys   map[string]numbered // by purl, and release of a distribution
	bases  map[int]set
	sets   map[string]int // by hash
	body   int            // bytes of an image's document
	partOf int            // bytes of a part for each package
	fill   *rand.ChaCha8
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
	"key":        "id, hash, type, name, version, release, body, judged_by, judged_not, upgrade",
	"key_name":   "ecosystem, name, key_id",
	"keyset":     "id, hash, n, keys",
	"part":       "id, hash, body",
	"image":      "id, digest, platform, os, created, scanned, size, packages, sets, parts, body",
	"image_set":  "set_id, image_id",
	"repo":       "id, name",
	"repo_image": "repo_id, image_id, first_seen, last_seen",
	"tag":        "repo_id, name, digest, seen, changed",
	"target":     "digest, image_id",
}

func newBulk(t testing.TB, f *Fleet, databaseURL string) *bulk {
	t.Helper()
	b := &bulk{t: t, f: f, tables: map[string]*copied{}, keys: map[string]numbered{}, bases: map[int]set{}, sets: map[string]int{}, fill: rand.NewChaCha8([32]byte{})}
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
	n := numbered{b.row("key", b.tables["key"].n+1, s.Hash, of.Type, of.Name, of.Version, release, s.Body, "", "", ""), s.Hash}
	b.keys[at] = n
	for _, name := range of.Names() {
		b.row("key_name", name.Ecosystem, name.Name, n.id)
	}
	return n
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// set returns the set of keys, with its part.
func (b *bulk) set(keys []numbered) set {
	slices.SortFunc(keys, func(x, y numbered) int { return cmp.Compare(x.hash, y.hash) })
	keys = slices.Compact(keys)
	hashes := make([]string, len(keys))
	ids := make([]int, len(keys))
	for i, k := range keys {
		hashes[i], ids[i] = k.hash, k.id
	}
	hash := shortHash(strings.Join(hashes, "\n"))
	if id, ok := b.sets[hash]; ok {
		return set{id, id}
	}
	slices.Sort(ids)
	id := b.row("keyset", b.tables["keyset"].n+1, hash, len(ids), ids)
	b.sets[hash] = id
	b.row("part", id, hash, b.blob(60+len(ids)*b.partOf))
	return set{id, id}
}

func (b *bulk) repository(n int) {
	repo := 0
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
			at = b.set(keys)
			b.bases[img.Base] = at
		}
		if before == nil || !sameMap(before, img.Version) {
			var keys []numbered
			for _, p := range b.f.Dependencies(img) {
				keys = append(keys, b.key(base.Distro, p, nil))
			}
			last, before = b.set(keys), img.Version
		}
		own := b.set([]numbered{b.key(base.Distro, b.f.OwnArtefact(img), nil)})
		if repo == 0 {
			repo = b.row("repo", b.tables["repo"].n+1, img.Repo)
		}
		digest := digestOf(img)
		id := b.row("image", b.tables["image"].n+1, digest, "linux/amd64", base.Report.Target.OS.Name, 1, 1, 92_000_000, len(base.Packages)+len(img.order)+1,
			[]int{at.id, last.id, own.id}, []int{at.part, last.part, own.part}, b.blob(b.body))
		for _, s := range []set{at, last, own} {
			b.row("image_set", s.id, id)
		}
		b.row("repo_image", repo, id, 1, 1)
		b.row("tag", repo, img.Tag, digest, 1, 1)
		b.row("target", digest, id)
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

// load writes repositories to an empty store, and the sums of no findings.
func load(t testing.TB, s *store.Store, f *Fleet, databaseURL string, from, to int) time.Duration {
	t.Helper()
	began := time.Now()
	b := newBulk(t, f, databaseURL)
	sample := f.Repository(from)[0]
	r, distro := f.Report(sample, digestOf(sample))
	facts, err := work.FactsOf(r, distro, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	b.body, b.partOf = len(facts.Image.Body), len(facts.Image.Parts[1])/len(sample.order)
	if _, err := s.SQL.Exec("drop index keyset_keys"); err != nil {
		t.Fatal(err)
	}
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
