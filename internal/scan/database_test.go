package scan

import (
	"testing"

	"github.com/careen/careen/internal/catalog"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
)

func TestDistributionWithoutDatabase(t *testing.T) {
	programs := &report.Coverage{Executables: report.CoverageShare{Files: 3}}
	debian := sbom.Distro{ID: "debian", Path: "etc/os-release"}
	for _, tt := range []struct {
		name string
		cat  catalog.Result
		c    *report.Coverage
		want int
	}{
		{"removed", catalog.Result{Distro: debian}, programs, 1},
		{"a language's packages are not the distribution's", catalog.Result{Distro: debian, Packages: []sbom.Package{{Type: "npm"}}}, programs, 1},
		{"there", catalog.Result{Distro: debian, Packages: []sbom.Package{{Type: "deb"}}}, programs, 0},
		{"Gentoo's", catalog.Result{Distro: sbom.Distro{ID: "gentoo"}, Packages: []sbom.Package{{Type: "ebuild"}}}, programs, 0},
		{"no program that is not explained", catalog.Result{Distro: debian}, &report.Coverage{}, 0},
		{"no distribution", catalog.Result{}, programs, 0},
	} {
		got := withoutDatabase(tt.cat, tt.c)
		if len(got) != tt.want || len(got) > 0 && !(got[0].Blind && got[0].Incomplete && got[0].Remedy != "") {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
