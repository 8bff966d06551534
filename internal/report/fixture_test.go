package report

import (
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func at(path string, layer int) []finding.Location {
	return []finding.Location{{Path: path, Layer: layer}}
}

// shop is a report with something of everything: packages of a distribution
// that share a source, two copies of a name, a Go binary with code that is not
// linked, suppressed findings, a package owned by another, warnings and a gate.
func shop() *Report {
	const status = "var/lib/dpkg/status"
	r := &Report{
		Schema: Schema,
		Careen: "0.1.0",
		Target: Target{
			Ref:      "registry.example.com/shop-api:1.4",
			Kind:     "registry",
			Digest:   "sha256:9f2c41d0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c",
			ConfigID: "sha256:11f2c41d0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5",
			Tags:     []string{"registry.example.com/shop-api:1.4"},
			Platform: "linux/amd64",
			OS: &OS{ID: "debian", Version: "12", Codename: "bookworm", Name: "Debian GNU/Linux 12 (bookworm)",
				EOL: "2028-06-30", Advisories: true},
			Size: 202_400_000, Expanded: 611_000_000, Files: 36241,
			Layers: []Layer{
				{DiffID: "sha256:aa00", Digest: "sha256:ab00", Size: 49_000_000, Instruction: "ADD rootfs.tar.xz / # buildkit", Base: true},
				{DiffID: "sha256:aa01", Digest: "sha256:ab01", Size: 9_000_000, Instruction: `RUN /bin/sh -c apt-get install -y libgcrypt20 # buildkit`},
				{DiffID: "sha256:aa02", Digest: "sha256:ab02", Size: 31_000_000, Instruction: "COPY node_modules/ /app/node_modules/ # buildkit"},
				{DiffID: "sha256:aa03", Digest: "sha256:ab03", Size: 12_000_000, Instruction: "COPY worker /app/ # buildkit"},
			},
			Config: &Config{Created: day("2026-08-20"), User: "", Entrypoint: []string{"node"}, Cmd: []string{"server.js"},
				WorkingDir: "/app", ExposedPorts: []string{"8080/tcp"}, Labels: map[string]string{"maintainer": "shop"}},
			Coverage: &Coverage{Files: 36241, Bytes: 611_000_000, UnownedFiles: 14, UnownedBytes: 31_020_000,
				Executables: CoverageShare{Files: 1, Bytes: 31_000_000, Largest: []UnownedFile{{Path: "usr/local/bin/agent", Size: 31_000_000, Layer: 3}}},
				Scripts:     CoverageShare{Files: 2, Bytes: 2_000, Largest: []UnownedFile{{Path: "docker-entrypoint.sh", Size: 1_500, Layer: 3}, {Path: "app/server.js", Size: 500, Layer: 3}}},
				Data:        CoverageShare{Files: 11, Bytes: 18_000, Largest: []UnownedFile{{Path: "app/logo.png", Size: 9_000, Layer: 3}}}},
		},
		Database: &Database{
			Built:  day("2026-08-21"),
			Newest: day("2026-08-21"),
			Digest: "sha256:db",
			Sources: []Source{
				{Name: "debian", Date: day("2026-08-21"), Records: 48211, Share: "whole"},
				{Name: "osv-npm", Date: day("2026-08-20"), Records: 210331},
				{Name: "osv-go", Date: day("2026-08-19"), Records: 4102},
			},
			Reach: []Extent{
				{Ecosystem: "Debian:12", Records: 48211, To: "2026-08-21", Share: "whole", Sources: []string{"debian"}},
				{Ecosystem: "Go", Records: 4102, To: "2026-08-19"},
				{Ecosystem: "npm", Records: 210331, To: "2026-08-20", Share: "part", Words: "a small part of the GitHub Advisory Database", Sources: []string{"osv-npm"}},
			},
		},
		Warnings: []Warning{
			{Kind: "unreadable-file", Path: "app/node_modules/broken/package.json", Layer: 2, Message: "unexpected end of JSON input", Incomplete: true},
			{Kind: "unreadable-file", Path: "app/node_modules/broken2/package.json", Layer: 2, Message: "unexpected end of JSON input", Incomplete: true},
			{Kind: "old-database", Layer: -1, Message: "the advisories are 12 days old; careen db update fetches new ones"},
		},
		Hidden: &Hidden{BySeverity: 3, Unfixed: 2},
		Licenses: &Licenses{Used: []LicenseUse{{"GPL-2.0-or-later", 4}, {"MIT", 2}}, Unknown: 1, Denied: []DeniedLicense{
			{Package: "pkg:npm/minimist@1.2.5", License: "MIT", Rule: "MIT"}, {Package: "pkg:npm/left-pad@1.0.0", Rule: "unknown", Suppressed: &finding.Suppressed{By: "careen-ignore.yaml", Why: "ours"}}}},
		Gate: &Gate{Tripped: true, Because: "1 critical (--fail-on critical)"},
	}
	base := r.Target.Layers[0].Instruction
	deb := func(name, version, source, upgrade string, layer int) sbom.Package {
		return sbom.Package{
			PURL: "pkg:deb/debian/" + name + "@" + version + "?arch=amd64&distro=debian-12", Name: name, Version: version, Type: "deb", Arch: "amd64",
			Source: sbom.Source{Name: source, Version: version}, Licenses: []string{"GPL-2.0-or-later"}, Locations: at(status, layer), Layer: layer,
			Instruction: r.Target.Layers[layer].Instruction, TouchedLayer: layer, Base: layer == 0, UpgradeTo: upgrade,
		}
	}
	npm := func(name, version, path, upgrade string) sbom.Package {
		return sbom.Package{
			PURL: "pkg:npm/" + name + "@" + version, Name: name, Version: version, Type: "npm", Licenses: []string{"MIT"},
			Locations: at(path, 2), Layer: 2, Instruction: r.Target.Layers[2].Instruction, TouchedLayer: 2, UpgradeTo: upgrade,
			Reach: &finding.Reach{State: "reached", Why: "ENTRYPOINT node server.js → /" + path},
		}
	}
	r.Packages = []sbom.Package{
		deb("libgcrypt20", "1.10.1-3", "libgcrypt20", "1.10.1-3+deb12u1", 1),
		deb("perl-base", "5.36.0-7", "perl", "", 0),
		deb("libperl5.36", "5.36.0-7", "perl", "", 0),
		deb("tar", "1.34+dfsg-1.2", "tar", "", 0),
		npm("minimist", "0.0.8", "app/node_modules/minimist/package.json", "1.2.8"),
		npm("minimist", "1.2.5", "app/node_modules/mkdirp/node_modules/minimist/package.json", "1.2.8"),
		npm("jsonwebtoken", "8.5.1", "app/node_modules/jsonwebtoken/package.json", "9.0.0"),
		{PURL: "pkg:npm/old@1.0.0", Name: "old", Version: "1.0.0", Type: "npm", Locations: at("usr/share/nodejs/old/package.json", 0),
			Owner: "pkg:deb/debian/node-old@1.0.0-1?arch=all&distro=debian-12", Layer: 0, Instruction: base, Base: true},
		{PURL: "pkg:golang/stdlib@1.19.8", Name: "stdlib", Version: "1.19.8", Type: "golang", Locations: at("app/worker", 3), Layer: 3,
			Instruction: r.Target.Layers[3].Instruction, TouchedLayer: 3, UpgradeTo: "1.21.11",
			DependsOn: []string{}},
		{PURL: "pkg:golang/example.com/shop/worker@(devel)", Name: "example.com/shop/worker", Version: "(devel)", Type: "golang",
			Locations: at("app/worker", 3), Layer: 3, Instruction: r.Target.Layers[3].Instruction, TouchedLayer: 3,
			DependsOn: []string{"pkg:golang/stdlib@1.19.8"}},
	}
	r.Packages[0].DependsOn = []string{r.Packages[3].PURL}
	for i := range r.Packages {
		p := &r.Packages[i]
		switch p.Type {
		case "deb":
			p.Judged = &sbom.Judged{By: "Debian:12", To: "2026-08-21"}
		case "npm":
			p.Judged = &sbom.Judged{By: "npm", To: "2026-08-20"}
		default:
			p.Judged = &sbom.Judged{Not: sbom.NoVersion}
		}
	}
	r.Judged = CountJudged(r.Packages)
	vuln := func(id string, severity finding.Severity, risk float64, p int, fix, advisory, rng, scheme string) finding.Vulnerability {
		pkg := r.Packages[p]
		v := finding.Vulnerability{
			ID: id, Aliases: []string{}, Severity: severity, SeveritySource: "nvd", Risk: risk, Package: pkg.PURL, Locations: pkg.Locations,
			Fix:      finding.Fix{State: finding.Affected},
			Advisory: finding.Advisory{ID: advisory, Source: "debian", URL: "https://advisories.example/" + advisory, Range: rng, Scheme: scheme},
			Layer:    pkg.Layer, Instruction: pkg.Instruction, Reach: pkg.Reach, Fingerprint: "fp-" + id + "-" + pkg.Name + pkg.Version,
		}
		if fix != "" {
			v.Fix = finding.Fix{State: finding.Fixed, Version: fix}
		}
		return v
	}
	r.Vulnerabilities = []finding.Vulnerability{
		vuln("CVE-2021-44906", finding.Critical, 92.5, 4, "0.2.4", "GHSA-xvch-5gv4-984h", "< 0.2.4", "semver"),
		vuln("CVE-2020-7598", finding.Medium, 40, 4, "0.2.1", "GHSA-vh95-rmgr-6w4m", "< 0.2.1", "semver"),
		vuln("CVE-2021-44906", finding.Critical, 88, 5, "1.2.6", "GHSA-xvch-5gv4-984h", ">= 1.0.0, < 1.2.6", "semver"),
		vuln("CVE-2022-23539", finding.High, 61, 6, "9.0.0", "GHSA-8cf7-32gw-wr33", "< 9.0.0", "semver"),
		vuln("CVE-2022-23540", finding.Medium, 38, 6, "9.0.0", "GHSA-qwph-4952-7xr6", "< 9.0.0", "semver"),
		vuln("CVE-2022-23541", finding.Medium, 37, 6, "9.0.0", "GHSA-hjrf-2m68-5959", "< 9.0.0", "semver"),
		vuln("CVE-2026-41989", finding.High, 55, 0, "1.10.1-3+deb12u1", "DSA-6294-1", "< 1.10.1-3+deb12u1", "deb"),
		vuln("CVE-2026-1234", finding.High, 52, 1, "", "CVE-2026-1234", ">= 0", "deb"),
		vuln("CVE-2026-1234", finding.High, 52, 2, "", "CVE-2026-1234", ">= 0", "deb"),
		vuln("CVE-2005-2541", finding.Negligible, 3, 3, "", "CVE-2005-2541", ">= 0", "deb"),
		vuln("CVE-2023-24538", finding.Critical, 70, 8, "1.20.3", "GO-2023-1703", "< 1.20.3", "go"),
		vuln("CVE-2023-29403", finding.High, 50, 8, "1.19.10", "GO-2023-1840", "< 1.19.10", "go"),
		vuln("CVE-2024-24790", finding.Critical, 45, 8, "1.21.11", "GO-2024-2887", "< 1.21.11", "go"),
		vuln("CVE-2022-23539", finding.High, 61, 6, "9.0.0", "GHSA-8cf7-32gw-wr33", "< 9.0.0", "semver"),
	}
	v := r.Vulnerabilities
	v[0].Aliases = []string{"GHSA-xvch-5gv4-984h"}
	v[0].KEV = true
	v[0].Title, v[2].Title = "Prototype Pollution in minimist", "Prototype Pollution in minimist"
	v[10].Title = "Backticks not treated as string delimiters in html/template"
	v[0].EPSS = &finding.EPSS{Score: 0.0123, Percentile: 0.85}
	v[0].CVSS = []finding.CVSS{
		{Source: "ghsa", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Score: 9.8},
		{Source: "cve", Vector: "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Score: 9.3},
		{Source: "nvd", Vector: "AV:N/AC:L/Au:N/C:P/I:P/A:P", Score: 7.5},
	}
	v[0].Advisory.Also = []string{"SNYK-1"}
	v[6].Line = &finding.Line{File: "Dockerfile", Line: 7}
	v[8].Fix.State = finding.WontFix
	v[9].Fix.State = finding.Deferred
	v[10].Linked = &finding.Linked{State: finding.SymbolsLinked, Symbols: []string{"html/template.Template.Execute"}}
	v[11].Linked = &finding.Linked{State: finding.SymbolsNotLinked}
	v[11].Suppressed = &finding.Suppressed{By: "symbols", Why: "none of the vulnerable functions is linked in"}
	v[12].Linked = &finding.Linked{State: finding.SymbolsUnknown}
	v[13].Suppressed = &finding.Suppressed{By: ".careenignore", Why: "accepted until 2027-01-01 by the shop team"}
	v[13].ID, v[13].Fingerprint = "CVE-2022-99999", "fp-ignored"
	r.Secrets = []finding.Secret{
		{Rule: "github-pat", Title: "GitHub personal access token", Severity: finding.Critical, Redacted: "ghp_…XxXH",
			Exposure: finding.Extractable, Fingerprint: "fp-github-pat", Places: []finding.SecretPlace{
				{Exposure: finding.Extractable, Kind: "file", Path: "app/.env", InFile: 3, Layer: 2,
					Instruction: r.Target.Layers[2].Instruction, Line: &finding.Line{File: "Dockerfile", Line: 9},
					Hidden: &finding.Hiding{Layer: 3, Instruction: r.Target.Layers[3].Instruction, Deleted: true}},
			}},
		{Rule: "stripe-secret-key", Title: "Stripe secret key", Severity: finding.Critical, Redacted: "sk_l…SwMF",
			Exposure: finding.InConfiguration, Fingerprint: "fp-stripe", Places: []finding.SecretPlace{
				{Exposure: finding.InConfiguration, Kind: "env", Name: "STRIPE_SECRET_KEY", Layer: -1, Instruction: "ENV STRIPE_SECRET_KEY=sk_l…SwMF"},
				{Exposure: finding.InHistory, Kind: "history", Name: "STRIPE_SECRET_KEY", Layer: -1, Instruction: "RUN |1 STRIPE_SECRET_KEY=sk_l…SwMF make"},
			}},
		{Rule: "password-assignment", Title: "Password in an assignment", Severity: finding.Medium, Redacted: "…",
			Exposure: finding.InImage, Fingerprint: "fp-password", Places: []finding.SecretPlace{
				{Exposure: finding.InImage, Kind: "file", Path: "app/config.yaml", InFile: 12, Layer: 3, Instruction: r.Target.Layers[3].Instruction},
			}},
		{Rule: "jwt", Title: "JSON Web Token", Severity: finding.Low, Redacted: "eyJh…x1Qk",
			Exposure: finding.InImage, Fingerprint: "fp-jwt", Suppressed: &finding.Suppressed{By: ".careenignore", Why: "a public sample"},
			Places: []finding.SecretPlace{
				{Exposure: finding.InImage, Kind: "file", Path: "app/README.md", InFile: 40, Layer: 3, Instruction: r.Target.Layers[3].Instruction},
			}},
	}
	r.Misconfigurations = []finding.Misconfiguration{
		{Rule: "CI001", Title: "the program does not run as root by default", Severity: finding.High, Message: "no USER: the program runs as root",
			Fix: "USER with a number above 0, e.g. USER 65532", Fingerprint: "fp-user"},
		{Rule: "CI016", Title: "package managers leave no cache behind", Severity: finding.Low, Message: "apt left 18.2 MB in /var/lib/apt/lists",
			Fix: "rm -rf /var/lib/apt/lists/* in the same RUN", Locations: at("var/lib/apt/lists", 1), Count: 12, Instruction: r.Target.Layers[1].Instruction,
			Line: &finding.Line{File: "Dockerfile", Line: 4}, Fingerprint: "fp-cache"},
		{Rule: "CI013", Title: "a HEALTHCHECK says whether the program is well", Severity: finding.Low, Message: "no HEALTHCHECK", Fix: "HEALTHCHECK",
			Suppressed: &finding.Suppressed{By: ".careenignore", Why: "Kubernetes probes it"}, Fingerprint: "fp-health"},
		{Rule: "CI005", Title: "no file gives its owner's rights to those who run it", Severity: finding.Negligible, Message: "2 setuid or setgid files of packages, from the base image",
			Fix: "chmod u-s,g-s what nobody needs", Locations: append(at("usr/bin/passwd", 0), at("usr/bin/su", 0)...), Count: 2, Base: true,
			Instruction: base, Fingerprint: "fp-setuid"},
	}
	r.Surface = &finding.Surface{
		Index: 61,
		Parts: []finding.SurfacePart{{Name: "shells", Count: 2, Points: 16}, {Name: "executables", Count: 374, Points: 8.6}},
		Tools: []finding.Tool{
			{Kind: finding.Shell, Name: "bash", Why: "runs any command", Locations: at("usr/bin/bash", 0), Package: r.Packages[0].PURL, Base: true},
			{Kind: finding.Shell, Name: "busybox", Why: "runs any command", Applets: []string{"ash", "sh"}, Locations: at("bin/busybox", 1)},
			{Kind: finding.PackageManager, Name: "apt", Why: "brings in any further software", Locations: append(at("usr/bin/apt", 0), at("usr/bin/apt-get", 0)...), Base: true},
			{Kind: finding.Interpreter, Name: "node", Why: "runs programs", Locations: at("usr/bin/node", 1)},
		},
		Privileged: []finding.Privileged{
			{Path: "usr/bin/ping", Layer: 1, Mode: "0755", Capabilities: []string{"cap_net_raw"}},
			{Path: "usr/bin/su", Layer: 0, Mode: "4755", Package: r.Packages[0].PURL, Base: true},
		},
		WorldWritable: []finding.Writable{{Path: "app/cache", Layer: 2, Directory: true}, {Path: "tmp", Directory: true, Sticky: true, Base: true}},
		Writables:     2,
		Logins:        []finding.Login{{Name: "root", UID: "0", Shell: "/bin/bash", Password: "locked"}},
		ExposedPorts:  []string{"8080/tcp"},
		Executables:   374,
		Libraries:     558,
		Layers:        []finding.SurfaceLayer{{Layer: 0, Files: 3000, Bytes: 100_000_000, Carried: 120_000_000}},
	}
	return r
}

// empty is a report on an image that was looked at and holds nothing of note.
func empty() *Report {
	r := shop()
	r.Target.Ref = "shop-web:2"
	r.Vulnerabilities = r.Vulnerabilities[:0]
	r.Secrets = r.Secrets[:0]
	r.Misconfigurations = r.Misconfigurations[:0]
	r.Surface = &finding.Surface{Parts: []finding.SurfacePart{}, Tools: []finding.Tool{}, Privileged: []finding.Privileged{}, WorldWritable: []finding.Writable{},
		Logins: []finding.Login{}, ExposedPorts: []string{}, Layers: []finding.SurfaceLayer{}}
	r.Hidden, r.Gate = nil, nil
	r.Warnings = []Warning{}
	return r
}
