// Package admission answers Kubernetes' API server before it takes up what runs
// containers (AdmissionReview, admission.k8s.io/v1): whether the images may run, by
// the policies of the fleet, and with their tags replaced by the digests that these
// had when they were last looked at. It answers from what is known, and waits for no
// registry.
package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/careen/careen/internal/fleet/api"
	"github.com/careen/careen/internal/fleet/auth"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
	"github.com/careen/careen/internal/image"
)

// Webhook is what the API server asks.
type Webhook struct {
	Store *store.Store
	Work  *work.Work
	Guard *auth.Guard
	Log   *slog.Logger

	mu    sync.Mutex
	known map[asked]remembered
}

// Prefix is where the webhooks lie.
const Prefix = "/admission"

// Paths lists "METHOD PATH" of both, for the tests of what others see.
func Paths() []string {
	return []string{"POST " + Prefix + "/validate", "POST " + Prefix + "/mutate"}
}

// Register adds the webhooks to a server's table.
func (w *Webhook) Register(mux *http.ServeMux) {
	mux.HandleFunc(Paths()[0], func(out http.ResponseWriter, r *http.Request) { w.serve(out, r, w.validate) })
	mux.HandleFunc(Paths()[1], func(out http.ResponseWriter, r *http.Request) { w.serve(out, r, w.mutate) })
}

// review is the part of an AdmissionReview that is read.
type review struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Request    *struct {
		UID       string          `json:"uid"`
		Operation string          `json:"operation"`
		Object    json.RawMessage `json:"object"`
	} `json:"request"`
}

