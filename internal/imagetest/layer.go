// Package imagetest builds images for tests: layers from a short list of
// files, images from layers, and each of the forms that an image is met in.
//
//	img := imagetest.Image{Layers: []imagetest.Layer{
//		{Entries: []imagetest.Entry{
//			imagetest.File("etc/os-release", "ID=debian\n"),
//			imagetest.Exec("bin/sh", "\x7fELF"),
//			imagetest.Symlink("bin/ash", "sh"),
//		}},
//		{Entries: []imagetest.Entry{imagetest.Whiteout("bin/ash")}, Compression: imagetest.Zstd},
//	}}
//	opened := imagetest.Memory(t, img)           // *image.Image, without any source
//	path := imagetest.Archive(t, img)            // what docker save writes
//	dir := imagetest.Layout(t, img, arm64)       // an OCI layout with two platforms
//	host := imagetest.Registry(t)                // "127.0.0.1:port"
//	err := imagetest.Push(host+"/app:1", img)
//
// The same description gives the same bytes, and so the same digests, every
// time. Nothing is checked: a test may describe an image that is damaged.
package imagetest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Epoch is the modification time of whatever names none, and the creation time
// of every image.
var Epoch = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// Entry is one entry of a layer. The zero values of all fields but Path are
// right for a plain file owned by root.
type Entry struct {
	Path     string      // as written into the tar: "etc/passwd", but "../x" or "/x" too
	Content  string      // of a regular file
	Mode     fs.FileMode // permissions, fs.ModeSetuid …; 0 means 0644, and 0755 for directories
	Type     byte        // a tar type flag; 0 means tar.TypeReg
	Link     string      // target of a symbolic or hard link
	UID, GID int
	ModTime  time.Time         // zero means Epoch
	Xattrs   map[string]string // extended attributes, "security.capability": …
}

// File is a regular file that everybody may read.
func File(name, content string) Entry { return Entry{Path: name, Content: content} }

// Exec is a regular file that everybody may run.
func Exec(name, content string) Entry { return Entry{Path: name, Content: content, Mode: 0o755} }

// Dir is a directory.
func Dir(name string) Entry { return Entry{Path: name, Type: tar.TypeDir} }

// Symlink is a symbolic link at name to target, which is written as it is.
func Symlink(name, target string) Entry {
	return Entry{Path: name, Type: tar.TypeSymlink, Link: target, Mode: 0o777}
}

// Hardlink is a second name for the file at target, a path from the root.
func Hardlink(name, target string) Entry {
	return Entry{Path: name, Type: tar.TypeLink, Link: target}
}

// Whiteout removes name as it is in lower layers.
func Whiteout(name string) Entry {
	dir, base := path.Split(name)
	return Entry{Path: dir + ".wh." + base}
}

// Opaque hides what lower layers have in dir.
func Opaque(dir string) Entry { return Entry{Path: path.Join(dir, ".wh..wh..opq")} }

// Compression of a layer as it is stored.
type Compression int

// Gzip is the zero value because most layers are so.
const (
	Gzip Compression = iota
	Zstd
	None
)

// Layer describes one layer. Its tar comes from Tar, else from TarFile, else
// from Entries.
type Layer struct {
	Entries []Entry
	Tar     []byte // the tar itself, perhaps a broken one
	TarFile string // a file with the tar, for layers that do not belong in memory (see WriteTree)

	Compression Compression
	Instruction string   // in the history; "" means "COPY layer<n> /"
	MediaType   string   // "" means what Compression and Image.Docker ask for
	URLs        []string // of a foreign layer
	Missing     bool     // leave the blob out where the image is written
}

// WriteTar writes entries as a tar.
func WriteTar(w io.Writer, entries []Entry) error {
	tw := tar.NewWriter(w)
	for _, e := range entries {
		h := &tar.Header{
			Typeflag: e.Type,
			Name:     e.Path,
			Linkname: e.Link,
			Mode:     tarMode(e),
			Uid:      e.UID,
			Gid:      e.GID,
			ModTime:  e.ModTime,
		}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
			h.Size = int64(len(e.Content))
		}
		if h.ModTime.IsZero() {
			h.ModTime = Epoch
		}
		for name, value := range e.Xattrs {
			if h.PAXRecords == nil {
				h.PAXRecords = map[string]string{}
			}
			h.PAXRecords["SCHILY.xattr."+name] = value
		}
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
		if h.Size > 0 {
			if _, err := io.WriteString(tw, e.Content); err != nil {
				return fmt.Errorf("%s: %w", e.Path, err)
			}
		}
	}
	return tw.Close()
}

func tarMode(e Entry) int64 {
	perm := int64(e.Mode.Perm())
	if perm == 0 {
		perm = 0o644
		if e.Type == tar.TypeDir {
			perm = 0o755
		}
	}
	for bit, flag := range map[fs.FileMode]int64{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if e.Mode&bit != 0 {
			perm |= flag
		}
	}
	return perm
}

// tar opens the layer's uncompressed tar.
func (l Layer) tar() (io.ReadCloser, error) {
	switch {
	case l.Tar != nil:
		return io.NopCloser(bytes.NewReader(l.Tar)), nil
	case l.TarFile != "":
		return os.Open(l.TarFile)
	}
	var b bytes.Buffer
	if err := WriteTar(&b, l.Entries); err != nil {
		return nil, err
	}
	return io.NopCloser(&b), nil
}

// compressor keeps its encoders between layers: to make one costs more than
// to compress a small layer.
type compressor struct {
	gzip *gzip.Writer
	zstd *zstd.Encoder
}

// compress copies r to w in the given compression.
func (c *compressor) compress(w io.Writer, r io.Reader, as Compression) error {
	var out io.WriteCloser
	switch as {
	case None:
		_, err := io.Copy(w, r)
		return err
	case Zstd:
		if c.zstd == nil {
			var err error
			if c.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)); err != nil {
				return err
			}
		}
		c.zstd.Reset(w)
		out = c.zstd
	default:
		if c.gzip == nil {
			c.gzip = gzip.NewWriter(nil)
		}
		c.gzip.Reset(w)
		out = c.gzip
	}
	if _, err := io.Copy(out, r); err != nil {
		return err
	}
	return out.Close()
}
