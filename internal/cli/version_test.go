package cli

import (
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	const hash, day = "1933584af0e1c0ffee00000000000000000000aa", "2026-11-28T21:04:05Z"
	vcs := []debug.BuildSetting{{Key: "vcs.revision", Value: hash}, {Key: "vcs.time", Value: day}}
	for _, test := range []struct {
		name    string
		main    string
		vcs     []debug.BuildSetting
		release origin
		want    string
	}{
		{"a release", "(devel)", nil, origin{"1.4.0", hash, day}, "1.4.0+20261128.1933584af0e1"},
		{"a release built in its checkout", "v1.4.0", vcs, origin{"1.4.0", hash, day}, "1.4.0+20261128.1933584af0e1"},
		{"go install of a tag", "v1.4.0", nil, origin{}, "1.4.0"},
		{"go install of a commit", "v1.4.1-0.20261128210405-1933584af0e1", nil, origin{}, "1.4.1-0.20261128210405-1933584af0e1"},
		{"a checkout at a tag", "v1.4.0", vcs, origin{}, "1.4.0+20261128.1933584af0e1"},
		{"a checkout after a tag", "v1.4.1-0.20261128210405-1933584af0e1", vcs, origin{}, "1.4.1-0.20261128210405-1933584af0e1"},
		{"a checkout with changes", "v1.4.0+dirty", vcs, origin{}, "1.4.0+dirty.20261128.1933584af0e1"},
		{"a checkout and an old toolchain", "(devel)", vcs, origin{}, "devel+20261128.1933584af0e1"},
		{"a folder", "", nil, origin{}, "devel"},
		{"a container without the history", "(devel)", nil, origin{commit: hash, date: "yesterday"}, "devel+1933584af0e1"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: test.main}, Settings: test.vcs}
		if got := originOf(info).or(test.release).String(); got != test.want {
			t.Errorf("%s: %s, not %s", test.name, got, test.want)
		}
	}
}
