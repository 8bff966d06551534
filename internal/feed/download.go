package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/careen/careen/internal/web"
)

// Bounds of a download.
const (
	maxDownload = 8 << 30 // bytes of one file; NVD and cvelistV5, the longest, have some 0.6 GB
	attempts    = 4       // of one file, when the network or the server fails
	stall       = 60 * time.Second
	orphanAge   = 5 * time.Minute // a half download that nobody wrote to for so long was left by a build that was killed
)

// errNotFound is the answer 404 or 410.
var errNotFound = errors.New("not found")

// permanent is a failure that another attempt would not cure.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// cache keeps downloads between builds, at HOST/PATH under its directory. Each
// file has a ".meta" next to it with what the server said of it, so that the
// next build asks only whether it changed; a ".part" is the beginning of one.
// Several builds may share the directory.
type cache struct {
	dir      string
	client   *http.Client
	progress func(what string, done, total int64)
	wait     time.Duration // before the second attempt; doubles

	mu      sync.Mutex
	fresh   map[string]bool     // copies that the server has just said to be current
	changed map[string]*changes // copies of which it is known what changed
}

func newCache(dir string, client *http.Client, progress func(string, int64, int64)) *cache {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	return &cache{dir: dir, client: client, progress: progress, wait: time.Second}
}

