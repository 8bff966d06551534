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
