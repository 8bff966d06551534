package main

import "testing"

func TestIdentity(t *testing.T) {
	for purl, want := range map[string]string{
		"pkg:golang/golang.org/x/net@v0.1.0?type=module": "golang/golang.org/x/net@0.1.0",
		"pkg:maven/org.slf4j/slf4j-api@1.7.36":           "maven/slf4j-api@1.7.36",
		"pkg:npm/%40babel/core@7.0.0":                    "npm/@babel/core@7.0.0",
		"pkg:pypi/Foo_Bar@1.0":                           "pypi/foo-bar@1.0",
		"pkg:bitnami/node@18.0.0":                        "program/node@18.0.0",
		"":                                               "",
	} {
		if got := identity(purl); got != want {
			t.Errorf("%s: %s, want %s", purl, got, want)
		}
	}
}

func TestOnPurpose(t *testing.T) {
	for _, test := range []struct {
		key, file string
		want      bool
	}{
		{"npm/x@1.0.0", "app/node_modules/x/package.json", false},
		{"npm/@s/x@1.0.0", "app/node_modules/@s/x/package.json", false},
		{"npm/@s/x/es5@1.0.0", "app/node_modules/@s/x/es5/package.json", true},
		{"npm/app@1.0.0", "app/package.json", true},
		{"npm/@s/x", "app/node_modules/@s/x/package.json", true},
		{"maven/x@1.0", "usr/share/maven-repo/x/x.pom", true},
		{"pypi/x@1.0", "v/lib/python3.11/site-packages/x-1.0.dist-info/METADATA", false},
		{"program/jq@1.7", "usr/bin/jq", false},
	} {
		if got := onPurpose(test.key, []string{test.file}); got != test.want {
			t.Errorf("%s in %s: %v", test.key, test.file, got)
		}
	}
}
