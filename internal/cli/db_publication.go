package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/vulndb"
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

// Bounds of what is fetched.
const (
	maxSignature    = 64 << 10
	maxTransferTime = 30 * time.Minute
)

// registryFlags say how a registry or server is reached.
type registryFlags struct{ source sourceFlags }

func (f *registryFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.source.username, "username", "", "registry user; the password comes with --password-stdin")
	flags.BoolVar(&f.source.passwordStdin, "password-stdin", false, "read the registry password from standard input")
	flags.BoolVar(&f.source.insecure, "insecure", false, "accept plain HTTP and unverified certificates")
	flags.StringVar(&f.source.caCert, "cacert", "", "trust the certificates in this PEM file too")
}

// publication is a database that somebody offers. Nothing of it is fetched
// before its functions are called.
type publication struct {
	where     string
	digest    string // of the database, as announced
	whole     func() (io.ReadCloser, error)
	delta     func(base string) func() (io.ReadCloser, error) // by the base's digest; nil when there surely is none
	signature func() (string, error)                          // "" when there is none
	close     func() error
}

// publication asks what a repository or URL offers.
func (c *command) publication(ctx context.Context, where string, opt image.Options) (*publication, error) {
	if u, err := url.Parse(where); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		return c.publicationAt(ctx, u, opt)
	}
	return publicationIn(ctx, where, opt)
}

// publicationIn reads the manifest of an artifact.
func publicationIn(ctx context.Context, ref string, opt image.Options) (*publication, error) {
	a, end, err := image.PullArtifact(ctx, ref, opt)
	if err != nil {
		return nil, err
	}
	deltas := map[string]func() (io.ReadCloser, error){}
	p := &publication{
		where: ref, digest: a.Annotations[annotationDigest], close: end,
		delta:     func(base string) func() (io.ReadCloser, error) { return deltas[base] },
		signature: func() (string, error) { return "", nil },
	}
	if a.Type != artifactType {
		end()
		return nil, fmt.Errorf("it holds %q, not an advisory database of careen", shortText(a.Type))
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
	return p, p.readDigest()
}

// readDigest reads the head of the packed database where nothing announced
// its digest: 56 bytes.
func (p *publication) readDigest() error {
	if p.digest != "" {
		return nil
	}
	r, err := p.whole()
	if err != nil {
		p.close()
		return err
	}
	defer r.Close()
	info, err := vulndb.ReadPackInfo(r)
	if err != nil {
		p.close()
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

func webClient(opt image.Options) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: opt.Insecure}
	if opt.CACert != "" {
		pem, err := os.ReadFile(opt.CACert)
		if err != nil {
			return nil, fmt.Errorf("--cacert: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--cacert: %s holds no PEM certificate", opt.CACert)
		}
		config.RootCAs = pool
	}
	return &http.Client{
		Timeout: maxTransferTime,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true, DisableCompression: true,
			TLSHandshakeTimeout: 15 * time.Second, ResponseHeaderTimeout: time.Minute,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) >= 10 {
				return errors.New("more than 10 redirects")
			}
			return secureEnough(req.URL, opt.Insecure)
		},
	}, nil
}

// secureEnough refuses what anybody on the way could change.
func secureEnough(u *url.URL, insecure bool) error {
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "https" || insecure || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%s: plain HTTP, which anybody on the way can change: write https, or accept it with --insecure", u.Host)
}

// shortText keeps text from outside short.
func shortText(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
