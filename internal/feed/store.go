package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/scratch"
	"github.com/careen/careen/internal/web"
)

// maxDownloads is how many files are downloaded at once at most, whatever the
// number of processors: upstreams are other people's servers.
const maxDownloads = 4

// errMissing says that a mirror does not hold a file.
var errMissing = errors.New("not in the mirror")

// store hands out upstream files: from a mirror's directory, or downloaded
// from a mirror's URL or the upstream itself into the cache.
type store struct {
	opt   Options
	only  narrowing         // releases that were named
	dir   *os.Root          // a mirror that is a directory
	base  string            // URL root of a mirror, without a slash at its end; "" reads the upstreams
	cache *cache            // of downloads; nil when dir is set
	temp  *scratch.Folder   // to remove at the end
	local map[string]string // upstream URL → file in dir or in the cache, of those that present found
}

func newStore(opt Options) (*store, error) {
	s := &store{opt: opt, local: map[string]string{}}
	if opt.Mirror != "" && !strings.HasPrefix(opt.Mirror, "http://") && !strings.HasPrefix(opt.Mirror, "https://") {
		info, err := os.Stat(opt.Mirror)
		if err == nil && !info.IsDir() {
			err = errors.New("not a directory")
		}
		if err != nil {
			return nil, fmt.Errorf("mirror %s: %w", opt.Mirror, err)
		}
		s.dir, err = os.OpenRoot(opt.Mirror)
		return s, err
	}
	s.base = strings.TrimSuffix(opt.Mirror, "/")
	client := opt.Client
	if client == nil {
		transport, err := web.Options{CACert: opt.CACert}.Transport()
		if err != nil {
			return nil, err
		}
		client = &http.Client{Transport: transport}
	}
	dir := opt.CacheDir
	if dir == "" {
		temp, err := scratch.NewFolder("", "careen-feeds-")
		if err != nil {
			return nil, err
		}
		s.temp, dir = temp, temp.Path
	}
	s.cache = newCache(dir, client, opt.Progress)
	return s, nil
}

func (s *store) close() {
	if s.dir != nil {
		s.dir.Close()
	}
	if s.temp != nil {
		s.temp.Remove()
	}
}

// live reports whether the upstreams themselves are read.
func (s *store) live() bool { return s.opt.Mirror == "" }

// locate finds the file at an upstream URL, and downloads it where that is
// needed. errMissing says that a mirror has no such file; an upstream that has
// none is an error of its own.
func (s *store) locate(ctx context.Context, what, upstream string) (name string, err error) {
	name, err = hostPath(upstream)
	if err != nil {
		return "", err
	}
	if s.dir != nil {
		name = filepath.FromSlash(name)
		_, err := s.dir.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			err = errMissing
		}
		return name, err
	}
	address, err := s.address(upstream)
	if err != nil {
		return "", err
	}
	fetch := s.cache.fetch
	if isExport(upstream) {
		fetch = s.cache.fetchExport
	}
	local, err := fetch(ctx, what, address)
	if s.base != "" && errors.Is(err, errNotFound) {
		return "", errMissing
	}
	return local, err
}

