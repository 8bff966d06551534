package spdx

import (
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]bool{
		"MIT": true, "mit": true, "Apache-2.0 OR MIT": true, "(MIT AND BSD-3-Clause) OR LicenseRef-x.1": true, "GPL-2.0+": true, "GPL-2.0-only WITH Classpath-exception-2.0": true,
		"DocumentRef-a:LicenseRef-b": true, "MIT WITH AdditionRef-x": true,
		"": false, "MIT OR": false, "MIT MIT": false, "MIT and ISC": false, "(MIT": false, "MIT)": false, "WITH": false, "MIT WITH MIT": false, "LicenseRef-": false, "proprietary": false,
		strings.Repeat("(", 100) + "MIT" + strings.Repeat(")", 100): false,
	} {
		if _, got := Parse(text); got != want {
			t.Errorf("%.60q: %v", text, got)
		}
	}
}

func TestIdentifier(t *testing.T) {
	for text, want := range map[string]string{
		"apache-2.0": "Apache-2.0", "GPL-2.0": "GPL-2.0-only", "GPL-2.0+": "GPL-2.0-or-later", "gpl-3.0-or-later": "GPL-3.0-or-later", "AGPL-3.0": "AGPL-3.0-only", "Apache-1.0+": "Apache-1.0+", "x": "", "": "",
	} {
		if got, ok := Identifier(text); got != want || ok != (want != "") {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestName(t *testing.T) {
	for _, test := range []struct{ want, names string }{
		{"Apache-2.0", "Apache-2.0|apache-2|The Apache Software License, Version 2.0|Apache License, Version 2.0|Apache License 2.0|ASL 2.0|Apache 2.0|Apache v2|Apache 2|http://www.apache.org/licenses/LICENSE-2.0.txt|https://www.apache.org/licenses/LICENSE-2.0;link=x|https://opensource.org/licenses/Apache-2.0"},
		{"MIT", "MIT|Expat|MIT License|The MIT License (MIT)|http://opensource.org/licenses/MIT|https://opensource.org/licenses/mit-license.php|The MIT License"},
		{"GPL-2.0-or-later", "GPL-2+|GPL-2.0+|GPLv2+|GPL2+|GPL-2.0-or-later|GNU General Public License v2 or later (GPLv2+)|GNU General Public License, version 2 or later"},
		{"GPL-2.0-only", "GPL-2|GPLv2|GPL-2.0|GPL-2.0-only|GNU General Public License v2 (GPLv2)|GNU General Public License, Version 2|https://www.gnu.org/licenses/old-licenses/gpl-2.0.html"},
		{"LGPL-2.1-only", "LGPLv2.1|LGPL-2.1|GNU Lesser General Public License, Version 2.1|LGPL 2.1"},
		{"LGPL-3.0-or-later", "LGPLv3+|GNU Lesser General Public License v3 or later (LGPLv3+)|LGPL-3+"},
		{"EPL-2.0", "EPL 2.0|Eclipse Public License - v 2.0|Eclipse Public License v2.0|https://www.eclipse.org/legal/epl-2.0/|http://www.eclipse.org/legal/epl-v20.html"},
		{"BSD-3-Clause", "BSD-3-Clause|New BSD License|3-Clause BSD License|The BSD 3-Clause License|EDL 1.0|https://opensource.org/licenses/BSD-3-Clause"},
		{"MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)|MPLv2.0|Mozilla Public License Version 2.0|https://www.mozilla.org/MPL/2.0/"},
		{"GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2 with Classpath exception|GPL2 w/ CPE|GPLv2 with classpath exception"},
		{"CDDL-1.1", "CDDL 1.1|CDDL-1.1"},
		{"", "BSD|GPL|LGPL|custom|see LICENSE|GPL-9|http://example.com/licence|" + strings.Repeat("x", maxDeclared+1)},
	} {
		for name := range strings.SplitSeq(test.names, "|") {
			if got := Name(name); got != test.want {
				t.Errorf("%.60q: %q, want %q", name, got, test.want)
			}
		}
	}
	for name, id := range names {
		if _, ok := Parse(id); !ok {
			t.Errorf("%q: %q is no expression", name, id)
		}
	}
	for name, id := range titles {
		if _, ok := Parse(id); !ok {
			t.Errorf("%q: %q is no expression", name, id)
		}
		if again := plain(name); again != name {
			t.Errorf("title %q is never met: it becomes %q", name, again)
		}
	}
}

// TestDenied: what no choice avoids is denied, whatever the words.
func TestDenied(t *testing.T) {
	gnu := func(id string) bool { return strings.HasPrefix(id, "GPL-") || strings.HasPrefix(id, "AGPL-") }
	for _, test := range []struct {
		declared string
		denied   string
		complete bool
	}{
		{"MIT", "", true},
		{"GPL-3.0", "GPL-3.0-only", true},
		{"MIT OR GPL-3.0-only", "", true},
		{"MIT AND GPL-3.0-only", "GPL-3.0-only", true},
		{"MIT AND (Apache-2.0 OR GPL-2.0-only)", "", true},
		{"MIT OR Apache-2.0 AND GPL-2.0-only", "", true}, // AND binds more strongly
		{"GPL-2.0-only OR AGPL-3.0-only", "GPL-2.0-only", true},
		{"GPLv2+ and LGPLv2+ with exceptions and MIT", "GPL-2.0-or-later", false},
		{"(MPLv1.1 or LGPLv3+) and LGPLv3 and MIT", "", true},
		{"MIT/Apache-2.0", "", true},
		{"GPL (>= 2)", "GPL-2.0-or-later", true},
		{"GPL-2 | GPL-3", "GPL-2.0-only", true},
		{"MIT + file LICENSE", "", true},
		{"MIT BSD-3-Clause GPL2+", "GPL-2.0-or-later", true},
		{"MIT BSD GPL2+", "GPL-2.0-or-later", false},
		{"GPLv2+ with exceptions", "GPL-2.0-or-later", false},
		{"GPL-2+, or Artistic", "", true},
		{"Proprietary", "", false},
		{"", "", false},
		{"NOASSERTION", "", false},
		{"and", "", false},
		{strings.Repeat("(", 200), "", false},
	} {
		e, complete := Of(test.declared)
		if got := e.Denied(gnu); got != test.denied || complete != test.complete {
			t.Errorf("%.60q: %q, complete %v; want %q, %v", test.declared, got, complete, test.denied, test.complete)
		}
	}
	if e, complete := Of("MIT", "GPL-3.0-only"); e.Denied(gnu) != "GPL-3.0-only" || !complete {
		t.Error("of several declarations all hold")
	}
	if e, _ := Of("Own Terms 1"); e.ID != "LicenseRef-Own-Terms-1" {
		t.Errorf("%+v", e)
	}
}

func FuzzOf(f *testing.F) {
	for _, seed := range []string{"MIT OR (GPL-2.0+ AND x)", "GPLv2+ and (LGPL or MIT/X11)", "GPL (>= 2) | file LICENSE", "http://www.apache.org/licenses/LICENSE-2.0.txt", "a with b with c"} {
		f.Add(seed)
	}
	costs.Fuzz(f, func(t *testing.T, text string) {
		e, _ := Of(text)
		for _, id := range e.Licences() {
			if strings.ContainsAny(id, "() ") {
				t.Errorf("%q: %q", text, id)
			}
		}
		e.Denied(func(id string) bool { return len(id)%2 == 0 })
	})
}
