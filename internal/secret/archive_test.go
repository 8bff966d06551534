package secret

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
)

// The members of an archive, in order.
type members []struct{ name, text string }

func zipOf(t testing.TB, list members) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range list {
		w, err := z.Create(m.name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(m.text))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// storedOf is a zip whose members are not compressed.
func storedOf(t testing.TB, list members) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range list {
		w, err := z.CreateHeader(&zip.FileHeader{Name: m.name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(m.text))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarOf(t testing.TB, list members) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range list {
		if err := w.WriteHeader(&tar.Header{Name: m.name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(m.text)), Format: tar.FormatPAX}); err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(m.text))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipOf(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(data)
	z.Close()
	return b.Bytes()
}

func zstdOf(t testing.TB, data []byte) []byte {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(data, nil)
}

// bomb is a tar whose one member is more than is unpacked, in streams of gzip
// one after another.
func bomb(t testing.TB) []byte {
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(&tar.Header{Name: "zeros", Typeflag: tar.TypeReg, Size: maxInflated, Format: tar.FormatPAX}); err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	return append(gzipOf(b.Bytes()), bytes.Repeat(gzipOf(zeros), maxInflated/len(zeros))...)
}

func TestArchives(t *testing.T) {
	all := defaults(t)
	pat := token(t, 1)
	list := members{
		{"BOOT-INF/classes/a.class", "\xca\xfe\xba\xbe" + pat},
		{"./BOOT-INF/classes/application.yml", "port: 80\ntoken: " + pat + "\n"},
		{"static/logo.png", "\x89PNG" + pat},
	}
	const inside = "BOOT-INF/classes/application.yml github-pat:2"
	nested := append(slices.Clone(list), members{{"BOOT-INF/lib/x.jar", string(zipOf(t, list))}}...)
	large := append(slices.Clone(list), members{{"dump.sql", strings.Repeat("x", maxMember+1)}}...)
	var many members
	for i := range maxMembers + 1 {
		many = append(many, struct{ name, text string }{fmt.Sprint(i), ""})
	}
	for _, tt := range []struct {
		name, path string
		data       []byte
		want       string
	}{
		{"jar", "srv/app.jar", zipOf(t, list), inside},
		{"tar", "srv/app.tar", tarOf(t, list), inside},
		{"tgz", "srv/app.tgz", gzipOf(tarOf(t, list)), inside},
		{"gz", "var/log/app.log.gz", gzipOf([]byte("a\n" + pat + "\n")), " github-pat:2"},
		{"npm cache, a tgz without a name", "root/.npm/_cacache/content-v2/sha512/ab/cd", gzipOf(tarOf(t, list)), inside},
		{"gz of a binary", "srv/x.gz", gzipOf([]byte("\x7fELF\x00\x00")), "unread: " + string(unreadMembers)},
		{"a jar in a jar", "srv/app.war", zipOf(t, nested), inside + " BOOT-INF/lib/x.jar!/" + inside},
		{"a jar stored in a jar, as Spring Boot does", "srv/app.jar", storedOf(t, nested), inside + " BOOT-INF/lib/x.jar!/" + inside},
		{"stored in stored in stored", "srv/app.ear", storedOf(t, members{{"a.war", string(storedOf(t, members{{"b.jar", string(storedOf(t, list))}}))}}), "a.war!/b.jar!/" + inside},
		{"stored too deep", "srv/app.ear", storedOf(t, members{{"a.war", string(storedOf(t, members{{"b.war", string(storedOf(t, members{{"c.jar", string(zipOf(t, list))}}))}}))}}), "unread: " + string(unreadMembers)},
		{"a damaged jar stored in a jar", "srv/app.jar", storedOf(t, append(slices.Clone(list), members{{"x.jar", string(zipOf(t, list)[:200])}}...)), inside + " unread: " + string(unreadMembers)},
		{"a damaged member of a jar stored in a jar", "srv/app.jar", storedOf(t, members{{"x.jar", strings.Replace(string(storedOf(t, list)), "port: 80", "port: 81", 1)}}), "unread: " + string(unreadMembers)},
		{"a stored jar that is too large", "srv/app.jar", storedOf(t, append(slices.Clone(list), members{{"x.jar", string(zipOf(t, list)) + strings.Repeat("x", maxNested)}}...)), inside + " unread: " + string(unreadMembers)},
		{"a tgz in a zip", "srv/app.zip", zipOf(t, members{{"x/app.tgz", string(gzipOf(tarOf(t, list)))}}), "x/app.tgz!/" + inside},
		{"a packed text in a tar", "srv/app.tar", tarOf(t, members{{"x/app.log.gz", string(gzipOf([]byte(pat)))}}), "x/app.log.gz github-pat:1"},
		{"zstd in a tar in a zip", "srv/app.zip", zipOf(t, members{{"x.tar", string(tarOf(t, members{{"y.zst", string(zstdOf(t, []byte(pat)))}}))}}), "x.tar!/y.zst github-pat:1"},
		{"archives too deep", "srv/app.zip", zipOf(t, members{{"a.tar", string(tarOf(t, members{{"b.zip", string(zipOf(t, members{{"c.zip", string(zipOf(t, list))}}))}}))}}), "unread: " + string(unreadMembers)},
		{"a damaged jar in a jar", "srv/app.war", zipOf(t, append(slices.Clone(list), members{{"x.jar", string(zipOf(t, list)[:200])}}...)), inside + " unread: " + string(unreadMembers)},
		{"xz in a zip", "srv/app.zip", zipOf(t, members{{"x.xz", "\xfd7zXZ\x00" + pat}}), "unread: " + string(unreadMembers)},
		{"zstd", "var/log/app.log.zst", zstdOf(t, []byte("a\n"+pat+"\n")), " github-pat:2"},
		{"tar.zst", "srv/app.tar.zst", zstdOf(t, tarOf(t, list)), inside},
		{"damaged bzip2", "srv/app.tar.bz2", []byte("BZh91AY&SY" + pat), "unread: " + string(unreadArchive)},
		{"a large member", "srv/app.zip", zipOf(t, large), inside + " unread: " + string(unreadMembers)},
		{"too many members", "srv/app.tar", tarOf(t, many), "unread: " + string(unreadArchive)},
		{"cut", "srv/app.jar", zipOf(t, list)[:200], "unread: " + string(unreadArchive)},
		{"cut gzip", "srv/app.tgz", gzipOf(tarOf(t, list))[:60], "unread: " + string(unreadArchive)},
		{"a bomb", "srv/x.gz", bomb(t), "unread: " + string(unreadArchive)},
		{"xz", "srv/x.tar.xz", []byte("\xfd7zXZ\x00" + pat), "unread: " + string(unreadArchive)},
		{"a large binary", "srv/x", append([]byte("\x7fELF\x00"), make([]byte, maxBinary)...), "unread: " + string(unreadBinary)},
		{"change logs", "usr/share/doc/x/changelog.gz", gzipOf([]byte(pat)), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := all.Visitor()
			h := &rootfs.Header{Path: tt.path, Size: int64(len(tt.data))}
			head := tt.data[:min(len(tt.data), 512)]
			data := v.Passed(h, head)
			if v.Want(h, head) {
				var err error
				if data, err = v.Visit(h, memory(tt.data)); err != nil {
					t.Fatal(err)
				}
			}
			f := decode(data)
			var got []string
			for _, s := range f.Found {
				got = append(got, fmt.Sprintf("%s %s:%d", s.Inside, s.Rule, s.Line))
			}
			if f.Unread != "" {
				got = append(got, "unread: "+string(f.Unread))
			}
			if text := strings.Join(got, " "); text != tt.want {
				t.Errorf("got %q, want %q", text, tt.want)
			}
		})
	}
}

// TestUnreadIsCounted: what was not looked into is said with its number, and what
// a secret in an archive is said to stand in is the path in it.
func TestUnreadIsCounted(t *testing.T) {
	pat := token(t, 1)
	result := findIn(t, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
		imagetest.File("app/app.jar", string(zipOf(t, members{{"config/app.yml", "token: " + pat}}))),
		imagetest.File("app/server", "\x7fELF\x00"+strings.Repeat("\x00", maxBinary)),
		imagetest.File("app/worker", "\x7fELF\x00"+strings.Repeat("\x00", maxBinary)),
		imagetest.File("app/dump.xz", "\xfd7zXZ\x00"),
	}}}})
	if len(result.Secrets) != 1 || result.Secrets[0].Places[0].Path != "app/app.jar!/config/app.yml" || result.Secrets[0].Places[0].InFile != 1 {
		t.Errorf("%s", places(result.Secrets))
	}
	const want = "3 files not looked into, or not whole: 1 × " + string(unreadArchive) + ", e.g. /app/dump.xz; 2 × " + string(unreadBinary) + ", e.g. /app/server"
	if result.Unread != want {
		t.Errorf("%q, want %q", result.Unread, want)
	}
	if got := findIn(t, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("a", "b")}}}}); got.Unread != "" {
		t.Errorf("%q, although all was looked into", got.Unread)
	}
}

func FuzzArchive(f *testing.F) {
	all := defaults(f)
	list := members{{"a/.env", "DB_PASSWORD=hunter2hunter2\n"}, {"b", ""}}
	for _, seed := range [][]byte{zipOf(f, list), tarOf(f, list), gzipOf(tarOf(f, list)), gzipOf([]byte("a")), zstdOf(f, tarOf(f, list)), zipOf(f, members{{"x", string(zipOf(f, list))}}), []byte("BZh91AY&SY")} {
		f.Add(seed)
	}
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		all.inArchive(nil, archiveKind(data[:min(len(data), 512)]), memory(data), "x")
	})
}
