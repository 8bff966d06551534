// Package golden is for tests only: it compares what they make with files of the
// repository, the golden files and the pages of docs that are made of tables. One
// flag, -update, writes them all: make update.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the golden files and the generated pages")

// Update reports whether files are to be written.
func Update() bool { return *update }

// File compares a file with what it should hold.
func File[T ~string | ~[]byte](t testing.TB, file string, made T) {
	t.Helper()
	got := string(made)
	if *update {
		write(t, file, got)
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (-update writes it)", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got; -update writes it):\n%s", file, diff)
	}
}

// Section compares what stands between two marks of a file.
func Section(t testing.TB, file, begin, end, got string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), begin)
	_, tail, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("%s has no place between %q and %q", file, begin, end)
	}
	File(t, file, head+begin+got+end+tail)
}

// Archive compares one file of an archive, which has been read from a file.
func Archive(t testing.TB, file string, a *txtar.Archive, name, got string) {
	t.Helper()
	for i := range a.Files {
		if a.Files[i].Name != name {
			continue
		}
		if want := string(a.Files[i].Data); want != got && *update {
			a.Files[i].Data = []byte(got)
			write(t, file, string(txtar.Format(a)))
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s of %s (-want +got; -update writes it):\n%s", name, file, diff)
		}
		return
	}
	t.Fatalf("%s has no %s", file, name)
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
