package careen_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/careen/careen"

// rooms says which rooms under internal/ each room may import. Changing a row
// is a decision: make it in the commit that needs it, with its reason.
var rooms = map[string][]string{
	// Tier 1, mechanisms.
	"version":  {},
	"purl":     {},
	"cvss":     {},
	"exe":      {},
	"rpmdb":    {},
	"lazy":     {},       // expressions that are compiled when they are first used, of every room
	"inflate":  {},       // DEFLATE and gzip, wherever compressed bytes enter
	"safetext": {"lazy"}, // what every verb prints: JSON and lines that a terminal shows and does not obey
	"spelling": {},       // the word that was meant by a misspelt one: flags of cli, paths of slim
	"eol":      {},       // when releases end, which match and lint ask about
	"accounts": {},       // passwd, group and shadow, which surface, slim and harden ask about
	"scratch":  {},       // temporary files and folders, and what killed runs left of them
	"web":      {},       // servers: certificates, plain HTTP, asking again, resuming
	"image":    {"inflate", "scratch", "web"},
	"spdx":     {"lazy"}, // licences: their identifiers, expressions and what packagers write instead
	"git":      {"web"},  // what refs of repositories name, for pin
	"wrappers": {},       // programs that start other programs, which sources and images name alike
	// dockerfile reads Dockerfiles and aligns them with an image's history;
	// workload reads what runs images: compose files, Kubernetes manifests,
	// workflows, docker run lines.
	"dockerfile": {"image"},
	"workload":   {"wrappers", "lazy"},
	"confine":    {}, // runs a program of an image apart from the machine
	"costs":      {}, // what an input may cost a fuzz target; for tests

	// Tier 2, data. sbom shares finding's Location; vulndb stores finding's
	// severities and fix states, so that the words exist once.
	"finding": {"cvss"},
	"sbom":    {"purl", "finding"},
	"rootfs":  {"image", "inflate", "scratch", "finding"}, // finding: what was wrong with entries is a warning of the report; scratch: whose a file of the cache is
	"vulndb":  {"cvss", "finding"},

	// Tier 3, verbs.
	"catalog": {"rootfs", "sbom", "purl", "exe", "rpmdb", "finding", "spdx", "lazy"}, // spdx: what a copyright file names
	"match":   {"sbom", "vulndb", "version", "finding", "purl", "eol", "safetext"},
	"feed":    {"vulndb", "version", "cvss", "purl", "finding", "inflate", "web", "safetext", "scratch", "lazy"}, // scratch: what is downloaded lies in a folder that the next run sweeps
	"vex":     {"purl", "version"},
	"report":  {"sbom", "finding", "purl", "safetext", "spdx", "lazy"}, // spdx: licences that have no identifier get one
	"secret":  {"rootfs", "finding", "image", "inflate", "sbom", "lazy"},
	"surface": {"rootfs", "sbom", "exe", "finding", "image", "accounts", "safetext"},
	"reach":   {"rootfs", "sbom", "exe", "image", "finding", "wrappers", "reach/binary", "reach/words"},
	"publish": {"vulndb", "image", "web", "safetext", "scratch"},
	"update":  {"feed", "publish", "vulndb", "match", "report", "safetext"}, // match, report: what a scan lacked is what is read
	"search":  {"vulndb", "match", "sbom", "purl", "finding", "safetext"},
	"project": {"dockerfile", "workload", "scratch", "lazy"},                                     // the one finder of lint, pin and check
	"lint":    {"dockerfile", "workload", "project", "finding", "eol", "secret", "spdx", "lazy"}, // secret: a token has one form, in an image and in a manifest; spdx: labels hold licences
	"pin":     {"dockerfile", "workload", "project", "finding", "image", "safetext", "lazy"},

	// The readers of languages: each may use reach and what reach may. readers is
	// their table; reachtest is for tests only.
	"reach/binary":    {"exe", "reach/words"}, // what the pass keeps of programs and libraries
	"reach/words":     {"wrappers"},           // what the strings of sources and programs may name, which reach and its languages ask
	"reach/shell":     {"reach", "reach/words", "wrappers"},
	"reach/python":    {"reach", "reach/words", "rootfs"},
	"reach/node":      {"reach", "reach/words", "rootfs", "wrappers"},
	"reach/java":      {"reach", "reach/words", "rootfs"},
	"reach/perl":      {"reach", "reach/words", "rootfs", "lazy"},
	"reach/scripted":  {"reach", "reach/words", "rootfs", "lazy"},
	"reach/services":  {"reach", "reach/words"}, // programs that start others, as their files say
	"reach/readers":   {"reach", "reach/services", "reach/shell", "reach/python", "reach/node", "reach/java", "reach/perl", "reach/scripted"},
	"reach/answer":    {"reach", "image", "sbom", "safetext"}, // what careen reach says
	"reach/reachtest": {"rootfs", "imagetest"},

	// Tier 4, joins.
	"attached":      {"catalog", "image", "vex"}, // catalog: which document lists packages
	"scan":          {"image", "finding", "sbom", "rootfs", "vulndb", "catalog", "match", "report", "exe", "purl", "version", "cvss", "secret", "surface", "reach", "reach/readers", "dockerfile"},
	"lint/files":    {"lint", "project", "dockerfile", "image", "surface", "report", "finding", "safetext"}, // what careen lint says of files, and of an image built from one
	"page":          {"report", "finding", "sbom", "safetext"},                                              // the report as a web page
	"page/pagetest": {},
	"policy":        {"report", "finding", "sbom", "vex", "purl", "spdx", "lazy", "spelling"}, // vex: what others say of a finding; purl: rules name packages; spdx: denied licences; spelling: words of a gate
	"diff":          {"report", "finding", "sbom", "purl", "safetext"},
	"checklist":     {"report", "finding", "lint", "surface", "dockerfile", "workload", "safetext", "purl"},
	"slim":          {"image", "rootfs", "sbom", "reach", "accounts", "rpmdb", "confine", "scratch", "report", "finding", "safetext", "spelling", "lazy"}, // rpmdb: the database of what is left is written anew; confine: both images are run
	"base":          {"accounts", "exe", "image", "rootfs", "reach", "report", "finding", "scan", "dockerfile", "safetext", "sbom", "scratch", "lazy"},    // exe: which libc a program asks for; scratch: the index is replaced
	"harden":        {"image", "rootfs", "sbom", "reach", "surface", "accounts", "safetext"},
	"fix":           {"base", "dockerfile", "finding", "harden", "image", "lint", "pin", "project", "reach", "report", "rootfs", "safetext", "sbom", "scan", "workload", "lazy"}, // base, scan: other bases are tried; what plan found comes as values, so that the chain stays as long as it is
	"plan":          {"base", "dockerfile", "finding", "harden", "report", "sbom", "slim", "safetext"},

	// The fleet: what careend is made of. Nothing of it is linked into careen, which
	// TestScannerLinksNothingOfTheFleet holds. store owns the databases, queue the
	// jobs; the others speak to them through those.
	"fleet/key":       {"match", "sbom"},
	"fleet/store":     {"lazy", "fleet/key", "finding", "vulndb"},
	"fleet/queue":     {},
	"fleet/work":      {"fleet/key", "fleet/store", "fleet/queue", "catalog", "finding", "image", "scan", "match", "vulndb", "sbom", "report", "rootfs"},
	"fleet/auth":      {"fleet/store"},
	"fleet/api":       {"fleet/auth", "fleet/queue", "fleet/store", "fleet/work", "diff", "finding", "page", "report", "policy", "image", "sbom", "version", "lazy"},
	"fleet/pages":     {"fleet/api", "fleet/auth", "fleet/queue", "fleet/store", "fleet/work", "finding", "report"},
	"fleet/harbor":    {"fleet/auth", "fleet/store", "fleet/work", "finding", "image", "report"},
	"fleet/admission": {"fleet/api", "fleet/auth", "fleet/store", "fleet/work", "image"},
	"fleet/daemon":    {"fleet/admission", "fleet/api", "fleet/auth", "fleet/harbor", "fleet/pages", "fleet/queue", "fleet/store", "fleet/work", "vulndb", "publish", "safetext"},
	"fleet/fleettest": {"fleet/store"},

	// Tier 5, edges.
	"imagetest":    {"image"},
	"golden":       {},
	"cli":          {"*"},
	"cli/manual":   {},                          // manual pages, from the help of verbs
	"cli/wording":  {"spelling"},                // what is wrong with a command line, in words
	"cli/settings": {"cli/wording", "spelling"}, // flags from the environment and a configuration file
}

