// Package cvss turns CVSS vectors into scores. It reads vectors as feeds
// publish them, a little more leniently than the specifications of FIRST.org
// allow, and leaves the arithmetic to a library. What a score means for a
// severity is finding's business.
//
// Specifications: https://www.first.org/cvss/v2/guide,
// https://www.first.org/cvss/v3.0/specification-document,
// https://www.first.org/cvss/v3.1/specification-document,
// https://www.first.org/cvss/v4.0/specification-document.
package cvss

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	gocvss20 "github.com/pandatix/go-cvss/20"
	gocvss30 "github.com/pandatix/go-cvss/30"
	gocvss31 "github.com/pandatix/go-cvss/31"
	gocvss40 "github.com/pandatix/go-cvss/40"
)

// maxVector bounds a vector; one of version 4.0 with every metric has 178 bytes.
const maxVector = 512

// Score returns the score of a vector, 0 to 10 with one decimal, and the
// version of CVSS that it is written in: "2.0", "3.0", "3.1" or "4.0".
//
// For versions 2 and 3 it is the base score, whatever temporal or environmental
// metrics the vector has. Version 4.0 knows only one score: that of all metrics
// given (CVSS-B, -BT, -BE or -BTE).
//
// Accepted beyond the specifications: blanks around the vector, parentheses
// around one of version 2 and "CVSS2#", "CVSS:2.0/" or nothing in front of it,
// a slash or text in parentheses behind any, metrics in any order. A
// vector of version 3 or 4 without its prefix is refused, and so is one with a
// metric that is unknown, missing or there twice.
func Score(vector string) (score float64, version string, err error) {
	if len(vector) > maxVector {
		return 0, "", fmt.Errorf("CVSS vector %.40q… is longer than %d bytes", vector, maxVector)
	}
	version, score, err = read(trimNoise(vector))
	if err != nil {
		return 0, "", fmt.Errorf("CVSS vector %q: %w", vector, err)
	}
	return score, version, nil
}

// trimNoise cuts what stands around a vector.
func trimNoise(v string) string {
	v = strings.TrimSpace(v)
	if inner, ok := strings.CutPrefix(v, "("); ok {
		v, _, _ = strings.Cut(inner, ")")
	}
	// "CVSS:3.1/… (7.5)", "CVSS:3.1/…;", "CVSS:3.1/…/".
	if i := strings.IndexAny(v, " \t\n("); i >= 0 {
		v = v[:i]
	}
	return strings.TrimRight(v, "/;,.")
}

func read(v string) (version string, score float64, err error) {
	for _, prefix := range [...]string{"CVSS2#", "CVSS:2.0/", ""} {
		metrics, ok := strings.CutPrefix(v, prefix)
		if !ok || strings.HasPrefix(metrics, "CVSS") {
			continue
		}
		base, err := inOrder(metrics, metrics20)
		if err != nil {
			return "", 0, err
		}
		// The library wants the optional groups whole; the base score needs none.
		c, err := gocvss20.ParseVector(strings.Join(base[:min(6, len(base))], "/"))
		if err != nil {
			return "", 0, err
		}
		return "2.0", c.BaseScore(), nil
	}
	version, metrics, _ := strings.Cut(strings.TrimPrefix(v, "CVSS:"), "/")
	switch version {
	case "3.0":
		ordered, err := inOrder(metrics, metrics3)
		if err != nil {
			return "", 0, err
		}
		c, err := gocvss30.ParseVector("CVSS:3.0/" + strings.Join(ordered, "/"))
		if err != nil {
			return "", 0, err
		}
		return version, c.BaseScore(), nil
	case "3.1":
		ordered, err := inOrder(metrics, metrics3)
		if err != nil {
			return "", 0, err
		}
		c, err := gocvss31.ParseVector("CVSS:3.1/" + strings.Join(ordered, "/"))
		if err != nil {
			return "", 0, err
		}
		return version, c.BaseScore(), nil
	case "4.0":
		ordered, err := inOrder(metrics, metrics40)
		if err != nil {
			return "", 0, err
		}
		c, err := gocvss40.ParseVector("CVSS:4.0/" + strings.Join(ordered, "/"))
		if err != nil {
			return "", 0, err
		}
		return version, c.Score(), nil
	}
	return "", 0, fmt.Errorf("version %q is not known; want 2.0, 3.0, 3.1 or 4.0", version)
}

// The metrics of each version in the order of its specification.
var (
	metrics20 = strings.Fields("AV AC Au C I A  E RL RC  CDP TD CR IR AR")
	metrics3  = strings.Fields("AV AC PR UI S C I A  E RL RC  CR IR AR MAV MAC MPR MUI MS MC MI MA")
	metrics40 = strings.Fields("AV AC AT PR UI VC VI VA SC SI SA  E  CR IR AR MAV MAC MAT MPR MUI MVC MVI MVA MSC MSI MSA  S AU R V RE U")
)

// inOrder cuts a vector into its metrics and puts them into the order that
// names has. It refuses names that are not there and those there twice.
func inOrder(vector string, names []string) ([]string, error) {
	if vector == "" {
		return nil, errors.New("there are no metrics in it")
	}
	byName := make([]string, len(names))
	for metric := range strings.SplitSeq(vector, "/") {
		name, _, ok := strings.Cut(metric, ":")
		i := slices.Index(names, name)
		switch {
		case !ok || i < 0:
			return nil, fmt.Errorf("%q is not a metric of this version", metric)
		case byName[i] != "":
			return nil, fmt.Errorf("metric %s is given twice", name)
		}
		byName[i] = metric
	}
	return slices.DeleteFunc(byName, func(m string) bool { return m == "" }), nil
}
