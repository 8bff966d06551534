package rootfs

import "testing"

func TestSkip(t *testing.T) {
	for _, test := range []struct {
		dirs, files []string
		path        string
		want        bool
	}{
		{[]string{"usr/share/doc"}, nil, "usr/share/doc", true},
		{[]string{"/usr/share/doc/"}, nil, "usr/share/doc/a/copyright", true},
		{[]string{"./usr/share/doc"}, nil, "usr/share/docs", false},
		{[]string{"doc"}, nil, "usr/share/doc/x", false}, // paths begin at the root
		{[]string{"**/node_modules"}, nil, "node_modules/a/package.json", true},
		{[]string{"**/node_modules"}, nil, "srv/app/node_modules/a", true},
		{[]string{"**/node_modules"}, nil, "srv/app/node_modules2/a", false},
		{[]string{"srv/**/test"}, nil, "srv/test/x", true},
		{[]string{"srv/**/test"}, nil, "srv/a/b/test/x", true},
		{[]string{"srv/**/test"}, nil, "opt/srv/a/test/x", false},
		{[]string{"opt/*"}, nil, "opt/a/b", true},
		{[]string{"opt/*"}, nil, "opt", false},
		{[]string{"opt/**"}, nil, "opt/a", true},
		{[]string{"**"}, nil, "a", true},
		{[]string{"a/**/b/**/c"}, nil, "a/x/b/y/z/c/file", true},
		{[]string{"a/**/b/**/c"}, nil, "a/x/b/y/z/d/file", false},
		{[]string{"**/a/b"}, nil, "a/a/b", true},
		{nil, []string{"etc/passwd"}, "etc/passwd", true},
		{nil, []string{"/etc/passwd"}, "etc/passwd/x", false}, // a file has nothing below it
		{nil, []string{"**/*.jar"}, "opt/lib/a.jar", true},
		{nil, []string{"**/*.jar"}, "a.jar", true},
		{nil, []string{"*.jar"}, "opt/a.jar", false},
		{nil, []string{"**/Gemfile.loc?"}, "srv/Gemfile.lock", true},
		{nil, []string{"**/[ab].txt"}, "x/b.txt", true},
		{[]string{"x"}, []string{"y"}, "y", true},
		{[]string{"x"}, []string{"y"}, "z", false},
	} {
		s, err := NewSkip(test.dirs, test.files)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Passes(test.path); got != test.want {
			t.Errorf("dirs %q, files %q, %s: %v", test.dirs, test.files, test.path, got)
		}
	}
	for _, bad := range []string{"", "/", ".", "../x", "a/[", "  "} {
		if _, err := NewSkip([]string{bad}, nil); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
	if s, err := NewSkip(nil, nil); s != nil || err != nil || s.Passes("a") {
		t.Errorf("no pattern: %v, %v", s, err)
	}
}
