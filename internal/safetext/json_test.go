package safetext

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIndenter holds the layout against json.Indent's.
func TestIndenter(t *testing.T) {
	for _, doc := range []string{
		`{}`, `[]`, `null`, `"a"`, `-1.5e3`, `[[],{},[{}],[[1,2],"x"]]`, `{"a":{"b":[true,false,null]},"c":"[{,:}]\\\"","":""}`, `"é\u00e9\\"`,
		strings.Repeat("[", 50) + strings.Repeat("]", 50), strings.Repeat(`{"a":`, 30) + "0" + strings.Repeat("}", 30),
		`[` + strings.Repeat(`{"name":"libc6","layers":[0,1],"fix":{"state":"fixed","version":"1:2.3"}},`, 2000) + `{}]`,
	} {
		var want, got bytes.Buffer
		if err := json.Indent(&want, []byte(doc+"\n"), "", "  "); err != nil {
			t.Fatal(err)
		}
		d := NewIndenter(&got)
		d.Write([]byte(doc + "\n"))
		if err := d.Flush(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

func TestWriteJSONShowsNoControls(t *testing.T) {
	name := "a\u202eb\u009b31mc\u2028d<e>&\U000e0041\u00e9\x00"
	var b bytes.Buffer
	if err := WriteJSON(&b, map[string]string{name: name}); err != nil {
		t.Fatal(err)
	}
	if i := bytes.IndexFunc(b.Bytes(), func(r rune) bool { return Misleading(r) || r < ' ' && r != '\n' }); i >= 0 {
		t.Errorf("unescaped rune at %d: %q", i, b.String())
	}
	if want := `"a\u202eb\u009b31mc\u2028d<e>&\udb40\udc41é\u0000"`; strings.Count(b.String(), want) != 2 {
		t.Errorf("%s not twice in %s", want, b.String())
	}
	var back map[string]string
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back[name] != name {
		t.Errorf("read back: %v %q", err, back)
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 日": "plain é 日", "two\nlines": "two; lines", "\x1b[2Jgone": `\u001b[2Jgone`,
		"a\u202eb": `a\u202eb`, "a\u009b1m": `a\u009b1m`, "a\u200bb": `a\u200bb`, "a\u2028b": `a\u2028b`, "a\U000e0041b": `a\U000e0041b`,
	} {
		if got := Line(in); got != want {
			t.Errorf("%q: %s, not %s", in, got, want)
		}
	}
}
