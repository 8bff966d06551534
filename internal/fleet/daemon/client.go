package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/careen/careen/internal/fleet/auth"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/safetext"
)

// add has the running server watch patterns.
func (c *command) add(ctx context.Context, patterns []string) error {
	if len(patterns) == 0 {
		return errors.New("add: which pattern? careend add registry.example.com/team/*")
	}
	for _, p := range patterns {
		body, err := json.Marshal(map[string]string{"pattern": p, "platform": c.platform, "every": c.every})
		if err != nil {
			return err
		}
		if _, err := c.ask(ctx, "/v1/sources", "application/json", bytes.NewReader(body)); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return nil
}

// importFile has the running server scan what a file names.
func (c *command) importFile(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("import: one file, or - for standard input: kubectl get pods -A -o json | careend import -")
	}
	in := c.stdin
	if args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	answer, err := c.ask(ctx, "/v1/import?platform="+url.QueryEscape(c.platform), "text/plain", in)
	if err != nil {
		return err
	}
	var queued struct{ Queued int }
	if err := json.Unmarshal(answer, &queued); err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "%d images will be scanned\n", queued.Queued)
	return nil
}

const maxAnswer = 16 << 20

// ask sends something to the running server.
func (c *command) ask(ctx context.Context, path, contentType string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.server, "/")+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	if token := c.env["CAREEND_TOKEN"]; token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return answer, nil
	}
	var problem struct{ Error string }
	if json.Unmarshal(answer, &problem) != nil || problem.Error == "" {
		return nil, errors.New(resp.Status)
	}
	return nil, errors.New(problem.Error)
}

// commandLine is who changed what is changed without asking the server.
const commandLine = "command line"

// token makes, lists and removes tokens, in the database itself: who can open that
// may do everything anyway.
func (c *command) token(ctx context.Context, args []string) error {
	s, err := store.OpenBeside(ctx, c.database, c.dataDir)
	if err != nil {
		return err
	}
	defer s.Close()
	switch {
	case len(args) == 2 && args[0] == "add":
		return c.addToken(ctx, s, args[1])
	case len(args) == 2 && args[0] == "remove":
		err := s.Tx(ctx, func(tx *store.Tx) error {
			return errors.Join(tx.RemoveToken(ctx, args[1]), tx.Note(ctx, commandLine, "token "+args[1]+" removed", time.Now()))
		})
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("token %s: not found", args[1])
		}
		return err
	case len(args) == 1 && args[0] == "list":
		tokens, err := s.Tokens(ctx)
		if err != nil {
			return err
		}
		return safetext.WriteJSON(c.stdout, tokens)
	}
	return errors.New("token: one of add NAME, list, remove NAME")
}

func (c *command) addToken(ctx context.Context, s *store.Store, name string) error {
	role, err := auth.ParseRole(c.role)
	if err != nil {
		return err
	}
	t := store.Token{Name: name, Role: role.String(), Scopes: c.scopes}
	if c.expires != "" {
		d, err := time.ParseDuration(c.expires)
		if err != nil || d <= 0 {
			return fmt.Errorf("--expires %s: a time, such as 720h", c.expires)
		}
		t.Expires = time.Now().Add(d).Unix()
	}
	token := auth.NewToken()
	err = s.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.AddToken(ctx, t, auth.Hash(token), time.Now()); err != nil {
			return err
		}
		return tx.Note(ctx, commandLine, "token "+name+" added", time.Now())
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, token)
	return nil
}
