package reach

func (w *walk) visitText(file string) {}
