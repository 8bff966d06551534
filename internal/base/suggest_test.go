package base_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/base"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// wants is a program that asks for a libc of a version and for libraries.
func wants(interpreter, version string, libraries ...string) string {
	libc, requires := "libc.so.6", map[string][]string{"libc.so.6": {"GLIBC_2.2.5", version}}
	if strings.Contains(interpreter, "musl") {
		libc, requires = "libc.musl-x86_64.so.1", nil
	}
	return imagetest.ELF{Interpreter: interpreter, Needed: append([]string{libc}, libraries...), Requires: requires}.Build()
}

// TestSuggestNamesTheUser: a base without the account that the image runs as lacks it.
func TestSuggestNamesTheUser(t *testing.T) {
	lower := append(debian("GLIBC_2.4"), imagetest.File("etc/passwd", "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/:/bin/sh\n"))
	for user, want := range map[string]string{"www-data": "user www-data", "33": "", "nobody": "", "root:root": ""} {
		in := open(t, imagetest.Memory(t, imagetest.Image{Config: image.Config{Entrypoint: []string{"/app/run"}, User: user},
			Layers: []imagetest.Layer{{Entries: lower}, {Entries: []imagetest.Entry{imagetest.Exec("app/run", imagetest.ELF{}.Build())}}}}))
		img, _, err := base.NewImage(in, reachOf(t, in), 1, options)
		if err != nil {
			t.Fatal(err)
		}
		list := img.Suggest(&base.Index{}, nil)
		if i := slices.IndexFunc(list, func(s base.Suggestion) bool { return strings.HasPrefix(s.Ref, "gcr.io/") }); i < 0 || strings.Join(list[i].Lacks, ",") != want {
			t.Errorf("as %s: %+v", user, list)
		}
	}
}

