package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Bounds of a list of tags.
const (
	maxTagPages = 100
	maxTagPage  = 8 << 20 // bytes
	maxTags     = 100_000
)

// Name is a reference taken apart.
type Name struct {
	Repository string // in full: "docker.io/library/alpine"
	Tag        string // "" when none is written
	Digest     string // "" when none is written
}

// ParseName takes a reference apart: "alpine", "ghcr.io/a/b:1", "alpine:3@sha256:…".
func ParseName(reference string) (Name, error) {
	base, digest, pinned := strings.Cut(reference, "@")
	if pinned {
		if err := checkDigest(digest); err != nil {
			return Name{}, err
		}
	}
	tag, err := name.NewTag(base)
	if err != nil {
		return Name{}, refError(err)
	}
	n := Name{Repository: display(tag.Context()), Digest: digest}
	if strings.Contains(base[strings.LastIndexByte(base, '/')+1:], ":") {
		n.Tag = tag.TagStr()
	}
	return n, nil
}

// Tagged is the reference by tag alone, "latest" when none is written.
func (n Name) Tagged() string {
	if n.Tag == "" {
		return n.Repository + ":latest"
	}
	return n.Repository + ":" + n.Tag
}

// Resolved is what a reference names in its registry.
type Resolved struct {
	Digest    string            // of the index, or of the manifest where there is no index; verified
	Platforms map[string]string // digests of the images in the index, by "os/arch[/variant]"; nil without an index
}

// Resolver asks registries what references name. It keeps its connections until
// Close, and asks each repository for its credential once. It is not for use by
// several goroutines.
type Resolver struct {
	session *session
	repos   map[string]*registry
}

// NewResolver returns a resolver whose requests end with ctx. Nothing is asked
// yet. Options.Username and Password must not be set: they are for one registry.
func NewResolver(ctx context.Context, opt Options) *Resolver {
	if opt.Getenv == nil {
		opt.Getenv = os.Getenv
	}
	return &Resolver{session: &session{ctx: ctx, opt: opt}, repos: map[string]*registry{}}
}

// Close ends the connections.
func (r *Resolver) Close() error { return r.session.close() }

// repository opens the repository of a reference, once.
func (r *Resolver) repository(reference string) (*registry, name.Reference, error) {
	if r.session.opt.Offline {
		return nil, nil, errors.New("offline: its registry is not asked")
	}
	parsed, err := name.ParseReference(reference)
	if err != nil {
		return nil, nil, refError(err)
	}
	key := parsed.Context().Name()
	if known := r.repos[key]; known != nil {
		return known, parsed, nil
	}
	opened, parsed, _, err := r.session.repository(reference, transport.PullScope)
	if err != nil {
		return nil, nil, err
	}
	r.repos[key] = opened
	return opened, parsed, nil
}

// Resolve reads the manifest or index that a reference names, and holds the
// digest that the registry claims against its bytes.
func (r *Resolver) Resolve(reference string) (Resolved, error) {
	repo, ref, err := r.repository(reference)
	if err != nil {
		return Resolved{}, err
	}
	d, raw, err := repo.top(ref)
	if err != nil {
		return Resolved{}, err
	}
	doc, err := parseDocument(raw, "manifest "+d.Digest)
	if err != nil {
		return Resolved{}, err
	}
	found := Resolved{Digest: d.Digest}
	if doc.Manifests == nil {
		return found, nil
	}
	if len(doc.Manifests) > maxDescriptors {
		return Resolved{}, fmt.Errorf("index %s: %d images, more than %d", d.Digest, len(doc.Manifests), maxDescriptors)
	}
	found.Platforms = map[string]string{}
	for _, m := range doc.Manifests {
		if m.Platform == nil || m.Platform.OS == "unknown" || checkDigest(m.Digest) != nil {
			continue // an attestation, which is no image
		}
		p := Platform{m.Platform.OS, m.Platform.Architecture, m.Platform.Variant}.String()
		if found.Platforms[p] == "" {
			found.Platforms[p] = m.Digest
		}
	}
	return found, nil
}

// Platform returns the digest of the image for a platform, "os/arch[/variant]",
// by the rules of Open. Without an index it is the digest of the only image,
// whatever that is for.
func (r Resolved) Platform(platform string) (string, error) {
	wanted, err := ParsePlatform(platform)
	if err != nil {
		return "", err
	}
	if r.Platforms == nil {
		return r.Digest, nil
	}
	best, digest := -1, ""
	var all []string
	for text, d := range r.Platforms {
		all = append(all, text)
		p, err := ParsePlatform(text)
		if err != nil {
			continue
		}
		if rank := p.rank(wanted); rank >= 0 && (best < 0 || rank < best) {
			best, digest = rank, d
		}
	}
	if best < 0 {
		slices.Sort(all)
		return "", fmt.Errorf("no image for %s: there is %s", wanted, strings.Join(all[:min(len(all), maxListed)], ", "))
	}
	return digest, nil
}

// Claimed asks for the digest that the registry gives for a reference, without
// reading what it is of: cheap, often not counted against limits, and not
// verified. "" means that the registry names none.
func (r *Resolver) Claimed(reference string) (string, error) {
	repo, ref, err := r.repository(reference)
	if err != nil {
		return "", err
	}
	resp, err := repo.ask(repo.ctx, http.MethodHead, repo.address("manifests/"+ref.Identifier()), acceptManifests, 0)
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	digest := resp.Header.Get("Docker-Content-Digest")
	if checkDigest(digest) != nil {
		return "", nil
	}
	return digest, nil
}

// Tags lists the tags of the repository of a reference, in the registry's order
// (distribution-spec v1.1, "Listing Tags"). A list that is too long is cut.
func (r *Resolver) Tags(reference string) ([]string, error) {
	repo, _, err := r.repository(reference)
	if err != nil {
		return nil, err
	}
	var tags []string
	next := repo.address("tags/list?n=1000")
	for page := 0; next != "" && page < maxTagPages && len(tags) < maxTags; page++ {
		more, after, err := repo.tagPage(next)
		if err != nil {
			return nil, err
		}
		tags = append(tags, more...)
		next = after
	}
	return tags, nil
}

// tagPage reads one page of tags and the address of the one after it.
func (r *registry) tagPage(address string) (tags []string, next string, err error) {
	var list struct {
		Tags []string `json:"tags"`
	}
	next, err = r.listPage(address, "tags", &list)
	return list.Tags, next, err
}

// listPage reads one page of a list and returns the address of the one after it.
func (r *registry) listPage(address, what string, into any) (next string, err error) {
	resp, err := r.ask(r.ctx, http.MethodGet, address, "application/json", 0)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxTagPage+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	if len(raw) > maxTagPage {
		return "", fmt.Errorf("%s: more than %d bytes at once", what, maxTagPage)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	return r.nextPage(address, resp.Header.Get("Link")), nil
}

// nextPage reads `</v2/a/tags/list?last=x>; rel="next"` (RFC 8288). Another host
// is not followed.
func (r *registry) nextPage(address, link string) string {
	target, rest, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if !ok || !strings.Contains(rest, "next") {
		return ""
	}
	base, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u, err := base.Parse(target)
	if err != nil || u.Host != base.Host || u.String() == address {
		return ""
	}
	u.Scheme = base.Scheme
	return u.String()
}
