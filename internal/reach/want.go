package reach

import (
	"maps"
	"slices"
	"strings"
)

// Want is something that a reached file asks for by its name and that the image
// does not have. Much of it is no fault: scripts and sources ask for what they
// can do without. It tells something when it is compared with what another image
// has not.
type Want struct {
	From string // the file that asks; "" is the configuration
	What string // "program sed", "module yaml"
	Sure bool   // what starts the file cannot continue without it
}

// wanted is the key of a want.
type wanted struct{ from, what string }

// Wants returns what reached files ask for in vain, in the order in which they
// were met. What a Python source asks for is sure if the source is executed
// whatever happens.
func (r *Result) Wants() []Want {
	executed := map[string]bool{}
	for _, reader := range r.walk.readers {
		if reader.Executed != nil {
			maps.Copy(executed, reader.Executed())
		}
	}
	list := slices.Clone(r.walk.wants)
	for i := range list {
		w := &list[i]
		w.Sure = w.Sure && (!strings.HasPrefix(w.What, "module ") || executed[w.From])
	}
	return list
}

// maxWants bounds them.
const maxWants = 100_000

// Want notes what is not there.
func (w *Walk) Want(from, what string, sure bool) {
	if w.phase != reaching || len(w.wants) >= maxWants || !w.wanted.Add(wanted{from, what}) {
		return
	}
	w.wants = append(w.wants, Want{from, what, sure})
}
