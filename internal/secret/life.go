package secret

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// Result is what an image gives away.
type Result struct {
	Secrets  []finding.Secret // worst first
	Redactor *Redactor        // takes every one of them out of a text
	Unread   string           // what was not looked into, "" when all was
}

// occurrence is one secret at one place.
type occurrence struct {
	seen
	place   finding.SecretPlace
	ordinal int // among the secrets of its rule at its place
}

// Find puts together what the visitor found in the layers with what stands in
// the configuration and the history: one finding for each distinct secret, with
// all its places and what became of each. Files that a package of the
// distribution brought hold what is public anyway and are left out, unless they
// are configuration (etc) or another layer changed them.
func (all *Rules) Find(tree *rootfs.Tree, img *image.Image, packages []sbom.Package) Result {
	redactor := all.NewRedactor(img)
	found, unread := all.inFiles(tree, img, packages)
	for _, o := range found {
		redactor.addMark(o.seen)
	}
	found = append(found, all.inConfig(img)...)
	found = append(found, all.inNames(tree, img)...)
	for i := range found {
		p := &found[i].place
		p.Path = all.withoutTokens(p.Path)
		p.Instruction = redactor.Text(p.Instruction)
		if p.Hidden != nil {
			p.Hidden.Instruction = redactor.Text(p.Hidden.Instruction)
		}
	}
	return Result{Secrets: all.group(found), Redactor: redactor, Unread: unread}
}

// inFiles returns what the visitor saw in every layer, hidden and deleted files
// included, and what it did not look into.
func (all *Rules) inFiles(tree *rootfs.Tree, img *image.Image, packages []sbom.Package) ([]occurrence, string) {
	facts := slices.Collect(tree.AllFacts(factName))
	if len(facts) == 0 {
		return nil, ""
	}
	owned := owners(facts, packages, img.Kind == image.KindDir)
	var found []occurrence
	left := map[unread][]string{}
	for _, fact := range facts {
		if brought, ok := owned[fact.Path]; ok && fact.Layer <= brought {
			continue
		}
		place := finding.SecretPlace{Exposure: finding.InImage, Kind: "file", Path: fact.Path, Layer: fact.Layer}
		if img.Kind == image.KindDir {
			place.Layer = -1
		} else {
			place.Instruction = instruction(img, fact.Layer)
		}
		if !fact.Visible {
			place.Exposure = finding.Extractable
			if by, deleted, ok := tree.Hidden(fact.Path, fact.Layer); ok {
				place.Hidden = &finding.Hiding{Layer: by, Instruction: instruction(img, by), Deleted: deleted}
			}
		}
		count := map[string]int{}
		kept := decode(fact.Data)
		if kept.Unread != "" {
			left[kept.Unread] = append(left[kept.Unread], fact.Path)
		}
		for _, s := range kept.Found {
			p := place
			p.InFile = s.Line
			if s.Inside != "" {
				p.Path += "!/" + s.Inside
			}
			found = append(found, occurrence{s, p, count[s.Rule]})
			count[s.Rule]++
		}
	}
	return found, sayUnread(left)
}

// sayUnread counts what was not looked into, with the first of each kind named.
func sayUnread(left map[unread][]string) string {
	var parts []string
	total := 0
	for _, why := range slices.Sorted(maps.Keys(left)) {
		list := slices.Compact(slices.Sorted(slices.Values(left[why])))
		total += len(list)
		parts = append(parts, fmt.Sprintf("%d × %s, e.g. /%s", len(list), why, list[0]))
	}
	if total == 0 {
		return ""
	}
	files := "files"
	if total == 1 {
		files = "file"
	}
	return fmt.Sprintf("%d %s not looked into, or not whole: %s", total, files, strings.Join(parts, "; "))
}

func instruction(img *image.Image, layer int) string {
	if layer < 0 || layer >= len(img.Layers) {
		return ""
	}
	return img.Layers[layer].Instruction
}

// owners returns those of the files with facts that packages of the distribution
// own, with the layer that brought the package: what a later layer wrote there
// is not the package's. In a directory there are no layers to tell.
func owners(facts []rootfs.Fact, packages []sbom.Package, dir bool) map[string]int {
	asked := make(map[string]bool, len(facts))
	for _, f := range facts {
		asked[f.Path] = true
	}
	owned := map[string]int{}
	for i := range packages {
		p := &packages[i]
		layer := p.Layer
		if dir {
			layer = 0
		}
		for _, path := range p.Files {
			if asked[path] && !strings.HasPrefix(path, "etc/") {
				owned[path] = max(owned[path], layer)
			}
		}
	}
	return owned
}

// group makes one finding of the occurrences of one secret.
func (all *Rules) group(found []occurrence) []finding.Secret {
	type identity struct {
		rule, redacted string
		mark           mark
		length         int
	}
	groups := map[identity][]occurrence{}
	var order []identity
	for _, o := range found {
		id := identity{o.Rule, o.Redacted, o.Mark, o.Length}
		if groups[id] == nil {
			order = append(order, id)
		}
		groups[id] = append(groups[id], o)
	}
	list := []finding.Secret{}
	for _, id := range order {
		r := all.rule(id.rule)
		if r == nil {
			continue
		}
		s := finding.Secret{Rule: r.id, Title: r.title, Severity: r.severityOf(), Redacted: id.redacted, Fingerprint: fingerprint(groups[id])}
		for _, o := range groups[id] {
			s.Places = append(s.Places, o.place)
		}
		slices.SortStableFunc(s.Places, comparePlaces)
		s.Places = slices.CompactFunc(s.Places, func(a, b finding.SecretPlace) bool { return comparePlaces(a, b) == 0 })
		s.Exposure = s.Places[0].Exposure
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b finding.Secret) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(rank(a.Exposure), rank(b.Exposure)),
			cmp.Compare(a.Rule, b.Rule), comparePlaces(a.Places[0], b.Places[0]), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return list
}

func (all *Rules) rule(id string) *rule {
	for _, r := range all.rules {
		if r.id == id {
			return r
		}
	}
	return nil
}

// rank orders the exposures, worst first.
func rank(e finding.Exposure) int {
	return slices.Index([]finding.Exposure{finding.InImage, finding.InConfiguration, finding.InHistory, finding.Extractable}, e)
}

func comparePlaces(a, b finding.SecretPlace) int {
	return cmp.Or(cmp.Compare(rank(a.Exposure), rank(b.Exposure)), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Name, b.Name), cmp.Compare(b.Layer, a.Layer), cmp.Compare(a.InFile, b.InFile), cmp.Compare(a.Instruction, b.Instruction))
}

// fingerprint identifies a finding across scans of rebuilt images: the rule, and
// the first in order of the files, variables and lines where it stands, without
// layer and line number. Nothing of the value goes into it, so that it may be
// published; a secret that is replaced by another in its place keeps it.
func fingerprint(group []occurrence) string {
	var names []string
	for _, o := range group {
		names = append(names, fmt.Sprintf("%s\x00%s\x00%s\x00%d", o.place.Kind, o.place.Path, o.place.Name, o.ordinal))
	}
	h := sha256.New()
	io.WriteString(h, "careen/1\x00secret\x00"+group[0].Rule+"\x00"+slices.Min(names))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
