package reach

import (
	"bytes"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/careen/careen/internal/exe"
	"github.com/careen/careen/internal/rootfs"
)

// Names of the visitors that every walk needs.
const (
	elfVisitor  = "reach-elf"
	textVisitor = "reach-text"
)

// Visitors returns what has to look at each layer's files for Compute: the
// dynamic sections and the telling strings of ELF files, the text of scripts and
// configuration files, and what the language readers ask for.
func Visitors() []rootfs.Visitor {
	visitors := []rootfs.Visitor{
		{Name: elfVisitor, Version: 2, Want: isELF, Visit: elfReader()},
		{Name: textVisitor, Version: 2, Want: isText, Visit: keepText},
	}
	for _, l := range languages() {
		if l.visitors != nil {
			visitors = append(visitors, l.visitors()...)
		}
	}
	return visitors
}

func isELF(_ *rootfs.Header, head []byte) bool { return exe.Identify(head) == exe.ELF }

// maxText bounds the scripts and configuration files that are kept. Their
// number is in the hundreds; most have a few kilobytes.
const maxText = 256 << 10

// isText wants scripts by their first line, archives behind it or not, and what
// is in /etc or named like configuration.
func isText(h *rootfs.Header, head []byte) bool {
	if h.Size == 0 || h.Size > maxText {
		return false
	}
	return bytes.HasPrefix(head, []byte("#!")) || isConfiguration(h.Path) && bytes.IndexByte(head, 0) < 0
}

// isConfiguration reports whether a file is one that names other files.
func isConfiguration(file string) bool {
	if strings.HasPrefix(file, "etc/") || strings.HasPrefix(file, "usr/local/etc/") {
		return !strings.HasPrefix(file, "etc/ssl/certs/")
	}
	switch path.Ext(file) {
	case ".conf", ".cnf", ".ini", ".cfg", ".sh", ".envsh", ".env":
		return !IsDocumentation(file)
	}
	return false
}

func keepText(_ *rootfs.Header, body rootfs.Body) ([]byte, error) {
	data, err := body.Bytes(maxText)
	return bytes.Clone(data), err
}

// fact returns what a visitor found in a file.
func (w *walk) fact(visitor, file string) ([]byte, bool) {
	byPath, loaded := w.facts[visitor]
	if !loaded {
		byPath = map[string][]byte{}
		for f := range w.tree.Facts(visitor) {
			byPath[f.Path] = f.Data
		}
		w.facts[visitor] = byPath
	}
	data, ok := byPath[file]
	return data, ok
}

// read returns the content of a regular file of at most max bytes, links
// followed: from the facts where they have it, else from the layer, which is
// slow for a compressed one.
func (w *walk) read(name string, max int64) ([]byte, error) {
	e, ok := w.lookup(name)
	if !ok {
		return nil, errors.New("no such file")
	}
	if !e.Mode.IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if e.Size > max {
		return nil, errors.New("too large to be read")
	}
	if data, ok := w.fact(textVisitor, e.Path); ok {
		return data, nil
	}
	return w.tree.ReadFile(e.Path)
}

// head returns the first line's worth of a script: the kernel reads no more of
// it than 256 bytes (BINPRM_BUF_SIZE). What no visitor kept is no script, for
// isText wants every one that is not too large.
func (w *walk) head(name string) ([]byte, error) {
	const most = 256
	e, ok := w.lookup(name)
	if !ok || !e.Mode.IsRegular() {
		return nil, errors.New("no such file")
	}
	if data, ok := w.fact(textVisitor, e.Path); ok {
		return data[:min(len(data), most)], nil
	}
	if _, ok := w.fact(elfVisitor, e.Path); ok || e.Size <= maxText || e.Mode&0o111 == 0 {
		return nil, nil
	}
	f, err := w.tree.Open(e.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, most)
	n, err := io.ReadFull(f, head)
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		err = nil
	}
	return head[:n], err
}
