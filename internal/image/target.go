package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Target is what a person wants opened.
type Target struct {
	// Kind is what the person wrote or what the path holds, KindArchive where its
	// content will tell; "" for a reference that is looked up in the local daemons
	// and then in its registry.
	Kind Kind
	Name string // the reference, or the path, "-" being standard input
	Pick string // which image of an archive or layout: its name, its digest, or its position from 0; "" for the only one
}

// schemes are the prefixes that say what a target is, and what follows each.
var schemes = []struct {
	name  Kind
	takes string
}{
	{KindDocker, "NAME[:TAG]"},
	{KindPodman, "NAME[:TAG]"},
	{KindRegistry, "NAME[:TAG]"},
	{KindDockerArchive, "FILE[#NAME]"},
	{KindOCIArchive, "FILE[#NAME]"},
	{KindOCIDir, "DIRECTORY[#NAME]"},
	{KindDir, "DIRECTORY"},
	{KindSBOM, "FILE"},
}

// ParseTarget understands what a person typed: "docker:", "podman:",
// "registry:", "docker-archive:", "oci-archive:", "oci-dir:", "dir:" or "sbom:"
// and what follows; "-"; a path, recognised by what it holds; or a reference.
// It looks at the file system for the last two. An error about a target that
// can be read in two ways says how to write each.
func ParseTarget(s string) (Target, error) {
	if s == "" {
		return Target{}, errors.New("no target: name an image, an archive or a directory")
	}
	if s == "-" {
		return Target{Kind: KindArchive, Name: "-"}, nil
	}
	if scheme, rest, ok := strings.Cut(s, ":"); ok {
		for _, known := range schemes {
			if Kind(scheme) == known.name {
				return schemeTarget(known.name, known.takes, rest)
			}
		}
	}
	if t, ok, err := pathTarget(s); ok || err != nil {
		return t, err
	}
	_, err := name.ParseReference(s)
	switch {
	case writtenAsPath(s):
		return Target{}, errors.New("no such file or directory")
	case namedAsArchive(s) && err == nil:
		return Target{}, fmt.Errorf("no such file; for the image of that name write registry:%s", s)
	case namedAsArchive(s):
		return Target{}, errors.New("no such file")
	case err != nil:
		return Target{}, fmt.Errorf("neither a file nor an image reference: %w", refError(err))
	}
	return Target{Name: s}, nil
}

func schemeTarget(kind Kind, takes, rest string) (Target, error) {
	if rest == "" {
		return Target{}, fmt.Errorf("nothing follows %s: write %[1]s:%s", kind, takes)
	}
	switch kind {
	case KindDocker, KindPodman, KindRegistry:
		if strings.HasPrefix(rest, "//") {
			return Target{}, fmt.Errorf("write registry:%s for the image in its registry, or docker:%[1]s for the one in the local daemon", strings.TrimPrefix(rest, "//"))
		}
		if _, err := name.ParseReference(rest); err != nil {
			return Target{}, fmt.Errorf("no image reference: %w", refError(err))
		}
		return Target{Kind: kind, Name: rest}, nil
	case KindDockerArchive, KindOCIArchive, KindOCIDir:
		path, pick := splitPick(rest)
		return Target{Kind: kind, Name: path, Pick: pick}, nil
	}
	return Target{Kind: kind, Name: rest}, nil
}

// splitPick separates "app.tar#app:1". A path that exists as it stands is one.
func splitPick(s string) (path, pick string) {
	if _, err := os.Lstat(s); err == nil {
		return s, ""
	}
	if i := strings.LastIndexByte(s, '#'); i > 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// pathTarget recognises a bare path by what it holds; false when there is none.
func pathTarget(s string) (Target, bool, error) {
	path, pick := splitPick(s)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || (err != nil && !looksLikePath(s)) {
		return Target{}, false, nil
	}
	if err != nil {
		return Target{}, false, pathError(err)
	}
	t := Target{Name: path, Pick: pick}
	what := "directory"
	switch {
	case info.IsDir():
		if isLayout(path) {
			t.Kind = KindOCIDir
			return t, true, nil
		}
		t.Kind = KindDir
	case info.Mode().IsRegular():
		t.Kind, err = fileKind(path)
		if err != nil {
			return Target{}, false, err
		}
		if t.Kind != "" {
			return t, true, nil
		}
		what = "file"
	default:
		return Target{}, false, fmt.Errorf("a %s, not an archive; for standard input write -", info.Mode().Type())
	}
	// What remains says nothing of itself: it must have been written as a path.
	_, refErr := name.ParseReference(s)
	if refErr == nil && !looksLikePath(s) {
		own := "dir:" + s
		if what == "file" {
			own = "./" + s
		}
		return Target{}, false, fmt.Errorf("both a %s here and an image reference: write %s for the %[1]s, registry:%[3]s or docker:%[3]s for the image", what, own, s)
	}
	if t.Kind == "" {
		return Target{}, false, errors.New("not an image archive: neither a tar, nor gzip, nor zstd, nor JSON")
	}
	if pick != "" {
		return Target{}, false, fmt.Errorf("%q is a directory without images to choose #%s from", path, pick)
	}
	return t, true, nil
}

// looksLikePath reports whether a path is meant rather than a reference.
func looksLikePath(s string) bool { return writtenAsPath(s) || namedAsArchive(s) }

// writtenAsPath reports whether nobody would write an image reference so.
func writtenAsPath(s string) bool {
	return filepath.IsAbs(s) || s == "." || s == ".." || strings.HasSuffix(s, "/") ||
		strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../") || strings.ContainsRune(s, '\\')
}

// namedAsArchive reports whether a name ends as those of archives and of bills of
// materials do.
func namedAsArchive(s string) bool {
	path, _, _ := strings.Cut(s, "#")
	for _, suffix := range []string{".tar", ".tar.gz", ".tgz", ".tar.zst", ".json", ".xml", ".spdx"} {
		if strings.HasSuffix(path, suffix) {
			return true
		}
	}
	return false
}

// isLayout reports whether a directory is an OCI image layout (OCI image-spec
// v1.1, image-layout.md: both files are required).
func isLayout(dir string) bool {
	for _, file := range []string{"oci-layout", "index.json"} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// fileKind tells an archive from an SBOM by the first bytes; "" for neither.
func fileKind(path string) (Kind, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", pathError(err)
	}
	defer f.Close()
	head := make([]byte, tarBlock)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", pathError(err)
	}
	head = head[:n]
	switch {
	case compressionOf(head) != "", isTar(head):
		return KindArchive, nil
	case LooksLikeSBOM(head):
		return KindSBOM, nil
	}
	return "", nil
}

// LooksLikeSBOM reports whether a file may be an SBOM, by its first bytes: JSON,
// XML, or SPDX's tag-value form.
func LooksLikeSBOM(head []byte) bool {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} { // UTF-16: no archive begins so
		if bytes.HasPrefix(head, []byte(mark)) {
			return true
		}
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	for _, begin := range []string{"{", "<?xml", "<bom", "<rdf:RDF", "spdxVersion:", "bomFormat:"} {
		if bytes.HasPrefix(text, []byte(begin)) {
			return true
		}
	}
	return bytes.Contains(text, []byte("SPDXVersion:"))
}

// pathError drops the path that a file error repeats after the target.
func pathError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// refError keeps the library's reason and drops its sentence around it.
func refError(err error) error {
	var bad *name.ErrBadName
	if errors.As(err, &bad) {
		return errors.New(strings.TrimPrefix(bad.Error(), "could not parse reference: "))
	}
	return err
}
