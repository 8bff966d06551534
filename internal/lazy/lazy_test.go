package lazy_test

import (
	"sync"
	"testing"

	"github.com/careen/careen/internal/lazy"
)

func TestRegexpIsCompiledOnceWhenUsed(t *testing.T) {
	wrong := lazy.Regexp("(") // nothing happens before it is used
	re := lazy.Regexp("^a+$")
	first := re()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if re() != first || !re().MatchString("aaa") || re().MatchString("b") {
				t.Error("another expression than the first")
			}
		})
	}
	all.Wait()
	defer func() {
		if recover() == nil {
			t.Error("an expression that is wrong does not panic")
		}
	}()
	wrong()
}