// mains names the one room that each program calls.
var mains = map[string]string{"cmd/careen": "cli", "cmd/careend": "fleet/daemon"}

// testRooms are what tests alone may import.
var testRooms = []string{"costs", "imagetest", "reach/reachtest", "golden", "fleet/fleettest", "page/pagetest"}

// maxMethods is how many methods a type may have.
const maxMethods = 60

// maxLines is what the largest rooms must stay under, tests not counted.
var maxLines = map[string]int{
	"internal/cli":   5500,
	"internal/reach": 4000,
}

// longestChain is how many rooms the longest chain of imports has, from cli down:
// it may shrink, and grows by a decision. TestLongestChain measures it.
const longestChain = 10

// owners names the one room that may import a third-party module in code that
// is not a test, so that replacing a library is a change in one place.
var owners = map[string][]string{
	"github.com/google/go-containerregistry": {"internal/image", "internal/imagetest"},
	"github.com/klauspost/compress":          {"internal/rootfs", "internal/image", "internal/vulndb", "internal/feed", "internal/catalog", "internal/secret", "internal/imagetest", "internal/fleet/work"}, // a codec, used where bytes enter
	"github.com/package-url/packageurl-go":   {"internal/purl"},
	"github.com/pandatix/go-cvss":            {"internal/cvss"},
	"github.com/CycloneDX/cyclonedx-go":      {"internal/report"},
	"github.com/spf13/cobra":                 {"internal/cli"},
	"github.com/spf13/pflag":                 {"internal/cli"},
	"golang.org/x/term":                      {"internal/cli"},
	"golang.org/x/sync":                      {"internal/scan", "internal/feed"},
	"golang.org/x/sys":                       {"internal/vulndb", "internal/confine"}, // memory maps; namespaces, mounts and fanotify
	"github.com/jedisct1/go-minisign":        {"internal/vulndb"},                     // signatures of databases
	"go.yaml.in/yaml/v3":                     {"internal/cli", "internal/policy", "internal/workload", "internal/lint", "internal/harden"},
	"github.com/moby/buildkit":               {"internal/dockerfile"},
	"mvdan.cc/sh":                            {"internal/reach/shell", "internal/workload", "internal/lint"}, // shell: what a script runs; docker run lines and the commands of steps and of RUN
	"github.com/google/go-cmp":               {"internal/golden"},
	"golang.org/x/tools":                     {"internal/golden"},        // txtar
	"github.com/chromedp/chromedp":           {"internal/page/pagetest"}, // a browser, in tests
	"github.com/chromedp/cdproto":            {"internal/page/pagetest"},
	"github.com/riverqueue/river":            {"internal/fleet/queue"},
	"github.com/jackc/pgx":                   {"internal/fleet/store"},
	"modernc.org/sqlite":                     {"internal/fleet/store"},
	"github.com/coreos/go-oidc":              {"internal/fleet/auth"},
	"golang.org/x/oauth2":                    {"internal/fleet/auth"},
	"github.com/pelletier/go-toml":           {"internal/secret", "internal/catalog"}, // rules; lock files and manifests
}

