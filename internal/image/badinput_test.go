package image_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// file writes data where a test can name it.
func file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// archiveOf is a docker archive with the given manifest.json and other members.
func archiveOf(t *testing.T, manifest string, more ...imagetest.Entry) string {
	t.Helper()
	return tarFile(t, append(more, imagetest.File("manifest.json", manifest))...)
}

// layoutOf is a layout directory with the given index.json; documents are stored
// under their digests.
func layoutOf(t *testing.T, index string, documents ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`, "index.json": index}
	for _, d := range documents {
		files["blobs/sha256/"+imagetest.Digest([]byte(d))[7:]] = d
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
)

func describe(mediaType, content string) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, mediaType, imagetest.Digest([]byte(content)), len(content))
}

func indexOf(descriptors ...string) string {
	return `{"schemaVersion":2,"manifests":[` + strings.Join(descriptors, ",") + `]}`
}

func TestBadInput(t *testing.T) {
	sample := sampleImage()
	memory := imagetest.Memory(t, sample)
	emptyConfig := `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`

	for _, test := range []struct {
		name   string
		target func(t *testing.T) string
		want   string
	}{
		{"archive cut inside a layer", func(t *testing.T) string {
			data := read(t, imagetest.Archive(t, sample))
			return file(t, "x.tar", data[:20_000])
		}, "the archive is truncated: it ends inside or after"},
		{"archive cut before its manifest", func(t *testing.T) string {
			return file(t, "x.tar", read(t, imagetest.Archive(t, sample))[:512*4])
		}, "truncated"},
		{"gzip cut short", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "x.tar.gz")
			if err := imagetest.WriteDockerArchive(path, sample); err != nil {
				t.Fatal(err)
			}
			return file(t, "x.tar.gz", read(t, path)[:200])
		}, "its compressed stream ends early"},
		{"gzip with a wrong sum", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "x.tar.gz")
			if err := imagetest.WriteDockerArchive(path, sample); err != nil {
				t.Fatal(err)
			}
			data := read(t, path)
			data[len(data)-6] ^= 1
			return file(t, "x.tar.gz", data)
		}, "damaged"},
		{"zstd cut short", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "x.tar.zst")
			if err := imagetest.WriteDockerArchive(path, sample); err != nil {
				t.Fatal(err)
			}
			return file(t, "x.tar.zst", read(t, path)[:200])
		}, "its compressed stream ends early"},
		{"gzip of nothing like an archive", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "x.tar.gz")
			if err := imagetest.WriteOCIArchive(path); err != nil {
				t.Fatal(err)
			}
			return "docker-archive:" + path
		}, "write oci-archive:"},
		{"empty file", func(t *testing.T) string { return "docker-archive:" + file(t, "x.tar", nil) }, "empty"},
		{"text", func(t *testing.T) string { return file(t, "x.tar", []byte("hello")) }, "not an image archive"},
		{"a root file system", func(t *testing.T) string { return tarFile(t, imagetest.File("etc/passwd", "")) }, "given as dir:DIRECTORY"},
		{"docker archive asked for as OCI", func(t *testing.T) string { return "oci-archive:" + imagetest.Archive(t, sample) }, "write docker-archive:"},
		{"damaged header", func(t *testing.T) string {
			data := read(t, imagetest.Archive(t, sample))
			copy(data[tarSecond(t, data):], bytes.Repeat([]byte{0xff}, 512))
			return file(t, "x.tar", data)
		}, "the archive is damaged after"},
		{"gigantic size", func(t *testing.T) string {
			var b bytes.Buffer
			tw := tar.NewWriter(&b)
			if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "manifest.json", Size: 1<<62 - 1}); err != nil {
				t.Fatal(err)
			}
			return file(t, "x.tar", append(b.Bytes(), make([]byte, 4096)...))
		}, "truncated"},
		{"layer outside the archive", func(t *testing.T) string {
			config := imagetest.File("c.json", `{"rootfs":{"diff_ids":["`+memory.Layers[0].DiffID+`"]}}`)
			return archiveOf(t, `[{"Config":"c.json","Layers":["../../../etc/passwd"]}]`, config, imagetest.File("../../../etc/passwd", "x"))
		}, "leads outside the archive"},
		{"layer is a link to itself", func(t *testing.T) string {
			config := imagetest.File("c.json", `{"rootfs":{"diff_ids":["`+memory.Layers[0].DiffID+`"]}}`)
			return archiveOf(t, `[{"Config":"c.json","Layers":["a/layer.tar"]}]`, config, imagetest.Symlink("a/layer.tar", "../b"), imagetest.Symlink("b", "a/layer.tar"))
		}, "loop of links"},
		{"layer is a link outside", func(t *testing.T) string {
			config := imagetest.File("c.json", `{"rootfs":{"diff_ids":["`+memory.Layers[0].DiffID+`"]}}`)
			return archiveOf(t, `[{"Config":"c.json","Layers":["a"]}]`, config, imagetest.Symlink("a", "/etc/passwd"))
		}, "not in the archive"},
		{"missing layer in an archive", func(t *testing.T) string {
			img := sample
			img.Layers = append([]imagetest.Layer(nil), img.Layers...)
			img.Layers[1].Missing = true
			return imagetest.Archive(t, img)
		}, "layer 1 (" + memory.Layers[1].DiffID + ")"},
		{"manifest.json is garbage", func(t *testing.T) string { return archiveOf(t, "{{{") }, "manifest.json: invalid character"},
		{"manifest.json is huge", func(t *testing.T) string { return archiveOf(t, strings.Repeat(" ", 5<<20)) }, "more than the 4194304"},
		{"manifest.json names nothing", func(t *testing.T) string { return archiveOf(t, "[]") }, "holds no image"},
		{"huge config in an archive", func(t *testing.T) string {
			return archiveOf(t, `[{"Config":"c.json"}]`, imagetest.File("c.json", strings.Repeat(" ", 9<<20)))
		}, "9437184 bytes, more than the 8388608"},
		{"config altered", func(t *testing.T) string {
			return archiveOf(t, `[{"Config":"`+strings.Repeat("0", 64)+`.json"}]`, imagetest.File(strings.Repeat("0", 64)+".json", emptyConfig))
		}, "digest mismatch"},
		{"config and manifest disagree", func(t *testing.T) string {
			return archiveOf(t, `[{"Config":"c.json","Layers":["x"]}]`, imagetest.File("c.json", emptyConfig))
		}, "lists 1 layers, the config 0"},
		{"config with too many layers", func(t *testing.T) string {
			return archiveOf(t, `[{"Config":"c.json"}]`, imagetest.File("c.json", `{"rootfs":{"diff_ids":[`+strings.TrimSuffix(strings.Repeat(`"",`, 5001), ",")+`]}}`))
		}, "5001 layers"},
		{"diffID that is none", func(t *testing.T) string {
			return archiveOf(t, `[{"Config":"c.json","Layers":["x"]}]`, imagetest.File("c.json", `{"rootfs":{"diff_ids":["sha256:../../x"]}}`))
		}, "not a digest"},
		{"config nested without end", func(t *testing.T) string {
			return archiveOf(t, `[{"Config":"c.json"}]`, imagetest.File("c.json", strings.Repeat("[", 1<<20)))
		}, "exceeded max depth"},

		{"index.json is garbage", func(t *testing.T) string { return layoutOf(t, "\x1b[31m") }, "index.json: invalid character"},
		{"index.json is no index", func(t *testing.T) string { return layoutOf(t, "{}") }, "not an index"},
		{"index.json is huge", func(t *testing.T) string { return layoutOf(t, strings.Repeat(" ", 5<<20)) }, "more than the 4194304"},
		{"index of nothing", func(t *testing.T) string { return layoutOf(t, indexOf()) }, "holds no image"},
		{"missing manifest", func(t *testing.T) string { return layoutOf(t, indexOf(describe(manifestType, "x"))) }, "missing from the layout"},
		{"manifest of another digest", func(t *testing.T) string {
			dir := layoutOf(t, indexOf(describe(manifestType, "xx")))
			if err := os.WriteFile(filepath.Join(dir, "blobs", "sha256", imagetest.Digest([]byte("xx"))[7:]), []byte("yy"), 0o644); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "digest mismatch"},
		{"manifest of another size", func(t *testing.T) string {
			return layoutOf(t, indexOf(strings.Replace(describe(manifestType, "xx"), `"size":2`, `"size":3`, 1)), "xx")
		}, "size mismatch"},
		{"digest that is a path", func(t *testing.T) string {
			return layoutOf(t, indexOf(`{"mediaType":"`+manifestType+`","digest":"sha256:../../../../etc/passwd","size":1}`))
		}, "not a digest"},
		{"manifest that is an index", func(t *testing.T) string {
			return layoutOf(t, indexOf(describe(manifestType, indexOf())), indexOf())
		}, "refused"},
		{"both manifest and index", func(t *testing.T) string {
			both := `{"schemaVersion":2,"manifests":[],"config":{},"layers":[]}`
			return layoutOf(t, indexOf(describe(manifestType, both)), both)
		}, "both an index and a manifest"},
		{"schema 1", func(t *testing.T) string {
			old := `{"schemaVersion":1,"name":"x","fsLayers":[]}`
			return layoutOf(t, indexOf(describe(manifestType, old)), old)
		}, "schema 1"},
		{"index that points to itself", func(t *testing.T) string {
			// No digest can name what holds it, so the loop goes through index.json,
			// the one document without a digest: it lists what claims to be itself.
			self := indexOf(describe(indexType, "index.json"))
			dir := layoutOf(t, self)
			if err := os.WriteFile(filepath.Join(dir, "blobs", "sha256", imagetest.Digest([]byte("index.json"))[7:]), []byte(self), 0o644); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "size mismatch"},
		{"indexes that nest deep", func(t *testing.T) string {
			doc := indexOf()
			documents := []string{doc}
			for range 10 {
				doc = indexOf(describe(indexType, doc))
				documents = append(documents, doc)
			}
			return layoutOf(t, doc, documents...)
		}, "nest more than 4 deep"},
		{"an index of many indexes", func(t *testing.T) string {
			var list, documents []string
			for i := range 100 {
				doc := strings.Replace(indexOf(), "{", fmt.Sprintf(`{"x":%d,`, i), 1)
				list, documents = append(list, describe(indexType, doc)), append(documents, doc)
			}
			return layoutOf(t, indexOf(list...), documents...)
		}, "more than 64 indexes"},
		{"an index of many images", func(t *testing.T) string {
			return layoutOf(t, indexOf(strings.Split(strings.TrimSuffix(strings.Repeat(`{"mediaType":"x"};`, 10001), ";"), ";")...))
		}, "more than 10000 images"},
		{"a chart", func(t *testing.T) string {
			chart := `{"schemaVersion":2,"config":` + describe("application/vnd.cncf.helm.config.v1+json", "{}") + `,"layers":[]}`
			return layoutOf(t, indexOf(describe(manifestType, chart)), chart, "{}")
		}, `is not an image, it holds "application/vnd.cncf.helm.config.v1+json"`},
		{"config of 100 MB in a layout", func(t *testing.T) string {
			m := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`, configType, imagetest.Digest(nil), 100<<20)
			return layoutOf(t, indexOf(describe(manifestType, m)), m)
		}, "104857600 bytes, more than the 8388608"},
		{"negative layer", func(t *testing.T) string {
			config := strings.Replace(emptyConfig, "[]", `["`+imagetest.Digest(nil)+`"]`, 1)
			m := fmt.Sprintf(`{"schemaVersion":2,"config":%s,"layers":[{"digest":%q,"size":-1}]}`, describe(configType, config), imagetest.Digest(nil))
			return layoutOf(t, indexOf(describe(manifestType, m)), m, config)
		}, "layer 0: size -1"},
		{"encrypted layer", func(t *testing.T) string {
			config := strings.Replace(emptyConfig, "[]", `["`+imagetest.Digest(nil)+`"]`, 1)
			m := fmt.Sprintf(`{"schemaVersion":2,"config":%s,"layers":[%s]}`, describe(configType, config), describe("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", ""))
			return layoutOf(t, indexOf(describe(manifestType, m)), m, config)
		}, "is encrypted"},

		{"no such file", func(t *testing.T) string { return "docker-archive:/no/such/file" }, "no such file"},
		{"no such path", func(t *testing.T) string { return "./no/such" }, "no such file or directory"},
		{"an archive that is not there", func(t *testing.T) string { return "no-such.tar" }, "write registry:no-such.tar"},
		{"no such layout", func(t *testing.T) string { return "oci-dir:" + t.TempDir() }, "no index.json"},
		{"a directory as an archive", func(t *testing.T) string { return "docker-archive:" + t.TempDir() }, "write oci-dir:DIRECTORY"},
		{"a file as a directory", func(t *testing.T) string { return "dir:" + file(t, "x", nil) }, "not a directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := tryOpen(t, test.target(t), image.Options{})
			wantError(t, err, test.want)
		})
	}
}

