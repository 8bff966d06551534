package work

import (
	"errors"
	"fmt"
	"strings"

	"github.com/careen/careen/internal/image"
)

// Pattern is what a source names: one reference, or those of a registry that a
// pattern fits.
type Pattern struct {
	Reference string // of one image; "" for a pattern
	Host      string // "registry.example.com:5000"
	Repo      string // the repositories, with "*" for any run of characters: "team/*"
	Tag       string // the tags: "v*"
}

const maxPattern = 512

// ParsePattern reads "alpine:3.20", "registry.example.com/team/*:v*", "registry.example.com/app:*"
// and "registry.example.com/", which is everything in its catalogue.
func ParsePattern(text string) (Pattern, error) {
	switch {
	case text == "" || len(text) > maxPattern || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return Pattern{}, errors.New("not a reference or a pattern of references")
	case strings.HasSuffix(text, "/"):
		text += "*"
	}
	if !strings.Contains(text, "*") {
		if _, err := image.ParseName(text); err != nil {
			return Pattern{}, err
		}
		return Pattern{Reference: text}, nil
	}
	host, rest, ok := strings.Cut(text, "/")
	if !ok || strings.Contains(host, "*") || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return Pattern{}, fmt.Errorf("%q: a pattern begins with a registry: registry.example.com/team/*:v*", text)
	}
	repo, tag, tagged := strings.Cut(rest, ":")
	switch {
	case !tagged:
		tag = "*"
	case tag == "" || strings.Contains(tag, "@"):
		return Pattern{}, fmt.Errorf("%q: after the colon a tag is named, or a pattern of tags", text)
	}
	if repo == "" {
		return Pattern{}, fmt.Errorf("%q: no repository", text)
	}
	return Pattern{Host: host, Repo: repo, Tag: tag}, nil
}
