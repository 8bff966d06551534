package cli

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

func describe(mediaType, content string) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, mediaType, imagetest.Digest([]byte(content)), len(content))
}

func indexOf(descriptors ...string) string {
	return `{"schemaVersion":2,"manifests":[` + strings.Join(descriptors, ",") + `]}`
}

// layoutOf writes a layout of an index.json and documents under their digests.
func (b *bench) layoutOf(index string, documents ...string) string {
	b.write("layout/oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	b.write("layout/index.json", []byte(index))
	for _, d := range documents {
		b.write("layout/blobs/sha256/"+imagetest.Digest([]byte(d))[7:], []byte(d))
	}
	return filepath.Join(b.root, "layout")
}

// manifestOf is a layout of one image with the config and the layers as
// descriptors say.
func (b *bench) manifestOf(config string, layers string, documents ...string) string {
	m := fmt.Sprintf(`{"schemaVersion":2,"config":%s,"layers":[%s]}`, describe(configType, config), layers)
	return b.layoutOf(indexOf(describe(manifestType, m)), append(documents, m, config)...)
}

func configOf(diffIDs ...string) string {
	quoted := make([]string, len(diffIDs))
	for i, id := range diffIDs {
		quoted[i] = `"` + id + `"`
	}
	return `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[` + strings.Join(quoted, ",") + `]}}`
}

// archiveOf writes a tar of members.
func (b *bench) archiveOf(entries ...imagetest.Entry) string {
	b.t.Helper()
	return b.write("image.tar", tarOf(b.t, entries...))
}

func tarOf(t *testing.T, entries ...imagetest.Entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := imagetest.WriteTar(&buf, entries); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func zipOf(t *testing.T, name, content string) string {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.Create(name)
	if err == nil {
		_, err = f.Write([]byte(content))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

var zeros = strings.Repeat("\x00", 16<<20)

// TestBadImages is the table of what an image may be instead of sound: each is
// refused with exit 1, and one line that names the thing.
func TestBadImages(t *testing.T) {
	emptyLayer := imagetest.Digest(tarOf(t))
	for _, test := range []struct {
		name  string
		args  func(b *bench) []string
		wants []string
	}{
		{"empty file", one0(func(b *bench) string { return b.write("x.tar", nil) }), []string{"x.tar: not an image archive"}},
		{"archive of nothing", one0(func(b *bench) string { return b.archiveOf() }), []string{"image.tar: not an image archive"}},
		{"zeros", one0(func(b *bench) string { return b.write("x.tar", make([]byte, 1<<16)) }), []string{"x.tar: not an image archive"}},
		{"HTML", one0(func(b *bench) string { return b.write("x.tar", []byte("<!DOCTYPE html><title>404</title>")) }), []string{"x.tar: not an image archive"}},
		{"HTML said to be an archive", one0(func(b *bench) string {
			return "docker-archive:" + b.write("x.tar", []byte(strings.Repeat("<!DOCTYPE html><title>404</title>", 50)))
		}), []string{"x.tar: not a tar archive"}},
		{"HTML in gzip", one0(func(b *bench) string { return b.write("x.tar.gz", gzipped(b.t, []byte("<html>"))) }), []string{"x.tar.gz: not a tar archive"}},
		{"gzip of gzip", one0(func(b *bench) string { return b.write("x.tar.gz", gzipped(b.t, gzipped(b.t, []byte("x")))) }), []string{"x.tar.gz: not a tar archive"}},
		{"archive that expands without end", func(b *bench) []string {
			return []string{"--max-archive-bytes", "1000000", b.write("x.tar.gz", gzipped(b.t, []byte(zeros)))}
		}, []string{"x.tar.gz: ", "1000000 bytes", "--max-archive-bytes"}},
		{"two images", one0(func(b *bench) string {
			second := sample(imagetest.Gzip)
			second.Tags = []string{"other:2"}
			path := filepath.Join(b.root, "image.tar")
			if err := imagetest.WriteDockerArchive(path, sample(imagetest.Gzip), second); err != nil {
				b.t.Fatal(err)
			}
			return path
		}), []string{"holds several images", `"app:1", "other:2"`, "#app:1"}},
		{"link out of the archive", one0(func(b *bench) string {
			return b.archiveOf(imagetest.File("c.json", configOf(emptyLayer)), imagetest.Symlink("l", "../canary/alive"),
				imagetest.File("manifest.json", `[{"Config":"c.json","Layers":["l"]}]`))
		}), []string{"layer 0", "not in the archive"}},
		{"layer out of the archive", one0(func(b *bench) string {
			return b.archiveOf(imagetest.File("c.json", configOf(emptyLayer)), imagetest.File("manifest.json", `[{"Config":"c.json","Layers":["../canary/alive"]}]`))
		}), []string{"layer 0", "leads outside the archive"}},
		{"missing layer in an archive", one0(func(b *bench) string {
			img := sample(imagetest.Gzip)
			img.Layers[1].Missing = true
			return b.docker(img)
		}), []string{"layer 1 (sha256:", "not in the archive"}},
		{"layers of manifest.json without number", one0(func(b *bench) string {
			return b.archiveOf(imagetest.File("c.json", configOf()),
				imagetest.File("manifest.json", `[{"Config":"c.json","Layers":[`+strings.TrimSuffix(strings.Repeat(`"",`, 1_000_000), ",")+`]}]`))
		}), []string{"manifest.json lists 1000000 layers, the config 0"}},
		{"manifest.json of several megabytes", one0(func(b *bench) string {
			return b.archiveOf(imagetest.File("manifest.json", `[{"Layers":[`+strings.Repeat(`"l/layer.tar",`, 1_000_000)+`""]}]`))
		}), []string{"manifest.json is 14", "more than the 4194304"}},

		{"layer of another digest", one0(func(b *bench) string {
			return b.manifestOf(configOf(emptyLayer), `{"mediaType":"`+layerType+`","digest":"`+emptyLayer+`","size":1024}`) + b.blob(emptyLayer, tarOf(b.t, imagetest.File("a", ""))[:1024])
		}), []string{"layer sha256:", "digest mismatch"}},
		{"layer of another diffID", func(b *bench) []string {
			img := sample(imagetest.Gzip)
			img.Config.DiffIDs = []string{imagetest.Digest(tarOf(b.t, img.Layers[0].Entries...)), imagetest.Digest([]byte("x"))}
			return []string{"--verify-diff-ids", b.layout(img)}
		}, []string{"layer sha256:", "diffID mismatch"}},
		{"layer of another diffID in an archive", func(b *bench) []string {
			img := sample(imagetest.Gzip)
			img.Config.DiffIDs = []string{imagetest.Digest(tarOf(b.t, img.Layers[0].Entries...)), imagetest.Digest([]byte("x"))}
			return []string{"--verify-diff-ids", b.docker(img)}
		}, []string{"layer sha256:", "diffID mismatch"}},
		{"config that is no JSON", one0(func(b *bench) string { return b.manifestOf("\x1b]0;title\x07", "") }), []string{"config: not JSON"}},
		{"config that is a list", one0(func(b *bench) string { return b.manifestOf("[]", "") }), []string{"config: ", "JSON that has array where an object belongs"}},
		{"config that nests without end", one0(func(b *bench) string { return b.manifestOf(strings.Repeat("[", 1<<20), "") }), []string{"config: ", "nested too deep"}},
		{"config without diffIDs", one0(func(b *bench) string {
			return b.manifestOf(`{"os":"linux","architecture":"amd64"}`, describe(layerType, string(tarOf(b.t))), string(tarOf(b.t)))
		}), []string{"lists 1 layers, its config 0"}},
		{"more diffIDs than layers", one0(func(b *bench) string {
			return b.manifestOf(configOf(emptyLayer, emptyLayer), describe(layerType, string(tarOf(b.t))), string(tarOf(b.t)))
		}), []string{"lists 1 layers, its config 2"}},
		{"diffID that is a path", one0(func(b *bench) string { return b.manifestOf(configOf("sha256:../../canary/alive"), "") }), []string{"config: diffID of layer 0", "not a digest"}},
		{"a million layers", one0(func(b *bench) string {
			return b.manifestOf(configOf(), strings.TrimSuffix(strings.Repeat(`{},`, 1_000_000), ","))
		}), []string{"lists 1000000 layers, its config 0"}},
		{"five thousand layers", one0(func(b *bench) string {
			ids := make([]string, 5001)
			for i := range ids {
				ids[i] = emptyLayer
			}
			return b.manifestOf(configOf(ids...), "")
		}), []string{"config: 5001 layers, more than the 5000"}},
		{"manifest of 5 MB", one0(func(b *bench) string { return b.manifestOf(configOf(), "{}"+strings.Repeat(" ", 5<<20)) }), []string{"manifest sha256:", "more than the 4194304"}},
		{"negative size of a layer", one0(func(b *bench) string {
			return b.manifestOf(configOf(emptyLayer), `{"digest":"`+emptyLayer+`","size":-1}`)
		}), []string{"layer 0: size -1"}},
		{"negative size of a manifest", one0(func(b *bench) string {
			return b.layoutOf(indexOf(`{"mediaType":"`+manifestType+`","digest":"`+emptyLayer+`","size":-1}`), string(tarOf(b.t)))
		}), []string{"manifest " + emptyLayer, "size mismatch"}},
		{"negative size in a tar", one0(func(b *bench) string {
			data := tarOf(b.t, imagetest.File("a", "x"))
			copy(data[124:136], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
			return b.manifestOf(configOf(imagetest.Digest(checksummed(data))), describe(layerType, string(data)), string(data))
		}), []string{"layer sha256:", "invalid tar header"}},
		{"foreign layer", one0(func(b *bench) string {
			img := sample(imagetest.Gzip)
			img.Layers[1].Missing, img.Layers[1].URLs = true, []string{"https://example.com/\x1b[2J"}
			return b.layout(img)
		}), []string{"layer 1", "not stored here", "it is foreign", `https://example.com/\x1b[2J`}},
		{"digest that is a path", one0(func(b *bench) string {
			return b.layoutOf(indexOf(`{"mediaType":"` + manifestType + `","digest":"sha256:../../../canary/alive","size":5}`))
		}), []string{"not a digest"}},
		{"index that points to itself", one0(func(b *bench) string {
			self := indexOf(`{"mediaType":"` + indexType + `","digest":"` + emptyLayer + `","size":` + fmt.Sprint(len(indexOf(describe(indexType, string(tarOf(b.t)))))-1) + `}`)
			return b.layoutOf(self) + b.blob(emptyLayer, []byte(self))
		}), []string{"index " + emptyLayer, "mismatch"}},
		{"indexes that nest a hundred deep", one0(func(b *bench) string {
			doc := indexOf()
			documents := []string{doc}
			for range 100 {
				doc = indexOf(describe(indexType, doc))
				documents = append(documents, doc)
			}
			return b.layoutOf(doc, documents...)
		}), []string{"indexes nest more than 4 deep"}},
		{"index of nothing", one0(func(b *bench) string { return b.layoutOf(indexOf()) }), []string{"holds no image"}},

		{"gzip layer that expands without end", bomb(imagetest.Gzip), []string{"layer sha256:", "expands beyond 1000000 bytes", "--max-layer-bytes"}},
		{"zstd layer that expands without end", bomb(imagetest.Zstd), []string{"layer sha256:", "expands beyond 1000000 bytes", "--max-layer-bytes"}},
		{"plain layer that is too large", bomb(imagetest.None), []string{"layer sha256:", "expands beyond 1000000 bytes", "--max-layer-bytes"}},
		{"gzip layer of endless members", func(b *bench) []string {
			layer := bytes.Repeat(gzipped(b.t, []byte(zeros[:1<<20])), 50)
			return []string{"--max-layer-bytes", "10000000", b.manifestOf(configOf(emptyLayer), describe(layerType, string(layer)), string(layer))}
		}, []string{"layer sha256:", "expands beyond 10000000 bytes", "--max-layer-bytes"}},
		{"zeros after the end of a layer", func(b *bench) []string {
			img := imagetest.Image{Layers: []imagetest.Layer{{Tar: append(tarOf(b.t), zeros...)}}}
			return []string{"--max-layer-bytes", "1000000", b.layout(img)}
		}, []string{"layer sha256:", "expands beyond 1000000 bytes", "--max-layer-bytes"}},
		{"zstd layer with a window of gigabytes", one0(func(b *bench) string {
			layer := string([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00})
			return b.manifestOf(configOf(emptyLayer), describe(layerType, layer), layer)
		}), []string{"layer sha256:", "damaged: window size exceeded"}},
		{"layer of another compression", one0(func(b *bench) string {
			layer := "\xfd7zXZ\x00" + zeros[:1000]
			return b.manifestOf(configOf(emptyLayer), describe(layerType, layer), layer)
		}), []string{"layer sha256:", "compressed with xz"}},
		{"layer that is no tar", one0(func(b *bench) string {
			layer := strings.Repeat("x", 2000)
			return b.manifestOf(configOf(imagetest.Digest([]byte(layer))), describe(layerType, layer), layer)
		}), []string{"layer sha256:", "invalid tar header"}},
		{"too many entries", func(b *bench) []string {
			var entries []imagetest.Entry
			for i := range 101 {
				entries = append(entries, imagetest.File(fmt.Sprint(i), ""))
			}
			return []string{"--max-layer-entries", "100", b.layout(one(entries...))}
		}, []string{"layer sha256:", "more than 100 entries", "--max-layer-entries"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			r := b.scan(test.args(b)...)
			r.wants(t, 1, test.wants...)
			if r.stdout != "" {
				t.Errorf("printed %q", r.stdout)
			}
		})
	}
}

// one0 is the arguments that name a target and no flag.
func one0(target func(b *bench) string) func(b *bench) []string {
	return func(b *bench) []string { return []string{target(b)} }
}

// blob stores bytes under a digest that may not be theirs.
func (b *bench) blob(digest string, data []byte) string {
	b.write("layout/blobs/sha256/"+digest[7:], data)
	return ""
}

// checksummed corrects the checksum of a tar's first header, in place.
func checksummed(data []byte) []byte {
	copy(data[148:156], "        ")
	sum := 0
	for _, c := range data[:512] {
		sum += int(c)
	}
	copy(data[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return data
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func bomb(compression imagetest.Compression) func(b *bench) []string {
	return func(b *bench) []string {
		img := one(imagetest.File("zeros", zeros))
		img.Layers[0].Compression = compression
		return []string{"--max-layer-bytes", "1000000", b.layout(img)}
	}
}

// hostile is a name that steers terminals, reads backwards and is no UTF-8.
const hostile = "\x1b[2J\x1b]0;owned\a\r\n\u202egpj\u2066\x7f\u009b\xff\xfe"

// TestBadFiles is the table of what a layer may hold: none of it ends the scan.
// What was lost is a warning and exit 1; what is merely odd is neither.
func TestBadFiles(t *testing.T) {
	os0 := imagetest.File("etc/os-release", debianRelease)
	good := imagetest.File(minimistPath, minimist)
	deep := strings.Repeat("d/", 300) + "f"
	long := strings.Repeat(strings.Repeat("n", 200)+"/", 30) + "f"
	for _, test := range []struct {
		name  string
		img   imagetest.Image
		args  []string
		code  int
		wants []string
	}{
		{"path too long", one(os0, good, imagetest.File(long, "")), nil, 1, []string{"the result is incomplete", "--max-path-bytes", ">WARNING"}},
		{"path too deep", one(os0, good, imagetest.File(deep, "")), nil, 1, []string{"the result is incomplete", "--max-path-depth", ">WARNING"}},
		{"path too long for a flag", one(os0, good), []string{"--max-path-bytes", "20"}, 1, []string{"the result is incomplete", "--max-path-bytes", minimistPath}},
		{"path too deep for a flag", one(os0, good), []string{"--max-path-depth", "3"}, 1, []string{"the result is incomplete", "--max-path-depth", minimistPath}},
		{"file too large", one(os0, good, imagetest.File("var/lib/dpkg/status", zeros[:1<<20])), []string{"--max-file-bytes", "1000"}, 1, []string{"the result is incomplete", "var/lib/dpkg/status", "--max-file-bytes"}},
		{"corrupt dpkg status", one(os0, good, imagetest.File("var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\n\nno field\nPackage b")), nil, 1, []string{"the result is incomplete", "var/lib/dpkg/status", ">WARNING"}},
		{"binary dpkg status", one(os0, good, imagetest.File("var/lib/dpkg/status", zeros[:5000])), nil, 1, []string{"the result is incomplete", "var/lib/dpkg/status"}},
		{"corrupt status.d", one(os0, good, imagetest.File("var/lib/dpkg/status.d/base", "\x00\x01\x02")), nil, 1, []string{"the result is incomplete", "status.d/base"}},
		{"corrupt apk installed", one(os0, good, imagetest.File("lib/apk/db/installed", "P:musl\nV:1.2.5-r0\n\n\x00garbage\nP\n")), nil, 1, []string{"the result is incomplete", "lib/apk/db/installed"}},
		{"corrupt rpmdb.sqlite", one(os0, good, imagetest.File("var/lib/rpm/rpmdb.sqlite", "SQLite format 3\x00"+zeros[:5000])), nil, 1, []string{"the result is incomplete", "var/lib/rpm/rpmdb.sqlite"}},
		{"corrupt Packages.db", one(os0, good, imagetest.File("usr/lib/sysimage/rpm/Packages.db", "RpmP"+zeros[:9000])), nil, 1, []string{"the result is incomplete", "usr/lib/sysimage/rpm/Packages.db"}},
		{"corrupt Packages", one(os0, good, imagetest.File("var/lib/rpm/Packages", strings.Repeat("\xff", 9000))), nil, 1, []string{"the result is incomplete", "var/lib/rpm/Packages"}},
		{"corrupt package.json", one(os0, good, imagetest.File("srv/node_modules/bad/package.json", `{"name":"bad","version":`)), nil, 1, []string{"the result is incomplete", "node_modules/bad/package.json"}},
		{"package.json that nests without end", one(os0, good, imagetest.File("srv/node_modules/bad/package.json", strings.Repeat(`{"a":`, 50000))), nil, 1, []string{"the result is incomplete", "node_modules/bad/package.json"}},
		{"Go binary cut short", one(os0, good, imagetest.Exec("app", ownProgram(t))), nil, 1, []string{"the result is incomplete", `"app"`}},
		{"jar that is none", one(os0, good, imagetest.File("srv/a.jar", "PK\x03\x04garbage")), nil, 1, []string{"the result is incomplete", "srv/a.jar"}},
		{"jar in jar without end", one(os0, good, imagetest.File("srv/a.jar", nestedJar(t, 20))), nil, 1, []string{"the result is incomplete", "nested more than 8 deep"}},
		{"metadata that is binary", one(os0, good, imagetest.File("usr/lib/python3/dist-packages/x-1.dist-info/METADATA", zeros[:100])), nil, 1, []string{"the result is incomplete", "x-1.dist-info/METADATA"}},
		{"os-release that is binary", one(good, imagetest.File("etc/os-release", zeros[:5000]+"\xff")), nil, 0, []string{">minimist"}},
		{"os-release that is a link to itself", one(good, imagetest.Symlink("etc/os-release", "os-release")), nil, 0, []string{">minimist"}},
		{"os-release that links out", one(good, imagetest.Symlink("etc/os-release", "../../../../../../canary/alive")), nil, 0, []string{">minimist"}},

		{"hostile names", one(os0, imagetest.File("srv/node_modules/"+strings.ReplaceAll(hostile, "\n", "")+"/package.json", `{"name":"evil\u001b[2J\u202e","version":"1\u0007"}`), good), nil, 0, []string{">minimist"}},
		{"hostile names of what is broken", one(os0, imagetest.File("srv/node_modules/"+hostile+"/package.json", `{`), good), nil, 1, []string{"the result is incomplete", `\x1b[2J`}},
		{"names that lead out", one(os0, good, imagetest.File("../../canary/alive", "dead"), imagetest.File("/canary/alive", "dead"), imagetest.File("a/../../../canary/new", "dead")), nil, 0, []string{">leads out of the image"}},
		{"links that lead out", one(os0, good, imagetest.Symlink("out", "../../../../canary"), imagetest.File("out/alive", "dead"), imagetest.Symlink("abs", "/canary"), imagetest.File("abs/alive", "dead")), nil, 0, nil},
		{"loops of links", one(os0, good, imagetest.Symlink("a", "b"), imagetest.Symlink("b", "a"), imagetest.File("a/x", "x"), imagetest.Symlink("lib", "lib"), imagetest.File("lib/apk/db/installed", "P:a\nV:1\n\n")), nil, 0, nil},
		{"hard link to itself", one(os0, good, imagetest.Hardlink("a", "a")), nil, 1, []string{"the result is incomplete", `hard link to "a"`}},
		{"hard link to nothing", one(os0, good, imagetest.Hardlink("srv/node_modules/x/package.json", "nowhere")), nil, 1, []string{"the result is incomplete", "node_modules/x/package.json"}},
		{"hard link out", one(os0, good, imagetest.Hardlink("srv/node_modules/x/package.json", "../../canary/alive")), nil, 1, []string{"the result is incomplete", "node_modules/x/package.json"}},
		{"whiteout of nothing", one(os0, good, imagetest.Whiteout("nowhere/x"), imagetest.Whiteout("x")), nil, 0, nil},
		{"whiteouts without a name", one(os0, good, imagetest.File(".wh.", ""), imagetest.File("a/.wh...", ""), imagetest.File("a/.wh..", "")), nil, 0, nil},
		{"entry of no known type", one(os0, good, imagetest.Entry{Path: "x", Type: 'Z'}), nil, 1, []string{"the result is incomplete", "unknown type"}},
		{"the root as a file", one(os0, good, imagetest.File(".", "x"), imagetest.Symlink(".", "x")), nil, 0, nil},
		{"file to directory and back", imagetest.Image{Layers: []imagetest.Layer{
			{Entries: []imagetest.Entry{os0, imagetest.File("srv", "a file")}},
			{Entries: []imagetest.Entry{imagetest.Dir("srv"), good}},
			{Entries: []imagetest.Entry{imagetest.File("srv/node_modules", "a file")}},
			{Entries: []imagetest.Entry{good, imagetest.Dir("etc/os-release")}},
		}}, nil, 0, []string{">minimist"}},
		{"no layers", imagetest.Image{}, nil, 0, nil},
		{"the same layer many times", imagetest.Image{Layers: times(20, imagetest.Layer{Entries: []imagetest.Entry{os0, good}})}, nil, 0, []string{">minimist"}},
		{"five hundred layers", imagetest.Image{Layers: manyLayers(500)}, nil, 0, []string{">minimist"}},
		{"history that does not fit", imagetest.Image{Layers: sample(imagetest.Gzip).Layers, Config: image.Config{History: make([]image.History, 100)}}, nil, 0, []string{">minimist"}},
		{"hostile configuration", imagetest.Image{Tags: []string{"a" + hostile}, Layers: sample(imagetest.Gzip).Layers, Config: image.Config{
			User: hostile, Env: []string{hostile}, Entrypoint: []string{hostile}, Labels: map[string]string{hostile: hostile}, ExposedPorts: []string{hostile},
			History: []image.History{{CreatedBy: hostile}, {CreatedBy: hostile}},
		}}, nil, 0, []string{">minimist"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			dir := b.layout(test.img)
			r := b.scan(append([]string{"-f", "table", dir}, test.args...)...)
			r.wants(t, test.code, test.wants...)
			if test.code == 1 && !strings.Contains(r.stdout, "WARNING") {
				t.Errorf("the report does not warn:\n%s", r.stdout)
			}
			// Every other format says the same, and from the cache too.
			for _, format := range []string{"json", "sarif", "cyclonedx", "spdx"} {
				again := b.scan(append([]string{"-f", format, dir}, test.args...)...)
				again.wants(t, test.code)
				if again.stderr != r.stderr {
					t.Errorf("%s: %q, before %q", format, again.stderr, r.stderr)
				}
			}
			b.scan(append([]string{"--by", "vulnerability", "--all", "--list-all-pkgs", dir}, test.args...)...).wants(t, test.code)
		})
	}
}

// ownProgram is the beginning of a Go program: this test's, cut behind its build
// information.
func ownProgram(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(data, []byte("\xff Go build"+"inf:"))
	if at < 0 || at+4096 > len(data) {
		t.Fatal("this program has no build information")
	}
	return string(data[:at+4096])
}

func nestedJar(t *testing.T, depth int) string {
	t.Helper()
	data := zipOf(t, "a", "")
	for range depth {
		data = zipOf(t, "a.jar", data)
	}
	return data
}

func times(n int, layer imagetest.Layer) []imagetest.Layer {
	var list []imagetest.Layer
	for range n {
		list = append(list, layer)
	}
	return list
}

func manyLayers(n int) []imagetest.Layer {
	list := times(1, imagetest.Layer{Entries: []imagetest.Entry{imagetest.File("etc/os-release", debianRelease), imagetest.File(minimistPath, minimist)}})
	for i := len(list); i < n; i++ {
		list = append(list, imagetest.Layer{Entries: []imagetest.Entry{imagetest.File(fmt.Sprintf("layer/%d", i), "x")}})
	}
	return list
}
