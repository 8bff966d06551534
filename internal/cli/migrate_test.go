package cli

import (
	"bytes"
	"context"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// peerFlags are the flags of the programs that people come from, as their own help
// and manuals list them.
var peerFlags = map[string]string{
	"trivy": `cache-backend cache-ttl check-namespaces checks-bundle-repository compliance config-check config-data config-file-schemas custom-headers
		db-repository dependency-tree detection-priority disable-telemetry distro docker-host download-db-only download-java-db-only enable-modules exit-code
		exit-on-eol file-patterns format helm-api-versions helm-kube-version helm-set helm-set-file helm-set-string helm-values ignore-policy ignore-status
		ignore-unfixed ignored-licenses ignorefile image-config-scanners image-src include-deprecated-checks include-dev-deps include-non-failures input java-db-repository
		license-confidence-level license-full list-all-pkgs max-image-size misconfig-scanners module-dir no-progress offline-scan output output-plugin-arg
		parallel password password-stdin pkg-relationships pkg-types platform podman-host raw-config-scanners redis-ca redis-cert redis-key redis-tls
		registry-token rego-error-limit rekor-url removed-pkgs render-cause report sbom-sources scanners secret-config server severity show-suppressed
		skip-check-update skip-db-update skip-dirs skip-files skip-java-db-update skip-version-check skip-vex-repo-update table-mode template
		tf-exclude-downloaded-modules token token-header trace-rego username vex vuln-severity-source cacert cache-dir config debug generate-default-config
		insecure no-color quiet timeout version`,
	"grype": `add-cpes-if-none by-cve config distro exclude fail-on file from ignore-states name only-fixed only-notfixed output platform profile quiet
		scope show-suppressed sort-by template verbose version vex`,
	"scout": `details env epss epss-percentile epss-score exit-code format ignore-base ignore-suppressed local local-vulndb locations multi-stage
		only-base only-cisa-kev only-cve-id only-fixed only-metric only-package only-package-type only-severity only-stage only-unfixed only-vex-affected
		only-vuln-packages org output platform ref stream vex vex-author vex-location debug verbose-debug`,
	"snyk": `dev print-deps org file project-name policy-path json json-file-output sarif sarif-file-output severity-threshold fail-on app-vulns
		exclude-app-vulns exclude-node-modules nested-jars-depth exclude-base-image-vulns platform username password`,
	"hadolint": `version config file-path-in-report no-fail no-color verbose format error warning info style ignore trusted-registry require-label
		strict-labels disable-ignore-pragma failure-threshold`,
	"dockle": `input ignore accept-key sensitive-word accept-file sensitive-file accept-file-extension sensitive-file-extension format output exit-code
		exit-level debug quiet no-color version-check timeout use-xdg host authurl username password insecure nonssl cert-path cache-dir`,
}

var inCode = regexp.MustCompile("`([^`]+)`")

// TestMigrationPages reads the pages for people who come from other programs: every
// flag has a row, every row a counterpart that works or a reason for none.
func TestMigrationPages(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	migrationFolder(t)
	done := map[string]bool{}
	for peer, flags := range peerFlags {
		page, err := os.ReadFile(filepath.Join(root, "docs", "migrate", peer+".md"))
		if err != nil {
			t.Fatal(err)
		}
		listed := map[string]bool{}
		for line := range strings.Lines(string(page)) {
			cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), `\|`, "\x00"), "|")
			if len(cells) != 5 || !strings.Contains(cells[1], "`") {
				continue
			}
			for _, m := range inCode.FindAllStringSubmatch(cells[1], -1) {
				listed[strings.TrimLeft(m[1], "-")] = true
			}
			commands := inCode.FindAllStringSubmatch(cells[2], -1)
			if strings.TrimSpace(cells[2]) == "none" {
				if strings.TrimSpace(cells[3]) == "" {
					t.Errorf("%s: no counterpart and no reason: %s", peer, line)
				}
			} else if commands == nil {
				t.Errorf("%s: neither a counterpart nor none: %s", peer, line)
			}
			for _, m := range commands {
				if args := migrated(peer, m[1]); !done[strings.Join(args, " ")] {
					done[strings.Join(args, " ")] = true
					try(t, peer, args)
				}
			}
		}
		for _, flag := range strings.Fields(flags) {
			if !listed[flag] {
				t.Errorf("docs/migrate/%s.md says nothing of --%s", peer, flag)
			}
		}
	}
	if len(done) < 60 {
		t.Errorf("only %d commands were tried", len(done))
	}
}

