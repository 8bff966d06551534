package main

import (
	"fmt"
	"strings"

	"example.com/probe/cmd.v2/inner"
	"example.com/probe/dotted.v3"
)

func main() {
	var b strings.Builder
	b.WriteByte('x')
	t := &inner.Thing{N: 1}
	var box inner.Box[int]
	box.Put(3)
	fmt.Println(b.String(), inner.Generic("a"), box, t.Pointer(), t.Value(), inner.Closure(2)(), dotted.Func())
}
