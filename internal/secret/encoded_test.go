package secret

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
)

// TestEncoded wants the secret in what encodes it, shown as it is and not as it
// stands there.
func TestEncoded(t *testing.T) {
	all := defaults(t)
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	url := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	wide := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			b.WriteByte(c)
			b.WriteByte(0)
		}
		return b.String()
	}
	wrap := func(s, with string) string {
		var lines []string
		for len(s) > 76 {
			lines, s = append(lines, s[:76]), s[76:]
		}
		return strings.Join(append(lines, s), with)
	}
	percent := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			fmt.Fprintf(&b, "%%%02X", c)
		}
		return b.String()
	}
	rng := rand.New(rand.NewPCG(5, 5))
	jwt := expand(t, "{jwt:1}", 3)
	pat := token(t, 4)
	random := drawn(rng, "alnum", 32)
	settings := "# settings of the shop\nuser: shop\ngithub: " + pat + "\nport: 80\n" + strings.Repeat("# more of the same\n", 20)
	docker := `{"auths": {"registry.example.com": {"auth": "` + b64("robot:"+drawn(rng, "alnum", 20)) + `"}}}`
	for _, c := range []struct{ name, path, text, rule string }{
		{"base64", "a.txt", "data: " + b64(settings), "github-pat"},
		{"base64 of the token", "a.yaml", "data:\n  x: " + b64(pat) + "\n", "github-pat"},
		{"base64 in JSON", "a.json", `{"data": "` + b64(settings) + `"}`, "github-pat"},
		{"base64 twice", "a.txt", b64(b64(settings)), "github-pat"},
		{"base64 thrice", "a.txt", b64(b64(b64(settings))), "github-pat"},
		{"base64url", "a.txt", "x=" + url("???>>>~~~ "+settings), "github-pat"},
		{"base64 in lines", "a.txt", wrap(b64(settings), "\n"), "github-pat"},
		{"base64 in indented lines", "a.yaml", "data: |\n  " + wrap(b64(settings), "\n  ") + "\n", "github-pat"},
		{"base64 in written lines", "a.json", `"` + wrap(b64(settings), `\n`) + `"`, "github-pat"},
		{"base64 of UTF-16", "a.ps1", "powershell -EncodedCommand " + b64(wide("$x='"+pat+"'")), "github-pat"},
		{"base64 of gzip", "a.yaml", "release: " + b64(string(gzipOf([]byte(settings)))), "github-pat"},
		{"helm's release", "a.yaml", "release: " + b64(b64(string(gzipOf([]byte(settings))))), "github-pat"},
		{"hexadecimal", "a.txt", "x " + hex.EncodeToString([]byte("token "+pat)), "github-pat"},
		{"hexadecimal, capitals", "a.txt", strings.ToUpper(hex.EncodeToString([]byte(pat))), "github-pat"},
		{"percent", "a.txt", "u=https://h/?q=" + percent(pat), "github-pat"},
		{"percent around it", "a.txt", "u=https://h/?q=%7B%22t%22%3A%22" + strings.Replace(pat, "_", "%5F", 1) + "%22%7D", "github-pat"},
		{"docker's configuration", "pull.yaml", "kind: Secret\ndata:\n  .dockerconfigjson: " + b64(docker) + "\n", "docker-config-auth"},
		{"docker's configuration twice", "pull.yaml", "x: " + b64(b64(docker)) + "\n", "docker-config-auth"},
		{"token of an account", "a.yaml", "kind: Secret\ndata:\n  token: " + b64(jwt) + "\n", "jwt"},
		{"value of a Secret", "a.yaml", "kind: Secret\ndata:\n  api-token: " + b64(random) + "\n", "generic-secret"},
		{"UTF-16 without a mark", "a.txt", wide("token\r\n" + pat + "\r\n"), "github-pat"},
		{"UTF-16 without a mark, the higher byte first", "a.txt", "\x00" + strings.TrimSuffix(wide("token\r\n"+pat+"\r\n"), "\x00"), "github-pat"},
	} {
		found, _ := all.inText(nil, []byte(c.text), "srv/"+c.path)
		if len(found) != 1 || found[0].Rule != c.rule {
			t.Errorf("%s: found %v", c.name, found)
			continue
		}
		if c.rule == "github-pat" && found[0].Redacted != pat[:4]+hidden+pat[len(pat)-4:] {
			t.Errorf("%s: shown as %s", c.name, found[0].Redacted)
		}
	}
	two := b64("a: " + pat + "\nb: " + token(t, 5) + "\n")
	if found, _ := all.inText(nil, []byte(two), "a.txt"); len(found) != 2 {
		t.Errorf("two in one: %v", found)
	}
	if shown := all.withoutTokens("see " + two + " there"); !strings.HasPrefix(shown, "see ghp_") || !strings.HasSuffix(shown, " there") || strings.Contains(shown, two[:20]) {
		t.Errorf("redacted to %q", shown)
	}
}

// FuzzEncoded holds decoding to its bounds, and every match to its text.
func FuzzEncoded(f *testing.F) {
	f.Add([]byte("data: Z2hwX2FiYw== %41%42%43%44%45%46%47%48 48656c6c6f20776f726c6448656c6c6f"))
	f.Add([]byte("H4sIAAAAAAAA/0zKQQqAIBBG4av8+7oAAAD//w==\nH4sIAAAA"))
	all := defaults(f)
	costs.Fuzz(f, func(t *testing.T, text []byte) {
		for _, m := range all.find(text, "srv/a.yaml", false) {
			if m.start < 0 || m.end > len(text) || m.start >= m.end {
				t.Fatalf("match %d to %d of %d", m.start, m.end, len(text))
			}
		}
	})
}
