package catalog

import (
	"archive/zip"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// Bounds on one archive and all that is nested in it.
const (
	maxJarNested = 64 << 20 // one nested archive that is compressed, in memory
	maxJarHeld   = 96 << 20 // those that are in memory at once, each within the other
	maxJarTotal  = 1 << 30  // all of them
	maxJarFiles  = 400_000  // members looked at
	maxJarIndex  = 16 << 20 // directory of one archive: archive/zip takes ten times that in memory
	maxManifest  = 1 << 20
)

// isJar wants Java archives by their name; a jar that starts itself may have a
// shell script before its zip.
func isJar(h *rootfs.Header, _ []byte) bool { return isJarName(h.Path) }

func isJarName(name string) bool {
	if len(name) < 5 {
		return false
	}
	switch strings.ToLower(name[len(name)-4:]) {
	case ".jar", ".war", ".ear", ".par", ".jpi", ".hpi", ".sar", ".nar", ".kar":
		return true
	}
	return false
}

func readJar(h *rootfs.Header, body rootfs.Body) (found, error) {
	w := jarWalk{charge: body.Charge, nesting: body.Nesting()}
	w.archive(body, body.Size(), h.Path, 0)
	return found{Packages: w.packages, Problems: w.wrong}, w.over
}

// jarWalk collects the packages of an archive and of those inside it.
type jarWalk struct {
	packages []sbom.Package
	wrong    problems
	files    int
	unpacked int64 // bytes asked for, those that then turned out to be damaged too
	held     int64
	charge   func(int64) error
	nesting  int   // archives that may be in one another
	over     error // the image's budget or the time is used up
}

// unzip returns a member of at most limit bytes. What it says to expand to is
// paid for first: entries of the directory may name the same bytes over and over.
func (w *jarWalk) unzip(f *zip.File, limit int64) ([]byte, error) {
	size := int64(min(f.UncompressedSize64, math.MaxInt64))
	switch {
	case w.over != nil:
		return nil, w.over
	case size > limit:
		return nil, fmt.Errorf("%q: more than %d bytes", f.Name, limit)
	case size > maxJarTotal-w.unpacked:
		return nil, fmt.Errorf("%q: with it, more than %d bytes are unpacked", f.Name, int64(maxJarTotal))
	}
	w.unpacked += size
	if w.over = w.charge(size); w.over != nil {
		return nil, w.over
	}
	return unzip(f, limit)
}

// archive reads one archive. at is its path, the chain of archives around it
// included: "srv/app.war!/WEB-INF/lib/a.jar". It returns the purl of what the
// archive is, "" when nothing tells.
func (w *jarWalk) archive(r io.ReaderAt, size int64, at string, depth int) string {
	if w.over = cmp.Or(w.over, w.charge(0)); w.over != nil {
		return ""
	}
	z, err := rootfs.OpenZip(r, size, maxJarIndex)
	if err != nil {
		w.wrong.add(0, "%s: %v", at, err)
		return ""
	}
	if w.files += len(z.File); w.files > maxJarFiles {
		w.wrong.add(0, "%s: more than %d members", at, maxJarFiles)
		return ""
	}
	var main manifest
	var inner []*zip.File
	var poms []coordinates
	xmls := map[string]*zip.File{} // pom.xml of META-INF/maven/GROUP/ARTIFACT, by folder
	for _, f := range z.File {
		switch name := strings.TrimPrefix(f.Name, "/"); {
		case strings.HasPrefix(name, "META-INF/maven/"):
			switch dir, base := path.Split(name); base {
			case "pom.xml":
				xmls[dir] = f
			case "pom.properties":
				data, err := w.unzip(f, maxManifest)
				if err != nil {
					w.wrong.add(0, "%s: %v", at, err)
				} else if c := parsePomProperties(data); c.complete() {
					c.dir = dir
					poms = append(poms, c)
				}
			}
		case strings.EqualFold(name, "META-INF/MANIFEST.MF"):
			data, err := w.unzip(f, maxManifest)
			if err != nil {
				w.wrong.add(0, "%s: %v", at, err)
			}
			main = parseManifest(data)
		case isJarName(name) && f.UncompressedSize64 > 0:
			inner = append(inner, f)
		}
	}
	poms = w.addPoms(poms, xmls, at)
	if len(poms) == 0 {
		main.classes = classFolders(z.File)
	}
	first := len(w.packages)
	own := w.describe(at, poms, main, len(inner) > 0)
	w.addLicenses(first, own, poms, xmls)
	var holds []string // what is shaded into it, and the archives in it
	for _, p := range w.packages[first:] {
		holds = append(holds, p.PURL)
	}
	end := len(w.packages)
	for _, f := range inner {
		if inside := w.nested(r, f, at+"!/"+strings.TrimPrefix(f.Name, "/"), depth+1); inside != "" {
			holds = append(holds, inside)
		}
	}
	for i := first; i < end; i++ {
		if w.packages[i].PURL == own {
			w.packages[i].DependsOn = holds
		}
	}
	return own
}

// addPoms adds the coordinates of pom.xml files that have no pom.properties
// next to them: other archivers than Maven's leave those out.
func (w *jarWalk) addPoms(poms []coordinates, xmls map[string]*zip.File, at string) []coordinates {
	for _, c := range poms {
		if f := xmls[c.dir]; f != nil && len(poms) > 1 {
			delete(xmls, c.dir)
		}
	}
	named := map[string]bool{}
	for _, c := range poms {
		named[c.dir] = true
	}
	for _, dir := range slices.Sorted(maps.Keys(xmls)) {
		if named[dir] {
			continue
		}
		data, err := w.unzip(xmls[dir], maxManifest)
		if err != nil {
			w.wrong.add(0, "%s: %v", at, err)
			continue
		}
		project, err := parsePom(data)
		if err != nil {
			w.wrong.add(0, "%s: %v", at, err)
			continue
		}
		if c := project.coordinates(); c.complete() {
			c.dir = dir
			poms = append(poms, c)
		}
	}
	return poms
}

// addLicenses gives the package that an archive is the licences of its pom.xml,
// where its manifest names none.
func (w *jarWalk) addLicenses(first int, own string, poms []coordinates, xmls map[string]*zip.File) {
	for i := first; i < len(w.packages); i++ {
		p := &w.packages[i]
		if p.PURL != own || len(p.Licenses) > 0 {
			continue
		}
		for _, c := range poms {
			if f := xmls[c.dir]; f != nil && c.group+":"+c.artifact == p.Name {
				if data, err := w.unzip(f, maxManifest); err == nil {
					p.Licenses = pomLicenses(data)
				}
			}
		}
	}
}

// nested reads an archive inside another: in place where it was stored as it
// is, as Spring Boot does, else in memory.
func (w *jarWalk) nested(outer io.ReaderAt, f *zip.File, at string, depth int) string {
	if depth > w.nesting {
		w.wrong.add(0, "%s: nested more than %d deep: raise --max-nesting if it is meant to be", at, w.nesting)
		return ""
	}
	if f.Method == zip.Store {
		if offset, err := f.DataOffset(); err == nil {
			size := int64(f.UncompressedSize64)
			return w.archive(io.NewSectionReader(outer, offset, size), size, at, depth)
		}
	}
	data, err := w.unzip(f, min(maxJarNested, maxJarHeld-w.held))
	if err != nil {
		w.wrong.add(0, "%s: %v", at, err)
		return ""
	}
	w.held += int64(len(data))
	own := w.archive(bytes.NewReader(data), int64(len(data)), at, depth)
	w.held -= int64(len(data))
	return own
}

// describe adds the packages that an archive is. The Maven coordinates in it
// are its own and those of what was shaded into it; without any, the manifest
// and the file's name tell. It returns the purl of its own coordinates.
func (w *jarWalk) describe(at string, poms []coordinates, m manifest, nests bool) string {
	base := path.Base(at)
	c := m.coordinates(base)
	if len(poms) > 0 {
		// The name of a file is not always the artifact's; the version tells then.
		own := func(p coordinates) bool {
			return p.artifact == c.artifact || len(poms) == 1 && p.version == c.version
		}
		if c.complete() && !slices.ContainsFunc(poms, own) {
			poms = append(poms, c) // all the others were shaded into it
		}
		slices.SortFunc(poms, func(a, b coordinates) int {
			return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.artifact, b.artifact), cmp.Compare(a.version, b.version))
		})
		poms = slices.CompactFunc(poms, func(a, b coordinates) bool {
			return a.group == b.group && a.artifact == b.artifact && a.version == b.version
		})
		itself := ""
		for _, p := range poms {
			if purl := w.add(p, m, at); own(p) || len(poms) == 1 {
				itself = purl
			}
		}
		return itself
	}
	if c.artifact == "" || c.version == "" {
		return ""
	}
	if c.group == "" && nests && !strings.HasSuffix(strings.ToLower(base), ".jar") {
		return "" // somebody's own application: its name is no artifact
	}
	if c.group == "org.apache.tomcat" {
		if c.artifact == "catalina" { // the server as it is published whole, under a name of its own
			w.add(coordinates{group: c.group, artifact: "tomcat", version: c.version}, m, at)
		}
		c.artifact = cmp.Or(tomcatJars[c.artifact], c.artifact)
	}
	return w.add(c, m, at)
}

