package web

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retries repeats requests that may succeed later: 429 and 503 after the time
// that the answer asks for, other 5xx and broken connections after a short one.
type retries struct{ inner http.RoundTripper }

// Retry returns a transport that repeats requests that inner fails to make, or
// that the server cannot answer just then.
func Retry(inner http.RoundTripper) http.RoundTripper { return &retries{inner} }

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
	if errors.As(err, &certificate) || errors.As(err, &record) || TLSRefused(err) {
		return false
	}
	var timeout net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op) ||
		(errors.As(err, &timeout) && timeout.Timeout())
}

// TLSRefused reports whether one side did not take the other's TLS, such as its
// version: with an alert, by which Go's errors name the side.
func TLSRefused(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
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
