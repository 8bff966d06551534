package report

import "fmt"

// unexplained says how much of the image no package answers for, and names the
// largest file of each kind that can do something.
func (t *table) unexplained(r *Report) {
	c := r.Target.Coverage
	if c == nil || c.UnownedFiles == 0 {
		return
	}
	parts := []line{words(fmt.Sprintf("no package explains %d of %s (%s), so no advisory covers them: ", c.UnownedFiles, count(c.Files, "file"), bytesWord(c.UnownedBytes)))}
	add := func(s CoverageShare, one, many string, name bool) {
		if s.Files == 0 {
			return
		}
		text := plural(s.Files, one, many)
		if name && len(s.Largest) > 0 {
			text += fmt.Sprintf(" (/%s, %s)", s.Largest[0].Path, bytesWord(s.Largest[0].Size))
		}
		parts = append(parts, words(text))
	}
	add(c.Executables, "executable", "executables", true)
	add(c.Libraries, "library", "libraries", true)
	add(c.Scripts, "script", "scripts", false)
	add(c.Data, "other", "others", false)
	if len(parts) > 1 {
		parts[1] = parts[0].and(parts[1])
		parts = parts[1:]
	}
	t.blank()
	t.flow(parts, " · ", 2)
}
