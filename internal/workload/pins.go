package workload

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The files of this file name images without running them: they are read for
// those who pin.

// kustomization notes the images that get other names or tags
// (kubectl.docs.kubernetes.io, Kustomization, "images"). Kustomize joins name,
// ":" and tag, so that a tag may have a digest behind it.
func (d *document) kustomization(root *yaml.Node) {
	for _, n := range d.items(d.get(root, "images")) {
		name := scalar(d.get(n, "newName"))
		if name == "" {
			name = scalar(d.get(n, "name"))
		}
		d.pair(name, d.get(n, "newTag"), d.get(n, "digest"), "images."+scalar(d.get(n, "name")))
	}
}

// pair notes an image whose name, tag and digest stand apart; tag or digest is
// where a pin goes.
func (d *document) pair(name string, tag, digest *yaml.Node, where string) {
	tail, of := tag, name+":"
	if digest != nil && digest.Kind == yaml.ScalarNode {
		tail, of = digest, name+"@"
		if scalar(tag) != "" {
			of = name + ":" + scalar(tag) + "@"
		}
	}
	if name == "" || strings.ContainsAny(name, " \t${}<>") || tail == nil || tail.Kind != yaml.ScalarNode {
		return
	}
	if tail == digest && digest.Value == "" { // there is a place for one, and none yet
		if scalar(tag) == "" {
			return
		}
		start := d.scalarStart(digest)
		if digest.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 {
			start = -1
		}
		d.file.Images = append(d.file.Images, Image{Of: strings.TrimSuffix(of, "@"), Start: start, End: start, Line: digest.Line, Where: where, Bare: true})
		return
	}
	image := d.image(tail, where)
	if image.Line == 0 {
		return
	}
	image.Of = of
	d.file.Images = append(d.file.Images, image)
}

// values are the names of files with the values of a Helm chart.
func helmValues(base string) bool {
	stem, ok := strings.CutSuffix(strings.TrimSuffix(strings.TrimSuffix(base, ".yml"), ".yaml"), "values")
	return base != "values" && (ok && (stem == "" || strings.HasSuffix(stem, ".") || strings.HasSuffix(stem, "-") || strings.HasSuffix(stem, "_")) ||
		strings.HasPrefix(base, "values.") || strings.HasPrefix(base, "values-") || strings.HasPrefix(base, "values_"))
}

// helm notes the images of the values of a chart: repository and tag next to each
// other, with a registry in front where there is one, and whole references under
// the key image. Where a chart has no tag its own version is, which is not here.
func (d *document) helm(n *yaml.Node, where string, depth int) {
	if n = resolve(n); n == nil || depth > maxMerges {
		return
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range d.items(n) {
			d.helm(item, where, depth+1)
		}
	case yaml.MappingNode:
		repository, tag := scalar(d.get(n, "repository")), d.raw(n, "tag")
		if repository != "" && !strings.Contains(repository, "://") {
			if registry := scalar(d.get(n, "registry")); registry != "" {
				repository = strings.TrimSuffix(registry, "/") + "/" + repository
			}
			if scalar(tag) != "" || scalar(d.raw(n, "digest")) != "" {
				d.pair(repository, tag, d.raw(n, "digest"), strings.TrimPrefix(where, "."))
			}
			return
		}
		for _, f := range d.fields(n) {
			at := where + "." + f.key
			if value := scalar(f.value); f.key == "image" && strings.ContainsAny(path.Base(value), ":@") && !strings.ContainsAny(value, " \t${}<>") {
				d.file.Images = append(d.file.Images, d.image(f.value, strings.TrimPrefix(at, ".")))
				continue
			}
			if f.value != nil && f.value.Kind == yaml.ScalarNode {
				d.file.Values = append(d.file.Values, Value{Object: "values", Key: f.key, Text: scalar(f.value), Raw: scalar(f.value), Line: f.line})
				continue
			}
			d.helm(f.value, at, depth+1)
		}
	}
}

// raw returns a field as it stands, an empty one too.
func (d *document) raw(n *yaml.Node, key string) *yaml.Node {
	for _, f := range d.fields(n) {
		if f.key == key {
			return f.value
		}
	}
	return nil
}

// devcontainer notes the image of a development container (containers.dev,
// "Dev Container metadata reference").
func (d *document) devcontainer(root *yaml.Node) {
	if image := d.image(d.get(root, "image"), "image"); image.Line > 0 {
		d.file.Images = append(d.file.Images, image)
	}
}

// withoutComments makes JSON of JSON with comments, without moving a byte.
func withoutComments(data []byte) []byte {
	out := append([]byte{}, data...)
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if out[i] != '\n' && out[i] != '\r' {
				out[i] = ' '
			}
		}
	}
	for i := 0; i < len(out); i++ {
		switch {
		case out[i] == '"':
			i = endOfString(out, i) - 1
		case strings.HasPrefix(string(out[i:min(i+2, len(out))]), "//"):
			end := i
			for end < len(out) && out[end] != '\n' {
				end++
			}
			blank(i, end)
			i = end
		case strings.HasPrefix(string(out[i:min(i+2, len(out))]), "/*"):
			end := i + 2
			for end < len(out) && !strings.HasPrefix(string(out[end:min(end+2, len(out))]), "*/") {
				end++
			}
			end = min(end+2, len(out))
			blank(i, end)
			i = end - 1
		case out[i] == '\t': // which YAML has no place for
			out[i] = ' '
		}
	}
	return out
}

// endOfString returns the offset behind the string that begins at at.
func endOfString(data []byte, at int) int {
	for i := at + 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"', '\n':
			return i + 1
		}
	}
	return len(data)
}

// bake notes the images of a bake file in JSON (docs.docker.com, "Bake file
// reference"): contexts and caches, and Dockerfiles that stand in it.
func (d *document) bake(root *yaml.Node) {
	for _, target := range d.fields(d.get(root, "target")) {
		where := "target." + target.key
		for _, f := range d.fields(d.get(target.value, "contexts")) {
			d.prefixed(f.value, "docker-image://", where+".contexts."+f.key)
		}
		for _, item := range d.items(d.get(target.value, "cache-from")) {
			d.cacheImage(item, where+".cache-from")
		}
		d.inline(d.get(target.value, "dockerfile-inline"), where+".dockerfile-inline")
	}
}

// cacheImage notes the image that a cache comes from.
func (d *document) cacheImage(n *yaml.Node, where string) {
	if prefix, ok := cachePrefix(scalar(n)); ok {
		d.prefixed(n, prefix, where)
	}
}

// cachePrefix returns what stands before the image of a cache: a name alone, or
// type=registry,ref=NAME.
func cachePrefix(value string) (prefix string, ok bool) {
	const registry = "type=registry,ref="
	if strings.HasPrefix(value, registry) && !strings.Contains(value[len(registry):], ",") {
		return registry, true
	}
	return "", value != "" && !strings.Contains(value, "=")
}
