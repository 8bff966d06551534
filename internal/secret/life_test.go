package secret

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// imageWith is an image without files.
func imageWith(env []string, history ...string) *image.Image {
	img := &image.Image{Config: image.Config{Env: env}}
	for _, h := range history {
		img.Config.History = append(img.Config.History, image.History{CreatedBy: h, EmptyLayer: true})
	}
	return img
}

// findIn scans an image with the default rules.
func findIn(t *testing.T, in imagetest.Image, packages ...sbom.Package) Result {
	t.Helper()
	all := defaults(t)
	img := imagetest.Memory(t, in)
	var facts []*rootfs.Facts
	for _, l := range img.Layers {
		f, err := rootfs.Pass(context.Background(), l, []rootfs.Visitor{all.Visitor()}, rootfs.Limits{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		facts = append(facts, f)
	}
	tree := rootfs.Stack(facts, img.Layers)
	defer tree.Close()
	return all.Find(tree, img, packages)
}

// places writes the places of the secrets down, a line each.
func places(secrets []finding.Secret) string {
	var b strings.Builder
	for _, s := range secrets {
		fmt.Fprintf(&b, "%s %s\n", s.Rule, s.Exposure)
		for _, p := range s.Places {
			fmt.Fprintf(&b, "  %s: %s %s%s:%d layer %d", p.Exposure, p.Kind, p.Path, p.Name, p.InFile, p.Layer)
			if p.Hidden != nil {
				fmt.Fprintf(&b, " hidden by %d deleted %v", p.Hidden.Layer, p.Hidden.Deleted)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func TestLife(t *testing.T) {
	one, two := token(t, 1), token(t, 2)
	file, white := imagetest.File, imagetest.Whiteout
	layer := func(entries ...imagetest.Entry) imagetest.Layer { return imagetest.Layer{Entries: entries} }
	tests := []struct {
		name   string
		layers []imagetest.Layer
		want   string
	}{
		{"it stays", []imagetest.Layer{layer(file("a", one))}, `
github-pat in the image
  in the image: file a:1 layer 0
`},
		{"deleted", []imagetest.Layer{layer(file("d/a", one)), layer(), layer(white("d/a"))}, `
github-pat deleted but extractable
  deleted but extractable: file d/a:1 layer 0 hidden by 2 deleted true
`},
		{"deleted with its directory", []imagetest.Layer{layer(file("d/a", one)), layer(white("d"))}, `
github-pat deleted but extractable
  deleted but extractable: file d/a:1 layer 0 hidden by 1 deleted true
`},
		{"overwritten", []imagetest.Layer{layer(file("a", one)), layer(file("a", "nothing"))}, `
github-pat deleted but extractable
  deleted but extractable: file a:1 layer 0 hidden by 1 deleted false
`},
		{"overwritten by another", []imagetest.Layer{layer(file("a", one)), layer(file("a", "\n"+two))}, `
github-pat in the image
  in the image: file a:2 layer 1
github-pat deleted but extractable
  deleted but extractable: file a:1 layer 0 hidden by 1 deleted false
`},
		{"moved", []imagetest.Layer{layer(file("a", one)), layer(white("a"), file("b", "x\n"+one))}, `
github-pat in the image
  in the image: file b:2 layer 1
  deleted but extractable: file a:1 layer 0 hidden by 1 deleted true
`},
		{"twice in a file", []imagetest.Layer{layer(file("a", one+"\n"+one))}, `
github-pat in the image
  in the image: file a:1 layer 0
  in the image: file a:2 layer 0
`},
		{"under two names", []imagetest.Layer{layer(file("a", one), imagetest.Hardlink("b", "a"))}, `
github-pat in the image
  in the image: file a:1 layer 0
  in the image: file b:1 layer 0
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := places(findIn(t, imagetest.Image{Layers: tt.layers}).Secrets)
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestOwnedFilesArePublic(t *testing.T) {
	one, two, three := token(t, 1), token(t, 2), token(t, 3)
	in := imagetest.Image{Layers: []imagetest.Layer{
		{Entries: []imagetest.Entry{imagetest.File("usr/lib/x", one), imagetest.File("etc/x.conf", two), imagetest.File("usr/lib/own", three)}},
		{Entries: []imagetest.Entry{imagetest.File("usr/lib/y", "the package's")}},
		{Entries: []imagetest.Entry{imagetest.File("usr/lib/y", one)}},
	}}
	owner := sbom.Package{Type: "deb", Layer: 1, Files: []string{"usr/lib/x", "usr/lib/y", "etc/x.conf"}}
	got := places(findIn(t, in, owner).Secrets)
	want := `github-pat in the image
  in the image: file etc/x.conf:1 layer 0
github-pat in the image
  in the image: file usr/lib/own:1 layer 0
github-pat in the image
  in the image: file usr/lib/y:1 layer 2
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestConfiguration(t *testing.T) {
	one, two := token(t, 1), token(t, 2)
	in := imagetest.Image{Config: image.Config{
		Env:         []string{"A=1", "GH=" + one},
		Labels:      map[string]string{"team": "x", "token": one},
		Entrypoint:  []string{"/run", "--key=" + one},
		Cmd:         []string{"-k", one},
		Healthcheck: []string{"CMD", "curl", "-H", "Token: " + one},
		OnBuild:     []string{"RUN login " + one},
		History: []image.History{
			{CreatedBy: "/bin/sh -c #(nop)  ENV GH=" + one, EmptyLayer: true},
			{CreatedBy: "|2 A=1 B=" + two + " /bin/sh -c make", EmptyLayer: true},
		},
	}}
	r := findIn(t, in)
	want := `github-pat in the configuration
  in the configuration: cmd :0 layer -1
  in the configuration: entrypoint :0 layer -1
  in the configuration: env GH:0 layer -1
  in the configuration: healthcheck :0 layer -1
  in the configuration: label token:0 layer -1
  in the configuration: onbuild :0 layer -1
  in the history: history GH:0 layer -1
github-pat in the history
  in the history: history B:0 layer -1
`
	if diff := cmp.Diff(want, places(r.Secrets)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := r.Secrets[1].Places[0].Instruction; got != "RUN make" {
		t.Errorf("instruction %q", got)
	}
	if got := r.Secrets[0].Places[2].Instruction; !strings.HasPrefix(got, "ENV GH=ghp_…") {
		t.Errorf("instruction %q", got)
	}
	shown, err := json.Marshal(r.Redactor.Image(imagetest.Memory(t, in)).Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{one, two} {
		if strings.Contains(string(shown), secret[8:20]) {
			t.Errorf("shown: %s", shown)
		}
	}
}

// TestFileSecretsAreTakenOutOfInstructions: the values are gone by then, also on
// a first scan, and are known by their marks.
func TestFileSecretsAreTakenOutOfInstructions(t *testing.T) {
	const odd = "kilimanjaro" // no rule sees it in a command
	in := imagetest.Image{
		Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("root/.pgpass", "db:5432:*:shop:"+odd+"\n")}}},
		Config: image.Config{History: []image.History{{CreatedBy: "RUN write-pgpass " + odd + " # buildkit"}}},
	}
	r := findIn(t, in)
	if len(r.Secrets) != 1 || r.Secrets[0].Rule != "pgpass" {
		t.Fatalf("found %s", places(r.Secrets))
	}
	if got := r.Redactor.Text("RUN write-pgpass " + odd + " x"); got != "RUN write-pgpass … x" {
		t.Errorf("shown: %q", got)
	}
}

func TestFingerprints(t *testing.T) {
	scan := func(layers ...imagetest.Layer) string {
		r := findIn(t, imagetest.Image{Layers: layers})
		if len(r.Secrets) != 1 {
			t.Fatalf("found %s", places(r.Secrets))
		}
		return r.Secrets[0].Fingerprint
	}
	layer := func(path, text string) imagetest.Layer {
		return imagetest.Layer{Entries: []imagetest.Entry{imagetest.File(path, text)}}
	}
	first := scan(layer("a", token(t, 1)))
	for name, same := range map[string]string{
		"another line":  scan(layer("a", "\n\n"+token(t, 1))),
		"another layer": scan(layer("b", "x"), layer("a", token(t, 1))),
		"another value": scan(layer("a", token(t, 2))),
		"hidden":        scan(layer("a", token(t, 1)), layer("a", "")),
	} {
		if same != first {
			t.Errorf("%s changes the fingerprint", name)
		}
	}
	if other := scan(layer("b", token(t, 1))); other == first {
		t.Error("another path does not")
	}
}
