package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/vulndb"
)

// lines collects what a program writes.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// program is careend as it runs, in this process.
type program struct {
	t    *testing.T
	url  string
	out  *lines
	stop func() error
}

var served = regexp.MustCompile(`msg=serving url=(\S+)`)

// run starts careend and waits until it serves.
func run(t *testing.T, args ...string) *program {
	t.Helper()
	p := start(t, append([]string{"--listen", "127.0.0.1:0"}, args...)...)
	p.until("it serves", func() bool {
		m := served.FindStringSubmatch(p.out.String())
		if m != nil {
			p.url = m[1]
		}
		return m != nil
	})
	return p
}

func start(t *testing.T, args ...string) *program {
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{t: t, out: &lines{}}
	done := make(chan error, 1)
	go func() { done <- Run(ctx, args, []string{"HOME=" + t.TempDir()}, strings.NewReader(""), p.out, p.out) }()
	var once sync.Once
	var err error
	p.stop = func() error {
		once.Do(func() {
			cancel()
			select {
			case err = <-done:
			case <-time.After(20 * time.Second):
				err = fmt.Errorf("it did not stop")
			}
		})
		return err
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("%v\n%s", err, p.out)
		}
	})
	return p
}

func (p *program) until(what string, so func() bool) {
	p.t.Helper()
	for range 1200 {
		if so() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("not within a minute: %s\n%s", what, p.out)
}

func (p *program) get(path string) (int, string) {
	p.t.Helper()
	resp, err := http.Get(p.url + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (p *program) json(path string, into any) int {
	p.t.Helper()
	status, text := p.get(path)
	if err := json.Unmarshal([]byte(text), into); err != nil {
		p.t.Fatalf("%s: %v\n%s", path, err, text)
	}
	return status
}

// advisories writes a database by which busybox before 1.5 has a critical
// vulnerability.
func advisories(t *testing.T) string {
	t.Helper()
	b := vulndb.NewBuilder()
	if err := b.Add(vulndb.Record{ID: "CVE-2024-1", Source: "secdb", Affected: []vulndb.Affected{
		{Ecosystem: "Alpine:v3.20", Name: "busybox", Ranges: []vulndb.Range{{Fixed: "1.5-r0"}}}}}); err != nil {
		t.Fatal(err)
	}
	b.Enrich(vulndb.Enrichment{ID: "CVE-2024-1", Severity: 5, SeveritySource: "nvd"})
	path := filepath.Join(t.TempDir(), "advisories.db")
	if _, err := vulndb.WriteFile(path, b, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	return path
}

func push(t *testing.T, ref, version string) {
	t.Helper()
	img := imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
		imagetest.File("etc/os-release", "ID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME=\"Alpine Linux v3.20\"\n"),
		imagetest.File("lib/apk/db/installed", "C:Q1xxxx\nP:busybox\nV:"+version+"\nA:x86_64\no:busybox\n\n"),
	}}}}
	if _, err := imagetest.Push(ref, img); err != nil {
		t.Fatal(err)
	}
}

