package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// dockerEntry is one image of manifest.json, as docker save writes it
// (moby, image/spec/v1.2, "Combined Image JSON + Filesystem Changeset Format").
type dockerEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// dockerCandidates reads the images that an archive's manifest.json lists.
func (s *session) dockerCandidates(a *archive) ([]candidate, error) {
	raw, err := a.document("manifest.json", maxManifest)
	if err != nil {
		return nil, err
	}
	var entries []dockerEntry
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	var candidates []candidate
	for _, e := range entries {
		load := func() (*Image, error) { return s.dockerImage(a, e) }
		names := slices.Clone(e.RepoTags)
		candidates = append(candidates, candidate{
			names: names,
			detect: func() (Platform, error) {
				img, err := load()
				if err != nil {
					return Platform{}, err
				}
				return img.Platform, nil
			},
			load: load,
		})
	}
	return candidates, nil
}

func (s *session) dockerImage(a *archive, e dockerEntry) (*Image, error) {
	raw, err := a.document(e.Config, s.opt.MaxConfig)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	sum := sha256.Sum256(raw)
	id := hex.EncodeToString(sum[:])
	// Docker names the file by its digest: <hex>.json, or blobs/sha256/<hex>.
	named := strings.TrimSuffix(path.Base(e.Config), ".json")
	if checkDigest("sha256:"+named) == nil && named != id {
		return nil, fmt.Errorf("config %s: digest mismatch: the archive is damaged or altered", e.Config)
	}
	config, platform, err := parseConfig(raw)
	if err != nil {
		return nil, err
	}
	if len(e.Layers) != len(config.DiffIDs) {
		return nil, fmt.Errorf("manifest.json lists %d layers, the config %d", len(e.Layers), len(config.DiffIDs))
	}
	img := &Image{
		Kind:     KindDockerArchive,
		ConfigID: "sha256:" + id,
		Tags:     e.RepoTags,
		Platform: platform,
		Config:   config,
	}
	if len(e.RepoTags) > 0 {
		img.Ref = e.RepoTags[0]
	}
	for i, name := range e.Layers {
		bytes, err := a.find(name)
		if err != nil {
			return nil, fmt.Errorf("layer %d (%s): %w", i, config.DiffIDs[i], err)
		}
		layer := Layer{
			DiffID:    config.DiffIDs[i],
			Size:      bytes.Size(),
			MediaType: "application/vnd.docker.image.rootfs.diff.tar",
			Local:     true,
			Key:       a.keyOf(bytes),
			Open: func() (io.ReadCloser, error) {
				return section{io.NewSectionReader(bytes, 0, bytes.Size())}, nil
			},
		}
		if digest := "sha256:" + path.Base(name); path.Dir(name) == "blobs/sha256" && checkDigest(digest) == nil {
			layer.Digest = digest
		}
		img.Layers = append(img.Layers, layer)
	}
	describeLayers(img.Layers, config.History)
	return img, nil
}
