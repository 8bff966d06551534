package work

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
)

// TestUploadsAreJudged uploads an image's SBOM in two formats and the result of its
// scan; all have the findings of the image.
func TestUploadsAreJudged(t *testing.T) {
	ctx := context.Background()
	img, err := scan.Image(ctx, imagetest.Memory(t, alpine("busybox", "1.0-r0")), scan.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	documents := map[string][]byte{}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"cyclonedx": func(b *bytes.Buffer) error {
			return report.WriteCycloneDX(b, []*report.Report{img}, report.BOMOptions{})
		},
		"spdx": func(b *bytes.Buffer) error { return report.WriteSPDX(b, []*report.Report{img}, report.BOMOptions{}) },
		"json": func(b *bytes.Buffer) error { return report.WriteJSON(b, []*report.Report{img}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		documents[name] = b.Bytes()
	}
	fleettest.Stores(t, func(t *testing.T, s *store.Store) {
		w, _ := atWork(t, s, Options{})
		if err := w.Offer(ctx, database(t, 1, record("CVE-2024-1", "busybox", "1.5-r0"))); err != nil {
			t.Fatal(err)
		}
		until(t, "the advisories", func() bool { g, err := s.Current(ctx); return err == nil && g > 0 })
		for name, document := range documents {
			for range 2 { // the same again is the same
				digests, err := w.Upload(ctx, "ada", "registry.example.com/team/app", document)
				if err != nil || len(digests) != 1 {
					t.Fatalf("%s: %v %v", name, digests, err)
				}
				found, err := s.Image(ctx, store.Everything, digests[0], "", "", "")
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				r, _, err := w.Report(ctx, found)
				if err != nil || len(r.Vulnerabilities) != 1 || r.Vulnerabilities[0].ID != "CVE-2024-1" || found.Platform != Uploaded || found.Repos[0] != "registry.example.com/team/app" {
					t.Errorf("%s: %v %+v", name, err, found)
				}
			}
		}
		if list, err := s.Images(ctx, store.Everything, store.ImageQuery{CVE: "CVE-2024-1", Limit: 10}); err != nil || len(list) != len(documents) {
			t.Errorf("%d images, %v", len(list), err)
		}
		for _, document := range []string{"", "{}", "[]", "hello", `{"schema":"careen-scan/0"}`} {
			if _, err := w.Upload(ctx, "ada", "registry.example.com/team/app", []byte(document)); !errors.Is(err, ErrUpload) {
				t.Errorf("%q: %v", document, err)
			}
		}
	})
}
