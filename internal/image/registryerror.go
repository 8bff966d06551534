package image

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// explain turns what a registry answered, or why it did not, into one line that
// says what to do.
func (r *registry) explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if cause := r.ctx.Err(); cause != nil {
		return cause // whatever else its end made the transport say
	}
	at := host(r.repo.Registry)
	var elsewhere *elsewhereError
	var unknownCA x509.UnknownAuthorityError
	var wrongHost x509.HostnameError
	var expired x509.CertificateInvalidError
	switch {
	case errors.As(err, &elsewhere):
		return fmt.Errorf("%s: %w", at, elsewhere)
	case errors.As(err, &unknownCA):
		return fmt.Errorf("%s: its certificate is signed by an unknown authority: give that with --cacert, or accept any with --insecure", at)
	case errors.As(err, &wrongHost), errors.As(err, &expired):
		return fmt.Errorf("%s: %w (--insecure accepts any certificate)", at, rootCause(err))
	case r.repo.Scheme() == "https" && strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"), errors.Is(err, errPlainHTTP):
		// Of a loopback address plain HTTP was tried too, and has an error of its own.
		return fmt.Errorf("%s does not speak HTTPS: --insecure allows plain HTTP", at)
	}
	var answer *transport.Error
	if errors.As(err, &answer) {
		switch answer.StatusCode {
		case http.StatusUnauthorized:
			return fmt.Errorf("unauthorized: %s", r.cred.refused(at))
		case http.StatusForbidden:
			return fmt.Errorf("denied: %s%s", r.cred.refused(at), diagnostic(answer))
		case http.StatusTooManyRequests:
			return fmt.Errorf("too many requests: %s limits how often it is asked%s; wait, or log in: docker login %[1]s", at, diagnostic(answer))
		}
		return fmt.Errorf("%s answered %d %s%s", at, answer.StatusCode, http.StatusText(answer.StatusCode), diagnostic(answer))
	}
	return fmt.Errorf("%s: %w", at, rootCause(err))
}

// diagnostic is what the registry itself says, in short.
func diagnostic(e *transport.Error) string {
	for _, d := range e.Errors {
		if d.Message != "" {
			return fmt.Sprintf(" (%q)", shorten(d.Message))
		}
	}
	return ""
}

// rootCause drops the address that net/http puts in front: it may hold the
// signature of a storage service.
func rootCause(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return err
}
