package rpmdb

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/golden"
)

// shared returns a path below the folder of test data next to the repository,
// and skips the test when there is none.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("CAREEN_SHARED")
	if root == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for dir != filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			dir = filepath.Dir(dir)
		}
		root = filepath.Join(filepath.Dir(dir), "shared")
	}
	p := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("test data is not here: %v", err)
	}
	return p
}

func (p Package) line() string {
	return fmt.Sprintf("%s %d:%s-%s %s src=%s vendor=%q license=%q module=%q files=%d",
		p.Name, p.Epoch, p.Version, p.Release, p.Arch, p.SourceRPM, p.Vendor, p.License, p.Modularity, len(p.Files))
}

func lines(packages []Package) string {
	var all []string
	for _, p := range packages {
		all = append(all, p.line())
	}
	slices.Sort(all)
	return strings.Join(all, "\n") + "\n"
}

func TestSamplesOfOldForms(t *testing.T) {
	for _, name := range []string{"bdb-Packages", "bdb-Packages_epoch", "ndb-Packages.db"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(shared(t, "fixtures", "rpm", name))
			if err != nil {
				t.Fatal(err)
			}
			got, err := Read(bytes.NewReader(data), int64(len(data)), nil, 0)
			if err != nil {
				t.Error(err)
			}
			golden.File(t, filepath.Join("testdata", name+".txt"), lines(got))
			for _, n := range []int{0, 20, 100, 4096, len(data) / 2, len(data) - 1} {
				Read(bytes.NewReader(data[:n]), int64(n), nil, 0)
			}
			if half, err := Read(bytes.NewReader(data[:len(data)/2]), int64(len(data)/2), nil, 0); err == nil {
				t.Errorf("half the file gives %d packages and no error", len(half))
			}
		})
	}
}

// TestAgainstRpm builds packages, installs them and compares what is read with
// what rpm says is installed, for the database with and without its log.
func TestAgainstRpm(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("builds packages: set CAREEN_LONG=1")
	}
	for _, tool := range []string{"rpm", "rpmbuild"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	run := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	build := func(n int, epoch, module string, files int) string {
		spec := fmt.Sprintf("Name: pkg%d\nVersion: 1.%d\nRelease: 2%%{?dist}\nSummary: x\nLicense: MIT AND BSD\nVendor: Some \"one\"\nBuildArch: noarch\n", n, n)
		if epoch != "" {
			spec += "Epoch: " + epoch + "\n"
		}
		if module != "" {
			spec += "ModularityLabel: " + module + "\n"
		}
		spec += "%description\nx\n%install\nmkdir -p %{buildroot}/opt/p" + fmt.Sprint(n) + "/empty\n" +
			fmt.Sprintf("for i in $(seq %d); do echo $i > %%{buildroot}/opt/p%d/a-file-with-a-long-name-$i; done\n%%files\n/opt/p%d\n", files, n, n)
		file := filepath.Join(dir, fmt.Sprintf("pkg%d.spec", n))
		if err := os.WriteFile(file, []byte(spec), 0o644); err != nil {
			t.Fatal(err)
		}
		run("rpmbuild", "-bb", "--quiet", "--define", "_topdir "+dir, file)
		rpms, _ := filepath.Glob(filepath.Join(dir, "RPMS", "noarch", fmt.Sprintf("pkg%d-*.rpm", n)))
		if len(rpms) != 1 {
			t.Fatalf("rpmbuild made %v", rpms)
		}
		return rpms[0]
	}
	rpms := []string{build(1, "", "", 1), build(2, "3", "nodejs:18:8090020231207:rhel9", 40), build(3, "", "", 600)}
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	db := "/var/lib/rpm"
	rpm := func(args ...string) string {
		return run("rpm", append([]string{"--root", root, "--dbpath", db}, args...)...)
	}
	rpm("--initdb")
	read := func(label string) {
		t.Helper()
		want := rpm("-qa", "--qf", `%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE} %{ARCH} src=%{SOURCERPM} vendor="%{VENDOR}" license="%{LICENSE}" module="%|MODULARITYLABEL?{%{MODULARITYLABEL}}|" files=%{SIZE}\n`)
		want = strings.ReplaceAll(want, `Some "one"`, `Some \"one\"`)
		main, err := os.ReadFile(filepath.Join(root, db, "rpmdb.sqlite"))
		if err != nil {
			t.Skipf("this rpm writes another form: %v", err)
		}
		log, _ := os.ReadFile(filepath.Join(root, db, "rpmdb.sqlite-wal"))
		t.Logf("%s: database of %d bytes, log of %d", label, len(main), len(log))
		got, err := Read(bytes.NewReader(main), int64(len(main)), bytes.NewReader(log), int64(len(log)))
		if err != nil {
			t.Errorf("%s: %v", label, err)
		}
		for i := range got {
			listed := run("rpm", "--root", root, "--dbpath", db, "-q", got[i].Name, "--qf", `[%{FILEMODES:perms} %{FILENAMES}\n]`)
			var files []string
			for line := range strings.Lines(listed) {
				if mode, file, _ := strings.Cut(strings.TrimSpace(line), " "); !strings.HasPrefix(mode, "d") {
					files = append(files, strings.TrimPrefix(file, "/"))
				}
			}
			if diff := cmp.Diff(files, got[i].Files); diff != "" {
				t.Errorf("%s: files of %s (-rpm +got):\n%s", label, got[i].Name, diff)
			}
		}
		only := func(s string) string {
			var all []string
			for line := range strings.Lines(s) {
				line, _, _ = strings.Cut(line, " files=")
				all = append(all, line)
			}
			slices.Sort(all)
			return strings.Join(all, "\n")
		}
		if diff := cmp.Diff(only(want), only(lines(got))); diff != "" {
			t.Errorf("%s (-rpm +got):\n%s", label, diff)
		}
	}
	rpm("-i", "--nodeps", rpms[0])
	read("one package")
	rpm("-i", "--nodeps", rpms[1], rpms[2])
	read("three packages")
	cut(t, filepath.Join(root, db, "rpmdb.sqlite"))

	// A reader that stays open keeps SQLite from merging the log.
	if python, err := exec.LookPath("python3"); err == nil {
		keep := exec.Command(python, "-c", "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1])\nc.execute('begin')\nc.execute('select count(*) from Packages').fetchall()\nprint('open',flush=True)\nsys.stdin.read()",
			filepath.Join(root, db, "rpmdb.sqlite"))
		in, err := keep.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := keep.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := keep.Start(); err != nil {
			t.Fatal(err)
		}
		defer keep.Wait()
		defer in.Close()
		if _, err := out.Read(make([]byte, 8)); err != nil {
			t.Logf("python3 without sqlite3: the log is not tested: %v", err)
		} else {
			rpm("-e", "pkg1")
			if log, err := os.Stat(filepath.Join(root, db, "rpmdb.sqlite-wal")); err != nil || log.Size() == 0 {
				t.Errorf("no log to test: %v", err)
			}
			read("one removed, log not merged")
		}
	} else {
		t.Log("no python3: the log is not tested")
	}
}

