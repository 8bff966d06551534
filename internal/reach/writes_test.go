package reach

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// described writes what is found a line each: "what path", with a slash behind a
// directory, "…" behind what is computed, "./" before what is relative to the
// source.
func described(writes []Write) []string {
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

func TestWritesOfJavaScript(t *testing.T) {
	for src, want := range map[string]string{
		`fs.writeFileSync("/data/a", x)`: "writeFileSync /data/a",
		`fs.readFileSync("/data/a")`:     "",
		`store.mkdir("x")`:               "",
		`fs.mkdirSync("uploads")`:        "mkdirSync uploads/",
		`fs.mkdirSync(path.join(__dirname, "uploads"), {recursive: true})`:         "mkdirSync ./uploads/",
		"const DIR = process.env.DATA_DIR || '/data'\nfs.writeFile(DIR + '/x', y)": "writeFile /data/x $DATA_DIR",
		"fs.createWriteStream(process.env.LOG ?? '/var/log/app.log')":              "createWriteStream /var/log/app.log $LOG",
		"fs.createWriteStream(`/data/${id}.json`)":                                 "createWriteStream /data/…",
		`const upload = multer({ dest: 'uploads/' })`:                              "dest uploads//",
		`new winston.transports.File({ filename: '/var/log/x.log' })`:              "filename /var/log/x.log",
		`fs.openSync('/data/a', 'r'); fs.openSync('/data/b', 'w')`:                 "openSync /data/b",
		`fs.renameSync('/tmp/a', '/data/b')`:                                       "renameSync /data/b",
		`new Database('/data/app.db')`:                                             "Database /data/app.db",
		`new sqlite3.Database(':memory:')`:                                         "",
		`fs.writeFile(path.join('/data', name), x)`:                                "writeFile /data/…",
		`fs.mkdirSync(`: "",
	} {
		if d := cmp.Diff(want, strings.Join(described(readJS([]byte(src), true).Writes), "\n")); d != "" {
			t.Errorf("%s\n%s", src, d)
		}
		if got := readJS([]byte(src), false).Writes; got != nil {
			t.Errorf("%s: of an installed package: %v", src, got)
		}
	}
	// What stands in for a variable is no constant to what loads modules.
	f := readJS([]byte("const P = process.env.P || './x'\nrequire(P)\nfs.mkdirSync(P)"), true)
	if len(f.Refs) != 1 || !f.Refs[0].Computed {
		t.Errorf("%+v", f.Refs)
	}
}

func TestPlacesOfJava(t *testing.T) {
	strings := []string{"/data/x", "not /a", "/a b", "/"}
	for _, c := range []struct {
		call [2]string
		want []string
	}{
		{[2]string{"java/io/FileOutputStream", "<init>"}, []string{"/data/x"}},
		{[2]string{"java/nio/file/Files", "createDirectories"}, []string{"/data/x"}},
		{[2]string{"java/nio/file/Files", "readString"}, nil},
	} {
		body := classBytes("Main", nil, strings, [][2]string{c.call})
		if facts, err := readClass(body); err != nil || cmp.Diff(c.want, facts.Places) != "" {
			t.Errorf("%v: %v %v", c.call, facts.Places, err)
		}
		jar := map[string]string{"Main.class": string(body)}
		read := func() []string {
			data := jarBytes(t, jar)
			facts, err := readJar(bytes.NewReader([]byte(data)), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			return facts.Places
		}
		if got := read(); got != nil {
			t.Errorf("of a library: %v", got)
		}
		jar["META-INF/MANIFEST.MF"] = "Main-Class: Main\n"
		if got := read(); cmp.Diff(c.want, got) != "" {
			t.Errorf("%v of a program: %v", c.call, got)
		}
	}
}
