// Package web is how careen asks servers: one policy about certificates,
// proxies, plain HTTP, waiting and asking again, and one way of resuming what
// broke off. What is asked for, and whether the answer is right, is the caller's.
package web

import (
	"cmp"
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
	"strings"
	"time"
)

// Bounds of asking a server.
const (
	maxAttempts    = 4                // of one request
	maxRetryAfter  = 30 * time.Second // how long a server may ask to wait
	firstBackoff   = 200 * time.Millisecond
	headerTimeout  = 60 * time.Second
	maxResumes     = 8                // of one file
	maxStall       = 60 * time.Second // without a byte
	maxRedirects   = 10
	maxCACertBytes = 8 << 20
)

// Options say how servers are asked. The zero value trusts the system's
// certificates and refuses plain HTTP but from this machine.
type Options struct {
	Insecure           bool   // accept plain HTTP and any certificate
	CACert             string // PEM file of certificates to trust besides the system's
	UserAgent          string // "" means "careen"
	Username, Password string // none is sent when Username is ""
}

// Transport returns connections by these options. Bytes arrive as the server
// stores them: there is no transfer compression. Close its idle connections.
func (o Options) Transport() (*http.Transport, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.Insecure}
	if o.CACert != "" {
		pool, err := Certificates(o.CACert)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: headerTimeout,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   8,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
	}, nil
}

// Agent is the name under which servers are asked.
func (o Options) Agent() string { return cmp.Or(o.UserAgent, "careen") }

// Certificates adds a PEM file to the system's pool.
func Certificates(file string) (*x509.CertPool, error) {
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

// Loopback reports whether a host, with or without a port, is this machine.
func Loopback(hostport string) bool {
	h := hostport
	if split, _, err := net.SplitHostPort(hostport); err == nil {
		h = split
	}
	ip := net.ParseIP(strings.Trim(h, "[]"))
	return h == "localhost" || (ip != nil && ip.IsLoopback())
}

// Secure refuses an address from which others on the way could change what
// arrives.
func (o Options) Secure(u *url.URL) error {
	if u.Scheme == "https" || o.Insecure || Loopback(u.Host) {
		return nil
	}
	return fmt.Errorf("%s: plain HTTP, which others on the way can change: write https, or accept it with --insecure", u.Host)
}

// ErrNotFound is a server's answer that it has no such file.
var ErrNotFound = errors.New("not found")

// Client fetches files of web servers. Close its idle connections.
type Client struct {
	*http.Client
	opt Options
}

// NewClient returns a client by these options.
func NewClient(opt Options) (*Client, error) {
	transport, err := opt.Transport()
	if err != nil {
		return nil, err
	}
	redirect := func(req *http.Request, via []*http.Request) error {
		if len(via) >= maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		return opt.Secure(req.URL)
	}
	return &Client{&http.Client{Transport: Retry(transport), CheckRedirect: redirect}, opt}, nil
}

// Get opens the file at an address. A transfer that breaks off is resumed where
// it stopped, if the server still has the same file.
func (c *Client) Get(ctx context.Context, address string) (io.ReadCloser, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	if err := c.opt.Secure(u); err != nil {
		return nil, err
	}
	same := ""
	return Open(ctx, -1, func(ctx context.Context, offset int64) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, err
		}
		if offset > 0 {
			if same == "" {
				return nil, errors.New("unexpected EOF, and nothing tells whether the server still has the same file")
			}
			req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
			req.Header.Set("If-Range", same)
		}
		req.Header.Set("User-Agent", c.opt.Agent())
		if c.opt.Username != "" {
			req.SetBasicAuth(c.opt.Username, c.opt.Password)
		}
		resp, err := c.Do(req)
		if err != nil {
			var u *url.Error
			if errors.As(err, &u) {
				err = u.Err // its address may hold a signature of a storage service
			}
			return nil, err
		}
		switch {
		case resp.StatusCode == http.StatusOK && offset == 0:
			same = Validator(resp.Header)
			return resp, nil
		case resp.StatusCode == http.StatusPartialContent && offset > 0:
			return resp, nil
		}
		resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusOK:
			return nil, errors.New("the file was replaced meanwhile")
		case http.StatusNotFound, http.StatusGone:
			return nil, fmt.Errorf("%w: the server answered %d", ErrNotFound, resp.StatusCode)
		}
		return nil, fmt.Errorf("the server answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	})
}

// Validator is what tells a later request that the file is still the same: a
// strong ETag, else the date (RFC 9110, section 13.1.5); "" when the server
// sends neither.
func Validator(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return h.Get("Last-Modified")
}
