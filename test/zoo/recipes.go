//go:build linux

package main

import "github.com/careen/careen/internal/image"

func cmd(argv ...string) image.Config { return image.Config{Cmd: argv} }

func entry(argv ...string) image.Config { return image.Config{Entrypoint: argv} }

// recipes are chosen to be unlike one another: each starts programs, finds files or
// writes in another way.
func recipes() []recipe {
	return []recipe{
		{
			name: "lua", packages: "lua5.4 lua-cjson lua-socket lua-filesystem", config: cmd("lua5.4", "/app/main.lua"),
			files: map[string]string{
				"app/main.lua":     "package.path = '/app/?.lua;' .. package.path\nlocal json = require 'cjson'\nlocal lfs = require 'lfs'\nlocal mine = require('lib.mine')\nprint(json.encode({mine.hello()}), lfs.attributes('/app', 'mode'), require('socket')._VERSION)\n",
				"app/lib/mine.lua": "return {hello = function() return 'hello from mine' end}\n",
			},
			work: "lua5.4 /app/main.lua", says: "hello from mine",
		},
		{
			name: "tcl", packages: "tcl tcllib", config: cmd("tclsh", "/app/main.tcl"),
			files: map[string]string{"app/main.tcl": "package require json\npackage require md5\nsource [file join [file dirname [info script]] part.tcl]\nputs [dict get [::json::json2dict {{\"a\":\"json works\"}}] a]\nputs [::md5::md5 -hex x]\nputs [part]\nputs [clock format 0 -gmt 1 -timezone :Europe/Berlin]\n",
				"app/part.tcl": "proc part {} { return {a part} }\n"},
			work: "tclsh /app/main.tcl", says: "json works",
		},
		{
			name: "ghostscript", packages: "ghostscript fonts-urw-base35", config: cmd("gs", "-q", "-dNOPAUSE", "-dBATCH", "-sDEVICE=txtwrite", "-sOutputFile=-", "/app/page.ps"),
			files: map[string]string{"app/page.ps": "%!PS\n/Helvetica findfont 20 scalefont setfont 72 700 moveto (a printed page) show showpage\n"},
			work:  "gs -q -dNOPAUSE -dBATCH -sDEVICE=txtwrite -sOutputFile=- /app/page.ps; gs -q -dNOPAUSE -dBATCH -sDEVICE=png16m -r30 -sOutputFile=/tmp/o.png /app/page.ps && bb md5sum </tmp/o.png", says: "a printed page",
		},
		{
			name: "supervisord", packages: "supervisor memcached", config: cmd("supervisord", "-n", "-c", "/etc/supervisor/supervisord.conf"),
			files: map[string]string{"etc/supervisor/conf.d/cache.conf": "[program:cache]\ncommand=/usr/bin/memcached -u memcache -l 127.0.0.1\n"},
			work:  "supervisord -n -c /etc/supervisor/supervisord.conf >/dev/null 2>&1 &\nawait 11211\nprintf 'set a 0 0 1\\r\\nb\\r\\nget a\\r\\nquit\\r\\n' | bb nc 127.0.0.1 11211", says: "VALUE a",
		},
		{
			name: "runit", packages: "runit memcached", config: cmd("runsvdir", "/etc/services"),
			files: map[string]string{"etc/services/cache/run": "#!/bin/sh\nexec 2>&1\nexec chpst -u memcache memcached -l 127.0.0.1\n"},
			work:  "runsvdir /etc/services >/dev/null 2>&1 &\nawait 11211\nprintf 'version\\r\\nquit\\r\\n' | bb nc 127.0.0.1 11211", says: "VERSION",
		},
		{
			name: "s6", packages: "s6 execline memcached", config: entry("s6-svscan", "/etc/s6"),
			files: map[string]string{"etc/s6/cache/run": "#!/usr/bin/execlineb -P\nfdmove -c 2 1\ns6-setuidgid memcache\nmemcached -l 127.0.0.1\n"},
			work:  "s6-svscan /etc/s6 >/dev/null 2>&1 &\nawait 11211\nprintf 'version\\r\\nquit\\r\\n' | bb nc 127.0.0.1 11211", says: "VERSION",
		},
		{
			name: "run-parts", packages: "sqlite3", config: cmd("run-parts", "/etc/jobs"),
			files: map[string]string{"etc/jobs/report": "#!/bin/sh\nsqlite3 /tmp/r.db \"create table if not exists t(a); insert into t values('a daily report'); select a from t;\" | sed s/daily/DAILY/\n"},
			work:  "run-parts /etc/jobs", says: "a DAILY report",
		},
		{
			name: "sshd", packages: "openssh-server", config: cmd("/usr/sbin/sshd", "-D", "-e", "-p", "2222"),
			setup: "mkdir -p /run/sshd; useradd -m -s /bin/sh guest; mkdir -m 700 /home/guest/.ssh; ssh-keygen -q -t ed25519 -N '' -f /etc/guestkey; cp /etc/guestkey.pub /home/guest/.ssh/authorized_keys; chown -R guest /home/guest; passwd -d guest",
			work:  "/usr/sbin/sshd -D -e -p 2222 2>/dev/null &\nawait 2222\nssh -i /etc/guestkey -p 2222 -o StrictHostKeyChecking=no -o LogLevel=ERROR guest@127.0.0.1 'echo logged in as $(id -un)'", says: "logged in as guest",
		},
		{
			name: "slapd", packages: "slapd ldap-utils", config: cmd("slapd", "-h", "ldap://127.0.0.1:3890/", "-u", "openldap", "-g", "openldap", "-d", "0"),
			work: "slapd -h ldap://127.0.0.1:3890/ -u openldap -g openldap -d 0 2>/dev/null &\nawait 3890\nldapsearch -x -LLL -H ldap://127.0.0.1:3890/ -s base -b '' namingContexts supportedLDAPVersion", says: "supportedLDAPVersion: 3",
		},
		{
			name: "php-fpm", packages: "php-fpm php-sqlite3 php-mbstring libfcgi-bin", config: cmd("php-fpm8.2", "-F"),
			files: map[string]string{"srv/www/index.php": "<?php require __DIR__ . '/lib/hello.php'; $db = new PDO('sqlite::memory:'); echo hello(mb_strtoupper('grüße')), $db->query('select sqlite_version() > 3')->fetchColumn(), \"\\n\";\n",
				"srv/www/lib/hello.php":              "<?php function hello($x) { return \"hello $x \"; }\n",
				"etc/php/8.2/fpm/pool.d/zz-zoo.conf": "[www]\nlisten = 127.0.0.1:9000\n"},
			work: "php-fpm8.2 -F 2>/dev/null &\nawait 9000\nSCRIPT_FILENAME=/srv/www/index.php REQUEST_METHOD=GET cgi-fcgi -bind -connect 127.0.0.1:9000", says: "hello GRÜSSE",
		},
		{
			name: "apache-cgi", packages: "apache2 libcgi-pm-perl", config: cmd("apachectl", "-D", "FOREGROUND"),
			setup: "a2enmod -q cgi rewrite; a2dismod -q -f autoindex",
			files: map[string]string{"usr/lib/cgi-bin/hello": "#!/usr/bin/perl\nuse CGI; use POSIX; my $q = CGI->new; print $q->header('text/plain'), 'hello ', $q->param('who'), \"\\n\";\n"},
			work:  "apachectl -D FOREGROUND >/dev/null 2>&1 &\nawait 80\nget '80/cgi-bin/hello?who=cgi'", says: "hello cgi",
		},
		{
			name: "postfix", packages: "postfix", config: cmd("postfix", "start-fg"),
			setup: "postconf -e maillog_file=/dev/null inet_interfaces=127.0.0.1 mydestination=localhost; newaliases",
			work:  "postfix start-fg >/dev/null 2>&1 &\nawait 25\n{ bb sleep 1; printf 'HELO x\\r\\n'; bb sleep 1; printf 'MAIL FROM:<a@localhost>\\r\\n'; bb sleep 1; printf 'RCPT TO:<root@localhost>\\r\\n'; bb sleep 1; printf 'DATA\\r\\n'; bb sleep 1; printf 'Subject: zoo\\r\\n\\r\\nhello\\r\\n.\\r\\n'; bb sleep 1; printf 'QUIT\\r\\n'; bb sleep 1; } | bb nc 127.0.0.1 25 | bb cut -c1-4\nthere /var/mail/root && bb grep Subject /var/mail/root", says: "Subject: zoo",
		},
		{
			name: "puma", packages: "puma ruby-rack", config: image.Config{Cmd: []string{"puma", "-b", "tcp://127.0.0.1:9292", "config.ru"}, WorkingDir: "/srv/app"},
			files: map[string]string{"srv/app/config.ru": "require_relative 'lib/app'\nrun App.new\n", "srv/app/lib/app.rb": "require 'json'\nclass App\n  def call(env)\n    [200, {'content-type' => 'application/json'}, [JSON.generate(File.read(File.join(__dir__, '..', 'views', 'hello.txt')))]]\n  end\nend\n", "srv/app/views/hello.txt": "a view"},
			work:  "cd /srv/app; puma -b tcp://127.0.0.1:9292 config.ru >/dev/null 2>&1 &\nawait 9292\nget 9292/", says: "a view",
		},
		{
			name: "haproxy", packages: "haproxy", config: cmd("haproxy", "-W", "-f", "/etc/haproxy/zoo.cfg"),
			files: map[string]string{"etc/haproxy/zoo.cfg": "global\n  chroot /var/lib/haproxy\n  user haproxy\n  group haproxy\ndefaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\n  errorfile 503 /etc/haproxy/errors/503.http\nfrontend f\n  bind 127.0.0.1:8080\n  http-request return status 200 content-type text/plain string proxied\n"},
			work:  "haproxy -W -f /etc/haproxy/zoo.cfg 2>/dev/null &\nawait 8080\nget 8080/", says: "proxied",
		},
		{
			name: "postgresql", packages: "postgresql-15", config: image.Config{Cmd: []string{"/usr/lib/postgresql/15/bin/postgres", "-D", "/var/lib/postgresql/15/main", "-c", "config_file=/etc/postgresql/15/main/postgresql.conf"}, User: "postgres"},
			work: "/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main -c config_file=/etc/postgresql/15/main/postgresql.conf 2>/dev/null &\nawait 5432\npsql -At -c \"select 'a row', 'straße' ~* 'STRASSE', to_tsvector('english', 'running dogs'), now() at time zone 'Europe/Berlin' is not null\"", says: "a row",
		},
		{
			name: "git-hooks", packages: "git", config: image.Config{Cmd: []string{"git", "daemon", "--base-path=/srv/git", "--export-all", "--enable=receive-pack"}},
			setup: "git init -q --bare /srv/git/r.git; printf '#!/bin/sh\\nsed s/^/hook:/ >/tmp/hook.out\\n' >/srv/git/r.git/hooks/post-receive; chmod +x /srv/git/r.git/hooks/post-receive; chown -R root /srv/git",
			work:  "export HOME=/tmp GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE='1 +0000' GIT_COMMITTER_DATE='1 +0000'\ngit daemon --reuseaddr --base-path=/srv/git --export-all --enable=receive-pack 2>/dev/null &\nawait 9418\ncd /tmp; git clone -q git://127.0.0.1/r.git c 2>/dev/null; cd c; echo x >f; git add f; git commit -qm m; git push -q origin HEAD 2>/dev/null; git rev-parse HEAD; there /tmp/hook.out; bb cut -c1-5 /tmp/hook.out", says: "hook:",
		},
		{
			name: "imagemagick", packages: "imagemagick", config: cmd("convert", "-size", "10x10", "xc:red", "/tmp/o.jpg"),
			work: "convert -size 20x10 gradient:red-blue /tmp/o.png && convert /tmp/o.png -resize 50% /tmp/o.jpg && identify -format '%m %w %h\\n' /tmp/o.png /tmp/o.jpg; convert /tmp/o.png -depth 8 rgb:- | bb md5sum", says: "JPEG 10 5",
		},
		{
			name: "redis", packages: "redis-server redis-tools", config: cmd("redis-server", "/etc/redis/redis.conf", "--daemonize", "no"),
			work: "redis-server /etc/redis/redis.conf --daemonize no >/dev/null 2>&1 &\nawait 6379\nredis-cli set a b; redis-cli eval 'return redis.call(\"get\", \"a\")' 0; redis-cli save", says: "OK",
		},
		{
			name: "dnsmasq", packages: "dnsmasq-base", config: cmd("dnsmasq", "-k", "-p", "5353"),
			work: "dnsmasq -k -p 5353 --address=/zoo.test/192.0.2.7 --user=root --no-resolv & bb sleep 1\nbb nslookup zoo.test 127.0.0.1:5353 2>&1 | bb grep 192.0.2.7", says: "192.0.2.7",
		},
		{
			name: "perl-mojo", packages: "libmojolicious-perl", config: cmd("perl", "/app/web.pl", "daemon", "-l", "http://127.0.0.1:3000"),
			files: map[string]string{"app/web.pl": "use FindBin; use lib \"$FindBin::Bin/lib\"; use Mojolicious::Lite -signatures; use Mine;\nget '/' => sub ($c) { $c->render(template => 'index', who => Mine::who()) };\napp->start;\n__DATA__\n@@ index.html.ep\n<p>hello <%= $who %></p>\n", "app/lib/Mine.pm": "package Mine; sub who { 'mojo' } 1;\n"},
			work:  "perl /app/web.pl daemon -l http://127.0.0.1:3000 >/dev/null 2>&1 &\nawait 3000\nget 3000/", says: "hello mojo",
		},
		{
			name: "django", packages: "python3-django gunicorn", config: image.Config{Cmd: []string{"gunicorn", "-b", "127.0.0.1:8000", "site1.wsgi"}, WorkingDir: "/srv/site"},
			setup: "mkdir -p /srv/site; cd /srv/site; django-admin startproject site1 .; mkdir -p templates; echo '<p>{{ x|upper }} {% now \"Y\" %}</p>' >templates/i.html; sed -i \"s/'DIRS': \\[\\]/'DIRS': [BASE_DIR \\/ 'templates']/;s/ALLOWED_HOSTS = \\[\\]/ALLOWED_HOSTS = ['*']/\" site1/settings.py; printf 'from django.urls import path\\nfrom django.shortcuts import render\\nurlpatterns = [path(\"\", lambda r: render(r, \"i.html\", {\"x\": \"django\"}))]\\n' >site1/urls.py",
			work:  "cd /srv/site; gunicorn -b 127.0.0.1:8000 site1.wsgi 2>/dev/null &\nawait 8000\nget 8000/", says: "DJANGO",
		},
		{
			name: "ansible", packages: "ansible-core", config: cmd("ansible-playbook", "-i", "localhost,", "-c", "local", "/app/play.yml"),
			files: map[string]string{"app/play.yml": "- hosts: all\n  gather_facts: true\n  tasks:\n    - copy: {content: 'made by {{ ansible_os_family }}', dest: /tmp/made}\n    - command: cat /tmp/made\n      register: r\n    - debug: {var: r.stdout}\n"},
			work:  "HOME=/tmp LC_ALL=C.UTF-8 ansible-playbook -i localhost, -c local /app/play.yml | bb grep made", says: "made by Debian",
		},
	}
}
