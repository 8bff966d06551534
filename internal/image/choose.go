package image

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// candidate is an image that a source could give.
type candidate struct {
	names    []string // every reference it has; none for most
	digest   string   // of its manifest, "" where there is none
	platform Platform // zero while unknown
	position int      // among those of the source
	nested   bool     // listed in an index of its own, where the first of equals is meant

	detect func() (Platform, error) // finds out an unknown platform
	load   func() (*Image, error)
}

// label is what one would write behind "#" to choose it.
func (c candidate) label() string {
	switch {
	case len(c.names) > 0:
		return c.names[0]
	case c.digest != "":
		return c.digest
	}
	return strconv.Itoa(c.position)
}

// maxListed bounds how many images or platforms an error names.
const maxListed = 12

// choose loads the image that is meant, or one for each platform. place names
// the source for errors, as the person would write it in front of "#".
func choose(candidates []candidate, place, pick, platform string) ([]*Image, error) {
	candidates = merge(candidates)
	if len(candidates) == 0 {
		return nil, errors.New("holds no image")
	}
	if pick != "" {
		picked := pickFrom(candidates, pick)
		if len(picked) == 0 {
			return nil, fmt.Errorf("no image %q; it holds %s", pick, labels(candidates))
		}
		candidates = picked
	} else if slices.ContainsFunc(candidates, func(c candidate) bool { return !slices.Equal(c.names, candidates[0].names) }) {
		return nil, fmt.Errorf("holds several images, %s: choose one, as in %s#%s", labels(candidates), place, candidates[0].label())
	}
	chosen, err := choosePlatform(candidates, place, platform)
	if err != nil {
		return nil, err
	}
	var images []*Image
	for _, c := range chosen {
		img, err := c.load()
		if err != nil {
			return nil, err
		}
		images = append(images, img)
	}
	return images, nil
}

// merge makes one candidate of those that are the same manifest under several names.
func merge(candidates []candidate) []candidate {
	var out []candidate
	at := map[string]int{}
	named := map[[2]string]bool{} // a digest by a name
	for _, c := range candidates {
		i, seen := at[c.digest]
		if !seen || c.digest == "" {
			i = len(out)
			at[c.digest], c.position = i, i
			out = append(out, c)
			out[i].names = nil
		}
		for _, n := range c.names {
			if by := [2]string{c.digest, n}; c.digest == "" || !named[by] {
				named[by] = true
				out[i].names = append(out[i].names, n)
			}
		}
	}
	return out
}

func labels(candidates []candidate) string {
	var all []string
	for i, c := range candidates {
		if i == maxListed {
			all = append(all, fmt.Sprintf("and %d more", len(candidates)-i))
			break
		}
		all = append(all, strconv.Quote(c.label()))
	}
	return strings.Join(all, ", ")
}

// pickFrom finds images by name as written, by the same name written in full,
// by tag alone, by digest, or by position.
func pickFrom(candidates []candidate, pick string) []candidate {
	for _, same := range []func(candidate) bool{
		func(c candidate) bool { return slices.Contains(c.names, pick) || c.digest == pick },
		func(c candidate) bool {
			return slices.ContainsFunc(c.names, func(n string) bool { return fullName(n) == fullName(pick) })
		},
		func(c candidate) bool {
			return slices.ContainsFunc(c.names, func(n string) bool { return strings.HasSuffix(n, ":"+pick) })
		},
	} {
		var found []candidate
		for _, c := range candidates {
			if same(c) {
				found = append(found, c)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	if n, err := strconv.Atoi(pick); err == nil && n >= 0 && n < len(candidates) {
		return candidates[n : n+1]
	}
	return nil
}

func fullName(s string) string {
	ref, err := name.ParseReference(s)
	if err != nil {
		return s
	}
	return ref.Name()
}

// choosePlatform keeps the candidates for the wanted platform: the only one
// there is, if none was asked for.
func choosePlatform(candidates []candidate, place, platform string) ([]candidate, error) {
	if len(candidates) == 1 && (platform == "" || platform == "all") {
		return candidates, nil
	}
	for i := range candidates {
		c := &candidates[i]
		if c.platform == (Platform{}) {
			p, err := c.detect()
			if err != nil {
				return nil, err
			}
			c.platform = p
		}
	}
	if platform == "all" {
		return candidates, nil
	}
	wanted := hostPlatform()
	if platform != "" {
		var err error
		if wanted, err = ParsePlatform(platform); err != nil {
			return nil, err
		}
	}
	best, rank := -1, -1
	for i, c := range candidates {
		r := c.platform.rank(wanted)
		switch {
		case r < 0:
		case best < 0 || r < rank:
			best, rank = i, r
		case r == rank && c.platform == candidates[best].platform && !c.nested:
			return nil, fmt.Errorf("holds two images for %s, %q and %q: choose one, as in %[4]s#%[2]s", c.platform, candidates[best].label(), c.label(), place)
		}
	}
	if best < 0 {
		if platform == "" && samePlatform(candidates) && candidates[0].nested {
			return candidates[:1], nil
		}
		return nil, fmt.Errorf("no image for %s: there is %s; choose with --platform", wanted, platforms(candidates))
	}
	return candidates[best : best+1], nil
}

func samePlatform(candidates []candidate) bool {
	return !slices.ContainsFunc(candidates, func(c candidate) bool { return c.platform != candidates[0].platform })
}

func platforms(candidates []candidate) string {
	var all []string
	seen := map[string]bool{}
	for _, c := range candidates {
		s := cmp.Or(c.platform.String(), "one of unknown platform")
		if !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	if len(all) > maxListed {
		all = append(all[:maxListed], fmt.Sprintf("and %d more", len(all)-maxListed))
	}
	return strings.Join(all, ", ")
}
