package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Options of opening a target. The zero value is right for a person's machine.
type Options struct {
	// Platform is "os/arch[/variant]"; "all" for one image of each; "" for this
	// machine's, and the only one there is where nothing else is.
	Platform string

	// Username and Password are for the registry of the reference, instead of
	// what Docker's and Podman's own files hold. They are sent to no other.
	Username, Password string

	Insecure  bool   // plain HTTP and unverified certificates are accepted of the registry
	CACert    string // PEM file of certificates to trust in addition to the system's
	Offline   bool   // no registry is asked
	UserAgent string // of requests to registries; "" means "careen"

	Stdin   io.Reader // what the target "-" reads; nil means none
	TempDir string    // where streamed and compressed archives are kept; "" means the system's

	// Progress is told of copying before there is an image: what is being
	// copied, the bytes so far, and the bytes in all, -1 when unknown. nil means none.
	Progress func(what string, n, total int64)

	MaxConfig int64 // bytes of a configuration; 0 means 8 MiB
	MaxSpool  int64 // bytes of a compressed or streamed archive once expanded; 0 means 64 GiB

	// Getenv looks up what Docker's and Podman's clients heed (DOCKER_HOST and
	// such); nil means os.Getenv.
	Getenv func(string) string
}

// session is one opened target: what it takes to read it, and to end that.
type session struct {
	ctx context.Context
	opt Options

	mu      sync.Mutex // layers are opened at once, and may store something first
	closers []func() error
}

func (s *session) onClose(f func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closers = append(s.closers, f)
}

func (s *session) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []error
	for len(s.closers) > 0 {
		last := len(s.closers) - 1
		f := s.closers[last]
		s.closers = s.closers[:last]
		all = append(all, f())
	}
	return errors.Join(all...)
}

func (s *session) progress(what string, n, total int64) {
	if s.opt.Progress != nil {
		s.opt.Progress(what, n, total)
	}
}

// Open opens a target and returns its image, or one image for each platform if
// all are asked for, and a function that ends the reading of them and removes
// what was stored meanwhile. Errors say what is wrong with the target without
// naming it. Nothing of a layer is read before Layer.Open; what that reads ends
// with ctx.
func Open(ctx context.Context, t Target, opt Options) ([]*Image, func() error, error) {
	if opt.MaxConfig <= 0 {
		opt.MaxConfig = maxConfig
	}
	if opt.MaxSpool <= 0 {
		opt.MaxSpool = maxSpool
	}
	if opt.Getenv == nil {
		opt.Getenv = os.Getenv
	}
	if opt.Platform != "" && opt.Platform != "all" {
		if _, err := ParsePlatform(opt.Platform); err != nil {
			return nil, nil, err
		}
	}
	s := &session{ctx: ctx, opt: opt}
	images, err := s.open(t)
	if err == nil {
		err = s.checkPlatform(images)
	}
	if err == nil {
		err = checkLayers(images)
	}
	if err != nil {
		s.close()
		return nil, nil, err
	}
	for _, img := range images {
		if img.Ref == "" {
			img.Ref = t.Name
		}
	}
	return images, s.close, nil
}

// checkLayers refuses an image that has no layers although its history made some:
// there is something to look at, and it is not here.
func checkLayers(images []*Image) error {
	for _, img := range images {
		made := slices.ContainsFunc(img.Config.History, func(h History) bool { return !h.EmptyLayer })
		if len(img.Layers) == 0 && img.Kind != KindDir && made {
			return errors.New("the image has no layers, although its history made some")
		}
	}
	return nil
}

func (s *session) open(t Target) ([]*Image, error) {
	switch t.Kind {
	case "":
		return s.lookUp(t)
	case KindDocker, KindPodman:
		return s.openDaemon(t.Kind, t)
	case KindArchive, KindDockerArchive, KindOCIArchive:
		return s.openArchive(t)
	case KindOCIDir:
		return s.openLayoutDir(t)
	case KindDir:
		return openDir(t)
	case KindRegistry:
		return s.openRegistry(t)
	case KindSBOM:
		return nil, errors.New("an SBOM has no layers to open")
	}
	return nil, fmt.Errorf("unknown kind of target %q", t.Kind)
}

// checkPlatform refuses the only image there is if another was asked for.
func (s *session) checkPlatform(images []*Image) error {
	if s.opt.Platform == "" || s.opt.Platform == "all" {
		return nil
	}
	wanted, err := ParsePlatform(s.opt.Platform)
	if err != nil {
		return err
	}
	for _, img := range images {
		if img.Kind != KindDir && img.Platform.rank(wanted) < 0 {
			return fmt.Errorf("no image for %s: there is %s", wanted, img.Platform)
		}
	}
	return nil
}

func openDir(t Target) ([]*Image, error) {
	info, err := os.Stat(t.Name)
	if err != nil {
		return nil, pathError(err)
	}
	if !info.IsDir() {
		return nil, errors.New("not a directory")
	}
	dir, err := filepath.Abs(t.Name)
	if err != nil {
		return nil, err
	}
	return []*Image{{Ref: t.Name, Kind: KindDir, Dir: dir}}, nil
}

