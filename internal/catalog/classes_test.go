package catalog

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// peerClasses are the classes of programs that Syft knows by their bytes, by its
// names, each with a file that it looks into and the row that reads it here. The
// program go is none of them: it is read as all programs of Go's are.
var peerClasses = []struct{ class, file, row string }{
	{"python-binary", "python3.9", "python"}, {"python-binary-lib", "libpython3.9.so.1.0", "python"}, {"pypy-binary-lib", "libpypy3.9-c.so", "pypy"},
	{"go-binary-hint", "VERSION", "go"}, {"julia-binary", "libjulia-internal.so.1", "julia"}, {"helm", "helm", "helm"},
	{"redis-binary", "redis-server", "redis"}, {"valkey-binary", "valkey-server", "valkey"}, {"memcached-binary", "memcached", "memcached"},
	{"java-binary-openjdk", "java", "openjdk"}, {"java-binary-ibm", "java", "ibm-java"}, {"java-binary-oracle", "java", "oracle-jdk"}, {"java-binary-graalvm", "java", "graalvm"}, {"java-binary-jdk", "jdb", "openjdk"},
	{"nodejs-binary", "node", "node"}, {"deno-binary", "deno", "deno"}, {"bun-binary", "bun", "bun"}, {"busybox-binary", "busybox", "busybox"}, {"util-linux-binary", "getopt", "util-linux"},
	{"haproxy-binary", "haproxy", "haproxy"}, {"perl-binary", "perl", "perl"}, {"php-cli-binary", "php", "php"}, {"php-fpm-binary", "php-fpm8.2", "php"}, {"php-apache-binary", "libphp8.so", "php"}, {"php-composer-binary", "composer", "composer"},
	{"httpd-binary", "httpd", "apache"}, {"nginx-binary", "nginx", "nginx"}, {"traefik-binary", "traefik", "traefik"}, {"envoy-binary", "envoy", "envoy"}, {"lighttpd-binary", "lighttpd", "lighttpd"}, {"proftpd-binary", "proftpd", "proftpd"},
	{"arangodb-binary", "arangosh", "arangodb"}, {"postgresql-binary", "postgres", "postgresql"}, {"mysql-binary", "mysql", "mysql"}, {"percona-server-binary", "mysql", "percona-server"}, {"percona-xtradb-cluster-binary", "mysql", "percona-xtradb-cluster"},
	{"xtrabackup-binary", "xtrabackup", "percona-xtrabackup"}, {"mariadb-binary", "mariadb", "mariadb"}, {"mongodb-binary", "mongod", "mongodb"}, {"sqlcipher-binary", "sqlcipher", "sqlcipher"},
	{"rust-standard-library-linux", "libstd-0123456789abcdef.so", "rust"}, {"rust-standard-library-macos", "libstd-0123456789abcdef.dylib", "rust"}, {"ruby-binary", "ruby", "ruby"},
	{"erlang-binary", "erlexec", "erlang-otp"}, {"erlang-alpine-binary", "beam.smp", "erlang-otp"}, {"erlang-library", "liberts_internal.a", "erlang-otp"}, {"elixir-binary", "elixir", "elixir"},
	{"swipl-binary", "swipl", "swipl"}, {"dart-binary", "dart", "dart"}, {"haskell-ghc-binary", "ghc-9.4.7", "ghc"}, {"haskell-cabal-binary", "cabal", "cabal"}, {"haskell-stack-binary", "stack", "stack"},
	{"consul-binary", "consul", "consul"}, {"hashicorp-vault-binary", "vault", "vault"}, {"bash-binary", "bash", "bash"}, {"openssl-binary", "openssl", "openssl"}, {"gcc-binary", "gcc", "gcc"},
	{"fluent-bit-binary", "fluent-bit", "fluent-bit"}, {"wordpress-cli-binary", "wp", "wp-cli"}, {"curl-binary", "curl", "curl"}, {"zstd-binary", "zstd", "zstd"}, {"xz-binary", "xz", "xz"}, {"gzip-binary", "gzip", "gzip"}, {"jq-binary", "jq", "jq"},
	{"chrome-binary", "chrome", "chrome"}, {"ffmpeg-binary", "ffmpeg", "ffmpeg"}, {"ffmpeg-library", "libavcodec.so.59", "ffmpeg"}, {"istio-binary", "pilot-discovery", "istio"}, {"istio-agent-binary", "pilot-agent", "istio"}, {"grafana-binary", "grafana", "grafana"}, {"elastic-agent-binary", "elastic-agent", "elastic-agent"},
}

// TestPeerClasses counts the classes of programs that a row of ours reads. That the
// rows find the version is what the tests of their bytes show.
func TestPeerClasses(t *testing.T) {
	known := 0
	for _, c := range peerClasses {
		reads := slices.ContainsFunc(programs(), func(row program) bool {
			return row.name == c.row && slices.ContainsFunc(strings.Fields(row.files), func(pattern string) bool {
				ok, _ := path.Match(pattern, c.file)
				return ok
			})
		})
		if reads {
			known++
		} else {
			t.Logf("%s: no row %q reads %q", c.class, c.row, c.file)
		}
	}
	t.Logf("%d of %d classes", known, len(peerClasses))
	if known*100 < 90*len(peerClasses) {
		t.Error("too few")
	}
}
