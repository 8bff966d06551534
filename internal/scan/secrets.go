package scan

import (
	"fmt"

	"github.com/careen/careen/internal/rootfs"
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
		in.redactor = opt.SecretRules.NewRedactor(in.Image)
		in.shown = in.redactor.Image(in.Image)
		in.redactor.Strings(&in.Catalog)
		return
	}
	found := opt.SecretRules.Find(in.looked, in.Image, in.Catalog.Packages)
	in.secrets, in.unread = found.Secrets, found.Unread
	in.redactor = found.Redactor
	in.shown = in.redactor.Image(in.Image)
	in.redactor.Strings(&in.Catalog)
}

// withoutTokens returns visitors whose facts hold no token, for they go into the
// cache: what a file declares as its licence or name may be one.
func withoutTokens(visitors []rootfs.Visitor, rules *secret.Rules) []rootfs.Visitor {
	if rules == nil {
		return visitors
	}
	const redacted = 1 << 24 // facts of before are others
	for i := range visitors {
		visit := visitors[i].Visit
		visitors[i].Version += redacted
		visitors[i].Visit = func(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
			data, err := visit(h, body)
			return rules.Fact(data), err
		}
	}
	return visitors
}
