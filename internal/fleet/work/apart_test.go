package work

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/imagetest"
)

// TestMain makes this program the one that Apart runs, too. What an image does to it
// is told by the name of its repository.
func TestMain(m *testing.M) {
	if len(os.Args) != 2 || os.Args[1] != "read-image" {
		os.Exit(m.Run())
	}
	order, err := ReceiveOrder(os.Stdin)
	if err != nil {
		panic(err)
	}
	switch path.Base(order.Request.Repo) {
	case "endless":
		for n := uint64(1); ; n = n*3 + 1 {
			if n == 0 {
				panic("an end")
			}
		}
	case "crashing":
		panic("index out of range")
	case "huge":
		if err := bound(order.Memory); err != nil {
			panic(err)
		}
		var all [][]byte
		for {
			b := make([]byte, 16<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			all = append(all, b)
			if len(all) == 1<<20 { // 16 TB
				panic(len(all))
			}
		}
	case "talkative":
		for {
			fmt.Println(strings.Repeat("x", 4096))
		}
	case "half":
		fmt.Print(`{"facts":{"Image":`)
		os.Exit(0)
	case "environment":
		if err := json.NewEncoder(os.Stdout).Encode(answer{Error: fmt.Sprint(os.Environ())}); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	if err := order.Do(context.Background(), os.Stdout); err != nil {
		panic(err)
	}
	os.Exit(0)
}

// apart runs this program with small bounds.
func apart(t testing.TB) Apart {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Apart{Command: []string{self, "read-image"}, Env: Environ(map[string]string{"HOME": t.TempDir()}), Memory: 512 << 20, Time: 10 * time.Second, Output: 4 << 20}
}

func TestFactsComeWholeFromAnotherProcess(t *testing.T) {
	host := imagetest.Registry(t)
	digest, err := imagetest.Push(host+"/app:v1", alpine("busybox", "1.0-r0", imagetest.Layer{Entries: []imagetest.Entry{
		imagetest.File("app/package-lock.json", `{"name":"app","version":"1.0.0","lockfileVersion":3,"packages":{"":{"name":"app"},"node_modules/lodash":{"version":"4.17.4"}}}`),
		imagetest.File("app/<&>\u2028.env", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMIK7MDENGbPxRfiCYzT4q8Lr2vNsB\n"),
	}}))
	if err != nil {
		t.Fatal(err)
	}
	req := Request{Repo: host + "/app", Digest: digest, Insecure: true, Version: "test"}
	here, err := Read(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	there, err := apart(t).Read(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	if len(there.Keys) < 2 || len(there.Image.Sets) < 2 {
		t.Errorf("too little was read: %d keys, %d sets", len(there.Keys), len(there.Image.Sets))
	}
	there.Image.Scanned = here.Image.Scanned
	there.Image.Body.Body, here.Image.Body.Body = nil, nil // has the time of the scan
	if diff := cmp.Diff(here, there); diff != "" {
		t.Errorf("facts differ (-read here +read there):\n%s", diff)
	}
	// What only programs in Go have goes the same way.
	with := images(t, 2, 1, database(t, 1, record("CVE-2024-1", "busybox", "2")))[1]
	with.Functions["abc"] = []byte{0, 1, 255}
	checkRoundTrip(t, with)

	_, err = apart(t).Read(context.Background(), Request{Repo: host + "/none", Digest: digest, Insecure: true})
	if death := (Death{}); err == nil || errors.As(err, &death) {
		t.Errorf("an image that does not exist: %v, which is no death", err)
	}
}

func TestDeathsSayWhy(t *testing.T) {
	for _, c := range []struct{ repo, why string }{
		{"endless", "it was not done within 500ms"},
		{"crashing", "panic: index out of range"},
		{"huge", "out of memory|cannot allocate memory"},
		{"talkative", "its answer has more than 4194304 bytes"},
		{"half", "its answer is not whole"},
	} {
		t.Run(c.repo, func(t *testing.T) {
			a := apart(t)
			if c.repo == "endless" {
				a.Time = 500 * time.Millisecond
			}
			_, err := a.Read(context.Background(), Request{Repo: "registry.example.com/" + c.repo})
			death := Death{}
			if !errors.As(err, &death) || !slices.ContainsFunc(strings.Split(c.why, "|"), func(why string) bool { return strings.Contains(death.Why, why) }) {
				t.Errorf("%v, want a death because %s", err, c.why)
			}
		})
	}
	// To end with the worker is no fault of the image.
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := apart(t).Read(ctx, Request{Repo: "registry.example.com/endless"})
	if death := (Death{}); errors.As(err, &death) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the worker stopped: %v", err)
	}
}

func TestNoOtherCredentialIsPassedOn(t *testing.T) {
	a := apart(t)
	a.Env = Environ(map[string]string{"HOME": "/home/me", "AWS_ROLE_ARN": "role", "CAREEND_DATABASE": "postgres://me:secret@db", "CAREEND_TOKEN": "secret",
		"PGPASSWORD": "secret", "HOMESECRET": "secret", "GITHUB_TOKEN": "secret"})
	_, err := a.Read(context.Background(), Request{Repo: "registry.example.com/environment"})
	if err == nil || !strings.Contains(err.Error(), "HOME=/home/me") || !strings.Contains(err.Error(), "AWS_ROLE_ARN=role") || strings.Contains(err.Error(), "secret") {
		t.Errorf("the process has %v", err)
	}
}

// TestPoisonousImagesHoldNobodyBack has good images between bad ones, and more bad
// ones than there are workers.
func TestPoisonousImagesHoldNobodyBack(t *testing.T) {
	host := imagetest.Registry(t)
	bad := []string{"endless", "a/endless", "b/endless", "crashing", "talkative", "half"}
	for i, name := range bad {
		if _, err := imagetest.Push(host+"/"+name+":v1", alpine(fmt.Sprint("bad", i), "1.0-r0")); err != nil {
			t.Fatal(err)
		}
	}
	const good = 8
	for i := range good {
		if _, err := imagetest.Push(fmt.Sprintf("%s/good%d:v1", host, i), alpine(fmt.Sprint("good", i), "1.0-r0")); err != nil {
			t.Fatal(err)
		}
	}
	fleettest.Stores(t, func(t *testing.T, s *store.Store) {
		t.Parallel() // it mostly waits
		ctx := context.Background()
		w, q := atWork(t, s, Options{Insecure: true, Read: func(ctx context.Context, req Request) (*Facts, error) {
			a := apart(t)
			a.Time = time.Minute
			if path.Base(req.Repo) == "endless" {
				a.Time = 300 * time.Millisecond
			}
			return a.Read(ctx, req)
		}})
		if err := w.Offer(ctx, database(t, 1, record("CVE-2024-1", "good1", "1.5-r0"))); err != nil {
			t.Fatal(err)
		}
		src := store.Source{Pattern: host + "/", Platform: "all", Every: 3600}
		id, err := w.AddSource(ctx, src, "test")
		if err != nil {
			t.Fatal(err)
		}
		failures := func() []store.Failure {
			list, err := s.Failures(ctx, 100)
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		until(t, "all good images are there, all bad ones put away", func() bool {
			away := 0
			for _, f := range failures() {
				if f.Away {
					away++
				}
			}
			list, err := s.Images(ctx, store.Everything, store.ImageQuery{Limit: 100})
			return err == nil && len(list) == good && away == len(bad)
		})
		for _, f := range failures() {
			if f.Deaths != 3 || f.Reason == "" || !strings.HasPrefix(f.Repo, host) || f.Version != "test" {
				t.Errorf("%+v", f)
			}
		}
		// The next listing does not try them again, and another version does.
		if again, err := w.AddSource(ctx, src, "test"); err != nil || again != id {
			t.Fatal(again, err)
		}
		until(t, "nothing is left to be done", func() bool {
			counts, err := q.Counts(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range counts {
				if c.State != "completed" {
					return false
				}
			}
			return true
		})
		for _, f := range failures() {
			if f.Deaths != 3 {
				t.Errorf("tried again: %+v", f)
			}
			if away, _, err := s.PutAway(ctx, f.Digest, "next"); away || err != nil {
				t.Errorf("another version does not try it: %v", err)
			}
		}
	})
}

// checkRoundTrip sends facts as a process does.
func checkRoundTrip(t *testing.T, f *Facts) {
	t.Helper()
	b, err := json.Marshal(answer{Facts: f})
	if err != nil {
		t.Fatal(err)
	}
	var got answer
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, got.Facts); diff != "" {
		t.Errorf("facts differ (-sent +received):\n%.2000s", diff)
	}
}