// goroutines lists the rooms that may start goroutines: the joins, and rootfs,
// whose pass overlaps decompression with hashing and reading inside one layer;
// confine moves a thread into namespaces, which has to end with what it ran.
var goroutines = []string{"scan", "feed", "rootfs", "confine", "cli", "fleet/daemon"}

// forbiddenNames are words that say nothing about what a package is for.
var forbiddenNames = []string{"util", "utils", "common", "helpers", "types", "models"}

type source struct {
	path string // slash-separated, from the module root
	room string // the folder: "catalog", "reach/shell", "cmd/careen" …
	file *ast.File
	test bool
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != "." && (strings.HasPrefix(name, ".") || name == "testdata") {
				return filepath.SkipDir
			}
			if p != "." {
				if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil {
					return filepath.SkipDir // a module of its own
				}
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		slashed := filepath.ToSlash(p)
		room := path.Dir(slashed)
		if rest, ok := strings.CutPrefix(room, "internal/"); ok {
			room = rest
		}
		all = append(all, source{slashed, room, f, strings.HasSuffix(name, "_test.go")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("found %d Go files: the walk is broken", len(all))
	}
	return all
}

func imports(f *ast.File) []string {
	var paths []string
	for _, spec := range f.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

func TestRoomsImportOnlyWhatTheirRowNames(t *testing.T) {
	for _, src := range sources(t) {
		if src.test {
			continue
		}
		for _, imp := range imports(src.file) {
			to, ok := strings.CutPrefix(imp, module+"/internal/")
			if !ok {
				continue
			}
			if main, ok := mains[src.room]; ok {
				if to != main {
					t.Errorf("%s imports %s: main only calls %s", src.path, to, main)
				}
				continue
			}
			row, known := rooms[src.room]
			switch {
			case strings.HasPrefix(src.path, "internal/") && !known:
				t.Errorf("%s: room %q has no row in the table", src.path, src.room)
			case strings.HasPrefix(src.path, "internal/") && !slices.Contains(row, to) && !slices.Contains(row, "*"):
				t.Errorf("%s imports %s: not in the row of %s %v", src.path, to, src.room, row)
			case slices.Contains(testRooms, to) && !slices.Contains(testRooms, src.room) && !strings.HasPrefix(src.path, "test/"):
				t.Errorf("%s imports %s, which is for tests", src.path, to)
			}
		}
	}
}

func TestLongestChain(t *testing.T) {
	uses := map[string][]string{}
	for _, src := range sources(t) {
		if src.test || slices.Contains(testRooms, src.room) {
			continue
		}
		for _, imp := range imports(src.file) {
			if to, ok := strings.CutPrefix(imp, module+"/internal/"); ok {
				uses[src.room] = append(uses[src.room], to)
			}
		}
	}
	known := map[string][]string{}
	var chain func(room string) []string
	chain = func(room string) []string {
		if c, ok := known[room]; ok {
			return c
		}
		var best []string
		for _, to := range uses[room] {
			if c := chain(to); len(c) > len(best) {
				best = c
			}
		}
		known[room] = append([]string{room}, best...)
		return known[room]
	}
	if got := chain("cli"); len(got) != longestChain {
		t.Errorf("the longest chain has %d rooms, not %d: %s", len(got), longestChain, strings.Join(got, " → "))
	}
}

func TestThirdPartyModulesHaveOneOwner(t *testing.T) {
	for _, src := range sources(t) {
		if src.test {
			continue
		}
		for _, imp := range imports(src.file) {
			first, _, _ := strings.Cut(imp, "/")
			if !strings.Contains(first, ".") || strings.HasPrefix(imp, module+"/") {
				continue
			}
			owner := ""
			for mod := range owners {
				if imp == mod || strings.HasPrefix(imp, mod+"/") {
					owner = mod
				}
			}
			dir := path.Dir(src.path)
			if owner == "" {
				t.Errorf("%s imports %s: the module has no owner room", src.path, imp)
			} else if !slices.ContainsFunc(owners[owner], func(o string) bool { return dir == o || strings.HasPrefix(dir, o+"/") }) && strings.HasPrefix(src.path, "internal/") {
				t.Errorf("%s imports %s: owned by %v", src.path, imp, owners[owner])
			}
		}
	}
}

func TestNoInitNoHiddenExitNoStrayGoroutines(t *testing.T) {
	for _, src := range sources(t) {
		if src.test {
			continue
		}
		ast.Inspect(src.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					t.Errorf("%s: func init: register in a table instead", src.path)
				}
			case *ast.ValueSpec:
				for _, value := range n.Values {
					if compiles(value) && slices.Contains(packageLevel(src.file), n) {
						t.Errorf("%s: %s is compiled by every run, --version too: use lazy.Regexp", src.path, n.Names[0].Name)
					}
				}
			case *ast.GoStmt:
				if strings.HasPrefix(src.path, "internal/") && !slices.Contains(goroutines, src.room) {
					t.Errorf("%s: starts a goroutine; only %v may", src.path, goroutines)
				}
			case *ast.SelectorExpr:
				id, ok := n.X.(*ast.Ident)
				if !ok || !strings.HasPrefix(src.path, "internal/") {
					return true
				}
				if (id.Name == "os" && n.Sel.Name == "Exit") || (id.Name == "log" && strings.HasPrefix(n.Sel.Name, "Fatal")) {
					t.Errorf("%s: %s.%s: only main exits", src.path, id.Name, n.Sel.Name)
				}
			}
			return true
		})
	}
}