// tomcatJars are the artifacts of which Tomcat's archive has other names.
var tomcatJars = map[string]string{
	"catalina": "tomcat-catalina", "catalina-ha": "tomcat-catalina-ha", "catalina-ant": "tomcat-catalina-ant", "catalina-tribes": "tomcat-tribes",
	"catalina-storeconfig": "tomcat-storeconfig", "catalina-ssi": "tomcat-ssi", "jasper": "tomcat-jasper", "jasper-el": "tomcat-jasper-el",
}

func (w *jarWalk) add(c coordinates, m manifest, at string) (purl string) {
	name := c.artifact
	if c.group != "" {
		name = c.group + ":" + c.artifact
	}
	p := language("maven", name, c.version)
	if m.license != "" && len(m.license) <= 100 {
		p.Licenses = []string{m.license}
	}
	if c.group == "" {
		p.Roots = m.roots(c.artifact)
	}
	p.Locations = []finding.Location{{Path: at}}
	w.packages = append(w.packages, p)
	return p.PURL
}

// coordinates are how Maven names an artifact.
type coordinates struct {
	group, artifact, version string

	dir string // of the pom that says so, in the archive
}

func (c coordinates) complete() bool {
	return c.group != "" && c.artifact != "" && c.version != "" && !strings.Contains(c.group+c.artifact+c.version, "${")
}

