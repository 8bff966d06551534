package cli

import (
	"archive/tar"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/vulndb"
)

// TestHostileWorld is what is around an image: a daemon, a registry, the disk, the
// clock, others that write to the files.
func TestHostileWorld(t *testing.T) {
	program := builtProgram(t)
	for name, run := range map[string]func(t *testing.T, program string){
		"sizes": hostileSizes, "daemon": hostileDaemon, "TLS": hostileTLS, "endless pages": hostileEndlessPages, "clock set back": hostileClockSetBack,
		"full and read-only disks": hostileFullAndReadOnlyDisks, "fix and pin at once": hostileFixAndPinAtOnce, "folder that changes": hostileFolderThatChanges,
	} {
		t.Run(name, func(t *testing.T) { run(t, program) })
	}
}

// hostileSizes is what takes files of real size: with CAREEN_LONG 63 MB of
// one line, and as many hard links as a layer may have.
func hostileSizes(t *testing.T, program string) {
	for _, row := range []attack{
		{"63 MB of dpkg status in one line", func(b *bench) []string {
			return []string{"--allow-incomplete", b.layout(imagetest.Image{Layers: []imagetest.Layer{b.repeated("a", "var/lib/dpkg/status", "Package: a ", long(63<<20))}})}
		}, 0, ""},
		{"63 MB of dpkg status in one field", func(b *bench) []string {
			return []string{"--allow-incomplete", b.layout(imagetest.Image{Layers: []imagetest.Layer{b.streamed("a", func(w *tar.Writer) error {
				const head, tail = "Package: a\nStatus: install ok installed\nVersion: 1\nDepends: ", "\n"
				n := long(63 << 20)
				if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "var/lib/dpkg/status", Size: n + int64(len(head+tail)), Mode: 0o644}); err != nil {
					return err
				}
				_, err := io.Copy(w, io.MultiReader(strings.NewReader(head), io.LimitReader(&endless{s: "b, "}, n), strings.NewReader(tail)))
				return err
			})}})}
		}, 0, ""},
		{"63 MB of alternatives of one need", func(b *bench) []string {
			return []string{"--allow-incomplete", b.layout(imagetest.Image{Layers: []imagetest.Layer{b.repeated("a", "var/lib/dpkg/status", "\nPackage: a\nStatus: install ok installed\nVersion: 1\nDepends: "+strings.Repeat("b | ", 1<<18), long(63<<20))}})}
		}, 0, ""},
		{"a million hard links", func(b *bench) []string {
			return []string{"--allow-incomplete", b.layout(imagetest.Image{Layers: []imagetest.Layer{b.streamed("a", func(w *tar.Writer) error {
				if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "a", Mode: 0o644}); err != nil {
					return err
				}
				for i := range long(990_000) {
					if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeLink, Name: fmt.Sprintf("l/%d", i), Linkname: "a", Mode: 0o644}); err != nil {
						return err
					}
				}
				return nil
			})}})}
		}, 0, ""},
		{"more hard links than a layer may have", func(b *bench) []string {
			return []string{"--max-layer-entries", "1000", b.layout(one(entriesOf(1001, func(i int) imagetest.Entry {
				return imagetest.Hardlink(fmt.Sprint("l", i), "etc/os-release")
			})...))}
		}, 1, "--max-layer-entries"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t)
			b.measured(program, row.args(b)...).wants(t, row.code, row.says)
		})
	}
}

// daemon answers on a socket as a lying Docker daemon does, and returns what
// DOCKER_HOST is then.
func daemon(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "careen") // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "e.sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}}
	server.Start()
	t.Cleanup(server.Close)
	return "DOCKER_HOST=unix://" + l.Addr().String()
}

