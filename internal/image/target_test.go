package image_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

func TestParseTarget(t *testing.T) {
	archive := imagetest.Archive(t, sampleImage())
	layout := imagetest.Layout(t, sampleImage())
	t.Chdir(t.TempDir())
	for name, data := range map[string]string{
		"alpine":        "not an archive",
		"bom.json":      " \n{\"bomFormat\":1}",
		"rootfs/etc/x":  "",
		"odd#name.tar":  string(read(t, archive)),
		"app.tar":       string(read(t, archive)),
		"archive":       string(read(t, archive)),
		"registry.test": "x",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]image.Target{
		"-":                           {Kind: "archive", Name: "-"},
		"nginx":                       {Name: "nginx"},
		"alpine:3.20":                 {Name: "alpine:3.20"},
		"ghcr.io/a/b:c":               {Name: "ghcr.io/a/b:c"},
		"localhost:5000/a@" + digest:  {Name: "localhost:5000/a@" + digest},
		"docker:alpine:3":             {Kind: "docker", Name: "alpine:3"},
		"podman:alpine":               {Kind: "podman", Name: "alpine"},
		"registry:alpine":             {Kind: "registry", Name: "alpine"},
		"registry:docker:dind":        {Kind: "registry", Name: "docker:dind"},
		"docker-archive:a.tar#b:1":    {Kind: "docker-archive", Name: "a.tar", Pick: "b:1"},
		"oci-archive:-":               {Kind: "oci-archive", Name: "-"},
		"oci-dir:x#1":                 {Kind: "oci-dir", Name: "x", Pick: "1"},
		"dir:/":                       {Kind: "dir", Name: "/"},
		"sbom:bom.json":               {Kind: "sbom", Name: "bom.json"},
		"bom.json":                    {Kind: "sbom", Name: "bom.json"},
		"./rootfs":                    {Kind: "dir", Name: "./rootfs"},
		"rootfs/":                     {Kind: "dir", Name: "rootfs/"},
		".":                           {Kind: "dir", Name: "."},
		"app.tar":                     {Kind: "archive", Name: "app.tar"},
		"archive":                     {Kind: "archive", Name: "archive"},
		"app.tar#app:1":               {Kind: "archive", Name: "app.tar", Pick: "app:1"},
		"odd#name.tar":                {Kind: "archive", Name: "odd#name.tar"},
		"docker-archive:odd#name.tar": {Kind: "docker-archive", Name: "odd#name.tar"},
		layout:                        {Kind: "oci-dir", Name: layout},
		layout + "#x":                 {Kind: "oci-dir", Name: layout, Pick: "x"},
	} {
		got, err := image.ParseTarget(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for text, want := range map[string]string{
		"":                      "no target",
		"docker:":               "write docker:NAME[:TAG]",
		"dir:":                  "write dir:DIRECTORY",
		"docker://alpine":       "write registry:alpine for the image in its registry, or docker:alpine",
		"registry:UPPER":        "no image reference",
		"a b":                   "neither a file nor an image reference",
		"https://example.com/x": "neither a file nor an image reference",
		"rootfs":                "both a directory here and an image reference: write dir:rootfs for the directory, registry:rootfs or docker:rootfs",
		"alpine":                "both a file here and an image reference: write ./alpine",
		"./alpine":              "not an image archive",
		"./rootfs#x":            "without images to choose",
		"missing.tar.gz":        "no such file; for the image of that name write registry:missing.tar.gz",
		"missing.cdx.json":      "no such file; for the image of that name write registry:missing.cdx.json",
		"../missing":            "no such file or directory",
		"/dev/null":             "not an archive; for standard input write -",
	} {
		got, err := image.ParseTarget(text)
		if err == nil {
			t.Errorf("%q: %+v, want an error with %q", text, got, want)
			continue
		}
		wantError(t, err, want)
	}
}

const digest = "sha256:0123456789012345678901234567890123456789012345678901234567890123"

func TestDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	img := open(t, "dir:.", image.Options{Platform: "linux/arm64"})[0]
	if img.Kind != "dir" || !filepath.IsAbs(img.Dir) || len(img.Layers) != 0 || img.Ref != "." {
		t.Errorf("%+v", img)
	}
}
