package java

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
)

// classBytes makes the constant pool of a class with what the test needs:
// classes, strings, and calls of "class.method".
func classBytes(this string, classes, strs []string, calls [][2]string) []byte {
	var pool bytes.Buffer
	n := uint16(1)
	add := func(tag byte, values ...any) uint16 {
		pool.WriteByte(tag)
		for _, v := range values {
			_ = binary.Write(&pool, binary.BigEndian, v)
		}
		n++
		return n - 1
	}
	text := func(s string) uint16 { return add(tagUtf8, uint16(len(s)), []byte(s)) }
	class := func(s string) uint16 { return add(tagClass, text(s)) }
	own := class(this)
	for _, c := range classes {
		class(c)
	}
	for _, s := range strs {
		add(tagString, text(s))
	}
	for _, c := range calls {
		add(tagMethod, class(c[0]), add(tagNameAndType, text(c[1]), text("(Lb/Arg;[Lb/Array;)Ljava/lang/Object;")))
	}
	add(tagLong, int64(1))
	n++
	var out bytes.Buffer
	for _, v := range []any{uint32(classFile), uint16(0), uint16(61), n, pool.Bytes(), uint16(0), own} {
		_ = binary.Write(&out, binary.BigEndian, v)
	}
	return out.Bytes()
}

func jarBytes(t testing.TB, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReadClass(t *testing.T) {
	body := classBytes("a/Main", []string{"c/D", "[Le/F;", "java/lang/String"}, []string{"g.h.I", "a text. with dots"}, [][2]string{{"java/lang/Class", "forName"}})
	got, err := readClass(body)
	want := javaFacts{Defines: []string{"a/Main"}, Refers: []string{"a/Main", "b/Arg", "b/Array", "c/D", "e/F"}, Names: []string{"g/h/I"}, Reflects: true, Version: 61}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	for n := range body {
		if n < 80 {
			if _, err := readClass(body[:n]); err == nil {
				t.Errorf("the first %d bytes were taken", n)
			}
		}
	}
}

func TestReadJar(t *testing.T) {
	data := jarBytes(t, map[string]string{
		"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\r\nMain-Class: a.Main\r\nClass-Path: lib/b.jar li\r\n b/c.jar\r\n\r\nName: x\r\nMain-Class: no\r\n",
		"a/Main.class":         string(classBytes("a/Main", []string{"a/Other", "b/B"}, []string{"n.N"}, nil)),
	})
	got, err := readJar(bytes.NewReader([]byte(data)), int64(len(data)))
	want := javaFacts{Main: "a.Main", ClassPath: []string{"lib/b.jar", "lib/c.jar"}, Defines: []string{"a"}, Refers: []string{"a", "b"}, Names: []string{"n"}, Version: 61}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
}

// TestStringsBeyondTheBound: a jar with more strings than are kept says so.
func TestStringsBeyondTheBound(t *testing.T) {
	for _, n := range []int{maxJavaStrings, maxJavaStrings + 1} {
		files := map[string]string{}
		for i := 0; i < n; i += 20_000 {
			var strs []string
			for j := i; j < min(i+20_000, n); j++ {
				strs = append(strs, fmt.Sprintf("conf/f%d.yml", j))
			}
			name := fmt.Sprintf("a/C%d", i)
			files[name+".class"] = string(classBytes(name, nil, strs, nil))
		}
		data := jarBytes(t, files)
		got, err := readJar(bytes.NewReader([]byte(data)), int64(len(data)))
		if err != nil || got.Cut != (n > maxJavaStrings) {
			t.Errorf("%d strings: cut %v, %v", n, got.Cut, err)
		}
	}
}

func FuzzReadClass(f *testing.F) {
	f.Add(classBytes("a/Main", []string{"c/D"}, []string{"e.F"}, [][2]string{{"g/H", "i"}}))
	f.Add([]byte("\xca\xfe\xba\xbe\x00\x00\x00\x3d\xff\xff"))
	costs.Fuzz(f, func(t *testing.T, body []byte) {
		_, _ = readClass(body)
	})
}

func FuzzReadJar(f *testing.F) {
	f.Add([]byte(jarBytes(f, map[string]string{"META-INF/MANIFEST.MF": "Class-Path: a b\n c\n", "a.class": string(classBytes("A", nil, nil, nil))})))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		_, _ = readJar(bytes.NewReader(data), int64(len(data)))
	})
}
