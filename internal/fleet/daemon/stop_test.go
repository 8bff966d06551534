package daemon

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/imagetest"
)

// TestItStopsInOrder ends a careend that reads an image whose registry stays silent,
// and to which someone sends half a request. The next one reads the image.
func TestItStopsInOrder(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("stopping takes the seconds that jobs are given: set CAREEN_LONG=1")
	}
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel() // it mostly waits
			registry := imagetest.RegistryHandler()
			reading, open := make(chan struct{}), make(chan struct{})
			var once sync.Once
			server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
					once.Do(func() { close(reading) })
					select {
					case <-open:
					case <-r.Context().Done():
						return
					}
				}
				registry.ServeHTTP(out, r)
			}))
			defer server.Close()
			host := strings.TrimPrefix(server.URL, "http://")
			push(t, host+"/app:v1", "1.0-r0")
			dir := t.TempDir()
			args := []string{"--data-dir", dir, "--db", advisories(t)}
			if kind == "postgres" {
				args = append(args, "--database", fleettest.Postgres(t))
			}
			p := run(t, append(args, host+"/app:v1")...)
			select {
			case <-reading:
			case <-time.After(time.Minute):
				t.Fatalf("nothing is read\n%s", p.out)
			}
			conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprint(conn, "POST /v1/scans HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
			began := time.Now()
			if err := p.stop(); err != nil { // waits twice what is promised, as this machine has other work
				t.Fatalf("%v\n%s", err, p.out)
			}
			t.Logf("it stopped within %s", time.Since(began).Round(100*time.Millisecond))
			close(open)
			p = run(t, args...)
			p.until("the image that was being read", func() bool {
				var images struct{ Images []struct{ Digest string } }
				p.json("/v1/images", &images)
				return len(images.Images) == 1
			})
			var list struct{ Failures []struct{ Deaths int } }
			if p.json("/v1/failures", &list); len(list.Failures) > 0 {
				t.Errorf("an image is blamed for it: %+v", list)
			}
		})
	}
}
