package node

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

// TestScanAgainstEsbuild compares the token scanner with a real parser: every
// module that esbuild finds in the JavaScript installed on this machine must be
// among what the scanner found, and the scanner must not lose its way in a file
// that esbuild understands.
func TestScanAgainstEsbuild(t *testing.T) {
	dirs := filepath.SplitList(os.Getenv("CAREEN_JS"))
	if len(dirs) == 0 {
		dirs = []string{"/usr/lib/node_modules", "/usr/share/nodejs", "/usr/local/lib/node_modules"}
	}
	most := 300
	if os.Getenv("CAREEN_LONG") != "" {
		most = 100_000
	}
	compared := 0
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || compared >= most || !slices.Contains([]string{".js", ".mjs", ".cjs"}, filepath.Ext(p)) {
				return nil
			}
			src, err := os.ReadFile(p)
			if err != nil || len(src) > 2<<20 {
				return nil
			}
			want, understood := esbuildImports(src)
			if !understood {
				return nil
			}
			compared++
			got := readJS(src, false)
			if got.Broken {
				t.Errorf("%s: not understood", p)
			}
			for _, w := range want {
				if !slices.ContainsFunc(got.Refs, func(r jsRef) bool { return r.Text == w && !r.Computed }) {
					t.Errorf("%s: misses %q", p, w)
				}
			}
			return nil
		})
	}
	if compared == 0 {
		t.Skip("no JavaScript installed in /usr/lib/node_modules or /usr/share/nodejs; CAREEN_JS names other directories")
	}
	t.Logf("%d files", compared)
}

// esbuildImports returns the modules that esbuild finds in a source, and
// whether it could read it.
func esbuildImports(src []byte) (names []string, ok bool) {
	collect := api.Plugin{Name: "collect", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			if a.Importer != "" {
				names = append(names, a.Path)
			}
			return api.OnResolveResult{Path: a.Path, External: true}, nil
		})
	}}
	r := api.Build(api.BuildOptions{
		Stdin:  &api.StdinOptions{Contents: strings.TrimPrefix(string(src), "\ufeff"), Sourcefile: "x.js"},
		Bundle: true, Platform: api.PlatformNode, Format: api.FormatESModule, LogLevel: api.LogLevelSilent, Plugins: []api.Plugin{collect},
	})
	return names, len(r.Errors) == 0
}
