package catalog

import (
	"bytes"
	"path"
	"regexp"
	"strings"

	"github.com/careen/careen/internal/exe"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// program is software that no package manager installed, recognised by the
// bytes of one of its files. A version that stands near a fixed text is found
// by looking for the text first and then matching the pattern around it.
type program struct {
	name    string // in the purl
	advised bool   // OSV's Bitnami ecosystem has advisories under that name; otherwise the purl is generic
	files   string // base names, a pattern as in path.Match, several with blanks between
	text    string // fixed bytes next to the version
	version string // pattern of the bytes around text; its group is the version
	proof   string // Debian package in which the row is tested; "" means bytes of the documented form
}

// programs returns the table. Versions are matched within aroundText bytes of
// the text. Rows without proof rest on upstream's sources or on Syft's
// classifiers (https://github.com/anchore/syft/tree/main/syft/pkg/cataloger/binary).
func programs() []program {
	return []program{
		{"node", true, "node nodejs libnode.so.*", "node.js/v", `node\.js/v(\d+\.\d+\.\d+(?:-(?:rc|nightly|test)[\w.]*)?)`, "libnode108"},
		{"python", true, "python3.* python2.* libpython*.so*", "%s/lib/python", "", "python3.11-minimal"}, // see pythonVersion
		{"nginx", true, "nginx nginx-debug", "nginx version: nginx/", `nginx version: nginx/(\d+\.\d+\.\d+)`, "nginx"},
		{"openresty", true, "nginx openresty", "nginx version: openresty/", `nginx version: openresty/(\d+\.\d+\.\d+\.\d+)`, ""},
		{"redis", true, "redis-server redis-check-rdb redis-sentinel", "000000000\x00", "", "redis-tools"}, // see redisVersion
		{"valkey", true, "valkey-server", "valkey-server ", `valkey-server (\d+\.\d+\.\d+)`, ""},
		{"valkey", true, "valkey-server", "buildkitsandbox-", `[^\d.](\d+\.\d+\.\d+)buildkitsandbox-\d`, ""},
		{"haproxy", true, "haproxy", ", released 20", ` version (\d+\.\d+(?:\.\d+|-(?:dev|rc)\d+)?)[^\x00]*, released 20`, "haproxy"},
		{"memcached", true, "memcached", "memcached ", `memcached (\d+\.\d+\.\d+)\x00`, "memcached"},
		{"apache", true, "httpd apache2", "Apache/2.", `Apache/(2\.\d+\.\d+)`, "apache2-bin"},
		{"lighttpd", false, "lighttpd", "lighttpd/1.", `lighttpd/(\d+\.\d+\.\d+)`, "lighttpd"},
		{"varnish", true, "varnishd", "varnish-", `varnish-(\d+\.\d+\.\d+) revision`, "varnish"},
		{"squid", false, "squid", "squid/", `squid/(\d+\.\d+(?:\.\d+)*)`, "squid"},
		{"mariadb", true, "mariadbd mysqld mariadb", "-MariaDB", `(\d+\.\d+\.\d+)-MariaDB`, "mariadb-server-core"},
		{"mysql", false, "mysqld mysql", "/mysql-", `/mysql-(\d+\.\d+\.\d+)`, ""},
		{"postgresql", true, "postgres", "(PostgreSQL) ", `\(PostgreSQL\) (\d+(?:(?:\.\d+)+|(?:alpha|beta|rc)\d+))`, "postgresql-15"},
		{"pgbouncer", true, "pgbouncer", "PgBouncer ", `PgBouncer (\d+\.\d+\.\d+)`, "pgbouncer"},
		{"pgpool", true, "pgpool", "pgpool-II\x00", `\x00(\d+\.\d+\.\d+)\x00pgpool-II\x00`, "pgpool2"},
		{"pypy", false, "pypy3* libpypy3*-c.so", "[PyPy ", `\[PyPy (\d+\.\d+\.\d+(?:-(?:rc|alpha|beta)\d+)?)`, "pypy3"},
		{"php", true, "php php[0-9]* php-fpm php-fpm[0-9]* libphp*.so", "X-Powered-By: PHP/", `X-Powered-By: PHP/(\d+\.\d+\.\d+(?:(?:RC|beta|alpha)\d+)?)`, "php8.2-cli"},
		{"ruby", true, "ruby ruby[0-9]* libruby*.so*", "ruby ", `\x00ruby (\d+\.\d+\.\d+(?:dev|rc\d+|preview\d+)?)(?:p\d+)? ?\(20`, "libruby3.1"},
		{"perl", false, "perl perl5.*", "/site_perl/5.", `/site_perl/(5\.\d+\.\d+)`, ""},
		{"perl", false, "perl perl5.*", "share/perl/5.", `share/perl/(5\.\d+\.\d+)\x00`, "perl-base"},
		{"perl", false, "perl perl5.*", "/lib/perl5/5.", `/lib/perl5/(5\.\d+\.\d+)`, ""},
		{"busybox", false, "busybox", "BusyBox v", `BusyBox v(\d+\.\d+\.\d+)`, "busybox"},
		{"openssl", false, "openssl libcrypto.so* libssl.so*", "OpenSSL ", `OpenSSL (\d+\.\d+\.\d+(?:[a-z]{0,2}|-(?:alpha|beta)\d+)) +\d{1,2} [A-Z][a-z]{2} 20\d\d`, "libssl3"},
		{"krb5", false, "libkrb5.so*", "KRB5_BRAND: krb5-", `KRB5_BRAND: krb5-(\d+\.\d+(?:\.\d+)?)`, "libkrb5-3"},
		{"curl", false, "curl libcurl.so*", "curl/", `\x00(?:lib)?curl/(\d+\.\d+\.\d+)`, "libcurl4"},
		{"bash", false, "bash", "@(#)Bash version ", `@\(#\)Bash version (\d+\.\d+\.\d+)`, "bash"},
		{"git", true, "git", "git/", `git/(\d+\.\d+\.\d+(?:[.-]rc\d+)?)\x00`, "git"},
		{"sqlite", true, "sqlite3 libsqlite3.so*", "\x003.", `\x00(3\.\d{1,2}\.\d{1,2})\x00`, "libsqlite3-0"},
		{"lua", true, "lua lua5.* luajit", "$LuaVersion: Lua ", `\$LuaVersion: Lua (\d+\.\d+\.\d+)`, "lua5.3"},
		{"openldap", true, "slapd", "OpenLDAP: slapd ", `OpenLDAP: slapd (\d+\.\d+\.\d+)`, "slapd"},
		{"mosquitto", false, "mosquitto", "mosquitto version %s", `\x00(\d+\.\d+\.\d+)\x00mosquitto version %s`, "mosquitto"},
		{"dnsmasq", false, "dnsmasq", "dnsmasq-2.", `dnsmasq-(\d+\.\d+)`, "dnsmasq-base"},
		{"unbound", false, "unbound", "unbound ", `unbound (\d+\.\d+\.\d+)\x00`, "unbound"},
		{"proftpd", false, "proftpd", "ProFTPD Version ", `ProFTPD Version (\d+\.\d+\.\d+[a-z]?)`, "proftpd-core"},
		{"dovecot", false, "dovecot", "Dovecot v", `Dovecot v(\d+(?:\.\d+)+)`, "dovecot-core"},
		{"exim", false, "exim exim4", "<<eximversion>>", `\x00(\d+\.\d+(?:\.\d+)?)\x00<<eximversion>>`, "exim4-daemon-light"},
		{"openssh", false, "sshd ssh", "OpenSSH_", `OpenSSH_(\d+\.\d+p\d+)`, "openssh-server"},
		{"dropbear", false, "dropbear dropbearmulti dbclient", "SSH-2.0-dropbear_", `SSH-2\.0-dropbear_(\d{4}\.\d+)`, "dropbear-bin"},
		{"stunnel", false, "stunnel stunnel4", "stunnel ", `stunnel (\d+\.\d+) on `, "stunnel4"},
		{"openvpn", false, "openvpn", "OpenVPN 2.", `\x00OpenVPN (\d+\.\d+\.\d+) `, "openvpn"},
		{"bind", false, "named", "libisc-9.", `libisc-(9\.\d+\.\d+)`, "bind9"},
		{"bind", false, "named", "BIND 9.", `BIND (9\.\d+\.\d+)`, ""},
		{"sudo", false, "sudo sudoers.so", "sudoers ", `sudoers (\d+\.\d+\.\d+(?:p\d+)?)`, "sudo"},
		{"libmaxminddb", true, "libmaxminddb.so*", "Success (not an error)", `\x00(\d+\.\d+\.\d+)\x00Success \(not an error\)`, "libmaxminddb0"},
		{"apr", true, "libapr-1.so*", "apr_initialize\x00", `apr_initialize\x00(\d+\.\d+\.\d+)\x00`, "libapr1"},
		{"rust", false, "librustc_driver-*.so libstd-*.so", "rustc version ", `rustc version (\d+\.\d+\.\d+(?:-(?:beta|nightly)[\w.]*)?)`, "libstd-rust-1.63"},
		{"rust", false, "librustc_driver-*.dylib libstd-*.dylib", "c 1.", `c (1\.\d+\.\d+) \([0-9a-f]+ \d{4}-\d{2}-\d{2}\)`, ""},
		{"gcc", false, "gcc gcc-[0-9]* *-gcc-[0-9]*", "\x00gcc versio", `\x00(\d+\.\d+\.\d+)\x00[^\x00]*\x00gcc versio`, "gcc-12"},
		{"ffmpeg", false, "ffmpeg ffprobe", "%s version ", `%s version (\d+\.\d+(?:\.\d+)?)[^\x00]*\x00`, "ffmpeg"},
		{"ffmpeg", false, "libavcodec.so* libavdevice.so* libavfilter.so* libavformat.so* libavutil.so* libswresample.so* libswscale.so* libpostproc.so*", "FFmpeg version ", `FFmpeg version (\d+\.\d+(?:\.\d+)?)`, "libavcodec59"},
		{"jq", false, "jq", "\x001.", `\x00(1\.[4-9](?:\.\d+)?)\x00`, "jq"},
		{"zstd", false, "zstd", "\x00Zstandard CLI", `\x00v(\d+\.\d+\.\d+)\x00Zstandard CLI`, "zstd"},
		{"zstd", false, "zstd", "\x00v1.", `\x00v(1\.\d+\.\d+)\x00`, ""},
		{"xz", false, "xz", "xz (XZ Utils) ", `xz \(XZ Utils\) (\d+\.\d+\.\d+)`, "xz-utils"},
		{"util-linux", false, "getopt", "util-linux ", `util-linux (\d+\.\d+(?:\.\d+)?)`, "util-linux"},
		{"deno", false, "deno", "Deno/", `[^-]Deno/(\d+\.\d+\.\d+)`, ""},
		{"bun", false, "bun", "/bun-v", `/bun-v(\d+\.\d+\.\d+)/`, ""},
		{"fluent-bit", true, "fluent-bit", "Fluent Bit", `\x00(\d+\.\d+\.\d+)\x00+(?:\x1b\[1m)?[^\d]{0,40}Fluent Bit`, ""},
		{"dart", false, "dart", " (stable) (", `(\d+\.\d+\.\d+) \(stable\) \(`, ""},
		{"julia", false, "libjulia-internal.so*", "__init__\x00", `__init__\x00(\d+\.\d+\.\d+(?:-(?:rc|beta|alpha)[\w.]*)?)\x00verify`, ""},
		{"envoy", true, "envoy", "/Clean/RELEASE/", `/(\d+\.\d+\.\d+)/Clean/RELEASE/`, ""},
		{"consul", true, "consul", "CONSUL_VERSION: ", `CONSUL_VERSION: (\d+\.\d+\.\d+(?:-(?:rc|beta|alpha)\d+)?)`, ""},
		{"wordpress", true, "version.php", "$wp_version", `\$wp_version\s*=\s*['"](\d+\.\d+(?:\.\d+)?(?:-(?:RC|beta|alpha)[\w.-]*)?)['"]`, ""},
		{"drupal", true, "Drupal.php", "const VERSION", `const VERSION\s*=\s*'(\d+\.\d+(?:\.\d+)?(?:-[a-z]+\d*)?)'`, ""},
		{"nextcloud", true, "version.php", "$OC_VersionString", `\$OC_VersionString\s*=\s*'(\d+\.\d+\.\d+(?: (?:RC|beta|alpha) ?\d*)?)'`, ""},
		{"phpmyadmin", true, "Version.php", "phpMyAdmin", `VERSION = '(\d+\.\d+\.\d+(?:-(?:rc|beta|alpha)\d*)?)`, ""},
		{"moodle", true, "version.php", "$release", `\$release\s*=\s*'(\d+\.\d+(?:\.\d+|(?:beta|rc)\d*)?)\+? \(Build`, ""},
		{"joomla", true, "joomla.xml", "<version>", `<version>(\d+\.\d+\.\d+(?:-(?:rc|beta|alpha)\d*)?)</version>`, ""},
		{"composer", true, "composer composer.phar Composer.php", "const BRANCH_ALIAS_VERSION = '", `(?:public |\n {4})const VERSION = '(\d+\.\d+\.\d+(?:-(?:RC|beta|alpha)\d*)?)';\s[^;]*const BRANCH_ALIAS`, "composer"},
		{"composer", true, "composer composer.phar", "'composer/composer'", `'name'\s*=>\s*'composer/composer',\s*'pretty_version'\s*=>\s*'(\d+\.\d+\.\d+(?:-?(?:RC|beta|alpha)\d+)?)'`, ""},
		{"wp-cli", true, "wp wp-cli.phar", "wp-cli/wp-cli ", `wp-cli/wp-cli (\d+\.\d+\.\d+)`, ""},
		{"node", true, "node", "\x00node v", `\x00node v(0\.\d+\.\d+)\x00`, ""},
		{"node", true, "node", "\x00v0.", `\x00v(0\.\d+\.\d+)\x00`, ""},
		{"node", true, "node", "\x00v4.", `\x00v(4\.\d+\.\d+)\x00`, ""},
		{"node", true, "node", "\x00v5.", `\x00v(5\.\d+\.\d+)\x00`, ""},
		{"node", true, "node", "\x00v6.", `\x00v(6\.\d+\.\d+)\x00`, ""},
		{"redis", true, "redis-server", "Redis version ", `Redis version (\d+\.\d+\.\d+)`, ""},
		{"haproxy", true, "haproxy", "HA-Proxy version ", `HA-Proxy version (\d+\.\d+(?:\.\d+|-dev\d+)?)`, ""},
		{"haproxy", true, "haproxy", "HAProxy version", `(?s)(\d+\.\d+(?:\.\d+|-dev\d+))-[0-9a-zA-Z]{6,7}[^\x00]*\x00.*HAProxy version`, ""},
		{"arangodb", true, "arangosh arangod", " [linux]", `(\d+\.\d+\.\d+(?:-\d+)?) (?:enterprise )?\[linux\]`, ""},
		{"postgresql", true, "postgres", "PostgreSQL ", `[\x00?]PostgreSQL (\d+(?:\.\d+){0,2}(?:(?:alpha|beta|rc)\d+)?)[ \x00]`, "postgresql-15"},
		{"percona-server", false, "mysql mysqld", "/percona-server-", `/percona-server-(\d+\.\d+\.\d+)`, ""},
		{"percona-xtradb-cluster", false, "mysql mysqld", "/Percona-XtraDB-Cluster-", `/Percona-XtraDB-Cluster-(\d+\.\d+\.\d+)`, ""},
		{"percona-xtrabackup", false, "xtrabackup", "/percona-xtrabackup-", `/percona-xtrabackup-(\d+\.\d+\.\d+)`, ""},
		{"mysql", false, "mysql mysqld", "\x00mysql", `\x00(\d+\.\d+\.\d+)\x00+mysql`, ""},
		{"mongodb", true, "mongod mongos", "\x00tcmalloc", `(\d+\.\d+\.\d+)\x00+tcmalloc`, ""},
		{"mongodb", true, "mongod mongos", "\x00heap_size", `(\d+\.\d+\.\d+)\x00+heap_size`, ""},
		{"mongodb", true, "mongod mongos", "\x00cppdefines", `(\d+\.\d+\.\d+)\x00+cppdefines`, ""},
		{"traefik", false, "traefik", "\x00v1.7.", `\x00v(1\.7\.\d+(?:-rc\d+)?)\x00`, ""},
		{"traefik", false, "traefik", "\x002.", `\x00(2\.\d+\.\d+(?:-(?:alpha|beta|rc)\d+)?)\x00`, ""},
		{"traefik", false, "traefik", "3.", `(?:^|[^0-9.])v?(3\.\d+\.\d+(?:-(?:alpha|beta|rc)\d+)?)\x00`, ""},
		{"helm", true, "helm", "\x00v3.", `\x00v(3\.\d+\.\d+)\x00`, ""},
		{"helm", true, "helm", "\x00v2.", `\x00v(2\.\d+\.\d+)\x00`, ""},
		{"helm", true, "helm", "\x00v4.", `\x00v(4\.\d+\.\d+)\x00`, ""},
		{"erlang-otp", false, "erlexec beam.smp liberts_internal.a", "/otp_src_", `/otp_src_(\d+(?:\.\d+)+(?:-rc\d)?)/erts/`, ""},
		{"erlang-otp", false, "erlexec beam.smp liberts_internal.a", "/src/otp-", `/src/otp-(\d+(?:\.\d+)+(?:-rc\d)?)/erts/`, ""},
		{"erlang-otp", false, "erlexec beam.smp", "\x00Erlang/OTP", `\x00(\d+\.\d+(?:\.\d+)*)\x00+Erlang/OTP`, ""},
		{"erlang-otp", false, "erlexec beam.smp", "Erlang/OTP ", `Erlang/OTP [^\x00]{1,150}\x00+(\d+\.\d+(?:\.\d+){0,2}(?:-rc\d)?)\x00`, ""},
		{"swipl", false, "swipl", "swipl-", `swipl-(\d+\.\d+\.\d+)/`, ""},
		{"dart", false, "dart", " (beta) (", `(\d+\.\d+\.\d+-\d+(?:\.\d+)*\.beta) \(beta\) \(`, ""},
		{"deno", false, "deno", "release/v", `deno-[0-9a-z]{40}release/v(\d+\.\d+\.\d+)`, ""},
		{"deno", false, "deno", "DENO", `(\d+\.\d+\.\d+)[0-9a-z]{40}DENO`, ""},
		{"ghc", false, "ghc ghc-[0-9]*", "\x00GHC ", `\x00GHC (\d+\.\d+\.\d+)\x00`, ""},
		{"ghc", false, "ghc ghc-[0-9]*", "\x00libHSghc-", `\x00libHSghc-(\d+\.\d+\.\d+)-`, ""},
		{"cabal", false, "cabal", "\x00Cabal-", `\x00Cabal-(\d+\.\d+\.\d+(?:\.\d+)?)-`, ""},
		{"cabal", false, "cabal", "/cabal-install-", `/cabal-install-(\d+\.\d+\.\d+(?:\.\d+)?)-[a-zA-Z0-9]+\x00`, ""},
		{"stack", false, "stack", ", Git", `Version\s*(\d+\.\d+\.\d+),\s*Git`, ""},
		{"consul", true, "consul", "GitDescribe=", `GitDescribe=v?(\d+\.\d+\.\d+)`, ""},
		{"consul", true, "consul", "\x00v1.", `\x00v(1\.\d+\.\d+)\x00`, ""},
		{"vault", true, "vault", "revoke", `revoke(\d+\.\d+\.\d+)`, ""},
		{"vault", true, "vault", "state", `state(1\.\d+\.\d+-rc\d)`, ""},
		{"vault", true, "vault", "016x1.1", `016x(1\.1\d\.\d{1,2})`, ""},
		{"vault", true, "vault", "\x001.", `\x00(1\.\d{1,2}\.\d+)\x00`, ""},
		{"aws-lc", false, "openssl libcrypto.so*", "AWS-LC ", `AWS-LC (\d+\.\d+\.\d+)\)?\x00`, ""},
		{"openldap", true, "ldapsearch", "OpenLDAP: ldapsearch ", `OpenLDAP: ldapsearch (\d+\.\d+\.\d+)`, "ldap-utils"},
		{"qtbase", false, "libQt*Core.so*", "QtCore library version ", `QtCore library version (\d+\.\d+\.\d+)`, ""},
		{"qtbase", false, "libQt*Core.so*", "\x00Qt ", `\x00Qt (\d+\.\d+\.\d+) \(`, "libqt5core5a"},
		{"gcc", false, "gcc gcc-[0-9]* *-gcc-[0-9]*", "GCC: (GNU) ", `GCC: \(GNU\) (\d+\.\d+\.\d+)`, ""},
		{"gzip", false, "gzip", "\x001.", `\x00(1\.\d{1,2})\x00`, "gzip"},
		{"sqlcipher", false, "sqlcipher", "\x004.", `\x00(4\.\d+\.\d+)\x00`, ""},
		{"chrome", false, "chrome", "\x00Default", `\x00(\d+\.\d+\.\d+\.\d+)\x00Default`, ""},
		{"elixir", false, "elixir", "ELIXIR_VERSION=", `ELIXIR_VERSION=(\d+\.\d+\.\d+(?:-[a-z0-9.]+)?)`, ""},
		{"istio", false, "pilot-discovery pilot-agent", "Clean\x00", `Clean\x00+(\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+|-dev)?)\x00`, ""},
		{"istio", false, "pilot-discovery pilot-agent", "Modified\x00", `Modified\x00+(\d+\.\d+-dev)\x00`, ""},
		{"istio", false, "pilot-discovery pilot-agent", "\x001.", `\x00?1\.\d+\.\d+\x00+(1\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+|-dev)?)\x00`, ""},
		{"istio", false, "pilot-discovery pilot-agent", "=v<y5", `(?s)(\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+|-dev)?)\x00+.{1,100}=v<y5`, ""},
		{"grafana", true, "grafana grafana-server", "\x00release-", `\x00release-(\d{1,2}\.\d+\.\d+(?:-(?:beta\d|test|preview))?)(?:\+security-\d+)?\x00`, ""},
		{"grafana", true, "grafana grafana-server", "\x00$a", `(\d{2}\.\d+\.\d+(?:-(?:beta\d|test|preview))?)(?:\+security-\d+)?\x00+\$a`, ""},
		{"grafana", true, "grafana", ".x\x00", `(\d+\.\d+\.\d+(?:-(?:beta\d|test|preview))?)(?:\+security-\d+)?\x00+v\d+\.\d+\.x\x00`, ""},
		{"grafana", true, "grafana grafana-server", "\x00/usr/local/go", `[a-z0-9]\x00+(\d{1,2}\.\d+\.\d+(?:-(?:beta\d|test|preview))?)(?:\+security-\d+)?\x00+/usr/local/go`, ""},
		{"grafana", true, "grafana", "\x00go1.", `\x00go1\.\d+\.\d+\x00+(\d{2}\.\d+\.\d+(?:-(?:beta\d|test|preview))?)(?:\+security-\d+)?\x00`, ""},
		{"grafana", true, "grafana", "\x001", `\x00(1\d\.\d+\.\d+)-\d{6,}\x00`, ""},
		{"grafana", true, "grafana grafana-server", "HEAD\x00", `(?s)HEAD\x00.*?\x00(\d{1,2}\.\d+\.\d+(?:-(?:beta\d|test|preview))?)(?:\+security-\d+)?\x00`, ""},
		{"envoy", true, "envoy", "\x001.3", `\x00(1\.3\d\.\d+(?:-dev)?)\x00`, ""},
		{"envoy", true, "envoy", "\x001.2", `\x00(1\.2\d\.\d+(?:-dev)?)\x00`, ""},
		{"envoy", true, "envoy", "\x001.1", `\x00(1\.1\d\.\d+(?:-dev)?)\x00`, ""},
		{"envoy", true, "envoy", "RELEASE", `(?s)\x00(1\.\d\.\d+(?:-dev)?)\x00.{0,20}RELEASE`, ""},
		{"ingress-nginx", false, "nginx-ingress-controller", "\x00go1.", `\x00go1\.\d+(?:\.\d+)?\x00+v(\d+\.\d+\.\d+(?:-(?:alpha|beta)\.\d+)?)\x00`, ""},
		{"ingress-nginx", false, "nginx-ingress-controller", "\x00v1.", `\x00v(1\.\d+\.\d+(?:-(?:alpha|beta)\.\d+)?)\x00`, ""},
		{"ingress-nginx", false, "nginx-ingress-controller", "\x00v0.", `\x00v(0\.\d+\.\d+(?:-(?:alpha|beta)\.\d+)?)\x00`, ""},
		{"ingress-nginx", false, "nginx-ingress-controller", "S=v<y5", `(?s)\x00v?(\d+\.\d+\.\d+(?:-(?:alpha|beta)\.\d+)?)\x00+.{0,100}S=v<y5`, ""},
		{"ingress-nginx", false, "nginx-ingress-controller", "\x00go1.", `v(\d+\.\d+\.\d+(?:-(?:alpha|beta)\.\d+)?)\x00+[^\x00]{0,50}\x00*go1\.\d+(?:\.\d+)?\x00`, ""},
		{"elastic-agent", false, "elastic-agent", "header", `enroll(?:: true)?(\d+\.\d+\.\d+)-?header`, ""},
		{"elastic-agent", false, "elastic-agent", ":https", `PM(\d+\.\d+\.\d+):https`, ""},
		{"graalvm", false, "java jdb", "-jvmci-", `\x00(\d+(?:\.\d+)+)\+\d+-jvmci-`, ""},
		{"ibm-java", false, "java jdb", "-foreman_", `\x00(\d+\.\d+\.\d+)-foreman_[^\x00]*\x00`, ""},
		{"openjdk", false, "java jdb", "\x00openjdk\x00java\x00", `\x00openjdk\x00java\x00[\d.]+\x00(\d+(?:\.\d+)*(?:_\d+)?)[^\x00]*\x00`, "openjdk-17-jre-headless"},
		{"openjdk", false, "java jdb", "openjdk\x00java\x00", `\x00[\d.]+\x00+(\d+(?:\.\d+)*(?:_\d+)?)[^\x00]*\x00+openjdk\x00java\x00`, ""},
		{"oracle-jdk", false, "java jdb", "\x00java\x00", `(?:^|[^k])\x00java\x00[\d.]+\x00+(\d+\.\d+\.\d+(?:_\d+)?)(?:[-+]b?\d[^\x00]*)?\x00`, ""},
		{"libtiff", false, "libtiff.so*", "LIBTIFF, Version ", `LIBTIFF, Version (\d+\.\d+\.\d+)`, "libtiff6"},
		{"expat", false, "libexpat.so*", "expat_", `expat_(\d+\.\d+\.\d+)`, "libexpat1"},
		{"pcre2", false, "libpcre2-8.so* libpcre2-16.so* libpcre2-32.so*", " 20", `\x00(10\.\d+) \d{4}-\d{2}-\d{2}`, "libpcre2-8-0"},
		{"libssh", false, "libssh.so*", "libssh_", `libssh_(\d+\.\d+\.\d+)`, "libssh-4"},
		{"libpng", false, "libpng*.so*", "libpng version ", `libpng version (\d+\.\d+\.\d+)`, "libpng16-16"},
		{"libarchive", false, "libarchive.so*", "libarchive ", `libarchive (\d+\.\d+\.\d+)`, "libarchive13"},
		{"imagemagick", false, "magick convert convert-im6.* libMagickCore-*.so*", "ImageMagick ", `ImageMagick (\d+\.\d+\.\d+-\d+)`, "libmagickcore-6.q16-6"},
		{"go", false, "VERSION", "", `^go(\d+\.\d+(?:\.\d+)?(?:(?:alpha|beta|rc)\d+)?)\s`, ""},
		{"erlang-otp", false, "OTP_VERSION", "", `^(\d+(?:\.\d+)+(?:-rc\d+)?)\s*$`, "erlang-base"},
	}
}

// aroundText bounds how far from the text the version may be.
const aroundText = 256

// isProgram wants files whose name is in the table: executables, and the few
// source files and version files in it.
func isProgram(h *rootfs.Header, head []byte) bool {
	base := h.Path[strings.LastIndexByte(h.Path, '/')+1:]
	switch base {
	case "version.php", "Version.php", "Drupal.php", "Composer.php", "composer", "composer.phar", "wp", "wp-cli.phar", "joomla.xml", "OTP_VERSION", "VERSION", "elixir", "liberts_internal.a":
		return true
	}
	return exe.Identify(head) != exe.None && mayBeProgram(base)
}

// mayBeProgram is a coarse sieve over names, so that the table is not gone
// through for every library.
func mayBeProgram(base string) bool {
	if lib, ok := strings.CutPrefix(base, "lib"); ok {
		for _, name := range [...]string{"node.so", "python", "php", "ruby", "crypto.so", "ssl.so", "curl.so", "sqlite3.so", "maxminddb.so", "apr-1.so",
			"pypy3", "avcodec.so", "avdevice.so", "avfilter.so", "avformat.so", "avutil.so", "swresample.so", "swscale.so", "postproc.so", "MagickCore-", "krb5.so", "julia-internal.so", "rustc_driver-", "std-", "Qt", "tiff.so", "expat.so", "pcre2-", "ssh.so", "png", "archive.so"} {
			if strings.HasPrefix(lib, name) {
				return true
			}
		}
		return false
	}
	return !strings.Contains(base, ".so") || base == "sudoers.so"
}

func readProgram(h *rootfs.Header, body rootfs.Body) (found, error) {
	var f found
	base := path.Base(h.Path)
	found := map[string]bool{} // the first row of a name that fits counts
	for _, row := range programs() {
		if found[row.name] || !row.named(base) {
			continue
		}
		if version := row.find(base, body); version != "" {
			kind := "generic"
			if row.advised {
				kind = "bitnami"
			}
			found[row.name] = true
			f.Packages = append(f.Packages, language(kind, row.name, version))
		}
	}
	return f, nil
}

func hasPackage(list []sbom.Package, purl string) bool {
	for i := range list {
		if list[i].PURL == purl {
			return true
		}
	}
	return false
}

// named reports whether the row is about files of a base name.
func (p program) named(base string) bool {
	for pattern := range strings.FieldsSeq(p.files) {
		if ok, _ := path.Match(pattern, base); ok {
			return true
		}
	}
	return false
}

// find returns the version in a file, "" when the file is something else.
func (p program) find(base string, body rootfs.Body) string {
	switch p.name {
	case "python":
		return pythonVersion(base, body)
	case "redis":
		if p.version == "" {
			return redisVersion(p.text, body)
		}
	}
	re := regexp.MustCompile(p.version)
	version := ""
	search(body, p.text, func(window []byte) bool {
		if m := re.FindSubmatch(window); m != nil {
			version = string(m[1])
		}
		return version == ""
	})
	return version
}

// maxProgram bounds how much of a file is searched.
const maxProgram = 512 << 20

// search calls f with the surroundings of each place that holds text, until f
// returns false. An empty text represents the start of the file.
func search(body rootfs.Body, text string, f func(window []byte) bool) {
	const chunk = 1 << 20
	buf := make([]byte, min(chunk+2*aroundText, int(min(body.Size(), chunk))+2*aroundText))
	for at := int64(0); at < min(body.Size(), maxProgram); at += chunk {
		start := max(0, at-aroundText)
		n, _ := body.ReadAt(buf[:min(int64(len(buf)), body.Size()-start)], start)
		data := buf[:n]
		for from := int(at - start); from <= len(data); {
			i := bytes.Index(data[from:], []byte(text))
			if i < 0 || int64(from+i) >= at-start+chunk {
				break
			}
			i += from
			if !f(data[max(0, i-aroundText):min(len(data), i+len(text)+aroundText)]) || text == "" {
				return
			}
			from = i + len(text)
		}
	}
}

// pythonVersion looks for the whole version of which the file's name holds the
// first two numbers: PY_VERSION, a string of its own in getversion.c.
func pythonVersion(base string, body rootfs.Body) string {
	base = strings.TrimPrefix(strings.TrimPrefix(base, "lib"), "python")
	series := base[:len(base)-len(strings.TrimLeft(base, "0123456789."))]
	series = strings.TrimRight(series, ".")
	if strings.Count(series, ".") < 1 {
		return ""
	}
	if parts := strings.Split(series, "."); len(parts) > 2 {
		series = parts[0] + "." + parts[1]
	}
	re := regexp.MustCompile(`\x00(` + regexp.QuoteMeta(series) + `\.\d+(?:(?:a|b|rc)\d+)?\+?)\x00`)
	version := ""
	search(body, "\x00"+series+".", func(window []byte) bool {
		if m := re.FindSubmatch(window); m != nil {
			version = strings.TrimSuffix(string(m[1]), "+")
		}
		return version == ""
	})
	return version
}

var (
	redisBuild = lazy.Regexp(`(\d+\.\d+\.)(\d+)[A-Za-z0-9._-]*\d00000000\x00`)
	redisPlain = lazy.Regexp(`[^\d.](\d+\.\d+\.\d+)(?:buildkitsandbox|[0-9a-f]{12})-\d{10}0{9}\x00`)
)

// redisVersion finds the version at the head of Redis' build id, which is
// version, builder's name, time and git's state without anything between
// (src/release.c). Where the builder is a container its name has 12 digits or is
// BuildKit's; any other is told from the version by the version alone elsewhere in
// the file.
func redisVersion(text string, body rootfs.Body) string {
	version := ""
	search(body, text, func(window []byte) bool {
		if m := redisPlain().FindSubmatch(window); m != nil {
			version = string(m[1])
			return false
		}
		for _, m := range redisBuild().FindAllSubmatch(window, -1) {
			for n := min(len(m[2]), 3); n > 0 && version == ""; n-- {
				guess := string(m[1]) + string(m[2][:n])
				search(body, "\x00"+guess+"\x00", func([]byte) bool {
					version = guess
					return false
				})
			}
		}
		return version == ""
	})
	return version
}
