package catalog

import (
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
)

func TestPomProperties(t *testing.T) {
	p, err := parsePom([]byte(`<project><groupId>a.b</groupId><artifactId>c</artifactId><version>${x}.${y}</version><properties><x>1</x><y>${z}</y><z>2</z><loop>${loop}</loop></properties></project>`))
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"${project.groupId}": "a.b", "${y}": "2", "${project.version}": "1.2", "${pom.artifactId}-x": "c-x", "${none}": "${none}", "${loop}": "${loop}", "${open": "${open", "plain": "plain",
	} {
		if got := p.fill(in); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func FuzzPom(f *testing.F) {
	f.Add([]byte("<project><groupId>a</groupId><artifactId>b</artifactId><version>${v}</version><properties><v>1</v></properties><licenses><license><name>MIT</name></license></licenses></project>"))
	f.Add([]byte(strings.Repeat("<a>", 100)))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		if p, err := parsePom(data); err == nil {
			p.coordinates()
		}
		pomLicenses(data)
	})
}

// TestPomLicenses: several licences are a choice where all of them are known.
func TestPomLicenses(t *testing.T) {
	for want, names := range map[string][]string{
		"CDDL-1.1 OR GPL-2.0-only WITH Classpath-exception-2.0": {"CDDL 1.1", "GPL2 w/ CPE"},
		"Common Development and Distribution License 1.0|Own":   {"Common Development and Distribution License 1.0", "Own"},
		"The Apache Software License, Version 2.0":              {"The Apache Software License,\n  Version 2.0"},
		"": nil,
	} {
		text := "<project><licenses>"
		for _, name := range names {
			text += "<license><name>" + name + "</name><url>x</url></license>"
		}
		if got := strings.Join(pomLicenses([]byte(text+"</licenses></project>")), "|"); got != want {
			t.Errorf("%q: %q, want %q", names, got, want)
		}
	}
}
