//go:build linux

package main

import "github.com/careen/careen/internal/image"

// servers are servers, with configuration, modules and data of their own.
func servers() []recipe {
	return []recipe{
		{
			name: "slapd", clients: "/usr/bin/ldapsearch", packages: "slapd ldap-utils", config: cmd("slapd", "-h", "ldap://127.0.0.1:3890/", "-u", "openldap", "-g", "openldap", "-d", "0"),
			work: "slapd -h ldap://127.0.0.1:3890/ -u openldap -g openldap -d 0 2>/dev/null &\nawait 3890\nldapsearch -x -LLL -H ldap://127.0.0.1:3890/ -s base -b '' namingContexts supportedLDAPVersion", says: "supportedLDAPVersion: 3",
		},
		{
			name: "haproxy", packages: "haproxy", config: cmd("haproxy", "-W", "-f", "/etc/haproxy/zoo.cfg"),
			files: map[string]string{"etc/haproxy/zoo.cfg": "global\n  chroot /var/lib/haproxy\n  user haproxy\n  group haproxy\ndefaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\n  errorfile 503 /etc/haproxy/errors/503.http\nfrontend f\n  bind 127.0.0.1:8080\n  http-request return status 200 content-type text/plain string proxied\n"},
			work:  "haproxy -W -f /etc/haproxy/zoo.cfg 2>/dev/null &\nawait 8080\nget 8080/", says: "proxied",
		},
		{
			name: "postgresql", clients: "/usr/lib/postgresql/15/bin/psql", packages: "postgresql-15", config: image.Config{Cmd: []string{"/usr/lib/postgresql/15/bin/postgres", "-D", "/var/lib/postgresql/15/main", "-c", "config_file=/etc/postgresql/15/main/postgresql.conf"}, User: "postgres"},
			work: "/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main -c config_file=/etc/postgresql/15/main/postgresql.conf 2>/dev/null &\nawait 5432\n/usr/lib/postgresql/15/bin/psql -h /var/run/postgresql -At -c \"select 'a row', 'straße' ~* 'STRASSE', to_tsvector('english', 'running dogs'), now() at time zone 'Europe/Berlin' is not null\"", says: "a row",
		},
		{
			name: "redis", clients: "/usr/bin/redis-cli", packages: "redis-server redis-tools", config: cmd("redis-server", "/etc/redis/redis.conf", "--daemonize", "no"),
			work: "redis-server /etc/redis/redis.conf --daemonize no >/dev/null 2>&1 &\nawait 6379\nredis-cli set a b; redis-cli eval 'return redis.call(\"get\", \"a\")' 0; redis-cli save", says: "OK",
		},
		{
			name: "dnsmasq", packages: "dnsmasq-base", config: cmd("dnsmasq", "-k", "-p", "5353"),
			work: "dnsmasq -k -p 5353 --address=/zoo.test/192.0.2.7 --user=root --no-resolv & bb sleep 1\nbb nslookup zoo.test 127.0.0.1:5353 2>&1 | bb grep 192.0.2.7", says: "192.0.2.7",
		},
		{
			name: "mariadb", clients: "/usr/bin/mariadb", packages: "mariadb-server", config: cmd("mariadbd", "--user=mysql", "--bind-address=127.0.0.1"),
			work: "bb mkdir -p /run/mysqld; bb chown mysql /run/mysqld; mariadbd --user=mysql --bind-address=127.0.0.1 >/dev/null 2>&1 &\nawait 3306\nmariadb --default-character-set=utf8mb4 -N -e \"create database z character set utf8mb4; use z; create table t(a varchar(9) collate utf8mb4_unicode_ci); insert into t values('GRÜN'),('rot'); select a from t where a = 'grün' collate utf8mb4_unicode_ci; select convert_tz('2000-01-01','+00:00','+02:00')\"", says: "GRÜN",
		},
		{
			name: "nginx", packages: "nginx libnginx-mod-http-xslt-filter libnginx-mod-http-geoip libnginx-mod-stream", config: cmd("nginx", "-g", "daemon off;"),
			files: map[string]string{"etc/nginx/conf.d/zoo.conf": "map $uri $word { include /etc/nginx/words.map; }\nserver {\n  listen 127.0.0.1:8080;\n  root /srv/www;\n  location = /word { return 200 $word; }\n  location / { ssi on; }\n  location /x { xml_entities /srv/x.dtd; xslt_stylesheet /srv/x.xsl; }\n}\n",
				"etc/nginx/words.map": "/word mapped;\n", "srv/www/index.html": "<p>page <!--#include virtual=\"/part.html\" --></p>\n", "srv/www/part.html": "with part", "srv/www/x.xml": "<a>transformed</a>\n",
				"srv/x.dtd": "<!ENTITY e 'x'>\n", "srv/x.xsl": "<xsl:stylesheet version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'><xsl:template match='/'><b><xsl:value-of select='a'/></b></xsl:template></xsl:stylesheet>\n"},
			work: "nginx -g 'daemon off;' 2>/dev/null &\nawait 8080\nget 8080/word; get 8080/; get 8080/x.xml", says: "mapped",
		},
		{
			name: "rsyslog", packages: "rsyslog", config: cmd("rsyslogd", "-n", "-f", "/etc/rsyslog-zoo.conf"),
			files: map[string]string{"etc/rsyslog-zoo.conf": "module(load=\"imtcp\")\nmodule(load=\"mmjsonparse\")\n$IncludeConfig /etc/rsyslog-zoo.d/*.conf\ninput(type=\"imtcp\" port=\"5140\" address=\"127.0.0.1\")\n", "etc/rsyslog-zoo.d/out.conf": "template(name=\"t\" type=\"string\" string=\"%msg:::uppercase%\\n\")\naction(type=\"omfile\" file=\"/tmp/log.out\" template=\"t\")\n"},
			work:  "rsyslogd -n -f /etc/rsyslog-zoo.conf -i /tmp/rsyslog.pid 2>/dev/null &\nawait 5140\n{ printf '<13>Jan  1 00:00:00 h app: a message\\n'; bb sleep 2; } | bb nc 127.0.0.1 5140\nthere /tmp/log.out; bb grep MESSAGE /tmp/log.out", says: "A MESSAGE",
		},
		{
			name: "bind", clients: "/usr/bin/dig", packages: "bind9 bind9-dnsutils", config: cmd("named", "-g", "-u", "bind", "-c", "/etc/bind/zoo.conf"),
			files: map[string]string{"etc/bind/zoo.conf": "options { directory \"/var/cache/bind\"; listen-on port 5300 { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none; recursion no; dnssec-validation no; };\ncontrols {};\nzone \"zoo.test\" { type master; file \"/etc/bind/zoo.zone\"; };\n",
				"etc/bind/zoo.zone": "$TTL 60\n@ IN SOA ns hostmaster 1 60 60 60 60\n IN NS ns\nns IN A 192.0.2.1\nwww IN A 192.0.2.9\n"},
			work: "named -g -u bind -c /etc/bind/zoo.conf 2>/dev/null &\nawait 5300\ndig +short @127.0.0.1 -p 5300 www.zoo.test", says: "192.0.2.9",
		},
		{
			name: "dovecot", packages: "dovecot-imapd", config: cmd("dovecot", "-F", "-c", "/etc/dovecot/zoo.conf"),
			setup: "useradd -m guest; mkdir -p /srv/mail/guest; chown -R guest /srv/mail",
			files: map[string]string{"etc/dovecot/zoo.conf": "protocols = imap\nlisten = 127.0.0.1\nssl = no\ndisable_plaintext_auth = no\nlog_path = /dev/null\nmail_location = maildir:/srv/mail/%u\nservice imap-login {\n  inet_listener imap {\n    port = 1430\n  }\n  chroot =\n}\nservice anvil {\n  chroot =\n}\npassdb {\n  driver = passwd-file\n  args = scheme=PLAIN /etc/dovecot/users\n}\nuserdb {\n  driver = passwd\n}\n", "etc/dovecot/users": "guest:secret\n"},
			work:  "dovecot -F -c /etc/dovecot/zoo.conf >/dev/null 2>&1 &\nawait 1430\n{ bb sleep 1; printf 'a login guest secret\\r\\n'; bb sleep 2; printf 'b create x\\r\\n'; bb sleep 1; printf 'c list \"\" *\\r\\n'; bb sleep 1; printf 'd logout\\r\\n'; bb sleep 1; } | bb nc 127.0.0.1 1430 | bb grep -o 'LIST.*x'", says: "LIST",
		},
		{
			name: "exim", packages: "exim4-daemon-light", config: cmd("exim4", "-bdf", "-q30m", "-oX", "2525"),
			work: "exim4 -bdf -q30m -oX 2525 >/dev/null 2>&1 &\nawait 2525\n{ bb sleep 1; printf 'EHLO x\\r\\n'; bb sleep 1; printf 'MAIL FROM:<root@localhost>\\r\\n'; bb sleep 1; printf 'RCPT TO:<root@localhost>\\r\\n'; bb sleep 1; printf 'DATA\\r\\n'; bb sleep 1; printf 'Subject: zoo\\r\\n\\r\\nhello\\r\\n.\\r\\n'; bb sleep 1; printf 'QUIT\\r\\n'; bb sleep 1; } | bb nc 127.0.0.1 2525 | bb cut -c1-3", says: "354",
		},
		{
			name: "stunnel", clients: "/usr/bin/openssl", packages: "stunnel4 openssl", config: cmd("stunnel4", "/etc/stunnel/zoo.conf"),
			setup: "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=zoo -days 3650 -keyout /etc/stunnel/zoo.pem -out /etc/stunnel/zoo.crt 2>/dev/null; cat /etc/stunnel/zoo.crt >>/etc/stunnel/zoo.pem",
			files: map[string]string{"etc/stunnel/zoo.conf": "foreground = yes\npid =\noutput = /dev/null\n[echo]\naccept = 127.0.0.1:8443\ncert = /etc/stunnel/zoo.pem\nexec = /opt/serve\nexecArgs = serve\n", "opt/serve": "#!/bin/sh\nread line\necho \"served $line\"\n"},
			work:  "stunnel4 /etc/stunnel/zoo.conf 2>/dev/null &\nawait 8443\n{ echo hello; bb sleep 2; } | openssl s_client -quiet -connect 127.0.0.1:8443 2>/dev/null", says: "served hello",
		},
		{
			name: "mosquitto", clients: "/usr/bin/mosquitto_pub /usr/bin/mosquitto_sub", packages: "mosquitto mosquitto-clients", config: cmd("mosquitto", "-c", "/etc/mosquitto/zoo.conf"),
			files: map[string]string{"etc/mosquitto/zoo.conf": "listener 1883 127.0.0.1\nallow_anonymous true\ninclude_dir /etc/mosquitto/zoo.d\nlog_dest none\n", "etc/mosquitto/zoo.d/a.conf": "retain_available true\n"},
			work:  "mosquitto -c /etc/mosquitto/zoo.conf 2>/dev/null &\nawait 1883\nmosquitto_pub -r -t a/b -m retained && mosquitto_sub -t a/b -C 1 -W 10", says: "retained",
		},
		{
			name: "freeradius", packages: "freeradius", config: cmd("freeradius", "-f", "-l", "stdout"),
			files: map[string]string{"etc/freeradius/3.0/mods-config/files/authorize": "guest Cleartext-Password := \"secret\"\n Reply-Message := \"hello guest\"\n"},
			work:  "freeradius -f -l /tmp/radius.log >/dev/null 2>&1 &\nfor i in $(bb seq 100); do bb grep -q Ready /tmp/radius.log 2>/dev/null && break; bb sleep 0.2; done; bb grep -o 'Ready to process requests' /tmp/radius.log", says: "Ready to process",
		},
		{
			name: "tomcat", packages: "tomcat10 default-jre-headless", config: image.Config{Cmd: []string{"/usr/share/tomcat10/bin/catalina.sh", "run"}, Env: []string{"CATALINA_BASE=/var/lib/tomcat10", "CATALINA_HOME=/usr/share/tomcat10"}},
			files: map[string]string{"var/lib/tomcat10/webapps/ROOT/page.jsp": "<%@ page contentType=\"text/plain\" %>jsp says <%= 6 * 7 %>\n"},
			work:  "export CATALINA_BASE=/var/lib/tomcat10 CATALINA_HOME=/usr/share/tomcat10; bb mkdir -p /tmp/t; CATALINA_TMPDIR=/tmp/t /usr/share/tomcat10/bin/catalina.sh run >/dev/null 2>&1 &\nawait 8080\nget 8080/page.jsp", says: "jsp says 42",
		},
		{
			name: "caddy", packages: "caddy", config: cmd("caddy", "run", "--config", "/etc/caddy/Zoo", "--adapter", "caddyfile"),
			files: map[string]string{"etc/caddy/Zoo": "{\n  admin off\n  auto_https off\n}\nhttp://127.0.0.1:8080 {\n  root * /srv/site\n  templates\n  file_server\n  import /etc/caddy/parts/*\n}\n", "etc/caddy/parts/one": "header X-Zoo yes\n", "srv/site/index.html": "{{include \"/part.html\"}} {{now.Year | le 2000}}\n", "srv/site/part.html": "a caddy page"},
			work:  "HOME=/tmp caddy run --config /etc/caddy/Zoo --adapter caddyfile >/dev/null 2>&1 &\nawait 8080\nget 8080/", says: "a caddy page",
		},
		{
			name: "collectd", packages: "collectd-core", config: cmd("collectd", "-f", "-C", "/etc/collectd/zoo.conf"),
			files: map[string]string{"etc/collectd/zoo.conf": "Hostname zoo\nInterval 1\nTypesDB \"/usr/share/collectd/types.db\"\nLoadPlugin load\nLoadPlugin csv\nLoadPlugin exec\n<Plugin csv>\n  DataDir \"/tmp/csv\"\n</Plugin>\n<Plugin exec>\n  Exec \"nobody\" \"/opt/probe\"\n</Plugin>\n", "opt/probe": "#!/bin/bash\nwhile :; do echo \"PUTVAL zoo/probe/gauge-x interval=1 N:42\"; sleep 1; done\n"},
			work:  "collectd -f -C /etc/collectd/zoo.conf >/dev/null 2>&1 &\nthere /tmp/csv/zoo/probe; there /tmp/csv/zoo/load; bb sleep 1; bb cat /tmp/csv/zoo/probe/* | bb head -n 2 | bb cut -d, -f2", says: "42",
		},
		{
			name: "rsyncd", packages: "rsync", config: cmd("rsync", "--daemon", "--no-detach", "--config=/etc/rsyncd-zoo.conf"),
			files: map[string]string{"etc/rsyncd-zoo.conf": "port = 8730\naddress = 127.0.0.1\npid file = /tmp/rsync.pid\nlog file = /dev/null\nuse chroot = no\n[files]\n  path = /srv/files\n  pre-xfer exec = /opt/before\n", "srv/files/a.txt": "synced\n", "opt/before": "#!/bin/sh\nid -un > /tmp/before\n"},
			work:  "rsync --daemon --no-detach --config=/etc/rsyncd-zoo.conf &\nawait 8730\nrsync -r rsync://127.0.0.1:8730/files/ /tmp/got && bb cat /tmp/got/a.txt /tmp/before", says: "synced",
		},
		{
			name: "proftpd", packages: "proftpd-core ftp", config: cmd("proftpd", "-n", "-c", "/etc/proftpd/zoo.conf"),
			files: map[string]string{"etc/proftpd/zoo.conf": "ServerType standalone\nPort 2121\nDefaultAddress 127.0.0.1\nUser nobody\nGroup nogroup\nModulePath /usr/lib/proftpd\nLoadModule mod_ctrls_admin.c\nUseIPv6 off\nUseReverseDNS off\n<Anonymous /srv/ftp>\n  User nobody\n  Group nogroup\n  UserAlias anonymous nobody\n  UseFtpUsers off\n  RequireValidShell off\n</Anonymous>\n", "srv/ftp/welcome.txt": "x\n"},
			work:  "proftpd -n -c /etc/proftpd/zoo.conf >/dev/null 2>&1 &\nawait 2121\n{ bb sleep 1; printf 'USER anonymous\\r\\n'; bb sleep 1; printf 'PASS x\\r\\n'; bb sleep 1; printf 'STAT welcome.txt\\r\\n'; bb sleep 1; printf 'QUIT\\r\\n'; bb sleep 1; } | bb nc 127.0.0.1 2121 | bb cut -c1-3", says: "230",
		},
	}
}
