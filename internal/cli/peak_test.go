package cli

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/careen/careen/internal/imagetest"
)

// maxPeak is what one scan may take of memory, whatever it is given.
const maxPeak = 512 << 20

// peakFile names, in the environment of the command in scripts, a file that it
// writes the peak of its memory to when it ends.
const peakFile = "TEST_CAREEN_PEAK"

// recordPeak writes the peak of this process's memory, which Linux tells. What
// wait4(2) reports would do on other systems, but it counts the parent's memory
// from before the exec too.
func recordPeak() {
	name := os.Getenv(peakFile)
	if name == "" {
		return
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			os.WriteFile(name, []byte(strings.TrimSuffix(strings.TrimSpace(kb), " kB")), 0o644)
		}
	}
}

// peak runs careen in a process of its own and holds its memory to maxPeak.
func (b *bench) peak(args ...string) result {
	b.t.Helper()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		b.t.Skip("this system does not tell a process's peak of memory")
	}
	file := filepath.Join(b.t.TempDir(), "peak")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "careen", append([]string{"scan", "--db", b.db, "--db-max-age", "0", "--cache-dir", b.cache}, args...)...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "CAREEN_") }), peakFile+"="+file)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	if ctx.Err() != nil || cmd.ProcessState == nil {
		b.t.Fatalf("no end: %v", err)
	}
	r := result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	r.check(b.t)
	kb, err := strconv.ParseInt(string(b.read(file)), 10, 64)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("peak %d MB in %s", kb>>10, time.Since(began).Round(time.Millisecond))
	if kb<<10 > maxPeak {
		b.t.Errorf("peak %d MB", kb>>10)
	}
	return r
}

// long is n where there is time, else a hundredth of it.
func long(n int64) int64 {
	if os.Getenv("CAREEN_LONG") == "" {
		return n / 100
	}
	return n
}

// endless reads s again and again.
type endless struct {
	s  string
	at int
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		m := copy(p[n:], e.s[e.at:])
		n, e.at = n+m, (e.at+m)%len(e.s)
	}
	return n, nil
}

// repeated is a layer of one file of size bytes, s repeated, made without ever
// holding it.
func (b *bench) repeated(name, path, s string, size int64) imagetest.Layer {
	b.t.Helper()
	return b.streamed(name, func(w *tar.Writer) error {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Size: size, Mode: 0o644}); err != nil {
			return err
		}
		_, err := io.CopyN(w, &endless{s: s}, size)
		return err
	})
}

