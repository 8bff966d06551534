package image

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// maxAuthFile bounds Podman's auth.json.
const maxAuthFile = 4 << 20

// credential is what a registry is shown, and where it came from.
type credential struct {
	auth    authn.Authenticator
	given   bool  // by Options, not found in a file
	problem error // of finding it, such as a helper that is not installed
}

// refused says why a registry may have refused.
func (c credential) refused(at string) string {
	switch {
	case c.given:
		return fmt.Sprintf("%s does not accept the given user and password", at)
	case c.auth != authn.Anonymous:
		return fmt.Sprintf("%s does not accept the stored credential; docker login %[1]s", at)
	case c.problem != nil:
		return fmt.Sprintf("no credential for %s: %v; docker login %[1]s", at, c.problem)
	}
	return fmt.Sprintf("no credential for %s in ~/.docker/config.json or Podman's auth.json; docker login %[1]s", at)
}

// credential looks for what to show the registry of a repository: what was
// given, what Docker's config and its helpers hold, what Podman's auth.json
// holds. None is no error: most images are public.
func (s *session) credential(repo name.Repository) credential {
	if s.opt.Username != "" || s.opt.Password != "" {
		return credential{
			auth:  authn.FromConfig(authn.AuthConfig{Username: s.opt.Username, Password: s.opt.Password}),
			given: true,
		}
	}
	auth, err := authn.Resolve(s.ctx, authn.DefaultKeychain, repo)
	if err == nil && auth != authn.Anonymous {
		return credential{auth: auth}
	}
	// The keychain reads Podman's files only where Docker has none.
	for _, file := range s.podmanAuthFiles() {
		found, podmanErr := podmanAuth(file, repo)
		if podmanErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", file, podmanErr))
		}
		if found != nil {
			return credential{auth: authn.FromConfig(*found)}
		}
	}
	return credential{auth: authn.Anonymous, problem: err}
}

// podmanAuthFiles lists where containers-auth.json(5) says credentials are.
func (s *session) podmanAuthFiles() []string {
	if file := s.opt.Getenv("REGISTRY_AUTH_FILE"); file != "" {
		return []string{file}
	}
	var files []string
	if dir := s.opt.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		files = append(files, filepath.Join(dir, "containers", "auth.json"))
	}
	config := s.opt.Getenv("XDG_CONFIG_HOME")
	if home, err := os.UserHomeDir(); config == "" && err == nil {
		config = filepath.Join(home, ".config")
	}
	if config != "" {
		files = append(files, filepath.Join(config, "containers", "auth.json"))
	}
	return files
}

// podmanAuth looks a repository up, from its whole name down to its registry.
// A file that does not exist holds nothing.
func podmanAuth(file string, repo name.Repository) (*authn.AuthConfig, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxAuthFile))
	if err != nil {
		return nil, pathError(err)
	}
	var doc struct {
		Auths map[string]struct {
			Auth          string `json:"auth"`
			IdentityToken string `json:"identitytoken"`
		} `json:"auths"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	for key := display(repo); ; {
		if entry, ok := doc.Auths[key]; ok {
			if entry.IdentityToken != "" {
				return &authn.AuthConfig{IdentityToken: entry.IdentityToken}, nil
			}
			plain, err := base64.StdEncoding.DecodeString(entry.Auth)
			if err != nil {
				return nil, fmt.Errorf("auth of %q is not base64", key)
			}
			user, password, _ := strings.Cut(string(plain), ":")
			return &authn.AuthConfig{Username: user, Password: password}, nil
		}
		i := strings.LastIndexByte(key, '/')
		if i < 0 {
			return nil, nil
		}
		key = key[:i]
	}
}
