package secret

import (
	"bytes"
	"testing"
)

// TestNested: a text that repeats a name of a password without a blank is given up
// after some, and what stands behind it is found all the same.
func TestNested(t *testing.T) {
	all := defaults(t)
	const value = "kX9vQ2mZr7Lw4TbN8sYc"
	for _, unit := range []string{"password:", "password=", "--password=", "api_token:", "secret=", "://a:b"} {
		text := append(bytes.Repeat([]byte(unit), 2000), "\nAPI_TOKEN = \""+value+"\"\n"...)
		found := all.find(text, "etc/app.yaml", false)
		if len(found) == 0 || string(found[len(found)-1].value(text)) != value {
			t.Errorf("%q: %d found, and not the last", unit, len(found))
		}
	}
	// Each of these is another one, however many there are.
	var line bytes.Buffer
	for i := range 50 {
		line.WriteString(`{"api_token":"` + value[:19] + string(rune('A'+i%26)) + `"},`)
	}
	if found := all.find(line.Bytes(), "etc/app.json", false); len(found) != 50 {
		t.Errorf("%d of 50 in one line", len(found))
	}
}
