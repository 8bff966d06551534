package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxMessage    = 200              // bytes of what a daemon says went wrong
	maxDaemonJSON = 16 << 20         // of what a daemon tells of one image
	askTimeout    = 30 * time.Second // for that; an export may take as long as it takes
)

// Why a daemon did not give an image; a lookup goes on after these.
var (
	errNoDaemon    = errors.New("no daemon")
	errNotInDaemon = errors.New("not in the daemon")
)

// daemonNames are for people.
var daemonNames = map[Kind]string{KindDocker: "Docker", KindPodman: "Podman"}

// lookUp finds a reference in the local Docker daemon, then Podman's, then in
// its registry. Daemons hold one platform of an image: all of them are the
// registry's to give.
func (s *session) lookUp(t Target) ([]*Image, error) {
	var notes []string
	if s.opt.Platform != "all" {
		for _, kind := range []Kind{KindDocker, KindPodman} {
			images, err := s.openDaemon(kind, t)
			if err == nil {
				err = s.checkPlatform(images)
			}
			switch {
			case err == nil:
				return images, nil
			case s.ctx.Err() != nil:
				return nil, s.ctx.Err()
			case errors.Is(err, errNotInDaemon):
				notes = append(notes, "not in the "+daemonNames[kind]+" daemon")
			case !errors.Is(err, errNoDaemon):
				notes = append(notes, daemonNames[kind]+": "+err.Error())
			}
		}
	}
	if s.opt.Offline {
		if len(notes) == 0 {
			notes = []string{"no Docker or Podman daemon"}
		}
		return nil, fmt.Errorf("%s, and offline: its registry is not asked", strings.Join(notes, ", "))
	}
	images, err := s.openRegistry(t)
	if err != nil && len(notes) > 0 && s.ctx.Err() == nil {
		return nil, fmt.Errorf("%s; in its registry: %w", strings.Join(notes, ", "), err)
	}
	return images, err
}

// openDaemon opens an image that a daemon holds.
//
// The Engine API tells an image's settings, layers' diffIDs and history in two
// small answers; the layers themselves only all at once, as an archive. That is
// fetched when the first layer is opened, so an image whose layers are known
// already costs nothing. What the answers leave out: the stored configuration
// (Config.Raw is nil; ConfigID is the daemon's word), the manifest (Digest is
// that under which the image was pulled, if it was), and whether a line of
// history made a layer. The last is worked out (see markEmpty); where the answer
// is not certain, the archive is fetched at once and its configuration used.
// Podman's own API tells it; what Podman leaves out is Config.Shell.
func (s *session) openDaemon(kind Kind, t Target) ([]*Image, error) {
	d, err := s.dial(kind)
	if err != nil {
		return nil, withHint(err, kind, t.Name)
	}
	var about inspected
	if err := d.ask("/images/"+t.Name+"/json", &about); err != nil {
		return nil, withHint(err, kind, t.Name)
	}
	img, err := about.image(kind, t.Name)
	if err != nil {
		return nil, err
	}
	var lines []historyLine
	if err := d.ask("/images/"+about.ID+"/history", &lines); err != nil {
		return nil, err
	}
	e := &export{s: s, d: d, id: about.ID, diffIDs: img.Config.DiffIDs}
	if len(img.Config.DiffIDs) == 0 {
		// Nothing to look at would be a green answer: the image itself has to say so.
		if _, err := e.image(); err != nil {
			return nil, fmt.Errorf("the daemon says that the image has no layers: %w", err)
		}
	}
	if kind != KindPodman || !d.askPodman(about.ID, img) {
		img.Config.History = engineHistory(lines)
		if !markEmpty(img.Config.History, lines, len(img.Config.DiffIDs)) {
			exact, err := e.image()
			if err != nil {
				return nil, err
			}
			img.Config = exact.Config
			if img.ConfigID != "" {
				img.ConfigID = exact.ConfigID
			}
		}
	}
	for i, id := range img.Config.DiffIDs {
		img.Layers = append(img.Layers, Layer{
			DiffID:    id,
			Size:      -1,
			MediaType: "application/vnd.docker.image.rootfs.diff.tar",
			Local:     true,
			Key:       "daemon " + id, // trusted as the daemon is
			Open:      func() (io.ReadCloser, error) { return e.layer(i) },
		})
	}
	describeLayers(img.Layers, img.Config.History)
	return []*Image{img}, nil
}

