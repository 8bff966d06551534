package node

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
