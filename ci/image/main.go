// Command image writes the image of a release: the binaries that were built, on
// nothing, for each platform that a binary is given for.
//
//	go run ./ci/image -version 1.4.0 -o dist/image linux/amd64=dist/…/careen linux/arm64=dist/…/careen
//
// It makes dist/image/layout, an OCI layout of all platforms that "crane push
// --index" takes, and dist/image/careen_linux_amd64.tar and so on for docker
// load. Every time in it is SOURCE_DATE_EPOCH: the same binaries give the same
// bytes.
package main

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/careen/careen/internal/image"
)

func main() {
	var r release
	flag.StringVar(&r.version, "version", "", "the version, for the labels and the name of the archives")
	flag.StringVar(&r.commit, "commit", "", "the commit, for the labels")
	flag.StringVar(&r.source, "source", "", "the address of the repository, for the labels")
	flag.StringVar(&r.certificates, "certificates", "/etc/ssl/certs/ca-certificates.crt", "the authorities that registries' certificates are checked by")
	flag.StringVar(&r.out, "o", "dist/image", "the directory to write to")
	flag.Parse()
	if err := r.write(context.Background(), flag.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "image: %v\n", err)
		os.Exit(1)
	}
}

// release is what is to become an image.
type release struct {
	version, commit, source string
	certificates            string
	out                     string
	at                      time.Time
}

func (r release) write(ctx context.Context, binaries []string) error {
	if len(binaries) == 0 {
		return errors.New("no binary: name them as linux/amd64=FILE")
	}
	seconds, err := strconv.ParseInt(cmp.Or(os.Getenv("SOURCE_DATE_EPOCH"), "0"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	r.at = time.Unix(seconds, 0).UTC()
	if err := os.RemoveAll(filepath.Join(r.out, "layout")); err != nil {
		return err
	}
	for _, b := range binaries {
		name, file, ok := strings.Cut(b, "=")
		platform, err := image.ParsePlatform(name)
		if err != nil || !ok {
			return fmt.Errorf("%q: not of the form linux/amd64=FILE", b)
		}
		if err := r.writePlatform(ctx, platform, file); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (r release) writePlatform(ctx context.Context, platform image.Platform, binary string) error {
	layer, err := image.BuildLayer("", func(w io.Writer) error { return r.tar(w, binary) })
	if err != nil {
		return err
	}
	img := image.NewImage{Platform: platform, Layers: []*image.NewLayer{layer}}
	defer img.Close()
	if img.Config, err = image.EncodeConfig(r.config(), platform, []string{layer.DiffID}); err != nil {
		return err
	}
	archive := filepath.Join(r.out, fmt.Sprintf("careen_%s_%s.tar", platform.OS, platform.Architecture))
	for _, to := range []image.Destination{
		{Kind: "oci-dir", Name: filepath.Join(r.out, "layout")},
		{Kind: "docker-archive", Name: archive, Tag: "careen:" + cmp.Or(r.version, "latest")},
	} {
		if _, err := image.Write(ctx, to, img, image.Options{}); err != nil {
			return err
		}
	}
	return nil
}

// config is that of the Dockerfile at the root, which builds the same from source.
// /tmp is a volume, so that it can be written to where the root is read-only.
func (r release) config() image.Config {
	labels := map[string]string{
		"org.opencontainers.image.title":       "careen",
		"org.opencontainers.image.description": "Look below the waterline of a container image",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.created":     r.at.Format(time.RFC3339),
	}
	for name, value := range map[string]string{"version": r.version, "revision": r.commit, "source": r.source} {
		if value != "" {
			labels["org.opencontainers.image."+name] = value
		}
	}
	return image.Config{
		User: "65532:65532", Env: []string{"CAREEN_CACHE_DIR=/tmp/careen"}, Volumes: []string{"/tmp"},
		Entrypoint: []string{"/careen"}, Cmd: []string{"--help"}, Labels: labels, Created: r.at,
		History: []image.History{{Created: r.at, CreatedBy: "COPY careen ca-certificates.crt / # ci/image"}},
	}
}

// tar writes the only layer.
func (r release) tar(w io.Writer, binary string) error {
	tw := tar.NewWriter(w)
	for _, dir := range []struct {
		name string
		mode int64
	}{{"etc/", 0o755}, {"etc/ssl/", 0o755}, {"etc/ssl/certs/", 0o755}, {"tmp/", 0o1777}} {
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir.name, Mode: dir.mode, ModTime: r.at}); err != nil {
			return err
		}
	}
	for _, file := range []struct {
		name, from string
		mode       int64
	}{{"etc/ssl/certs/ca-certificates.crt", r.certificates, 0o644}, {"careen", binary, 0o755}} {
		data, err := os.ReadFile(file.from)
		if err != nil {
			return err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: file.name, Mode: file.mode, Size: int64(len(data)), ModTime: r.at}
		if err := tw.WriteHeader(header); err != nil {
			return err
		}
		if _, err := tw.Write(data); err != nil {
			return err
		}
	}
	return tw.Close()
}