// present locates the files of feeds, several at once, and takes those away
// that a mirror does not hold. A mirror need not have every file of a feed; a
// feed of which it has none is marked in its statistics.
func (s *store) present(ctx context.Context, feeds []*planned) error {
	if err := s.announce(ctx, feeds); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, min(s.opt.Jobs, maxDownloads)))
	type place struct {
		name string
		err  error
	}
	places := make([][]place, len(feeds))
	for i, f := range feeds {
		places[i] = make([]place, len(f.files))
		for j, in := range f.files {
			group.Go(func() error {
				name, err := s.locate(ctx, "downloading "+f.name, in.url)
				places[i][j] = place{name, err}
				if err != nil && (s.live() || !errors.Is(err, errMissing)) {
					return &Error{f.name, err}
				}
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, f := range feeds {
		var files []input
		for j, in := range f.files {
			if places[i][j].err == nil {
				files = append(files, in)
				s.local[in.url] = places[i][j].name
			}
		}
		f.files = files
		f.stats.Missing = len(files) == 0
	}
	return nil
}

// announce asks for the sizes of the files of feeds, and says what is to be read.
func (s *store) announce(ctx context.Context, feeds []*planned) error {
	if s.cache == nil || len(feeds) == 0 {
		return nil
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(max(1, min(s.opt.Jobs, maxDownloads)))
	var mu sync.Mutex
	var r Reading
	for _, f := range feeds {
		for _, in := range f.files {
			group.Go(func() error {
				address, err := s.address(in.url)
				if err != nil {
					return err
				}
				size, fresh, head := s.cache.peek(within, address)
				var ch *changes
				if !fresh && head.URL != "" && isExport(in.url) {
					ch = s.cache.note(s.cache.changesOf(within, address, head, size))
				}
				mu.Lock()
				defer mu.Unlock()
				if size == -2 {
					return within.Err()
				}
				r.Files++
				switch {
				case fresh || ch != nil && len(ch.fetch) == 0:
					r.Unchanged++
				case ch != nil:
					r.Records += len(ch.fetch)
				case size < 0:
					r.Unsized++
				default:
					r.Bytes += size
				}
				return within.Err()
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if s.opt.Announce == nil {
		return nil
	}
	return s.opt.Announce(r)
}

// address is where the file of an upstream URL is downloaded from.
func (s *store) address(upstream string) (string, error) {
	if s.base == "" {
		return upstream, nil
	}
	name, err := hostPath(upstream)
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(upstream, "/") {
		name += "/" // a directory's index
	}
	return s.base + "/" + strings.ReplaceAll(name, " ", "%20"), nil
}

// open opens a file that present has found.
func (s *store) open(upstream string) (*os.File, error) {
	if s.dir != nil {
		return s.dir.Open(s.local[upstream])
	}
	return os.Open(s.local[upstream])
}

// size is that of a file that present has found, for the progress.
func (s *store) size(upstream string) int64 {
	f, err := s.open(upstream)
	if err != nil {
		return 0
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// hostPath returns the place of an upstream's file in a mirror.
func hostPath(upstream string) (string, error) {
	u, err := url.Parse(upstream)
	if err != nil {
		return "", err
	}
	name := path.Join(u.Host, u.Path)
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", fmt.Errorf("%s: not a place inside a mirror", upstream)
	}
	return name, nil
}

// maxListing bounds an index page or a list of names.
const maxListing = 32 << 20

// text returns a small file whole.
func (s *store) text(ctx context.Context, upstream string) (string, error) {
	name, err := s.locate(ctx, "downloading "+path.Base(upstream), upstream)
	if err != nil {
		return "", err
	}
	s.local[upstream] = name
	f, err := s.open(upstream)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := readAll(f, maxListing)
	return string(data), err
}

// rootText returns a small file at the root of a mirror; errMissing when there is
// none.
func (s *store) rootText(ctx context.Context, name string) (string, error) {
	var f *os.File
	var err error
	if s.dir != nil {
		f, err = s.dir.Open(name)
	} else {
		var local string
		if local, err = s.cache.fetch(ctx, "downloading "+name, s.base+"/"+name); err == nil {
			f, err = os.Open(local)
		}
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotFound) {
		return "", errMissing
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := readAll(f, maxListing)
	return string(data), err
}

var hrefPattern = lazy.Regexp(`(?i)href="([^"?#]+)"`)

// list returns the names in an upstream's directory, sorted, those of
// directories without their slash: of the mirror's directory, or by the links
// of the index page that the server makes.
func (s *store) list(ctx context.Context, upstream string) ([]string, error) {
	var names []string
	if s.dir != nil {
		name, err := hostPath(upstream)
		if err != nil {
			return nil, err
		}
		entries, err := fs.ReadDir(s.dir.FS(), name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errMissing
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names, err
	}
	page, err := s.text(ctx, upstream+"/")
	if err != nil {
		return nil, err
	}
	for _, m := range hrefPattern().FindAllStringSubmatch(page, -1) {
		name := strings.TrimSuffix(strings.TrimPrefix(m[1], "./"), "/")
		if plain, err := url.PathUnescape(name); err == nil {
			name = plain
		}
		if name != "" && name != ".." && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// readAll reads r whole, and refuses more than limit bytes.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("longer than the limit of %d bytes", limit)
	}
	return data, nil
}
