// Command floor is the yardstick of careen's speed, not a part of it: it does
// what every scanner of an image must do at least, and nothing else. It reads
// each layer of an OCI layout directory or a docker-archive, hashes the stored
// bytes and the tar, decompresses, and walks the tar's headers, with the same
// overlap of stages within a layer and of layers as careen has, but straight
// with klauspost's codecs and archive/tar.
//
//	floor [-jobs N] IMAGE
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func main() {
	jobs := flag.Int("jobs", runtime.GOMAXPROCS(0), "layers at once")
	flag.Parse()
	if flag.NArg() != 1 {
		panic("usage: floor [-jobs N] IMAGE")
	}
	start := time.Now()
	total, err := walkImage(flag.Arg(0), *jobs)
	if err != nil {
		panic(err)
	}
	fmt.Printf("layers %d, entries %d, stored %d bytes, expanded %d bytes\n", total.layers, total.entries, total.stored, total.expanded)
	fmt.Printf("wall %.3f s, peak RSS %s\n", time.Since(start).Seconds(), peakRSS())
}

// layer is one layer as stored.
type layer struct {
	digest string // of the stored bytes, "" where the archive does not say
	diffID string
	open   func() (io.ReadCloser, error)
}

type totals struct {
	layers, entries  int
	stored, expanded int64
}

func walkImage(image string, jobs int) (totals, error) {
	layers, err := layersOf(image)
	if err != nil {
		return totals{}, err
	}
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		sum   = totals{layers: len(layers)}
		fault error
		slots = make(chan struct{}, max(jobs, 1))
	)
	for _, l := range layers {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			t, err := walkLayer(l)
			mu.Lock()
			defer mu.Unlock()
			sum.entries += t.entries
			sum.stored += t.stored
			sum.expanded += t.expanded
			fault = errors.Join(fault, err)
		})
	}
	wg.Wait()
	return sum, fault
}

const (
	chunkSize = 256 << 10
	depth     = 4
)

// pipe carries chunks from one goroutine to the next. Chunks that were used go
// back for use again.
type pipe struct {
	full, free chan []byte
	err        error
	cur, rest  []byte
}

func newPipe() *pipe {
	return &pipe{full: make(chan []byte, depth), free: make(chan []byte, depth+2)}
}

// fill reads r to its end into the pipe, hashing in a goroutine of its own.
func (p *pipe) fill(r io.Reader, h hash.Hash) int64 {
	hashed := make(chan []byte, depth)
	back := make(chan []byte, depth+2) // through the hash
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := range hashed {
			h.Write(b)
			back <- b
		}
		close(back)
	}()
	var n int64
	forward := make(chan struct{})
	go func() {
		defer close(forward)
		for b := range back {
			p.full <- b
		}
		close(p.full)
	}()
	for {
		var b []byte
		select {
		case b = <-p.free:
		default:
			b = make([]byte, chunkSize)
		}
		b = b[:chunkSize]
		m, err := io.ReadFull(r, b)
		n += int64(m)
		if m > 0 {
			hashed <- b[:m]
		}
		if err != nil {
			if err != io.EOF && err != io.ErrUnexpectedEOF {
				p.err = err
			}
			break
		}
	}
	close(hashed)
	<-done
	<-forward
	return n
}

func (p *pipe) next() error {
	if p.cur != nil {
		select {
		case p.free <- p.cur:
		default:
		}
		p.cur = nil
	}
	b, ok := <-p.full
	if !ok {
		if p.err != nil {
			return p.err
		}
		return io.EOF
	}
	p.cur, p.rest = b, b
	return nil
}

func (p *pipe) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		if err := p.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// Seek skips forward without copying, for archive/tar.
func (p *pipe) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || offset < 0 {
		return 0, errors.New("only forward")
	}
	left := offset
	for left > 0 {
		if len(p.rest) == 0 {
			if err := p.next(); err != nil {
				break
			}
		}
		n := min(left, int64(len(p.rest)))
		p.rest = p.rest[n:]
		left -= n
	}
	return offset - left, nil
}

