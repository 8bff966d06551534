package catalog

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// eachElement calls f for the elements of an XML file whose names are wanted,
// with their attributes and the texts of the elements in them, in lower case.
func eachElement(data []byte, wanted string, f func(name string, fields map[string]string)) error {
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = latin1
	depth, inside, field := 0, 0, ""
	name := ""
	fields := map[string]string{}
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxXMLDepth {
				return fmt.Errorf("elements are nested more than %d deep", maxXMLDepth)
			}
			if inside == 0 && strings.Contains(wanted, " "+strings.ToLower(t.Name.Local)+" ") {
				inside, name = depth, strings.ToLower(t.Name.Local)
				clear(fields)
				for _, a := range t.Attr {
					fields[strings.ToLower(a.Name.Local)] = strings.TrimSpace(a.Value)
				}
			} else if inside > 0 && depth == inside+1 {
				field = strings.ToLower(t.Name.Local)
			}
		case xml.CharData:
			if inside > 0 && field != "" && len(fields) < maxMembers {
				fields[field] += strings.TrimSpace(string(t))
			}
		case xml.EndElement:
			if inside == depth {
				f(name, fields)
				inside = 0
			}
			field = ""
			depth--
		}
	}
}

// parsePackagesConfig reads NuGet's packages.config
// (https://learn.microsoft.com/en-us/nuget/reference/packages-config).
func parsePackagesConfig(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "nuget"}
	err := eachElement(data, " package ", func(_ string, p map[string]string) {
		l.addFor(p["developmentdependency"] == "true", p["id"], p["version"])
	})
	return l.resultOf(err)
}

// msbuildProperty is a property whose value is a version.
var msbuildProperty = lazy.Regexp(`<([A-Za-z_][A-Za-z0-9_.-]*)>\s*(\[?\d[A-Za-z0-9.+-]*\]?)\s*</`)

// parseMSBuild reads the packages that a project of .NET, or the file of
// versions that several share, names in one version
// (https://learn.microsoft.com/en-us/nuget/consume-packages/package-references-in-project-files).
// What stays private to the build is for development. A version may be a property of
// the same file.
func parseMSBuild(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "nuget"}
	properties := map[string]string{}
	for _, m := range msbuildProperty().FindAllSubmatch(data, maxMembers) {
		properties[strings.ToLower(string(m[1]))] = string(m[2])
	}
	err := eachElement(data, " packagereference packageversion globalpackagereference ", func(kind string, p map[string]string) {
		version := strings.Trim(p["version"]+p["versionoverride"], "[] ")
		if name, ok := strings.CutPrefix(version, "$("); ok && strings.HasSuffix(name, ")") {
			if value := properties[strings.ToLower(strings.TrimSuffix(name, ")"))]; value != "" {
				version = strings.Trim(value, "[] ")
			}
		}
		private := kind == "globalpackagereference" || strings.EqualFold(p["privateassets"], "all")
		switch {
		case kind == "packagereference" && version == "": // the shared file has it
		case strings.ContainsAny(version, "*,()$"):
			l.addFor(private, "", "")
		default:
			l.addFor(private, p["include"]+p["update"], version)
		}
	})
	return l.resultOf(err)
}

// parseIvy reads an ivy.xml's dependencies that name one revision.
func parseIvy(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "maven"}
	err := eachElement(data, " dependency ", func(_ string, p map[string]string) {
		if p["org"] == "" || strings.ContainsAny(p["rev"], "+[](,$") {
			l.passed++
			return
		}
		l.addFor(strings.HasPrefix(p["conf"], "test"), p["org"]+":"+p["name"], p["rev"])
	})
	return l.resultOf(err)
}

// resultOf is result, after an error of the file's form.
func (l *lockList) resultOf(err error) ([]sbom.Package, error) {
	if err != nil {
		l.wrong.add(0, "%v", err)
	}
	return l.result()
}

var (
	sbtDependency = lazy.Regexp(`"([A-Za-z0-9_.-]+)"\s*(%%?%?)\s*"([A-Za-z0-9_.-]+)"\s*%\s*"([0-9][A-Za-z0-9_.-]*)"\s*(?:%\s*("?[A-Za-z]+))?`)
	sbtScala      = lazy.Regexp(`scalaVersion\s*:=\s*"(\d+)\.(\d+)`)
)

