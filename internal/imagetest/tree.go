package imagetest

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// TreeLayer packs the directory tree at dir, such as a root file system made by
// debootstrap, into the file tarFile and returns the layer that it is.
func TreeLayer(dir, tarFile string) (Layer, error) {
	f, err := os.Create(tarFile)
	if err != nil {
		return Layer{}, err
	}
	if err := WriteTree(f, dir); err != nil {
		f.Close()
		return Layer{}, err
	}
	return Layer{TarFile: tarFile}, f.Close()
}

// WriteTree writes the directory tree at dir as a tar: in lexical order, with
// owners, modes, hard links, devices, capabilities and whole-second times as
// they are on disk, without sockets and without the names of the owners (which
// would be this machine's).
func WriteTree(w io.Writer, dir string) error {
	tw := tar.NewWriter(w)
	links := map[fileID]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil || rel == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSocket != 0 {
			return nil
		}
		target := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if target, err = os.Readlink(p); err != nil {
				return err
			}
		}
		h, err := tar.FileInfoHeader(info, target)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		h.Name = filepath.ToSlash(rel)
		if info.IsDir() {
			h.Name += "/"
		}
		h.Uname, h.Gname = "", ""
		h.ModTime = info.ModTime().Truncate(time.Second)
		h.AccessTime, h.ChangeTime = time.Time{}, time.Time{}
		if caps := capability(p, info); caps != "" {
			h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": caps}
		}
		if id, shared := identity(info); shared && info.Mode().IsRegular() {
			if before, ok := links[id]; ok {
				h.Typeflag, h.Linkname, h.Size = tar.TypeLink, before, 0
			} else {
				links[id] = h.Name
			}
		}
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if h.Typeflag != tar.TypeReg {
			return nil
		}
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := io.Copy(tw, f); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return tw.Close()
}

// fileID tells files apart where two names may be one file.
type fileID struct{ device, inode uint64 }
