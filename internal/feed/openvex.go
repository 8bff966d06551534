package feed

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/vulndb"
)

// openVEX is what matching needs of an OpenVEX document
// (https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md). Canonical puts
// the fields that describe the document under "metadata".
type openVEX struct {
	Context  string `json:"@context"`
	Time     string `json:"timestamp"`
	Metadata struct {
		Context string `json:"@context"`
		Time    string `json:"timestamp"`
	} `json:"metadata"`
	Statements []struct {
		Vulnerability struct {
			Name string `json:"name"`
		} `json:"vulnerability"`
		Products []struct {
			ID string `json:"@id"`
		} `json:"products"`
		Status string `json:"status"`
		Action string `json:"action_statement"`
	} `json:"statements"`
}

// ubuntuReleases maps code names to the numbers of OSV's names
// (distro-info-data, ubuntu.csv).
var ubuntuReleases = map[string]string{
	"precise": "12.04", "trusty": "14.04", "xenial": "16.04", "bionic": "18.04", "cosmic": "18.10", "disco": "19.04", "eoan": "19.10",
	"focal": "20.04", "groovy": "20.10", "hirsute": "21.04", "impish": "21.10", "jammy": "22.04", "kinetic": "22.10", "lunar": "23.04",
	"mantic": "23.10", "noble": "24.04", "oracular": "24.10", "plucky": "25.04", "questing": "25.10", "resolute": "26.04",
}

// isUbuntuVEX picks Canonical's statements on CVEs out of its repository; those
// on its notices say what OSV's USN records say.
func isUbuntuVEX(name string) bool { return isJSON(name) && strings.Contains(name, "/vex/cve/") }

// parseUbuntuVEX reads one document of Canonical's, which is about one CVE:
// for each release and subscription the source package is affected, not
// affected, or fixed in the version of its purl. The binary packages, which
// are listed too, are built from it.
func parseUbuntuVEX(doc []byte, o *out) error {
	o.read++
	var raw openVEX
	if err := json.Unmarshal(doc, &raw); err != nil {
		return err
	}
	if context := raw.Context + raw.Metadata.Context; !strings.HasPrefix(context, "https://openvex.dev/ns") {
		return fmt.Errorf("@context %.60q: not an OpenVEX document", context)
	}
	modified, err := parseTime(raw.Time + raw.Metadata.Time)
	if err != nil {
		return fmt.Errorf("timestamp: %w", err)
	}
	at := map[string]int{} // the record of a CVE in list
	var list []vulndb.Record
	for _, s := range raw.Statements {
		cve := s.Vulnerability.Name
		if checkCVE(cve) != nil {
			o.leave(leftNoCVE, 1)
			continue
		}
		i, ok := at[cve]
		if !ok {
			i = len(list)
			at[cve] = i
			list = append(list, vulndb.Record{ID: cve, Source: "ubuntu-vex", Modified: modified})
		}
		for _, p := range s.Products {
			a, ok, err := ubuntuProduct(p.ID)
			switch {
			case err != nil:
				return fmt.Errorf("%s: %w", cve, err)
			case !ok:
				continue
			case a.Ecosystem == "":
				o.leave(leftRelease, 1)
				continue
			case len(list[i].Affected) >= maxAffected:
				return fmt.Errorf("%s: more than %d statements", cve, maxAffected)
			}
			if s.Status == "under_investigation" {
				o.leave(leftInvestigating, 1)
				continue
			}
			if err := vexState(&a, s.Status, s.Action); err != nil {
				return fmt.Errorf("%s: %w", cve, err)
			}
			list[i].Affected = append(list[i].Affected, a)
		}
	}
	for _, rec := range list {
		if len(rec.Affected) > 0 {
			o.add(rec)
		}
	}
	return nil
}

// ubuntuProduct reads "pkg:deb/ubuntu/curl@7.81.0-1ubuntu1.20?arch=source&distro=esm-infra/jammy".
// ok is false for binary packages; Ecosystem is "" for a release without a
// number. The version, which is the fixed one where there is a fix and the
// newest one elsewhere, is put into Versions for vexState.
func ubuntuProduct(purl string) (a vulndb.Affected, ok bool, err error) {
	rest, ok := strings.CutPrefix(purl, "pkg:deb/ubuntu/")
	if !ok || qualifier(purl, "arch") != "source" {
		return a, false, nil
	}
	rest, _, _ = strings.Cut(rest, "?")
	name, version, _ := strings.Cut(rest, "@")
	a.Name, version = unescape(name), unescape(version)
	if err := checkName(a.Name); err != nil {
		return a, false, err
	}
	if err := checkVersion(version); err != nil {
		return a, false, fmt.Errorf("%s: %w", a.Name, err)
	}
	distro := qualifier(purl, "distro")
	service, codename, found := strings.Cut(distro, "/")
	if !found {
		service, codename = "", distro
	}
	if err := checkText(service); err != nil {
		return a, false, fmt.Errorf("%s: distro %w", a.Name, err)
	}
	if number := ubuntuReleases[codename]; number != "" {
		a.Ecosystem, a.Repo = "Ubuntu:"+number, service
	}
	a.Versions = []string{version}
	return a, true, nil
}

// vexState turns a status into versions and a fix state. Canonical's action
// statements say why a fix is not coming, in fixed phrases.
func vexState(a *vulndb.Affected, status, action string) error {
	version := a.Versions[0]
	a.Versions = nil
	switch status {
	case "fixed":
		a.Ranges = []vulndb.Range{{Fixed: version}}
	case "not_affected":
		a.Fix = finding.NotAffected
	case "affected":
		a.Ranges, a.Fix = []vulndb.Range{{}}, finding.Affected
		switch {
		case strings.Contains(action, "decided to not fix"), strings.Contains(action, "no longer supported"):
			a.Fix = finding.WontFix
		case strings.Contains(action, "deferred"):
			a.Fix = finding.Deferred
		}
	default:
		return fmt.Errorf("status %.40q: none of OpenVEX's", status)
	}
	return nil
}
