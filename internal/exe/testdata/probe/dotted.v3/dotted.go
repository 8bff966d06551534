package dotted

//go:noinline
func Func() int { return 3 }
