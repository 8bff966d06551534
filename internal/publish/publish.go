// Package publish is how a database travels: into a registry and out of it, from
// a web server, as a whole or as a delta, signed or not, and by way of a file. It
// shows nothing and asks nobody what to do; what a database says is vulndb's.
package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/vulndb"
	"github.com/careen/careen/internal/web"
)

// What a published database is made of, in a registry: docs/db.md says the same.
const (
	artifactType  = "application/vnd.careen.db.v1"
	wholeType     = "application/vnd.careen.db.v1+zstd"              // the layer that vulndb.Pack writes
	deltaType     = "application/vnd.careen.db.delta.v1+zstd"        // vulndb.Delta
	signatureType = "application/vnd.careen.db.signature.v1+minisig" // minisign, of the database unpacked

	annotationCreated = "org.opencontainers.image.created" // build date, RFC 3339
	annotationDigest  = "careen.db.digest"
	annotationNewest  = "careen.db.newest" // date of the newest advisory, RFC 3339
	annotationFormat  = "careen.db.format"
	annotationBase    = "careen.db.delta-from" // of a delta layer: digest of its base
)

// maxSignature bounds the text of a signature.
const maxSignature = 64 << 10

// Options say how a published database is fetched. The zero value accepts an
// unsigned one.
type Options struct {
	Image    image.Options                        // how a registry or web server is reached
	Key      string                               // the minisign public key that must have signed it; "" accepts any
	Progress func(what string, done, total int64) // bytes that have arrived; nil means none
	Warn     func(message string)                 // what went wrong and did not matter; nil means none
}

func (o Options) warn(format string, args ...any) {
	if o.Warn != nil {
		o.Warn(fmt.Sprintf(format, args...))
	}
}

// Publication is a database that a server offers. Nothing of it is fetched
// before it is asked for. Close it.
type Publication struct {
	digest    string // of the database, as announced
	whole     func() (io.ReadCloser, error)
	delta     func(base string) func() (io.ReadCloser, error) // by the base's digest; nil when there surely is none
	signature func() (string, error)                          // "" when there is none
	close     func() error
}

// Digest is that of the database which is offered, as announced.
func (p *Publication) Digest() string { return p.digest }

// Close ends the connections.
func (p *Publication) Close() error { return p.close() }

// Open asks what a repository or URL offers.
func Open(ctx context.Context, where string, opt Options) (*Publication, error) {
	var p *Publication
	var err error
	if u, parseErr := url.Parse(where); parseErr == nil && (u.Scheme == "https" || u.Scheme == "http") {
		p, err = onWeb(ctx, u, opt.Image)
	} else {
		p, err = inRegistry(ctx, where, opt.Image)
	}
	if err != nil {
		return nil, err
	}
	if err := p.readDigest(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// inRegistry reads the manifest of an artifact.
func inRegistry(ctx context.Context, ref string, opt image.Options) (*Publication, error) {
	a, end, err := image.PullArtifact(ctx, ref, opt)
	if err != nil {
		return nil, err
	}
	deltas := map[string]func() (io.ReadCloser, error){}
	p := &Publication{
		digest: a.Annotations[annotationDigest], close: end,
		delta:     func(base string) func() (io.ReadCloser, error) { return deltas[base] },
		signature: func() (string, error) { return "", nil },
	}
	if a.Type != artifactType {
		end()
		return nil, fmt.Errorf("it holds %.80q, not an advisory database of careen", a.Type)
	}
	for _, l := range a.Layers {
		switch l.MediaType {
		case wholeType:
			p.whole = l.Open
		case deltaType:
			deltas[l.Annotations[annotationBase]] = l.Open
		case signatureType:
			p.signature = func() (string, error) {
				r, err := l.Open()
				if err != nil {
					return "", err
				}
				return readSignature(r)
			}
		}
	}
	if p.whole == nil {
		end()
		return nil, errors.New("its manifest lists no database")
	}
	return p, nil
}

// onWeb is a packed database on a web server. Its signature is at the same path
// with ".minisig" behind it, and deltas with ".from-" and the digest of their
// base: Export writes them so.
func onWeb(ctx context.Context, u *url.URL, opt image.Options) (*Publication, error) {
	client, err := web.NewClient(web.Options{
		Insecure: opt.Insecure, CACert: opt.CACert, UserAgent: opt.UserAgent, Username: opt.Username, Password: opt.Password,
	})
	if err != nil {
		return nil, err
	}
	next := func(suffix string) (io.ReadCloser, error) {
		at := *u
		at.Path += suffix
		return client.Get(ctx, at.String())
	}
	return &Publication{
		whole: func() (io.ReadCloser, error) { return next("") },
		delta: func(base string) func() (io.ReadCloser, error) {
			return func() (io.ReadCloser, error) { return next(deltaSuffix(base)) }
		},
		signature: func() (string, error) {
			r, err := next(".minisig")
			if errors.Is(err, web.ErrNotFound) {
				return "", nil
			}
			if err != nil {
				return "", err
			}
			return readSignature(r)
		},
		close: func() error { client.CloseIdleConnections(); return nil },
	}, nil
}

// deltaSuffix is what the file of a delta has behind the database's name.
func deltaSuffix(base string) string { return ".from-" + strings.TrimPrefix(base, "sha256:") }

// readDigest reads the head of the packed database where nothing announced
// its digest: 56 bytes.
func (p *Publication) readDigest() error {
	if p.digest != "" {
		return nil
	}
	r, err := p.whole()
	if err != nil {
		return err
	}
	defer r.Close()
	info, err := vulndb.ReadPackInfo(r)
	if err != nil {
		return err
	}
	p.digest = info.Digest
	return nil
}

func readSignature(r io.ReadCloser) (string, error) {
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxSignature+1))
	if err != nil {
		return "", fmt.Errorf("signature: %w", err)
	}
	if len(b) > maxSignature {
		return "", fmt.Errorf("signature: larger than %d bytes", maxSignature)
	}
	return string(b), nil
}

