package image

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// dial prepares a connection to a daemon: the address that the environment
// names, else the first default socket that is there.
func (s *session) dial(kind Kind) (*daemon, error) {
	addresses := s.dockerAddresses()
	if kind == KindPodman {
		addresses = s.podmanAddresses()
	}
	for _, a := range addresses {
		if path, ok := strings.CutPrefix(a.address, "unix://"); ok && !a.chosen {
			if _, err := os.Stat(path); err != nil {
				continue
			}
		}
		return s.connect(kind, a)
	}
	variable := map[Kind]string{KindDocker: "DOCKER_HOST", KindPodman: "CONTAINER_HOST"}[kind]
	return nil, fmt.Errorf("%w of %s here: no socket found, and %s names none", errNoDaemon, daemonNames[kind], variable)
}

// endpoint is where a daemon may be.
type endpoint struct {
	address string
	chosen  bool // by the environment: not one of the defaults
}

// dockerAddresses lists, as docker itself looks for it: DOCKER_HOST, the
// current context, the system's socket, and those of rootless Docker and of
// Docker Desktop.
func (s *session) dockerAddresses() []endpoint {
	if host := s.opt.Getenv("DOCKER_HOST"); host != "" {
		return []endpoint{{host, true}}
	}
	if host := s.dockerContext(); host != "" {
		return []endpoint{{host, true}}
	}
	all := []endpoint{{"unix:///var/run/docker.sock", false}}
	if dir := s.opt.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		all = append(all, endpoint{"unix://" + filepath.Join(dir, "docker.sock"), false})
	}
	if home := s.home(); home != "" {
		all = append(all,
			endpoint{"unix://" + filepath.Join(home, ".docker", "run", "docker.sock"), false},
			endpoint{"unix://" + filepath.Join(home, ".docker", "desktop", "docker.sock"), false})
	}
	if runtime.GOOS == "windows" {
		all = append(all, endpoint{"npipe:////./pipe/docker_engine", false})
	}
	return all
}

// podmanAddresses lists CONTAINER_HOST and the sockets of podman.service(1),
// rootless first, and of Podman's machine on macOS.
func (s *session) podmanAddresses() []endpoint {
	if host := s.opt.Getenv("CONTAINER_HOST"); host != "" {
		return []endpoint{{host, true}}
	}
	var all []endpoint
	if dir := s.opt.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		all = append(all, endpoint{"unix://" + filepath.Join(dir, "podman", "podman.sock"), false})
	}
	all = append(all, endpoint{"unix:///run/podman/podman.sock", false})
	if home := s.home(); home != "" && runtime.GOOS == "darwin" {
		all = append(all, endpoint{"unix://" + filepath.Join(home, ".local", "share", "containers", "podman", "machine", "podman.sock"), false})
	}
	return all
}

func (s *session) home() string {
	if home := s.opt.Getenv("HOME"); home != "" {
		return home
	}
	return s.opt.Getenv("USERPROFILE")
}

func (s *session) dockerConfigDir() string {
	if dir := s.opt.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(s.home(), ".docker")
}

// dockerContext returns the address of the current context, "" for the default
// one. The CLI stores a context under the SHA-256 of its name.
func (s *session) dockerContext() string {
	name := s.opt.Getenv("DOCKER_CONTEXT")
	if name == "" {
		var config struct{ CurrentContext string }
		if readJSON(filepath.Join(s.dockerConfigDir(), "config.json"), &config) != nil {
			return ""
		}
		name = config.CurrentContext
	}
	if name == "" || name == "default" {
		return ""
	}
	sum := sha256.Sum256([]byte(name))
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	if readJSON(filepath.Join(s.dockerConfigDir(), "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json"), &meta) != nil {
		return ""
	}
	return meta.Endpoints["docker"].Host
}

func readJSON(path string, into any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxAuthFile))
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

func (s *session) connect(kind Kind, at endpoint) (*daemon, error) {
	u, err := url.Parse(at.address)
	if err != nil {
		return nil, fmt.Errorf("daemon address %q: not a URL", at.address)
	}
	d := &daemon{kind: kind, address: at.address, ctx: s.ctx}
	t := &http.Transport{DisableCompression: true, IdleConnTimeout: time.Minute}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	switch u.Scheme {
	case "unix":
		d.base = url.URL{Scheme: "http", Host: "localhost"}
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", u.Path)
		}
	case "tcp", "http", "https":
		d.base = url.URL{Scheme: "http", Host: u.Host}
		t.DialContext = dialer.DialContext
		if kind == KindDocker && s.opt.Getenv("DOCKER_TLS_VERIFY") != "" || u.Scheme == "https" {
			d.base.Scheme = "https"
			if t.TLSClientConfig, err = s.daemonTLS(); err != nil {
				return nil, err
			}
		}
	case "npipe", "ssh", "fd":
		if !at.chosen {
			return nil, fmt.Errorf("%w over %s that careen can reach", errNoDaemon, u.Scheme)
		}
		return nil, fmt.Errorf("daemon address %q: careen speaks to unix: and tcp: only; save the image instead: docker save -o image.tar NAME", at.address)
	default:
		return nil, fmt.Errorf("daemon address %q: neither unix:// nor tcp://", at.address)
	}
	s.onClose(func() error { t.CloseIdleConnections(); return nil })
	d.client = &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("a daemon does not redirect") },
	}
	return d, nil
}

// daemonTLS reads the certificates that docker uses, from DOCKER_CERT_PATH or
// its configuration.
func (s *session) daemonTLS() (*tls.Config, error) {
	dir := s.opt.Getenv("DOCKER_CERT_PATH")
	if dir == "" {
		dir = s.dockerConfigDir()
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if pem, err := os.ReadFile(filepath.Join(dir, "ca.pem")); err == nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", filepath.Join(dir, "ca.pem"))
		}
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	switch {
	case err == nil:
		config.Certificates = []tls.Certificate{pair}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("client certificate in %s: %w", dir, err)
	}
	return config, nil
}

// unreachable says why there is no talking to a daemon.
func (d *daemon) unreachable(err error) error {
	cause := rootCause(err)
	if errors.Is(err, syscall.EACCES) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s: permission denied: this user may not use the daemon", d.address)
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("%w at %s: %v", errNoDaemon, d.address, op.Err)
	}
	return fmt.Errorf("%s: %w", d.address, cause)
}
