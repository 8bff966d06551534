package java

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlacesOfJava(t *testing.T) {
	strings := []string{"/data/x", "not /a", "/a b", "/"}
	for _, c := range []struct {
		call [2]string
		want []string
	}{
		{[2]string{"java/io/FileOutputStream", "<init>"}, []string{"/data/x"}},
		{[2]string{"java/nio/file/Files", "createDirectories"}, []string{"/data/x"}},
		{[2]string{"java/nio/file/Files", "readString"}, nil},
	} {
		body := classBytes("Main", nil, strings, [][2]string{c.call})
		if facts, err := readClass(body); err != nil || cmp.Diff(c.want, facts.Places) != "" {
			t.Errorf("%v: %v %v", c.call, facts.Places, err)
		}
		jar := map[string]string{"Main.class": string(body)}
		read := func() []string {
			data := jarBytes(t, jar)
			facts, err := readJar(bytes.NewReader([]byte(data)), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			return facts.Places
		}
		if got := read(); got != nil {
			t.Errorf("of a library: %v", got)
		}
		jar["META-INF/MANIFEST.MF"] = "Main-Class: Main\n"
		if got := read(); cmp.Diff(c.want, got) != "" {
			t.Errorf("%v of a program: %v", c.call, got)
		}
	}
}
