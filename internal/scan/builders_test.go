package scan_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rpmdb"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/vulndb"
)

// TestWhatAnotherBuilderBrought: in a package of another builder, modules of
// Node, Python, Java and Go and known programs are judged as if nobody owned them; in
// one of the distribution's they are the distribution's. In each of the three
// databases of packages.
func TestWhatAnotherBuilderBrought(t *testing.T) {
	self, err := os.Executable() // a Go program
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	const elf = "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00"
	file := imagetest.File
	inside := []imagetest.Entry{
		file("usr/lib/x/node_modules/minimist/package.json", `{"name":"minimist","version":"0.0.8"}`),
		file("usr/lib/x/site-packages/jinja2-2.0.dist-info/METADATA", "Name: jinja2\nVersion: 2.0\n"),
		file("usr/lib/x/log4j-core-2.14.0.jar", log4j(t)),
		imagetest.Exec("usr/bin/tool", string(program)),
		imagetest.Exec("usr/sbin/nginx", elf+strings.Repeat("\x00", 60)+"nginx version: nginx/1.18.0\x00"),
	}
	var paths []string
	for _, e := range inside {
		paths = append(paths, e.Path)
	}
	affected := func(id, ecosystem, name string) vulndb.Record {
		return vulndb.Record{ID: id, Source: "test", Affected: []vulndb.Affected{{Ecosystem: ecosystem, Name: name, Ranges: []vulndb.Range{{Fixed: "9999.0.0"}}}}}
	}
	db := databaseOf(t, []vulndb.Record{
		affected("CVE-2024-1", "npm", "minimist"), affected("CVE-2024-2", "PyPI", "jinja2"), affected("CVE-2024-3", "Maven", "org.apache.logging.log4j:log4j-core"),
		affected("CVE-2024-4", "Go", "stdlib"), affected("CVE-2024-5", "Bitnami", "nginx"),
		affected("CVE-2024-9", "Debian:12", "x"), affected("CVE-2024-9", "Alpine:v3.20", "x"), affected("CVE-2024-9", "Rocky Linux:9", "x"),
	})
	for _, system := range []struct {
		name, release string
		database      func(other bool) []imagetest.Entry
	}{
		{"deb", "ID=debian\nVERSION_ID=12\n", func(other bool) []imagetest.Entry {
			maintainer := "Debian X Team <x@lists.debian.org>"
			if other {
				maintainer = "Grafana Labs <contact@grafana.com>"
			}
			return []imagetest.Entry{file("var/lib/dpkg/status", "Package: x\nStatus: install ok installed\nVersion: 1-1\nArchitecture: amd64\nMaintainer: "+maintainer+"\n\n"),
				file("var/lib/dpkg/info/x.list", "/"+strings.Join(paths, "\n/")+"\n")}
		}},
		{"apk", "ID=alpine\nVERSION_ID=3.20.1\n", func(other bool) []imagetest.Entry {
			text := "P:x\nV:1-r0\nA:x86_64\nm:Jane Roe <jane@roe.example>\n"
			for _, p := range paths {
				dir, base := p[:strings.LastIndexByte(p, '/')], p[strings.LastIndexByte(p, '/')+1:]
				text += "F:" + dir + "\nR:" + base + "\n"
			}
			list := []imagetest.Entry{file("lib/apk/db/installed", text+"\n"), file("etc/apk/world", "x@own\n")}
			if other {
				list = append(list, file("etc/apk/repositories", "https://dl-cdn.alpinelinux.org/alpine/v3.20/main\n@own https://apk.acme.example/x\n"))
			}
			return list
		}},
		{"rpm", "ID=rocky\nVERSION_ID=9.3\n", func(other bool) []imagetest.Entry {
			owner := "Rocky Enterprise Software Foundation - Release key 2022 <releng@rockylinux.org>"
			if other {
				owner = "Acme <rpm@acme.example>"
			}
			data, err := rpmdb.Write([][]byte{signedRPM("x", paths), pubkey(owner)})
			if err != nil {
				t.Fatal(err)
			}
			return []imagetest.Entry{file("usr/lib/sysimage/rpm/rpmdb.sqlite", string(data))}
		}},
	} {
		for _, other := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, other %v", system.name, other), func(t *testing.T) {
				entries := append([]imagetest.Entry{file("etc/os-release", system.release)}, system.database(other)...)
				img := imagetest.Memory(t, imagetest.Image{Layers: []imagetest.Layer{{Entries: append(entries, inside...), Compression: imagetest.None}}})
				r, err := scan.Image(t.Context(), img, scan.Options{DB: db})
				if err != nil {
					t.Fatal(err)
				}
				checkJudged(t, r)
				var got []string
				for _, v := range r.Vulnerabilities {
					got = append(got, v.ID)
				}
				slices.Sort(got)
				want := []string{"CVE-2024-9"}
				if other {
					want = []string{"CVE-2024-1", "CVE-2024-2", "CVE-2024-3", "CVE-2024-4", "CVE-2024-5"}
				}
				if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
					t.Errorf("(-want +got):\n%s%v", diff, r.Warnings)
				}
				if third := slices.ContainsFunc(r.Warnings, func(w finding.Warning) bool { return w.Kind == "third-party-package" }); third != other {
					t.Errorf("another's package is counted: %v", third)
				}
			})
		}
	}
}