// response is the answer; its names are the API's.
type response struct {
	UID       string   `json:"uid"`
	Allowed   bool     `json:"allowed"`
	Status    *status  `json:"status,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
	PatchType string   `json:"patchType,omitempty"`
	Patch     []byte   `json:"patch,omitempty"`
}

type status struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

const apiVersion, maxReview = "admission.k8s.io/v1", 8 << 20

func (w *Webhook) serve(out http.ResponseWriter, r *http.Request, answer func(context.Context, auth.Who, choice, []container) (response, error)) {
	who, code, err := w.Guard.Who(r)
	if err != nil {
		http.Error(out, err.Error(), code)
		return
	}
	want, err := choices(r)
	var asked review
	if err == nil {
		err = json.NewDecoder(io.LimitReader(r.Body, maxReview)).Decode(&asked)
	}
	if err != nil || asked.Request == nil || asked.APIVersion != apiVersion {
		http.Error(out, fmt.Sprintf("no AdmissionReview of %s: %v", apiVersion, err), http.StatusBadRequest)
		return
	}
	var said response
	if list, readErr := containers(asked.Request.Object); asked.Request.Operation == "DELETE" {
		said.Allowed = true
	} else if readErr != nil {
		err = readErr
	} else {
		said, err = answer(r.Context(), who, want, list)
	}
	if err != nil {
		// The API server does what its failurePolicy says with anything but an answer.
		w.Log.Error("admission", "error", err)
		http.Error(out, "it failed; the server's log says why", http.StatusInternalServerError)
		return
	}
	said.UID = asked.Request.UID
	out.Header().Set("Content-Type", "application/json")
	json.NewEncoder(out).Encode(map[string]any{"apiVersion": apiVersion, "kind": "AdmissionReview", "response": said})
}

// choice is what the webhook's URL says: ?unknown=deny&undecided=deny&failOn=high.
type choice struct {
	failOn string
	deny   map[string]bool // verdicts that close the door; "fail" always does
}

func choices(r *http.Request) (choice, error) {
	c := choice{failOn: r.URL.Query().Get("failOn"), deny: map[string]bool{"fail": true}}
	if c.failOn != "" {
		if _, err := api.ParseGate(c.failOn); err != nil {
			return c, fmt.Errorf("failOn: %w", err)
		}
	}
	for _, verdict := range []string{"unknown", "undecided"} {
		switch r.URL.Query().Get(verdict) {
		case "", "allow":
		case "deny":
			c.deny[verdict] = true
		default:
			return c, fmt.Errorf("%s: one of allow, deny", verdict)
		}
	}
	return c, nil
}

// validate says whether all images may run. What is not known is queued.
func (w *Webhook) validate(ctx context.Context, who auth.Who, want choice, list []container) (response, error) {
	said := response{Allowed: true}
	var denied []string
	seen := map[string]bool{}
	for _, c := range list {
		if seen[c.image] {
			continue
		}
		seen[c.image] = true
		v, err := w.verdict(ctx, who, c.image, want.failOn)
		if err != nil {
			return said, err
		}
		text := c.image + ": " + v.Verdict
		if v.Because != "" {
			text += ": " + v.Because
		}
		switch {
		case want.deny[v.Verdict]:
			denied = append(denied, text)
		case v.Verdict != "pass":
			said.Warnings = append(said.Warnings, short("careen: "+text))
		}
	}
	if len(denied) > 0 {
		said.Allowed = false
		said.Status = &status{http.StatusForbidden, "careen: " + strings.Join(denied, "; ")}
	}
	return said, nil
}

// short keeps a warning below what the API server cuts off.
func short(text string) string {
	const most = 250
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// mutate replaces tags by the digests that they had when they were last looked at.
func (w *Webhook) mutate(ctx context.Context, who auth.Who, _ choice, list []container) (response, error) {
	said := response{Allowed: true}
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value string `json:"value"`
	}
	var patch []operation
	for _, c := range list {
		n, err := image.ParseName(c.image)
		if err != nil || n.Digest != "" || !who.MaySee(n.Repository) {
			continue
		}
		if n.Tag == "" {
			n.Tag = "latest"
		}
		digest, err := w.Store.TagDigest(ctx, n.Repository, n.Tag)
		if err != nil {
			return said, err
		}
		if digest != "" {
			patch = append(patch,
				operation{"test", c.path, c.image}, // what another webhook changed meanwhile stays
				operation{"replace", c.path, n.Tagged() + "@" + digest})
		}
	}
	if len(patch) == 0 {
		return said, nil
	}
	var err error
	said.PatchType = "JSONPatch"
	said.Patch, err = json.Marshal(patch)
	return said, err
}

// asked is what verdicts are remembered by, for a short time.
type asked struct{ who, image, failOn string }

type remembered struct {
	verdict    api.Verdict
	generation int64
	at         time.Time
}

const (
	rememberFor = 30 * time.Second
	maxKnown    = 10_000
)

// verdict is that of the fleet. One that was given is given again for a short time,
// while the advisories are the same: the pods of a deployment come all at once.
func (w *Webhook) verdict(ctx context.Context, who auth.Who, ref, failOn string) (api.Verdict, error) {
	if _, err := image.ParseName(ref); err != nil {
		return api.Verdict{Verdict: "undecided", Because: err.Error()}, nil
	}
	generation, err := w.Store.Current(ctx)
	if err != nil {
		return api.Verdict{}, err
	}
	at := asked{who.Name, ref, failOn}
	w.mu.Lock()
	before, ok := w.known[at]
	w.mu.Unlock()
	if ok && before.generation == generation && time.Since(before.at) < rememberFor {
		return before.verdict, nil
	}
	v, err := api.Judge(ctx, w.Store, w.Work, who, ref, "", failOn)
	if err != nil {
		return v, err
	}
	if v.Verdict != "unknown" {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.known == nil || len(w.known) >= maxKnown {
			w.known = map[asked]remembered{}
		}
		w.known[at] = remembered{v, generation, time.Now()}
	}
	return v, nil
}

// container is an image that is to run, and where the object names it.
type container struct{ image, path string }

// specs are where the objects of the core, apps and batch groups have their pod.
var specs = map[string][]string{
	"Pod": {"spec"}, "CronJob": {"spec", "jobTemplate", "spec", "template", "spec"}, "PodTemplate": {"template", "spec"},
	"Deployment": {"spec", "template", "spec"}, "ReplicaSet": {"spec", "template", "spec"}, "ReplicationController": {"spec", "template", "spec"},
	"StatefulSet": {"spec", "template", "spec"}, "DaemonSet": {"spec", "template", "spec"}, "Job": {"spec", "template", "spec"},
}

var errObject = errors.New("the object is not JSON as Kubernetes has it")

// containers lists the images of an object. One without pods has none.
func containers(object json.RawMessage) ([]container, error) {
	var top map[string]any
	if err := json.Unmarshal(object, &top); err != nil {
		return nil, fmt.Errorf("%w: %w", errObject, err)
	}
	kind, _ := top["kind"].(string)
	path, ok := specs[kind]
	if !ok {
		return nil, nil
	}
	at := any(top)
	for _, name := range path {
		m, _ := at.(map[string]any)
		at = m[name]
	}
	pod, _ := at.(map[string]any)
	var list []container
	for _, field := range []string{"initContainers", "containers", "ephemeralContainers"} {
		all, _ := pod[field].([]any)
		for i, c := range all {
			m, _ := c.(map[string]any)
			if ref, _ := m["image"].(string); ref != "" {
				list = append(list, container{ref, "/" + strings.Join(slices.Concat(path, []string{field, fmt.Sprint(i), "image"}), "/")})
			}
		}
	}
	return list, nil
}