func (s *session) openArchive(t Target) ([]*Image, error) {
	r, size, identity, err := s.archiveBytes(t.Name)
	if err != nil {
		return nil, err
	}
	a, err := indexArchive(r, size)
	if err != nil {
		return nil, err
	}
	a.identity = identity
	place := t.Name
	if t.Kind != KindArchive {
		place = string(t.Kind) + ":" + t.Name
	}
	candidates, err := s.archiveCandidates(a, t.Kind)
	if err != nil {
		return nil, err
	}
	return choose(candidates, place, t.Pick, s.opt.Platform)
}

// archiveCandidates reads the list of images. An archive of docker save since
// version 25 has both kinds; what docker itself loads is manifest.json.
func (s *session) archiveCandidates(a *archive, kind Kind) ([]candidate, error) {
	docker, layout := a.has("manifest.json"), a.has("index.json") && a.has("oci-layout")
	switch {
	case docker && kind != KindOCIArchive:
		return s.dockerCandidates(a)
	case layout && kind != KindDockerArchive:
		index, err := a.document("index.json", maxManifest)
		if err != nil {
			return nil, err
		}
		o := &oci{content: layoutArchive{a}, kind: KindOCIArchive, maxConfig: s.opt.MaxConfig}
		return o.layoutCandidates(index)
	case kind == KindDockerArchive && layout:
		return nil, errors.New("an OCI archive, not one of docker save: write oci-archive:FILE")
	case kind == KindOCIArchive && docker:
		return nil, errors.New("an archive of docker save, not an OCI archive: write docker-archive:FILE")
	case a.has("repositories"):
		return nil, errors.New("an archive of docker save from before version 1.10, which careen does not read: load and save it with a current docker")
	case a.unended:
		return nil, errors.New("the archive is truncated: it ends without an end mark, and without naming an image")
	}
	return nil, errors.New("a tar without manifest.json and without an OCI layout: not an image (a root file system must be unpacked and given as dir:DIRECTORY)")
}

// archiveBytes returns the bytes of an uncompressed archive: the file as it is,
// or what it or standard input expands to, stored in a temporary file; and the
// identity of the file that was given.
func (s *session) archiveBytes(path string) (io.ReaderAt, int64, string, error) {
	if path == "-" {
		if s.opt.Stdin == nil {
			return nil, 0, "", errors.New("no standard input")
		}
		if f, ok := s.opt.Stdin.(*os.File); ok {
			if r, info, ok := redirected(f); ok {
				return r, info.Size(), identityOf(info), nil
			}
		}
		r, size, err := s.expanded("reading standard input", s.opt.Stdin)
		return r, size, "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, "", pathError(err)
	}
	s.onClose(f.Close)
	info, err := f.Stat()
	if err != nil {
		return nil, 0, "", pathError(err)
	}
	if info.IsDir() {
		return nil, 0, "", errors.New("a directory, not an archive; write oci-dir:DIRECTORY or dir:DIRECTORY")
	}
	identity := ""
	if info.Mode().IsRegular() {
		identity = identityOf(info)
		var head [4]byte
		n, err := f.ReadAt(head[:], 0)
		if err != nil && err != io.EOF {
			return nil, 0, "", pathError(err)
		}
		if n > 0 && compressionOf(head[:n]) == "" {
			return f, info.Size(), identity, nil
		}
	}
	r, size, err := s.expanded("expanding "+filepath.Base(path), f)
	return r, size, identity, err
}

// redirected returns standard input when it is an uncompressed file from its
// beginning, which need not be stored again.
func redirected(f *os.File) (io.ReaderAt, os.FileInfo, bool) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, nil, false
	}
	if at, err := f.Seek(0, io.SeekCurrent); err != nil || at != 0 {
		return nil, nil, false
	}
	var head [tarBlock]byte
	if _, err := f.ReadAt(head[:], 0); err != nil || !isTar(head[:]) {
		return nil, nil, false
	}
	return f, info, true
}

func (s *session) expanded(what string, r io.Reader) (io.ReaderAt, int64, error) {
	stream, err := decompress(r)
	if err != nil {
		return nil, 0, err
	}
	f, n, err := s.spool(what, stream, -1)
	if err != nil {
		return nil, 0, err
	}
	return f, n, nil
}

// settled is how long ago a file must have been changed last for its times to
// tell it from what it may become: a change within the same tick of the file
// system's clock leaves them as they are.
const settled = 2 * time.Second

// identityOf names the content of a file by what changes with it: its place,
// size and times. "" where the system does not tell, or the last change is too
// recent.
func identityOf(info os.FileInfo) string {
	device, inode, changed, ok := inodeOf(info)
	if age := time.Since(changed); !ok || age < settled || time.Since(info.ModTime()) < settled {
		return ""
	}
	return fmt.Sprintf("%d:%d of %d bytes, modified %d, changed %d", device, inode, info.Size(), info.ModTime().UnixNano(), changed.UnixNano())
}
