// Package readers is the table of languages that reach follows. A new language is
// a folder next to this one and a row here.
package readers

import (
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/java"
	"github.com/careen/careen/internal/reach/node"
	"github.com/careen/careen/internal/reach/perl"
	"github.com/careen/careen/internal/reach/python"
	"github.com/careen/careen/internal/reach/scripted"
	"github.com/careen/careen/internal/reach/services"
	"github.com/careen/careen/internal/reach/shell"
)

// Languages returns the table.
func Languages() []reach.Language {
	return append([]reach.Language{
		shell.Language(),
		node.Language(),
		python.Language(),
		java.Language(),
		perl.Language(),
		scripted.PHP(),
		scripted.Ruby(),
	}, services.Languages()...)
}
