package imagetest

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// Registry serves an empty registry in memory until the test ends and returns
// its "host:port", which is plain HTTP on the loopback interface.
func Registry(t testing.TB) string {
	t.Helper()
	server := httptest.NewServer(RegistryHandler())
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// RegistryHandler is an empty registry in memory, for tests that put something
// of their own in front of it.
func RegistryHandler() http.Handler {
	return registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))
}

// Push puts images into a plain HTTP registry as ref, "host:port/name:tag": one
// image as its manifest, several as a multi-platform index. It returns the
// digest that the tag then has. The protocol is the OCI distribution-spec's
// (v1.1, "Push"), so a real registry takes it too.
func Push(ref string, images ...Image) (string, error) {
	host, rest, ok := strings.Cut(ref, "/")
	colon := strings.LastIndex(rest, ":")
	if !ok || colon < 0 {
		return "", fmt.Errorf("%q is not host:port/name:tag", ref)
	}
	to := pusher{base: "http://" + host + "/v2/" + rest[:colon]}
	tag := rest[colon+1:]
	var descriptors []Descriptor
	for _, img := range images {
		b, err := img.build()
		if err != nil {
			return "", err
		}
		blobs := []blob{b.config}
		for _, l := range b.layers {
			if !l.source.Missing {
				blobs = append(blobs, l.stored)
			}
		}
		for _, bl := range blobs {
			if err := to.blob(bl); err != nil {
				return "", err
			}
		}
		name := tag
		if len(images) > 1 {
			name = b.manifest.digest
		}
		if err := to.manifest(name, b.descriptor.MediaType, b.manifest.data); err != nil {
			return "", err
		}
		descriptors = append(descriptors, b.descriptor)
	}
	if len(images) == 1 {
		return descriptors[0].Digest, nil
	}
	index := indexJSON(descriptors)
	return Digest(index), to.manifest(tag, "application/vnd.oci.image.index.v1+json", index)
}

// Attach puts a document into the repository "host:port/name" as a referrer of the
// manifest with a digest (OCI distribution-spec v1.1, "Pushing Manifests with
// Subject"). It returns the digest of the manifest that holds it.
func Attach(repository, subject, artifactType string, document []byte) (string, error) {
	host, name, ok := strings.Cut(repository, "/")
	if !ok {
		return "", fmt.Errorf("%q is not host:port/name", repository)
	}
	to := pusher{base: "http://" + host + "/v2/" + name}
	describe := func(mediaType string, data []byte) map[string]any {
		return map[string]any{"mediaType": mediaType, "digest": Digest(data), "size": len(data)}
	}
	config := []byte("{}")
	for _, data := range [][]byte{config, document} {
		if err := to.blob(memoryBlob(data)); err != nil {
			return "", err
		}
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": artifactType,
		"config": describe("application/vnd.oci.empty.v1+json", config), "layers": []any{describe(artifactType, document)},
		"subject": map[string]any{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": subject, "size": 1},
	})
	if err != nil {
		return "", err
	}
	digest := Digest(manifest)
	if err := to.manifest(digest, "application/vnd.oci.image.manifest.v1+json", manifest); err != nil {
		return "", err
	}
	about := describe("application/vnd.oci.image.manifest.v1+json", manifest)
	about["artifactType"] = artifactType
	return digest, to.referrer(subject, about)
}

// referrer adds a manifest to the tag that stands in for the list of a subject's
// referrers where a registry keeps none (OCI distribution-spec v1.1, "Referrers Tag
// Schema").
func (p pusher) referrer(subject string, about map[string]any) error {
	if _, err := p.do(http.MethodGet, p.base+"/referrers/"+subject, "", nil, 0); err == nil {
		return nil
	}
	tag := strings.Replace(subject, ":", "-", 1)
	index := struct {
		SchemaVersion int    `json:"schemaVersion"`
		MediaType     string `json:"mediaType"`
		Manifests     []any  `json:"manifests"`
	}{SchemaVersion: 2, MediaType: "application/vnd.oci.image.index.v1+json"}
	req, err := http.NewRequest(http.MethodGet, p.base+"/manifests/"+tag, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", index.MediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		if err := json.NewDecoder(resp.Body).Decode(&index); err != nil {
			return err
		}
	}
	index.Manifests = append(index.Manifests, about)
	data, err := json.Marshal(index)
	if err != nil {
		return err
	}
	return p.manifest(tag, index.MediaType, data)
}

type pusher struct{ base string }

func (p pusher) blob(b blob) error {
	start, err := p.do(http.MethodPost, p.base+"/blobs/uploads/", "", nil, 0)
	if err != nil {
		return err
	}
	// The upload's address may be relative and have a query of its own.
	base, err := url.Parse(p.base)
	if err != nil {
		return err
	}
	to, err := base.Parse(start.Header.Get("Location"))
	if err != nil {
		return err
	}
	query := to.Query()
	query.Set("digest", b.digest)
	to.RawQuery = query.Encode()
	r, err := b.open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = p.do(http.MethodPut, to.String(), "application/octet-stream", r, b.size)
	return err
}

func (p pusher) manifest(name, mediaType string, data []byte) error {
	_, err := p.do(http.MethodPut, p.base+"/manifests/"+name, mediaType, strings.NewReader(string(data)), int64(len(data)))
	return err
}

func (p pusher) do(method, address, mediaType string, body io.Reader, size int64) (*http.Response, error) {
	if size == 0 {
		body = nil
	}
	req, err := http.NewRequest(method, address, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, address, resp.Status, text)
	}
	return resp, nil
}
