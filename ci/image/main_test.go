package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
)

// made writes the image of two stand-ins for the binary.
func made(t *testing.T, out string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"amd64", "arm64", "authorities"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("the "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	r := release{version: "1.4.0", commit: "abc", certificates: filepath.Join(dir, "authorities"), out: out}
	if err := r.write(context.Background(), []string{"linux/amd64=" + filepath.Join(dir, "amd64"), "linux/arm64=" + filepath.Join(dir, "arm64")}); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	err := filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(out, path)
		files[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestImage: both platforms are there, each with its own binary, and the same
// binaries give the same bytes, over an earlier image too.
func TestImage(t *testing.T) {
	out := t.TempDir()
	first := made(t, out)
	if diff := cmp.Diff(first, made(t, t.TempDir())); diff != "" {
		t.Errorf("another directory: %s", diff)
	}
	if diff := cmp.Diff(first, made(t, out)); diff != "" {
		t.Errorf("the same directory again: %s", diff)
	}
	target, err := image.ParseTarget("oci-dir:" + filepath.Join(out, "layout"))
	if err != nil {
		t.Fatal(err)
	}
	images, closeImages, err := image.Open(t.Context(), target, image.Options{Platform: "all"})
	if err != nil {
		t.Fatal(err)
	}
	defer closeImages()
	var platforms []string
	for _, img := range images {
		platforms = append(platforms, img.Platform.String())
		if img.Config.User != "65532:65532" || !slices.Contains(img.Config.Volumes, "/tmp") {
			t.Errorf("configuration: %+v", img.Config)
		}
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"careen_linux_amd64.tar", "careen_linux_arm64.tar"} {
		_, arch, _ := strings.Cut(strings.TrimSuffix(name, ".tar"), "linux_")
		if archive := first[name]; !strings.Contains(archive, "the "+arch) || !strings.Contains(archive, "the authorities") || !strings.Contains(archive, "careen:1.4.0") {
			t.Errorf("%s lacks the binary, the certificates or the tag", name)
		}
	}
}

// TestDockerfileSaysTheSame: who builds the image from source gets the same
// user, environment, volume and command.
func TestDockerfileSaysTheSame(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	_, last, _ := strings.Cut(string(data), "\nFROM scratch\n")
	c := release{}.config()
	want := map[string]string{
		"USER": c.User, "ENV": strings.Join(c.Env, " "), "VOLUME": strings.Join(c.Volumes, " "),
		"ENTRYPOINT": `["` + strings.Join(c.Entrypoint, `", "`) + `"]`, "CMD": `["` + strings.Join(c.Cmd, `", "`) + `"]`,
	}
	got := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(USER|ENV|VOLUME|ENTRYPOINT|CMD) (.*)$`).FindAllStringSubmatch(last, -1) {
		got[m[1]] = m[2]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ci/image (-), Dockerfile (+):\n%s", diff)
	}
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{nil, {"linux/amd64"}, {"=x"}, {"linux/amd64=" + filepath.Join(t.TempDir(), "none")}} {
		r := release{out: t.TempDir(), certificates: os.DevNull}
		if err := r.write(t.Context(), args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