func hostileDaemon(t *testing.T, program string) {
	const id = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	about := fmt.Sprintf(`{"Id":%q,"RepoTags":["app:1"],"Os":"linux","Architecture":"amd64","Config":{},"RootFS":{"Type":"layers","Layers":[%q,%q]}}`, id, id, id)
	for _, row := range []struct {
		name    string
		inspect func(w http.ResponseWriter)
		get     func(w http.ResponseWriter, archive []byte)
		flags   []string
		says    string
	}{
		{"an image of another name", nil, func(w http.ResponseWriter, archive []byte) { w.Write(archive) }, nil, ""},
		{"an answer that is no JSON", func(w http.ResponseWriter) { io.WriteString(w, "<html>\x1b[2J") }, nil, nil, "docker"},
		{"an answer without end", func(w http.ResponseWriter) { io.Copy(w, &endless{s: `{"Id":"`}) }, nil, nil, "docker"},
		{"an answer shorter than it says", func(w http.ResponseWriter) { w.Header().Set("Content-Length", "5000"); io.WriteString(w, about) }, nil, nil, ""},
		{"an id that is none", func(w http.ResponseWriter) {
			io.WriteString(w, strings.Replace(about, id, "../../x\x1b[2J", 1))
		}, nil, nil, ""},
		{"an archive without end", nil, func(w http.ResponseWriter, _ []byte) { io.Copy(w, &endless{s: zeros[:1<<16]}) }, []string{"--max-archive-bytes", "50000000"}, ""},
		{"an archive of endless members", nil, func(w http.ResponseWriter, _ []byte) {
			tw := tar.NewWriter(w)
			for i := 0; tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprint("m", i), Mode: 0o644}) == nil; i++ {
			}
		}, []string{"--max-archive-bytes", "200000000"}, ""},
		{"an archive shorter than it says", nil, func(w http.ResponseWriter, archive []byte) {
			w.Header().Set("Content-Length", fmt.Sprint(len(archive)))
			w.Write(archive[:len(archive)/2])
		}, nil, ""},
		{"an archive longer than it says", nil, func(w http.ResponseWriter, archive []byte) {
			w.Header().Set("Content-Length", fmt.Sprint(len(archive)/2))
			w.Write(archive)
		}, nil, ""},
		{"no layers", func(w http.ResponseWriter) {
			io.WriteString(w, strings.Replace(about, fmt.Sprintf("[%q,%q]", id, id), "[]", 1))
		}, nil, nil, "the daemon gave another image"},
		{"no answer", func(w http.ResponseWriter) { time.Sleep(3 * time.Second) }, nil, []string{"--timeout", "1s"}, "--timeout"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t)
			other := sample(imagetest.Gzip)
			other.Tags = []string{"other:2"}
			archive := b.read(b.docker(other))
			host := daemon(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/get") && row.get != nil:
					row.get(w, archive)
				case strings.HasSuffix(r.URL.Path, "/get"):
					w.Write(archive)
				case strings.HasSuffix(r.URL.Path, "/history"):
					io.WriteString(w, "[]")
				case strings.Contains(r.URL.Path, "/images/") && row.inspect != nil:
					row.inspect(w)
				case strings.Contains(r.URL.Path, "/images/"):
					io.WriteString(w, about)
				default:
					io.WriteString(w, `{"ApiVersion":"1.45","MinAPIVersion":"1.24","Version":"27.0.0"}`)
				}
			})
			r := b.measuredIn(program, []string{host}, append([]string{"docker:app:1"}, row.flags...)...)
			if r.wants(t, 1, row.says); r.stdout != "" {
				t.Errorf("printed %q", r.stdout)
			}
		})
	}
}

// certified is a key and a certificate for a name, by itself.
func certified(t *testing.T, name string, ends time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: ends, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true}
	if ip := net.ParseIP(name); ip != nil {
		c.DNSNames, c.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A registry whose certificate is another's, too old or unknown, or whose TLS is
// of another time, is refused with the reason; a sound one is taken.
func hostileTLS(t *testing.T, program string) {
	future := time.Now().Add(time.Hour)
	for _, row := range []struct {
		name   string
		of     string
		ends   time.Time
		most   uint16
		trust  bool
		code   int
		reason string
	}{
		{"sound", "127.0.0.1", future, 0, true, 0, ""},
		{"another's name", "registry.example.com", future, 0, true, 1, "certificate"},
		{"a certificate of the past", "127.0.0.1", time.Now().Add(-time.Hour), 0, true, 1, "expired"},
		{"a certificate that nobody signed", "127.0.0.1", future, 0, false, 1, "certificate"},
		{"TLS 1.0", "127.0.0.1", future, tls.VersionTLS10, true, 1, "protocol version not supported"},
		{"TLS 1.1", "127.0.0.1", future, tls.VersionTLS11, true, 1, "protocol version not supported"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t)
			honest := imagetest.RegistryHandler()
			plain := httptest.NewServer(honest)
			defer plain.Close()
			if _, err := imagetest.Push(strings.TrimPrefix(plain.URL, "http://")+"/app:1", sample(imagetest.Gzip)); err != nil {
				t.Fatal(err)
			}
			server := httptest.NewUnstartedServer(honest)
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			own := certified(t, row.of, row.ends)
			server.TLS = &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS10, MaxVersion: row.most}
			server.StartTLS()
			defer server.Close()
			args := []string{"registry:" + server.Listener.Addr().String() + "/app:1"}
			if row.trust {
				args = append(args, "--cacert", b.write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})))
			}
			b.measured(program, args...).wants(t, row.code, row.reason)
		})
	}
}

