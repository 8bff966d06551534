package cli

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// hostileSiblings is what has fallen elsewhere, or nearly here: forms that say one
// thing twice, refer to themselves, nest, or claim sizes of their own. Each image has
// minimist next to it, which is found all the same.
func hostileSiblings() []attack {
	n := many()
	at := func(format string) func(int) string {
		return func(i int) string { return strings.ReplaceAll(format, "#", fmt.Sprint(i)) }
	}
	file := func(name, path, content string) attack {
		return attack{path + ": " + name, func(b *bench) []string {
			return []string{"--allow-incomplete", "--scanners", "vuln,secret", b.layout(one(imagetest.File("etc/os-release", debianRelease), imagetest.File(minimistPath, minimist), imagetest.File(path, content)))}
		}, 0, ">minimist"}
	}
	raw := func(name string, code int, says string, tar func() []byte) attack {
		return attack{"tar: " + name, func(b *bench) []string {
			head := tarOf(b.t, imagetest.File("etc/os-release", debianRelease), imagetest.File(minimistPath, minimist))
			head = head[:len(head)-1024]
			return []string{b.layout(imagetest.Image{Layers: []imagetest.Layer{{Tar: append(append(head, tar()...), make([]byte, 1024)...)}}})}
		}, code, says}
	}
	laughs := func(open, join, end string) string {
		s := "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
		for i := range 30 {
			s += fmt.Sprintf("a%d: &a%d %s%s%s\n", i+1, i+1, open, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d%s", i, join), 9), join), end)
		}
		return s
	}
	deep := func(open string, n int, end string) string { return strings.Repeat(open, n) + strings.Repeat(end, n) }
	rows := []attack{
		file("keys twice", "srv/node_modules/x/package.json", `{"name":"x","version":"1","name":"y","version":"2","dependencies":{`+strings.TrimSuffix(strings.Repeat(`"a":"1",`, n), ",")+`}}`),
		file("a licence in brackets", "srv/node_modules/x/package.json", `{"name":"x","version":"1","license":"`+deep("(", n*10, ")")+`"}`),
		file("numbers without end", "srv/node_modules/x/package.json", `{"name":"x","version":"1","x":`+strings.Repeat("9", n*50)+`}`),
		file("escapes that are none", "srv/package-lock.json", `{"lockfileVersion":3,"packages":{"`+strings.Repeat(`\ud800`, n)+`":{"version":"1"}}}`),
		file("packages that need themselves", "srv/package-lock.json", `{"lockfileVersion":1,"dependencies":`+strings.Repeat(`{"a":{"version":"1","requires":{"a":"1"},"dependencies":`, min(n, 5000))+`{}`+strings.Repeat("}}", min(n, 5000))+`}`),
		file("aliases of aliases", "srv/pnpm-lock.yaml", "lockfileVersion: '9.0'\n"+laughs("[", ",", "]")),
		file("aliases of aliases", "srv/pubspec.lock", laughs("[", ",", "]")+"packages: *a30\n"),
		file("aliases of aliases", "srv/conda-lock.yml", laughs("[", ",", "]")+"package: *a30\n"),
		file("an alias of itself", "srv/pubspec.lock", "packages: &a\n  x: *a\n"),
		file("merge keys of merge keys", "srv/Podfile.lock", strings.ReplaceAll(laughs("{<<: [", ",", "]}"), "a0: &a0 [x,x,x,x,x,x,x,x,x]", "a0: &a0 {x: y}")),
		file("deep YAML", "srv/pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages: "+deep("[", n*5, "]")),
		file("deep block YAML", "srv/pubspec.lock", repeat(min(n, 2000), func(i int) string { return strings.Repeat(" ", i) + "a:\n" })),
		file("deep TOML", "srv/poetry.lock", "a = "+deep("[", n*5, "]")),
		file("deep tables of TOML", "srv/Cargo.lock", "["+strings.TrimSuffix(strings.Repeat("a.", n*5), ".")+"]\nx=1\n"),
		file("many dotted keys", "srv/uv.lock", repeat(n, at("a.b.c#.d = 1\n"))),
		file("tables of one name", "srv/poetry.lock", repeat(n, at("[[package]]\nname = \"a\"\nversion = \"1\"\n[package.dependencies]\na = \"1\"\n"))),
		file("deep XML", "srv/pom.xml", deep("<a>", n*5, "</a>")),
		file("entities", "srv/pom.xml", `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><project><artifactId>&c;</artifactId></project>`),
		file("properties of themselves", "srv/pom.xml", `<project><groupId>g</groupId><artifactId>a</artifactId><version>${a}</version><properties><a>${b}${b}</a><b>${c}${c}</b><c>${a}${a}</c></properties><dependencies><dependency><groupId>${a}</groupId><artifactId>${b}</artifactId><version>${c}</version></dependency></dependencies></project>`),
		file("attributes", "srv/packages.config", "<packages><package "+repeat(n, at(`a#="1" `))+`id="a" version="1"/></packages>`),
		file("requirements of itself", "srv/requirements.txt", strings.Repeat("-r requirements.txt\n-c requirements.txt\na==1\n", n)),
		file("one line that goes on", "srv/requirements.txt", "a==1"+strings.Repeat(" \\\n", n*10)),
		file("markers in brackets", "srv/requirements.txt", "a==1; "+deep("(", n*10, ")")),
		file("gems of gems", "srv/Gemfile.lock", "GEM\n  specs:\n"+repeat(n, at("    a# (1)\n      a# (= 1)\n      a1\n"))),
		file("one key of very many", "srv/yarn.lock", repeat(n*5, at("a@#, "))+"a@1:\n  version \"1\"\n"),
		file("sums", "srv/go.sum", repeat(n*5, at("a.b/c v1.#.0 h1:x=\n"))),
		file("replacements in a circle", "srv/go.mod", "module m\n"+repeat(n, at("require a.b/c# v1.0.0\nreplace a.b/c# => a.b/c1 v1.0.0\n"))),
		file("needs without end", "usr/lib/python3/dist-packages/p-1.dist-info/METADATA", "Name: p\nVersion: 1\n"+strings.Repeat("Requires-Dist: p[a,b,c] (>=1); extra == 'a' or (b)\n", n*5)),
		file("a header that goes on", "usr/lib/python3/dist-packages/p-1.dist-info/METADATA", "Name: p\nVersion: 1\nLicense: a\n"+strings.Repeat(" b\n", n*20)),
		file("quotes without end", "usr/lib/python3/dist-packages/p-1.dist-info/RECORD", strings.Repeat(`"a""b`, n*10)),
		file("brackets", "usr/lib/ruby/gems/3.0/specifications/a-1.gemspec", "Gem::Specification.new do |s|\n s.name = "+deep("(", n*10, ")")+"\nend\n"),
		file("100 MB", "usr/lib/os-release", strings.Repeat("A=B\n", max(n, 500)*1250)),
		file("members", "etc/group", "a:x:1:"+strings.Repeat("u,", n*50)+"\n"),
		file("licences of itself", "usr/share/doc/a/copyright", "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"+strings.Repeat("\nFiles: *\nLicense: "+strings.Repeat("GPL-2+ or ", 50)+"MIT\n", n/10)),
		file("components in components", "srv/bom.cdx.json", `{"bomFormat":"CycloneDX","specVersion":"1.5","components":[`+strings.Repeat(`{"type":"library","name":"a","version":"1","components":[`, min(n, 9000))+strings.Repeat("]}", min(n, 9000))+`]}`),
		file("one reference for all", "srv/bom.cdx.json", `{"bomFormat":"CycloneDX","specVersion":"1.5","components":[`+strings.TrimSuffix(repeat(n, at(`{"bom-ref":"r","type":"library","name":"a#","version":"1","purl":"pkg:npm/a#@1"},`)), ",")+`],"dependencies":[`+strings.TrimSuffix(strings.Repeat(`{"ref":"r","dependsOn":["r","r"]},`, n), ",")+`]}`),
		file("relationships in a circle", "srv/a.spdx.json", `{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"a","name":"a","versionInfo":"1"}],"relationships":[`+strings.TrimSuffix(strings.Repeat(`{"spdxElementId":"a","relatedSpdxElement":"a","relationshipType":"DEPENDS_ON"},`, n), ",")+`]}`),
		file("64-bit counts", "srv/a.jar", "PK\x06\x06\x2c"+strings.Repeat("\x00", 7)+"-\x00-\x00"+strings.Repeat("\x00", 8)+strings.Repeat("\xff", 32)+"PK\x06\x07"+strings.Repeat("\x00", 16)+"PK\x05\x06\x00\x00\x00\x00"+strings.Repeat("\xff", 12)+"\x00\x00"),
		file("a window of 4 GiB", "srv/a.txt.xz", "\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x28\x00\x00\x00"+strings.Repeat("\xff", 100)),
		file("a window of 2 GiB", "srv/a.txt.zst", "\x28\xb5\x2f\xfd\x00\xa8"+strings.Repeat("\x03\xff\xff", 100)),
		file("frames of nothing", "srv/a.txt.zst", strings.Repeat("\x50\x2a\x4d\x18\x00\x00\x00\x00", n*5)),
		file("members of nothing", "srv/a.txt.gz", strings.Repeat("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00", n*5)),
		file("a name without end", "srv/a.txt.gz", "\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03"+strings.Repeat("n", 1<<20)),
		file("slots of one record", "usr/lib/sysimage/rpm/Packages.db", slotsOfOneRecord()),
		file("a page that follows itself", "var/lib/rpm/Packages", pageOfItself()),
		file("a tree that holds itself", "var/lib/rpm/rpmdb.sqlite", treeOfItself()),
		file("sections over sections", "srv/a.dll", "MZ"+strings.Repeat("\x00", 58)+"\x40\x00\x00\x00PE\x00\x00\x64\x86\xff\xff"+strings.Repeat("\x00", 12)+"\xf0\x00\x22\x20\x0b\x02"+strings.Repeat("\xff", 1<<16)),
		file("many architectures", "srv/a.dylib", "\xca\xfe\xba\xbe\x00\x00\xff\xff"+strings.Repeat("\x01\x00\x00\x07\x00\x00\x00\x03\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00", 3000)),
		raw("long names of long names", 0, ">minimist", func() []byte { return bytes.Repeat(rawEntry("././@LongLink", 'L', []byte("a\x00")), n) }),
		raw("headers for all, over and over", 0, ">minimist", func() []byte {
			return bytes.Repeat(rawEntry("g", 'g', []byte("20 path=/etc/passwd\n")), n)
		}),
		raw("a record of an absurd size", 1, "", func() []byte {
			return append(rawEntry("x", 'x', []byte("30 size=9223372036854775807\n  ")), rawEntry("a", '0', nil)...)
		}),
		raw("records that lie about their length", 1, "", func() []byte {
			return append(rawEntry("x", 'x', []byte("99999999999999999999 path=a\n")), rawEntry("a", '0', nil)...)
		}),
		raw("a header of one very long record", 1, "", func() []byte {
			return append(rawEntry("x", 'x', []byte("3000000 path="+strings.Repeat("a", 3_000_000-14)+"\n")), rawEntry("a", '0', nil)...)
		}),
		raw("a sparse file of 8 exabytes", 1, "", func() []byte {
			return append(rawEntry("x", 'x', []byte("22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n41 GNU.sparse.realsize=9000000000000000000\n")), rawEntry("a", '0', []byte("1\n8999999999999999999\n1\n"))...)
		}),
		raw("an old sparse file that repeats", 1, "", func() []byte {
			e := rawEntry("a", 'S', nil)
			copy(e[386:], strings.Repeat("00000000000\x0000000000001\x00", 4))
			e[482] = 1
			return e
		}),
		raw("a size below nothing", 1, "", func() []byte {
			e := rawEntry("a", '0', nil)
			copy(e[124:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
			return summed(e)
		}),
	}
	for _, dir := range []string{"etc", "usr", "var/lib", "var/lib/dpkg", "lib/apk/db", "usr/lib/python3", "root", "proc"} {
		rows = append(rows, attack{"a loop of links at " + dir, func(b *bench) []string {
			return []string{"--allow-incomplete", b.layout(one(imagetest.File(minimistPath, minimist), imagetest.Symlink(dir, "/loop/a"), imagetest.Symlink("loop/a", "../loop/b"), imagetest.Symlink("loop/b", "/"+dir)))}
		}, 0, ">minimist"})
	}
	elf := imagetest.ELF{}.Build()
	for _, c := range []struct {
		name string
		cfg  image.Config
	}{
		{"a path of very many folders", image.Config{Cmd: []string{"app"}, Env: []string{"PATH=/bin:" + repeat(n*5, at("/d#:"))}}},
		{"folders of libraries", image.Config{Cmd: []string{"/bin/app"}, Env: []string{"LD_LIBRARY_PATH=" + repeat(n*5, at("/d#:"))}}},
		{"arguments", image.Config{Cmd: append([]string{"/bin/app"}, strings.Fields(repeat(n*2, at("/bin/x# ")))...)}},
		{"a line of commands", image.Config{Cmd: []string{"/bin/sh", "-c", repeat(n, at("/bin/app && "))}}},
		{"a line of brackets", image.Config{Cmd: []string{"/bin/sh", "-c", deep("$(", n, ")")}}},
		{"ports and volumes", image.Config{Cmd: []string{"/bin/app"}, ExposedPorts: strings.Fields(repeat(n, at("#/tcp "))), Volumes: strings.Fields(repeat(n, at("/v# ")))}},
	} {
		for _, verb := range []string{"reach", "harden"} {
			rows = append(rows, attack{verb + ": " + c.name, func(b *bench) []string {
				img := one(imagetest.File("etc/os-release", debianRelease), imagetest.Exec("bin/app", elf), imagetest.Exec("bin/sh", elf), imagetest.File("d1/x", ""))
				img.Config = c.cfg
				return []string{"+" + verb, b.layout(img)}
			}, 0, ""})
		}
	}
	return rows
}

// rawEntry is a header of a tar and its body, as a hostile writer makes it.
func rawEntry(name string, kind byte, body []byte) []byte {
	b := make([]byte, 512, 1024+len(body))
	copy(b, name)
	copy(b[100:], "0000644\x000000000\x000000000\x00")
	copy(b[124:], fmt.Sprintf("%011o\x00%011o\x00", len(body), 0))
	b[156] = kind
	copy(b[257:], "ustar\x0000")
	b = summed(b)
	b = append(b, body...)
	return append(b, make([]byte, (512-len(body)%512)%512)...)
}

// summed sets the checksum of a header.
func summed(b []byte) []byte {
	copy(b[148:], "        ")
	sum := 0
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

// slotsOfOneRecord is an ndb database of 65,000 packages that are one record.
func slotsOfOneRecord() string {
	const pages, record = 256, 1 << 20
	le := binary.LittleEndian
	b := le.AppendUint32(le.AppendUint32(le.AppendUint32(le.AppendUint32([]byte("RpmP"), 0), 1), pages), 2)
	b = append(b, make([]byte, 32-len(b))...)
	for len(b) < pages*4096 {
		b = le.AppendUint32(le.AppendUint32(le.AppendUint32(append(b, "Slot"...), 1), pages*4096/16), record/16)
	}
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(append(b, "BlbS"...), 1), 0), record-16)
	return string(append(b, make([]byte, record)...))
}

// pageOfItself is a Berkeley database whose values lie in a page that is followed by
// itself.
func pageOfItself() string {
	const size = 4096
	le := binary.LittleEndian
	b := make([]byte, 3*size)
	le.PutUint32(b[12:], 0x00061561)
	le.PutUint32(b[20:], size)
	le.PutUint32(b[32:], 2)
	page := b[size : 2*size]
	page[25] = 13
	const items = 200
	le.PutUint16(page[20:], 2*items)
	end := size
	for i := range 2 * items {
		end -= 1
		if i%2 == 1 {
			end -= 11
			page[end] = 3
			le.PutUint32(page[end+4:], 2)
			le.PutUint32(page[end+8:], 12_000)
		}
		if 26+2*i+2 < end {
			le.PutUint16(page[26+2*i:], uint16(end))
		}
	}
	over := b[2*size:]
	over[25] = 7
	le.PutUint16(over[22:], size-26)
	le.PutUint32(over[16:], 2)
	return string(b)
}

// treeOfItself is an SQLite database whose first page is its own child.
func treeOfItself() string {
	b := make([]byte, 4096)
	copy(b, "SQLite format 3\x00\x10\x00\x01\x01\x00\x40\x20\x20")
	b[100] = 5
	binary.BigEndian.PutUint16(b[103:], 500)
	binary.BigEndian.PutUint32(b[108:], 1)
	for i := range 500 {
		binary.BigEndian.PutUint16(b[112+2*i:], 3000)
	}
	binary.BigEndian.PutUint32(b[3000:], 1)
	return string(b)
}
