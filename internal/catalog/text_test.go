package catalog

import (
	"testing"
	"unicode/utf16"
)

// encodings write a text as Windows' and other tools do.
var encodings = map[string]func(string) []byte{
	"UTF-8": func(s string) []byte { return []byte("\xef\xbb\xbf" + s) },
	"UTF-16, little end first": func(s string) []byte {
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(s)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return b
	},
	"UTF-16, big end first": func(s string) []byte {
		b := []byte{0xfe, 0xff}
		for _, u := range utf16.Encode([]rune(s)) {
			b = append(b, byte(u>>8), byte(u))
		}
		return b
	},
	"UTF-32, little end first": func(s string) []byte {
		b := []byte{0xff, 0xfe, 0, 0}
		for _, r := range s {
			b = append(b, byte(r), byte(r>>8), byte(r>>16), 0)
		}
		return b
	},
	"UTF-32, big end first": func(s string) []byte {
		b := []byte{0, 0, 0xfe, 0xff}
		for _, r := range s {
			b = append(b, 0, byte(r>>16), byte(r>>8), byte(r))
		}
		return b
	},
}

func TestPlainText(t *testing.T) {
	for name, encode := range encodings {
		for _, text := range []string{"", "requests==2.25.0\n", "é 😀 中\n"} {
			if got := string(plainText(encode(text))); got != text {
				t.Errorf("%s: %q, want %q", name, got, text)
			}
		}
	}
	for _, name := range []string{"UTF-16, little end first", "UTF-16, big end first"} {
		if got := string(plainText(encodings[name]("Django==3.2\n")[2:])); got != "Django==3.2\n" {
			t.Errorf("%s, without a mark: %q", name, got)
		}
	}
	for in, want := range map[string]string{
		"a\x00b\x00c\x00": "a\x00b\x00c\x00", "a\x00b\x00c\x00\x01\x00": "a\x00b\x00c\x00\x01\x00", "plain": "plain", "": "", "\xff": "\xff", "\xff\xfea": "", "\xff\xfe\x00\xd8a\x00": "\ufffda", "\xff\xfe\x00\x00\xff\xff\xff\xff": "\ufffd",
	} {
		if got := string(plainText([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestTextsInEveryEncoding reads each cataloger's text file in each encoding.
func TestTextsInEveryEncoding(t *testing.T) {
	// Lua's names are in paths alone; the others are no texts.
	binary := map[string]bool{"rpm": true, "gobinary": true, "rust": true, "java": true, "chisel": true, "yarncache": true, "dotnetruntime": true, "program": true}
	for name, s := range samples(t) {
		if binary[name] {
			continue
		}
		for encoding, encode := range encodings {
			got, problems := read(t, s.path, encode(s.content))
			if len(got) != s.packages || len(problems) > 0 {
				t.Errorf("%s in %s: %d packages, want %d; %v", name, encoding, len(got), s.packages, problems)
			}
		}
	}
	for _, s := range lockSamples {
		want, _ := read(t, "app/"+s.base, []byte(s.text))
		for encoding, encode := range encodings {
			if got, _ := read(t, "app/"+s.base, encode(s.text)); len(got) != len(want) {
				t.Errorf("%s in %s: %d packages, want %d", s.tool, encoding, len(got), len(want))
			}
		}
	}
}
