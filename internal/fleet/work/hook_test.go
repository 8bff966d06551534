package work

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/vulndb"
)

// TestHooksAreTold has a receiver that fails at first told once of what is new, signed,
// and of its repositories only.
func TestHooksAreTold(t *testing.T) {
	const secret = "a secret of some length"
	fleettest.Stores(t, func(t *testing.T, s *store.Store) {
		var mu sync.Mutex
		var heard []store.Notice
		asked := 0
		receiver := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			if asked++; asked == 1 {
				out.WriteHeader(http.StatusBadGateway)
				return
			}
			if r.Header.Get(Signature) != Sign(secret, body) {
				t.Errorf("the signature is %q", r.Header.Get(Signature))
			}
			var message struct{ Notices []store.Notice }
			if err := json.Unmarshal(body, &message); err != nil {
				t.Errorf("%v: %s", err, body)
			}
			heard = append(heard, message.Notices...)
		}))
		defer receiver.Close()
		host := imagetest.Registry(t)
		for _, name := range []string{"/mine/app:v1", "/mine/app:v2", "/other/app:v1"} {
			layer := imagetest.Layer{Entries: []imagetest.Entry{imagetest.File("name", name)}}
			if _, err := imagetest.Push(host+name, alpine("busybox", "1.0-r0", layer)); err != nil {
				t.Fatal(err)
			}
		}
		ctx := context.Background()
		w, _ := atWork(t, s, Options{PrivateHooks: true})
		severe := func(day int, records ...vulndb.Record) string {
			t.Helper()
			b := vulndb.NewBuilder()
			for _, r := range records {
				if err := b.Add(r); err != nil {
					t.Fatal(err)
				}
				b.Enrich(vulndb.Enrichment{ID: r.ID, Severity: 5, SeveritySource: "nvd"})
			}
			path := t.TempDir() + "/severe.db"
			if _, err := vulndb.WriteFile(path, b, time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC)); err != nil {
				t.Fatal(err)
			}
			return path
		}
		first := record("CVE-2024-1", "busybox", "1.5-r0")
		if err := w.Offer(ctx, severe(1, first)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.AddSource(ctx, store.Source{Pattern: host + "/", Platform: "all", Every: 3600}, "test"); err != nil {
			t.Fatal(err)
		}
		until(t, "three images", func() bool {
			list, err := s.Images(ctx, store.Everything, store.ImageQuery{Limit: 10})
			return err == nil && len(list) == 3
		})
		if err := s.Tx(ctx, func(tx *store.Tx) error {
			_, err := tx.AddHook(ctx, store.Hook{URL: receiver.URL, Secret: secret, Repos: host + "/mine/*", Kinds: "critical,exploited"}, time.Now())
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := w.Offer(ctx, severe(2, first, record("CVE-2024-2", "busybox", "1.6-r0"))); err != nil {
			t.Fatal(err)
		}
		until(t, "the message", func() bool { mu.Lock(); defer mu.Unlock(); return len(heard) > 0 })
		time.Sleep(time.Second) // whether it comes again
		mu.Lock()
		defer mu.Unlock()
		want := []store.Notice{{Generation: 2, Kind: "critical", Vuln: "CVE-2024-2", Repo: host + "/mine/app"}}
		if !slices.Equal(heard, want) {
			t.Errorf("told %+v, want %+v", heard, want)
		}
	})
}

func TestHooksStayOutside(t *testing.T) {
	w := New(nil, Options{})
	for address, may := range map[string]bool{
		"127.0.0.1:80": false, "10.1.2.3:443": false, "192.168.0.1:80": false, "169.254.169.254:80": false, "[::1]:80": false, "[fd00::1]:443": false, "[fe80::1%1]:80": false,
		"[::ffff:10.0.0.1]:80": false, "0.0.0.0:80": false, "224.0.0.1:80": false, "93.184.216.34:443": true, "[2606:2800:220:1::1]:443": true,
	} {
		if err := w.mayDial("tcp", address, nil); (err == nil) != may {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, h := range []store.Hook{{URL: "ftp://x", Secret: "0123456789abcdef", Kinds: "critical"}, {URL: "https://u:p@x", Secret: "0123456789abcdef", Kinds: "critical"},
		{URL: "https://x", Secret: "short", Kinds: "critical"}, {URL: "https://x", Secret: "0123456789abcdef", Kinds: "critical,all"}} {
		if CheckHook(h) == nil {
			t.Errorf("%+v is taken", h)
		}
	}
}
