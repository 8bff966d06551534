package image

import (
	"errors"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Bounds of a list of repositories.
const (
	maxCatalogPages = 1000
	maxRepositories = 100_000
)

// Repositories lists the repositories of a registry, "registry.example.com:5000", as
// far as its catalogue shows them to the credential that is found for it. Registries
// that many share, such as Docker Hub and GHCR, have none. A list that is too long is
// cut.
func (r *Resolver) Repositories(registryHost string) ([]string, error) {
	if r.session.opt.Offline {
		return nil, errors.New("offline: its registry is not asked")
	}
	var options []name.Option
	if r.session.opt.Insecure {
		options = append(options, name.Insecure)
	}
	// Credentials are looked up by repository; the catalogue is of none.
	repo, err := name.NewRepository(registryHost+"/any", options...)
	if err != nil {
		return nil, refError(err)
	}
	inner, err := r.session.registryTransport(repo.Registry)
	if err != nil {
		return nil, err
	}
	reg := &registry{ctx: r.session.ctx, repo: repo, cred: r.session.credential(repo)}
	authenticated, err := transport.NewWithContext(r.session.ctx, repo.Registry, reg.cred.auth, inner, []string{"registry:catalog:*"})
	if err != nil {
		return nil, reg.explain(err)
	}
	reg.client = &http.Client{Transport: authenticated}
	var all []string
	next := repo.Scheme() + "://" + repo.RegistryStr() + "/v2/_catalog?n=1000"
	for page := 0; next != "" && page < maxCatalogPages && len(all) < maxRepositories; page++ {
		var list struct {
			Repositories []string `json:"repositories"`
		}
		if next, err = reg.listPage(next, "catalogue", &list); err != nil {
			return nil, err
		}
		for _, repository := range list.Repositories {
			if repository != "" && !strings.ContainsAny(repository, " \t\r\n") {
				all = append(all, host(repo.Registry)+"/"+repository)
			}
		}
	}
	return all, nil
}