// parsePomProperties reads what Maven's archiver leaves in
// META-INF/maven/GROUP/ARTIFACT/pom.properties.
func parsePomProperties(data []byte) coordinates {
	var c coordinates
	for text := range strings.Lines(string(plainText(data))) {
		key, value, _ := strings.Cut(strings.TrimSpace(text), "=")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "groupId":
			c.group = value
		case "artifactId":
			c.artifact = value
		case "version":
			c.version = value
		}
	}
	return c
}

// manifest is what is used of META-INF/MANIFEST.MF.
type manifest struct {
	title, version, vendorID string // Implementation-…
	bundle, bundleVersion    string // Bundle-SymbolicName without its directives
	shortName, pluginVersion string // Jenkins plugins: Short-Name, Plugin-Version
	groupID                  string
	module                   string // Automatic-Module-Name
	license                  string // Bundle-License
	vendor                   string // Implementation-Vendor

	classes []string // not of the manifest: the folders that the archive's classes are in
}

// parseManifest reads the main section of a manifest: "Key: value" lines of at
// most 72 bytes, continued by lines that begin with a blank
// (https://docs.oracle.com/en/java/javase/21/docs/specs/jar/jar.html).
func parseManifest(data []byte) manifest {
	text := strings.ReplaceAll(string(plainText(data)), "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	if head, _, ok := strings.Cut(text, "\n\n"); ok {
		text = head
	}
	text = strings.ReplaceAll(text, "\n ", "")
	var m manifest
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(key) {
		case "implementation-title":
			m.title = value
		case "implementation-version":
			m.version = value
		case "implementation-vendor-id":
			m.vendorID = value
		case "bundle-symbolicname":
			m.bundle, _, _ = strings.Cut(value, ";")
		case "bundle-version":
			m.bundleVersion = value
		case "short-name":
			m.shortName = value
		case "plugin-version":
			m.pluginVersion = value
		case "group-id":
			m.groupID = value
		case "automatic-module-name":
			m.module = value
		case "bundle-license":
			m.license, _, _ = strings.Cut(value, ";")
			m.license = strings.Trim(m.license, `"`)
		case "implementation-vendor":
			m.vendor = value
		}
	}
	return m
}

// splitArtifact splits "commons-lang3-3.12.0" before the first part that
// begins with a digit and looks like a version. "log4j-1.2-api", as
// distributions name their jars, has none.
func splitArtifact(stem string) (artifact, version string) {
	for i := 1; i+1 < len(stem); i++ {
		if stem[i] != '-' || stem[i+1] < '0' || stem[i+1] > '9' {
			continue
		}
		rest := stem[i+1:]
		// "log4j-1.2-api-2.17.1": a version holds no later "-DIGIT.DIGIT".
		if k := strings.LastIndexByte(rest, '-'); k >= 0 && k+1 < len(rest) && rest[k+1] >= '0' && rest[k+1] <= '9' &&
			strings.Contains(rest[k+1:], ".") && strings.ContainsAny(rest[:k], "abcdefghijklmnopqrstuvwxyz") {
			continue
		}
		switch rest[strings.LastIndexByte(rest, '-')+1:] {
		case "api", "spec", "impl", "core":
			continue
		}
		return stem[:i], rest
	}
	return stem, ""
}

// isJVMRelease wants the file that each Java runtime has at its root.
func isJVMRelease(h *rootfs.Header, head []byte) bool {
	return path.Base(h.Path) == "release" && h.Size < maxRelease && bytes.Contains(plainText(head), []byte("JAVA_VERSION="))
}

// parseJVMRelease reads a Java runtime's release file: IMPLEMENTOR, JAVA_VERSION
// ("1.8.0_392", "17.0.9") and JAVA_RUNTIME_VERSION, as shell assignments.
func parseJVMRelease(data []byte) ([]sbom.Package, error) {
	fields := map[string]string{}
	for text := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(text), "="); ok {
			fields[key] = unquote(value)
		}
	}
	version := fields["JAVA_VERSION"]
	if version == "" {
		return nil, fmt.Errorf("release of a Java runtime without its version")
	}
	// Oracle builds its own JDK under its commercial terms and OpenJDK under the
	// GPL; up to Java 8 only the former says who built it, by BUILD_TYPE.
	name := "openjdk"
	switch {
	case strings.Contains(strings.ToLower(fields["IMPLEMENTOR_VERSION"]), "graalvm"), fields["GRAALVM_VERSION"] != "":
		name = "graalvm"
	case fields["BUILD_TYPE"] == "commercial":
		name = "oracle-jdk"
	}
	return []sbom.Package{language("generic", name, version)}, nil
}