// Fetched says what came of a publication.
type Fetched struct {
	Info  vulndb.Info
	How   string // "delta" or "database"
	Bytes int64  // that were transferred

	signature string // of the key that was asked for
}

// Fetch makes the candidate of a stage from a delta if there is one for the
// base, else from the whole, and proves it to be what was announced and, with a
// key, signed. base may be nil.
func (p *Publication) Fetch(base *vulndb.DB, st *Stage, opt Options) (Fetched, error) {
	signature := ""
	if opt.Key != "" {
		var err error
		if signature, err = p.signature(); err != nil {
			return Fetched{}, err
		}
		if signature == "" {
			return Fetched{}, errors.New("it publishes no signature, and --db-key asks for one")
		}
	}
	how, n, err := p.transfer(base, st, opt)
	if err != nil {
		return Fetched{}, err
	}
	info, err := Accept(st.Candidate(), p.digest, opt.Key, signature)
	return Fetched{info, how, n, signature}, err
}

// transfer says which way it took, and how many bytes came.
func (p *Publication) transfer(base *vulndb.DB, st *Stage, opt Options) (string, int64, error) {
	if base != nil {
		if open := p.delta(base.Info().Digest); open != nil {
			n, err := read(open, opt, func(r io.Reader) error {
				_, err := vulndb.Patch(base, r, st.Candidate())
				return err
			})
			if err == nil {
				return "delta", n, nil
			}
			if !errors.Is(err, web.ErrNotFound) {
				opt.warn("the delta is of no use: %v; fetching the whole", err)
			}
		}
	}
	n, err := read(p.whole, opt, func(r io.Reader) error {
		_, err := vulndb.Unpack(r, st.Candidate())
		return err
	})
	return "database", n, err
}

// read reads what open opens to its end, through do.
func read(open func() (io.ReadCloser, error), opt Options, do func(io.Reader) error) (int64, error) {
	body, err := open()
	if err != nil {
		return 0, err
	}
	defer body.Close()
	count := &counting{r: body, progress: opt.Progress}
	err = do(count)
	return count.n, err
}

// counting counts and shows what is read.
type counting struct {
	r        io.Reader
	n        int64
	progress func(what string, done, total int64)
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.progress != nil {
		c.progress("fetching", c.n, 0)
	}
	return n, err
}
