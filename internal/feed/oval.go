package feed

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/vulndb"
)

// maxOVAL bounds an OVAL file as it expands; Oracle's, the longest, has some 500 MB.
const maxOVAL = 4 << 30

// ovalDefinition is what matching needs of a definition of OVAL
// (https://oval-community-guidelines.readthedocs.io/, OVAL 5.11): what Oracle
// says under <advisory>, Microsoft says directly.
type ovalDefinition struct {
	ID       string `xml:"id,attr"`
	Metadata struct {
		Title      string `xml:"title"`
		References []struct {
			Source string `xml:"source,attr"`
			ID     string `xml:"ref_id,attr"`
		} `xml:"reference"`
		Patchable string `xml:"patchable"`
		Date      string `xml:"advisory_date"`
		Severity  string `xml:"severity"`
		Advisory  struct {
			Severity string `xml:"severity"`
			Issued   struct {
				Date string `xml:"date,attr"`
			} `xml:"issued"`
		} `xml:"advisory"`
	} `xml:"metadata"`
	Criteria ovalCriteria `xml:"criteria"`
}

type ovalCriteria struct {
	Operator string          `xml:"operator,attr"`
	Negate   bool            `xml:"negate,attr"`
	Nested   []ovalCriteria  `xml:"criteria"`
	Tests    []ovalCriterion `xml:"criterion"`
}

type ovalCriterion struct {
	Test    string `xml:"test_ref,attr"`
	Comment string `xml:"comment,attr"`
	Negate  bool   `xml:"negate,attr"`
}

// ovalTest compares a package (an object) with a version (a state).
type ovalTest struct{ object, state uint64 }

type ovalState struct {
	EVR struct {
		Operation string `xml:"operation,attr"`
		Version   string `xml:",chardata"`
	} `xml:"evr"`
}

// ovalPlace is where a test counts: what the criteria around it ask for.
type ovalPlace struct{ release, arch, module string }

// ovalClaim is the tests on one package that must hold together.
type ovalClaim struct {
	place ovalPlace
	tests []uint64
}

// ovalRecord is a definition whose tests, which follow in the file, are not
// known yet.
type ovalRecord struct {
	rec         vulndb.Record
	notAffected bool // the publisher says that no package is or was affected
	claims      []ovalClaim
	id          string // of the definition, for errors
}

// ovalReader is what publishers of OVAL files do differently.
type ovalReader struct {
	source string
	id     func(*ovalDefinition) string
	// ask reads a criterion that asks about the machine rather than about the
	// version of a package; false for one that is about a package.
	ask       func(comment string, p *ovalPlace) bool
	ecosystem func(p ovalPlace, version string) string // "" for what is no release
}

// document reads a file of an archive.
func (rd ovalReader) document(doc []byte, o *out) error {
	return rd.parse(bytes.NewReader(doc), o)
}

// parse reads an OVAL file: definitions, then the tests that they refer to,
// then the packages and versions that those refer to. Definitions are kept
// until the end, without their texts.
func (rd ovalReader) parse(r io.Reader, o *out) error {
	dec := xml.NewDecoder(io.LimitReader(r, maxOVAL))
	var records []ovalRecord
	tests, names, states := map[uint64]ovalTest{}, map[uint64]string{}, map[uint64]ovalState{}
	seen := false
	for {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "oval_definitions":
			seen = true
		case "definition":
			var d ovalDefinition
			if err := dec.DecodeElement(&d, &start); err != nil {
				return err
			}
			o.read++
			if rec, err := rd.record(&d); err != nil {
				o.skip(d.ID, err)
			} else {
				records = append(records, rec)
			}
		case "rpminfo_test":
			var t struct {
				ID     string `xml:"id,attr"`
				Object struct {
					Ref string `xml:"object_ref,attr"`
				} `xml:"object"`
				State struct {
					Ref string `xml:"state_ref,attr"`
				} `xml:"state"`
			}
			if err := dec.DecodeElement(&t, &start); err != nil {
				return err
			}
			tests[ovalNumber(t.ID)] = ovalTest{ovalNumber(t.Object.Ref), ovalNumber(t.State.Ref)}
		case "rpminfo_object":
			var p struct {
				ID   string `xml:"id,attr"`
				Name string `xml:"name"`
			}
			if err := dec.DecodeElement(&p, &start); err != nil {
				return err
			}
			names[ovalNumber(p.ID)] = p.Name
		case "rpminfo_state":
			var s struct {
				ID string `xml:"id,attr"`
				ovalState
			}
			if err := dec.DecodeElement(&s, &start); err != nil {
				return err
			}
			if s.EVR.Version != "" {
				states[ovalNumber(s.ID)] = s.ovalState
			}
		}
	}
	if !seen {
		return errors.New("no oval_definitions: not an OVAL file")
	}
	for i := range records {
		rec := &records[i]
		if err := rd.resolve(rec, tests, names, states, o); err != nil {
			o.skip(rec.id, err)
			continue
		}
		if len(rec.rec.Affected) == 0 {
			o.leave(leftNoVersions, 1)
			continue
		}
		if o.add(rec.rec); o.stop != nil {
			return o.stop
		}
	}
	return nil
}