func TestSuggest(t *testing.T) {
	const musl = "/lib/ld-musl-x86_64.so.1"
	certificates := imagetest.File("etc/ssl/certs/ca-certificates.crt", "x")
	for _, c := range []struct {
		name    string
		program string
		own     []imagetest.Entry
		base    []imagetest.Entry
		env     []string
		want    []string // the suggestions, with what they lack
	}{
		{"static", imagetest.ELF{}.Build(), nil, nil, nil, []string{"gcr.io/distroless/static-debian12", "cgr.dev/chainguard/static", "gcr.io/distroless/base-nossl-debian12"}},
		{"static, with certificates and a zone", imagetest.ELF{Strings: []string{"/etc/ssl/certs/ca-certificates.crt"}}.Build(), nil, []imagetest.Entry{certificates}, []string{"TZ=Europe/Berlin"},
			[]string{"gcr.io/distroless/static-debian12", "gcr.io/distroless/base-nossl-debian12", "gcr.io/distroless/base-nossl-debian13"}},
		{"glibc", wants(loader, "GLIBC_2.36"), nil, nil, nil, []string{"gcr.io/distroless/base-nossl-debian12", "gcr.io/distroless/base-nossl-debian13", "gcr.io/distroless/base-debian12"}},
		{"an older glibc", wants(loader, "GLIBC_2.4"), nil, nil, nil, []string{"gcr.io/distroless/base-nossl-debian12", "gcr.io/distroless/base-nossl-debian13", "registry.access.redhat.com/ubi9/ubi-micro"}},
		{"a newer glibc", wants(loader, "GLIBC_2.38"), nil, nil, nil, []string{"gcr.io/distroless/base-nossl-debian13", "gcr.io/distroless/base-debian13", "cgr.dev/chainguard/glibc-dynamic"}},
		{"OpenSSL", wants(loader, "GLIBC_2.34", "libssl.so.3"), nil, []imagetest.Entry{imagetest.File("lib/libssl.so.3", imagetest.ELF{Soname: "libssl.so.3"}.Build())}, nil,
			[]string{"gcr.io/distroless/base-debian12", "gcr.io/distroless/base-debian13", "gcr.io/distroless/cc-debian12"}},
		{"a library that comes with it", wants(loader, "GLIBC_2.34", "libown.so.1"), []imagetest.Entry{imagetest.File("usr/lib/libown.so.1", imagetest.ELF{Soname: "libown.so.1"}.Build())}, nil, nil,
			[]string{"gcr.io/distroless/base-nossl-debian12", "gcr.io/distroless/base-nossl-debian13", "registry.access.redhat.com/ubi9/ubi-micro"}},
		{"a library that none has", wants(loader, "GLIBC_2.34", "libpq.so.5"), nil, []imagetest.Entry{imagetest.File("lib/libpq.so.5", imagetest.ELF{Soname: "libpq.so.5"}.Build())}, nil, nil},
		{"musl", wants(musl, ""), nil, []imagetest.Entry{imagetest.Exec(musl[1:], imagetest.ELF{Soname: "libc.musl-x86_64.so.1"}.Build())}, nil, []string{"cgr.dev/chainguard/musl-dynamic", "alpine:3"}},
		{"a script with small tools", "#!/bin/sh\nset -e\nsed s/a/b/ /etc/only-here\n", nil, nil, nil, []string{"alpine:3", "cgr.dev/chainguard/wolfi-base", "debian:12-slim"}},
		{"a script of bash", "#!/bin/bash\nexec sed\n", nil, []imagetest.Entry{imagetest.Exec("bin/bash", imagetest.ELF{Interpreter: loader, Needed: []string{"libc.so.6"}}.Build())}, nil, []string{"debian:12-slim", "debian:13-slim"}},
		{"a script of Python", "#!/usr/bin/python3.11\nprint(1)\n", nil, []imagetest.Entry{imagetest.Exec("usr/bin/python3.11", imagetest.ELF{}.Build())}, nil, []string{"gcr.io/distroless/python3-debian12"}},
		{"a script of Node", "#!/usr/bin/node\n1\n", nil, []imagetest.Entry{imagetest.Exec("usr/bin/node", imagetest.ELF{}.Build())}, nil, []string{"gcr.io/distroless/nodejs22-debian12"}},
		{"a program for Java 17", "#!/usr/lib/jvm/java-17-openjdk-amd64/bin/java --source 17\n", nil,
			[]imagetest.Entry{imagetest.Exec("usr/lib/jvm/java-17-openjdk-amd64/bin/java", imagetest.ELF{}.Build())}, nil, []string{"gcr.io/distroless/java17-debian12", "gcr.io/distroless/java21-debian13"}},
		{"a program for Java 21", "#!/usr/lib/jvm/temurin-21-jre-amd64/bin/java --source 21\n", nil,
			[]imagetest.Entry{imagetest.Exec("usr/lib/jvm/temurin-21-jre-amd64/bin/java", imagetest.ELF{}.Build())}, nil, []string{"gcr.io/distroless/java21-debian13"}},
		{"a script of what none has", "#!/bin/sh\nexec /usr/bin/deno /x\n", nil, []imagetest.Entry{imagetest.Exec("usr/bin/deno", imagetest.ELF{}.Build())}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			lower := append(debian("GLIBC_2.2.5", "GLIBC_2.4", "GLIBC_2.34", "GLIBC_2.36", "GLIBC_2.38"), c.base...)
			layer := imagetest.Layer{Entries: append([]imagetest.Entry{imagetest.Exec("app/run", c.program)}, c.own...)}
			in := open(t, imagetest.Memory(t, imagetest.Image{Config: image.Config{Entrypoint: []string{"/app/run"}, Env: c.env}, Layers: []imagetest.Layer{{Entries: lower}, layer}}))
			img, _, err := base.NewImage(in, reachOf(t, in), 1, options)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range img.Suggest(&base.Index{}, nil) {
				got = append(got, s.Ref)
				if s.Why == "" || s.Source == "" {
					t.Errorf("%s: why %q, from %q", s.Ref, s.Why, s.Source)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestSuggestOwn: what careen base index has read of an image is known as well as
// what is shipped.
func TestSuggestOwn(t *testing.T) {
	own := append(debian("GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.36"),
		imagetest.Exec("usr/bin/node", imagetest.ELF{}.Build()), imagetest.Symlink("usr/bin/nodejs", "node"), imagetest.Symlink("usr/bin/gone", "nowhere"),
		imagetest.File("usr/lib/x86_64-linux-gnu/libpq.so.5", imagetest.ELF{Soname: "libpq.so.5"}.Build()),
		imagetest.File("usr/share/zoneinfo/UTC", "x"), imagetest.File("var/lib/dpkg/status", "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u9\n\n"))
	known := candidate(t, own...)
	facts := base.FactsOf(known.Tree, known.Catalog.Packages)
	want := &base.Facts{Libc: "glibc", Version: "2.36", Programs: []string{"node", "nodejs", "sed", "sh"}, Libraries: []string{"libpq.so.5", "libssl.so.3"}, Zones: true}
	if d := cmp.Diff(want, facts); d != "" {
		t.Error(d)
	}
	var index base.Index
	known.Image.Ref = "own:1"
	index.Add(known.Image, facts)
	seen := candidate(t, imagetest.File("x", ""))
	seen.Image.Ref = "seen:1"
	index.Add(seen.Image, nil)

	layer := imagetest.Layer{Entries: []imagetest.Entry{imagetest.Exec("app/run", wants(loader, "GLIBC_2.34", "libpq.so.5"))}}
	img := built(t, image.Config{Entrypoint: []string{"/app/run"}}, imagetest.Layer{Entries: append(layer.Entries, imagetest.File("usr/share/doc/x", ""))})
	suggested := func(tried ...string) []string {
		var list []string
		for _, s := range img.Suggest(&index, tried) {
			list = append(list, s.Ref)
		}
		return list
	}
	if got := suggested(); !slices.Equal(got, []string{"own:1"}) {
		t.Errorf("%q", got)
	}
	if got := suggested("own:1"); len(got) != 0 {
		t.Errorf("what was tried is suggested: %q", got)
	}
}
