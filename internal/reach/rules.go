package reach

import (
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach/binary"
)

// rule says what a library or program opens by convention, where no string of
// its own says so or the string is in the C library, which every program has.
type rule struct {
	files   string // base names of the files that trigger it, patterns, blanks between
	imports string // imported functions that trigger it, blanks between; "static" for programs that import nothing
	needs   string // paths, patterns, blanks between; see rule.need
	runs    bool   // programs among it may be run
	maybe   bool   // kept as Unknown, for it hangs on what is not in the image whether it is used
	why     string
	// except names libraries whose import of the function does not count while
	// the locale is C, POSIX or of UTF-8, as images have it.
	except string
}

// rules returns the table. Sources: the manual pages named, and the libraries'
// own code where they have none.
func rules() []rule {
	const (
		users    = "getpwnam getpwuid getpwnam_r getpwuid_r getpwent setpwent getgrnam getgrgid getgrnam_r getgrgid_r getgrent getgrouplist initgroups go:os/user. static"
		hosts    = "getaddrinfo getaddrinfo_a gethostbyname gethostbyname2 gethostbyname_r gethostbyname2_r gethostbyaddr gethostbyaddr_r getnameinfo gethostent res_init __res_init __res_ninit __res_query __res_search ares_init ares_init_options go:net. static"
		services = "getservbyname getservbyport getservbyname_r getservbyport_r getservent getaddrinfo getnameinfo go:net. static"
		locale   = "setlocale newlocale uselocale static"
		clock    = "tzset localtime localtime_r __localtime64 mktime strftime strftime_l timelocal go:time.LoadLocation static"
	)
	return []rule{
		// The C library: nsswitch.conf(5), resolv.conf(5), locale(7), tzset(3), ld.so(8).
		{imports: users, needs: "/etc/passwd /etc/group /etc/nsswitch.conf nss:passwd nss:group nss:initgroups", why: "users and groups (NSS)"},
		{imports: "getspnam getspnam_r getspent", needs: "/etc/shadow /etc/nsswitch.conf nss:shadow", why: "passwords (NSS)"},
		{imports: "getsgnam getsgnam_r", needs: "/etc/gshadow nss:gshadow", why: "passwords of groups (NSS)"},
		{imports: hosts, needs: "/etc/hosts /etc/resolv.conf /etc/host.conf /etc/gai.conf /etc/nsswitch.conf nss:hosts lib:libidn2.so.0 lib:libresolv.so.2", why: "names of hosts (NSS)"},
		{imports: services, needs: "/etc/services nss:services", why: "names of services (NSS)"},
		{imports: "getprotobyname getprotobynumber getprotobyname_r getprotobynumber_r getprotoent getaddrinfo go:net. static", needs: "/etc/protocols nss:protocols", why: "names of protocols (NSS)"},
		{imports: "getnetbyname getnetbyaddr getnetent getnetbyname_r", needs: "/etc/networks nss:networks", why: "names of networks (NSS)"},
		{imports: "getrpcbyname getrpcbynumber getrpcent getrpcbyname_r", needs: "/etc/rpc nss:rpc", why: "names of RPC services (NSS)"},
		{imports: "ether_hostton ether_ntohost", needs: "/etc/ethers nss:ethers", why: "names of Ethernet addresses (NSS)"},
		{imports: "getnetgrent innetgr setnetgrent", needs: "/etc/netgroup nss:netgroup", why: "network groups (NSS)"},
		{imports: "getttyent ttyname", needs: "/etc/ttys", why: "terminals"},
		{imports: "getusershell setusershell", needs: "/etc/shells", why: "shells(5)"},
		{imports: "getmntent setmntent getfsent", needs: "/etc/mtab /etc/fstab", why: "mounted file systems"},
		{imports: locale, needs: "/usr/lib/locale/ /usr/lib/*/locale/ /usr/share/locale/locale.alias /etc/locale.alias /usr/lib/*/gconv/gconv-modules.cache /usr/lib64/gconv/gconv-modules.cache /usr/lib/gconv/gconv-modules.cache", why: "locale(7)"},
		{imports: "bindtextdomain dcgettext dgettext gettext dcngettext ngettext", needs: "messages:", why: "translated messages of $LANG"},
		{imports: "iconv_open", needs: "/usr/lib/*/gconv/ /usr/lib64/gconv/ /usr/lib/gconv/ /lib/*/gconv/", why: "conversion of character sets (iconv_open(3))",
			// They convert to and from the locale's character set, for which glibc
			// needs no module where that is ASCII or UTF-8 (iconv/gconv_builtin.h);
			// bash for $'\u…' alone (lib/sh/unicode.c).
			// libstdc++ does so for encoding_state alone, whose users import
			// iconv_open themselves (ext/codecvt_specializations.h).
			except: "libidn2.so* libunistring.so* libstdc++.so* bash"},
		{imports: clock, needs: "/etc/localtime /etc/timezone", why: "time zone (tzset(3))"},
		{imports: clock, needs: "/usr/share/zoneinfo/", maybe: true, why: "$TZ may name any time zone when the container is started"},
		{imports: "pthread_cancel pthread_exit backtrace _Unwind_ForcedUnwind", needs: "lib:libgcc_s.so.1", why: "dlopen string \"libgcc_s.so.1\" of the C library"},
		{files: "ld-linux*.so* ld-2.*.so ld64.so.*", needs: "/etc/ld.so.cache /etc/ld.so.preload preload:", why: "ld.so(8)"},

		// Cryptography and authentication.
		{files: "libcrypto.so* libcrypto-*.so* libssl.so*", needs: "/etc/ssl/openssl.cnf /etc/pki/tls/openssl.cnf /usr/lib/ssl/openssl.cnf /usr/lib/ssl/certs/ /usr/lib/ssl/cert.pem /usr/lib/ssl/ct_log_list.cnf /etc/ssl/certs/ /etc/ssl/cert.pem /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ /etc/pki/tls/cert.pem /etc/pki/ca-trust/extracted/pem/ /etc/crypto-policies/back-ends/ /etc/ssl/openssl.cnf.d/ /etc/ssl1.1/ /etc/ssl/ct_log_list.cnf", why: "OpenSSL's configuration and certificates"},
		{files: "libcrypto.so* libcrypto-*.so*", needs: "{dir}/engines-*/ {dir}/ossl-modules/ /usr/lib/engines-*/ /usr/lib/ossl-modules/", maybe: true, why: "OpenSSL's engines and providers"},
		{imports: "go:crypto/x509.", needs: "/etc/ssl/certs/ /etc/pki/tls/certs/ /etc/ssl/ca-bundle.pem /etc/pki/tls/cacert.pem /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/ssl/cert.pem /usr/local/share/certs/ /system/etc/security/cacerts/", why: "certificates (crypto/x509)"},
		{files: "libgnutls.so*", needs: "/etc/gnutls/ /etc/ssl/certs/ca-certificates.crt /etc/pki/ca-trust/extracted/pem/", why: "GnuTLS's configuration and certificates"},
		{files: "libp11-kit.so*", needs: "/etc/pkcs11/ /usr/share/p11-kit/ {dir}/pkcs11/ {dir}/p11-kit-trust.so", maybe: true, why: "modules of p11-kit"},
		{files: "libnss3.so", needs: "lib:libsoftokn3.so lib:libfreebl3.so lib:libfreeblpriv3.so lib:libnssckbi.so lib:libnssdbm3.so {dir}/nss/ /etc/pki/nssdb/", why: "modules of NSS, Mozilla's"},
		{files: "libpam.so*", needs: "/etc/pam.d/ /etc/pam.conf /etc/security/ {dir}/security/ /usr/lib/security/ /lib/security/ /lib/*/security/ /etc/environment /etc/login.defs /etc/default/locale", why: "pam.conf(5)"},
		{files: "libsasl2.so*", needs: "{dir}/sasl2/ /etc/sasl2/ /usr/lib/sasl2/ /etc/sasldb2", maybe: true, why: "SASL mechanisms"},
		{files: "libkrb5.so* libgssapi_krb5.so*", needs: "/etc/krb5.conf /etc/krb5.conf.d/ /etc/gss/ {dir}/krb5/ {dir}/gss/", why: "krb5.conf(5)"},
		{files: "libldap*.so*", needs: "/etc/ldap/ /etc/openldap/", why: "ldap.conf(5)"},
		{files: "sudo sudo.ws", needs: "/etc/sudo.conf /etc/sudoers /etc/sudoers.d/ /usr/lib/sudo/ /usr/libexec/sudo/", why: "sudoers(5)"},
		{files: "libselinux.so*", needs: "/etc/selinux/config", why: "selinux_config(5)"},

		// Terminals, text, graphics.
		{files: "libtinfo*.so* libncurses*.so*", needs: "/lib/terminfo/ /etc/terminfo/ /usr/share/terminfo/ /usr/lib/terminfo", maybe: true, why: "terminfo(5), by $TERM"},
		{files: "libreadline.so* libedit.so*", needs: "/etc/inputrc", why: "readline(3)"},
		{files: "libmagic.so*", needs: "/etc/magic /etc/magic.mime /usr/share/misc/magic.mgc /usr/lib/file/magic.mgc /usr/share/file/", why: "magic(5)"},
		{files: "libfontconfig.so*", needs: "/etc/fonts/ /usr/share/fontconfig/ /usr/share/fonts/ /usr/local/share/fonts/ /var/cache/fontconfig/", why: "fonts.conf(5)"},
		{files: "libgdk_pixbuf-2.0.so*", needs: "{dir}/gdk-pixbuf-2.0/", maybe: true, why: "loaders of gdk-pixbuf"},
		{files: "libgio-2.0.so*", needs: "{dir}/gio/ /usr/share/glib-2.0/schemas/ /usr/share/mime/", maybe: true, why: "modules of GIO"},
		{files: "libMagick*.so*", needs: "/etc/ImageMagick-*/ {dir}/ImageMagick-*/ /usr/share/ImageMagick-*/", maybe: true, why: "ImageMagick's coders"},
		{files: "libpaper.so* libgs.so*", needs: "/etc/papersize /etc/paper.d/ /etc/paperspecs /etc/libpaper.d/", why: "papersize(5)"},
		{files: "libxml2.so*", needs: "/etc/xml/ /usr/share/xml/", maybe: true, why: "XML catalogues"},
		{files: "libproj.so*", needs: "/usr/share/proj/", why: "PROJ's grids"},
		{files: "libicuuc.so*", needs: "/usr/share/icu/", why: "ICU's data"},
		{imports: "go:mime.", needs: "/etc/mime.types /etc/apache2/mime.types /etc/apache/mime.types /etc/httpd/conf/mime.types /usr/share/mime/globs2 /usr/local/share/mime/globs2 /usr/share/misc/mime.types", why: "media types (mime)"},
		{imports: "go:time.LoadLocation", needs: "/usr/lib/go/lib/time/zoneinfo.zip /usr/local/go/lib/time/zoneinfo.zip", why: "time zones (time)"},

		// Servers and tools whose modules and data stand in directories of their own.
		{files: "nginx", needs: "/etc/nginx/ /usr/share/nginx/ /usr/lib/nginx/ /usr/lib64/nginx/ /var/lib/nginx/ /var/log/nginx/ /usr/local/nginx/", maybe: true, why: "nginx's configuration, modules and pages"},
		{files: "nginx openresty", needs: "/usr/local/openresty/nginx/ /usr/local/openresty/lualib/ /usr/local/openresty/site/ /opt/openresty/", maybe: true, runs: true, why: "OpenResty's configuration and modules"},
		{files: "php-fpm*", needs: "/usr/local/etc/php-fpm.d/ /usr/local/etc/php-fpm.conf /usr/local/etc/php/", maybe: true, runs: true, why: "pools of php-fpm"},
		{files: "php-fpm*", needs: "/var/www/ /srv/ /app/ /usr/share/nginx/html/", maybe: true, runs: true, why: "scripts that requests name"},
		{files: "apache2 httpd", needs: "/etc/apache2/ /etc/httpd/ /usr/lib/apache2/ /usr/lib64/httpd/ /usr/share/apache2/ /usr/local/apache2/", maybe: true, why: "Apache's configuration and modules"},
		{files: "postgres", needs: "/usr/lib/postgresql/*/lib/ /usr/share/postgresql/ /usr/local/lib/postgresql/ /usr/local/share/postgresql/ /etc/postgresql/ /etc/postgresql-common/", maybe: true, why: "PostgreSQL's modules and data"},
		{files: "mariadbd mysqld", needs: "/etc/mysql/ /etc/my.cnf /etc/my.cnf.d/ /usr/share/mysql/ /usr/share/mariadb/ /usr/lib/mysql/ /usr/lib64/mysql/", maybe: true, why: "MySQL's configuration, modules and messages"},
		{files: "git", needs: "/usr/lib/git-core/ /usr/libexec/git-core/ /usr/share/git-core/ /etc/gitconfig", maybe: true, runs: true, why: "git's commands"},
		{files: "ssh sshd", needs: "/etc/ssh/ /usr/lib/openssh/", why: "ssh_config(5)"},
		{files: "libgs.so* gs gsc", needs: "/usr/share/ghostscript/ /usr/share/color/icc/ /usr/share/fonts/ /var/lib/ghostscript/ /etc/ghostscript/ /usr/share/poppler/", maybe: true, why: "Ghostscript's library, fonts and profiles"},
		{files: "slapd", needs: "/etc/ldap/ /usr/lib/ldap/ /usr/libexec/openldap/ /var/lib/ldap/ /run/slapd", maybe: true, why: "modules and configuration of slapd"},
		{files: "dovecot", needs: "/etc/dovecot/ /usr/lib/dovecot/ /usr/libexec/dovecot/ /usr/share/dovecot/", maybe: true, runs: true, why: "programs and modules of Dovecot"},
		{files: "sendmail sendmail.sendmail sendmail-mta makemap", needs: "/etc/mail/ /etc/sendmail.cf /etc/submit.cf /etc/mailertable /usr/share/sendmail/ /usr/lib/sendmail.d/ /var/lib/sendmail/", maybe: true, runs: true, why: "sendmail's configuration and tables"},
		{files: "exim exim4", needs: "/etc/exim/ /etc/exim4/ /usr/lib/exim4/ /var/lib/exim4/", maybe: true, runs: true, why: "Exim's configuration and programs"},
		{files: "named", needs: "/etc/bind/ /etc/named.conf /etc/named/ /usr/share/dns/ /var/cache/bind/ /usr/lib/*/bind/ /usr/share/GeoIP/", maybe: true, why: "zones and plugins of BIND"},
		{files: "rsyslogd", needs: "/etc/rsyslog.conf /etc/rsyslog.d/ /usr/lib/*/rsyslog/ /usr/lib/rsyslog/", maybe: true, why: "rsyslog's modules"},
		{files: "apache2 httpd", needs: "/var/log/apache2/ /var/log/httpd/ /run/apache2/ /run/httpd/", maybe: true, why: "logs whose place variables of its configuration tell"},
		{files: "haproxy", needs: "/etc/haproxy/ /usr/share/haproxy/", maybe: true, why: "HAProxy's configuration"},
		{files: "squid", needs: "/etc/squid/ /usr/lib/squid/ /usr/share/squid/ /usr/share/squid-langpack/", maybe: true, runs: true, why: "Squid's helpers and pages"},
		{files: "freeradius radiusd", needs: "/etc/freeradius/ /etc/raddb/ /usr/lib/freeradius/ /usr/share/freeradius/", maybe: true, why: "FreeRADIUS' modules"},
		{files: "smbd nmbd samba winbindd", needs: "/etc/samba/ /usr/lib/*/samba/ /usr/share/samba/ /var/lib/samba/", maybe: true, why: "Samba's modules"},
		{files: "apache2 httpd fcgiwrap lighttpd", needs: "/usr/lib/cgi-bin/ /var/www/ /srv/www/ /etc/lighttpd/ /usr/lib/lighttpd/ /usr/share/lighttpd/", maybe: true, runs: true, why: "pages and CGI programs"},
		{files: "git-http-backend git-shell git-daemon", needs: "/etc/gitconfig /usr/share/git-core/ /usr/lib/git-core/ /usr/libexec/git-core/", maybe: true, runs: true, why: "git's commands and hooks"},
		{files: "lua* luajit*", needs: "/usr/share/lua/ /usr/lib/*/lua/ /usr/local/share/lua/ /usr/local/lib/lua/", maybe: true, why: "modules of Lua"},
		{files: "tclsh* libtcl*.so*", needs: "/usr/share/tcltk/ /usr/lib/tcl*/", maybe: true, why: "Tcl's library"},
		{files: "beam.smp erlexec erl escript elixir iex mix", needs: "/usr/bin/erl /usr/local/bin/erl /usr/lib/erlang/ /usr/local/lib/erlang/ /usr/lib/elixir/ /usr/local/lib/elixir/", maybe: true, runs: true, why: "Erlang's library"},
		{files: "gcc gcc-[0-9]* *-gcc *-gcc-[0-9]* g++ g++-[0-9]* *-g++ *-g++-[0-9]* cpp-[0-9]* *-cpp-[0-9]* gfortran* musl-gcc clang clang-[0-9]* tcc", runs: true, maybe: true, why: "steps, headers and libraries of a compiler",
			needs: "/usr/lib/gcc/ /usr/libexec/gcc/ /usr/lib/llvm-*/ /usr/lib/musl/ /usr/lib/*-musl/ /usr/include/ /usr/local/include/ /usr/bin/as /usr/bin/*-as /usr/bin/ld /usr/bin/ld.* /usr/bin/*-ld /usr/bin/*-ld.* " +
				"/usr/lib/*/*.o /usr/lib/*/*.a /usr/lib/*/*.so /usr/lib64/*.o /usr/lib64/*.a /usr/lib64/*.so /usr/lib/*.o /usr/lib/*.a /usr/lib/*.so /usr/lib/bfd-plugins/ /usr/lib/*/bfd-plugins/ /usr/lib/tcc/"},
		{files: "go gofmt", needs: "/usr/local/go/ /usr/lib/go/ /usr/lib/go-*/ /usr/share/go/ /usr/share/go-*/", maybe: true, runs: true, why: "Go's tools and library"},
		{files: "gawk mawk awk", needs: "/usr/share/awk/ {dir}/../lib/gawk/", maybe: true, why: "awk's library"},
	}
}

