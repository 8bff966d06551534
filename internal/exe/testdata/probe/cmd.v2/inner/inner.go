package inner

type Thing struct{ N int }

//go:noinline
func (t *Thing) Pointer() int { return inlined(t.N) }

//go:noinline
func (t Thing) Value() int { return t.N + 1 }

type Box[T any] struct{ V T }

//go:noinline
func (b *Box[T]) Put(v T) { b.V = v }

//go:noinline
func Generic[T any](v T) []T { return []T{v} }

func inlined(n int) int { return n * 3 }

//go:noinline
func Closure(n int) func() int { return func() int { n++; return n } }

func Unused() {}
