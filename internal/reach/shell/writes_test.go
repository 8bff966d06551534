package shell

import (
	"fmt"
	"strings"
	"testing"
)

func TestWrites(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"echo a > /var/lib/shop/state", "/var/lib/shop/state redirection"},
		{"date >>'/var/log/a b'", "/var/log/a b redirection"},
		{"x 2>/run/err &> \"/run/all\"", "/run/err redirection, /run/all redirection"},
		{"mkdir -p /data/x /data/y", "/data/x mkdir/, /data/y mkdir/"},
		{"if a; then b | tee -a /srv/log; fi; touch /srv/t", "/srv/log tee, /srv/t touch"},
		{"cat < /etc/a; echo b > $FILE; echo c > \"/srv/$d\"; mkdir rel", ""},
		{"cat > /srv/conf <<X\n/etc/none\nX\n", "/srv/conf redirection"},
	} {
		parsed, err := parseShell(c.script)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range writesOf(parsed) {
			dir := ""
			if w.Dir {
				dir = "/"
			}
			got = append(got, fmt.Sprintf("%s %s%s", w.Path, w.What, dir))
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%q writes %q, want %q", c.script, text, c.want)
		}
	}
}