// streamed is a layer whose tar goes to a file.
func (b *bench) streamed(name string, write func(w *tar.Writer) error) imagetest.Layer {
	b.t.Helper()
	f, err := os.Create(filepath.Join(b.root, name+".tar"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	if err := write(w); err != nil {
		b.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	return imagetest.Layer{TarFile: f.Name()}
}

// each makes n layers.
func each(n int, layer func(i int) imagetest.Layer) imagetest.Image {
	var img imagetest.Image
	for i := range n {
		img.Layers = append(img.Layers, layer(i))
	}
	return img
}

// TestPeak gives a process of its own what takes the most memory. With
// CAREEN_LONG the sizes are those that the limits just allow, in two layers
// where layers that are read at once, or one after the other, could add up.
func TestPeak(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		name  string
		code  int
		args  func(b *bench) []string
		wants []string
	}{
		{"config of 100 MB", 1, one0(func(b *bench) string {
			return b.manifestOf(strings.Repeat(" ", 100<<20)+configOf(), "")
		}), []string{"config sha256:", "104857", "more than the 8388608"}},
		{"config of 100 MB in an archive", 1, one0(func(b *bench) string {
			return b.archiveOf(imagetest.File("c.json", strings.Repeat("[", 100<<20)), imagetest.File("manifest.json", `[{"Config":"c.json"}]`))
		}), []string{"config: c.json is 104857600 bytes, more than the 8388608"}},
		{"manifest.json of a million layers", 1, one0(func(b *bench) string {
			return b.archiveOf(imagetest.File("c.json", configOf()), imagetest.File("manifest.json", `[{"Config":"c.json","Layers":[`+strings.Repeat(`"",`, 1_000_000)+`""]}]`))
		}), []string{"lists 1000001 layers"}},
		{"gzip bomb", 1, func(b *bench) []string {
			// Members of gzip follow each other: a small layer of 5 GB.
			layer := bytes.Repeat(gzipped(b.t, []byte(zeros)), int(max(long(5<<30)/int64(len(zeros)), 1)))
			return []string{"--verify-diff-ids", b.manifestOf(configOf(imagetest.Digest(nil)), describe(layerType, string(layer)), string(layer))}
		}, []string{"layer sha256:", "diffID mismatch"}},
		{"zstd bombs of the largest window", 1, func(b *bench) []string {
			layer := zstdBomb(b.t, long(1<<30)+300<<20)
			ids := []string{}
			descriptors := []string{}
			for range 4 {
				ids, descriptors = append(ids, imagetest.Digest(nil)), append(descriptors, describe(layerType, layer))
			}
			return []string{"--verify-diff-ids", b.manifestOf(configOf(ids...), strings.Join(descriptors, ","), layer)}
		}, []string{"layer ", "diffID mismatch"}},
		{"compressed archive of zeros", 1, func(b *bench) []string {
			return []string{"--max-archive-bytes", fmt.Sprint(1 << 26), b.write("x.tar.gz", bytes.Repeat(gzipped(b.t, []byte(zeros)), 20))}
		}, []string{"--max-archive-bytes"}},
		{"five hundred layers of files", 0, one0(func(b *bench) string {
			return b.layout(each(500, func(i int) imagetest.Layer {
				var entries []imagetest.Entry
				for j := range max(long(400), 20) {
					entries = append(entries, imagetest.File(fmt.Sprintf("usr/share/some/directory/%d/%d/file", i, j), "x"))
				}
				return imagetest.Layer{Entries: entries}
			}))
		}), nil},
		{"a million entries of long names", -1, one0(func(b *bench) string {
			return b.layout(each(2, func(i int) imagetest.Layer {
				return b.streamed(fmt.Sprint(i), func(w *tar.Writer) error {
					for j := range long(300_000) {
						if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("%s/%d/%d", strings.Repeat("directory", 8), i, j), Mode: 0o644}); err != nil {
							return err
						}
					}
					return nil
				})
			}))
		}), nil},
		{"layers of nearly a million entries each", 1, func(b *bench) []string {
			layer := b.streamed("x", func(w *tar.Writer) error {
				for i := range long(900_000) {
					if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("%d/%d", i/1000, i), Mode: 0o644}); err != nil {
						return err
					}
				}
				return nil
			})
			image := b.layout(each(3, func(int) imagetest.Layer { return layer }))
			return []string{"--max-layer-entries", fmt.Sprint(long(1_000_000)), image}
		}, []string{"--max-layer-entries"}},
		{"package database of endless packages", -1, one0(func(b *bench) string {
			return b.layout(each(2, func(i int) imagetest.Layer {
				return b.repeated(fmt.Sprint(i), "var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\n\n", long(63*mib))
			}))
		}), nil},
		{"apk database of endless packages", -1, one0(func(b *bench) string {
			return b.layout(each(2, func(i int) imagetest.Layer {
				return b.repeated(fmt.Sprint(i), "lib/apk/db/installed", "P:a\nV:1\n\n", long(63*mib))
			}))
		}), nil},
		{"apk database of endless files", -1, one0(func(b *bench) string {
			return b.layout(each(2, func(i int) imagetest.Layer {
				return b.repeated(fmt.Sprint(i), "lib/apk/db/installed", "P:a\nV:1\nF:b\nR:c\n", long(63*mib))
			}))
		}), nil},
		{"list of endless files", -1, one0(func(b *bench) string {
			return b.layout(each(2, func(i int) imagetest.Layer {
				return b.repeated(fmt.Sprint(i), "var/lib/dpkg/info/a.list", "/a\n", long(63*mib))
			}))
		}), nil},
		{"package database of endless errors", -1, one0(func(b *bench) string {
			return b.layout(each(2, func(i int) imagetest.Layer {
				return b.repeated(fmt.Sprint(i), "var/lib/dpkg/status", "x\n", long(63*mib))
			}))
		}), nil},
		{"composer list of endless packages", -1, one0(func(b *bench) string {
			return b.layout(each(2, func(i int) imagetest.Layer {
				return b.repeated(fmt.Sprint(i), "srv/vendor/composer/installed.json", `[{"name":"a/b","version":"1"},`+strings.Repeat(`{"name":"a/b","version":"1"},`, 1000), long(15*mib))
			}))
		}), nil},
		{"package.json of a gigabyte", 1, one0(func(b *bench) string {
			return b.layout(each(1, func(i int) imagetest.Layer {
				return b.repeated(fmt.Sprint(i), fmt.Sprintf("srv/node_modules/a%d/package.json", i), `{"a":[`, long(1000*mib)+9*mib)
			}))
		}), []string{"incomplete"}},
		{"jar of endless members", -1, one0(func(b *bench) string {
			return b.layout(each(2, func(i int) imagetest.Layer { return b.jarOf(fmt.Sprint(i), long(4_000_000)) }))
		}), nil},
		{"jars in jars", -1, one0(func(b *bench) string {
			return b.layout(each(2, func(i int) imagetest.Layer {
				return imagetest.Layer{Entries: []imagetest.Entry{imagetest.File(fmt.Sprintf("srv/%d.jar", i), jarInJar(b.t, 8, long(120*mib)))}}
			}))
		}), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.code < 0 && os.Getenv("CAREEN_LONG") == "" {
				t.Skip("says something at its full size only: set CAREEN_LONG=1")
			}
			b := newBench(t)
			r := b.peak(append(test.args(b), "-f", "json", "-o", filepath.Join(t.TempDir(), "report.json"))...)
			if test.code < 0 { // sound in part: what matters is the memory
				test.code = min(r.code, 1)
			}
			r.wants(t, test.code, test.wants...)
		})
	}
}