// parseSbt reads the dependencies of a build.sbt that are written whole:
// "group" % "artifact" % "1.0.0", and with %% those of the build's Scala.
func parseSbt(data []byte) ([]sbom.Package, error) {
	scala := ""
	if m := sbtScala().FindSubmatch(data); m != nil {
		if scala = "_" + string(m[1]); string(m[1]) == "2" {
			scala += "." + string(m[2])
		}
	}
	l := lockList{kind: "maven"}
	for _, m := range sbtDependency().FindAllSubmatch(data, maxPackages) {
		artifact := string(m[3])
		if string(m[2]) != "%" {
			if scala == "" {
				l.passed++
				continue
			}
			artifact += scala
		}
		scope := strings.ToLower(strings.Trim(string(m[5]), `"`))
		if scope == "provided" {
			continue
		}
		l.addFor(scope == "test" || scope == "it", string(m[1])+":"+artifact, string(m[4]))
	}
	return l.result()
}

// parsePomFile reads the dependencies of a pom.xml as far as it tells their
// versions itself.
func parsePomFile(data []byte) ([]sbom.Package, error) {
	p, err := parsePom(data)
	if err != nil {
		return nil, err
	}
	return pomPackages(p, nil)
}

// maxParents bounds the chain of a pom's parents.
const maxParents = 8

// withParents reads a pom.xml of the finished tree again with its parents, where
// their relative paths lead (https://maven.apache.org/pom.html#Inheritance).
func withParents(tree *rootfs.Tree, file string) (found, bool) {
	p, err := pomAt(tree, file)
	if err != nil {
		return found{}, false
	}
	var parents []*pomProject
	dir := path.Dir(file)
	for child := p; child.Parent.Artifact != "" && len(parents) < maxParents; {
		at := "../pom.xml"
		if child.Parent.Path != nil {
			at = strings.TrimSpace(*child.Parent.Path)
		}
		if at == "" {
			break // from a repository
		}
		if !strings.HasSuffix(at, ".xml") {
			at = path.Join(at, "pom.xml")
		}
		at = path.Join(dir, at)
		parent, err := pomAt(tree, at)
		if err != nil || parent.Artifact != child.Parent.Artifact {
			break
		}
		parents = append(parents, parent)
		child, dir = parent, path.Dir(at)
	}
	packages, err := pomPackages(p, parents)
	for i := range packages {
		packages[i].FromLockFile = true
	}
	return found{Packages: packages, Problems: asProblems(err)}, len(parents) > 0
}

func pomAt(tree *rootfs.Tree, file string) (*pomProject, error) {
	data, err := readNeighbour(tree, file)
	if err != nil {
		return nil, err
	}
	return parsePom(data)
}

// pomPackages lists what a project needs at run time, and for its tests. Versions
// come from the dependency, or from what the project and its parents manage; the
// rest is counted.
func pomPackages(p *pomProject, parents []*pomProject) ([]sbom.Package, error) {
	managed := map[string]string{}
	needs := p.Needs
	for _, of := range append([]*pomProject{p}, parents...) {
		if p.Properties == nil {
			p.Properties = pomProperties{}
		}
		for key, value := range of.Properties { // the nearest counts
			if _, ok := p.Properties[key]; !ok {
				p.Properties[key] = value
			}
		}
		for _, m := range of.Managed {
			if key := m.Group + ":" + m.Artifact; managed[key] == "" {
				managed[key] = m.Version
			}
		}
		if of != p {
			needs = append(needs, of.Needs...)
		}
	}
	l := lockList{kind: "maven"}
	for _, need := range needs {
		switch need.Scope {
		case "provided", "system", "import":
			continue
		}
		version := need.Version
		if version == "" {
			version = managed[need.Group+":"+need.Artifact]
		}
		c := coordinates{group: strings.TrimSpace(p.fill(need.Group)), artifact: strings.TrimSpace(p.fill(need.Artifact)), version: strings.Trim(p.fill(version), "[] \t\r\n")}
		if !c.complete() || strings.ContainsAny(c.version, ",()") {
			l.addFor(need.Scope == "test", "", "")
			continue
		}
		l.addFor(need.Scope == "test", c.group+":"+c.artifact, c.version)
	}
	if l.passed > 0 && len(l.packages) > l.fromDev {
		l.wrong.add(0, "not all is listed: of %d dependencies the file and its parents here "+unversioned, l.passed)
	}
	return l.result()
}
