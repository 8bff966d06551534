package reach

import (
	"bytes"
	"path"
	"strings"

	"github.com/careen/careen/internal/exe"
	"github.com/careen/careen/internal/reach/binary"
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
func Visitors(languages []Language) []rootfs.Visitor {
	visitors := []rootfs.Visitor{
		{Name: elfVisitor, Version: 6, Want: isELF, Visit: readELF()},
		{Name: textVisitor, Version: 2, Want: isText, Visit: keepText},
		{Name: literalVisitor, Version: 3, Want: isLiteralSource, Visit: visitLiterals},
	}
	for _, l := range languages {
		visitors = append(visitors, l.Visitors...)
	}
	return visitors
}

func readELF() func(*rootfs.Header, rootfs.Body) ([]byte, error) {
	read := binary.Reader(ruledImports())
	return func(h *rootfs.Header, body rootfs.Body) ([]byte, error) { return read(h.Path, h.Size, body) }
}

func isELF(_ *rootfs.Header, head []byte) bool { return exe.Identify(head) == exe.ELF }

// MaxText bounds the scripts and configuration files that are kept. Their
// number is in the hundreds; most have a few kilobytes.
const MaxText = 256 << 10

// isText wants scripts by their first line, archives behind it or not, and what
// is in /etc or named like configuration.
func isText(h *rootfs.Header, head []byte) bool {
	if h.Size == 0 || h.Size > MaxText {
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
	data, err := body.Bytes(MaxText)
	return bytes.Clone(data), err
}
