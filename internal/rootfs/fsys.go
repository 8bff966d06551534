package rootfs

import (
	"io"
	"io/fs"
	"time"
)

// maxReadFile bounds Tree.ReadFile: what is larger is read through Open.
const maxReadFile = 64 << 20

var (
	_ fs.FS         = (*Tree)(nil)
	_ fs.ReadDirFS  = (*Tree)(nil)
	_ fs.StatFS     = (*Tree)(nil)
	_ fs.ReadFileFS = (*Tree)(nil)
	_ fs.ReadLinkFS = (*Tree)(nil)
)

// valid reports whether io/fs allows the name, apart from UTF-8, which Linux
// does not ask for.
func valid(name string) bool {
	return name == "." || name != "" && isClean(name)
}

// at returns the node of a name as io/fs writes it.
func (t *Tree) at(op, name string, follow bool) (int, error) {
	if !valid(name) {
		return 0, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return 0, nil
	}
	path, err := t.resolve(op, name, follow)
	if err != nil {
		return 0, err
	}
	i, ok := t.find(path)
	if !ok {
		return 0, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return i, nil
}

// Open opens a file or directory, following links inside the tree. Files
// implement io.ReaderAt and io.Seeker; a file's body is fetched when it is
// first read.
func (t *Tree) Open(name string) (fs.File, error) {
	i, err := t.at("open", name, true)
	if err != nil {
		return nil, err
	}
	if e := t.entry(i); e.Mode.IsDir() {
		return &openDir{tree: t, name: name, node: i, next: i + 1}, nil
	}
	return &openFile{tree: t, name: name, node: i}, nil
}

// Stat describes a file, following links.
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	i, err := t.at("stat", name, true)
	if err != nil {
		return nil, err
	}
	return info{t.entry(i), baseOf(name)}, nil
}

// Lstat describes a file or the link itself.
func (t *Tree) Lstat(name string) (fs.FileInfo, error) {
	i, err := t.at("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return info{t.entry(i), baseOf(name)}, nil
}

// ReadLink returns the target of a symbolic link, as written.
func (t *Tree) ReadLink(name string) (string, error) {
	i, err := t.at("readlink", name, false)
	if err != nil {
		return "", err
	}
	e := t.entry(i)
	if e.Mode&fs.ModeSymlink == 0 {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return e.Linkname, nil
}

// ReadDir lists a directory by name.
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	i, err := t.at("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if !t.entry(i).Mode.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errNotDir}
	}
	list := []fs.DirEntry{}
	for next := i + 1; next < int(t.nodes[i].end); next = int(t.nodes[next].end) {
		list = append(list, t.dirEntry(next))
	}
	return list, nil
}

func (t *Tree) dirEntry(i int) fs.DirEntry {
	e := t.entry(i)
	return fs.FileInfoToDirEntry(info{e, baseOf(e.Path)})
}

// ReadFile returns the content of a regular file of at most 64 MiB. It is read
// again from its layer, which for a compressed layer means decompressing all
// before it: what every scan needs is a visitor's fact.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	i, err := t.at("open", name, true)
	if err != nil {
		return nil, err
	}
	fail := func(err error) ([]byte, error) { return nil, &fs.PathError{Op: "read", Path: name, Err: err} }
	e := t.entry(i)
	if e.Mode.IsDir() {
		return fail(errIsDir)
	}
	if e.Size > maxReadFile {
		return fail(largerThan(e.Size, maxReadFile))
	}
	body, err := t.body(i)
	if err != nil {
		return fail(err)
	}
	defer body.Close()
	data := make([]byte, e.Size)
	if _, err := io.ReadFull(io.NewSectionReader(body, 0, e.Size), data); err != nil {
		return fail(err)
	}
	return data, nil
}

// info is a fs.FileInfo whose Sys is the *Entry.
type info struct {
	entry *Entry
	name  string
}

func (i info) Name() string {
	if i.name == "" {
		return "."
	}
	return i.name
}
func (i info) Size() int64        { return i.entry.Size }
func (i info) Mode() fs.FileMode  { return i.entry.Mode }
func (i info) ModTime() time.Time { return i.entry.ModTime }
func (i info) IsDir() bool        { return i.entry.Mode.IsDir() }
func (i info) Sys() any           { return i.entry }

// openFile is an open regular file.
type openFile struct {
	tree *Tree
	name string
	node int
	body readerAtCloser
	pos  int64
}

type readerAtCloser interface {
	io.ReaderAt
	io.Closer
}

func (f *openFile) Stat() (fs.FileInfo, error) {
	return info{f.tree.entry(f.node), baseOf(f.name)}, nil
}

func (f *openFile) size() int64 { return f.tree.entry(f.node).Size }

func (f *openFile) ReadAt(p []byte, off int64) (int, error) {
	if f.body == nil {
		body, err := f.tree.body(f.node)
		if err != nil {
			return 0, &fs.PathError{Op: "read", Path: f.name, Err: err}
		}
		f.body = body
	}
	return io.NewSectionReader(f.body, 0, f.size()).ReadAt(p, off)
}

func (f *openFile) Read(p []byte) (int, error) {
	if f.pos >= f.size() {
		return 0, io.EOF
	}
	n, err := f.ReadAt(p, f.pos)
	f.pos += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

func (f *openFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.pos
	case io.SeekEnd:
		offset += f.size()
	}
	if offset < 0 || whence < 0 || whence > 2 {
		return f.pos, &fs.PathError{Op: "seek", Path: f.name, Err: fs.ErrInvalid}
	}
	f.pos = offset
	return offset, nil
}

func (f *openFile) Close() error {
	if f.body == nil {
		return nil
	}
	body := f.body
	f.body = nil
	return body.Close()
}

// openDir is an open directory.
type openDir struct {
	tree *Tree
	name string
	node int
	next int
}

func (d *openDir) Stat() (fs.FileInfo, error) {
	return info{d.tree.entry(d.node), baseOf(d.name)}, nil
}

func (d *openDir) Close() error { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errIsDir}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	list := []fs.DirEntry{}
	end := int(d.tree.nodes[d.node].end)
	for d.next < end && (n <= 0 || len(list) < n) {
		list = append(list, d.tree.dirEntry(d.next))
		d.next = int(d.tree.nodes[d.next].end)
	}
	if n > 0 && len(list) == 0 {
		return list, io.EOF
	}
	return list, nil
}
