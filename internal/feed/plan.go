package feed

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// planning is what a row may ask about the others.
type planning struct{ feeds []*planned }

// reads reports whether a feed is among those that are read.
func (p *planning) reads(name string) bool {
	return slices.ContainsFunc(p.feeds, func(f *planned) bool { return f.name == name && len(f.files) > 0 })
}

// planned is a feed that is read, with the files that it has.
type planned struct {
	name      string
	source    string // of the Source that counts its bad records
	about     []string
	releases  []string // ecosystems that its files are about, where not all of them are read
	files     []input
	stats     FeedStats
	perSource map[string]*tally // what came of it, by the records' Source
	started   time.Time
}

type tally struct {
	records int
	newest  time.Time
}

// input is one file of a feed.
type input struct {
	url    string
	name   string // in place of "{}"
	format func() format
}

// plan makes the list of feeds to read, in the order of the table.
func plan(ctx context.Context, s *store, rows []feed, opt Options, named []string) ([]*planned, error) {
	all := &planning{}
	known := map[string]bool{}
	rules := map[*planned]string{}
	for _, row := range rows {
		known[row.name] = true
		ours := func(name string) bool { return strings.EqualFold(name, row.name) }
		if slices.ContainsFunc(opt.Skip, ours) || len(opt.Only) > 0 && !row.family && !slices.ContainsFunc(opt.Only, ours) {
			continue
		}
		names := []string{""}
		missing := false
		if row.names != nil {
			var err error
			names, err = row.names(ctx, s)
			switch {
			case errors.Is(err, errMissing):
				names, missing = nil, true
			case errors.As(err, new(*UnknownError)):
				return nil, err
			case err != nil:
				return nil, &Error{row.name, err}
			}
		}
		var whole *planned
		for _, name := range names {
			f := whole
			if row.family || f == nil {
				f = &planned{name: row.name, about: row.about, perSource: map[string]*tally{}}
				if row.family {
					f.name, f.about = osvName(name), []string{name}
				}
				f.source, f.stats.Name = f.name, f.name
				known[f.name] = true
			}
			f.files = append(f.files, input{
				url:    strings.ReplaceAll(row.url, "{}", pathEscape(name)),
				name:   name,
				format: func() format { return row.read(name, all) },
			})
			if row.release != nil && !s.only.all(row.name) {
				if eco := row.release(name); !slices.Contains(f.releases, eco) {
					f.releases = append(f.releases, eco)
				}
			}
			if whole == f {
				continue
			}
			if !row.family {
				whole = f
			} else if !wanted(f.name, row.name, opt) {
				continue
			}
			all.feeds = append(all.feeds, f)
			if row.rule != nil && !slices.ContainsFunc(named, func(o string) bool { return strings.EqualFold(o, f.name) && covers[strings.ToLower(o)] == nil }) {
				rules[f] = row.rule(name, all)
			}
		}
		if missing {
			f := &planned{name: row.name, source: row.name}
			f.stats.Name, f.stats.Missing = row.name, true
			all.feeds = append(all.feeds, f)
		}
	}
	for _, name := range slices.Concat(named, opt.Skip) {
		// One of those that it represents is enough: a mirror need not have all.
		if !slices.ContainsFunc(covering([]string{name}), func(f string) bool { return known[f] || known[strings.ToLower(f)] }) {
			return nil, &UnknownError{Name: name}
		}
	}
	if len(all.feeds) == 0 {
		return nil, errors.New("no feed is left to read")
	}
	// Files are downloaded before they are read, but not those of a feed that
	// a better one replaces, if there is the better one.
	var first, second []*planned
	for _, f := range all.feeds {
		if better := rules[f]; better != "" && all.reads(better) {
			second = append(second, f)
		} else {
			first = append(first, f)
		}
	}
	if err := s.present(ctx, first); err != nil {
		return nil, err
	}
	var needed []*planned
	for _, f := range second {
		if all.reads(rules[f]) {
			f.files, f.stats.Replaced = nil, rules[f]
		} else {
			needed = append(needed, f)
		}
	}
	return all.feeds, s.present(ctx, needed)
}

// wanted reports whether Only and Skip leave a member of a family.
func wanted(name, family string, opt Options) bool {
	named := func(o string) bool { return strings.EqualFold(o, name) }
	inFamily := func(o string) bool { return named(o) || strings.EqualFold(o, family) }
	return !slices.ContainsFunc(opt.Skip, named) && (len(opt.Only) == 0 || slices.ContainsFunc(opt.Only, inFamily))
}

// pathEscape escapes the spaces of ecosystem names, leaves the slashes of
// "v3.20/main", and takes the URL of "0|https://…".
func pathEscape(name string) string {
	if _, url, ok := strings.Cut(name, "|"); ok {
		name = url
	}
	return strings.ReplaceAll(name, " ", "%20")
}