// TestOneCommand starts careend with a registry's name, and asks it.
func TestOneCommand(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			host := imagetest.Registry(t)
			push(t, host+"/team/app:v1", "1.0-r0")
			push(t, host+"/team/app:v2", "2.0-r0")
			args := []string{"--data-dir", t.TempDir(), "--db", advisories(t), host + "/"}
			if kind == "postgres" {
				args = append(args, "--database", fleettest.Postgres(t))
			}
			p := run(t, args...)
			var images struct {
				Images []struct {
					Digest          string
					Tags            []string
					Vulnerabilities struct{ Critical, Fixable int }
				}
			}
			p.until("two images", func() bool { p.json("/v1/images?sort=worst", &images); return len(images.Images) == 2 })
			if first := images.Images[0]; first.Vulnerabilities.Critical != 1 || first.Vulnerabilities.Fixable != 1 || len(first.Tags) != 1 || first.Tags[0] != host+"/team/app:v1" {
				t.Errorf("the worst image is %+v", first)
			}
			var verdict struct{ Verdict, Because string }
			for tag, want := range map[string]string{"v1": "fail", "v2": "pass"} {
				if p.json("/v1/verdict?ref="+host+"/team/app:"+tag, &verdict); verdict.Verdict != want {
					t.Errorf("%s: %+v, want %s", tag, verdict, want)
				}
			}
			push(t, host+"/team/late:v1", "1.0-r0")
			if status := p.json("/v1/verdict?ref="+host+"/team/late:v1", &verdict); status != http.StatusAccepted || verdict.Verdict != "unknown" {
				t.Errorf("an image that is not known: %d %+v", status, verdict)
			}
			p.until("the image that was asked for", func() bool {
				p.json("/v1/verdict?ref="+host+"/team/late:v1", &verdict)
				return verdict.Verdict == "fail"
			})
			var found struct {
				Images   int
				Packages []struct{ Name, Version, Fix, Severity string }
			}
			if p.json("/v1/vulnerabilities/CVE-2024-1", &found); found.Images != 1 || len(found.Packages) != 1 || found.Packages[0].Fix != "1.5-r0" || found.Packages[0].Severity != "CRITICAL" {
				t.Errorf("the vulnerability: %+v (the two tags are one image)", found)
			}
			for path, want := range map[string]string{
				"/": "images with critical", "/images?cve=CVE-2024-1": "team/app:v1", "/vulnerability/CVE-2024-1": "1.5-r0", "/package?name=busybox": "2.0-r0",
				"/image?ref=" + host + "/team/app:v1": "CVE-2024-1", "/jobs": host + "/</th>", "/metrics": "careend_images 2", "/readyz": "ok", "/healthz": "ok",
				"/v1/report?format=table&ref=" + host + "/team/app:v1": "busybox", "/v1/openapi.json": `"3.1.0"`,
			} {
				if status, text := p.get(path); status != http.StatusOK || !strings.Contains(text, want) {
					t.Errorf("%s: %d, without %q:\n%s", path, status, want, text)
				}
			}
			if status, _ := p.get("/image?ref=" + host + "/team/none:v1"); status != http.StatusNotFound {
				t.Errorf("an image that is not there: %d", status)
			}
			if err := p.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--listen", "0.0.0.0:0"}, "without a token"},
		{[]string{"--database", "mysql://x"}, "postgres://"},
		{[]string{"worker"}, "--database"},
		{[]string{"team/*"}, "begins with a registry"},
		{[]string{"--every", "1s", "alpine"}, "at least 1m"},
		{[]string{"token", "add", "x", "--role", "king"}, "one of read, submit, admin"},
		{[]string{"import"}, "one file"},
		{[]string{"--oidc-issuer", "https://sso.example.com", "--url", "https://careend.example.com"}, "no group has a role"},
		{[]string{"--oidc-issuer", "https://sso.example.com", "--oidc-group", "a=read"}, "https:// URL"},
		{[]string{"--oidc-issuer", "http://sso.example.com", "--url", "https://careend.example.com", "--oidc-group", "a=read"}, "https:// URL"},
		{[]string{"--oidc-issuer", "https://sso.example.com", "--url", "https://careend.example.com", "--oidc-group", "a=king"}, "one of read, submit, admin"},
		{[]string{"--oidc-issuer", "https://sso.example.com", "--url", "https://careend.example.com", "--oidc-group", "a"}, "NAME=ROLE"},
		{[]string{"--oidc-issuer", "https://sso.example.com", "--url", "https://careend.example.com", "--oidc-group", "a=read:"}, "an empty pattern"},
		{[]string{"worker", "--database", "postgres://u:secret@127.0.0.1:1/x?connect_timeout=1"}, "database"},
	} {
		var out lines
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		err := Run(ctx, test.args, []string{"HOME=" + t.TempDir()}, strings.NewReader(""), &out, &out)
		cancel()
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v, want %q", test.args, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: the error shows the password: %v", test.args, err)
		}
	}
}

func TestADataDirectoryHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	run(t, "--data-dir", dir, "--db", advisories(t))
	var out lines
	err := Run(context.Background(), []string{"--data-dir", dir, "--listen", "127.0.0.1:0"}, nil, strings.NewReader(""), &out, &out)
	if err == nil || !strings.Contains(err.Error(), "another careend uses it") {
		t.Errorf("%v", err)
	}
}

func TestFailuresAreShownAndForgotten(t *testing.T) {
	dir := t.TempDir()
	p := run(t, "--data-dir", dir)
	s, err := store.OpenBeside(context.Background(), "", dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	digest := "sha256:" + strings.Repeat("a", 64)
	for range 3 {
		if err := s.Tx(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Died(context.Background(), digest, "registry.example.com/bad", "panic: <b>", "1", time.Now())
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if status, text := p.get("/jobs"); status != 200 || !strings.Contains(text, "panic: &lt;b&gt;") || !strings.Contains(text, "by another version") {
		t.Errorf("the page: %d\n%s", status, text)
	}
	other := "sha256:" + strings.Repeat("b", 64)
	for range 3 {
		if err := s.Tx(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Died(context.Background(), other, "registry.example.com/bad", "it took too much memory", version(), time.Now())
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	var verdict struct {
		Verdict, Because string
		Queued           bool
	}
	if p.json("/v1/verdict?ref=registry.example.com/bad@"+other, &verdict); verdict.Verdict != "undecided" || verdict.Queued || !strings.Contains(verdict.Because, "too much memory") {
		t.Errorf("the verdict on an image that was put away: %+v", verdict)
	}
	if status, text := p.ask("DELETE", "/v1/failures/"+other, "", ""); status != 200 {
		t.Errorf("forgotten: %d %s", status, text)
	}
	for i, want := range []int{200, 404} {
		var list struct{ Failures []store.Failure }
		if p.json("/v1/failures", &list); len(list.Failures) != 1-i {
			t.Errorf("failures: %+v", list)
		} else if i == 0 && (!list.Failures[0].Away || list.Failures[0].Deaths != 3) {
			t.Errorf("failures: %+v", list)
		}
		if status, text := p.ask("DELETE", "/v1/failures/"+digest, "", ""); status != want {
			t.Errorf("forgotten: %d, want %d\n%s", status, want, text)
		}
	}
}