// A registry whose lists of tags have no end is asked a bounded number of times.
func hostileEndlessPages(t *testing.T, program string) {
	for name, link := range map[string]func(n int64) string{
		"each leads to another": func(n int64) string { return fmt.Sprintf(`</v2/app/tags/list?last=%d>; rel="next"`, n) },
		"each leads to itself":  func(int64) string { return `</v2/app/tags/list?n=1000>; rel="next"` },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			honest := imagetest.RegistryHandler()
			var asked atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, "/tags/list") {
					honest.ServeHTTP(w, r)
					return
				}
				n := asked.Add(1)
				w.Header().Set("Link", link(n))
				fmt.Fprintf(w, `{"name":"app","tags":["1.%d"]}`, n)
			}))
			defer server.Close()
			host := strings.TrimPrefix(server.URL, "http://")
			if _, err := imagetest.Push(host+"/app:latest", sample(imagetest.Gzip)); err != nil {
				t.Fatal(err)
			}
			file := b.write("Dockerfile", []byte("FROM "+host+"/app:latest\n"))
			r := b.measured(program, "+pin", file)
			if n := asked.Load(); n == 0 || n > 2000 {
				t.Errorf("asked %d times", n)
			}
			t.Logf("exit %d after %d pages: %s", r.code, asked.Load(), r.stderr)
		})
	}
}