// packageLevel returns what a file declares outside functions.
func packageLevel(file *ast.File) []*ast.ValueSpec {
	var specs []*ast.ValueSpec
	for _, decl := range file.Decls {
		if d, ok := decl.(*ast.GenDecl); ok {
			for _, spec := range d.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					specs = append(specs, v)
				}
			}
		}
	}
	return specs
}

// compiles reports whether evaluating an expression compiles a regular one: what
// stands in a function that it makes runs later.
func compiles(value ast.Expr) bool {
	found := false
	ast.Inspect(value, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			return false
		}
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "MustCompile" {
			found = true
		}
		return true
	})
	return found
}

// TestSizes holds what one person can still hold in the head.
func TestSizes(t *testing.T) {
	lines := map[string]int{}
	methods := map[string]int{}
	for _, src := range sources(t) {
		if src.test || !strings.HasPrefix(src.path, "internal/") {
			continue
		}
		data, err := os.ReadFile(src.path)
		if err != nil {
			t.Fatal(err)
		}
		lines[path.Dir(src.path)] += strings.Count(string(data), "\n")
		for _, decl := range src.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil {
				methods[path.Dir(src.path)+"."+receiver(f.Recv.List[0].Type)]++
			}
		}
	}
	for name, n := range methods {
		if n > maxMethods {
			t.Errorf("%s has %d methods, more than %d: split it by what they are for", name, n, maxMethods)
		}
	}
	for dir, most := range maxLines {
		switch n := lines[dir]; {
		case n == 0:
			t.Errorf("%s has no lines: the table of sizes names what is gone", dir)
		case n >= most:
			t.Errorf("%s has %d lines, not under %d: move what another room should compute or say", dir, n, most)
		}
	}
}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	documented := map[string]bool{}
	for _, src := range sources(t) {
		if src.test {
			continue
		}
		dir := path.Dir(src.path)
		documented[dir] = documented[dir] || src.file.Doc != nil
		if slices.Contains(forbiddenNames, src.file.Name.Name) {
			t.Errorf("%s: package name %q says nothing", src.path, src.file.Name.Name)
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no package comment", dir)
		}
	}
}
