//go:build linux

package main

import "github.com/careen/careen/internal/image"

// starters are programs that start others, as files, tables and folders say.
func starters() []recipe {
	return []recipe{
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
			name: "apache-cgi", packages: "apache2 libcgi-pm-perl", config: cmd("apachectl", "-D", "FOREGROUND"),
			setup: "a2enmod -q cgi rewrite; a2dismod -q -f autoindex",
			files: map[string]string{"usr/lib/cgi-bin/hello": "#!/usr/bin/perl\nuse CGI; use POSIX; my $q = CGI->new; print $q->header('text/plain'), 'hello ', $q->param('who'), \"\\n\";\n"},
			work:  "apachectl -D FOREGROUND >/dev/null 2>&1 &\nawait 80\nget '80/cgi-bin/hello?who=cgi'", says: "hello cgi",
		},
		{
			name: "postfix", packages: "postfix", config: cmd("postfix", "start-fg"),
			setup: "postconf -e maillog_file=/dev/stdout inet_interfaces=127.0.0.1 mydestination=localhost; newaliases",
			work:  "postfix start-fg >/dev/null 2>&1 &\nawait 25\n{ bb sleep 1; printf 'HELO x\\r\\n'; bb sleep 1; printf 'MAIL FROM:<a@localhost>\\r\\n'; bb sleep 1; printf 'RCPT TO:<root@localhost>\\r\\n'; bb sleep 1; printf 'DATA\\r\\n'; bb sleep 1; printf 'Subject: zoo\\r\\n\\r\\nhello\\r\\n.\\r\\n'; bb sleep 1; printf 'QUIT\\r\\n'; bb sleep 1; } | bb nc 127.0.0.1 25 | bb cut -c1-4\nthere /var/mail/root && bb grep Subject /var/mail/root", says: "Subject: zoo",
		},
		{
			name: "git-hooks", packages: "git", config: image.Config{Cmd: []string{"git", "daemon", "--base-path=/srv/git", "--export-all", "--enable=receive-pack"}},
			setup: "git init -q --bare /srv/git/r.git; printf '#!/bin/sh\\nsed s/^/hook:/ >/tmp/hook.out\\n' >/srv/git/r.git/hooks/post-receive; chmod +x /srv/git/r.git/hooks/post-receive; chown -R root /srv/git",
			work:  "export HOME=/tmp GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE=2000-01-01T00:00:00Z GIT_COMMITTER_DATE=2000-01-01T00:00:00Z\ngit daemon --reuseaddr --base-path=/srv/git --export-all --enable=receive-pack 2>/dev/null &\nawait 9418\ncd /tmp; git clone -q git://127.0.0.1/r.git c 2>/dev/null; cd c; echo x >f; git add f; git commit -qm m; git push -q origin HEAD 2>/dev/null; git rev-parse HEAD; there /tmp/hook.out; bb cut -c1-5 /tmp/hook.out", says: "hook:",
		},
		{
			name: "sshd", clients: "/usr/bin/ssh", packages: "openssh-server", config: cmd("/usr/sbin/sshd", "-D", "-e", "-p", "2222"),
			setup: "mkdir -p /run/sshd; useradd -m -s /bin/sh guest; mkdir -m 700 /home/guest/.ssh; mkdir -p /zoo; ssh-keygen -q -t ed25519 -N '' -f /zoo/guestkey; cp /zoo/guestkey.pub /home/guest/.ssh/authorized_keys; chown -R guest /home/guest; passwd -d guest",
			work:  "/usr/sbin/sshd -D -e -p 2222 2>/dev/null &\nawait 2222\nssh -i /zoo/guestkey -p 2222 -o StrictHostKeyChecking=no -o LogLevel=ERROR guest@127.0.0.1 'echo logged in as $(id -un)'", says: "logged in as guest",
		},
		{
			name: "daemontools", packages: "daemontools redis-server", config: cmd("svscan", "/srv/service"),
			files: map[string]string{"srv/service/redis/run": "#!/bin/sh\nexec setuidgid redis redis-server --port 6379 --dir /tmp\n",
				"srv/service/redis/log/run": "#!/bin/sh\nexec multilog t /tmp/log\n"},
			setup: "mkdir -p /srv/service",
			work:  "bb mkdir -m 777 /tmp/log; svscan /srv/service >/dev/null 2>&1 &\nawait 6379\nprintf 'PING\\r\\nQUIT\\r\\n' | bb nc 127.0.0.1 6379", says: "PONG",
		},
		{
			name: "init-script", packages: "memcached procps", config: entry("/app/start.sh"),
			files: map[string]string{"app/start.sh": "#!/bin/bash\nset -e\nservice memcached start\nexec tail -F /var/log/app.log\n", "var/log/app.log": "",
				"etc/memcached.conf": "-d\nlogfile /var/log/memcached.log\n-m 64\n-p 11211\n-u memcache\n-l 127.0.0.1\n-P /run/memcached/memcached.pid\n"},
			work: "/app/start.sh >/dev/null 2>&1 &\nawait 11211\nprintf 'version\\r\\nquit\\r\\n' | bb nc 127.0.0.1 11211", says: "VERSION",
		},
		{
			name: "cron", packages: "cron sqlite3", config: cmd("cron", "-f"),
			files: map[string]string{"etc/cron.d/boot": "SHELL=/bin/bash\nPATH=/opt/jobs:/usr/bin:/bin\n@reboot root nightly --full > /tmp/cron.out 2>&1\n",
				"opt/jobs/nightly": "#!/bin/bash\nsource /opt/jobs/lib/common\nreport \"select 'from a job'\"\n", "opt/jobs/lib/common": "report() { sqlite3 :memory: \"$1\"; }\n"},
			work: "cron -f >/dev/null 2>&1 &\nthere /tmp/cron.out; for i in 1 2 3 4 5 6 7 8 9; do [ -s /tmp/cron.out ] || bb sleep 1; done; bb cat /tmp/cron.out", says: "from a job",
		},
		{
			name: "anacron", packages: "anacron bc", config: cmd("anacron", "-d", "-n", "-s"),
			files: map[string]string{"etc/anacrontab": "SHELL=/bin/sh\nPATH=/usr/bin:/bin\nLOGNAME=root\n1 0 sums run-parts /etc/jobs.d > /tmp/anacron.out\n", "etc/jobs.d/sum": "#!/bin/sh\necho 6*7 | bc\n"},
			work:  "anacron -d -n -s >/dev/null 2>&1; bb cat /tmp/anacron.out", says: "42",
		},
		{
			name: "inetd", packages: "openbsd-inetd tcpd", config: cmd("inetd", "-i"),
			files: map[string]string{"etc/inetd.conf": "7007 stream tcp nowait nobody /usr/sbin/tcpd /opt/greet hello\n", "opt/greet": "#!/bin/sh\nread who\necho \"$1 $who\" | tr a-z A-Z\n"},
			work:  "inetd -i >/dev/null 2>&1 &\nawait 7007\n{ echo inetd; bb sleep 1; } | bb nc 127.0.0.1 7007", says: "INETD",
		},
		{
			name: "xinetd", packages: "xinetd perl", config: cmd("xinetd", "-dontfork"),
			setup: "rm -f /etc/xinetd.d/*",
			files: map[string]string{"etc/xinetd.d/answer": "service answer\n{\n type = UNLISTED\n port = 7010\n socket_type = stream\n wait = no\n user = nobody\n server = /usr/bin/perl\n server_args = /opt/answer.pl --loud\n}\n", "opt/answer.pl": "use FindBin; require \"$FindBin::Bin/words.pl\"; use List::Util qw(sum); $| = 1; print words(), ' ', sum(40, 2), \"\\n\";\n", "opt/words.pl": "sub words { 'perl says' } 1;\n"},
			work:  "xinetd -dontfork >&2 &\nawait 7010\n{ bb sleep 1; } | bb nc 127.0.0.1 7010", says: "perl says 42",
		},
		{
			name: "gosu", packages: "gosu tini memcached", config: image.Config{Entrypoint: []string{"tini", "--", "/entrypoint.sh"}, Cmd: []string{"memcached"}, Env: []string{"APP_USER=memcache", "APP=memcached -l 127.0.0.1"}},
			files: map[string]string{"entrypoint.sh": "#!/bin/sh\nset -eu\nfor f in /entrypoint.d/*; do\n  case \"$f\" in\n    *.sh) . \"$f\" ;;\n    *.d) ;;\n    *) [ -x \"$f\" ] && \"$f\" ;;\n  esac\ndone\nif [ \"$1\" = memcached ]; then\n  exec gosu \"$APP_USER\" sh -c \"exec $APP\"\nfi\nexec \"$@\"\n",
				"entrypoint.d/10-env.sh": "export STARTED=$(awk 'BEGIN { print 6 * 7 }')\necho \"$STARTED\" >/tmp/started\n", "entrypoint.d/20-run": "#!/usr/bin/perl\nopen my $f, '>>', '/tmp/started'; print $f \"from perl\\n\";\n"},
			work: "APP_USER=memcache APP='memcached -l 127.0.0.1' tini -- /entrypoint.sh memcached >/dev/null 2>&1 &\nawait 11211\nbb cat /tmp/started; printf 'version\\r\\nquit\\r\\n' | bb nc 127.0.0.1 11211", says: "from perl",
		},
		{
			name: "foreman", packages: "ruby-foreman redis-server python3-redis", config: image.Config{Cmd: []string{"foreman", "start"}, WorkingDir: "/srv/app"},
			files: map[string]string{"srv/app/Procfile": "cache: redis-server --port $CACHE_PORT --dir /tmp\nworker: python3 worker.py\n", "srv/app/.env": "CACHE_PORT=6400\n",
				"srv/app/worker.py": "import os, time\nfrom redis import Redis\nr = Redis(port=int(os.environ['CACHE_PORT']))\nwhile True:\n    try:\n        r.set('k', 'from a worker'); break\n    except Exception:\n        time.sleep(0.2)\ntime.sleep(60)\n"},
			work: "cd /srv/app; foreman start >/dev/null 2>&1 &\nawait 6400\nfor i in $(bb seq 30); do bb sleep 1; printf 'GET k\\r\\nQUIT\\r\\n' | bb nc 127.0.0.1 6400 >/tmp/k; bb grep worker /tmp/k && break; done", says: "from a worker",
		},
		{
			name: "make", packages: "make python3-minimal gawk", config: image.Config{Cmd: []string{"make", "-s", "report"}, WorkingDir: "/srv/build"},
			files: map[string]string{"srv/build/Makefile": "include rules/*.mk\nOUT := /tmp/out.txt\nreport: $(OUT)\n\t@gawk -f lib/sum.awk $(OUT)\n$(OUT): data.csv\n\t@python3 -c 'import sys; sys.stdout.write(open(\"data.csv\").read())' >$@\n",
				"srv/build/rules/one.mk": "SHELL := /bin/bash\n", "srv/build/data.csv": "1\n2\n39\n", "srv/build/lib/sum.awk": "{ s += $1 } END { print \"sum \" s }\n"},
			work: "cd /srv/build; make -s report", says: "sum 42",
		},
		{
			name: "socat", packages: "socat jq", config: cmd("socat", "TCP-LISTEN:7000,reuseaddr,fork", "EXEC:/opt/answer --name x"),
			files: map[string]string{"opt/answer": "#!/bin/sh\njq -c .a\n"},
			work:  "socat TCP-LISTEN:7000,reuseaddr,fork 'EXEC:/opt/answer --name x' &\nawait 7000\n{ echo '{\"a\":{\"b\":\"answered\"}}'; bb sleep 1; } | bb nc 127.0.0.1 7000", says: "answered",
		},
		{
			name: "monit", packages: "monit memcached", config: cmd("monit", "-I", "-c", "/etc/monit/zoo.rc"),
			setup: "touch /etc/monit/zoo.rc; chmod 600 /etc/monit/zoo.rc",
			files: map[string]string{"opt/check": "#!/bin/sh\nprintf checked >/tmp/checked\nexec perl -e 'exit 0'\n"},
			made:  "mkdir -p etc/monit; printf 'set daemon 1\\ncheck process cache matching \"memcached\"\\n  start program = \"/usr/bin/memcached -d -u memcache -l 127.0.0.1\"\\ncheck program mine with path \"/opt/check\"\\n  if status != 0 then alert\\n' >etc/monit/zoo.rc; chmod 600 etc/monit/zoo.rc",
			work:  "monit -I -c /etc/monit/zoo.rc >&2 &\nawait 11211\nthere /tmp/checked; bb cat /tmp/checked", says: "checked",
		},
		{
			name: "logrotate", packages: "logrotate gzip", config: cmd("logrotate", "-f", "-s", "/tmp/state", "/etc/logrotate.d/zoo"),
			files: map[string]string{"etc/logrotate.d/zoo": "/var/log/zoo.log {\n  rotate 2\n  compress\n  postrotate\n    sed s/line/LINE/ /var/log/zoo.log.1 > /tmp/rotated\n  endscript\n}\n", "var/log/zoo.log": "a line\n"},
			work:  "logrotate -f -s /tmp/state /etc/logrotate.d/zoo; bb cat /tmp/rotated; bb zcat /var/log/zoo.log.1.gz", says: "a LINE",
		},
		{
			name: "find-exec", packages: "file xxd moreutils", config: cmd("/app/batch.sh"),
			files: map[string]string{"app/batch.sh": "#!/usr/bin/env bash\nset -euo pipefail\ncd \"$(dirname \"$(readlink -f \"${BASH_SOURCE[0]}\")\")\"\nfind data -type f -print0 | sort -z | xargs -0 -n1 file --brief --mime-type\nfind data -name '*.txt' -exec sh -c 'xxd -p \"$1\" | sponge /tmp/hex' _ {} \\;\ntool=./lib/step-\"${STEP:-one}\"\n\"$tool\" </tmp/hex\n",
				"app/lib/step-one": "#!/bin/sh\nrev | cut -c1-8\n", "app/data/a.txt": "text\n", "app/data/b.sh": "#!/bin/sh\n"},
			work: "/app/batch.sh", says: "text/x-shellscript",
		},
		{
			name: "sftp", clients: "/usr/bin/sftp /usr/bin/ssh", packages: "openssh-server openssh-sftp-server", config: cmd("/usr/sbin/sshd", "-D", "-e", "-p", "2222"),
			setup: "mkdir -p /run/sshd; useradd -m -s /bin/bash guest; mkdir -m 700 /home/guest/.ssh; mkdir -p /zoo; ssh-keygen -q -t ed25519 -N '' -f /zoo/guestkey; cp /zoo/guestkey.pub /home/guest/.ssh/allowed; chown -R guest /home/guest; passwd -d guest",
			files: map[string]string{"etc/ssh/sshd_config.d/zoo.conf": "AuthorizedKeysCommand /opt/keys %u\nAuthorizedKeysCommandUser nobody\n"},
			made:  "mkdir -p opt; printf '#!/bin/sh\\nexec sed -n p /opt/keyring/%%s\\n' | sed 's/%s/\"$1\"/' >opt/keys; chmod 755 opt/keys opt",
			work:  "bb mkdir -p /opt/keyring; bb cp /home/guest/.ssh/allowed /opt/keyring/guest; /usr/sbin/sshd -D -e -p 2222 2>/dev/null &\nawait 2222\nprintf 'ls -1 /usr/share\\n' | sftp -b - -i /zoo/guestkey -P 2222 -o StrictHostKeyChecking=no -o LogLevel=ERROR guest@127.0.0.1 | bb grep zoneinfo", says: "zoneinfo",
		},
		{
			name: "fcgiwrap-git", packages: "nginx-light fcgiwrap git", config: cmd("/app/start"),
			setup: "git init -q --bare /srv/git/r.git; git -C /srv/git/r.git config http.uploadpack true; touch /srv/git/r.git/git-daemon-export-ok; chown -R root /srv/git; git config --system safe.directory '*'",
			files: map[string]string{"app/start": "#!/bin/sh\nfcgiwrap -s unix:/tmp/fcgi.sock &\nuntil [ -S /tmp/fcgi.sock ]; do sleep 0.1; done\nchmod 777 /tmp/fcgi.sock\nexec nginx -g 'daemon off;' -c /etc/nginx/zoo.conf\n",
				"etc/nginx/zoo.conf": "user root;\nevents {}\nerror_log /dev/null;\nhttp {\n  access_log off;\n  server {\n    listen 127.0.0.1:8080;\n    location ~ ^/git(/.*) {\n      include fastcgi_params;\n      fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;\n      fastcgi_param GIT_PROJECT_ROOT /srv/git;\n      fastcgi_param PATH_INFO $1;\n      fastcgi_pass unix:/tmp/fcgi.sock;\n    }\n  }\n}\n"},
			work: "/app/start >/dev/null 2>&1 &\nawait 8080\nget '8080/git/r.git/info/refs?service=git-upload-pack' | bb tr '\\0' ' ' | bb cut -c1-70", says: "service=git-upload-pack",
		},
		{
			name: "lighttpd-cgi", packages: "lighttpd ruby", config: cmd("lighttpd", "-D", "-f", "/etc/lighttpd/zoo.conf"),
			files: map[string]string{"etc/lighttpd/zoo.conf": "server.modules = ( \"mod_cgi\", \"mod_indexfile\" )\nserver.document-root = \"/srv/www\"\nserver.port = 8080\nserver.bind = \"127.0.0.1\"\ncgi.assign = ( \".rb\" => \"/usr/bin/ruby\", \".cgi\" => \"\" )\nindex-file.names = ( \"index.rb\" )\nstatic-file.exclude-extensions = ( \".rb\" )\n",
				"srv/www/index.rb": "require 'erb'\nrequire 'open3'\nout, _ = Open3.capture2('sort', '-r', stdin_data: \"a\\nb\\n\")\nputs \"Content-Type: text/plain\\n\\n\" + ERB.new(File.read(File.join(__dir__, 'page.erb'))).result(binding)\n",
				"srv/www/page.erb": "page of <%= out.split.join %>\n", "srv/www/x.cgi": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'; seq 3 | paste -sd+\n"},
			work: "lighttpd -D -f /etc/lighttpd/zoo.conf >/dev/null 2>&1 &\nawait 8080\nget 8080/index.rb; get 8080/x.cgi", says: "page of ba",
		},
		{
			name: "busybox-httpd", packages: "busybox-static", config: cmd("busybox", "httpd", "-f", "-p", "127.0.0.1:8080", "-h", "/www"),
			files: map[string]string{"www/index.html": "<p>hello</p>\n", "www/cgi-bin/time": "#!/bin/busybox sh\nprintf 'Content-Type: text/plain\\n\\n'\nTZ=Europe/Berlin busybox date -d @0 +%H:%M | tee /tmp/seen\n"},
			work:  "busybox httpd -f -p 127.0.0.1:8080 -h /www &\nawait 8080\nget 8080/; get 8080/cgi-bin/time", says: "hello",
		},
		{
			name: "expect", packages: "expect bc", config: cmd("/app/talk"),
			files: map[string]string{"app/talk": "#!/usr/bin/expect -f\nset timeout 20\nlog_user 0\nsource [file join [file dirname [file normalize $argv0]] lib helper.tcl]\nspawn bc -q\nsend \"6*7\\r\"\nexpect -re {42}\nputs [done]\n", "app/lib/helper.tcl": "proc done {} { return {the answer came} }\n"},
			work:  "/app/talk", says: "the answer came",
		},
		{
			name: "varnish", packages: "varnish", config: cmd("varnishd", "-F", "-a", "127.0.0.1:6081", "-f", "/etc/varnish/zoo.vcl", "-n", "/tmp/v", "-j", "none", "-T", "none"),
			files: map[string]string{"etc/varnish/zoo.vcl": "vcl 4.1;\nimport std;\ninclude \"lib.vcl\";\nbackend default none;\nsub vcl_recv { return (synth(200, std.toupper(\"synthesized\"))); }\n", "etc/varnish/lib.vcl": "sub vcl_synth { set resp.body = resp.reason; return (deliver); }\n"},
			work:  "varnishd -F -a 127.0.0.1:6081 -f /etc/varnish/zoo.vcl -n /tmp/v -j none -T none >&2 &\nawait 6081\nget 6081/", says: "SYNTHESIZED",
		},
	}
}