// tarSecond returns where the second header of a tar is.
func tarSecond(t *testing.T, data []byte) int {
	t.Helper()
	h, err := tar.NewReader(bytes.NewReader(data)).Next()
	if err != nil {
		t.Fatal(err)
	}
	return 512 + int(h.Size+511)/512*512
}

// What a compressed archive expands to is bounded, and nothing stays behind.
func TestExpansionIsBounded(t *testing.T) {
	for _, suffix := range []string{".gz", ".zst"} {
		path := filepath.Join(t.TempDir(), "bomb.tar"+suffix)
		bomb := imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("zeros", strings.Repeat("\x00", 4<<20))}}}}
		if err := imagetest.WriteDockerArchive(path, bomb); err != nil {
			t.Fatal(err)
		}
		_, err := tryOpen(t, path, image.Options{MaxSpool: 1 << 20})
		wantError(t, err, "expands to more than the 1048576 bytes")
	}
}

func TestMissingLayers(t *testing.T) {
	img := sampleImage()
	img.Layers[1].Missing = true
	img.Layers[2].Missing = true
	img.Layers[2].URLs = []string{"https://example.com/layer"}
	for _, write := range []string{"oci-dir", "oci-archive", "registry"} {
		t.Run(write, func(t *testing.T) {
			target := ""
			switch write {
			case "oci-dir":
				target = imagetest.Layout(t, img)
			case "oci-archive":
				target = filepath.Join(t.TempDir(), "x.tar")
				if err := imagetest.WriteOCIArchive(target, img); err != nil {
					t.Fatal(err)
				}
			case "registry":
				noCredentials(t)
				target = imagetest.Registry(t) + "/app:1"
				if _, err := imagetest.Push(target, img); err != nil {
					t.Fatal(err)
				}
				target = "registry:" + target
			}
			layers := open(t, target, image.Options{})[0].Layers
			_, err := layers[1].Open()
			wantError(t, err, "layer 1 ("+layers[1].Digest+"): missing from the ")
			_, err = layers[2].Open()
			wantError(t, err, `it is foreign, to be had from "https://example.com/layer"`)
			if !isMissing(err) {
				t.Errorf("%v is not ErrMissing", err)
			}
			plainTar(t, layers[0])
		})
	}
}

