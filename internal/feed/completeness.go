package feed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/careen/careen/internal/vulndb"
)

// completenessFile lies at the root of a mirror that does not hold all of what
// the upstreams have, and says of each file how far it reaches: one a line, with
// tabs between, "# …" for comments:
//
//	PATH or folder    whole, part or ended    2026-08-21 or nothing    words for a person
const completenessFile = "COMPLETENESS.tsv"

const maxExtentLines = 10_000

// extents say how far files of a mirror reach, by their place in it.
type extents map[string]vulndb.Extent

// readExtents reads the mirror's file; upstreams, and mirrors without one, are
// whole.
func (s *store) readExtents(ctx context.Context) (extents, error) {
	if s.live() {
		return nil, nil
	}
	text, err := s.rootText(ctx, completenessFile)
	if errors.Is(err, errMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", completenessFile, err)
	}
	return parseExtents(text)
}

func parseExtents(text string) (extents, error) {
	all := extents{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.SplitN(line, "\t", 4)
		for len(fields) < 4 {
			fields = append(fields, "")
		}
		e := vulndb.Extent{Share: vulndb.Share(fields[1]), Until: fields[2], Words: strings.TrimSpace(fields[3])}
		_, dateErr := time.Parse(time.DateOnly, e.Until)
		switch {
		case e.Share != vulndb.Whole && e.Share != vulndb.Part && e.Share != vulndb.Ended:
			return nil, fmt.Errorf("%s:%d: %.40q: none of whole, part, ended", completenessFile, n, fields[1])
		case e.Until != "" && dateErr != nil:
			return nil, fmt.Errorf("%s:%d: %.40q: no date as 2026-08-21", completenessFile, n, e.Until)
		case checkText(e.Words) != nil || len(e.Words) > 200:
			return nil, fmt.Errorf("%s:%d: words that no terminal should show, or more than 200 bytes", completenessFile, n)
		case len(all) == maxExtentLines:
			return nil, fmt.Errorf("%s: more than %d lines", completenessFile, maxExtentLines)
		}
		all[strings.TrimSuffix(fields[0], "/")] = e
	}
	return all, nil
}

// of returns what is said of the file at an upstream URL, or of the nearest
// folder above it; without a word it is whole.
func (all extents) of(upstream string) vulndb.Extent {
	name, err := hostPath(upstream)
	for err == nil && name != "" {
		if e, ok := all[name]; ok {
			return e
		}
		name = name[:max(strings.LastIndexByte(name, '/'), 0)]
	}
	return vulndb.Extent{Share: vulndb.Whole}
}

// extent is that of the feed's files together: the least of them.
func (f *planned) extent(all extents) vulndb.Extent {
	least := vulndb.Extent{}
	for _, in := range f.files {
		e := all.of(in.url)
		if least.Share == "" || least.Share == vulndb.Whole && e.Share != vulndb.Whole {
			least = e
		}
	}
	return least
}

// subjectsOf returns what the feeds that were read are about.
func subjectsOf(feeds []*planned, all extents) []vulndb.Subject {
	var list []vulndb.Subject
	for _, f := range feeds {
		if len(f.files) == 0 || f.stats.Missing || f.stats.Replaced != "" || len(f.about) == 0 {
			continue
		}
		s := vulndb.Subject{Feed: f.name, Ecosystems: f.about, Releases: f.releases, Extent: f.extent(all)}
		if f.about[0] == everything {
			s.Ecosystems = nil
		}
		list = append(list, s)
	}
	return list
}