func walkLayer(l layer) (totals, error) {
	stored, err := l.open()
	if err != nil {
		return totals{}, err
	}
	defer stored.Close()
	head := make([]byte, 4)
	n, _ := io.ReadFull(stored, head)
	src := io.MultiReader(bytes.NewReader(head[:n]), stored)

	var t totals
	var wg sync.WaitGroup
	first, digest, diffID := newPipe(), sha256.New(), sha256.New()
	wg.Go(func() { t.stored = first.fill(src, digest) })
	in := first
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		in = newPipe()
		z, err := gzip.NewReader(bufio.NewReaderSize(first, 32<<10))
		if err != nil {
			return t, err
		}
		wg.Go(func() { t.expanded = in.fill(z, diffID) })
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		in = newPipe()
		z, err := zstd.NewReader(first, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return t, err
		}
		wg.Go(func() { t.expanded = in.fill(z, diffID) })
	}
	tr := tar.NewReader(in)
	for {
		if _, err = tr.Next(); err != nil {
			break
		}
		t.entries++
	}
	io.Copy(io.Discard, struct{ io.Reader }{in})
	wg.Wait()
	if in == first {
		t.expanded, diffID = t.stored, digest
	}
	switch {
	case err != io.EOF:
		return t, err
	case l.digest != "" && l.digest != sumOf(digest):
		return t, fmt.Errorf("digest %s is %s", l.digest, sumOf(digest))
	case l.diffID != "" && l.diffID != sumOf(diffID):
		return t, fmt.Errorf("diffID %s is %s", l.diffID, sumOf(diffID))
	}
	return t, nil
}

func sumOf(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

// manifest is an OCI index, an OCI manifest or a configuration: the fields that
// lead to the layers.
type manifest struct {
	Manifests []descriptor `json:"manifests"`
	Config    descriptor   `json:"config"`
	Layers    []descriptor `json:"layers"`
	RootFS    struct {
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Platform  struct {
		Architecture string `json:"architecture"`
	} `json:"platform"`
}

func layersOf(image string) ([]layer, error) {
	info, err := os.Stat(image)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return layoutLayers(image)
	}
	return archiveLayers(image)
}

func layoutLayers(dir string) ([]layer, error) {
	blob := func(digest string) string {
		algorithm, hex, _ := strings.Cut(digest, ":")
		return filepath.Join(dir, "blobs", filepath.Base(algorithm), filepath.Base(hex))
	}
	var m manifest
	if err := readJSON(filepath.Join(dir, "index.json"), &m); err != nil {
		return nil, err
	}
	for len(m.Manifests) > 0 {
		chosen := m.Manifests[0]
		for _, d := range m.Manifests {
			if d.Platform.Architecture == runtime.GOARCH {
				chosen = d
				break
			}
		}
		m = manifest{}
		if err := readJSON(blob(chosen.Digest), &m); err != nil {
			return nil, err
		}
	}
	var config manifest
	if err := readJSON(blob(m.Config.Digest), &config); err != nil {
		return nil, err
	}
	var layers []layer
	for i, d := range m.Layers {
		l := layer{digest: d.Digest, open: func() (io.ReadCloser, error) { return os.Open(blob(d.Digest)) }}
		if i < len(config.RootFS.DiffIDs) {
			l.diffID = config.RootFS.DiffIDs[i]
		}
		layers = append(layers, l)
	}
	return layers, nil
}

func readJSON(file string, v any) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func archiveLayers(file string) ([]layer, error) {
	f, err := os.Open(file) // stays open: the layers are read from it
	if err != nil {
		return nil, err
	}
	type place struct{ offset, size int64 }
	places := map[string]place{}
	links := map[string]string{}
	tr := tar.NewReader(f)
	for {
		hdr, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		name := path.Clean(hdr.Name)
		if hdr.Typeflag == tar.TypeSymlink {
			links[name] = path.Join(path.Dir(name), hdr.Linkname)
			continue
		}
		places[name] = place{at, hdr.Size}
	}
	open := func(name string) *io.SectionReader {
		if to, ok := links[name]; ok {
			name = to
		}
		p := places[name]
		return io.NewSectionReader(f, p.offset, p.size)
	}
	var list []struct {
		Config string
		Layers []string
	}
	if err := json.NewDecoder(open("manifest.json")).Decode(&list); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	if len(list) == 0 {
		return nil, errors.New("manifest.json names no image")
	}
	var config manifest
	if err := json.NewDecoder(open(list[0].Config)).Decode(&config); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	var layers []layer
	for i, name := range list[0].Layers {
		l := layer{open: func() (io.ReadCloser, error) { return io.NopCloser(open(name)), nil }}
		if i < len(config.RootFS.DiffIDs) {
			l.diffID = config.RootFS.DiffIDs[i]
		}
		layers = append(layers, l)
	}
	return layers, nil
}

// peakRSS is the most memory that the process has had, where Linux tells.
func peakRSS() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}
