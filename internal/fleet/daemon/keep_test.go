package daemon

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/imagetest"
)

// TestPostgresIsRestarted stops PostgreSQL while images are read, and starts it again:
// what was being done is done, and the server answers.
func TestPostgresIsRestarted(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("restarts a PostgreSQL under load: set CAREEN_LONG=1")
	}
	const n = 30
	host := imagetest.Registry(t)
	for i := range n {
		push(t, fmt.Sprintf("%s/app%d:v1", host, i), fmt.Sprintf("1.%d-r0", i))
	}
	cluster := fleettest.Start(t)
	p := run(t, "--data-dir", t.TempDir(), "--db", advisories(t), "--database", cluster.URL, "--workers", "2", host+"/")
	var o struct{ Images int }
	p.until("the first images", func() bool { p.json("/v1/overview", &o); return o.Images > 2 })
	cluster.Down()
	if status, _ := p.get("/readyz"); status != 503 {
		t.Errorf("ready without a database: %d", status)
	}
	cluster.Up(t)
	began := time.Now()
	for time.Since(began) < 3*time.Minute && o.Images < n {
		if status, text := p.get("/v1/overview"); status == 200 {
			fmt.Sscanf(text, `{"images":%d`, &o.Images)
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Logf("%d of %d images, %s after the start", o.Images, n, time.Since(began).Round(time.Second))
	if o.Images != n {
		_, jobs := p.get("/v1/jobs?limit=20")
		t.Errorf("%s\n%s", jobs, p.out)
	}
}

// TestBackup makes a copy while the server runs, as docs/fleet.md says, and serves it.
func TestBackup(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			host := imagetest.Registry(t)
			push(t, host+"/team/app:v1", "1.0-r0")
			push(t, host+"/team/app:v2", "2.0-r0")
			dir, other := t.TempDir(), t.TempDir()
			args, restored := []string{"--data-dir", dir, "--db", advisories(t)}, []string{"--data-dir", other}
			var from, to string
			if kind == "postgres" {
				from, to = fleettest.Postgres(t), fleettest.Start(t).Empty(t)
				args, restored = append(args, "--database", from), append(restored, "--database", to)
			}
			p := run(t, append(args, host+"/")...)
			var o struct{ Images int }
			p.until("both images", func() bool { p.json("/v1/overview", &o); return o.Images == 2 })
			if kind == "postgres" {
				dump, err := exec.LookPath("pg_dump")
				if err != nil {
					t.Skip("pg_dump is not installed (Debian: postgresql-client)")
				}
				file := filepath.Join(t.TempDir(), "dump")
				for _, cmd := range [][]string{{dump, "-Fc", "-f", file, from}, {"pg_restore", "--no-owner", "-d", to, file}} {
					if out, err := exec.Command(cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
						t.Fatalf("%v: %v\n%s", cmd, err, out)
					}
				}
			} else {
				s, err := store.OpenBeside(context.Background(), "", dir)
				if err != nil {
					t.Fatal(err)
				}
				_, err = s.SQL.Exec("vacuum into '" + filepath.Join(other, "careend.sqlite") + "'")
				if s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.stop(); err != nil {
				t.Fatal(err)
			}
			again := run(t, restored...)
			if again.json("/v1/overview", &o); o.Images != 2 {
				t.Errorf("%d images in the copy", o.Images)
			}
			var verdict struct{ Verdict, Because string }
			if again.json("/v1/verdict?ref="+host+"/team/app:v1", &verdict); verdict.Verdict != "fail" {
				t.Errorf("the verdict by the copy: %+v", verdict)
			}
			if status, text := again.get("/v1/sources"); status != 200 || !strings.Contains(text, host) {
				t.Errorf("what is watched: %d %s", status, text)
			}
		})
	}
}
