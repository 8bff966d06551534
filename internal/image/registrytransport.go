package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

// Bounds of talking to a registry.
const (
	maxAttempts    = 4                // of one request
	maxRetryAfter  = 30 * time.Second // how long a registry may ask to wait
	firstBackoff   = 200 * time.Millisecond
	headerTimeout  = 60 * time.Second
	maxResumes     = 8                // of one blob
	maxStall       = 60 * time.Second // without a byte
	maxCACertBytes = 8 << 20
)

var errPlainHTTP = errors.New("plain HTTP")

// registryTransport is what requests to a registry go through, below
// authentication: proxies, certificates, retries, and the rules about hosts.
func (s *session) registryTransport(reg name.Registry) (http.RoundTripper, error) {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.opt.Insecure}
	if s.opt.CACert != "" {
		pool, err := certificates(s.opt.CACert)
		if err != nil {
			return nil, err
		}
		tlsConfig.RootCAs = pool
	}
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       tlsConfig,
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: headerTimeout,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   8,
		ForceAttemptHTTP2:     true,
		// A blob is the bytes that its digest is of: no transparent gzip.
		DisableCompression: true,
	}
	s.onClose(func() error { t.CloseIdleConnections(); return nil })
	agent := s.opt.UserAgent
	if agent == "" {
		agent = "careen"
	}
	return &hostRules{
		inner:    &retries{t},
		registry: reg.RegistryStr(),
		plain:    s.opt.Insecure || isLoopback(reg.RegistryStr()),
		agent:    agent,
	}, nil
}

// certificates adds a PEM file to the system's pool.
func certificates(file string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("CA certificates: %w", err)
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxCACertBytes))
	if err != nil {
		return nil, fmt.Errorf("CA certificates: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA certificates: %s holds no PEM certificate", file)
	}
	return pool, nil
}

func isLoopback(hostport string) bool {
	h := hostport
	if split, _, err := net.SplitHostPort(hostport); err == nil {
		h = split
	}
	ip := net.ParseIP(strings.Trim(h, "[]"))
	return h == "localhost" || (ip != nil && ip.IsLoopback())
}

// hostRules keeps a credential with the registry that it is for. The library
// above sends it to the registry's host and, by the token protocol, to the
// realm that the registry names; two things are left to guard:
//
//   - The question that the realm answers, GET /v2/, must be answered by the
//     registry itself: if it redirects elsewhere, somebody else would name the
//     realm.
//   - The library falls back to plain HTTP for private addresses too, where a
//     credential and the realm would be anybody's to read and change. As docker
//     does, only loopback may, or whom --insecure names.
type hostRules struct {
	inner    http.RoundTripper
	registry string
	plain    bool // HTTP is allowed
	agent    string
}

func (h *hostRules) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "http" && !h.plain && (req.URL.Host == h.registry || req.Header.Get("Authorization") != "") {
		return nil, errPlainHTTP
	}
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", h.agent)
	resp, err := h.inner.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if req.URL.Host == h.registry && req.URL.Path == "/v2/" && resp.StatusCode/100 == 3 {
		if to, err := resp.Location(); err == nil && to.Host != h.registry {
			resp.Body.Close()
			return nil, &elsewhereError{to.Host}
		}
	}
	return resp, nil
}

// elsewhereError is a registry that is not where its name says.
type elsewhereError struct{ host string }

func (e *elsewhereError) Error() string {
	return fmt.Sprintf("it sends to another host, %q: refused, since a credential might follow; name that host instead", e.host)
}

// retries repeats requests that may succeed later: 429 and 503 after the time
// that the answer asks for, other 5xx and broken connections after a short one.
type retries struct{ inner http.RoundTripper }

func (r *retries) RoundTrip(req *http.Request) (*http.Response, error) {
	backoff := firstBackoff
	for attempt := 1; ; attempt++ {
		resp, err := r.inner.RoundTrip(req)
		if attempt == maxAttempts || req.Context().Err() != nil || (req.Body != nil && req.Body != http.NoBody) {
			return resp, err
		}
		wait := backoff
		backoff *= 3
		switch {
		case err != nil:
			if !isTransient(err) {
				return nil, err
			}
		case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable:
			if asked, ok := retryAfter(resp.Header.Get("Retry-After")); ok {
				if asked > maxRetryAfter {
					return resp, nil
				}
				wait = asked
			}
		case resp.StatusCode == http.StatusInternalServerError, resp.StatusCode == http.StatusBadGateway, resp.StatusCode == http.StatusGatewayTimeout:
		default:
			return resp, nil
		}
		if resp != nil {
			io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
			resp.Body.Close()
		}
		if err := sleep(req.Context(), wait); err != nil {
			return nil, err
		}
	}
}

