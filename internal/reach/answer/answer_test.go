package answer

import (
	"cmp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

func TestProgramsComeBeforeWhatIsRead(t *testing.T) {
	files := []string{"etc/init.d/nginx", "usr/share/doc/nginx", "usr/share/man/man8/nginx", "usr/lib/libnginx.so.3", "usr/sbin/nginx", "usr/share/licenses/nginx"}
	slices.SortStableFunc(files, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	want := []string{"usr/lib/libnginx.so.3", "usr/sbin/nginx", "etc/init.d/nginx", "usr/share/doc/nginx", "usr/share/man/man8/nginx", "usr/share/licenses/nginx"}
	if diff := gocmp.Diff(want, files); diff != "" {
		t.Error(diff)
	}
}
