package report

import (
	"fmt"
	"io"
	"testing"
)

// big is a report of the size of a full Debian image with an application:
// 1,500 packages and 6,000 findings.
func big() *Report {
	r := shop()
	for i := range 1500 {
		p := r.Packages[i%7]
		p.Name = fmt.Sprintf("%s-%d", p.Name, i)
		p.PURL = fmt.Sprintf("pkg:%s/%s@%s", p.Type, p.Name, p.Version)
		p.Source.Name = fmt.Sprintf("%s-%d", p.Source.Name, i/3)
		if p.Type == "npm" {
			p.Source.Name = ""
		}
		r.Packages = append(r.Packages, p)
		for n := range 4 {
			v := r.Vulnerabilities[(i+n)%7]
			v.ID = fmt.Sprintf("CVE-2026-%05d", i/3*4+n)
			v.Package, v.Locations = p.PURL, p.Locations
			v.Fingerprint = fmt.Sprintf("%s-%d", v.ID, i)
			r.Vulnerabilities = append(r.Vulnerabilities, v)
		}
	}
	return r
}

func BenchmarkEncoders(b *testing.B) {
	reports := []*Report{big()}
	for _, e := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"table", func(w io.Writer) error { return WriteTable(w, reports, TableOptions{}) }},
		{"table-all", func(w io.Writer) error { return WriteTable(w, reports, TableOptions{All: true}) }},
		{"json", func(w io.Writer) error { return WriteJSON(w, reports) }},
		{"sarif", func(w io.Writer) error { return WriteSARIF(w, reports) }},
		{"cyclonedx", func(w io.Writer) error { return WriteCycloneDX(w, reports, BOMOptions{}) }},
		{"spdx", func(w io.Writer) error { return WriteSPDX(w, reports, BOMOptions{}) }},
	} {
		b.Run(e.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := e.write(io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