// TestDatabaseFromTomorrow: a clock that was set back hides how old advisories are.
func TestDatabaseFromTomorrow(t *testing.T) {
	db := databaseOf(t, []vulndb.Record{{ID: "CVE-2024-1", Source: "test", Affected: []vulndb.Affected{{Ecosystem: "npm", Name: "x"}}}})
	img := imagetest.Memory(t, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("a", "b")}, Compression: imagetest.None}}})
	newest := db.Info().Newest()
	for after, want := range map[time.Duration]bool{-72 * time.Hour: true, -24 * time.Hour: false, time.Hour: false} {
		r, err := scan.Image(t.Context(), img, scan.Options{DB: db, Now: newest.Add(after)})
		if err != nil {
			t.Fatal(err)
		}
		said := slices.ContainsFunc(r.Warnings, func(w finding.Warning) bool { return w.Kind == "database-date" && !w.Incomplete })
		if said != want {
			t.Errorf("scanned %s after the newest advisory: said %v: %v", after, said, r.Warnings)
		}
	}
}

func log4j(t *testing.T) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties")
	if err == nil {
		_, err = w.Write([]byte("groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.0\n"))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func databaseOf(t *testing.T, records []vulndb.Record) *vulndb.DB {
	t.Helper()
	builder := vulndb.NewBuilder()
	for _, r := range records {
		if err := builder.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	if _, err := builder.Write(&file, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	db, err := vulndb.OpenBytes(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// rpmTag is a tag of an rpm's header with its value (header format, rpm's manual).
type rpmTag struct {
	tag, kind, count uint32
	data             []byte
}

func rpmText(tag uint32, texts ...string) rpmTag {
	kind := uint32(6)
	if tag == 1117 || tag == 1118 {
		kind = 8
	}
	return rpmTag{tag, kind, uint32(len(texts)), []byte(strings.Join(texts, "\x00") + "\x00")}
}

func rpmHeader(tags ...rpmTag) []byte {
	var index, data []byte
	for _, v := range tags {
		for _, n := range []uint32{v.tag, v.kind, uint32(len(data)), v.count} {
			index = binary.BigEndian.AppendUint32(index, n)
		}
		data = append(data, v.data...)
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(len(tags)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	return append(append(b, index...), data...)
}

// signedRPM says that its vendor is Rocky's, and is signed by the key of pubkey.
func signedRPM(name string, files []string) []byte {
	signature := []byte{0x88, 20, 4, 0, 1, 8, 0, 0, 0, 10, 9, 16, 1, 2, 3, 4, 0x55, 0x66, 0x77, 0x88, 0, 0}
	var bases, dirs []string
	var at []byte
	for i, f := range files {
		cut := strings.LastIndexByte(f, '/') + 1
		dirs, bases, at = append(dirs, "/"+f[:cut]), append(bases, f[cut:]), binary.BigEndian.AppendUint32(at, uint32(i))
	}
	return rpmHeader(rpmTag{268, 7, uint32(len(signature)), signature}, rpmTag{1116, 4, uint32(len(files)), at},
		rpmText(1000, name), rpmText(1001, "1"), rpmText(1002, "1.el9"), rpmText(1011, "Rocky Enterprise Software Foundation"),
		rpmText(1044, name+"-1-1.el9.src.rpm"), rpmText(1117, bases...), rpmText(1118, dirs...))
}

func pubkey(owner string) []byte {
	return rpmHeader(rpmText(1000, "gpg-pubkey"), rpmText(1001, "55667788"), rpmText(1002, "5f"), rpmText(1015, owner))
}
