package reach

func (w *walk) shellRun(program string, args []string) {}
func (w *walk) shellVisit(file string)                 {}
func (w *walk) shellCommand(from, line, how string)    {}
