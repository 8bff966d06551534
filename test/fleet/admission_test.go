package fleet

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/admission"
	"github.com/careen/careen/internal/fleet/auth"
	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
)

// BenchmarkAdmission has pods admitted whose images are known: each image for the first
// time, which is judged then, and again while its verdict is remembered.
func BenchmarkAdmission(b *testing.B) {
	cluster := fleettest.Start(b)
	s, err := store.Open(context.Background(), cluster.URL, "")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	w := work.New(s, work.Options{DataDir: b.TempDir(), Log: quiet, Version: "test"})
	file := database(b)
	f := New(bases(b), names(b, file))
	apply(b, s, w, file)
	const repositories = 8
	ingest(b, s, w, f, 0, repositories, 1)
	var refs []string
	for n := range repositories {
		for _, img := range f.Repository(n) {
			refs = append(refs, img.Repo+":"+img.Tag)
		}
	}
	for _, again := range []bool{false, true} {
		b.Run(fmt.Sprintf("again=%v", again), func(b *testing.B) {
			var took []time.Duration
			here, there := processor(), cluster.Processor()
			for n := 0; b.Loop(); n++ {
				mux := http.NewServeMux()
				(&admission.Webhook{Store: s, Work: w, Guard: auth.New(s, "127.0.0.1:0", nil), Log: quiet}).Register(mux)
				ref := refs[n%len(refs)]
				if again {
					admit(b, mux, ref)
				}
				took = append(took, admit(b, mux, ref))
			}
			if !again { // which asks twice
				b.ReportMetric((processor()-here+cluster.Processor()-there).Seconds()*1000/float64(len(took)), "processors-ms")
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
			b.ReportMetric(took[len(took)*95/100].Seconds()*1000, "p95-ms")
		})
	}
}

// admit asks whether a pod with an image may run.
func admit(b *testing.B, mux *http.ServeMux, ref string) time.Duration {
	b.Helper()
	r := httptest.NewRequest(http.MethodPost, "/admission/validate", strings.NewReader(fmt.Sprintf(
		`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"CREATE","object":{"kind":"Pod","spec":{"containers":[{"name":"c","image":%q}]}}}}`, ref)))
	r.Host = "127.0.0.1"
	out := httptest.NewRecorder()
	began := time.Now()
	mux.ServeHTTP(out, r)
	took := time.Since(began)
	if text := out.Body.String(); out.Code != http.StatusOK || strings.Contains(text, "unknown") {
		b.Fatalf("%s: %d %s", ref, out.Code, text)
	}
	return took
}
