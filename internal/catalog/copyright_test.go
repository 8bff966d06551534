package catalog

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/imagetest"
)

func TestCopyright(t *testing.T) {
	const dep5 = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
	const mit = " Permission is hereby granted, free of charge, to any person\n * obtaining a copy of this software and …\n"
	const bsd = "Redistribution and use in source and binary forms, with or without\n# modification, are permitted provided that the following conditions\n# are met:\n"
	for text, want := range map[string]string{
		dep5 + "\nFiles: *\nLicense: Zlib\n\nLicense: Zlib\n text\n":                                     "Zlib",
		dep5 + "License: GPL-2+ or Artistic\n":                                                           "GPL-2.0-or-later OR Artistic-1.0-Perl",
		dep5 + "License: Expat\nlicense: BSD-3-clause\n":                                                 "BSD-3-Clause|MIT",
		dep5 + "License: LGPL-2.1+\n License: no\n":                                                      "LGPL-2.1-or-later",
		dep5 + "License: GPL-3+ with Bison exception\n":                                                  "GPL-3.0-or-later WITH Bison-exception-2.2",
		dep5 + "License: GPL-2 with strange exception\n":                                                 "GPL-2.0-only|NOASSERTION",
		dep5 + "License:\n GPL-2+\n":                                                                     "GPL-2.0-or-later",
		dep5 + "License:\n You may do as you like.\n":                                                    "NOASSERTION",
		"# SPDX-License-Identifier: Apache-2.0\nother\n":                                                 "Apache-2.0",
		dep5 + "License: MyOwn\n":                                                                        "NOASSERTION",
		dep5 + "License: Expat and MyOwn\n":                                                              "MIT|NOASSERTION",
		dep5 + "License: GPL-1+ or Artistic, and Expat\n":                                                "Artistic-1.0-Perl|GPL-1.0-or-later|MIT",
		"On Debian systems, the text of the GPL is in\n/usr/share/common-licenses/GPL-2.\n":              "GPL-2.0-only",
		"either version 2, or (at your option) any later\nversion … `/usr/share/common-licenses/GPL-2'.": "GPL-2.0-or-later",
		"See /usr/share/common-licenses/GPL\n":                                                           "NOASSERTION",
		"See /usr/share/common-licenses/Apache-2.0 and /usr/share/common-licenses/LGPL-2.1\n":            "Apache-2.0|LGPL-2.1-only",
		"License:\n" + mit: "MIT",
		bsd + "used to endorse or promote products derived\n":          "BSD-3-Clause",
		bsd + "All advertising materials mentioning features or use\n": "BSD-4-Clause",
		bsd + "THIS SOFTWARE IS PROVIDED":                              "BSD-2-Clause",
		"under the terms of the GNU General Public License; either version 2 of the License, or (at your option) any later version.": "GPL-2.0-or-later",
		"is under the GNU General Public License, version 3.":                                                                        "GPL-3.0-only", "the GNU Lesser General Public License, v2.1.": "LGPL-2.1-only", "the GNU General Public License": "NOASSERTION",
		"This package is in the public domain.\n":                                  "NOASSERTION",
		"Licensed under the Apache License, Version 2.0 (the \"License\")\n" + mit: "Apache-2.0|MIT",
	} {
		if got := strings.Join(parseCopyright([]byte(text)), "|"); got != want {
			t.Errorf("%s\n%q, want %q", text, got, want)
		}
	}
}

func TestLicensesOfDpkgPackages(t *testing.T) {
	file := imagetest.File
	r := inTree(stack(t, []imagetest.Entry{
		file("etc/os-release", bookworm), file(dpkgStatusPath, status("zlib1g 1:1.2.13", "zlib1g-dev 1:1.2.13", "bare 1")),
		file(docDir+"zlib1g/copyright", "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nLicense: Zlib\n"), imagetest.Symlink(docDir+"zlib1g-dev", "zlib1g"),
	}))
	for _, p := range r.Packages {
		if want := strings.HasPrefix(p.Name, "zlib1g"); slices.Equal(p.Licenses, []string{"Zlib"}) != want {
			t.Errorf("%s: %q", p.Name, p.Licenses)
		}
	}
}

// TestCopyrightFilesOfThisMachine: of what is installed here, most have a
// licence that is recognised.
func TestCopyrightFilesOfThisMachine(t *testing.T) {
	files, _ := filepath.Glob("/" + docDir + "*/copyright")
	if len(files) < 50 {
		t.Skipf("%d copyright files here", len(files))
	}
	some := 0
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if list := parseCopyright(data); !slices.Equal(list, []string{noAssertion}) {
			some++
		}
	}
	if some*100 < len(files)*90 {
		t.Errorf("licences are recognised in %d of %d copyright files", some, len(files))
	}
	t.Logf("licences are recognised in %d of %d copyright files", some, len(files))
}

func FuzzCopyright(f *testing.F) {
	f.Add([]byte("Format: copyright-format\nLicense: GPL-2+ or Artistic\n"))
	f.Add([]byte("See /usr/share/common-licenses/GPL-2"))
	costs.Fuzz(f, func(t *testing.T, data []byte) { parseCopyright(data) })
}

func BenchmarkCopyright(b *testing.B) {
	prose := []byte(strings.Repeat("This is a text for people about a licence. ", 200))
	b.SetBytes(int64(len(prose)))
	for b.Loop() {
		parseCopyright(prose)
	}
}

// TestPythonLicenseText: the text of a licence in the field is no name of one.
func TestPythonLicenseText(t *testing.T) {
	for header, want := range map[string]string{
		"License: Copyright (c) 2020\n        Permission is hereby granted\nClassifier: License :: OSI Approved :: MIT License\n": "MIT",
		"License: MIT License\n        Permission is hereby granted\n":                                                            "MIT",
		"License: Apache 2.0\nSummary: x\n        more\n":                                                                         "Apache 2.0",
		"License: Copyright (c) 2020\n        All rights\n":                                                                       "",
	} {
		packages, err := parsePythonMetadata([]byte("Name: a\nVersion: 1\n" + header + "\n"))
		if err != nil || len(packages) != 1 || strings.Join(packages[0].Licenses, "|") != want {
			t.Errorf("%q: %+v, %v; want %q", header, packages, err, want)
		}
	}
}
