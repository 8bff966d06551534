package feed

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// OSV.dev exports each ecosystem as one archive, all.zip, next to each record by
// itself and modified_id.csv, which lists all of them with the time of their last
// change (https://google.github.io/osv.dev/data/). Of an archive that the cache
// has, only the records that changed are fetched, and put in their places.
const (
	exportFile    = "all.zip"
	changesFile   = "modified_id.csv"
	idsSuffix     = ".ids" // next to the copy of an archive: the list as it was then
	maxChanged    = 10_000 // records; more are fetched as the whole archive…
	recordCost    = 8 << 10
	fetchers      = 8 // records fetched at once
	maxIDList     = 256 << 20
	maxOSVRecord  = 64 << 20
	maxListedLost = 10 // one part in so many records may be gone from the list
)

// changes are the records in which the copy of an archive differs from the one
// that the server has.
type changes struct {
	to, dir string // the copy; the URL of its records
	fetch   []string
	now     map[string]string // every id with the time of its last change
	list    string            // file of the list
	head    meta              // what the server says of its archive
}

// isExport reports whether a URL is that of an archive of OSV.dev.
func isExport(upstream string) bool {
	return strings.HasPrefix(upstream, osvBucket+"/") && path.Base(upstream) == exportFile
}

// changesOf finds what changed in an archive since the copy in the cache was
// made; nil where only the whole will do: there is no copy or no list, or fetching
// record by record would cost more. size is that of the server's archive.
func (c *cache) changesOf(ctx context.Context, from string, head meta, size int64) *changes {
	to, err := c.place(from)
	if err != nil {
		return nil
	}
	have, err := readMeta(to + ".meta")
	if err != nil || have.URL != from || sizeOf(to) != have.Size {
		return nil
	}
	before, err := readIDs(to + idsSuffix)
	if err != nil {
		return nil
	}
	dir := strings.TrimSuffix(from, exportFile)
	list, err := c.fetch(ctx, "asking what changed", dir+changesFile)
	if err != nil {
		return nil
	}
	now, err := readIDs(list)
	if err != nil || len(now) < len(before)-len(before)/maxListedLost {
		return nil
	}
	ch := &changes{to: to, dir: dir, now: now, list: list, head: head}
	for id, modified := range now {
		if before[id] != modified {
			ch.fetch = append(ch.fetch, id)
		}
	}
	if len(ch.fetch) > maxChanged || size >= 0 && int64(len(ch.fetch))*recordCost > size {
		return nil
	}
	listed, err := readMeta(list + ".meta")
	switch {
	case err == nil && current(listed.Modified, head.Modified):
	case len(ch.fetch) == 0:
		return nil // the archive is another one, and the list does not say why
	default:
		ch.head.ETag, ch.head.Modified = "", "" // the archive may have what the list has not yet: ask again next time
	}
	return ch
}

// note keeps what changed for fetchExport, and returns it.
func (c *cache) note(ch *changes) *changes {
	if ch == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changed == nil {
		c.changed = map[string]*changes{}
	}
	c.changed[ch.to] = ch
	return ch
}

// current reports whether a list is known to be no older than its archive.
func current(list, archive string) bool {
	x, errX := http.ParseTime(list)
	y, errY := http.ParseTime(archive)
	return errX == nil && errY == nil && !x.Before(y)
}

