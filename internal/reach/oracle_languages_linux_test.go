package reach

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/careen/careen/internal/image"
)

// expressServer renders a page with an engine that Express loads by a computed
// name, parses what it is sent, and serves a file.
const expressServer = `const express = require('express')
const app = express()
app.set('view engine', 'pug')
app.use(express.json(), express.urlencoded({ extended: true }))
app.use('/static', express.static('public'))
app.get('/', (req, res) => res.render('index', { title: 'it works' }))
app.listen(6391, '127.0.0.1')
`

// npmInstalled puts a package.json into a directory of a root and installs what
// it depends on, with npm of this machine.
func npmInstalled(t *testing.T, root, dir string, packages ...string) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("no npm here")
	}
	if _, err := os.Stat(filepath.Join(root, dir, "node_modules")); err == nil {
		return // a kept root
	}
	writeFile(t, root, dir+"/package.json", `{"name": "app", "version": "1.0.0", "scripts": {"start": "node server.js"}}`)
	install := exec.Command("npm", append([]string{"install", "--no-audit", "--no-fund", "--ignore-scripts"}, packages...)...)
	install.Dir = filepath.Join(root, dir)
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("npm install: %v\n%s", err, out)
	}
}

func TestExpressServerOpensNothingUnreached(t *testing.T) {
	needsTrace(t)
	root := debianRoot(t, "nodejs", "ca-certificates")
	npmInstalled(t, root, "srv/app", "express@4", "pug@3")
	writeFile(t, root, "srv/app/server.js", expressServer)
	writeFile(t, root, "srv/app/views/index.pug", "h1= title\n")
	writeFile(t, root, "srv/app/public/x.txt", "x\n")
	argv := []string{"sh", "-c", "cd /srv/app && exec node server.js"}
	r := computeDir(t, root, image.Config{Cmd: []string{"node", "server.js"}, WorkingDir: "/srv/app"})
	checkTrace(t, r, traceOpened(t, root, nil, argv, func() {
		getUntilAnswered(t, "http://127.0.0.1:6391/")()
		getUntilAnswered(t, "http://127.0.0.1:6391/static/x.txt")()
	}))
}

// flaskServer renders a template of the application and answers with JSON.
const flaskServer = `import flask, logging.config, json
from datetime import datetime
app = flask.Flask(__name__)

@app.route("/")
def index():
    datetime.strptime("2024", "%Y")
    flask.session.get("x")
    return flask.render_template("index.html", title="it works")

@app.route("/json")
def data():
    import uuid, decimal, sqlite3, zoneinfo, hashlib
    from concurrent.futures import ThreadPoolExecutor
    import multiprocessing.pool
    return flask.jsonify(id=str(uuid.uuid4()), n=str(decimal.Decimal(1)), z="grüße".encode("idna").decode())
`

func TestGunicornServerOpensNothingUnreached(t *testing.T) {
	needsTrace(t)
	root := debianRoot(t, "gunicorn", "python3-flask")
	writeFile(t, root, "srv/app/app.py", flaskServer)
	writeFile(t, root, "srv/app/templates/index.html", "<h1>{{ title|upper }}</h1>\n")
	argv := []string{"sh", "-c", "cd /srv/app && exec gunicorn -b 127.0.0.1:6392 -w 2 --threads 2 app:app"}
	r := computeDir(t, root, image.Config{Cmd: []string{"gunicorn", "-b", "127.0.0.1:6392", "-w", "2", "--threads", "2", "app:app"}, WorkingDir: "/srv/app"})
	checkTrace(t, r, traceOpened(t, root, nil, argv, func() {
		getUntilAnswered(t, "http://127.0.0.1:6392/")()
		getUntilAnswered(t, "http://127.0.0.1:6392/json")()
	}))
}