// askPodman adds what Podman tells in its own API and not as an Engine: the
// health check, and the history as it is stored. False means that it does not,
// being too old or too new.
func (d *daemon) askPodman(id string, img *Image) bool {
	var own struct {
		Healthcheck *healthcheck
		Digest      string
		History     []storedHistory
	}
	if d.ask("/v4.0.0/libpod/images/"+id+"/json", &own) != nil || own.History == nil || len(own.History) > maxHistory {
		return false
	}
	if own.Healthcheck != nil {
		img.Config.Healthcheck = own.Healthcheck.Test
	}
	if checkDigest(own.Digest) == nil {
		img.Digest = own.Digest
	}
	img.Config.History = history(own.History)
	return true
}

// withHint helps who wrote docker:dind or registry:2 and meant the image of
// that name.
func withHint(err error, kind Kind, ref string) error {
	if strings.ContainsAny(ref, "/:@") || !(errors.Is(err, errNotInDaemon) || errors.Is(err, errNoDaemon)) {
		return err
	}
	return fmt.Errorf("%w (for the image %s:%s of Docker Hub write registry:%[2]s:%[3]s)", err, kind, ref)
}

// inspected is what GET /images/{name}/json answers (Engine API v1.41 to v1.52,
// "ImageInspect"; Podman answers the same).
type inspected struct {
	ID           string `json:"Id"`
	RepoTags     []string
	RepoDigests  []string
	Created      string
	Author       string
	Config       *runConfig
	Architecture string
	Variant      string
	OS           string `json:"Os"`
	RootFS       struct{ Layers []string }
	Descriptor   *descriptor // of an image in containerd's store, whose Id is not the config's
}

func (a inspected) image(kind Kind, ref string) (*Image, error) {
	if err := checkDigest(a.ID); err != nil {
		return nil, fmt.Errorf("the daemon gave a wrong answer: image ID %w", err)
	}
	if n := len(a.RootFS.Layers); n > maxLayers {
		return nil, fmt.Errorf("%d layers, more than the %d that careen reads", n, maxLayers)
	}
	for i, id := range a.RootFS.Layers {
		if err := checkDigest(id); err != nil {
			return nil, fmt.Errorf("the daemon gave a wrong answer: diffID of layer %d: %w", i, err)
		}
	}
	img := &Image{
		Ref: ref, Kind: kind, ConfigID: a.ID,
		Tags:     append(slices.Clone(a.RepoTags), a.RepoDigests...),
		Platform: Platform{a.OS, a.Architecture, a.Variant},
	}
	if a.Config != nil {
		img.Config = a.Config.config()
	}
	img.Config.Created, img.Config.Author, img.Config.DiffIDs = parseTime(a.Created), a.Author, a.RootFS.Layers
	if a.Descriptor != nil {
		img.ConfigID = ""
	}
	for _, pulled := range a.RepoDigests {
		if _, digest, ok := strings.Cut(pulled, "@"); ok && checkDigest(digest) == nil {
			img.Digest = digest
			break
		}
	}
	return img, nil
}

// historyLine is one of what GET /images/{name}/history answers, latest first.
type historyLine struct {
	Created   int64 // seconds
	CreatedBy string
	Comment   string
	Size      int64
}

func engineHistory(lines []historyLine) []History {
	var history []History
	for _, l := range slices.Backward(lines) {
		h := History{CreatedBy: l.CreatedBy, Comment: l.Comment}
		if l.Created > 0 {
			h.Created = time.Unix(l.Created, 0).UTC()
		}
		history = append(history, h)
	}
	return history
}

