package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
	"github.com/careen/careen/internal/image"
)

func (a *API) sources(r *request) (any, error) {
	if err := r.whole(); err != nil {
		return nil, err
	}
	list, err := a.Store.Sources(r.Context())
	return map[string]any{"sources": list}, err
}

// whole refuses what concerns all repositories to someone who may see some only.
func (r *request) whole() error {
	if r.who.Scope.All {
		return nil
	}
	return problem{http.StatusForbidden, "this concerns all repositories, and your token is for some"}
}

const (
	usualEvery = time.Hour
	leastEvery = time.Minute
)

func (a *API) addSource(r *request) (any, error) {
	var asked struct {
		Pattern  string `json:"pattern"`
		Platform string `json:"platform"`
		Every    string `json:"every"`
	}
	if err := r.whole(); err != nil {
		return nil, err
	}
	if err := r.read(&asked); err != nil {
		return nil, err
	}
	every := usualEvery
	if asked.Every != "" {
		var err error
		if every, err = time.ParseDuration(asked.Every); err != nil || every < leastEvery {
			return nil, bad("every: a time of at least %s, such as 1h", leastEvery)
		}
	}
	if _, err := work.ParsePattern(asked.Pattern); err != nil {
		return nil, bad("pattern: %v", err)
	}
	if err := checkPlatform(asked.Platform); err != nil {
		return nil, err
	}
	id, err := a.Work.AddSource(r.Context(), store.Source{Pattern: asked.Pattern, Platform: platformOr(asked.Platform), Every: int64(every.Seconds())}, r.who.Name)
	return map[string]int64{"id": id}, err
}

// platformOr is the platform asked for, all when none is.
func platformOr(platform string) string {
	if platform == "" {
		return "all"
	}
	return platform
}

func checkPlatform(platform string) error {
	if platform == "" || platform == "all" {
		return nil
	}
	if _, err := image.ParsePlatform(platform); err != nil {
		return bad("platform: %v", err)
	}
	return nil
}

func (a *API) removeSource(r *request) (any, error) {
	return a.removed(r, "source", func(tx *store.Tx, id int64) error { return tx.RemoveSource(r.Context(), id) })
}

func (a *API) addScans(r *request) (any, error) {
	var asked struct {
		References []string `json:"references"`
		Platform   string   `json:"platform"`
	}
	if err := r.read(&asked); err != nil {
		return nil, err
	}
	if err := checkPlatform(asked.Platform); err != nil {
		return nil, err
	}
	return a.submit(r, asked.References, platformOr(asked.Platform))
}

const maxReferences = 100_000

// submit has images scanned, of the repositories that the asker may see.
func (a *API) submit(r *request, references []string, platform string) (any, error) {
	if len(references) == 0 {
		return nil, bad("no references")
	}
	if len(references) > maxReferences {
		return nil, bad("%d references, more than %d", len(references), maxReferences)
	}
	for _, ref := range references {
		n, err := image.ParseName(ref)
		if err != nil {
			return nil, bad("%q: %v", ref, err)
		}
		if !r.who.MaySee(n.Repository) {
			return nil, problem{http.StatusForbidden, fmt.Sprintf("%q is not among the repositories of your token", ref)}
		}
	}
	err := a.Work.Submit(r.Context(), r.who.Name, platform, references...)
	if errors.Is(err, work.ErrBusy) {
		return nil, problem{http.StatusServiceUnavailable, err.Error()}
	}
	return map[string]int{"queued": len(references)}, err
}

func (a *API) importList(r *request) (any, error) {
	data, err := r.text()
	if err != nil {
		return nil, err
	}
	references, err := References(data)
	if err != nil {
		return nil, bad("%v", err)
	}
	return a.submit(r, references, platformOr(r.URL.Query().Get("platform")))
}