// migrated is the command that a cell of a page means.
func migrated(peer, code string) []string {
	args := strings.Fields(code)
	if args[0] == "careen" {
		return args[1:]
	}
	if peer == "hadolint" {
		return append(append([]string{"lint"}, args...), "Dockerfile")
	}
	args = append([]string{"scan"}, args...)
	if slices.Contains(args, "--input") || slices.Contains(args, "--images-from") {
		return args
	}
	return append(args, "app.tar")
}

// try runs a command. One that needs a network is only understood: its verb, its
// flags and how many words it takes.
func try(t *testing.T, peer string, args []string) {
	t.Helper()
	text := strings.Join(args, " ")
	if strings.Contains(text, "registry.example.com") || strings.Contains(text, "--images-from") || strings.HasPrefix(text, "db update") {
		c := &command{env: map[string]string{}, stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
		cmd, rest, err := c.root().Find(args)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil && cmd.Args != nil {
			err = cmd.Args(cmd, cmd.Flags().Args())
		}
		if err != nil {
			t.Errorf("%s: careen %s: %v", peer, text, err)
		}
		return
	}
	var out, stderr bytes.Buffer
	env := []string{"CAREEN_CACHE_DIR=" + os.Getenv("CAREEN_CACHE_DIR"), "HOME=" + os.Getenv("HOME"), "DOCKER_HOST=unix:///no/daemon.sock"}
	code := runCareen(context.Background(), args, env, strings.NewReader(""), &out, &stderr)
	if code == exitFailed && !strings.Contains(stderr.String(), "gate failed") { // --exit-code 1 is Trivy's
		t.Errorf("%s: careen %s: exit %d: %s", peer, text, code, stderr.String())
	}
}

// migrationFolder makes the files that the pages name, and works there.
func migrationFolder(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"app/etc/os-release":                         "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n",
		"app/app/node_modules/minimist/package.json": `{"name":"minimist","version":"0.0.8"}`,
		"Dockerfile":                                 "FROM scratch\nCOPY app /\nUSER 1000\n",
		"compose.yaml":                               "services:\n  app:\n    build: .\n    read_only: true\n",
		"deploy.yaml":                                "apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec:\n  containers: []\n",
		"careen.yaml":                                "severity: CRITICAL,HIGH\n",
		"careen-ignore.yaml":                         "ignore:\n  - id: CVE-2021-44906\n    reason: accepted\n",
		".trivyignore":                               "CVE-2021-44906\n",
		".hadolint.yaml":                             "ignored: [DL3007]\n",
		"rules.toml":                                 "[[rules]]\nid = \"shop-token\"\ndescription = \"Shop's token\"\nregex = '''shop_[0-9a-f]{32}'''\n",
		"report.tmpl":                                "{{range .}}{{.target.ref}}\n{{end}}",
		"vex.json":                                   `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://shop.example/vex","author":"shop","timestamp":"2026-01-01T00:00:00Z","version":1,"statements":[{"vulnerability":{"name":"CVE-2021-44906"},"products":[{"@id":"pkg:npm/minimist"}],"status":"not_affected","justification":"vulnerable_code_not_in_execute_path"}]}`,
		"bom.cdx.json":                               `{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library","name":"minimist","version":"0.0.8","purl":"pkg:npm/minimist@0.0.8"}]}`,
	}
	server := httptest.NewTLSServer(nil)
	server.Close()
	files["ca.pem"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	layer := imagetest.Layer{Compression: imagetest.Gzip, Instruction: "COPY app /"}
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if inner, ok := strings.CutPrefix(name, "app/"); ok {
			layer.Entries = append(layer.Entries, imagetest.File(inner, text))
		}
	}
	img := imagetest.Image{Tags: []string{"app:1"}, Config: image.Config{Entrypoint: []string{"/app/server"}}, Layers: []imagetest.Layer{layer}}
	if err := imagetest.WriteDockerArchive(filepath.Join(dir, "app.tar"), img); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CAREEN_CACHE_DIR", filepath.Join(dir, "cache"))
	t.Setenv("HOME", dir)
	t.Chdir(dir)
}
