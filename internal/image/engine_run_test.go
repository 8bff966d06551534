package image_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
)

// TestEngineRunsImages holds what is asked of a daemon to the Engine API: with a
// network to publish from, without one, and with a program that does not start.
// The real one is in TestVerifyInDocker.
func TestEngineRunsImages(t *testing.T) {
	for _, c := range []struct {
		name            string
		bridge, refuses bool
		opt             image.ContainerOptions
		create          string
		address, output string
	}{
		{name: "no network", bridge: true, opt: image.ContainerOptions{Command: []string{"app", "-v"}},
			create: `{"Cmd":[],"Entrypoint":["app","-v"],"HostConfig":{"NetworkMode":"none"},"Image":"app:1"}`, output: "out, and err"},
		{name: "a port is published", bridge: true, opt: image.ContainerOptions{Port: 8080},
			create:  `{"ExposedPorts":{"8080/tcp":{}},"HostConfig":{"NetworkMode":"bridge","PortBindings":{"8080/tcp":[{"HostIp":"127.0.0.1","HostPort":""}]}},"Image":"app:1"}`,
			address: "127.0.0.1:49153", output: "out, and err"},
		{name: "nowhere to publish from", opt: image.ContainerOptions{Port: 8080},
			create: `{"HostConfig":{"NetworkMode":"host"},"Image":"app:1"}`, address: "127.0.0.1:8080", output: "out, and err"},
		{name: "does not start", refuses: true, create: `{"HostConfig":{"NetworkMode":"none"},"Image":"app:1"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var created string
			var asked []string
			address := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.Method+" "+r.URL.String())
				switch r.URL.Path {
				case "/version":
					io.WriteString(w, `{"Version":"20.10"}`)
				case "/networks/bridge":
					if !c.bridge {
						w.WriteHeader(http.StatusNotFound)
					}
					io.WriteString(w, `{"Id":"b"}`)
				case "/containers/create":
					raw, _ := io.ReadAll(r.Body)
					created = string(raw)
					w.WriteHeader(http.StatusCreated)
					io.WriteString(w, `{"Id":"c1"}`)
				case "/containers/c1/start":
					if c.refuses {
						w.WriteHeader(http.StatusBadRequest)
						json.NewEncoder(w).Encode(map[string]string{"message": strings.Repeat("because ", 50) + "no such file"})
						return
					}
					w.WriteHeader(http.StatusNoContent)
				case "/containers/c1/json":
					io.WriteString(w, `{"State":{"Status":"exited","ExitCode":3},"NetworkSettings":{"Ports":{"8080/tcp":[{"HostIp":"127.0.0.1","HostPort":"49153"}]}}}`)
				case "/containers/c1/logs":
					io.WriteString(w, "\x01\x00\x00\x00\x00\x00\x00\x05out, \x02\x00\x00\x00\x00\x00\x00\x07and err")
				case "/containers/c1":
					w.WriteHeader(http.StatusNoContent)
				default:
					w.WriteHeader(http.StatusNotFound)
				}
			}))
			e, err := image.OpenEngine(t.Context(), image.Options{Getenv: environment(t, map[string]string{"DOCKER_HOST": address})})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			started, err := e.Start("app:1", c.opt)
			if diff := cmp.Diff(c.create, created); diff != "" {
				t.Errorf("what is created: %s", diff)
			}
			if c.refuses {
				if !errors.Is(err, image.ErrNotStarted) || !strings.HasSuffix(err.Error(), "no such file\")") {
					t.Errorf("error %v", err)
				}
			} else if err != nil {
				t.Fatal(err)
			} else {
				if c.opt.Port != 0 && started.Address() != c.address {
					t.Errorf("address %s, want %s", started.Address(), c.address)
				}
				if exit, ended, err := started.Ended(); exit != 3 || !ended || err != nil {
					t.Errorf("ended %v with %d, %v", ended, exit, err)
				}
				if out, err := started.Output(100); out != c.output || err != nil {
					t.Errorf("output %q, %v", out, err)
				}
				if out, err := started.Output(6); out != c.output[:6] || err != nil {
					t.Errorf("cut output %q, %v", out, err)
				}
				if err := started.Remove(); err != nil {
					t.Error(err)
				}
			}
			if last := asked[len(asked)-1]; last != "DELETE /containers/c1?force=1&v=1" {
				t.Errorf("the last that is asked: %s", last)
			}
		})
	}
	none := image.Options{Getenv: environment(t, nil)}
	if _, err := image.OpenEngine(t.Context(), none); !errors.Is(err, image.ErrNoEngine) {
		t.Errorf("without a daemon: %v", err)
	}
}
