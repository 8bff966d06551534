package slim

import (
	"bytes"
	"fmt"
	"strings"
)

// rpmManifest is where images that have no rpm list their packages: one line a
// package, as rpm -qa --qf '%{NAME}\t%{VERSION}-%{RELEASE}\t%{INSTALLTIME}\t
// %{BUILDTIME}\t%{VENDOR}\t%{EPOCH}\t%{SIZE}\t%{ARCH}\t%{EPOCHNUM}\t%{SOURCERPM}'
// writes it (Azure Linux's distroless images).
const rpmManifest = "var/lib/rpmmanifest/container-manifest-2"

// reduceRpm lists the packages that stay.
func (o *databases) reduceRpm(d *decision, stays []int) {
	if len(stays) == 0 {
		return
	}
	var out bytes.Buffer
	for _, i := range stays {
		p := &d.src.Packages[i]
		epoch, version, hasEpoch := strings.Cut(p.Version, ":")
		if !hasEpoch {
			epoch, version = "(none)", p.Version
		}
		number := strings.ReplaceAll(epoch, "(none)", "0")
		source := "(none)"
		if p.Source.Name != "" {
			_, v, ok := strings.Cut(p.Source.Version, ":")
			if !ok {
				v = p.Source.Version
			}
			source = p.Source.Name + "-" + v + ".src.rpm"
		}
		vendor := p.Vendor
		if vendor == "" {
			vendor = "(none)"
		}
		fmt.Fprintf(&out, "%s\t%s\t0\t0\t%s\t%s\t0\t%s\t%s\t%s\n", p.Name, version, vendor, epoch, p.Arch, number, source)
	}
	o.added = append(o.added, newFile{rpmManifest, out.Bytes()})
}