// zstdBomb is size bytes of nothing in a window of 128 MiB.
func zstdBomb(t *testing.T, size int64) string {
	t.Helper()
	var buf bytes.Buffer
	w, err := zstd.NewWriter(&buf, zstd.WithWindowSize(128<<20), zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err == nil {
		_, err = io.CopyN(w, &endless{s: zeros}, size)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// jarOf is a layer of one jar of n empty members.
func (b *bench) jarOf(name string, n int64) imagetest.Layer {
	b.t.Helper()
	f, err := os.Create(filepath.Join(b.root, name+".jar"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	// By hand, for archive/zip would hold all of it: the directory alone, each
	// entry of which points to the one member there is.
	local := []byte("PK\x03\x04\x0a\x00" + strings.Repeat("\x00", 20) + "\x01\x00\x00\x00a")
	entry := []byte("PK\x01\x02\x0a\x00\x0a\x00" + strings.Repeat("\x00", 20) + "\x01\x00" + strings.Repeat("\x00", 16) + "a")
	le := func(v int64, n int) (s string) {
		for range n {
			s, v = s+string([]byte{byte(v)}), v>>8
		}
		return s
	}
	size := n * int64(len(entry))
	end := "PK\x06\x06" + le(44, 8) + le(45, 2) + le(45, 2) + le(0, 8) + le(n, 8) + le(n, 8) + le(size, 8) + le(int64(len(local)), 8) +
		"PK\x06\x07" + le(0, 4) + le(int64(len(local))+size, 8) + le(1, 4) +
		"PK\x05\x06" + le(0, 4) + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" + le(0, 2)
	return b.streamed(name, func(w *tar.Writer) error {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "srv/" + name + ".jar", Size: int64(len(local)) + size + int64(len(end)), Mode: 0o644}); err != nil {
			return err
		}
		if _, err := w.Write(local); err != nil {
			return err
		}
		if _, err := io.CopyN(w, &endless{s: strings.Repeat(string(entry), 1000)}, size); err != nil {
			return err
		}
		_, err := io.WriteString(w, end)
		return err
	})
}

// jarInJar nests depth jars, each padded to size bytes that compress to little.
func jarInJar(t *testing.T, depth int, size int64) string {
	t.Helper()
	inner := ""
	for range depth {
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		if inner != "" {
			f, err := w.Create("inner.jar")
			if err == nil {
				_, err = io.WriteString(f, inner)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		f, err := w.CreateHeader(&zip.FileHeader{Name: "padding", Method: zip.Store})
		if err == nil {
			_, err = io.CopyN(f, &endless{s: zeros}, size)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		inner = buf.String()
	}
	return inner
}
