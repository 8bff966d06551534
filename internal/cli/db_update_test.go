package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/blake2b"

	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/vulndb"
)

// updateTest is a machine with a database installed, and newer ones to be had.
type updateTest struct {
	dir, cache string
	old, new   string // database files
	packed     []byte // new, packed
}

func newUpdateTest(t *testing.T) *updateTest {
	t.Helper()
	dir := t.TempDir()
	u := &updateTest{dir: dir, cache: filepath.Join(dir, "cache"), old: filepath.Join(dir, "old.db"), new: filepath.Join(dir, "new.db")}
	today := time.Now().UTC().Truncate(time.Second)
	writeTestDatabase(t, u.old, today.Add(-48*time.Hour), 300)
	writeTestDatabase(t, u.new, today.Add(-24*time.Hour), 310)
	u.packed = packFile(t, u.new)
	if code, _, stderr := u.careen("db", "import", "--accept-shrunk", u.old); code != 0 {
		t.Fatal(stderr)
	}
	return u
}

func writeTestDatabase(t *testing.T, path string, built time.Time, records int) {
	t.Helper()
	b := vulndb.NewBuilder()
	for i := range records {
		err := b.Add(vulndb.Record{ID: fmt.Sprintf("GHSA-%04d-abcd-efgh", i), Source: "ghsa", Withdrawn: i == 7, Aliases: []string{fmt.Sprintf("CVE-2024-%04d", i)},
			Affected: []vulndb.Affected{{Ecosystem: "npm", Name: fmt.Sprintf("package%d", i), Ranges: []vulndb.Range{{Fixed: fmt.Sprintf("1.%d.0", i)}}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := vulndb.WriteFile(path, b, built); err != nil {
		t.Fatal(err)
	}
}

func packFile(t *testing.T, path string) []byte {
	t.Helper()
	db, err := vulndb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var b bytes.Buffer
	if err := vulndb.Pack(&b, db); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// careen runs the command with the test's cache.
func (u *updateTest) careen(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = runCareen(context.Background(), args, []string{"CAREEN_CACHE_DIR=" + u.cache}, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// installed returns the bytes of the database that scans use.
func (u *updateTest) installed(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(installedPath(u.cache))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// clean fails if an update left something behind.
func (u *updateTest) clean(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(installedPath(u.cache)))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "careen.db" && !strings.HasPrefix(e.Name(), "snapshot-") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func readTestFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sign makes a minisign key and signature by the format's description.
func sign(data []byte) (publicKey, signature string) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	id := "keynum01"
	hash := blake2b.Sum512(data)
	sig := ed25519.Sign(private, hash[:])
	comment := "file:careen.db"
	global := ed25519.Sign(private, append(append([]byte{}, sig...), comment...))
	code := base64.StdEncoding.EncodeToString
	return "untrusted comment: key\n" + code(append([]byte("Ed"+id), private.Public().(ed25519.PublicKey)...)) + "\n",
		"untrusted comment: signature\n" + code(append([]byte("ED"+id), sig...)) + "\ntrusted comment: " + comment + "\n" + code(global) + "\n"
}

func TestUpdateOverHTTP(t *testing.T) {
	u := newUpdateTest(t)
	old, new := readTestFile(t, u.old), readTestFile(t, u.new)
	key, signature := sign(new)
	_, otherSignature := sign(old)
	keyFile := filepath.Join(u.dir, "key.pub")
	if err := os.WriteFile(keyFile, []byte(key), 0o644); err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(u.packed)
	flipped[len(flipped)/2] ^= 0x10
	lying := bytes.Clone(u.packed)
	lying[8+8+8] ^= 1 // the digest in the head
	future := filepath.Join(u.dir, "future.db")
	writeTestDatabase(t, future, time.Now().Add(100*24*time.Hour), 10)
	older := filepath.Join(u.dir, "older.db")
	writeTestDatabase(t, older, time.Now().Add(-24*365*10*time.Hour), 10)

	for _, c := range []struct {
		name      string
		body      []byte
		signature string // "" means that the server has none
		key       bool
		length    int // of Content-Length, 0 means the body's
		want      string
		ok        bool // exit code 0
		updated   bool
	}{
		{name: "HTML", body: []byte("<!DOCTYPE html><title>Sign in</title><p>" + strings.Repeat("x", 100)), want: "not a careen database"},
		{name: "short HTML", body: []byte("<html>Sign in"), want: "not a careen database"},
		{name: "empty", body: nil, want: "unexpected EOF"},
		{name: "half", body: u.packed[:len(u.packed)/2], want: "unexpected EOF"},
		{name: "half of what was promised", body: u.packed[:len(u.packed)/2], length: len(u.packed), want: "unexpected EOF"},
		{name: "a flipped bit", body: flipped, want: "db update: "},
		{name: "another digest than stated", body: lying, want: "damaged"},
		{name: "unsigned", body: u.packed, key: true, want: "it publishes no signature"},
		{name: "signed for another database", body: u.packed, key: true, signature: otherSignature, want: "Invalid signature"},
		{name: "an HTML signature", body: u.packed, key: true, signature: "<!DOCTYPE html>", want: "signature: "},
		{name: "from the future", body: packFile(t, future), want: "is to come"},
		{name: "older", body: packFile(t, older), want: "kept the current database", ok: true},
		{name: "signed", body: u.packed, key: true, signature: signature, want: "updated from", ok: true, updated: true},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/careen.db.zst":
				if c.length > 0 {
					w.Header().Set("Content-Length", fmt.Sprint(c.length))
				}
				w.Write(c.body)
			case r.URL.Path == "/careen.db.zst.minisig" && c.signature != "":
				w.Write([]byte(c.signature))
			default:
				http.NotFound(w, r)
			}
		}))
		args := []string{"db", "update", "--db-repository", server.URL + "/careen.db.zst"}
		if c.key {
			args = append(args, "--db-key", keyFile)
		}
		code, _, stderr := u.careen(args...)
		server.Close()
		if (code == 0) != c.ok || !strings.Contains(stderr, c.want) || !c.ok && !strings.Contains(stderr, "the current database stays") {
			t.Errorf("%s: exit %d, %q, want %q", c.name, code, stderr, c.want)
		}
		want := old
		if c.updated {
			want = new
		}
		if !bytes.Equal(u.installed(t), want) {
			t.Fatalf("%s: another database is installed than should be", c.name)
		}
		u.clean(t)
	}
}

// TestUpdateFetchesLittle counts what a registry is asked for.
func TestUpdateFetchesLittle(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	u := newUpdateTest(t)
	var blobs []string
	registry := imagetest.RegistryHandler()
	damaged := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			blobs = append(blobs, r.URL.Path)
			if damaged != "" && strings.HasSuffix(r.URL.Path, damaged) {
				http.Error(w, "gone", http.StatusNotFound)
				return
			}
		}
		registry.ServeHTTP(w, r)
	}))
	defer server.Close()
	ref := strings.TrimPrefix(server.URL, "http://") + "/db:1"
	key, signature := sign(readTestFile(t, u.new))
	for name, text := range map[string]string{"key.pub": key, "new.db.minisig": signature} {
		if err := os.WriteFile(filepath.Join(u.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	push := func(args ...string) {
		t.Helper()
		if code, _, stderr := u.careen(append([]string{"db", "push"}, args...)...); code != 0 {
			t.Fatal(stderr)
		}
		blobs = nil
	}
	update := func(want string, fetched int) {
		t.Helper()
		blobs = nil
		code, _, stderr := u.careen("db", "update", "--db-repository", ref, "--db-key", filepath.Join(u.dir, "key.pub"))
		if code != 0 || !strings.Contains(stderr, want) || len(blobs) != fetched {
			t.Errorf("exit %d, %q, want %q; blobs %q", code, stderr, want, blobs)
		}
		u.clean(t)
	}
	push(u.old, ref)
	update("up to date", 0)
	push(u.new, ref, "--delta-from", u.old, "--signature", filepath.Join(u.dir, "new.db.minisig"))
	running, err := vulndb.Open(installedPath(u.cache)) // a scan that is under way
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	update("of delta", 2) // and the signature
	if err := running.Verify(); err != nil || running.Info().Digest == digestOf(t, u.new) {
		t.Errorf("the update changed what a running scan reads: %v", err)
	}
	if !bytes.Equal(u.installed(t), readTestFile(t, u.new)) {
		t.Error("the delta led elsewhere")
	}
	update("up to date", 0)

	// A delta that is not to be had is no reason to stay behind.
	if code, _, stderr := u.careen("db", "import", "--accept-shrunk", u.old); code != 0 {
		t.Fatal(stderr)
	}
	update("of delta", 2)
	damaged = blobs[1][strings.LastIndex(blobs[1], ":"):]
	if code, _, stderr := u.careen("db", "import", "--accept-shrunk", u.old); code != 0 {
		t.Fatal(stderr)
	}
	update("of database", 3)
	if !bytes.Equal(u.installed(t), readTestFile(t, u.new)) {
		t.Error("the whole is another")
	}
}

func digestOf(t *testing.T, file string) string {
	t.Helper()
	db, err := vulndb.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return db.Info().Digest
}

func TestSearchSaysWithdrawn(t *testing.T) {
	u := newUpdateTest(t)
	for query, want := range map[string]string{
		"GHSA-0007-abcd-efgh": "GHSA-0007-abcd-efgh was withdrawn by its publisher (ghsa): it matches nothing\n",
		"CVE-2024-0007":       "was withdrawn by its publisher",
	} {
		code, stdout, stderr := u.careen("db", "search", "--db", u.old, query)
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit %d, %q %q, want %q", query, code, stdout, stderr, want)
		}
	}
	if code, stdout, _ := u.careen("db", "diff", u.old, u.new); code != 0 || !strings.HasSuffix(stdout, "10 added, 0 changed, 0 withdrawn, 0 removed; 0 newly known to be exploited\n") {
		t.Errorf("diff: exit %d, %q", code, stdout)
	}
}

// TestSnapshotNewerThanUpdated: a database that was fetched long ago gives way
// to the one of a newer binary.
func TestSnapshotNewerThanUpdated(t *testing.T) {
	u := newUpdateTest(t)
	ancient := filepath.Join(u.dir, "ancient.db")
	writeTestDatabase(t, ancient, time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), 5)
	code, _, stderr := u.careen("db", "import", "--accept-shrunk", ancient)
	if code != 0 || !strings.Contains(stderr, "the database in this binary is newer") {
		t.Errorf("exit %d, %q", code, stderr)
	}
	if code, stdout, _ := u.careen("db", "info"); code != 0 || strings.Contains(stdout, "2001") {
		t.Errorf("exit %d: %s", code, stdout)
	}
}

// TestImportOlder: an older database is refused, and the current one stays, unless
// it is asked for.
func TestImportOlder(t *testing.T) {
	u := newUpdateTest(t)
	if code, _, stderr := u.careen("db", "import", u.new); code != 0 {
		t.Fatal(stderr)
	}
	before := u.installed(t)
	code, _, stderr := u.careen("db", "import", u.old)
	if code != 1 || !strings.Contains(stderr, "it is older") || !strings.Contains(stderr, "--accept-shrunk") || !strings.Contains(stderr, "the current database stays") {
		t.Errorf("exit %d, %q", code, stderr)
	}
	if !bytes.Equal(before, u.installed(t)) {
		t.Error("another database is installed")
	}
	if code, _, stderr := u.careen("db", "import", "--accept-shrunk", u.old); code != 0 || !bytes.Equal(u.installed(t), readTestFile(t, u.old)) {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

// TestKilledUpdate kills an update at any moment, and finds a whole database
// there each time.
func TestKilledUpdate(t *testing.T) {
	rounds := 5
	if os.Getenv("CAREEN_LONG") != "" {
		rounds = 100
	}
	u := newUpdateTest(t)
	published := [][]byte{packFile(t, u.old), u.packed}
	at := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := published[at%2]
		for len(body) > 0 { // slowly, so that some kills hit the transfer
			n := min(len(body), 1<<10)
			if _, err := w.Write(body[:n]); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(time.Millisecond)
			body = body[n:]
		}
	}))
	defer server.Close()
	random := rand.New(rand.NewPCG(7, 8))
	seen := map[string]int{}
	for at = range rounds {
		// An update goes forward only, so the older one comes by import.
		args := []string{"db", "update", "--db-repository", server.URL + "/careen.db.zst"}
		if at%2 == 0 {
			args = []string{"db", "import", "--accept-shrunk", u.old}
		}
		killSoon(t, u, random, args...)
		db, err := vulndb.Open(installedPath(u.cache))
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Verify(); err != nil {
			t.Fatal(err)
		}
		seen[db.Info().Digest]++
		db.Close()
	}
	t.Logf("databases found: %v", seen)
	if rounds >= 100 && len(seen) != 2 {
		t.Error("no update ever ended: the test shows nothing")
	}
	if code, _, stderr := u.careen("db", "import", "--accept-shrunk", u.new); code != 0 {
		t.Error(stderr)
	}
}