func TestHeader(t *testing.T) {
	blob := makeHeader([]tagged{
		{tagName, typeString, 1, []byte("a\x00")}, {tagVersion, typeString, 1, []byte("1\x00")}, {tagRelease, typeString, 1, []byte("2\x00")},
		{tagEpoch, typeInt32, 1, []byte{0, 0, 0, 7}}, {tagOldFilenames, typeStringArray, 2, []byte("/usr/bin/a\x00/etc\x00")},
		{tagFileModes, typeInt16, 2, []byte{0x81, 0xed, 0x41, 0xed}},
	})
	got, err := ParseHeader(blob)
	if err != nil {
		t.Fatal(err)
	}
	want := Package{Name: "a", Version: "1", Release: "2", Epoch: 7, Files: []string{"usr/bin/a"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for i := range blob {
		if _, err := ParseHeader(blob[:i]); err == nil {
			t.Errorf("cut at %d of %d is taken for whole", i, len(blob))
		}
	}
}

// TestSigner: whose key signed a package, as the database has the keys. The
// packets are laid out as RFC 4880 and RFC 9580 say.
func TestSigner(t *testing.T) {
	v3 := append([]byte{0x89, 0x00, 0x13, 3, 5, 0}, append([]byte{1, 2, 3, 4}, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 1, 8, 0)...)
	v3 = v3[:3+15]
	v3[2] = 15
	v4 := []byte{0x88, 23, 4, 0, 1, 8, 0, 6, 5, 2, 1, 2, 3, 4, 0, 10, 9, 16, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0xab, 0xcd}
	v4[1] = byte(len(v4) - 2)
	print4 := append([]byte{0xc2, 0, 4, 0, 1, 8, 0, 23, 22, 33, 4}, make([]byte, 12)...)
	print4 = append(print4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0, 0)
	print4[1] = byte(len(print4) - 2)
	print6 := append([]byte{0xc2, 0, 6, 0, 1, 8, 0, 0, 0, 35, 34, 33, 6, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88}, make([]byte, 28)...)
	print6[1] = byte(len(print6) - 2)
	for name, packet := range map[string][]byte{"version 3": v3, "version 4": v4, "version 4, fingerprint": print4, "version 6": print6} {
		if got := issuer(packet); got != "1122334455667788" {
			t.Errorf("%s: %q", name, got)
		}
		for i := range packet {
			issuer(packet[:i])
		}
	}
	text := func(tag uint32, s string) tagged { return tagged{tag, typeString, 1, []byte(s + "\x00")} }
	rpm := func(name string, more ...tagged) []byte {
		return makeHeader(append([]tagged{text(tagName, name), text(tagVersion, "1")}, more...))
	}
	pubkey := func(version string, more ...tagged) []byte {
		return makeHeader(append([]tagged{text(tagName, "gpg-pubkey"), text(tagVersion, version), text(tagRelease, "5f")}, more...))
	}
	bin := func(tag uint32, packet []byte) tagged { return tagged{tag, typeBin, uint32(len(packet)), packet} }
	db, err := Write([][]byte{
		pubkey("55667788", text(tagPackager, "Acme <rpm@acme.example>")),
		pubkey("00000000", text(tagSummary, "gpg(Nobody <x@nobody.example>)")),
		rpm("a", bin(tagRSAHeader, v4)), rpm("b", bin(tagSigPGP, v3)), rpm("c"), rpm("d", bin(tagRSAHeader, []byte("garbage"))),
		rpm("e", tagged{tagOpenPGP, typeStringArray, 1, []byte(base64.StdEncoding.EncodeToString(print6) + "\x00")}),
		rpm("f", bin(tagDSAHeader, append(v4[:len(v4)-3:len(v4)-3], 0, 0, 0))),
	})
	if err != nil {
		t.Fatal(err)
	}
	packages, err := Read(bytes.NewReader(db), int64(len(db)), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, p := range packages {
		got += p.Name + ":" + p.Signer + " "
	}
	const acme = "Acme <rpm@acme.example> "
	if want := "a:" + acme + "b:" + acme + "c: d: e:" + acme + "f: "; got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
	for owner, tags := range map[string][]tagged{
		"Fedora (39) <f@fedoraproject.org>": {text(tagSummary, "gpg(Fedora (39) <f@fedoraproject.org>)")},
		"Fedora (39)":                       {text(tagSummary, "Fedora (39) public key")},
	} {
		if _, h, err := parse(pubkey("1", tags...)); err != nil || h.owner() != owner {
			t.Errorf("%q, want %q: %v", h.owner(), owner, err)
		}
	}
}

type tagged struct {
	tag, kind, count uint32
	data             []byte
}

func makeHeader(tags []tagged) []byte {
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

func TestNotADatabase(t *testing.T) {
	for _, s := range []string{"", "short", strings.Repeat("x", 1000)} {
		if _, err := Read(strings.NewReader(s), int64(len(s)), nil, 0); !errors.Is(err, ErrFormat) {
			t.Errorf("%.10q: %v", s, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	sqlite := make([]byte, 1024)
	copy(sqlite, "SQLite format 3\x00\x02\x00\x01\x01\x00\x40\x20\x20")
	sqlite[100] = sqliteLeaf
	f.Add(sqlite, []byte{})
	bdb := make([]byte, 1024)
	binary.LittleEndian.PutUint32(bdb[12:], bdbHashMagic)
	binary.LittleEndian.PutUint32(bdb[20:], 512)
	bdb[32] = 1
	bdb[512+25] = bdbHash
	f.Add(bdb, []byte{})
	ndb := make([]byte, 8192)
	copy(ndb, "RpmP")
	ndb[12] = 1
	f.Add(ndb, []byte{})
	costs.Fuzz(f, func(t *testing.T, data, log []byte) {
		Read(bytes.NewReader(data), int64(len(data)), bytes.NewReader(log), int64(len(log)))
	})
}

func FuzzSigner(f *testing.F) {
	f.Add([]byte{0x88, 23, 4, 0, 1, 8, 0, 6, 5, 2, 1, 2, 3, 4, 0, 10, 9, 16, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0xab, 0xcd})
	f.Add([]byte{0xc2, 14, 3, 5, 0, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7})
	costs.Fuzz(f, func(t *testing.T, packet []byte) {
		if id := issuer(packet); id != "" && len(id) != 16 {
			t.Errorf("%q", id)
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(makeHeader([]tagged{{tagName, typeString, 1, []byte("a\x00")}, {tagVersion, typeString, 1, []byte("1\x00")}, {tagBasenames, typeStringArray, 1, []byte("x\x00")}}))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		if p, err := ParseHeader(data); err == nil && (p.Name == "" || p.Version == "") {
			t.Error("package without a name or a version")
		}
		cut, err := Without(data, func(file string) bool { return len(file)%2 == 0 })
		if err == nil && len(cut) != len(data) {
			t.Errorf("%d bytes became %d", len(data), len(cut))
		}
		if db, err := Write([][]byte{data}); err == nil {
			if again := headersOf(t, db); len(again) != 1 || !bytes.Equal(again[0], data) {
				t.Error("what is written is not read")
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	data, err := os.ReadFile(shared(b, "fixtures", "rpm", "ndb-Packages.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(bytes.NewReader(data), int64(len(data)), nil, 0); err != nil {
			b.Fatal(err)
		}
	}
}
