package image

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
)

// TestAttestationsInAnIndex: of an index as BuildKit makes it, the attestations of
// one image are found, and not those of its other platforms.
func TestAttestationsInAnIndex(t *testing.T) {
	sha := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	entry := func(digest, kind, of string) string {
		return fmt.Sprintf(`{"digest":%q,"annotations":{"vnd.docker.reference.type":%q,"vnd.docker.reference.digest":%q}}`, digest, kind, of)
	}
	raw := `{"manifests":[` + strings.Join([]string{
		entry(sha("a"), "", ""),
		entry(sha("c"), "attestation-manifest", sha("a")),
		entry(sha("d"), "attestation-manifest", sha("b")),
		entry(sha("e"), "something-else", sha("a")),
		entry("sha256:short", "attestation-manifest", sha("a")),
	}, ",") + `]}`
	repo, err := name.NewRepository("registry.example.com/shop")
	if err != nil {
		t.Fatal(err)
	}
	r := &registry{repo: repo}
	got := fmt.Sprint(r.inIndex([]byte(raw), sha("a")))
	if want := fmt.Sprintf("[registry.example.com/shop@%s]", sha("c")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := r.inIndex([]byte("no JSON"), sha("a")); got != nil {
		t.Errorf("of no index: %v", got)
	}
}
