package cli

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// attachedTest is an image in a registry with a critical vulnerability.
type attachedTest struct {
	dir, repository, digest string
	key                     *ecdsa.PrivateKey
}

func newAttachedTest(t *testing.T) *attachedTest {
	t.Helper()
	return newAttachedTestAt(t, imagetest.Registry(t))
}

func newAttachedTestAt(t *testing.T, registry string) *attachedTest {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &attachedTest{dir: t.TempDir(), repository: registry + "/shop", key: key}
	layer := imagetest.Layer{Compression: imagetest.Gzip, Entries: []imagetest.Entry{imagetest.File("srv/node_modules/minimist/package.json", `{"name":"minimist","version":"0.0.8"}`)}}
	if a.digest, err = imagetest.Push(a.repository+":1", imagetest.Image{Config: image.Config{Entrypoint: []string{"/srv/x"}}, Layers: []imagetest.Layer{layer}}); err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err == nil {
		err = os.WriteFile(filepath.Join(a.dir, "cosign.pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// vex is what the shop says of the finding.
func (a *attachedTest) vex(product string) []byte {
	return fmt.Appendf(nil, `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"Shop","timestamp":"2026-01-02T00:00:00Z","version":1,"statements":[
{"vulnerability":{"name":"CVE-2021-44906"},"products":[{"@id":%q}],"status":"not_affected","justification":"vulnerable_code_not_present"}]}`, product)
}

// signed is a statement about a digest in a signed envelope, as cosign attest
// attaches it.
func (a *attachedTest) signed(t *testing.T, digest string, predicate []byte) []byte {
	t.Helper()
	return a.envelope(t, fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"shop","digest":{"sha256":%q}}],"predicateType":"https://example.com/any","predicate":%s}`, strings.TrimPrefix(digest, "sha256:"), predicate))
}

// envelope signs any text.
func (a *attachedTest) envelope(t *testing.T, statement []byte) []byte {
	t.Helper()
	const kind = "application/vnd.in-toto+json"
	sum := sha256.Sum256(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(statement), statement))
	sig, err := ecdsa.SignASN1(rand.Reader, a.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := json.Marshal(map[string]any{"payloadType": kind, "payload": statement, "signatures": []any{map[string]any{"sig": sig}}})
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

// underCosignTag attaches envelopes as cosign does: layers of one manifest under a tag
// made of the digest.
func (a *attachedTest) underCosignTag(t *testing.T, envelopes ...[]byte) {
	t.Helper()
	var layers []image.ArtifactLayer
	for _, e := range envelopes {
		layers = append(layers, image.BytesLayer("application/vnd.dsse.envelope.v1+json", e))
	}
	tag := a.repository + ":" + strings.Replace(a.digest, ":", "-", 1) + ".att"
	if _, err := image.PushArtifact(t.Context(), tag, image.Artifact{Type: "application/vnd.dsse.envelope.v1+json", Layers: layers}, image.Options{}); err != nil {
		t.Fatal(err)
	}
}

// scan returns the exit code of a gate on critical findings, and what was said.
func (a *attachedTest) scan(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out, stderr bytes.Buffer
	args = append([]string{"scan", "--scanners", "vuln", "--fail-on", "critical", "--allow-incomplete"}, args...)
	env := []string{"CAREEN_CACHE_DIR=" + filepath.Join(a.dir, "cache"), "HOME=" + a.dir, "DOCKER_HOST=unix:///no/daemon.sock", "DOCKER_CONFIG=" + os.Getenv("DOCKER_CONFIG")}
	code := runCareen(context.Background(), append(args, "registry:"+a.repository+":1"), env, strings.NewReader(""), &out, &stderr)
	return code, stderr.String()
}

func (a *attachedTest) expect(t *testing.T, code int, said string, args ...string) {
	t.Helper()
	got, stderr := a.scan(t, args...)
	if got != code || !strings.Contains(stderr, said) {
		t.Errorf("%v: exit %d, want %d and %q: %s", args, got, code, said, stderr)
	}
}

func TestAttachedVEX(t *testing.T) {
	testAttachedVEX(t, newAttachedTest)
}

// TestAttachedToImagesInARealRegistry: Debian's docker-registry knows no referrers,
// so that a tag stands in for them.
func TestAttachedToImagesInARealRegistry(t *testing.T) {
	longWith(t, "docker-registry")
	address := realRegistry(t)
	fresh := 0
	at := func(t *testing.T) *attachedTest {
		fresh++
		return newAttachedTestAt(t, fmt.Sprintf("%s/n%d", address, fresh))
	}
	t.Run("vex", func(t *testing.T) { testAttachedVEX(t, at) })
	t.Run("sbom", func(t *testing.T) { testAttachedSBOM(t, at) })
}

func testAttachedVEX(t *testing.T, newAttachedTest func(*testing.T) *attachedTest) {
	key := []string{"--vex", "oci", "--key", "cosign.pub"}
	t.Run("nothing", func(t *testing.T) {
		newAttachedTest(t).expect(t, exitGate, "no document that counts is attached", "--vex", "oci")
	})
	t.Run("referrer", func(t *testing.T) {
		a := newAttachedTest(t)
		if _, err := imagetest.Attach(a.repository, a.digest, "application/vnd.openvex+json", a.vex("pkg:npm/minimist")); err != nil {
			t.Fatal(err)
		}
		if _, err := imagetest.Attach(a.repository, a.digest, "application/spdx+json", []byte(`{"spdxVersion":"SPDX-2.3"}`)); err != nil {
			t.Fatal(err)
		}
		a.expect(t, exitDone, "1 attached to the image, and nothing shows by whom", "--vex", "oci")
		a.expect(t, exitGate, "not signed with the key", "--vex", "oci", "--key", filepath.Join(a.dir, "cosign.pub"))
	})
	t.Run("cosign", func(t *testing.T) {
		a := newAttachedTest(t)
		key[3] = filepath.Join(a.dir, "cosign.pub")
		product := "pkg:oci/shop@" + strings.Replace(a.digest, ":", "%3A", 1)
		a.underCosignTag(t, a.signed(t, a.digest, a.vex(product)))
		a.expect(t, exitDone, "", key...)
		if _, stderr := a.scan(t, key...); strings.Contains(stderr, "--vex oci") {
			t.Errorf("a checked signature is warned of: %s", stderr)
		}
	})
	t.Run("another image", func(t *testing.T) {
		a := newAttachedTest(t)
		a.underCosignTag(t, a.signed(t, "sha256:"+strings.Repeat("0", 64), a.vex("pkg:npm/minimist")))
		a.expect(t, exitGate, "it is about another image", "--vex", "oci", "--key", filepath.Join(a.dir, "cosign.pub"))
	})
	t.Run("another key", func(t *testing.T) {
		a, b := newAttachedTest(t), newAttachedTest(t)
		a.underCosignTag(t, a.signed(t, a.digest, a.vex("pkg:npm/minimist")))
		a.expect(t, exitGate, "not signed with the key", "--vex", "oci", "--key", filepath.Join(b.dir, "cosign.pub"))
	})
	t.Run("no registry", func(t *testing.T) {
		a := newAttachedTest(t)
		var out, stderr bytes.Buffer
		if code := runCareen(t.Context(), []string{"scan", "--vex", "oci", "--scanners", "vuln", "dir:" + a.dir}, []string{"HOME=" + a.dir}, strings.NewReader(""), &out, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "documents are attached to images in registries") {
			t.Errorf("exit %d: %s", code, stderr.String())
		}
	})
}

// sbomOf is a bill of materials of the shop, in the version of minimist that it names.
func sbomOf(version string) []byte {
	return fmt.Appendf(nil, `{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library","name":"minimist","version":%[1]q,"purl":"pkg:npm/minimist@%[1]s"}]}`, version)
}

func TestAttachedSBOM(t *testing.T) {
	testAttachedSBOM(t, newAttachedTest)
}

// testAttachedSBOM attaches bills of materials that say other than the image's layers
// do, so that the exit code shows which was believed: the layers trip the gate.
func testAttachedSBOM(t *testing.T, newAttachedTest func(*testing.T) *attachedTest) {
	fixed, attach := sbomOf("1.2.8"), func(t *testing.T, a *attachedTest, data []byte) {
		t.Helper()
		if _, err := imagetest.Attach(a.repository, a.digest, "application/vnd.cyclonedx+json", data); err != nil {
			t.Fatal(err)
		}
	}
	sources := []string{"--sbom-sources", "oci"}
	keyed := func(a *attachedTest) []string { return append(sources, "--key", filepath.Join(a.dir, "cosign.pub")) }
	t.Run("nothing", func(t *testing.T) {
		newAttachedTest(t).expect(t, exitGate, "no SBOM that counts is attached to the image; its layers are read", sources...)
	})
	t.Run("referrer", func(t *testing.T) {
		a := newAttachedTest(t)
		attach(t, a, fixed)
		attach(t, a, a.vex("pkg:npm/minimist"))
		a.expect(t, exitDone, "nothing shows who attached", sources...)
		a.expect(t, exitGate, "left out: not signed with the key", keyed(a)...)
		a.expect(t, exitGate, "") // who does not ask reads the layers
	})
	t.Run("the one that lists most", func(t *testing.T) {
		a := newAttachedTest(t)
		attach(t, a, []byte(`{"bomFormat":"CycloneDX","specVersion":"1.5","components":[]}`))
		attach(t, a, sbomOf("0.0.8"))
		a.expect(t, exitGate, "nothing shows who attached", sources...)
	})
	t.Run("cosign", func(t *testing.T) {
		a := newAttachedTest(t)
		a.underCosignTag(t, a.signed(t, a.digest, fixed))
		a.expect(t, exitDone, "", keyed(a)...)
		if _, stderr := a.scan(t, keyed(a)...); strings.Contains(stderr, "--sbom-sources") {
			t.Errorf("a checked signature is warned of: %s", stderr)
		}
	})
	t.Run("with vex", func(t *testing.T) {
		a := newAttachedTest(t)
		a.underCosignTag(t, a.signed(t, a.digest, sbomOf("0.0.8")), a.signed(t, a.digest, a.vex("pkg:npm/minimist")))
		a.expect(t, exitGate, "", keyed(a)...)
		a.expect(t, exitDone, "", append(keyed(a), "--vex", "oci")...)
	})
	t.Run("another image", func(t *testing.T) {
		a := newAttachedTest(t)
		a.underCosignTag(t, a.signed(t, "sha256:"+strings.Repeat("0", 64), fixed))
		a.expect(t, exitGate, "it is about another image", keyed(a)...)
		a.expect(t, exitGate, "it is about another image", sources...)
	})
	t.Run("another key", func(t *testing.T) {
		a, b := newAttachedTest(t), newAttachedTest(t)
		a.underCosignTag(t, a.signed(t, a.digest, fixed))
		a.expect(t, exitGate, "not signed with the key", keyed(b)...)
	})
	t.Run("signed, but of no image", func(t *testing.T) {
		a := newAttachedTest(t)
		a.underCosignTag(t, a.envelope(t, fixed))
		a.expect(t, exitGate, "does not say of which image it is", keyed(a)...)
	})
	t.Run("no registry", func(t *testing.T) {
		a := newAttachedTest(t)
		for args, want := range map[string]string{
			"--sbom-sources oci dir:":             "documents are attached to images in registries",
			"--sbom-sources rekor dir:":           "only oci",
			"--key " + a.dir + "/cosign.pub dir:": "--vex or --sbom-sources",
		} {
			var out, stderr bytes.Buffer
			words := strings.Fields("scan --scanners vuln " + args + a.dir)
			if code := runCareen(t.Context(), words, []string{"HOME=" + a.dir}, strings.NewReader(""), &out, &stderr); code != exitFailed || !strings.Contains(stderr.String(), want) {
				t.Errorf("%s: exit %d: %s", args, code, stderr.String())
			}
		}
	})
}