// applyRules follows the rules that a file triggers.
func applyRules(w *Walk, file string, f *binary.Fact) {
	base := path.Base(file)
	for _, r := range w.rules {
		if matchesAny(r.files, base) {
			r.apply(w, file)
		}
		if f == nil || r.imports == "" || isLibc(file) {
			continue
		}
		if r.except != "" && plainLocale(w.Env) && matchesAny(r.except, base) {
			continue
		}
		for name := range strings.FieldsSeq(r.imports) {
			if name == "static" && f.Static && !f.Go && !strings.Contains(base, ".so") || slices.Contains(f.Imports, name) {
				r.apply(w, file)
				break
			}
		}
	}
}

func matchesAny(patterns, base string) bool {
	for pattern := range strings.FieldsSeq(patterns) {
		if base == pattern {
			return true
		}
		// The plain beginning of a pattern rules most out before the rest is looked at.
		plain := strings.IndexAny(pattern, "*?[\\")
		if plain < 0 || !strings.HasPrefix(base, pattern[:plain]) {
			continue
		}
		if ok, _ := path.Match(pattern, base); ok {
			return true
		}
	}
	return false
}

// plainLocale reports whether the configuration leaves the locale at C, or sets
// one of UTF-8 (locale(7): LC_ALL beats LC_CTYPE beats LANG).
func plainLocale(env map[string]string) bool {
	for _, name := range [...]string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := env[name]; value != "" {
			lower := strings.ToLower(value)
			return value == "C" || value == "POSIX" || strings.Contains(lower, ".utf8") || strings.Contains(lower, ".utf-8")
		}
	}
	return true
}

