package scan

import (
	"fmt"

	"github.com/careen/careen/internal/secret"
)

// withSecretRules returns the options with the rules by which secrets are
// recognised: they are needed in every scan, for no report may show what the
// history and the configuration give away.
func (opt Options) withSecretRules() (Options, error) {
	if opt.SecretRules != nil {
		return opt, nil
	}
	rules, err := secret.DefaultRules()
	if err != nil {
		return opt, fmt.Errorf("rules for secrets: %w", err)
	}
	opt.SecretRules = rules
	return opt, nil
}

// findSecrets finds what the image gives away, where that is asked for, and makes
// the image that reports may show.
func (in *Opened) findSecrets(opt Options) {
	if !opt.Scanners.Secrets {
		in.shown = opt.SecretRules.NewRedactor(in.Image).Image(in.Image)
		return
	}
	found := opt.SecretRules.Find(in.Tree, in.Image, in.Catalog.Packages)
	in.secrets, in.unread = found.Secrets, found.Unread
	in.shown = found.Redactor.Image(in.Image)
}
