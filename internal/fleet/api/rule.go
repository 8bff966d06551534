package api

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
)

func (a *API) policies(r *request) (any, error) {
	if err := r.whole(); err != nil {
		return nil, err
	}
	list, err := a.Store.Policies(r.Context())
	return map[string]any{"policies": list}, err
}

// checkRepos reads a pattern of repositories.
func checkRepos(pattern string) error {
	const most = 512
	if pattern == "" || len(pattern) > most || strings.ContainsFunc(pattern, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return bad("repos: a pattern of repositories, such as registry.example.com/team/*")
	}
	return nil
}

func (a *API) addPolicy(r *request) (any, error) {
	var p store.Policy
	if err := r.whole(); err != nil {
		return nil, err
	}
	if err := r.read(&p); err != nil {
		return nil, err
	}
	if err := checkRepos(p.Repos); err != nil {
		return nil, err
	}
	if _, err := ParseGate(p.FailOn); err != nil || p.FailOn == "" {
		return nil, bad("failOn: what --fail-on of careen scan takes, such as high,kev")
	}
	if p.Owner == "" {
		p.Owner = r.who.Name
	}
	return a.added(r, fmt.Sprintf("policy for %q: %s", p.Repos, p.FailOn), func(tx *store.Tx) (int64, error) { return tx.AddPolicy(r.Context(), p, time.Now()) })
}

// added does something and notes who did it, in one transaction.
func (a *API) added(r *request, what string, add func(*store.Tx) (int64, error)) (any, error) {
	var id int64
	err := a.Store.Tx(r.Context(), func(tx *store.Tx) (err error) {
		if id, err = add(tx); err != nil {
			return err
		}
		return tx.Note(r.Context(), r.who.Name, what, time.Now())
	})
	return map[string]int64{"id": id}, err
}

// removed takes away what the path names.
func (a *API) removed(r *request, what string, remove func(*store.Tx, int64) error) (any, error) {
	if err := r.whole(); err != nil {
		return nil, err
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, store.ErrNotFound
	}
	err = a.Store.Tx(r.Context(), func(tx *store.Tx) error {
		if err := remove(tx, id); err != nil {
			return err
		}
		return tx.Note(r.Context(), r.who.Name, fmt.Sprintf("%s %d removed", what, id), time.Now())
	})
	return map[string]bool{"done": true}, err
}

func (a *API) removePolicy(r *request) (any, error) {
	return a.removed(r, "policy", func(tx *store.Tx, id int64) error { return tx.RemovePolicy(r.Context(), id) })
}

func (a *API) exceptions(r *request) (any, error) {
	if err := r.whole(); err != nil {
		return nil, err
	}
	list, err := a.Store.Exceptions(r.Context())
	return map[string]any{"exceptions": list}, err
}

func (a *API) addException(r *request) (any, error) {
	var asked struct {
		store.Exception
		Until string `json:"until"`
	}
	if err := r.whole(); err != nil {
		return nil, err
	}
	if err := r.read(&asked); err != nil {
		return nil, err
	}
	e := asked.Exception
	if err := checkRepos(e.Repos); err != nil {
		return nil, err
	}
	until, err := time.Parse(time.DateOnly, asked.Until)
	switch {
	case e.Vuln == "":
		return nil, bad("vulnerability: which?")
	case strings.TrimSpace(e.Reason) == "":
		return nil, bad("reason: why is it accepted?")
	case err != nil || !until.After(time.Now()):
		return nil, bad("until: a day to come, such as 2030-12-31")
	}
	e.Expires = until.Unix()
	if e.Owner == "" {
		e.Owner = r.who.Name
	}
	return a.added(r, fmt.Sprintf("exception of %s in %q until %s: %s", e.Vuln, e.Repos, asked.Until, e.Reason), func(tx *store.Tx) (int64, error) { return tx.AddException(r.Context(), e, time.Now()) })
}

func (a *API) removeException(r *request) (any, error) {
	return a.removed(r, "exception", func(tx *store.Tx, id int64) error { return tx.RemoveException(r.Context(), id) })
}

func (a *API) hooks(r *request) (any, error) {
	if err := r.whole(); err != nil {
		return nil, err
	}
	list, err := a.Store.Hooks(r.Context())
	return map[string]any{"hooks": list}, err
}

func (a *API) addHook(r *request) (any, error) {
	var asked struct {
		store.Hook
		Secret string `json:"secret"`
	}
	if err := r.whole(); err != nil {
		return nil, err
	}
	if err := r.read(&asked); err != nil {
		return nil, err
	}
	h := asked.Hook
	h.Secret = asked.Secret
	if err := checkRepos(h.Repos); err != nil {
		return nil, err
	}
	if err := work.CheckHook(h); err != nil {
		return nil, bad("%v", err)
	}
	return a.added(r, fmt.Sprintf("hook for %q: %s", h.Repos, h.URL), func(tx *store.Tx) (int64, error) { return tx.AddHook(r.Context(), h, time.Now()) })
}

func (a *API) removeHook(r *request) (any, error) {
	return a.removed(r, "hook", func(tx *store.Tx, id int64) error { return tx.RemoveHook(r.Context(), id) })
}