func (r rule) apply(w *Walk, file string) {
	for need := range strings.FieldsSeq(r.needs) {
		need = strings.ReplaceAll(need, "{dir}", "/"+Parent(file))
		if w.ruled.Add(need) {
			r.need(w, file, need)
		}
	}
}

// need needs what one word of a rule represents:
//
//	/a/b*/c     the files that match
//	/a/b/       everything below the directory
//	lib:NAME    a library, where the dynamic linker finds it
//	nss:DB      the modules that nsswitch.conf names for a database
//	preload:    the libraries of ld.so.preload
//	messages:   the message catalogues of $LANG and $LANGUAGE
func (r rule) need(w *Walk, file, need string) {
	kind, rest, _ := strings.Cut(need, ":")
	switch {
	case kind == "lib":
		f, _ := w.elfFact(file)
		for _, at := range w.linker.findIn(w.linker.defaults(), rest, f) {
			w.Need(file, at, r.why)
		}
	case kind == "nss":
		needNSS(w, file, rest)
	case kind == "preload":
		data, _ := w.Read("etc/ld.so.preload", MaxText)
		for name := range strings.FieldsSeq(string(data)) {
			w.Need(file, name, "ld.so.preload")
		}
	case kind == "messages":
		needMessages(w, file, r.why)
	default:
		for _, at := range w.Glob(need) {
			if !strings.HasSuffix(need, "/") {
				r.needOrKeep(w, file, at)
				continue
			}
			r.needOrKeep(w, file, at)
			for e := range w.Below(at) {
				r.needOrKeep(w, file, e.Path)
			}
		}
	}
}

