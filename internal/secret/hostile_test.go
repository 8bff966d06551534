package secret

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// hostileUnits are repeated by a text that is to cost much: what rules, assignments
// and encodings begin with.
var hostileUnits = []string{
	"password:", "password=", "password: ", "password=\"", "password:\n", "password:{", "password_", "password='a", "key=", "token=", "token ", "token\n", "token: |\n", "token(", "token,", "token ? ", "token.", "<token>", "token<", "secret", "api_key:",
	"-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----\n", "-----BEGIN PGP PRIVATE KEY BLOCK-----", "PuTTY-User-Key-File-3: ", "secret key\nRW", "privatekey = ", "client-key-data: LS0t", "\"kty\":\"RSA\"",
	"{{", "\"", "'", "`", ":", "%41", "%", "%2", "a:b@", "://", "://a:b", "://a:b@", "https://a:b@c ", "mysql ", "mysql -p", "curl -u ", "curl ", "redis-cli -a ", "az login -p ", "docker login -p ", "echo a:b|chpasswd ", "convertto-securestring ", "BUNDLE_A:", "auth=('",
	"AAAA", "A", "A/", "YWFh", "H4sI", "%70%61%73%73", "eyJ", "eyJhbGciOiJIUzI1NiJ9.", ".eyJ", "ghp_", "sk-", "SG.", "xoxb-", "$2a$", "-us1", "access_token$", "0123456789abcdef", "t3blbkfj", "twitter",
	"name: value: ", "{\"name\":\"token\",\"value\":", "value=\"", "authorization: bearer ", "Authorization: Basic ", "\"auth\":\"", "AccountKey=", "jdbc:", "jdbc:oracle:thin:a/", "server=;password=", "machine x password ", "identified by '", "create user ", "pwd=", "sv=2020-01-01&sig=", "aws_secret_access_key=",
	"token=\\\n", "\\\"token\\\":\\\"", "\\n",
}

// TestHostile wants of such texts a bounded amount of work, and that a secret behind
// them is found.
func TestHostile(t *testing.T) {
	all := defaults(t)
	const size = 64 << 10
	for _, unit := range hostileUnits {
		text := []byte(strings.Repeat(unit, size/len(unit)) + "\n\n" + strings.Repeat("and so on, and on.\n", 1000) + "WIDGET_API_TOKEN = \"kX9vQ2mZr7Lw4TbN8sYc\"\n")
		found, _ := all.findAt(text, "srv/.env", false, 0)
		last := ""
		if len(found) > 0 {
			last = string(found[len(found)-1].value(text))
		}
		if !strings.Contains(last, "kX9vQ2mZr7Lw4TbN8sYc") {
			t.Errorf("%q: what stands behind it is not found", unit)
		}
		s, _ := all.scans.Get().(*scan)
		if s == nil {
			continue // the pool was emptied meanwhile
		}
		if most := allWork + allRate*len(text) + 1<<20; s.work.all > most {
			t.Errorf("%q: %d units of work, more than %d", unit, s.work.all, most)
		}
		all.scans.Put(s)
	}
}

// BenchmarkHostile is for CAREEN_LONG: each text, of four megabytes.
func BenchmarkHostile(b *testing.B) {
	if os.Getenv("CAREEN_LONG") == "" {
		b.Skip("CAREEN_LONG is not set")
	}
	all := defaults(b)
	for _, unit := range hostileUnits {
		text := bytes.Repeat([]byte(unit), chunkSize/len(unit))
		b.Run(strings.TrimSpace(unit), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			start := time.Now()
			for b.Loop() {
				all.find(text, "srv/.env", false)
			}
			b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(b.N*len(text)), "ns/byte")
		})
	}
}
