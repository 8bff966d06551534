package scan

import (
	"strings"

	"github.com/careen/careen/internal/image"
)

// baseLayers returns how many of the lowest layers the image took from its
// base, as far as the history shows it: a base image ends with its own CMD or
// ENTRYPOINT, and instructions that made layers follow it. The image's own last
// CMD is not such a sign, nor is one with nothing below it. 0 means that the
// history shows no base.
func baseLayers(img *image.Image) int {
	history := img.Config.History
	end := len(history)
	for end > 0 && history[end-1].EmptyLayer {
		end-- // the image's own CMD, ENTRYPOINT, USER…
	}
	for i := end - 1; i >= 0; i-- {
		if history[i].EmptyLayer && startsProgram(history[i].CreatedBy) {
			layers := 0
			for _, h := range history[:i] {
				if !h.EmptyLayer {
					layers++
				}
			}
			return min(layers, len(img.Layers))
		}
	}
	return 0
}

// startsProgram reports whether a history line is a CMD or an ENTRYPOINT, as
// the classic builder ("/bin/sh -c #(nop)  CMD …") or BuildKit ("CMD …") writes it.
func startsProgram(createdBy string) bool {
	line := createdBy
	if _, nop, ok := strings.Cut(line, "#(nop)"); ok {
		line = nop
	}
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "CMD ") || strings.HasPrefix(line, "ENTRYPOINT ")
}