// meta is what a server said of a file.
type meta struct {
	URL      string `json:"url"`
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"lastModified,omitempty"`
	Size     int64  `json:"size"`
}

// validator is what If-Range takes.
func (m meta) validator() string {
	return web.Validator(http.Header{"Etag": {m.ETag}, "Last-Modified": {m.Modified}})
}

// place is where the copy of a file is kept.
func (c *cache) place(from string) (string, error) {
	u, err := url.Parse(from)
	if err != nil {
		return "", err
	}
	rel := filepath.FromSlash(strings.TrimPrefix(strings.ReplaceAll(u.Host, ":", "_")+u.Path, "/"))
	if strings.HasSuffix(u.Path, "/") {
		rel = filepath.Join(rel, "index.html")
	}
	if !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%s: no place in the cache", from)
	}
	return filepath.Join(c.dir, rel), nil
}

// peek asks for the size of a file, -1 when the server does not say, and whether
// the copy in the cache is still what it has: then fetch does not ask again. Size
// -2 is a file that is not there. What goes wrong is for fetch to say. head is what
// the server says of the file.
func (c *cache) peek(ctx context.Context, from string) (size int64, fresh bool, head meta) {
	to, err := c.place(from)
	if err != nil {
		return -1, false, head
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, from, nil)
	if err != nil {
		return -1, false, head
	}
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", "careen")
	resp, err := c.client.Do(req)
	if err != nil {
		return -1, false, head
	}
	resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return -2, false, head
	default:
		return -1, false, head
	}
	old, err := readMeta(to + ".meta")
	if err == nil && old.URL == from && sizeOf(to) == old.Size {
		tag := web.Validator(resp.Header)
		fresh = tag != "" && tag == old.validator()
	}
	if fresh {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.fresh == nil {
			c.fresh = map[string]bool{}
		}
		c.fresh[to] = true
	}
	head = meta{URL: from, ETag: resp.Header.Get("ETag"), Modified: resp.Header.Get("Last-Modified")}
	return resp.ContentLength, fresh, head
}

// fetch returns the name of a local copy of the file at a URL, downloaded now unless the copy in the cache
// is still what the server has.
func (c *cache) fetch(ctx context.Context, what, from string) (string, error) {
	to, err := c.place(from)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	fresh := c.fresh[to]
	c.mu.Unlock()
	if fresh {
		return to, nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	wait := c.wait
	for attempt := 1; ; attempt++ {
		err := c.download(ctx, what, from, to)
		if err == nil {
			return to, nil
		}
		if attempt == attempts || ctx.Err() != nil || errors.Is(err, errNotFound) || errors.As(err, new(permanent)) {
			return "", fmt.Errorf("%s: %w", from, err)
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(wait):
		}
		wait *= 2
	}
}

// download brings the file at to up to date.
func (c *cache) download(ctx context.Context, what, from, to string) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	// What is stored is what the server stores: no transfer compression.
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", "careen")

	part, had, err := claimPart(to)
	if err != nil {
		return err
	}
	finished := false
	defer func() {
		part.Close()
		if !finished {
			os.Rename(part.Name(), to+".part")
		}
	}()
	info, err := part.Stat()
	if err != nil {
		return err
	}
	start := info.Size()
	if start > 0 && had.URL == from && had.validator() != "" {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(start, 10)+"-")
		req.Header.Set("If-Range", had.validator())
	} else if old, err := readMeta(to + ".meta"); err == nil && old.URL == from && sizeOf(to) == old.Size {
		if old.ETag != "" {
			req.Header.Set("If-None-Match", old.ETag)
		}
		if old.Modified != "" {
			req.Header.Set("If-Modified-Since", old.Modified)
		}
	}

	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified:
		finished = true
		return os.Remove(part.Name())
	case resp.StatusCode == http.StatusPartialContent && strings.HasPrefix(resp.Header.Get("Content-Range"), "bytes "+strconv.FormatInt(start, 10)+"-"):
		if _, err := part.Seek(start, io.SeekStart); err != nil {
			return err
		}
	case resp.StatusCode == http.StatusOK:
		start = 0
		if err := part.Truncate(0); err != nil {
			return err
		}
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return fmt.Errorf("%w (%s)", errNotFound, resp.Status)
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable || resp.StatusCode == http.StatusPartialContent:
		part.Truncate(0) // the part is not the beginning of what the server has now
		return fmt.Errorf("server answered %s to a request to go on at byte %d", resp.Status, start)
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return fmt.Errorf("server answered %s", resp.Status)
	default:
		return permanent{fmt.Errorf("server answered %s", resp.Status)}
	}

	now := meta{URL: from, ETag: resp.Header.Get("ETag"), Modified: resp.Header.Get("Last-Modified")}
	if err := writeMeta(to+".part.meta", now); err != nil {
		return err
	}
	total := int64(-1)
	if resp.ContentLength >= 0 {
		total = start + resp.ContentLength
	}
	if total > maxDownload {
		return permanent{fmt.Errorf("%d bytes: more than the limit of %d", total, int64(maxDownload))}
	}
	now.Size, err = c.copyBody(part, resp.Body, cancel, what, start, total)
	if err != nil {
		return err
	}
	if total >= 0 && now.Size != total {
		return fmt.Errorf("%d of %d bytes arrived", now.Size, total)
	}
	if err := part.Sync(); err != nil {
		return err
	}
	if err := part.Close(); err != nil {
		return err
	}
	// The meta goes last: without it, or with one of another size, the next
	// build downloads the file again.
	os.Remove(to + ".meta")
	if err := os.Rename(part.Name(), to); err != nil {
		return err
	}
	finished = true
	os.Remove(to + ".part.meta")
	return writeMeta(to+".meta", now)
}

// copyBody appends body to part, and gives up when nothing arrives for long.
func (c *cache) copyBody(part *os.File, body io.Reader, cancel func(), what string, start, total int64) (int64, error) {
	timer := time.AfterFunc(stall, cancel)
	defer timer.Stop()
	buf := make([]byte, 256<<10)
	done := start
	for {
		n, err := body.Read(buf)
		timer.Reset(stall)
		if n > 0 {
			if done += int64(n); done > maxDownload {
				return done, permanent{fmt.Errorf("longer than the limit of %d bytes", int64(maxDownload))}
			}
			if _, err := part.Write(buf[:n]); err != nil {
				return done, permanent{err} // a full disk does not get emptier
			}
			c.progress(what, done, max(total, 0))
		}
		if err == io.EOF {
			return done, nil
		}
		if err != nil {
			return done, err
		}
	}
}

// claimPart takes the half download of a file for this process, by a rename
// that only one of several can succeed with, or begins a new one.
func claimPart(to string) (*os.File, meta, error) {
	mine, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".part-*")
	if err != nil {
		return nil, meta{}, err
	}
	name := mine.Name()
	left := []string{to + ".part"}
	orphans, _ := filepath.Glob(globEscape(to) + ".part-*")
	for _, o := range orphans {
		if info, err := os.Stat(o); err == nil && o != name && time.Since(info.ModTime()) > orphanAge {
			left = append(left, o)
		}
	}
	for i, from := range left {
		if sizeOf(from) <= 0 {
			if i > 0 {
				os.Remove(from)
			}
			continue
		}
		mine.Close() // Windows renames no open file, nor over one
		if err := os.Rename(from, name); err != nil {
			if mine, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
				return nil, meta{}, err
			}
			continue
		}
		mine, err = os.OpenFile(name, os.O_RDWR, 0o644)
		if err != nil {
			return nil, meta{}, err
		}
		had, _ := readMeta(to + ".part.meta")
		return mine, had, nil
	}
	return mine, meta{}, nil
}

// globEscape makes a path match only itself.
func globEscape(name string) string {
	if filepath.Separator == '\\' {
		return name // Windows has no escape, and no file name with these in it
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

func sizeOf(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return -1
	}
	return info.Size()
}

func readMeta(name string) (meta, error) {
	var m meta
	data, err := os.ReadFile(name)
	if err != nil {
		return m, err
	}
	err = json.Unmarshal(data, &m)
	return m, err
}

func writeMeta(name string, m meta) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".meta-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	if err2 := temp.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		os.Remove(temp.Name())
	}
	return err
}
