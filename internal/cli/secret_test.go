package cli

import (
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// tokenWithSum returns a token as GitHub and npm end theirs. None stands in this
// file, so that nobody's scanner takes it for a leak.
func tokenWithSum(prefix, body string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := crc32.ChecksumIEEE([]byte(body))
	var end [6]byte
	for i := 5; i >= 0; i-- {
		end[i] = digits[sum%62]
		sum /= 62
	}
	return prefix + "_" + body + string(end[:])
}

// leaked are the secrets of the image that leakyImage writes, by the names that
// scripts call them.
func leaked() map[string]string {
	return map[string]string{
		"PAT":      tokenWithSum("ghp", "q7TzXc2LmVb9RkWn4JsYd8HfGa3PeU"),
		"STRIPE":   "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dcUx82Kq",
		"NPM":      tokenWithSum("npm", "Zr5KtBq8WmXy2NvLc7JhDs4GfPa9Ue"),
		"PASSWORD": "tr0ub4dor&" + "3xyz",
		"SLACK":    "xoxb-" + "281937465012-" + "9182736450192-" + "Kq8ZtLw2VmXc7RbNp4YsJd6H",
		"LABEL":    "glpat-" + "Xk9vQm2LrTz7WcYb4NsJ",
	}
}

// leakyImage FILE writes an image with a .env that a later layer removes, a key
// in ENV, a token in a build argument, one in a label, a password in a file that
// is overwritten with the same secret moved, and a token that stays.
func leakyImage(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: leakyimage FILE")
	}
	s := leaked()
	img := imagetest.Image{
		Tags: []string{"leaky:1"},
		Config: image.Config{
			Env:        []string{"PATH=/usr/bin", "STRIPE_SECRET_KEY=" + s["STRIPE"]},
			Labels:     map[string]string{"org.example.token": s["LABEL"], "org.example.team": "shop"},
			Entrypoint: []string{"/app/server", "--slack-token=" + s["SLACK"]},
			History: []image.History{
				{CreatedBy: "COPY base / # buildkit"},
				{CreatedBy: "COPY .env /app/.env # buildkit"},
				{CreatedBy: "RUN |1 NPM_TOKEN=" + s["NPM"] + " /bin/sh -c npm ci && rm /app/.env # buildkit"},
				{CreatedBy: "ENV STRIPE_SECRET_KEY=" + s["STRIPE"], EmptyLayer: true},
				{CreatedBy: "LABEL org.example.token=" + s["LABEL"], EmptyLayer: true},
				{CreatedBy: "RUN /bin/sh -c echo 'password: " + s["PASSWORD"] + "' > /app/config.yaml # buildkit"},
				{CreatedBy: `ENTRYPOINT ["/app/server" "--slack-token=` + s["SLACK"] + `"]`, EmptyLayer: true},
			},
		},
		Layers: []imagetest.Layer{
			{Compression: imagetest.Gzip, Entries: []imagetest.Entry{
				imagetest.File("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
				imagetest.File("app/config.yaml", "# empty\n"),
			}},
			{Compression: imagetest.Gzip, Entries: []imagetest.Entry{
				imagetest.File("app/.env", "# settings\nPORT=80\nGITHUB_TOKEN="+s["PAT"]+"\n"),
			}},
			{Compression: imagetest.Gzip, Entries: []imagetest.Entry{imagetest.Whiteout("app/.env")}},
			{Compression: imagetest.Gzip, Entries: []imagetest.Entry{
				imagetest.File("app/config.yaml", "user: shop\npassword: "+s["PASSWORD"]+"\n"),
				imagetest.Exec("app/start.sh", "#!/bin/sh\nexport SLACK_BOT_TOKEN="+s["SLACK"]+"\nexec /app/server\n"),
			}},
		},
	}
	ts.Check(imagetest.WriteDockerArchive(ts.MkAbs(args[0]), img))
}

// tokenImage FILE writes an image in which a token stands where nobody expects
// one: as the key of a label, the user, the directory, a volume, a port, in the
// history's author, as a licence, and unless "config" is asked for alone in the
// names of files and the target of a link.
func tokenImage(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 {
		ts.Fatalf("usage: tokenimage FILE [config]")
	}
	token := leaked()["PAT"]
	entries := []imagetest.Entry{
		imagetest.File("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
		imagetest.File("app/node_modules/x/package.json", `{"name":"x","version":"1.0.0","license":"`+token+`"}`),
		imagetest.Exec("app/start.sh", "#!/bin/sh\nexec sleep 1\n"),
	}
	if len(args) == 1 {
		entries = append(entries, imagetest.File("app/"+token+".txt", "x\n"), imagetest.Symlink("app/link", "/run/"+token),
			imagetest.Exec("app/"+token+".sh", "#!/bin/sh\n"))
	}
	ts.Check(imagetest.WriteDockerArchive(ts.MkAbs(args[0]), imagetest.Image{
		Tags: []string{"token:1"},
		Config: image.Config{
			User: token, WorkingDir: "/srv/" + token, Volumes: []string{"/data/" + token}, ExposedPorts: []string{token + "/tcp"},
			Labels: map[string]string{token: "x", "org.example.note": "see " + token}, Env: []string{token + "=1", "PATH=/bin"},
			Entrypoint: []string{"/app/start.sh", "/app/" + token + ".sh"}, Shell: []string{"/bin/sh", token}, StopSignal: token, Author: token,
			OnBuild: []string{"RUN echo " + token},
		},
		Layers: []imagetest.Layer{{Compression: imagetest.Gzip, Entries: entries}},
	}))
}

// secretFiles DIR writes files with secrets, one that is allowed, and what version
// control keeps.
func secretFiles(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: secretfiles DIR")
	}
	s := leaked()
	for name, text := range map[string]string{
		".env":               "# settings\nGITHUB_TOKEN=" + s["PAT"] + "\n",
		"allowed.sh":         "NPM_TOKEN=" + s["NPM"] + " # careen:allow: a test account\n",
		"deploy/values.yaml": "auth:\n  user: shop\n  apiToken: Zr5KtBq8WmXy2NvLc7JhDs4GfPa9Ue\n",
		"deploy/run.sh":      "curl -H 'X-Api-Key: " + "Zr5KtBq8WmXy2NvLc7JhDs4GfPa9Uf" + "' https://example.com\n",
		"README.md":          "Set `GITHUB_TOKEN` to your token.\n",
		".git/objects/ab/cd": "x " + s["PAT"] + "\n",
	} {
		file := filepath.Join(ts.MkAbs(args[0]), filepath.FromSlash(name))
		ts.Check(os.MkdirAll(filepath.Dir(file), 0o755))
		ts.Check(os.WriteFile(file, []byte(text), 0o644))
	}
}

// noSecret FILE... fails when a file, or a file of a directory, has ten bytes in
// a row of a secret of the leaky image: more than a report may show.
func noSecret(ts *testscript.TestScript, neg bool, args []string) {
	const most = 9
	looked := 0
	for _, arg := range args {
		ts.Check(filepath.WalkDir(ts.MkAbs(arg), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			looked++
			data, err := os.ReadFile(name)
			for id, secret := range leaked() {
				for i := 0; i+most < len(secret); i++ {
					if strings.Contains(string(data), secret[i:i+most+1]) {
						ts.Fatalf("%s shows %s", name, id)
					}
				}
			}
			return err
		}))
	}
	if looked == 0 {
		ts.Fatalf("nothing to look into")
	}
}