// References reads the images that a list names, one a line, or that pods run, as
// kubectl get pods -A -o json prints them: by digest where the status says which.
func References(data []byte) ([]string, error) {
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' {
		return podImages(trimmed)
	}
	var list []string
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// pod is what is read of a pod, or of a list of them (core/v1).
type pod struct {
	Items []pod `json:"items"`
	Spec  struct {
		Containers          []container `json:"containers"`
		InitContainers      []container `json:"initContainers"`
		EphemeralContainers []container `json:"ephemeralContainers"`
	} `json:"spec"`
	Status struct {
		Containers          []container `json:"containerStatuses"`
		InitContainers      []container `json:"initContainerStatuses"`
		EphemeralContainers []container `json:"ephemeralContainerStatuses"`
	} `json:"status"`
}

type container struct {
	Name    string `json:"name"`
	Image   string `json:"image"`
	ImageID string `json:"imageID"` // "docker-pullable://registry/app@sha256:…"
}

func podImages(data []byte) ([]string, error) {
	var top pod
	if err := json.Unmarshal(data, &top); err != nil {
		return nil, fmt.Errorf("neither a list of references nor pods: %w", err)
	}
	if top.Items == nil {
		top.Items = []pod{top}
	}
	var list []string
	for _, p := range top.Items {
		for _, kind := range [][2][]container{
			{p.Spec.Containers, p.Status.Containers}, {p.Spec.InitContainers, p.Status.InitContainers}, {p.Spec.EphemeralContainers, p.Status.EphemeralContainers},
		} {
			for _, c := range kind[0] {
				if ref := running(c, kind[1]); ref != "" {
					list = append(list, ref)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// running is the reference of what a container runs: its name, with the digest that
// the node pulled.
func running(c container, status []container) string {
	n, err := image.ParseName(c.Image)
	if err != nil || n.Digest != "" {
		return c.Image
	}
	for _, s := range status {
		_, digest, ok := strings.Cut(s.ImageID, "@")
		if s.Name == c.Name && ok {
			if pinned := n.Tagged() + "@" + digest; pinned != "" {
				if _, err := image.ParseName(pinned); err == nil {
					return pinned
				}
			}
		}
	}
	return c.Image
}

func (a *API) jobs(r *request) (any, error) {
	if err := r.whole(); err != nil {
		return nil, err
	}
	limit, err := r.limit()
	if err != nil {
		return nil, err
	}
	list, err := a.Queue.List(r.Context(), r.URL.Query().Get("state"), limit)
	return map[string]any{"jobs": list}, err
}

func (a *API) retryJob(r *request) (any, error) {
	if err := r.whole(); err != nil {
		return nil, err
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, store.ErrNotFound
	}
	err = a.Store.Tx(r.Context(), func(tx *store.Tx) error {
		if found, err := a.Queue.Retry(r.Context(), tx.SQL, id); err != nil {
			return err
		} else if !found {
			return store.ErrNotFound
		}
		return tx.Note(r.Context(), r.who.Name, fmt.Sprintf("job %d tried again", id), time.Now())
	})
	return map[string]bool{"done": true}, err
}

func (a *API) failures(r *request) (any, error) {
	if err := r.whole(); err != nil {
		return nil, err
	}
	limit, err := r.limit()
	if err != nil {
		return nil, err
	}
	list, err := a.Store.Failures(r.Context(), limit)
	return map[string]any{"failures": list}, err
}

func (a *API) forgetFailure(r *request) (any, error) {
	if err := r.whole(); err != nil {
		return nil, err
	}
	digest := r.PathValue("digest")
	return map[string]bool{"done": true}, a.Store.Tx(r.Context(), func(tx *store.Tx) error {
		found, err := tx.Forget(r.Context(), digest)
		if err == nil && !found {
			err = store.ErrNotFound
		}
		if err != nil {
			return err
		}
		return tx.Note(r.Context(), r.who.Name, "failure of "+digest+" forgotten", time.Now())
	})
}

func (a *API) audit(r *request) (any, error) {
	if err := r.whole(); err != nil {
		return nil, err
	}
	limit, err := r.limit()
	if err != nil {
		return nil, err
	}
	list, err := a.Store.Audit(r.Context(), limit)
	return map[string]any{"audit": list}, err
}