// markEmpty works out which lines made no layer, which the Engine API does not
// say. A line with a size made one; so did BuildKit's RUN, COPY, ADD and
// WORKDIR, even when empty; instructions that only set something did not. That
// leaves the classic builder's lines without a size: RUN true made none, WORKDIR
// /new did. The number of layers decides whether none or all of those did;
// where it is neither, markEmpty returns false.
func markEmpty(history []History, lines []historyLine, layers int) bool {
	certain, possible := 0, 0
	open := make([]bool, len(history))
	for i := range history {
		h := &history[i]
		verb, _, _ := strings.Cut(cleanInstruction(h.CreatedBy), " ")
		verb = strings.ToUpper(verb)
		buildkit := strings.HasPrefix(h.Comment, "buildkit.")
		switch {
		case lines[len(lines)-1-i].Size > 0, buildkit && slices.Contains(layerVerbs, verb):
			certain++
		case slices.Contains(settingVerbs, verb):
			h.EmptyLayer = true
		default:
			open[i] = true
			possible++
		}
	}
	switch layers {
	case certain + possible:
	case certain:
		for i := range history {
			history[i].EmptyLayer = history[i].EmptyLayer || open[i]
		}
	default:
		return false
	}
	return true
}

var (
	layerVerbs   = []string{"RUN", "COPY", "ADD", "WORKDIR"}
	settingVerbs = []string{"ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "SHELL", "STOPSIGNAL", "USER", "VOLUME"}
)

// export is the archive of an image that a daemon holds, fetched once.
type export struct {
	s       *session
	d       *daemon
	id      string
	diffIDs []string

	once   sync.Once
	result *Image
	err    error
}

func (e *export) layer(i int) (io.ReadCloser, error) {
	img, err := e.image()
	if err != nil {
		return nil, fmt.Errorf("layer %d (%s): %w", i, e.diffIDs[i], err)
	}
	return img.Layers[i].Open()
}

// image fetches the archive, unless that has been done, and returns the image in it.
func (e *export) image() (*Image, error) {
	e.once.Do(func() { e.result, e.err = e.fetch() })
	return e.result, e.err
}

func (e *export) fetch() (*Image, error) {
	resp, err := e.d.request(e.s.ctx, http.MethodGet, "/images/"+e.id+"/get", nil, nil)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	defer resp.Body.Close()
	f, size, err := e.s.spool("exporting from "+daemonNames[e.d.kind], resp.Body, -1)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	a, err := indexArchive(f, size)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	candidates, err := e.s.archiveCandidates(a, KindArchive)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	for _, c := range candidates {
		img, err := c.load()
		if err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
		if slices.Equal(img.Config.DiffIDs, e.diffIDs) {
			return img, nil
		}
	}
	return nil, errors.New("export: the daemon gave another image")
}

// daemon is a connection to an Engine API.
type daemon struct {
	kind    Kind
	address string // for people
	base    url.URL
	client  *http.Client
	ctx     context.Context
}

// ask reads a small JSON answer.
func (d *daemon) ask(path string, into any) error {
	return d.send(d.ctx, http.MethodGet, path, nil, nil, into)
}

// request makes a request with a JSON body, if any. An answer that is no success
// is an error.
func (d *daemon) request(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	u := d.base
	u.Path, u.RawQuery = path, query.Encode()
	sent, err := jsonBody(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), sent)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := d.client.Do(req)
	if err != nil {
		if d.ctx.Err() != nil {
			return nil, d.ctx.Err()
		}
		return nil, d.unreachable(err)
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	var answer struct{ Message string }
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	_ = json.Unmarshal(raw, &answer) // the status says enough without it
	if resp.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("%w at %s", errNotInDaemon, d.address)
	}
	message := answer.Message
	if len(message) > maxMessage {
		message = "…" + message[len(message)-maxMessage:] // the cause stands last
	}
	return nil, fmt.Errorf("%s answered %s (%q)", d.address, resp.Status, message)
}
