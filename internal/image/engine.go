package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Engine is a Docker daemon that runs images.
type Engine struct {
	s       *session
	d       *daemon
	bridged bool // it has a network from which ports can be published
}

// ErrNoEngine says that no Docker daemon can be asked.
var ErrNoEngine = errors.New("no Docker daemon")

// OpenEngine connects to the Docker daemon of this machine, or to the one that
// the environment names. Close it.
func OpenEngine(ctx context.Context, opt Options) (*Engine, error) {
	s := artifactSession(ctx, opt)
	d, err := s.dial(KindDocker)
	if err == nil {
		var about struct{ Version string }
		err = d.ask("/version", &about)
	}
	e := &Engine{s: s, d: d}
	if err == nil {
		var bridge struct{ ID string }
		switch err = d.ask("/networks/bridge", &bridge); {
		case err == nil:
			e.bridged = true
		case errors.Is(err, errNotInDaemon):
			err = nil
		}
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("%w: %w", ErrNoEngine, err)
	}
	return e, nil
}

// Publishes reports whether the daemon publishes ports. Where it does not, a
// program that is to be asked on a port runs in the machine's own network.
func (e *Engine) Publishes() bool { return e.bridged }

// Close ends the connection.
func (e *Engine) Close() { e.s.close() }

// Load gives the daemon an image under a name.
func (e *Engine) Load(img NewImage, name string) error {
	return e.s.loadImage(Destination{Kind: KindDocker, Name: name, Tag: name}, img, manifestFor(img))
}

// Unload takes a name away again, and the image if it has no other.
func (e *Engine) Unload(name string) error {
	return e.d.send(e.s.ctx, http.MethodDelete, "/images/"+name, nil, nil, nil)
}

// ContainerOptions say how an image is run: without a network, unless it is to
// be asked on a port.
type ContainerOptions struct {
	Command []string // instead of ENTRYPOINT and CMD; nil: as the image says
	Port    int      // of TCP, on which it is to be asked
}

// Container is an image that runs.
type Container struct {
	e       *Engine
	id      string
	address string
}

// Start runs an image that the daemon has. An error wraps ErrNotStarted where the
// daemon cannot start the image's program. Remove the container. A port is
// published on the loopback, if the daemon can (see Publishes).
func (e *Engine) Start(name string, opt ContainerOptions) (*Container, error) {
	type binding struct{ HostIp, HostPort string }
	host := map[string]any{"NetworkMode": "none"}
	create := map[string]any{"Image": name, "HostConfig": host}
	if opt.Command != nil {
		create["Entrypoint"], create["Cmd"] = opt.Command, []string{}
	}
	port := strconv.Itoa(opt.Port) + "/tcp"
	switch {
	case opt.Port == 0:
	case e.bridged:
		host["NetworkMode"] = "bridge"
		create["ExposedPorts"] = map[string]any{port: struct{}{}}
		host["PortBindings"] = map[string][]binding{port: {{HostIp: "127.0.0.1"}}}
	default:
		host["NetworkMode"] = "host"
	}
	var made struct{ ID string }
	if err := e.d.send(e.s.ctx, http.MethodPost, "/containers/create", nil, create, &made); err != nil {
		return nil, err
	}
	c := &Container{e: e, id: made.ID, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(opt.Port))}
	if err := e.d.send(e.s.ctx, http.MethodPost, "/containers/"+c.id+"/start", nil, nil, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrNotStarted, err), c.Remove())
	}
	if opt.Port != 0 && e.bridged {
		var about struct {
			NetworkSettings struct{ Ports map[string][]binding }
		}
		if err := e.d.ask("/containers/"+c.id+"/json", &about); err != nil {
			return nil, errors.Join(err, c.Remove())
		}
		if published := about.NetworkSettings.Ports[port]; len(published) > 0 {
			c.address = net.JoinHostPort("127.0.0.1", published[0].HostPort)
		}
	}
	return c, nil
}

// ErrNotStarted says that a container was made, and its program did not start.
var ErrNotStarted = errors.New("does not start")

// Address is where a port of the container is asked.
func (c *Container) Address() string { return c.address }

// Ended reports whether the program has ended, and with what.
func (c *Container) Ended() (exit int, ended bool, err error) {
	var about struct {
		State struct {
			Status   string
			ExitCode int
		}
	}
	if err := c.e.d.ask("/containers/"+c.id+"/json", &about); err != nil {
		return 0, false, err
	}
	return about.State.ExitCode, about.State.Status == "exited" || about.State.Status == "dead", nil
}

// Output is what the program has printed, cut after some bytes.
func (c *Container) Output(limit int64) (string, error) {
	resp, err := c.e.d.request(c.e.s.ctx, http.MethodGet, "/containers/"+c.id+"/logs", url.Values{"stdout": {"1"}, "stderr": {"1"}}, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	// A frame begins with its stream, three zeros and its length (Engine API,
	// "ContainerAttach").
	var out strings.Builder
	for int64(out.Len()) < limit {
		var head [8]byte
		if _, err := io.ReadFull(resp.Body, head[:]); err != nil {
			break // the end
		}
		frame := int64(binary.BigEndian.Uint32(head[4:]))
		if n, err := io.CopyN(&out, resp.Body, min(frame, limit-int64(out.Len()))); err != nil || n < frame {
			break
		}
	}
	return out.String(), nil
}

// Remove ends the container and takes it and its volumes away.
func (c *Container) Remove() error {
	return c.e.d.send(context.WithoutCancel(c.e.s.ctx), http.MethodDelete, "/containers/"+c.id, url.Values{"force": {"1"}, "v": {"1"}}, nil, nil)
}

// send makes a request with a small JSON body, and reads a small JSON answer;
// both may be nil.
func (d *daemon) send(ctx context.Context, method, path string, query url.Values, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	resp, err := d.request(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxDaemonJSON+1))
	if err != nil {
		return fmt.Errorf("%s: %w", d.address, err)
	}
	if len(raw) > maxDaemonJSON {
		return fmt.Errorf("%s: an answer of more than %d bytes", d.address, maxDaemonJSON)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: not the answer of an Engine API: %w", d.address, err)
	}
	return nil
}

// jsonBody encodes what is sent; no body for nil.
func jsonBody(body any) (io.Reader, error) {
	if body == nil {
		return http.NoBody, nil
	}
	raw, err := json.Marshal(body)
	return bytes.NewReader(raw), err
}
