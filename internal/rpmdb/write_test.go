package rpmdb

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// headersOf returns the headers of a database file of one piece.
func headersOf(t testing.TB, data []byte) [][]byte {
	t.Helper()
	all, err := Headers(bytes.NewReader(data), int64(len(data)), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]byte
	for blob, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, slices.Clone(blob))
	}
	return list
}

// asks runs rpm over a database at its usual place below root.
func asks(t *testing.T, root string, args ...string) string {
	t.Helper()
	out, err := exec.Command("rpm", append([]string{"--root", root, "--dbpath", "/var/lib/rpm"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("rpm %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// written puts a database where rpm looks for it, and returns the root.
func written(t *testing.T, headers [][]byte) string {
	t.Helper()
	data, err := Write(headers)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	file := filepath.Join(root, "var/lib/rpm/rpmdb.sqlite")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if python, err := exec.LookPath("python3"); err == nil {
		out, err := exec.Command(python, "-c", "import sqlite3,sys\nfor r in sqlite3.connect(sys.argv[1]).execute('pragma integrity_check'): print(r[0])", file).CombinedOutput()
		if err == nil && strings.TrimSpace(string(out)) != "ok" {
			t.Errorf("SQLite's integrity check: %s", out)
		}
	}
	return root
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, name := range []string{"bdb-Packages", "bdb-Packages_epoch", "ndb-Packages.db"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(shared(t, "fixtures", "rpm", name))
			if err != nil {
				t.Fatal(err)
			}
			headers := headersOf(t, data)
			root := written(t, headers)
			again, err := os.ReadFile(filepath.Join(root, "var/lib/rpm/rpmdb.sqlite"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(headers, headersOf(t, again)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, err := exec.LookPath("rpm"); err != nil {
				t.Skip("no rpm here to read it")
			}
			want, err := Read(bytes.NewReader(data), int64(len(data)), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			var wanted []string
			for _, p := range want {
				wanted = append(wanted, p.Name+" "+p.EVR())
			}
			slices.Sort(wanted)
			listed := strings.Split(strings.TrimSpace(asks(t, root, "-qa", "--qf", `%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n`)), "\n")
			listed = slices.DeleteFunc(listed, func(line string) bool { return strings.HasPrefix(line, "gpg-pubkey ") })
			slices.Sort(listed)
			for i := range listed {
				listed[i] = strings.Replace(listed[i], " 0:", " ", 1)
			}
			if diff := cmp.Diff(wanted, listed); diff != "" {
				t.Errorf("what rpm -qa lists (-want +got):\n%s", diff)
			}
			p := want[len(want)/2]
			if got := asks(t, root, "-q", "--qf", `%{NAME}\n`, p.Name); !strings.Contains(got, p.Name) {
				t.Errorf("rpm -q %s: %s", p.Name, got)
			}
			for _, p := range want {
				if len(p.Files) > 0 {
					if got := asks(t, root, "-q", "--qf", `%{NAME}\n`, "--whatprovides", "/"+p.Files[0]); !strings.Contains(got, p.Name) {
						t.Errorf("rpm -q --whatprovides /%s: %q, want %s", p.Files[0], got, p.Name)
					}
					break
				}
			}
		})
	}
}

func TestWriteIsWholeAtEverySize(t *testing.T) {
	// One header of each size around those at which SQLite begins overflow pages,
	// and enough of them that the table gets three levels.
	sized := func(pad int) []byte {
		return makeHeader([]tagged{{tagName, typeString, 1, []byte("a\x00")}, {tagVersion, typeString, 1, []byte("1\x00")},
			{tagVendor, typeString, 1, append(bytes.Repeat([]byte("x"), pad), 0)}})
	}
	var headers [][]byte
	for i := range 600 {
		headers = append(headers, sized(i*17))
	}
	for range 15_000 {
		headers = append(headers, sized(0))
	}
	data, err := Write(headers)
	if err != nil {
		t.Fatal(err)
	}
	again := headersOf(t, data)
	if len(again) != len(headers) {
		t.Fatalf("%d headers, want %d", len(again), len(headers))
	}
	for i := range headers {
		if !bytes.Equal(headers[i], again[i]) {
			t.Fatalf("header %d is another", i)
		}
	}
	if empty, err := Write(nil); err != nil || len(headersOf(t, empty)) != 0 {
		t.Errorf("no headers: %v", err)
	}
	if _, err := Write([][]byte{{1, 2, 3}}); err == nil {
		t.Error("a header of three bytes is taken")
	}
	written(t, headers[:700])
}

// cut writes two of three packages that rpm installed, one of them without most
// of its files, and has rpm say what it makes of that.
func cut(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var left [][]byte
	for _, blob := range headersOf(t, data) {
		p, err := ParseHeader(blob)
		if err != nil {
			t.Fatal(err)
		}
		if p.Name == "pkg3" {
			if blob, err = Without(blob, func(file string) bool { return !strings.HasSuffix(file, "7") }); err != nil {
				t.Fatal(err)
			}
		}
		if p.Name != "pkg1" {
			left = append(left, blob)
		}
	}
	root := written(t, left)
	query := []string{"-q", "--qf", `%{NEVRA} %{SHA256HEADER}\n`, "pkg2", "pkg3"}
	before := strings.TrimSuffix(file, "/var/lib/rpm/rpmdb.sqlite")
	if got, want := asks(t, root, query...), asks(t, before, query...); got != want {
		t.Errorf("rpm lists %q, want %q", got, want)
	}
	for line := range strings.Lines(asks(t, root, "-qs", "pkg3")) {
		if left := strings.HasPrefix(line, "normal"); left == strings.HasSuffix(line, "7\n") {
			t.Errorf("rpm -qs: %q", line)
		}
	}
	if got := asks(t, root, "-q", "--whatprovides", "/opt/p2/a-file-with-a-long-name-40"); !strings.HasPrefix(got, "pkg2-") {
		t.Errorf("a file's package: %q", got)
	}
	asks(t, root, "-e", "--justdb", "pkg2")
	if got := asks(t, root, "-qa", "--qf", `%{NAME} `); got != "pkg3 " {
		t.Errorf("after -e: %q", got)
	}
}
