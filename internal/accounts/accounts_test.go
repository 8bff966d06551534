package accounts

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
)

const passwd = "root:x:0:0:root:/root:/bin/bash\n# a comment:x:1:1\n+::::::\n-jo\n\n" +
	"app:!:1000:1001:The app,,,:/home/app:/bin/sh\r\nshort:x:7\n:x:8:8:::\nodd:x:many:12:::\nbig:x:99999999999:1:::/bin/sh\n"

func TestParse(t *testing.T) {
	want := []Account{
		{Name: "root", Password: "x", ID: "0", Group: "0", Shell: "/bin/bash", Line: "root:x:0:0:root:/root:/bin/bash"},
		{Name: "app", Password: "!", ID: "1000", Group: "1001", Shell: "/bin/sh", Line: "app:!:1000:1001:The app,,,:/home/app:/bin/sh"},
		{Name: "short", Password: "x", ID: "7", Line: "short:x:7"},
		{Name: "odd", Password: "x", ID: "many", Group: "12", Line: "odd:x:many:12:::"},
		{Name: "big", Password: "x", ID: "99999999999", Group: "1", Shell: "/bin/sh", Line: "big:x:99999999999:1:::/bin/sh"},
	}
	if diff := cmp.Diff(want, Parse([]byte(passwd))); diff != "" {
		t.Error(diff)
	}
	if _, ok := want[4].Number(); ok {
		t.Error("a number over 32 bits is no UID")
	}
}

func TestResolve(t *testing.T) {
	users, groups := Parse([]byte(passwd)), Parse([]byte("root:x:0:\nwww:x:33:app,root\n"))
	for _, test := range []struct {
		spec     string
		uid, gid int
		ok       bool
	}{
		{"app", 1000, 1001, true},
		{"1000", 1000, 1001, true}, // passwd knows its group
		{"4711", 4711, 0, true},    // and not this one's
		{"4711:33", 4711, 33, true},
		{"app:www", 1000, 33, true},
		{"app:", 1000, 1001, true},
		{"root", 0, 0, true},
		{"nobody", 0, 0, false},
		{"app:nobody", 1000, 0, false},
		{"odd", 0, 0, false},
		{"-1", 0, 0, false},
		{"", 0, 0, false},
	} {
		uid, gid, ok := Resolve(test.spec, users, groups)
		if ok != test.ok || ok && (uid != test.uid || gid != test.gid) {
			t.Errorf("Resolve(%q) = %d, %d, %v; want %d, %d, %v", test.spec, uid, gid, ok, test.uid, test.gid, test.ok)
		}
	}
	if uid, gid, ok := Resolve("root", nil, nil); ok {
		t.Errorf("without files root is %d:%d: only a number is known then", uid, gid)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(passwd), "app:www")
	costs.Fuzz(f, func(t *testing.T, data []byte, spec string) {
		list := Parse(data)
		for _, a := range list {
			if a.Name == "" {
				t.Errorf("an account without a name: %q", a.Line)
			}
		}
		if uid, gid, ok := Resolve(spec, list, list); ok && (uid < 0 || gid < 0) {
			t.Errorf("Resolve(%q) = %d, %d", spec, uid, gid)
		}
	})
}
