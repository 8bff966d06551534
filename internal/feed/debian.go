package feed

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/vulndb"
)

// maxTracker bounds the tracker's JSON; it has some 70 MB.
const maxTracker = 1 << 30

// leftRelease counts statements on releases whose number is not known.
const leftRelease = "statements on releases without a number"

// debianReleases maps code names to OSV's release numbers
// (https://wiki.debian.org/DebianReleases). Unstable has none and keeps its name.
var debianReleases = map[string]string{
	"sid": "sid", "duke": "15", "forky": "14", "trixie": "13", "bookworm": "12", "bullseye": "11",
	"buster": "10", "stretch": "9", "jessie": "8", "wheezy": "7", "squeeze": "6.0", "lenny": "5.0",
}

// trackerFlaw is one vulnerability of one source package, by
// https://security-tracker.debian.org/tracker/data/json.
type trackerFlaw struct {
	Releases map[string]trackerRelease `json:"releases"`
}

type trackerRelease struct {
	Status  string    `json:"status"`        // "resolved", "open", "undetermined"
	Fixed   string    `json:"fixed_version"` // "0": not affected
	Urgency string    `json:"urgency"`
	NoDSA   looseText `json:"nodsa"`        // why there is no advisory, in words
	Reason  string    `json:"nodsa_reason"` // "", "ignored" or "postponed", when nodsa is set
}

// parseDebianTracker reads Debian's security tracker: source package →
// vulnerability → release. It is read one package at a time; each
// vulnerability of each package counts as an upstream record.
func parseDebianTracker(r io.Reader, o *out) error {
	dec := json.NewDecoder(io.LimitReader(r, maxTracker))
	if err := expectDelim(dec, '{'); err != nil {
		return err
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		var flaws map[string]json.RawMessage
		if err := dec.Decode(&flaws); err != nil {
			return fmt.Errorf("package %.60q: %w", name, err)
		}
		for _, id := range sortedKeys(flaws) {
			o.read++
			rec, err := trackerRecord(name, id, flaws[id], o)
			if err != nil {
				o.skip(name+" "+id, err)
				continue
			}
			if len(rec.Affected) == 0 {
				continue
			}
			if o.add(rec); o.stop != nil {
				return o.stop
			}
		}
	}
	return expectDelim(dec, '}')
}

func trackerRecord(name, id string, doc []byte, o *out) (vulndb.Record, error) {
	rec := vulndb.Record{ID: id, Source: "debian-tracker"}
	if err := checkName(name); err != nil {
		return rec, err
	}
	if err := checkID(id); err != nil {
		return rec, err
	}
	var flaw trackerFlaw
	if err := json.Unmarshal(doc, &flaw); err != nil {
		return rec, err
	}
	for _, release := range sortedKeys(flaw.Releases) {
		number, ok := debianReleases[release]
		if !ok {
			o.leave(leftRelease, 1)
			continue
		}
		a := vulndb.Affected{Ecosystem: "Debian:" + number, Name: name}
		if err := flaw.Releases[release].state(&a); err != nil {
			return rec, fmt.Errorf("%s: %w", release, err)
		}
		rec.Affected = append(rec.Affected, a)
	}
	return rec, nil
}

// state turns the tracker's words into versions and a fix state
// (https://security-team.debian.org/security_tracker.html):
//
//	resolved              fixed in a version, or never affected ("0")
//	open                  affected
//	open, no-dsa          affected; not worth an advisory of its own
//	open, postponed       the fix comes with a later advisory or point release
//	open, ignored         will not be fixed
//	urgency end-of-life   the package is no longer supported
//	urgency unimportant   no security impact, NEGLIGIBLE
//	undetermined          nobody knows whether it is affected
func (r trackerRelease) state(a *vulndb.Affected) error {
	a.Severity = severityWord(r.Urgency)
	switch r.Status {
	case "resolved":
		if r.Fixed == "0" {
			a.Fix = finding.NotAffected
			return nil
		}
		if err := checkVersion(r.Fixed); err != nil {
			return err
		}
		a.Ranges = []vulndb.Range{{Fixed: r.Fixed}}
		return nil
	case "open":
		a.Fix = finding.Affected
		switch {
		case strings.Contains(r.Urgency, "end-of-life") || strings.Contains(r.Reason, "ignored"):
			a.Fix = finding.WontFix
		case strings.Contains(r.Reason, "postponed"):
			a.Fix = finding.Deferred
		}
	case "undetermined":
		a.Fix = finding.UnknownFix
	default:
		return fmt.Errorf("status %.40q: none of resolved, open, undetermined", r.Status)
	}
	a.Ranges = []vulndb.Range{{}}
	return nil
}
