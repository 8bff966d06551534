package rootfs

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/careen/careen/internal/image"
)

// item is one entry of a test layer.
type item struct {
	name string
	kind byte // a tar type
	link string
	body string
	mode int64
	caps string
}

func dir(name string) item            { return item{name: name, kind: tar.TypeDir} }
func file(name, body string) item     { return item{name: name, kind: tar.TypeReg, body: body} }
func link(name, to string) item       { return item{name: name, kind: tar.TypeSymlink, link: to} }
func hard(name, to string) item       { return item{name: name, kind: tar.TypeLink, link: to} }
func whiteout(name string) item       { return file(path.Join(path.Dir(name), ".wh."+path.Base(name)), "") }
func opaque(name string) item         { return file(path.Join(name, ".wh..wh..opq"), "") }
func layers(l ...[]item) [][]item     { return l }
func layerItems(items ...item) []item { return items }

var testTime = time.Unix(1_700_000_000, 0)

func tarOf(t testing.TB, items []item) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, i := range items {
		h := &tar.Header{Name: i.name, Typeflag: i.kind, Linkname: i.link, Mode: i.mode, ModTime: testTime}
		if h.Mode == 0 {
			h.Mode = 0o644
			if i.kind == tar.TypeDir {
				h.Mode = 0o755
			}
		}
		if i.kind == tar.TypeDir && !strings.HasSuffix(h.Name, "/") {
			h.Name += "/"
		}
		if i.kind == tar.TypeReg {
			h.Size = int64(len(i.body))
		}
		if i.caps != "" {
			h.PAXRecords = map[string]string{capsRecord: i.caps}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := io.WriteString(w, i.body); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// stored makes a layer of a tar: compressed with "gzip" or "zstd", or "plain".
func stored(t testing.TB, content []byte, how string) image.Layer {
	t.Helper()
	var buf bytes.Buffer
	switch how {
	case "gzip":
		w, _ := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
		w.Write(content)
		w.Close()
	case "zstd":
		w, err := zstd.NewWriter(&buf, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(64<<10), zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			t.Fatal(err)
		}
		w.Write(content)
		w.Close()
	default:
		buf.Write(content)
	}
	return layerOf(buf.Bytes(), digestOf(content))
}

// layerOf makes a layer of stored bytes.
func layerOf(b []byte, diffID string) image.Layer {
	return image.Layer{
		DiffID: diffID,
		Digest: digestOf(b),
		Size:   int64(len(b)),
		Open:   func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
	}
}

// contents is a visitor whose facts are the files.
var contents = Visitor{
	Name:    "contents",
	Version: 1,
	Want:    func(*Header, []byte) bool { return true },
	Visit:   func(_ *Header, body Body) ([]byte, error) { return body.Bytes(1 << 20) },
}

// someOf is contents of some files only.
func someOf(name string, version int, want func(h *Header) bool) Visitor {
	return Visitor{
		Name:    name,
		Version: version,
		Want:    func(h *Header, _ []byte) bool { return want(h) },
		Visit:   contents.Visit,
	}
}

func passOf(t testing.TB, layer image.Layer, visitors ...Visitor) *Facts {
	t.Helper()
	f, err := Pass(context.Background(), layer, visitors, Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// stackOf passes and stacks test layers.
func stackOf(t testing.TB, all [][]item, visitors ...Visitor) *Tree {
	t.Helper()
	hows := []string{"gzip", "zstd", "plain"}
	var facts []*Facts
	var stack []image.Layer
	for i, items := range all {
		layer := stored(t, tarOf(t, items), hows[i%len(hows)])
		stack = append(stack, layer)
		facts = append(facts, passOf(t, layer, visitors...))
	}
	return Stack(facts, stack)
}