// History that does not fit the layers is no reason to fail, nor to guess.
func TestHistoryThatDoesNotFit(t *testing.T) {
	for name, history := range map[string][]image.History{
		"none":     {},
		"fewer":    {{CreatedBy: "COPY a b"}},
		"more":     {{CreatedBy: "a"}, {CreatedBy: "b"}, {CreatedBy: "c"}, {CreatedBy: "d"}},
		"unmade":   {{CreatedBy: "a", EmptyLayer: true}},
		"oddments": {{}, {}},
	} {
		img := sampleImage()
		img.Config.History = history
		for _, l := range open(t, imagetest.Layout(t, img), image.Options{})[0].Layers {
			if l.Instruction != "" || l.History != -1 {
				t.Errorf("%s: layer is said to be of line %d, %q", name, l.History, l.Instruction)
			}
		}
	}
}

// Old and odd configurations that are still read.
func TestLenientConfig(t *testing.T) {
	for _, raw := range []string{
		`{"os":"linux","architecture":"amd64","created":"yesterday","config":null,"rootfs":{"diff_ids":null}}`,
		`{"os":"linux","architecture":"amd64","config":{"Entrypoint":"/bin/sh","Cmd":"","Labels":null,"Volumes":null},"rootfs":{}}`,
	} {
		if !json.Valid([]byte(raw)) {
			t.Fatal(raw)
		}
		img := open(t, imagetest.Layout(t, imagetest.Image{Config: image.Config{Raw: []byte(raw)}}), image.Options{})[0]
		if !img.Config.Created.IsZero() || len(img.Layers) != 0 || string(img.Config.Raw) != raw {
			t.Errorf("%s: %+v", raw, img.Config)
		}
	}
}
