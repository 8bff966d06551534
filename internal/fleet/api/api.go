// Package api answers questions over HTTP in JSON, version 1. Its table of endpoints
// is what the server, the OpenAPI document and the test of what tenants see are made
// of. What someone may not see is answered as what does not exist.
package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/careen/careen/internal/fleet/auth"
	"github.com/careen/careen/internal/fleet/queue"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
)

// API answers.
type API struct {
	Store   *store.Store
	Work    *work.Work
	Queue   *queue.Queue
	Guard   *auth.Guard
	Version string
	Log     *slog.Logger
}

// endpoint is one question.
type endpoint struct {
	method, path string
	role         auth.Role
	summary      string
	query        []param
	body         string // what it takes, by media type; "" for nothing
	answer       string // schema of the answer
	do           func(*API, *request) (any, error)
}

type param struct{ name, about string }

// request is a question with who asks it.
type request struct {
	*http.Request
	who auth.Who
	out http.ResponseWriter
}

// document is an answer that is no JSON of ours.
type document struct {
	contentType string
	data        []byte
}

// problem is an answer that says what is wrong.
type problem struct {
	status int
	why    string
}

func (p problem) Error() string { return p.why }

func bad(format string, args ...any) error {
	return problem{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// Register adds the endpoints to a server's table.
func (a *API) Register(mux *http.ServeMux) {
	for _, e := range endpoints() {
		mux.Handle(e.method+" "+e.path, a.serve(e))
	}
}

const maxBody = 64 << 20 // of a request: an SBOM, the result of a scan, a list of pods

func (a *API) serve(e endpoint) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		who, status, err := a.Guard.Who(r)
		if err == nil && who.Role < e.role {
			status, err = http.StatusForbidden, fmt.Errorf("this takes the role %s, and %q has %s", e.role, who.Name, who.Role)
		}
		if err != nil {
			if status == http.StatusUnauthorized {
				out.Header().Set("WWW-Authenticate", `Bearer realm="careend"`)
			}
			a.fail(out, status, err)
			return
		}
		r.Body = http.MaxBytesReader(out, r.Body, maxBody)
		answer, err := e.do(a, &request{Request: r, who: who, out: out})
		var p problem
		var tooLarge *http.MaxBytesError
		switch {
		case err == nil:
			a.answer(out, r, answer)
		case errors.As(err, &p):
			a.fail(out, p.status, p)
		case errors.As(err, &tooLarge):
			a.fail(out, http.StatusRequestEntityTooLarge, err)
		case errors.Is(err, store.ErrNotFound):
			a.fail(out, http.StatusNotFound, errors.New("not found"))
		case errors.Is(err, store.ErrCursor):
			a.fail(out, http.StatusBadRequest, err)
		case r.Context().Err() != nil: // nobody waits any more
		default:
			a.Log.Error("request failed", "path", r.URL.Path, "error", err)
			a.fail(out, http.StatusInternalServerError, errors.New("it failed; the server's log says why"))
		}
	})
}

// retryAfter is after how many seconds it is worth asking again.
var retryAfter = map[int]string{http.StatusTooManyRequests: "1", http.StatusServiceUnavailable: "60"}

func (a *API) fail(out http.ResponseWriter, status int, err error) {
	body, _ := json.Marshal(map[string]string{"error": err.Error()})
	if after := retryAfter[status]; after != "" {
		out.Header().Set("Retry-After", after)
	}
	out.Header().Set("Content-Type", "application/json")
	out.Header().Set("Cache-Control", "no-store")
	out.WriteHeader(status)
	out.Write(append(body, '\n'))
}

// answer writes an answer with its ETag, or that it is what the asker has.
func (a *API) answer(out http.ResponseWriter, r *http.Request, v any) {
	d, ok := v.(document)
	status := http.StatusOK
	if !ok {
		if s, ok := v.(interface{ status() int }); ok {
			status = s.status()
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			a.Log.Error("answer", "path", r.URL.Path, "error", err)
			a.fail(out, http.StatusInternalServerError, errors.New("it failed; the server's log says why"))
			return
		}
		d = document{"application/json", b.Bytes()}
	}
	sum := sha256.Sum256(d.data)
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	h := out.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Vary", "Authorization, Cookie")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodGet && r.Header.Get("If-None-Match") == tag {
		out.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", d.contentType)
	h.Set("Content-Length", strconv.Itoa(len(d.data)))
	out.WriteHeader(status)
	out.Write(d.data)
}

// read reads a request's JSON.
func (r *request) read(into any) error {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return err
		}
		return bad("the body is not the JSON that this takes: %v", err)
	}
	return nil
}

func (r *request) text() ([]byte, error) { return io.ReadAll(r.Body) }

// limit reads how many are asked for.
func (r *request) limit() (int, error) {
	const usual, most = 50, 1000
	text := r.URL.Query().Get("limit")
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, bad("limit: a number from 1 to %d", most)
	}
	return n, nil
}
