package reach

func (w *walk) applyRules(file string) {}
