package feed

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/careen/careen/internal/vulndb"
)

// erratum is an update of an updateinfo.xml, the format of dnf's repositories
// (https://rpm-software-management.github.io/createrepo_c/, "updateinfo").
type erratum struct {
	Type     string `xml:"type,attr"`
	Status   string `xml:"status,attr"`
	ID       string `xml:"id"`
	Title    string `xml:"title"`
	Severity string `xml:"severity"`
	Issued   struct {
		Date string `xml:"date,attr"`
	} `xml:"issued"`
	Updated struct {
		Date string `xml:"date,attr"`
	} `xml:"updated"`
	References []struct {
		Type  string `xml:"type,attr"`
		ID    string `xml:"id,attr"`
		Title string `xml:"title,attr"`
	} `xml:"references>reference"`
	Collections []struct {
		Short  string `xml:"short,attr"`
		Module *struct {
			Name   string `xml:"name,attr"`
			Stream string `xml:"stream,attr"`
		} `xml:"module"`
		Packages []struct {
			Name    string `xml:"name,attr"`
			Epoch   string `xml:"epoch,attr"`
			Version string `xml:"version,attr"`
			Release string `xml:"release,attr"`
			Arch    string `xml:"arch,attr"`
			Source  string `xml:"src,attr"`
		} `xml:"package"`
	} `xml:"pkglist>collection"`
}

// Bounds of an updateinfo.xml.
const maxUpdateinfo = 1 << 30 // expanded; Oracle's have some 200 MB

// updateinfoReader says whose errata they are.
type updateinfoReader struct {
	source    string
	ecosystem string // with the release: "Oracle Linux:9"
}

// parse reads an updateinfo.xml, one erratum at a time. Errata of other types
// than security count only if they name a CVE.
func (rd updateinfoReader) parse(r io.Reader, o *out) error {
	dec := xml.NewDecoder(io.LimitReader(r, maxUpdateinfo))
	seen := false
	for {
		token, err := dec.Token()
		if err == io.EOF {
			if !seen {
				return errors.New("no updates: not an updateinfo.xml")
			}
			return nil
		}
		if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local == "updates" {
			seen = true
			continue
		}
		if start.Name.Local != "update" || !seen {
			return fmt.Errorf("element %.40q where an update should stand", start.Name.Local)
		}
		var u erratum
		if err := dec.DecodeElement(&u, &start); err != nil {
			return err
		}
		o.read++
		rec, err := rd.record(&u)
		switch {
		case err != nil:
			o.skip(u.ID, err)
		case len(rec.Upstream) == 0 && u.Type != "security":
			o.leave(leftNoSecurity, 1)
		case len(rec.Affected) == 0:
			o.leave(leftNoVersions, 1)
		default:
			o.add(rec)
		}
		if o.stop != nil {
			return o.stop
		}
	}
}

func (rd updateinfoReader) record(u *erratum) (vulndb.Record, error) {
	rec := vulndb.Record{ID: strings.TrimSpace(u.ID), Source: rd.source, Severity: severityWord(u.Severity), Title: u.Title}
	if err := checkID(rec.ID); err != nil {
		return rec, err
	}
	var err error
	if rec.Published, err = parseTime(u.Issued.Date); err != nil {
		return rec, fmt.Errorf("issued: %w", err)
	}
	if rec.Modified, err = parseTime(u.Updated.Date); err != nil {
		return rec, fmt.Errorf("updated: %w", err)
	}
	for _, ref := range u.References {
		// Fedora names its CVEs in the titles of Bugzilla references.
		for _, id := range idsIn(cmp.Or(ref.ID, ref.Title) + " " + ref.Title) {
			if checkCVE(id) == nil && !slices.Contains(rec.Upstream, id) {
				rec.Upstream = append(rec.Upstream, id)
			}
		}
	}
	list := erratumPackages{rec: &rec}
	for _, c := range u.Collections {
		module := ""
		if m := c.Module; m != nil && m.Name != "" {
			module = m.Name + ":" + m.Stream
		}
		for _, p := range c.Packages {
			if p.Arch == "src" || p.Arch == "nosrc" {
				continue // the same fix as its binaries', which are what is installed
			}
			if err := checkName(p.Name); err != nil {
				return rec, err
			}
			version := cmp.Or(p.Epoch, "0") + ":" + p.Version + "-" + p.Release
			if p.Version == "" || p.Release == "" {
				return rec, fmt.Errorf("package %q: no version", p.Name)
			}
			if err := checkVersion(version); err != nil {
				return rec, err
			}
			if err := checkText(module + p.Arch); err != nil {
				return rec, err
			}
			a := vulndb.Affected{
				Ecosystem: rd.ecosystem, Name: p.Name, Module: module,
				Ranges: []vulndb.Range{{Fixed: version}},
			}
			if err := list.add(a, p.Arch); err != nil {
				return rec, err
			}
		}
	}
	list.mergeArches()
	return rec, nil
}

