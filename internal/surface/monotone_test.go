package surface

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// crowded is an image with some of everything that counts.
func crowded() []imagetest.Entry {
	entries := []imagetest.Entry{
		imagetest.File("etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:7:7::/:/bin/bash\nopen::8:8::/:/bin/dash\n"),
		imagetest.File("etc/shadow", "root:*:1::::::\napp:$y$j9T$x:1::::::\n"),
		imagetest.Exec("usr/bin/dash", elf), imagetest.Symlink("bin/sh", "../usr/bin/dash"), imagetest.Symlink("bin/dash", "../usr/bin/dash"),
		imagetest.Exec("bin/bash", elf), hardlink("bin/rbash", "bin/bash"),
		imagetest.Exec("bin/busybox", elf), imagetest.Symlink("bin/wget", "busybox"), imagetest.Symlink("bin/nc", "busybox"), imagetest.Symlink("bin/ash", "busybox"),
		imagetest.Exec("usr/bin/apt", elf), imagetest.Exec("usr/bin/apt-get", elf), imagetest.Exec("usr/bin/perl5.36.0", elf), hardlink("usr/bin/perl", "usr/bin/perl5.36.0"),
		imagetest.Exec("usr/bin/gcc-12", elf), imagetest.Symlink("usr/bin/cc", "gcc-12"), imagetest.Exec("opt/tool/curl", elf),
		mode(imagetest.Exec("bin/su", elf), 0o755|fs.ModeSetuid), capable("bin/ping", 1<<13),
		mode(imagetest.File("srv/open", "x"), 0o666), mode(imagetest.Dir("srv/dir"), 0o777), mode(imagetest.Dir("tmp"), 0o777|fs.ModeSticky),
	}
	for i := range 12 {
		entries = append(entries, mode(imagetest.File(fmt.Sprintf("srv/%d", i), "x"), 0o666), imagetest.File(fmt.Sprintf("usr/lib/lib%d.so", i), elf))
	}
	return entries
}

// TestRemovingNeverRaisesTheIndex takes an image apart, one file after the other,
// in several orders.
func TestRemovingNeverRaisesTheIndex(t *testing.T) {
	order := rand.New(rand.NewPCG(1, 2))
	cfg := image.Config{User: "app", ExposedPorts: []string{"80/tcp"}}
	for range 6 {
		left := crowded()
		was := inspect(t, cfg, 0, nil, layer("x", left...)).Surface()
		for len(left) > 0 {
			i := order.IntN(len(left))
			gone := left[i].Path
			left = append(left[:i:i], left[i+1:]...)
			now := inspect(t, cfg, 0, nil, layer("x", left...)).Surface()
			if now.Index > was.Index {
				t.Errorf("without %s the index rises from %d to %d:\n%+v\n%+v", gone, was.Index, now.Index, was.Parts, now.Parts)
			}
			was = now
		}
		if was.Index != 1 { // the port
			t.Errorf("an empty image has %d: %+v", was.Index, was.Parts)
		}
	}
}