// readIDs reads a list of changes: "2026-08-22T07:59:18Z,GHSA-…" a line.
func readIDs(name string) (map[string]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(io.LimitReader(f, maxIDList))
	r.FieldsPerRecord, r.ReuseRecord = 2, true
	ids := map[string]string{}
	for {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if _, err := time.Parse(time.RFC3339, row[0]); err != nil || checkID(row[1]) != nil || strings.ContainsAny(row[1], `/\`) {
			return nil, fmt.Errorf("%.40q, %.40q: not a time and an id", row[0], row[1])
		}
		ids[strings.Clone(row[1])] = strings.Clone(row[0])
	}
	if len(ids) == 0 {
		return nil, errors.New("it lists nothing")
	}
	return ids, nil
}

// fetchExport returns the name of a local copy of an archive that is what the
// server has, made of the one in the cache and what changed where that is known.
func (c *cache) fetchExport(ctx context.Context, what, from string) (string, error) {
	to, err := c.place(from)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	ch, fresh := c.changed[to], c.fresh[to]
	c.mu.Unlock()
	if fresh {
		return to, nil
	}
	if ch != nil {
		err := c.apply(ctx, what, ch)
		if err == nil || ctx.Err() != nil {
			return to, err
		}
	}
	// The list goes first: what changes while the archive is fetched is then
	// fetched once more the next time, and not missed.
	list, listErr := c.fetch(ctx, "asking what changed", strings.TrimSuffix(from, exportFile)+changesFile)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	os.Remove(to + idsSuffix)
	if _, err := c.fetch(ctx, what, from); err != nil {
		return "", err
	}
	if listErr == nil {
		if err := copyFile(to+idsSuffix, list); err != nil {
			return "", err
		}
	}
	return to, nil
}

// apply fetches the records that changed and makes the archive anew of them and
// of those that did not.
func (c *cache) apply(ctx context.Context, what string, ch *changes) error {
	records := make([][]byte, len(ch.fetch))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(fetchers)
	for i, id := range ch.fetch {
		group.Go(func() error {
			data, err := c.record(within, ch.dir+url.PathEscape(id)+".json", id)
			records[i] = data
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	c.progress(what, int64(len(records)), int64(len(records)))
	temp, err := os.CreateTemp(filepath.Dir(ch.to), filepath.Base(ch.to)+".part-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	err = ch.rewrite(temp, records)
	size := sizeOf(temp.Name())
	if err := errors.Join(err, temp.Close()); err != nil {
		return err
	}
	os.Remove(ch.to + ".meta") // without it the copy counts for nothing, should this end here
	if err := os.Rename(temp.Name(), ch.to); err != nil {
		return err
	}
	if err := copyFile(ch.to+idsSuffix, ch.list); err != nil {
		return err
	}
	ch.head.Size = size
	return writeMeta(ch.to+".meta", ch.head)
}

// rewrite writes the archive: of the old one what is listed and did not change,
// as it is stored, and the records that were fetched.
func (ch *changes) rewrite(to *os.File, records [][]byte) error {
	old, err := zip.OpenReader(ch.to)
	if err != nil {
		return err
	}
	defer old.Close()
	fetched := map[string]bool{}
	for _, id := range ch.fetch {
		fetched[id] = true
	}
	z := zip.NewWriter(to)
	for _, f := range old.File {
		id := strings.TrimSuffix(path.Base(f.Name), ".json")
		if _, listed := ch.now[id]; !listed || fetched[id] {
			continue
		}
		if err := z.Copy(f); err != nil {
			return err
		}
	}
	for i, id := range ch.fetch {
		w, err := z.Create(id + ".json")
		if err == nil {
			_, err = w.Write(records[i])
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(z.Close(), to.Sync())
}

// record fetches one record, in several attempts where the network fails.
func (c *cache) record(ctx context.Context, from, id string) ([]byte, error) {
	wait := c.wait
	for attempt := 1; ; attempt++ {
		data, err := c.get(ctx, from)
		if err == nil {
			var own struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(data, &own); err != nil || own.ID != id {
				return nil, fmt.Errorf("%s: not the record %s", from, id)
			}
			return data, nil
		}
		if attempt == attempts || ctx.Err() != nil || errors.As(err, new(permanent)) {
			return nil, fmt.Errorf("%s: %w", from, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
		wait *= 2
	}
}

// get fetches something small into memory.
func (c *cache) get(ctx context.Context, from string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, stall)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "careen")
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		err := fmt.Errorf("server answered %s", resp.Status)
		if resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests {
			return nil, permanent{err}
		}
		return nil, err
	}
	data, err := readAll(resp.Body, maxOSVRecord)
	if err == nil && resp.ContentLength >= 0 && int64(len(data)) != resp.ContentLength && !resp.Uncompressed {
		err = fmt.Errorf("%d of %d bytes arrived", len(data), resp.ContentLength)
	}
	return data, err
}

// copyFile makes to a copy of a file, whole or not at all.
func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".part-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = io.Copy(temp, bytes.NewReader(data))
	if err := errors.Join(err, temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), to)
}
