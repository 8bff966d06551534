package fix

import "github.com/careen/careen/internal/lint"

// cacheRules are lint's rules about what package managers leave behind.
var cacheRules = []string{"CD304", "CD312", "CD323", "CD332", "CD337"}

// caches cleans what package managers leave behind, as lint --fix does.
func (f *fixer) caches() {
	opt := lint.Options{Only: cacheRules}
	before := lint.CheckDockerfile(f.docker.Path, f.docker.New, opt)
	fixed, after := lint.FixDockerfile(f.docker.Path, f.docker.New, opt)
	f.docker.New = fixed
	left := map[string]int{}
	for _, found := range after.Findings {
		left[found.Rule]++
		if found.Suppressed == nil {
			f.hint(f.docker, "cache", found.Fix, found.Message)
		}
	}
	for _, found := range before.Findings {
		if left[found.Rule]--; left[found.Rule] < 0 {
			f.done(f.docker, "cache", found.Title, found.Message, found.Rule+": "+found.Text)
		}
	}
}
