package image

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Bounds of a configuration. Real ones have a few hundred lines of history at
// most; overlayfs stops at 500 layers.
const (
	maxLayers  = 5000
	maxHistory = 20000
)

// configJSON is the stored form (OCI image-spec v1.1, config.md, with Docker's
// extensions as in moby's image/spec v1.3).
type configJSON struct {
	Created      string `json:"created"`
	Author       string `json:"author"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
	OS           string `json:"os"`
	Config       runConfig
	RootFS       struct {
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []storedHistory `json:"history"`
}

type storedHistory struct {
	Created    string `json:"created"`
	CreatedBy  string `json:"created_by"`
	Comment    string `json:"comment"`
	EmptyLayer bool   `json:"empty_layer"`
}

type healthcheck struct{ Test words }

// runConfig is also what the Engine API calls Config.
type runConfig struct {
	User         string
	Env          []string
	Entrypoint   words
	Cmd          words
	WorkingDir   string
	ExposedPorts map[string]any
	Volumes      map[string]any
	Labels       map[string]string
	StopSignal   string
	Healthcheck  *healthcheck
	Shell        words
	OnBuild      []string
}

// words is a list that builders of Docker's first years wrote as one string.
type words []string

func (w *words) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*w = nil
		if one != "" {
			*w = words{one}
		}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(w))
}

// parseConfig reads a stored configuration. What only describes, such as a
// date, may be malformed; what the layers hang on may not.
func parseConfig(raw []byte) (Config, Platform, error) {
	var doc configJSON
	if err := json.Unmarshal(raw, &doc); err != nil {
		return Config{}, Platform{}, fmt.Errorf("config: %w", err)
	}
	if n := len(doc.RootFS.DiffIDs); n > maxLayers {
		return Config{}, Platform{}, fmt.Errorf("config: %d layers, more than the %d that careen reads", n, maxLayers)
	}
	if n := len(doc.History); n > maxHistory {
		return Config{}, Platform{}, fmt.Errorf("config: %d lines of history, more than the %d that careen reads", n, maxHistory)
	}
	for i, id := range doc.RootFS.DiffIDs {
		if err := checkDigest(id); err != nil {
			return Config{}, Platform{}, fmt.Errorf("config: diffID of layer %d: %w", i, err)
		}
	}
	c := doc.Config.config()
	c.Created, c.Author, c.DiffIDs, c.Raw = parseTime(doc.Created), doc.Author, doc.RootFS.DiffIDs, raw
	c.History = history(doc.History)
	return c, Platform{doc.OS, doc.Architecture, doc.Variant}, nil
}

func history(stored []storedHistory) []History {
	var list []History
	for _, h := range stored {
		list = append(list, History{parseTime(h.Created), h.CreatedBy, h.Comment, h.EmptyLayer})
	}
	return list
}

func (r runConfig) config() Config {
	c := Config{
		User: r.User, Env: r.Env, Entrypoint: r.Entrypoint, Cmd: r.Cmd, WorkingDir: r.WorkingDir,
		ExposedPorts: sortedKeys(r.ExposedPorts), Volumes: sortedKeys(r.Volumes),
		Labels: r.Labels, StopSignal: r.StopSignal, Shell: r.Shell, OnBuild: r.OnBuild,
	}
	if r.Healthcheck != nil {
		c.Healthcheck = r.Healthcheck.Test
	}
	return c
}

func sortedKeys(set map[string]any) []string {
	if len(set) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(set))
}

// parseTime returns the zero time for what is none.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// describeLayers gives each layer its line of history. The lines that made no
// layer are marked; the others are the layers in order. Where their number is
// not that of the layers nothing is claimed.
func describeLayers(layers []Layer, history []History) {
	var lines []int
	for i, h := range history {
		if !h.EmptyLayer {
			lines = append(lines, i)
		}
	}
	for i := range layers {
		layers[i].History, layers[i].Instruction = -1, ""
		if len(lines) == len(layers) {
			layers[i].History = lines[i]
			layers[i].Instruction = cleanInstruction(history[lines[i]].CreatedBy)
		}
	}
}

// checkDigest accepts the registered algorithms (OCI image-spec v1.1,
// descriptor.md, "Digests").
func checkDigest(d string) error {
	algorithm, sum, ok := strings.Cut(d, ":")
	length, known := map[string]int{"sha256": 64, "sha512": 128}[algorithm]
	if !ok || !known || len(sum) != length || strings.ToLower(sum) != sum {
		return fmt.Errorf("%q is not a digest", shorten(d))
	}
	if _, err := hex.DecodeString(sum); err != nil {
		return fmt.Errorf("%q is not a digest", shorten(d))
	}
	return nil
}

// shorten keeps hostile text from filling an error.
func shorten(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}