// ovalNumber is what tells ids of one kind apart: 20070057003 of
// "oval:com.oracle.elsa:tst:20070057003".
func ovalNumber(id string) uint64 {
	n, err := strconv.ParseUint(id[strings.LastIndexByte(id, ':')+1:], 10, 64)
	if err != nil {
		return 0 // no test has it
	}
	return n
}

// record takes from a definition what the rest of the file does not say.
func (rd ovalReader) record(d *ovalDefinition) (ovalRecord, error) {
	m := &d.Metadata
	to := ovalRecord{id: d.ID, notAffected: m.Patchable == "Not Applicable"}
	rec := &to.rec
	*rec = vulndb.Record{ID: rd.id(d), Source: rd.source, Severity: severityWord(cmp.Or(m.Advisory.Severity, m.Severity)), Title: m.Title}
	if err := checkID(rec.ID); err != nil {
		return to, err
	}
	var err error
	if rec.Published, err = parseTime(cmp.Or(m.Advisory.Issued.Date, m.Date)); err != nil {
		return to, fmt.Errorf("issued: %w", err)
	}
	for _, r := range m.References {
		if checkCVE(r.ID) == nil {
			rec.Upstream = append(rec.Upstream, r.ID)
		}
	}
	to.claims, err = rd.claims(nil, &d.Criteria, ovalPlace{})
	return to, err
}

// claims appends what a tree of criteria says about packages.
func (rd ovalReader) claims(list []ovalClaim, c *ovalCriteria, at ovalPlace) ([]ovalClaim, error) {
	if c.Negate {
		return nil, errors.New("criteria that must not hold: not understood")
	}
	together := c.Operator != "OR"
	var tests []uint64
	for _, t := range c.Tests {
		switch number := ovalNumber(t.Test); {
		case t.Negate:
			return nil, fmt.Errorf("test %.60q: must not hold: not understood", t.Test)
		case rd.ask(t.Comment, &at):
		case together:
			tests = append(tests, number)
		default:
			list = append(list, ovalClaim{at, []uint64{number}})
		}
	}
	if len(tests) > 0 {
		list = append(list, ovalClaim{at, tests})
	}
	var err error
	for i := range c.Nested {
		if list, err = rd.claims(list, &c.Nested[i], at); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// resolve turns a definition's claims into statements.
func (rd ovalReader) resolve(to *ovalRecord, tests map[uint64]ovalTest, names map[uint64]string, states map[uint64]ovalState, o *out) error {
	list := erratumPackages{rec: &to.rec}
	for _, c := range to.claims {
		name, version := "", ""
		var r vulndb.Range
		for _, number := range c.tests {
			test := tests[number]
			state := states[test.state].EVR
			if state.Version == "" {
				continue // asks for something else, which no scan can tell
			}
			if name != "" && names[test.object] != name {
				return fmt.Errorf("test %d: on another package than those next to it", number)
			}
			name, version = names[test.object], state.Version
			if err := checkVersion(version); err != nil {
				return err
			}
			switch state.Operation {
			case "less than":
				r.Fixed = version
			case "less than or equal":
				r.LastAffected = version
			case "greater than", "greater than or equal":
				// Microsoft writes the first affected version without its
				// release ("0:1.26.0.azl3"), so that no build is equal to it.
				if !strings.HasPrefix(version, "0:0.0.0.") {
					r.Introduced = version
				}
			default:
				return fmt.Errorf("test %d: operation %.40q: not understood", number, state.Operation)
			}
		}
		if version == "" {
			continue
		}
		if err := checkName(name); err != nil {
			return err
		}
		if err := checkText(c.place.module + c.place.arch); err != nil {
			return err
		}
		if uek, _, ok := strings.Cut(r.Fixed, "-"); ok && strings.HasPrefix(name, "kernel-uek") {
			// Several lines of Oracle's kernel are kept for one release, each
			// under one version of Linux: 5.4.17-… is not fixed by 5.15.0-….
			r.Introduced = uek + "-0"
		}
		eco := rd.ecosystem(c.place, version)
		if eco == "" {
			o.leave(leftRelease, 1)
			continue
		}
		a := vulndb.Affected{Ecosystem: eco, Name: name, Module: c.place.module, Repo: oracleBuild(version), Ranges: []vulndb.Range{r}}
		if to.notAffected {
			a.Ranges, a.Fix = nil, finding.NotAffected
		}
		if err := list.add(a, c.place.arch); err != nil {
			return err
		}
	}
	list.mergeArches()
	return nil
}
