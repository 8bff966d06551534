package daemon

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/page/pagetest"
)

// dockerRegistry starts the registry that everybody runs, and returns its host.
func dockerRegistry(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("docker-registry is not installed (Debian: docker-registry)")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	listener.Close()
	config := filepath.Join(t.TempDir(), "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage:\n  filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %s\n", t.TempDir(), host)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	log := &lines{}
	server := exec.Command(program, "serve", config)
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
	for range 200 {
		if resp, err := http.Get("http://" + host + "/v2/"); err == nil {
			resp.Body.Close()
			return host
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("the registry does not start\n%s", log)
	return ""
}

const hostile = "<script>document.title='owned'</script>\"'><img src=x onerror=\"document.title='owned'\"> \u202e"

// TestARegistryInTheBrowser has careen scan 200 images of docker-registry by itself,
// with its name as the only argument, and looks at its pages in a browser.
func TestARegistryInTheBrowser(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("scans 200 images of a real registry: set CAREEN_LONG=1")
	}
	const repositories, tags = 20, 10
	host := dockerRegistry(t)
	base := imagetest.Layer{Entries: []imagetest.Entry{
		imagetest.File("etc/os-release", "ID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME='Alpine "+hostile+"'\n"),
		imagetest.File("lib/apk/db/installed", "C:Q1xxxx\nP:busybox\nV:1.0-r0\nA:x86_64\no:busybox\n\nC:Q1yyyy\nP:zlib\nV:1.3-r0\nA:x86_64\no:zlib\n\n"),
	}}
	for r := range repositories {
		for n := range tags {
			app := imagetest.File("app/package-lock.json", fmt.Sprintf(`{"name":"app%d","version":"1.%d.0","lockfileVersion":3,"packages":{"":{"name":"app%d","version":"1.%d.0"},"node_modules/lib%d":{"version":"1.0.%d"},"node_modules/%s":{"version":"1.0.0"}}}`,
				r, n, r, n, r, n, url.PathEscape(hostile)))
			if _, err := imagetest.Push(fmt.Sprintf("%s/team%d/app%d:v%d", host, r%4, r, n), imagetest.Image{Layers: []imagetest.Layer{base, {Entries: []imagetest.Entry{app}}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			args := []string{"--data-dir", t.TempDir(), "--db", advisories(t), host + "/"}
			if kind == "postgres" {
				args = append(args, "--database", fleettest.Postgres(t))
			}
			began := time.Now()
			p := run(t, args...)
			var o struct{ Images, Repositories, ImagesWithCritical int }
			for time.Since(began) < 10*time.Minute && o.Images < repositories*tags { // a loaded machine takes its time
				p.json("/v1/overview", &o)
				time.Sleep(200 * time.Millisecond)
			}
			t.Logf("200 images after %s", time.Since(began).Round(time.Second))
			if o.Repositories != repositories || o.ImagesWithCritical != repositories*tags {
				t.Errorf("%+v", o)
			}
			for _, body := range []string{`{"repos":"` + host + `/team1/*","failOn":"high,kev"}`} {
				if status, text := p.ask("POST", "/v1/policies", "", body); status != 200 {
					t.Errorf("%d %s", status, text)
				}
			}
			if status, text := p.ask("POST", "/v1/exceptions", "", `{"vulnerability":"CVE-2024-1","repos":"`+host+`/team2/*","reason":"`+url.PathEscape(hostile)+`","owner":"pay@example.com","until":"2099-01-01"}`); status != 200 {
				t.Errorf("%d %s", status, text)
			}
			p.until("the trend", func() bool { _, text := p.get("/"); return strings.Contains(text, `role="img"`) })
			ctx := pagetest.Browser(t)
			one := host + "/team1/app1:v3"
			for _, page := range []struct{ path, want string }{
				{"/", "images with critical"}, {"/images?repo=team1", one}, {"/images?cve=CVE-2024-1&sort=worst", "team"}, {"/images?package=lib3", "/team3/app3:v9"},
				{"/image?ref=" + one, "CVE-2024-1"}, {"/vulnerability/CVE-2024-1", "1.5-r0"}, {"/package?name=busybox", "1.0-r0"}, {"/package", "Name"},
				{"/jobs", host + "/"}, {"/rules", "pay@example.com"}, {"/image?ref=nothing", "ot found"}, {"/login", "Token"},
			} {
				for _, scheme := range []string{"light", "dark"} {
					pagetest.Open(t, ctx, p.url+page.path, scheme)
					if text := pagetest.Value[string](t, ctx, "document.body.innerText"); !strings.Contains(text, page.want) {
						t.Errorf("%s shows no %q:\n%.2000s", page.path, page.want, text)
					}
					if bad := pagetest.Value[[]string](t, ctx, pagetest.Accessible); len(bad) > 0 {
						t.Errorf("%s, %s: %s", page.path, scheme, strings.Join(bad, "\n"))
					}
					if title := pagetest.Value[string](t, ctx, "document.title"); title == "owned" || !strings.Contains(title, "careend") {
						t.Errorf("%s: the title is %q", page.path, title)
					}
					if n := pagetest.Value[int](t, ctx, `document.querySelectorAll("img, [onerror], a[href^='javascript:']").length + document.scripts.length`); n != 0 {
						t.Errorf("%s: %d scripts and images", page.path, n)
					}
				}
			}
			// The links lead from the overview to an image, what it has, and who else has that.
			pagetest.Open(t, ctx, p.url+"/", "light")
			for _, link := range []string{`main a[href^="/image?ref="]`, `main a[href^="/vulnerability/"]`, `main a[href^="/package?"]`, `main a[href^="/images?"]`} {
				at := pagetest.Click(t, ctx, link)
				if text := pagetest.Value[string](t, ctx, "document.body.innerText"); strings.Contains(text, "Not found") {
					t.Errorf("%s leads to %s, which is not found", link, at)
				}
			}
			if err := p.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