// retryAfter reads the header's two forms, seconds and a date (RFC 9110, 10.2.3).
func retryAfter(value string) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at)), true
	}
	return 0, false
}

// isTransient tells a connection that broke from one that is refused for a
// reason that lasts, such as a certificate or an unknown host.
func isTransient(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.IsTemporary
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return false
	}
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	if errors.As(err, &certificate) || errors.As(err, &record) {
		return false
	}
	var timeout net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op) ||
		(errors.As(err, &timeout) && timeout.Timeout())
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// blobReader reads a blob and asks again, from where it is, when the connection
// ends early or stands still.
type blobReader struct {
	ctx  context.Context
	stop context.CancelFunc // of ctx
	get  func(ctx context.Context, offset int64) (*http.Response, error)
	size int64

	body    io.ReadCloser
	cancel  context.CancelFunc
	watch   *time.Timer // ends a connection that gives nothing
	offset  int64
	resumes int
	futile  int // resumes in a row that gave nothing
}

// connect opens the blob at the offset.
func (b *blobReader) connect() error {
	ctx, cancel := context.WithCancel(b.ctx)
	resp, err := b.get(ctx, b.offset)
	if err != nil {
		cancel()
		return err
	}
	b.cancel, b.body = cancel, resp.Body
	b.watch = time.AfterFunc(maxStall, cancel)
	rest := b.size - b.offset
	if resp.StatusCode != http.StatusPartialContent {
		rest = b.size
	}
	if resp.ContentLength >= 0 && resp.ContentLength != rest {
		b.disconnect()
		return fmt.Errorf("size mismatch: the registry has %d bytes instead of %d", resp.ContentLength, rest)
	}
	if b.offset == 0 {
		return nil
	}
	if resp.StatusCode == http.StatusPartialContent {
		if from := resp.Header.Get("Content-Range"); from != "" && !strings.HasPrefix(from, fmt.Sprintf("bytes %d-", b.offset)) {
			b.disconnect()
			return fmt.Errorf("the registry sent %q, not what was asked for", shorten(from))
		}
		return nil
	}
	// A server without ranges starts anew: what we have is passed over.
	for skip := b.offset; skip > 0; {
		n, err := io.CopyN(io.Discard, b.body, min(skip, 1<<20))
		skip -= n
		if err != nil {
			b.disconnect()
			return err
		}
		b.watch.Reset(maxStall)
	}
	return nil
}

func (b *blobReader) disconnect() {
	if b.body != nil {
		b.watch.Stop()
		b.cancel()
		b.body.Close()
		b.body = nil
	}
}

func (b *blobReader) Read(p []byte) (int, error) {
	if b.offset >= b.size {
		return 0, io.EOF
	}
	if rest := b.size - b.offset; int64(len(p)) > rest {
		p = p[:rest]
	}
	for {
		if b.body != nil {
			n, err := b.body.Read(p)
			if n > 0 {
				b.watch.Reset(maxStall)
				b.offset += int64(n)
				b.futile = 0
				return n, nil // the error, if any, comes again
			}
			if err == nil {
				return 0, nil
			}
			b.disconnect()
		}
		if err := b.ctx.Err(); err != nil {
			return 0, err
		}
		if b.resumes++; b.resumes > maxResumes {
			return 0, fmt.Errorf("the connection broke %d times, at last after %d of %d bytes: %w", b.resumes, b.offset, b.size, io.ErrUnexpectedEOF)
		}
		if err := sleep(b.ctx, firstBackoff<<min(b.futile, 5)); err != nil {
			return 0, err
		}
		b.futile++
		if err := b.connect(); err != nil && (!isTransient(err) || b.resumes == maxResumes) {
			return 0, fmt.Errorf("after %d of %d bytes: %w", b.offset, b.size, err)
		}
	}
}

// Close may be called while a Read is under way, which then ends: so it touches
// nothing that Read does, and leaves the connection to the context.
func (b *blobReader) Close() error {
	b.stop()
	return nil
}
