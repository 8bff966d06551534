package image

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/careen/careen/internal/web"
)

var errPlainHTTP = errors.New("plain HTTP")

// registryTransport is what requests to a registry go through, below
// authentication: proxies, certificates, retries, and the rules about hosts.
func (s *session) registryTransport(reg name.Registry) (http.RoundTripper, error) {
	opt := web.Options{Insecure: s.opt.Insecure, CACert: s.opt.CACert, UserAgent: s.opt.UserAgent}
	t, err := opt.Transport()
	if err != nil {
		return nil, err
	}
	s.onClose(func() error { t.CloseIdleConnections(); return nil })
	return &hostRules{
		inner:    web.Retry(t),
		registry: reg.RegistryStr(),
		plain:    s.opt.Insecure || web.Loopback(reg.RegistryStr()),
		agent:    opt.Agent(),
		refused:  new(atomic.Pointer[error]),
	}, nil
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
//     does, only loopback may, or whom --insecure names; and not where the host
//     speaks TLS, but none that is taken: why is what is to be said then.
type hostRules struct {
	inner    http.RoundTripper
	registry string
	plain    bool // HTTP is allowed
	agent    string
	refused  *atomic.Pointer[error] // why the registry's TLS was not taken
}

func (h *hostRules) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "http" && !h.plain && (req.URL.Host == h.registry || req.Header.Get("Authorization") != "") {
		return nil, errPlainHTTP
	}
	if why := h.refused.Load(); why != nil && req.URL.Scheme == "http" && req.URL.Host == h.registry {
		return nil, *why
	}
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", h.agent)
	resp, err := h.inner.RoundTrip(req)
	if err != nil {
		if req.URL.Scheme == "https" && req.URL.Host == h.registry && web.TLSRefused(err) {
			h.refused.Store(&err)
		}
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
