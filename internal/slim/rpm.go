package slim

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/rpmdb"
)

const maxRpmDatabase = 1 << 30 // bytes

// reduceRpm writes rpm's database where the source has its own, with the headers
// of what stays. The form is SQLite's, which every scanner reads and rpm itself
// takes whatever form it is set to. Where the source has a list instead (Azure
// Linux's distroless images), its lines are cut.
func (o *databases) reduceRpm(d *decision, stays []int) {
	keep := map[string]map[string]bool{} // database → packages
	for _, i := range stays {
		p := &d.src.Packages[i]
		for _, l := range p.Locations {
			if keep[l.Path] == nil {
				keep[l.Path] = map[string]bool{}
			}
			keep[l.Path][p.Name+" "+p.Version+" "+p.Arch] = true
		}
	}
	for _, file := range slices.Sorted(maps.Keys(keep)) {
		made := newFile{file, nil}
		var err error
		if strings.HasPrefix(file, rpmManifests) {
			made.data = reduceRpmManifest(d.read(file), keep[file])
		} else {
			made.path = path.Join(path.Dir(file), "rpmdb.sqlite")
			made.data, err = d.reduceRpmDatabase(file, keep[file])
		}
		if err != nil {
			o.Notes = append(o.Notes, fmt.Sprintf("%s: %v", file, err))
		}
		o.added = append(o.added, made)
	}
}

// reduceRpmDatabase returns a database of the packages of another that stay; an
// error says what could not be read of it.
func (d *decision) reduceRpmDatabase(file string, keep map[string]bool) ([]byte, error) {
	data, err := d.readAt(file)
	if err != nil {
		return nil, err
	}
	var log []byte
	if _, there := d.src.Tree.Lookup(file + "-wal"); there {
		if log, err = d.readAt(file + "-wal"); err != nil {
			return nil, err
		}
	}
	all, err := rpmdb.Headers(bytes.NewReader(data), int64(len(data)), bytes.NewReader(log), int64(len(log)))
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{}
	var left [][]byte
	var damaged error
	for header, err := range all {
		var p rpmdb.Package
		if err == nil {
			p, err = rpmdb.ParseHeader(header)
		}
		if err == nil && keep[p.Name+" "+p.EVR()+" "+p.Arch] {
			header, err = rpmdb.Without(header, func(file string) bool { return d.staysAs(file, dirs) })
			left = append(left, header)
		}
		if err != nil {
			damaged = err
		}
	}
	made, err := rpmdb.Write(left)
	if err != nil {
		return nil, err
	}
	return made, damaged
}

func (d *decision) readAt(file string) ([]byte, error) {
	f, err := d.src.Tree.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRpmDatabase+1))
	if err == nil && len(data) > maxRpmDatabase {
		err = fmt.Errorf("larger than %d bytes", maxRpmDatabase)
	}
	return data, err
}

// reduceRpmManifest keeps the lines of what stays: tabs stand between a package's
// name, its version, two times, the vendor, the epoch, the size, the architecture
// and the epoch as a number.
func reduceRpmManifest(list []byte, keep map[string]bool) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(list) {
		f := strings.Split(string(line), "\t")
		if len(f) < 9 {
			continue
		}
		version := f[1]
		if f[8] != "0" {
			version = f[8] + ":" + version
		}
		if keep[f[0]+" "+version+" "+f[7]] {
			out.Write(line)
		}
	}
	return out.Bytes()
}