func (r rule) needOrKeep(w *Walk, file, at string) {
	if r.maybe {
		w.keepFile(file, r.why, at, r.runs)
		return
	}
	w.Need(file, at, r.why)
}

// needNSS needs the modules that nsswitch.conf(5) names for a database. Without
// the file, or the line, glibc asks "files" and "dns", which it has itself or,
// before 2.34, in libnss_files and libnss_dns.
func needNSS(w *Walk, file, database string) {
	services := []string{"files", "dns", "compat"}
	data, _ := w.Read("etc/nsswitch.conf", MaxText)
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		name, list, ok := strings.Cut(strings.TrimSpace(line), ":")
		if ok && strings.TrimSpace(name) == database {
			services = append(services, strings.Fields(list)...)
		}
	}
	f, _ := w.elfFact(file)
	for _, s := range services {
		if strings.HasPrefix(s, "[") {
			continue // [NOTFOUND=return]
		}
		for _, at := range w.linker.findIn(w.linker.defaults(), "libnss_"+s+".so.2", f) {
			w.Need(file, at, "nsswitch.conf: "+database+": "+s)
		}
	}
}

// needMessages needs the message catalogues of the languages that the
// configuration's environment sets: without one, gettext(3) opens none.
func needMessages(w *Walk, file, why string) {
	for _, name := range []string{"LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"} {
		for lang := range strings.SplitSeq(w.Env[name], ":") {
			lang, _, _ = strings.Cut(lang, ".")
			lang, _, _ = strings.Cut(lang, "@")
			if lang == "" || lang == "C" || lang == "POSIX" || strings.Contains(lang, "/") {
				continue
			}
			short, _, _ := strings.Cut(lang, "_")
			for _, dir := range []string{lang, short} {
				for e := range w.Below("usr/share/locale/" + dir) {
					w.Keep(file, why, e.Path)
				}
			}
		}
	}
}

// ruledImports returns the functions that rules go by.
func ruledImports() (list []string) {
	for _, r := range rules() {
		list = append(list, strings.Fields(r.imports)...)
	}
	return list
}
