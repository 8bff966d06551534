package scan

import (
	"testing"

	"github.com/careen/careen/internal/image"
)

func TestBaseLayers(t *testing.T) {
	layer := func(by string) image.History { return image.History{CreatedBy: by} }
	empty := func(by string) image.History { return image.History{CreatedBy: by, EmptyLayer: true} }
	tests := []struct {
		name    string
		history []image.History
		want    int
	}{
		{"no history", nil, 0},
		{"a base alone", []image.History{layer("ADD rootfs /"), empty(`CMD ["bash"]`)}, 0},
		{"classic builder", []image.History{
			layer("/bin/sh -c #(nop) ADD file:1 in /"), empty(`/bin/sh -c #(nop)  CMD ["bash"]`),
			layer("/bin/sh -c apt-get update"), empty(`/bin/sh -c #(nop)  CMD ["app"]`),
		}, 1},
		{"two generations", []image.History{
			layer("ADD rootfs /"), empty(`CMD ["bash"]`),
			layer("RUN install node"), layer("COPY entrypoint.sh"), empty(`ENTRYPOINT ["docker-entrypoint.sh"]`), empty(`CMD ["node"]`),
			layer("COPY app /app"), empty("USER 65532"), empty(`CMD ["server.js"]`),
		}, 3},
		{"the own CMD before the last layer hides nothing", []image.History{
			layer("ADD rootfs /"), layer("RUN x"), empty("ENV A=b"), layer("COPY . ."),
		}, 0},
		{"a CMD in a shell command is none", []image.History{
			layer("ADD rootfs /"), layer("/bin/sh -c echo CMD x"), layer("COPY . ."), empty("CMD x"),
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img := &image.Image{Config: image.Config{History: tt.history}}
			for _, h := range tt.history {
				if !h.EmptyLayer {
					img.Layers = append(img.Layers, image.Layer{})
				}
			}
			if got := baseLayers(img); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}