// erratumPackages gathers what an erratum says of its packages, which it lists
// once for each architecture.
type erratumPackages struct {
	rec *vulndb.Record
	at  map[erratumKey]int
}

type erratumKey struct {
	ecosystem, name, module, repo string
	bounds                        vulndb.Range
}

// add puts a statement with at most one range on the list.
func (l *erratumPackages) add(a vulndb.Affected, arch string) error {
	k := erratumKey{ecosystem: a.Ecosystem, name: a.Name, module: a.Module, repo: a.Repo}
	if len(a.Ranges) > 0 {
		k.bounds = a.Ranges[0]
	}
	i, ok := l.at[k]
	if !ok {
		if i = len(l.rec.Affected); i >= maxAffected {
			return fmt.Errorf("more than %d packages", maxAffected)
		}
		if l.at == nil {
			l.at = map[erratumKey]int{}
		}
		l.at[k] = i
		l.rec.Affected = append(l.rec.Affected, a)
	}
	if to := &l.rec.Affected[i]; arch != "" && !slices.Contains(to.Arches, arch) {
		to.Arches = append(to.Arches, arch)
	}
	return nil
}

// mergeArches drops architectures where they say nothing: noarch packages, and
// those with the same fix on all architectures that the erratum speaks of.
func (l *erratumPackages) mergeArches() {
	versions := map[erratumKey]int{}
	of := func(a *vulndb.Affected) erratumKey {
		return erratumKey{ecosystem: a.Ecosystem, name: a.Name, module: a.Module, repo: a.Repo}
	}
	for i := range l.rec.Affected {
		versions[of(&l.rec.Affected[i])]++
	}
	for i := range l.rec.Affected {
		a := &l.rec.Affected[i]
		if versions[of(a)] == 1 || slices.Contains(a.Arches, "noarch") {
			a.Arches = nil
		}
	}
}

// repomd is a repository's index, which names its updateinfo.xml
// (https://rpm-software-management.github.io/createrepo_c/, "repomd.xml").
type repomd struct {
	Data []struct {
		Type     string `xml:"type,attr"`
		Location struct {
			Href string `xml:"href,attr"`
		} `xml:"location"`
	} `xml:"data"`
}

// updateinfoHref returns where a repository's updateinfo.xml is, relative to
// its root. A repository without errata has none.
func updateinfoHref(text string) (string, error) {
	var md repomd
	if err := xml.Unmarshal([]byte(text), &md); err != nil {
		return "", fmt.Errorf("repomd.xml: %w", err)
	}
	if len(md.Data) == 0 {
		return "", errors.New("repomd.xml: no data: not a repository's index")
	}
	zchunk := false
	for _, d := range md.Data {
		href := d.Location.Href
		if d.Type != "updateinfo" {
			continue
		}
		if strings.HasSuffix(href, ".zck") {
			zchunk = true
			continue
		}
		if href == "" || strings.Contains(href, "..") || strings.Contains(href, "://") || strings.HasPrefix(href, "/") || checkText(href) != nil {
			return "", fmt.Errorf("repomd.xml: updateinfo at %.60q: not a place in the repository", href)
		}
		return href, nil
	}
	if zchunk {
		return "", errors.New("repomd.xml: has its updateinfo in zchunk only, which is not supported")
	}
	return "", nil
}
