package image_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

func isMissing(err error) bool { return errors.Is(err, image.ErrMissing) }

func forPlatform(os, arch, variant string) imagetest.Image {
	return imagetest.Image{
		Platform: image.Platform{OS: os, Architecture: arch, Variant: variant},
		Layers:   []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("platform", os+arch+variant)}}},
	}
}

func TestPlatforms(t *testing.T) {
	noCredentials(t)
	all := []imagetest.Image{
		forPlatform("linux", "386", ""), forPlatform("linux", "arm", "v6"), forPlatform("linux", "arm", "v7"),
		forPlatform("linux", "arm64", "v8"), forPlatform("linux", "amd64", "v3"), forPlatform("linux", "amd64", ""), forPlatform("windows", "amd64", ""),
	}
	host := imagetest.Registry(t)
	if _, err := imagetest.Push(host+"/app:1", all...); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "x.tar")
	if err := imagetest.WriteOCIArchive(archive, all...); err != nil {
		t.Fatal(err)
	}
	docker := imagetest.Archive(t, all...)
	for _, target := range []string{imagetest.Layout(t, all...), archive, docker, "registry:" + host + "/app:1"} {
		for _, test := range []struct{ ask, want string }{
			{"linux/arm", "linux/arm/v7"},
			{"linux/arm/v6", "linux/arm/v6"},
			{"linux/arm64", "linux/arm64/v8"},
			{"linux/aarch64", "linux/arm64/v8"},
			{"linux/amd64", "linux/amd64"},
			{"linux/amd64/v3", "linux/amd64/v3"},
			{"windows/amd64", "windows/amd64"},
		} {
			images := open(t, target, image.Options{Platform: test.ask})
			if len(images) != 1 || images[0].Platform.String() != test.want {
				t.Errorf("%s of %s: %v", test.ask, target, images[0].Platform)
			}
		}
		if images := open(t, target, image.Options{Platform: "all"}); len(images) != len(all) {
			t.Errorf("all: %d images", len(images))
		}
		_, err := tryOpen(t, target, image.Options{Platform: "plan9/amd64"})
		wantError(t, err, "no image for plan9/amd64: there is linux/386, ")
		_, err = tryOpen(t, target, image.Options{Platform: "linux"})
		wantError(t, err, "write os/arch")
		if runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" {
			if got := open(t, target, image.Options{})[0].Platform; got.Architecture != runtime.GOARCH || got.OS != "linux" {
				t.Errorf("by default %v", got)
			}
		}
	}
}

// The only image there is is taken, whatever it is for; unless another was asked for.
func TestOnlyPlatform(t *testing.T) {
	dir := imagetest.Layout(t, forPlatform("linux", "s390x", ""))
	if got := open(t, dir, image.Options{})[0].Platform.String(); got != "linux/s390x" {
		t.Errorf("got %s", got)
	}
	_, err := tryOpen(t, dir, image.Options{Platform: "linux/amd64"})
	wantError(t, err, "no image for linux/amd64: there is linux/s390x")
}

func TestSeveralImagesInOneArchive(t *testing.T) {
	one, two := sampleImage(), sampleImage()
	one.Tags = []string{"shop:1", "docker.io/library/shop:latest"}
	two.Tags, two.Config.User = []string{"shop:2"}, "root"
	oci := filepath.Join(t.TempDir(), "oci.tar")
	if err := imagetest.WriteOCIArchive(oci, one, two); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{imagetest.Archive(t, one, two), "oci-dir:" + imagetest.Layout(t, one, two), oci} {
		_, err := tryOpen(t, target, image.Options{})
		wantError(t, err, `several images, "shop:1", "shop:2": choose one, as in `+target+"#shop:1")
		for pick, user := range map[string]string{
			"shop:1": "65532:65532", "shop": "65532:65532", "latest": "65532:65532", "docker.io/library/shop:1": "65532:65532",
			"shop:2": "root", "2": "root", "1": "root", "0": "65532:65532",
		} {
			if pick == "1" {
				continue // a tag and a position: the tag is meant
			}
			if got := open(t, target+"#"+pick, image.Options{})[0]; got.Config.User != user {
				t.Errorf("%s#%s: user %s", target, pick, got.Config.User)
			}
		}
		_, err = tryOpen(t, target+"#shop:3", image.Options{})
		wantError(t, err, `no image "shop:3"; it holds "shop:1", "shop:2"`)
	}
	// Without names there are positions and digests.
	one.Tags, two.Tags = nil, nil
	for _, target := range []string{imagetest.Archive(t, one, two), imagetest.Layout(t, one, two)} {
		_, err := tryOpen(t, target, image.Options{Platform: "linux/amd64"})
		wantError(t, err, "holds two images for linux/amd64")
		if got := open(t, target+"#1", image.Options{})[0]; got.Config.User != "root" {
			t.Errorf("%s#1: user %s", target, got.Config.User)
		}
	}
}

// BuildKit's attestations and OCI artifacts are listed next to images, and are none.
func TestAttestationsAreNotImages(t *testing.T) {
	config := `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`
	manifest := `{"schemaVersion":2,"config":` + describe(configType, config) + `,"layers":[]}`
	with := func(content, more string) string {
		d := describe(manifestType, content)
		return d[:len(d)-1] + "," + more + "}"
	}
	dir := layoutOf(t, indexOf(
		with("attestation", `"platform":{"os":"unknown","architecture":"unknown"},"annotations":{"vnd.docker.reference.type":"attestation-manifest"}`),
		with("only the annotation", `"annotations":{"vnd.docker.reference.type":"attestation-manifest"}`),
		with("only the platform", `"platform":{"os":"unknown","architecture":"unknown"}`),
		with("signature", `"artifactType":"application/vnd.dev.cosign"`),
		with(manifest, `"platform":{"os":"linux","architecture":"amd64"}`),
	), manifest, config)
	for _, platform := range []string{"", "all", "linux/amd64"} {
		if images := open(t, dir, image.Options{Platform: platform}); len(images) != 1 || images[0].Digest != imagetest.Digest([]byte(manifest)) {
			t.Errorf("%q: %d images", platform, len(images))
		}
	}
}

func TestParsePlatform(t *testing.T) {
	for text, want := range map[string]image.Platform{
		"linux/amd64":      {OS: "linux", Architecture: "amd64"},
		"Linux/x86_64":     {OS: "linux", Architecture: "amd64"},
		"linux/arm/v7":     {OS: "linux", Architecture: "arm", Variant: "v7"},
		"linux/aarch64/v8": {OS: "linux", Architecture: "arm64", Variant: "v8"},
	} {
		got, err := image.ParsePlatform(text)
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "linux", "linux/", "/amd64", "a/b/c/d"} {
		if got, err := image.ParsePlatform(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestProgressIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.tar.gz")
	if err := imagetest.WriteDockerArchive(path, sampleImage()); err != nil {
		t.Fatal(err)
	}
	var told []string
	open(t, path, image.Options{Progress: func(what string, n, total int64) { told = append(told, fmt.Sprint(what, " ", n > 0, " ", total)) }})
	if diff := cmp.Diff("expanding x.tar.gz true -1", told[0]); diff != "" {
		t.Error(diff)
	}
}
