package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/careen/careen/internal/fleet/queue"
	"github.com/careen/careen/internal/fleet/work"
	"github.com/careen/careen/internal/image"
)

func (a *API) notified(r *request) (any, error) {
	data, err := r.text()
	if err != nil {
		return nil, err
	}
	references, err := Pushed(data, r.URL.Query().Get("registry"))
	if err != nil {
		return nil, bad("%v", err)
	}
	// What is not of the token's repositories is no business of it, and what was deleted
	// or pulled is no push: neither is an error that a registry would send again.
	references = slices.DeleteFunc(references, func(ref string) bool {
		n, err := image.ParseName(ref)
		return err != nil || !r.who.MaySee(n.Repository)
	})
	if len(references) == 0 {
		return map[string]int{"queued": 0}, nil
	}
	return a.submit(r, references, "all")
}

// upload keeps a document. It is asked for by the digest that the answer has.
func (a *API) upload(r *request) (any, error) {
	n, err := image.ParseName(r.URL.Query().Get("repo"))
	if err != nil || n.Tag != "" || n.Digest != "" {
		return nil, bad("repo: a repository, such as registry.example.com/team/app")
	}
	if !r.who.MaySee(n.Repository) {
		return nil, problem{http.StatusForbidden, "the repository is not among those of your token"}
	}
	document, err := r.text()
	if err != nil {
		return nil, err
	}
	digests, err := a.Work.Upload(r.Context(), r.who.Name, n.Repository, document)
	switch {
	case errors.Is(err, work.ErrUpload):
		return nil, bad("%v", err)
	case queue.Waits(err):
		return nil, problem{http.StatusServiceUnavailable, "the advisories are being applied; try again"}
	}
	return map[string]any{"digests": digests}, err
}

// notification is what registries send, all of them in one: each has fields of its own.
type notification struct {
	// Docker distribution: envelope of events (distribution/notifications).
	Events []struct {
		Action string `json:"action"`
		Target struct {
			MediaType  string `json:"mediaType"`
			Digest     string `json:"digest"`
			Repository string `json:"repository"`
			Tag        string `json:"tag"`
		} `json:"target"`
		Request struct {
			Host string `json:"host"`
		} `json:"request"`
	} `json:"events"`

	// Harbor: PUSH_ARTIFACT.
	Type  string `json:"type"`
	Event struct {
		Resources []struct {
			Digest string `json:"digest"`
			Tag    string `json:"tag"`
			URL    string `json:"resource_url"`
		} `json:"resources"`
	} `json:"event_data"`

	// Quay: repo_push.
	DockerURL   string   `json:"docker_url"`
	UpdatedTags []string `json:"updated_tags"`

	// GitHub: package, registry_package.
	Action  string         `json:"action"`
	Package *pushedPackage `json:"package"`
	Other   *pushedPackage `json:"registry_package"`
}

type pushedPackage struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Type      string `json:"package_type"`
	Version   struct {
		Version   string `json:"version"` // the digest
		URL       string `json:"package_url"`
		Container struct {
			Tag struct {
				Name   string `json:"name"`
				Digest string `json:"digest"`
			} `json:"tag"`
		} `json:"container_metadata"`
	} `json:"package_version"`
}

var errNoNotification = errors.New("no notification of Docker distribution, Harbor, Quay or GitHub")

// Pushed reads the references that a registry says were pushed. registry takes the
// place of the name by which the registry knows itself; "" keeps that.
func Pushed(data []byte, registry string) ([]string, error) {
	var n notification
	if err := json.Unmarshal(data, &n); err != nil {
		return nil, errNoNotification
	}
	var list []string
	add := func(host, repo, tag, digest string) {
		if registry != "" {
			host = registry
		}
		if host == "" || repo == "" {
			return
		}
		ref := host + "/" + repo
		if tag != "" {
			ref += ":" + tag
		}
		if digest != "" {
			ref += "@" + digest
		}
		if tag != "" || digest != "" {
			list = append(list, ref)
		}
	}
	switch {
	case n.Events != nil:
		for _, e := range n.Events {
			// Blobs are pushed too; what a manifest is, its media type says.
			if e.Action == "push" && (strings.Contains(e.Target.MediaType, "manifest") || strings.Contains(e.Target.MediaType, "image.index")) {
				add(e.Request.Host, e.Target.Repository, e.Target.Tag, e.Target.Digest)
			}
		}
	case n.Event.Resources != nil:
		if n.Type != "PUSH_ARTIFACT" {
			return nil, nil
		}
		for _, e := range n.Event.Resources {
			name, err := image.ParseName(e.URL)
			if err != nil {
				continue
			}
			host, repo, _ := strings.Cut(name.Repository, "/")
			add(host, repo, e.Tag, e.Digest)
		}
	case n.DockerURL != "":
		host, repo, _ := strings.Cut(n.DockerURL, "/")
		for _, tag := range n.UpdatedTags {
			add(host, repo, tag, "")
		}
	case n.Package != nil || n.Other != nil:
		p := n.Package
		if p == nil {
			p = n.Other
		}
		if n.Action != "published" && n.Action != "updated" || !strings.EqualFold(p.Type, "container") {
			return nil, nil
		}
		digest := p.Version.Container.Tag.Digest
		if digest == "" && strings.HasPrefix(p.Version.Version, "sha256:") {
			digest = p.Version.Version
		}
		add("ghcr.io", strings.ToLower(p.Namespace+"/"+p.Name), p.Version.Container.Tag.Name, digest)
	default:
		return nil, errNoNotification
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}
