package python

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/reach"
)

// described writes what is found a line each: "what path", with a slash behind a
// directory, "…" behind what is computed, "./" before what is relative to the
// source.
func described(writes []reach.Write) []string {
	list := []string{}
	for _, w := range writes {
		text := w.Path
		if w.InDir {
			text = "./" + text
		}
		if w.Dir {
			text += "/"
		}
		if w.Open {
			text += "…"
		}
		if w.Env != "" {
			text += " $" + w.Env
		}
		list = append(list, fmt.Sprintf("%s %s", w.What, text))
	}
	return list
}

func TestWritesOfPython(t *testing.T) {
	for src, want := range map[string]string{
		`open("/data/a", "w")`:                                         "open /data/a",
		`open("/data/a")` + "\n" + `open("/data/b", "rb")`:             "",
		`with open(f"/data/{name}.txt", mode="a") as f: pass`:          "open /data/…",
		`x.open("/data/a", "w")`:                                       "",
		`os.makedirs("/var/lib/app", exist_ok=True)`:                   "makedirs /var/lib/app/",
		"BASE = '/srv/data'\n\ndef f():\n  os.mkdir(BASE + '/x')":      "mkdir /srv/data/x/",
		`open(os.path.join("/data", user, "x"), "w")`:                  "open /data/…",
		`open(os.path.join(os.path.dirname(__file__), "log"), "w")`:    "open ./log",
		"HERE = Path(__file__).resolve().parent\n(HERE / 'x')":         "",
		"UP = Path(__file__).resolve().parent / 'up'\nUP.mkdir()":      "mkdir ./up/",
		`Path("/data/x").write_text(y)`:                                "write_text /data/x",
		`logging.FileHandler("/var/log/app.log")`:                      "FileHandler /var/log/app.log",
		`{"class": "logging.FileHandler", "filename": "/var/log/x"}`:   "filename /var/log/x",
		`logging.basicConfig(filename="logs/x.log")`:                   "filename logs/x.log",
		`app.config["UPLOAD_FOLDER"] = "/uploads"`:                     "UPLOAD_FOLDER /uploads/",
		"D = os.environ.get('DATA', '/data')\nopen(D + '/x', 'w')":     "open /data/x $DATA",
		"sqlite3.connect('/data/app.db')\nsqlite3.connect(':memory:')": "connect /data/app.db",
		"if __name__ == '__main__':\n    open('/data/main', 'w')\n":    "",
		`open("https://x y", "w")`:                                     "",
		`open(`:                                                        "",
	} {
		if d := cmp.Diff(want, strings.Join(described(readPython([]byte(src), true).Writes), "\n")); d != "" {
			t.Errorf("%s\n%s", src, d)
		}
		if got := readPython([]byte(src), false).Writes; got != nil {
			t.Errorf("%s: of an installed package: %v", src, got)
		}
	}
}
