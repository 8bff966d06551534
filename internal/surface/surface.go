// Package surface measures what someone who got into a container of an image
// finds there to use, and checks the image's configuration and files
// against rules. It looks at the finished tree, at the image's configuration
// and at the history; which packages there are it takes from the catalogue.
// Secrets are another room's, and so is the Dockerfile.
package surface

import (
	"github.com/careen/careen/internal/exe"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// Subject is an image whose layers were read with Visitors.
type Subject struct {
	Image    *image.Image
	Tree     *rootfs.Tree
	Facts    []*rootfs.Facts // of each layer, lowest first
	Base     int             // how many of the lowest layers came with the base image
	Packages []sbom.Package
}

// RoleFacts is the name of facts of one byte: the exe.Role of a file that has one.
const RoleFacts = "role"

const accountFacts = "accounts"

// Visitors returns what has to look at each layer's files for Inspect to know
// them.
func Visitors() []rootfs.Visitor {
	return []rootfs.Visitor{
		{
			Name:    RoleFacts,
			Version: 2,
			Want: func(_ *rootfs.Header, head []byte) bool {
				return exe.IsScript(head) || exe.Identify(head) != exe.None
			},
			Visit: visitRole,
		},
		{Name: accountFacts, Version: 1, Want: isAccounts, Visit: visitAccounts},
	}
}

// visitRole keeps whether a file is a program, a library or a script.
func visitRole(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	var head [64]byte
	if _, err := body.ReadAt(head[:], 0); err != nil && body.Size() > int64(len(head)) {
		return nil, err
	}
	if role := exe.RoleOf(baseOf(h.Path), head[:]); role != exe.NoRole {
		return []byte{byte(role)}, nil
	}
	return nil, nil
}

// Inspection is all that both results are made of, after one walk of the tree.
type Inspection struct {
	subject    Subject
	findings   walkResult
	accounts   accountFiles
	owners     map[string]string // purl by path, "" for no package; of the files that something here asks about
	tools      []finding.Tool
	privileged []finding.Privileged
	writable   []finding.Writable
}

// Inspect looks at every visible file once.
func Inspect(s Subject) *Inspection {
	in := &Inspection{subject: s, accounts: readAccounts(s.Tree)}
	in.findings = walk(s)
	in.owners = in.findOwners()
	in.tools = in.nameTools()
	in.privileged = in.namePrivileged()
	in.writable = in.nameWritable()
	return in
}

// Surface returns the measure.
func (in *Inspection) Surface() *finding.Surface {
	s := &finding.Surface{
		Tools:         nonNil(in.tools),
		Privileged:    nonNil(in.privileged),
		WorldWritable: nonNil(in.writable),
		Writables:     in.findings.writables,
		Logins:        nonNil(in.logins()),
		ExposedPorts:  nonNil(in.subject.Image.Config.ExposedPorts),
		Executables:   in.findings.programs,
		Libraries:     in.findings.libraries,
		Layers:        in.layers(),
	}
	s.Parts = parts(s, in.findings.bytes(), in.runsAsRoot())
	s.Index = index(s.Parts)
	return s
}

// layers says what each layer shows and carries; nothing for a directory.
func (in *Inspection) layers() []finding.SurfaceLayer {
	list := []finding.SurfaceLayer{}
	if in.isDirectory() {
		return list
	}
	for i, f := range in.subject.Facts {
		seen := in.findings.layers[i]
		list = append(list, finding.SurfaceLayer{Layer: i, Files: seen.files, Bytes: seen.bytes, Carried: f.Expanded})
	}
	return list
}

func (in *Inspection) isDirectory() bool { return in.subject.Image.Kind == "dir" }

// location is where an entry is; entries of a directory are in no layer.
func (in *Inspection) location(e *rootfs.Entry) finding.Location {
	if in.isDirectory() {
		return finding.Location{Path: e.Path, Layer: -1}
	}
	return finding.Location{Path: e.Path, Layer: e.Layer}
}

// fromBase reports whether a layer came with the base image.
func (in *Inspection) fromBase(layer int) bool { return layer >= 0 && layer < in.subject.Base }

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
