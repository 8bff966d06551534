package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/vulndb"
)

// maxResumes is how often a transfer that breaks off is gone on with.
const maxResumes = 4

var errNotThere = errors.New("not found")

// publicationAt is a packed database on a web server. Its signature is at the
// same path with ".minisig" behind it, and deltas with ".from-" and the digest
// of their base: db export writes them so.
func (c *command) publicationAt(ctx context.Context, u *url.URL, opt image.Options) (*publication, error) {
	client, err := webClient(opt)
	if err != nil {
		return nil, err
	}
	if err := secureEnough(u, opt.Insecure); err != nil {
		return nil, err
	}
	beside := func(suffix string) (io.ReadCloser, error) {
		at := *u
		at.Path += suffix
		return get(ctx, client, at.String(), opt)
	}
	p := &publication{
		where: u.Redacted(),
		whole: func() (io.ReadCloser, error) { return beside("") },
		delta: func(base string) func() (io.ReadCloser, error) {
			return func() (io.ReadCloser, error) { return beside(deltaSuffix(base)) }
		},
		signature: func() (string, error) {
			r, err := beside(".minisig")
			if errors.Is(err, errNotThere) {
				return "", nil
			}
			if err != nil {
				return "", err
			}
			return readSignature(r)
		},
		close: func() error { client.CloseIdleConnections(); return nil },
	}
	return p, p.readDigest()
}

// deltaSuffix is what the file of a delta has behind the database's name.
func deltaSuffix(base string) string { return ".from-" + strings.TrimPrefix(base, "sha256:") }

// get opens the file at an address. A transfer that breaks off is gone on with
// where it stopped, if the server still has the same file.
func get(ctx context.Context, client *http.Client, address string, opt image.Options) (io.ReadCloser, error) {
	open := func(from int64, validator string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("User-Agent", opt.UserAgent)
		if from > 0 {
			req.Header.Set("Range", "bytes="+strconv.FormatInt(from, 10)+"-")
			req.Header.Set("If-Range", validator)
		}
		if opt.Username != "" {
			req.SetBasicAuth(opt.Username, opt.Password)
		}
		resp, err := client.Do(req)
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // its address may hold a signature of a storage service
		}
		return resp, err
	}
	resp, err := open(0, "")
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return &resumed{ctx: ctx, open: open, body: resp.Body, validator: validator(resp.Header)}, nil
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("%w: the server answered 404", errNotThere)
	}
	return nil, fmt.Errorf("the server answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
}

// validator is what tells a later request that the file is still the same: a
// strong ETag, else the date (RFC 9110, section 13.1.5); "" when the server
// sends neither.
func validator(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return h.Get("Last-Modified")
}

// resumed is the body of a file that may come in several transfers.
type resumed struct {
	ctx       context.Context
	open      func(from int64, validator string) (*http.Response, error)
	body      io.ReadCloser
	validator string
	at        int64 // bytes read so far
	resumes   int
}

func (r *resumed) Read(p []byte) (int, error) {
	for {
		n, err := r.body.Read(p)
		r.at += int64(n)
		if n > 0 || err == nil || err == io.EOF {
			if err != io.EOF {
				err = nil // what broke off is gone on with by the next call
			}
			return n, err
		}
		if r.ctx.Err() != nil || r.validator == "" || r.resumes == maxResumes {
			return 0, err
		}
		if err := r.resume(err); err != nil {
			return 0, err
		}
	}
}

// resume asks for the rest of the file. The error is the one that broke the
// transfer off, where the server no longer has that rest.
func (r *resumed) resume(broken error) error {
	r.resumes++
	resp, err := r.open(r.at, r.validator)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusPartialContent || !strings.HasPrefix(resp.Header.Get("Content-Range"), "bytes "+strconv.FormatInt(r.at, 10)+"-") {
		resp.Body.Close()
		return broken
	}
	r.body.Close()
	r.body = resp.Body
	return nil
}

func (r *resumed) Close() error { return r.body.Close() }

// exportDeltas writes deltas from older databases beside an exported one, for
// a web server to offer.
func (c *command) exportDeltas(db *vulndb.DB, to string, bases []string) error {
	for _, name := range bases {
		base, err := vulndb.Open(name)
		if err != nil {
			return fmt.Errorf("--delta-from %s: %w", name, err)
		}
		file := to + deltaSuffix(base.Info().Digest)
		err = writeBeside(file, func(w io.Writer) error { return vulndb.Delta(w, base, db) })
		base.Close()
		if err != nil {
			return fmt.Errorf("--delta-from %s: %w", name, err)
		}
		c.note("wrote %s", file)
	}
	return nil
}
