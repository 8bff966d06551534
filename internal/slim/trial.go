package slim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
)

// Trial is an image to be run once.
type Trial struct {
	Name    string
	Tree    *rootfs.Tree
	Config  image.Config
	Root    string        // where Unpack puts it
	Command []string      // instead of what the configuration says; nil: as it says
	URL     string        // ask this until it answers, then end the program; "": run to the end
	Within  time.Duration // of which it has to answer, or to end
}

// Observation is what a trial showed.
type Observation struct {
	Failed string // in a word, when it did not start, end or answer
	Exit   int    // of a program that ran to its end; 128 + the signal that ended it
	Output string // of standard output and standard error, cut after 1 MiB
	Status int    // of the answer to URL
	Body   string // of it, cut after 1 MiB
}

// Bounds of what is looked at of an observation.
const (
	maxOutput = 1 << 20
	maxOpened = 100_000 // files of a trace
)

const pollEvery = 20 * time.Millisecond

// running is a program that was started.
type running interface {
	ended() (exit int, ended bool)
}

// await sees a program to its end or, where it is to be asked, to its answer.
// address is where the URL's host and port are, if elsewhere.
func (t *Trial) await(ctx context.Context, p running, address string, seen *Observation) {
	deadline := time.Now().Add(t.Within)
	for {
		var noAnswer error
		if t.URL != "" {
			var status int
			var body string
			if status, body, noAnswer = ask(ctx, t.URL, address); noAnswer == nil {
				seen.Status, seen.Body = status, body
				return
			}
		}
		exit, ended := p.ended()
		switch {
		case ended && t.URL == "":
			seen.Exit = exit
			return
		case ended:
			seen.Exit = exit
			seen.Failed = fmt.Sprintf("ended with %d before it answered", exit)
			return
		case ctx.Err() != nil || time.Now().After(deadline):
			seen.Failed = fmt.Sprintf("did not end within %s", t.Within)
			if noAnswer != nil {
				seen.Failed = fmt.Sprintf("did not answer within %s: %v", t.Within, noAnswer)
			}
			return
		}
		time.Sleep(pollEvery)
	}
}

// hostPort is where a URL is asked.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// ask makes one request. The connection is made by this goroutine, because its
// thread may be in the namespace of the server, alone.
func ask(ctx context.Context, url, address string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	if address == "" {
		address = hostPort(req.URL)
	}
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return 0, "", err
	}
	used := false
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			if used {
				return nil, errors.New("another connection is needed")
			}
			used = true
			return conn, nil
		},
	}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer conn.Close()
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxOutput))
	return resp.StatusCode, string(data), err
}

// defaultPath is the PATH that Docker gives an image that says nothing of it.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// ErrNoTrials says why programs of images are not run here.
var ErrNoTrials = errors.New("only root on Linux can run the image's program apart from this machine")

// argv is the command line, and where its program is: by the image's own PATH.
func (t *Trial) argv() (program string, argv []string, err error) {
	argv = t.Command
	if argv == nil {
		argv = append(append([]string{}, t.Config.Entrypoint...), t.Config.Cmd...)
	}
	if len(argv) == 0 || argv[0] == "" {
		return "", nil, errors.New("the image says nothing of what to run")
	}
	if strings.Contains(argv[0], "/") {
		if !path.IsAbs(argv[0]) {
			return path.Join("/", t.Config.WorkingDir, argv[0]), argv, nil
		}
		return argv[0], argv, nil
	}
	search := defaultPath
	for _, kv := range t.Config.Env {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			search = value
		}
	}
	for dir := range strings.SplitSeq(search, ":") {
		file := path.Join("/", dir, argv[0])
		info, err := t.Tree.Stat(file[1:])
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, argv, nil
		}
	}
	return "", nil, errors.New(argv[0] + ": not in the image's PATH")
}

// Lacking returns those of the files that a program opened that a tree does not
// have: what the slimmed image lacks. Files that no image has, because the
// program made them, have to be left out before.
func Lacking(opened []string, before, after *rootfs.Tree) []string {
	var lacking []string
	for _, file := range opened {
		was, err := before.Resolve(file)
		if err != nil {
			continue
		}
		e, ok := before.Lookup(was)
		if !ok || e.Mode&fs.ModeType != 0 || isDatabase(was) {
			continue
		}
		if _, err := after.Stat(file); err != nil {
			lacking = append(lacking, "/"+was)
		}
	}
	return lacking
}
