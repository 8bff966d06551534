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
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/confine"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
)

// Trial is an image to be run once.
type Trial struct {
	Name       string
	Tree       *rootfs.Tree
	Config     image.Config
	Root       string        // where Unpack puts it
	Command    []string      // instead of what the configuration says; nil: as it says
	URL        string        // ask this until it answers, then end the program; "": run to the end
	Within     time.Duration // of which it has to answer, or to end
	Watch      bool          // note which files are opened
	Unconfined bool          // in a chroot alone, where no more can be had
}

// Observation is what a trial showed.
type Observation struct {
	Failed string   // in a word, when it did not start, end or answer
	Exit   int      // of a program that ran to its end; 128 + the signal that ended it
	Output string   // of standard output and standard error, cut after 1 MiB
	Status int      // of the answer to URL
	Body   string   // of it, cut after 1 MiB
	Opened []string // the files that were opened or executed, links resolved, sorted
	Whole  bool     // Opened has them all
}

// Bounds of what is looked at of an observation.
const maxOutput = 1 << 20

const pollEvery = 20 * time.Millisecond

// running is a program that was started.
type running interface {
	Ended() (exit int, ended bool)
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
		exit, ended := p.Ended()
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

// CanTry reports why images of a platform cannot be run here; nil where they may.
func CanTry(p image.Platform, unconfined bool) error {
	if p.OS != runtime.GOOS || p.Architecture != runtime.GOARCH {
		return fmt.Errorf("the image is of %s, this machine of %s/%s", p, runtime.GOOS, runtime.GOARCH)
	}
	if unconfined {
		return nil
	}
	return confine.Available()
}

// Run runs a trial, isolated as confine says. The calling goroutine must be locked
// to its thread and end after it. What is left next to Root is the caller's to remove,
// from another thread.
func (t *Trial) Run(ctx context.Context) (Observation, error) {
	program, argv, err := t.argv()
	if err != nil {
		return Observation{Failed: err.Error()}, nil
	}
	p := confine.Program{
		Root: t.Root, Path: program, Args: argv, Env: t.environment(), Dir: t.workingDir(), Watch: t.Watch, Unconfined: t.Unconfined,
	}
	if p.UID, p.GID, p.Groups, err = runsAs(t.Tree, t.Config.User); err != nil {
		return Observation{Failed: err.Error()}, nil
	}
	if p.Work, err = os.MkdirTemp(filepath.Dir(t.Root), "run-*"); err != nil {
		return Observation{}, err
	}
	running, err := p.Start()
	if errors.Is(err, confine.ErrNotStarted) {
		return Observation{Failed: err.Error()}, nil
	}
	if err != nil {
		return Observation{}, err
	}
	defer running.Close()
	var seen Observation
	t.await(ctx, running, "", &seen)
	running.Close()
	if err := ctx.Err(); err != nil {
		return seen, err
	}
	if err := running.Failed(); errors.Is(err, confine.ErrNotStarted) {
		return Observation{Failed: err.Error()}, nil
	} else if err != nil {
		return seen, err
	}
	seen.Output = running.Output()
	seen.Opened, seen.Whole = running.Opened()
	return seen, nil
}

func (t *Trial) workingDir() string {
	return "/" + strings.Trim(t.Config.WorkingDir, "/")
}

// environment is the image's, with what runtimes add (OCI image specification,
// Docker's run reference).
func (t *Trial) environment() []string {
	env := slices.Clone(t.Config.Env)
	for _, kv := range []string{"PATH=" + defaultPath, "HOME=/root", "HOSTNAME=careen"} {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.ContainsFunc(env, func(has string) bool { return strings.HasPrefix(has, name+"=") }) {
			env = append(env, kv)
		}
	}
	return env
}

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
