package slim_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/slim"
)

// unowned is app with files and directories that no package owns, in its own layer.
func unowned() imagetest.Image {
	img := app()
	img.Layers = append(img.Layers, imagetest.Layer{Entries: []imagetest.Entry{
		imagetest.File("etc/shop/config.yaml", "a: 1\n"),
		imagetest.File("etc/shadow", "root:*:1::::::\n"),
		imagetest.File("usr/share/shop/page.html", "<p>"),
		imagetest.Exec("usr/bin/shopctl", "fetched by RUN"),
		imagetest.Exec("usr/local/bin/tool", "too"),
		imagetest.File("var/lib/shop/seed.db", "data"),
		imagetest.File("tmp/start.sh", "true"),
		imagetest.Symlink("usr/bin/sh2", "sh"),
		imagetest.Symlink("usr/bin/applet", "useless"),
		imagetest.Symlink("etc/alternatives/useless", "/usr/bin/useless"),
		imagetest.Symlink("etc/mnt", "/mnt/given/at/start"),
		imagetest.Dir("run/slapd"), imagetest.Dir("var/log/shop"), imagetest.Dir("srv/uploads"),
		imagetest.File("usr/share/locale/de/LC_MESSAGES/shop.mo", "x"),
		imagetest.File("usr/lib/python3/m.py", "1"),
		imagetest.File("usr/lib/python3/__pycache__/m.cpython-311.pyc", "x"),
		imagetest.File("usr/lib/python3/__pycache__/alone.cpython-311.pyc", "x"),
		imagetest.File("var/cache/apt/srcpkgcache.bin", "x"),
		imagetest.File("var/lib/apt/lists/deb.debian.org", "x"),
		imagetest.File("usr/share/doc/shop/README", "x"),
		imagetest.File("usr/share/man/man1/shop.1", "x"),
		imagetest.File("var/log/dpkg.log", "x"),
		imagetest.File("root/.cache/pip/x", "x"),
	}})
	return img
}

// TestWhatNoPackageOwnsStays: at the default level, wherever it lies.
func TestWhatNoPackageOwnsStays(t *testing.T) {
	_, made, headers, _ := slimmed(t, unowned(), slim.Options{})
	got := names(headers)
	for _, want := range []string{"etc/shop/config.yaml", "etc/shadow", "usr/share/shop/page.html", "usr/bin/shopctl", "usr/local/bin/tool",
		"var/lib/shop/seed.db", "tmp/start.sh", "usr/bin/sh2", "etc/mnt", "run/slapd/", "var/log/shop/", "srv/uploads/", "usr/lib/python3/m.py",
		"usr/share/locale/de/LC_MESSAGES/shop.mo", "usr/lib/python3/__pycache__/alone.cpython-311.pyc"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s went", want)
		}
	}
	for _, gone := range []string{"usr/bin/applet", "etc/alternatives/useless", "usr/lib/python3/__pycache__/m.cpython-311.pyc", "var/cache/apt/srcpkgcache.bin",
		"var/lib/apt/lists/deb.debian.org", "usr/share/doc/shop/README", "usr/share/man/man1/shop.1", "var/log/dpkg.log", "root/.cache/pip/x",
		"var/lib/apt/lists/", "usr/bin/useless"} {
		if slices.Contains(got, gone) {
			t.Errorf("%s stayed", gone)
		}
	}
	img, err := made.Image("made")
	if err != nil || img.Config.User != "" {
		t.Errorf("it runs as %q (%v), nobody asked for that", img.Config.User, err)
	}
}

// TestDirectoriesStay: also at level file, for they cost nothing and may be written to.
func TestDirectoriesStay(t *testing.T) {
	_, _, headers, _ := slimmed(t, unowned(), slim.Options{Level: slim.Files})
	got := names(headers)
	for _, want := range []string{"run/slapd/", "var/log/shop/", "srv/uploads/", "var/lib/shop/", "var/lib/redis/"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s went", want)
		}
	}
	if slices.Contains(got, "usr/share/shop/page.html") {
		t.Error("a file that nothing reaches stayed")
	}
}

func TestTheUserStaysAsWritten(t *testing.T) {
	for _, user := range []string{"redis", "redis:root", "101", "101:102", "root", "nobody-knows"} {
		img := app()
		img.Config.User = user
		_, made, _, _ := slimmed(t, img, slim.Options{})
		got, err := made.Image("made")
		if err != nil || got.Config.User != user {
			t.Errorf("%q became %q (%v)", user, got.Config.User, err)
		}
	}
}

func TestTranslationsStayWhereTheyAreAskedFor(t *testing.T) {
	for env, want := range map[string]bool{"LANG=de_DE.UTF-8": true, "LC_ALL=fr_FR": true, "LANG=en_US.UTF-8": false, "LANG=C.UTF-8": false, "PATH=/usr/bin": false} {
		img := app()
		img.Layers[0].Entries = append(img.Layers[0].Entries, imagetest.File("usr/share/locale/de/LC_MESSAGES/sh.mo", "x"))
		for i, e := range img.Layers[0].Entries {
			if e.Path == "var/lib/dpkg/info/shell.list" {
				img.Layers[0].Entries[i].Content += "/usr/share/locale/de/LC_MESSAGES/sh.mo\n"
			}
		}
		img.Config.Env = []string{env}
		_, _, headers, _ := slimmed(t, img, slim.Options{})
		if got := slices.Contains(names(headers), "usr/share/locale/de/LC_MESSAGES/sh.mo"); got != want {
			t.Errorf("%s: stays %t", env, got)
		}
	}
}