// TestKilledBuild does the same to db build.
func TestKilledBuild(t *testing.T) {
	rounds := 5
	if os.Getenv("CAREEN_LONG") != "" {
		rounds = 100
	}
	u := newUpdateTest(t)
	mirror := filepath.Join(u.dir, "mirror", "security.archlinux.org")
	if err := os.MkdirAll(mirror, 0o755); err != nil {
		t.Fatal(err)
	}
	list := `[{"name":"AVG-1","packages":["curl"],"status":"Fixed","severity":"High","affected":"1","fixed":"2-1","issues":["CVE-2024-0001"]}]`
	if err := os.WriteFile(filepath.Join(mirror, "all.json"), []byte(list), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(u.dir, "built.db")
	args := []string{"db", "build", "-q", "--mirror", filepath.Dir(mirror), "-o", out}
	if code, _, stderr := u.careen(args...); code != 0 {
		t.Fatal(stderr)
	}
	random := rand.New(rand.NewPCG(9, 10))
	seen := map[string]bool{}
	for range rounds {
		killSoon(t, u, random, args...)
		db, err := vulndb.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Verify(); err != nil {
			t.Fatal(err)
		}
		seen[db.Info().Digest] = true // its date is part of it
		db.Close()
	}
	if rounds >= 100 && len(seen) < 2 {
		t.Error("no build ever ended: the test shows nothing")
	}
}

// killSoon runs careen in a process of its own and kills it within 0.4 s.
func killSoon(t *testing.T, u *updateTest, random *rand.Rand, args ...string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The test binary is careen when it is called so: see TestMain.
	link := filepath.Join(u.dir, "careen")
	if err := os.Symlink(self, link); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Skip("no symbolic links:", err)
	}
	cmd := exec.Command(link, args...)
	cmd.Env = append(os.Environ(), "CAREEN_CACHE_DIR="+u.cache)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
	cmd.Process.Kill()
	cmd.Wait()
}