// A database and a cache from the future, as after a clock that was set back, give
// what they gave before.
func hostileClockSetBack(t *testing.T, program string) {
	b := newBench(t)
	builder := vulndb.NewBuilder()
	builder.AddSource(vulndb.Source{Name: "test", Records: 1})
	if err := builder.Add(vulndb.Record{ID: "GHSA-vh95-rmgr-6w4m", Source: "test", Aliases: []string{"CVE-2020-7598"},
		Affected: []vulndb.Affected{{Ecosystem: "npm", Name: "minimist", Ranges: []vulndb.Range{{Fixed: "0.2.1"}}}}}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(b.db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := builder.Write(f, time.Now().AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	target := b.layout(sample(imagetest.Gzip))
	r := b.measured(program, "-f", "json", target)
	r.wants(t, 0, ">CVE-2020-7598")
	r.wants(t, 0, `>"kind": "database-date"`)
	ahead := time.Now().AddDate(1, 0, 0)
	err = filepath.WalkDir(b.root, func(path string, _ os.DirEntry, err error) error {
		if err == nil {
			err = os.Chtimes(path, ahead, ahead)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.measured(program, "-f", "json", target).wants(t, 0, ">CVE-2020-7598")
	b.write("root/"+minimistPath, []byte(minimist))
	b.measured(program, "-f", "json", "dir:"+filepath.Join(b.root, "root")).wants(t, 0, ">CVE-2020-7598")
}

// small mounts a disk of a few bytes on a folder, full or read-only.
func (b *bench) small(dir string, flags uintptr, options string) {
	b.t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		b.t.Skipf("no small disk to be had: mount: %v", err)
	}
	b.t.Cleanup(func() { syscall.Unmount(dir, 0) })
}

// Disks that are full or read-only cost time, or are named: what is found is the
// same, and what cannot be read is said.
func hostileFullAndReadOnlyDisks(t *testing.T, program string) {
	const full = "size=4k,nr_inodes=4,mode=755"
	fill := func(b *bench, dir string) {
		for i := range 8 {
			os.WriteFile(filepath.Join(dir, fmt.Sprint("f", i)), make([]byte, 4096), 0o600)
		}
	}
	t.Run("the cache is full", func(t *testing.T) {
		b := newBench(t)
		target := b.layout(sample(imagetest.Gzip))
		b.small(b.cache, 0, full)
		fill(b, b.cache)
		b.measured(program, "-f", "json", target).wants(t, 0, ">CVE-2020-7598")
		// An archive that must lie there whole names the disk.
		packed := b.write("x.tar.gz", gzipped(t, b.read(b.docker(sample(imagetest.Gzip)))))
		b.measured(program, packed).wants(t, 1, "no space left on device")
	})
	t.Run("TMPDIR is full", func(t *testing.T) {
		b := newBench(t)
		target := b.layout(sample(imagetest.Gzip))
		b.small(b.tmp, 0, full)
		fill(b, b.tmp)
		b.measured(program, "-f", "json", target).wants(t, 0, ">CVE-2020-7598")
		b.measured(program, "+db", "verify", b.db).wants(t, 1, "no space left on device")
	})
	t.Run("everything is read-only", func(t *testing.T) {
		b := newBench(t)
		target := b.layout(sample(imagetest.Gzip))
		b.small(b.cache, syscall.MS_RDONLY, "size=4k,mode=755")
		b.small(b.tmp, syscall.MS_RDONLY, "size=4k,mode=755")
		b.measured(program, "-f", "json", target).wants(t, 0, ">CVE-2020-7598")
		b.measured(program, "-o", filepath.Join(b.tmp, "out.json"), "-f", "json", target).wants(t, 1, "read-only file system")
		b.measured(program, b.write("x.tar.gz", gzipped(t, b.read(b.docker(sample(imagetest.Gzip)))))).wants(t, 1, "read-only file system")
	})
}

// lint --fix and pin on one file at once: each change that is said to be done is
// there at the end, or the command says that the file was changed.
func hostileFixAndPinAtOnce(t *testing.T, program string) {
	b := newBench(t)
	host := imagetest.Registry(t)
	if _, err := imagetest.Push(host+"/app:1", sample(imagetest.Gzip)); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		file := b.write("Dockerfile", []byte("FROM "+host+"/app:1\nMAINTAINER a\n"))
		var results [2]result
		var both sync.WaitGroup
		for i, args := range [][]string{{"+lint", "--fix", "--fail-on", "none", file}, {"+pin", file}} {
			both.Go(func() { results[i] = b.measured(program, args...) })
		}
		both.Wait()
		text := string(b.read(file))
		for i, mark := range []string{"LABEL", "@sha256:"} {
			switch r := results[i]; {
			case r.code == 0 && !strings.Contains(text, mark):
				t.Errorf("exit 0, and no %s in\n%s", mark, text)
			case r.code != 0 && !strings.Contains(r.stderr, "changed by somebody else"):
				t.Errorf("exit %d: %s", r.code, r.stderr)
			}
		}
	}
}

// Files that grow, shrink, come, go and become something else while a folder is
// read end no scan: what could not be read whole is said.
func hostileFolderThatChanges(t *testing.T, program string) {
	b := newBench(t)
	root := filepath.Join(b.root, "tree")
	for i := range 200 {
		b.write(fmt.Sprintf("tree/srv/%d/node_modules/a%d/package.json", i, i), []byte(fmt.Sprintf(`{"name":"a%d","version":"1"}`, i)))
	}
	b.write("tree/"+minimistPath, []byte(minimist))
	stop := make(chan struct{})
	var changing sync.WaitGroup
	for worker := range 3 {
		changing.Go(func() {
			for i := worker; ; i += 7 {
				select {
				case <-stop:
					return
				default:
				}
				at := filepath.Join(root, fmt.Sprintf("srv/%d/node_modules/a%d/package.json", i%200, i%200))
				switch i % 5 {
				case 0:
					os.Truncate(at, 3)
				case 1:
					os.WriteFile(at, []byte(strings.Repeat(`{"name":"x"}`, 5000)), 0o644)
				case 2:
					os.Remove(at)
				case 3:
					os.RemoveAll(filepath.Dir(at))
				case 4:
					os.MkdirAll(filepath.Dir(filepath.Dir(at)), 0o755)
					os.Symlink("/", filepath.Dir(at))
				}
			}
		})
	}
	for range 10 {
		r := b.measured(program, "-f", "json", "dir:"+root)
		if r.code != 0 && !strings.Contains(r.stderr, incompleteText) {
			t.Errorf("exit %d: %s", r.code, r.stderr)
		}
		if !strings.Contains(r.stdout, "CVE-2020-7598") {
			t.Errorf("what did not change is not found: %s", r.stderr)
		}
	}
	close(stop)
	changing.Wait()
}