func TestKeepSaysWhatIsNotThere(t *testing.T) {
	for pattern, want := range map[string]string{
		"/etc/shop/confg.yaml":     "/etc/shop/config.yaml",
		"etc/shop/cofnig.yaml":     "/etc/shop/config.yaml",
		"/etc/shop/Config.yaml":    "/etc/shop/config.yaml",
		"/opt/shop/config.yaml":    "/etc/shop/config.yaml",
		"/var/lib/shp":             "/var/lib/shop",
		"/usr/share/nothing-at/*x": "no such path",
		"/qqqqqqqqqqqqqqqq":        "no such path",
	} {
		_, _, err := build(t, unowned(), slim.Options{Keep: []string{pattern}})
		if err == nil || !strings.Contains(err.Error(), "--keep "+pattern) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", pattern, err, want)
		}
	}
	for _, there := range []string{"/bin/sh", "/etc/shop", "etc/sh*", "/etc/mnt", "/"} {
		if _, _, err := build(t, unowned(), slim.Options{Keep: []string{there}}); err != nil {
			t.Errorf("%s: %v", there, err)
		}
	}
}

// TestKeepFollowsLinks: what is named through a link stays, and so does the link.
func TestKeepFollowsLinks(t *testing.T) {
	img := app()
	img.Layers = append(img.Layers, imagetest.Layer{Entries: []imagetest.Entry{
		imagetest.File("srv/v1/data", "x"), imagetest.Symlink("srv/current", "v1"),
	}})
	_, _, headers, _ := slimmed(t, img, slim.Options{Level: slim.Files, Keep: []string{"/srv/current/data", "/bin/useless"}})
	for _, want := range []string{"srv/v1/data", "srv/current", "usr/bin/useless", "bin"} {
		if !slices.Contains(names(headers), want) {
			t.Errorf("%s went", want)
		}
	}
}

// TestWhatAPackageNeedsStays: what a package that stays depends on, of its source or
// of data alone.
func TestWhatAPackageNeedsStays(t *testing.T) {
	record := func(name, source, depends string) string {
		r := "Package: " + name + "\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n"
		if source != "" {
			r += "Source: " + source + "\n"
		}
		if depends != "" {
			r += "Depends: " + depends + "\n"
		}
		return r + "\n"
	}
	img := imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
		imagetest.File("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
		imagetest.Exec("usr/bin/paint", imagetest.ELF{}.Build()),
		imagetest.File("usr/share/paint/brush", "x"), imagetest.Exec("usr/lib/paint/helper", imagetest.ELF{}.Build()),
		imagetest.File("usr/share/colours/red", "x"), imagetest.File("usr/share/deep/blue", "x"),
		imagetest.Exec("usr/bin/other", imagetest.ELF{}.Build()), imagetest.File("usr/share/alien/x", "x"),
		imagetest.File("usr/share/perl5/Mod.pm", "1;"),
		imagetest.File("var/lib/dpkg/status", record("paint", "", "paint-common (= 1.0-1), colours, other, libmod-perl")+record("paint-common", "paint", "")+
			record("colours", "", "deep")+record("deep", "", "")+record("other", "", "")+record("alien", "", "")+record("libmod-perl", "", "")),
		imagetest.File("var/lib/dpkg/info/paint.list", "/usr/bin/paint\n"),
		imagetest.File("var/lib/dpkg/info/paint-common.list", "/usr/share/paint/brush\n/usr/lib/paint/helper\n"),
		imagetest.File("var/lib/dpkg/info/colours.list", "/usr/share/colours/red\n"),
		imagetest.File("var/lib/dpkg/info/deep.list", "/usr/share/deep/blue\n"),
		imagetest.File("var/lib/dpkg/info/other.list", "/usr/bin/other\n"),
		imagetest.File("var/lib/dpkg/info/alien.list", "/usr/share/alien/x\n"),
		imagetest.File("var/lib/dpkg/info/libmod-perl.list", "/usr/share/perl5/Mod.pm\n"),
	}}}}
	img.Config.Entrypoint = []string{"paint"}
	for level, stays := range map[slim.Level]bool{slim.Packages: true, slim.Files: false} {
		_, _, headers, _ := slimmed(t, img, slim.Options{Level: level})
		got := names(headers)
		for _, file := range []string{"usr/share/paint/brush", "usr/lib/paint/helper", "usr/share/colours/red", "usr/share/deep/blue"} {
			if slices.Contains(got, file) != stays {
				t.Errorf("level %s: %s stays: %t", level, file, !stays)
			}
		}
		for _, file := range []string{"usr/bin/other", "usr/share/alien/x", "usr/share/perl5/Mod.pm"} {
			if slices.Contains(got, file) {
				t.Errorf("level %s: %s stayed", level, file)
			}
		}
	}
}

// TestWhatFoldersStartIsFollowed: scripts of services, hooks and jobs stay with what
// they run; helpers among the commands say nothing.
func TestWhatFoldersStartIsFollowed(t *testing.T) {
	for file, stays := range map[string]bool{
		"etc/services/web/run": true, "etc/cron.daily/report": true, "srv/git/r.git/hooks/post-receive": true, "usr/lib/cgi-bin/hello": true,
		"usr/local/bin/helper": false, "app/node_modules/x/build.sh": false, "usr/share/shop/notes": false,
	} {
		img := app()
		img.Layers = append(img.Layers, imagetest.Layer{Entries: []imagetest.Entry{imagetest.Exec(file, "#!/bin/sh\nexec useless\n")}})
		_, _, headers, _ := slimmed(t, img, slim.Options{})
		if got := slices.Contains(names(headers), "usr/bin/useless"); got != stays {
			t.Errorf("%s: what it runs stays: %t", file, got)
		}
	}
}
