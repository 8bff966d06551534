package readers

import (
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// meant are images in which a program names what it reads or starts. "keeps"
// lists what must not be called not reached, "leaves" what nothing names. Files
// without a text are programs.
var meant = []string{
	// Paths in the sources of every language.
	"cmd: python3 /srv/a.py\nkeeps: etc/app/x.yaml usr/share/appd/d.json\nleaves: etc/other/y\n-- srv/a.py --\nopen('/etc/app/x.yaml')\nwith open(\"/usr/share/appd/d.json\") as f: pass\n-- etc/app/x.yaml --\n-- usr/share/appd/d.json --\n-- etc/other/y --\n",
	"cmd: python3 /srv/a.py\nkeeps: etc/app/x.yaml\n-- srv/a.py --\nimport os\nopen(os.path.join('/etc', 'app', 'x.yaml'))\n-- etc/app/x.yaml --\n",
	"cmd: python3 /srv/a.py\nkeeps: etc/app/x.yaml\n-- srv/a.py --\nfrom pathlib import Path\n(Path('/etc') / 'app' / 'x.yaml').read_text()\n-- etc/app/x.yaml --\n",
	"cmd: python3 /opt/b/a.py\nkeeps: opt/b/data/x.csv\n-- opt/b/a.py --\nimport os\nopen(os.path.join(os.path.dirname(__file__), 'data', 'x.csv'))\n-- opt/b/data/x.csv --\n",
	"cmd: python3 /usr/local/bin/a\nkeeps: etc/app/prod.yaml etc/app/test.yaml\nleaves: etc/x.conf\n-- usr/local/bin/a --\n#!/usr/bin/python3\nopen('/etc/app/%s.yaml' % mode)\n-- etc/app/prod.yaml --\n-- etc/app/test.yaml --\n-- etc/x.conf --\n",
	"cmd: python3 /usr/local/bin/a\nkeeps: etc/app-prod.yaml\nleaves: etc/other.yaml\n-- usr/local/bin/a --\n#!/usr/bin/python3\nopen(f'/etc/app-{mode}.yaml')\n-- etc/app-prod.yaml --\n-- etc/other.yaml --\n",
	"cmd: python3 a.py\nworkdir: /srv\nkeeps: srv/app.conf\n-- srv/a.py --\nopen('app.conf')\n-- srv/app.conf --\n",
	"cmd: prog\nworkdir: /srv\nkeeps: srv/app.conf srv/sub/x\n-- bin/prog --\n-- srv/app.conf --\n-- srv/sub/x --\n",
	"cmd: python3 /a.py\nkeeps: app.conf\n-- a.py --\nopen('app.conf')\n-- app.conf --\n",
	"cmd: ruby /srv/a.rb\nkeeps: etc/app/x.yml usr/share/r/d.json srv/config/k.yml usr/local/etc/l.conf\n-- srv/a.rb --\nFile.read('/etc/app/x.yml')\nIO.read(File.join('/usr', 'share', 'r', 'd.json'))\nYAML.load_file(File.join(__dir__, 'config', 'k.yml'))\nsystem('lua5.4', '/srv/m.lua')\n-- srv/m.lua --\nio.open('/usr/local/etc/l.conf')\n-- etc/app/x.yml --\n-- usr/share/r/d.json --\n-- srv/config/k.yml --\n-- usr/local/etc/l.conf --\n",
	"cmd: node /srv/a.js\nkeeps: etc/app/x.json srv/views/p.html\n-- srv/a.js --\nconst fs = require('fs'); fs.readFileSync('/etc/app/x.json'); res.render('views/p.html')\n-- etc/app/x.json --\n-- srv/views/p.html --\n",
	"cmd: php /usr/local/bin/a.php\nkeeps: etc/app/x.ini\n-- usr/local/bin/a.php --\n<?php $c = parse_ini_file('/etc/app/x.ini');\n-- etc/app/x.ini --\n",
	"cmd: perl /usr/local/bin/a.pl\nkeeps: etc/app/x.ini\n-- usr/local/bin/a.pl --\nopen(my $f, '<', '/etc/app/x.ini');\n-- etc/app/x.ini --\n",
	"cmd: lua5.4 /srv/m.lua\nkeeps: srv/lib/mod/one.lua etc/x.lua\n-- srv/m.lua --\npackage.path = '/srv/lib/?.lua;' .. package.path\nrequire('mod.one')\ndofile('/etc/x.lua')\n-- srv/lib/mod/one.lua --\n-- etc/x.lua --\n",
	"cmd: luajit /opt/m.lua\nkeeps: opt/mod/init.lua\n-- opt/m.lua --\nlocal m = require \"mod\"\n-- opt/mod/init.lua --\n",
	"cmd: tclsh8.6 /opt/t.tcl\nkeeps: opt/lib/x.tcl etc/t.conf\n-- opt/t.tcl --\nsource [file join [file dirname [info script]] lib x.tcl]\nset f [open /etc/t.conf]\n-- opt/lib/x.tcl --\n-- etc/t.conf --\n",
	"cmd: python3 /srv/a.py\nkeeps: usr/lib/libfoo.so.1 usr/lib/libbar.so.2\nleaves: usr/lib/libbaz.so.1\n-- srv/a.py --\nimport ctypes, ctypes.util\nnames = ['foo', 'libbar.so.2']\nfor name in names:\n    ctypes.CDLL(ctypes.util.find_library(name) or name)\n-- usr/lib/libfoo.so.1 --\n-- usr/lib/libbar.so.2 --\n-- usr/lib/libbaz.so.1 --\n",
	"cmd: python3 /srv/a.py\nkeeps: usr/lib/python3/dist-packages/mod.py usr/bin/lua5.4\nleaves: usr/bin/ruby usr/bin/env\n-- srv/a.py --\nimport mod, subprocess\nsubprocess.run(['/srv/other.py'])\n-- usr/lib/python3.11/os.py --\n-- usr/lib/python3/dist-packages/mod.py --\n#!/usr/bin/env ruby\n-- srv/other.py --\n#!/usr/bin/lua5.4\n-- usr/bin/env --\n",
	"cmd: python3 /srv/a.py\nkeeps: usr/lib/python3/dist-packages/mod.py usr/bin/env usr/bin/ruby\n-- srv/a.py --\nimport mod, subprocess\nsubprocess.run(['/usr/lib/python3/dist-packages/mod.py'])\n-- usr/lib/python3.11/os.py --\n-- usr/lib/python3/dist-packages/mod.py --\n#!/usr/bin/env ruby\n-- usr/bin/env --\n",
	"cmd: python3 /srv/a.py\nlink: usr/lib/python3/dist-packages/mod/data -> ../../../../share/mod-data\nkeeps: usr/share/mod-data/de.dat usr/share/mod-data/x/fr.dat\n-- srv/a.py --\nimport mod\n-- usr/lib/python3.11/os.py --\n-- usr/lib/python3/dist-packages/mod/__init__.py --\nimport os\nd = os.path.join(os.path.dirname(__file__), 'data')\n-- usr/share/mod-data/de.dat --\n-- usr/share/mod-data/x/fr.dat --\n",
	"cmd: perl /opt/a.pl\nkeeps: opt/words.pl opt/data/w.txt\n-- opt/a.pl --\nuse FindBin; require \"$FindBin::Bin/words.pl\"; open(F, \"<$dir/data/w.txt\"); open(F, '<', \"$dir/data/w.txt\");\n-- opt/words.pl --\n-- opt/data/w.txt --\n",
	"cmd: ruby /opt/r/a.rb\nkeeps: opt/r/views/a.erb opt/r/c.yml\n-- opt/r/a.rb --\nFile.read(\"#{__dir__}/views/a.erb\")\nFile.read('%s/c.yml' % __dir__)\n-- opt/r/views/a.erb --\n-- opt/r/c.yml --\n",
	"cmd: Rscript /opt/a.R\nkeeps: etc/r.csv\n-- opt/a.R --\nread.csv(\"/etc/r.csv\")\n-- etc/r.csv --\n",

	// Modules that are found by a name alone, where no reader knows how.
	"cmd: guile /srv/a.scm\nkeeps: srv/mine.scm srv/sub/b.scm\nleaves: srv/notes.lisp opt/x.scm\n-- usr/bin/guile --\n-- srv/a.scm --\n(use-modules (mine))\n-- srv/mine.scm --\n(define-module (mine))\n-- srv/sub/b.scm --\n(b)\n-- srv/notes.lisp --\n(c)\n-- opt/x.scm --\n(x)\n",
	"cmd: node /srv/a.js\nkeeps: srv/node_modules/@tool/linux-x64/bin/tool\nleaves: srv/node_modules/other/bin/tool\n-- srv/a.js --\nrequire('tool')\n-- srv/node_modules/tool/package.json --\n{\"name\":\"tool\",\"optionalDependencies\":{\"@tool/linux-x64\":\"1\"}}\n-- srv/node_modules/tool/index.js --\nconst at = require.resolve(`@tool/${process.platform}-${process.arch}/bin/tool`)\nrequire('child_process').spawnSync(at)\n-- srv/node_modules/@tool/linux-x64/package.json --\n{\"name\":\"@tool/linux-x64\",\"os\":[\"linux\"]}\n-- srv/node_modules/@tool/linux-x64/bin/tool --\n-- srv/node_modules/other/package.json --\n{\"name\":\"other\"}\n-- srv/node_modules/other/bin/tool --\n",
	"cmd: node /srv/a.js\nkeeps: srv/node_modules/@tool/linux-x64/bin/tool\n-- srv/a.js --\nrequire('tool')\n-- srv/node_modules/tool/package.json --\n{\"name\":\"tool\",\"optionalDependencies\":{\"@tool/linux-x64\":\"1\"}}\n-- srv/node_modules/tool/index.js --\nconst known = {'linux x64': '@tool/linux-x64'}\nconst at = require.resolve(`${known[key]}/${sub}`)\n-- srv/node_modules/@tool/linux-x64/package.json --\n{\"name\":\"@tool/linux-x64\",\"os\":[\"linux\"]}\n-- srv/node_modules/@tool/linux-x64/bin/tool --\n",

	// Programs that sources start.
	"cmd: node /srv/a.js\nkeeps: usr/bin/tr bin/sh\n-- srv/a.js --\nrequire('child_process').execFileSync('sh', ['-c', 'echo a | tr a b'])\n-- usr/bin/tr --\n",
	"cmd: node /srv/a.mjs\nkeeps: usr/bin/convert usr/bin/tr\n-- srv/a.mjs --\nimport { execa } from 'execa'\nawait execa('convert', ['a', 'b'])\nconst tool = 'tr'\nawait execa(tool)\n-- usr/bin/convert --\n-- usr/bin/tr --\n",
	"cmd: python3 /srv/a.py\nkeeps: usr/bin/tr usr/bin/wc usr/bin/sort\n-- srv/a.py --\nimport subprocess\nsubprocess.run(['sh', '-c', 'echo a | tr a b'])\ncmd = ['wc', '-l']\nsubprocess.Popen(cmd)\nsubprocess.run('sort x', shell=True)\n-- usr/bin/tr --\n-- usr/bin/wc --\n-- usr/bin/sort --\n",
	"cmd: ruby /srv/a.rb\nkeeps: usr/bin/tr usr/bin/wc\n-- srv/a.rb --\nrequire 'open3'\nOpen3.capture2('sh', '-c', 'echo | tr a b')\nargv = %w[x]\nt = 'wc'\nspawn(t, *argv)\n-- usr/bin/tr --\n-- usr/bin/wc --\n",
	"cmd: perl /srv/a.pl\nkeeps: usr/bin/tr usr/bin/wc\n-- srv/a.pl --\nmy @c = ('tr', 'a', 'b');\nsystem(@c);\nopen(P, '-|', 'wc', '-l');\n-- usr/bin/tr --\n-- usr/bin/wc --\n",
	"cmd: php /srv/a.php\nkeeps: usr/bin/tr usr/bin/wc\n-- srv/a.php --\n<?php proc_open(['sh', '-c', 'tr a b'], [], $p); $t = 'wc'; exec($t);\n-- usr/bin/tr --\n-- usr/bin/wc --\n",
	"cmd: lua5.4 /srv/a.lua\nkeeps: usr/bin/tr usr/bin/wc\n-- srv/a.lua --\nos.execute('tr a b')\nio.popen(\"wc -l\")\n-- usr/bin/tr --\n-- usr/bin/wc --\n",
	"cmd: tclsh /srv/a.tcl\nkeeps: usr/bin/tr\n-- srv/a.tcl --\nexec tr a b\n-- usr/bin/tr --\n",

	// Tables that are looked up in what is made of them, whether or not that they are made of is there.
	"cmd: postfix start-fg\nkeeps: etc/aliases etc/aliases.db srv/mail/users.lmdb srv/mail/relays.cdb srv/mail/nets.dir srv/mail/nets.pag\nleaves: srv/mail/other.db\n-- usr/sbin/postfix --\n-- etc/aliases --\nroot: a\n-- etc/aliases.db --\n-- etc/postfix/main.cf --\nvirtual_alias_maps = proxy:lmdb:/srv/mail/users, cdb:/srv/mail/relays\nmynetworks = sdbm:/srv/mail/nets\n-- etc/postfix/master.cf --\nsmtp inet n - y - - smtpd\n-- srv/mail/users.lmdb --\n-- srv/mail/relays.cdb --\n-- srv/mail/nets.dir --\n-- srv/mail/nets.pag --\n-- srv/mail/other.db --\n",
	"cmd: postfix start-fg\nkeeps: etc/aliases.lmdb\n-- usr/sbin/postfix --\n-- etc/postfix/main.cf --\nx = y\n-- etc/aliases.lmdb --\n",
	"cmd: postfix start-fg\nlink: etc/aliases -> /srv/mail/aliases\nkeeps: srv/mail/aliases srv/mail/aliases.db etc/aliases.db\n-- usr/sbin/postfix --\n-- etc/postfix/main.cf --\nalias_maps = hash:/etc/aliases\n-- etc/aliases.db --\n-- srv/mail/aliases --\n-- srv/mail/aliases.db --\n",
	"cmd: postfix start-fg\nkeeps: srv/out/main.cf srv/out/transport.db\n-- usr/sbin/postfix --\n-- etc/postfix/main.cf --\nmulti_instance_directories = /srv/out\n-- srv/out/main.cf --\ntransport_maps = btree:/srv/out/transport\n-- srv/out/transport.db --\n",
	"cmd: sendmail -bD\nkeeps: etc/mail/sendmail.cf etc/mail/access.db srv/domains.db usr/share/sendmail/x\n-- usr/sbin/sendmail --\n-- etc/mail/sendmail.cf --\nKaccess hash -T<TMPF> -o /etc/mail/access\nKdomaintable hash -o /srv/domains\n-- etc/mail/access.db --\n-- srv/domains.db --\n-- usr/share/sendmail/x --\n",
	"cmd: exim4 -bdf\nkeeps: srv/mail/virtual.cdb srv/mail/relay srv/mail/users.db\n-- usr/sbin/exim4 --\n-- etc/exim4/exim4.conf.template --\ndata = ${lookup{$local_part}cdb{/srv/mail/virtual.cdb}}\nhosts = lsearch;/srv/mail/relay\nlocal_parts = dbm;/srv/mail/users\n-- srv/mail/virtual.cdb --\n-- srv/mail/relay --\n-- srv/mail/users.db --\n",
	"cmd: apache2 -DFOREGROUND\nkeeps: srv/web/map.dir srv/web/map.pag srv/web/users.db\n-- usr/sbin/apache2 --\n-- etc/apache2/apache2.conf --\nRewriteMap short \"dbm=sdbm:/srv/web/map\"\nAuthDBMUserFile /srv/web/users\n-- srv/web/map.dir --\n-- srv/web/map.pag --\n-- srv/web/users.db --\n",
	"cmd: dovecot -F\nkeeps: srv/mail/users srv/mail/quota.db\n-- usr/sbin/dovecot --\n-- etc/dovecot/dovecot.conf --\npassdb {\n  driver = passwd-file\n  args = scheme=CRYPT username_format=%u /srv/mail/users\n}\ndict {\n  quota = db:/srv/mail/quota\n}\n-- srv/mail/users --\n-- srv/mail/quota.db --\n",
	"cmd: slapd -d0\nkeeps: srv/ldap/data.mdb\n-- usr/sbin/slapd --\n-- etc/ldap/slapd.conf --\ndatabase mdb\ndirectory /srv/ldap\n-- srv/ldap/data.mdb --\n",
	"cmd: slapd -d0\nkeeps: srv/ldap/data.mdb\n-- usr/sbin/slapd --\n-- etc/ldap/slapd.d/cn=config/olcDatabase={1}mdb.ldif --\nolcDbDirectory: /srv/ldap\n-- srv/ldap/data.mdb --\n",
	"cmd: python3 /srv/a.py\nkeeps: var/lib/a/store.dat var/lib/a/store.dir srv/cache.db\n-- srv/a.py --\nimport shelve, dbm\nshelve.open('/var/lib/a/store')\ndbm.open('cache')\n-- var/lib/a/store.dat --\n-- var/lib/a/store.dir --\n-- srv/cache.db --\n",

	// Cron and its like.
	"cmd: cron -f\nkeeps: etc/cron.d/job usr/local/bin/job.sh usr/bin/grep\n-- usr/sbin/cron --\n-- etc/cron.d/job --\nPATH=/usr/local/bin:/usr/bin\n*/5 * * * * root job.sh >/dev/null\n-- usr/local/bin/job.sh --\n#!/bin/sh\ngrep x y\n-- usr/bin/grep --\n",
	"cmd: crond -f\nkeeps: etc/crontabs/root usr/local/bin/sync.sh\n-- usr/sbin/crond --\n-- etc/crontabs/root --\n*/5 * * * * /usr/local/bin/sync.sh\n-- usr/local/bin/sync.sh --\n#!/bin/sh\n",
	"cmd: crond -f -c /opt/tabs\nkeeps: opt/tabs/app usr/bin/job\n-- usr/sbin/crond --\n-- opt/tabs/app --\n@daily job\n-- usr/bin/job --\n",
	"cmd: cron -f\nkeeps: var/spool/cron/crontabs/app usr/bin/job\n-- usr/sbin/cron --\n-- var/spool/cron/crontabs/app --\n0 3 * * 1-5 cd /tmp && job \\%x %in\n-- usr/bin/job --\n",
	"cmd: supercronic /etc/tab\nkeeps: usr/bin/job\n-- usr/bin/supercronic --\n-- etc/tab --\n*/5 * * * * * * job\n-- usr/bin/job --\n",
	"cmd: crond -n\nkeeps: etc/cron.daily/x usr/bin/job\n-- usr/sbin/crond --\n-- etc/crontab --\n1 2 * * * root cd / && run-parts --report /etc/cron.daily\n-- usr/bin/run-parts --\n-- etc/cron.daily/x --\n#!/bin/sh\njob\n-- usr/bin/job --\n",
	"cmd: start\nkeeps: etc/hooks/10-a usr/bin/tool\n-- bin/start --\n#!/bin/sh\nrun-parts /etc/hooks\n-- bin/run-parts --\n-- etc/hooks/10-a --\n#!/bin/sh\ntool\n-- usr/bin/tool --\n",
	"cmd: logrotate /etc/lr.conf\nkeeps: usr/bin/poke\n-- usr/sbin/logrotate --\n-- etc/lr.conf --\n/var/log/x {\n postrotate\n  poke app\n endscript\n}\n-- usr/bin/poke --\n",

	// Supervisors.
	"cmd: runsvdir -P /etc/service\nkeeps: etc/service/mq/run usr/bin/mqttd usr/bin/logd usr/bin/fin\n-- usr/bin/runsvdir --\n-- usr/bin/runsv --\n-- etc/service/mq/run --\n#!/bin/sh\nexec mqttd\n-- etc/service/mq/finish --\n#!/bin/sh\nfin\n-- etc/service/mq/log/run --\n#!/bin/sh\nexec logd\n-- usr/bin/mqttd --\n-- usr/bin/logd --\n-- usr/bin/fin --\n",
	"cmd: svscan /service\nlink: service/a -> ../etc/sv/a\nkeeps: usr/bin/ad\n-- usr/bin/svscan --\n-- etc/sv/a/run --\n#!/bin/sh\nexec setuidgid app ad\n-- usr/bin/setuidgid --\n-- usr/bin/ad --\n",
	"cmd: s6-svscan /etc/services\nkeeps: usr/bin/webd usr/bin/cached\n-- usr/bin/s6-svscan --\n-- usr/bin/execlineb --\n-- usr/bin/s6-setuidgid --\n-- etc/services/web/run --\n#!/usr/bin/execlineb -P\nfoo { bar }\ns6-setuidgid app\nwebd -D\n-- etc/services/cache/run --\n#!/bin/sh\nexec cached\n-- usr/bin/webd --\n-- usr/bin/cached --\n",
	"cmd: /init\nkeeps: usr/bin/webd usr/bin/prep usr/bin/oned\n-- init --\n#!/bin/sh\n-- command/with-contenv --\n-- etc/services.d/web/run --\n#!/command/with-contenv sh\nexec webd\n-- etc/cont-init.d/01 --\n#!/bin/sh\nprep\n-- etc/s6-overlay/s6-rc.d/one/up --\noned -x\n-- usr/bin/webd --\n-- usr/bin/prep --\n-- usr/bin/oned --\n",
	"cmd: supervisord -n\nenv: APP=webd\nkeeps: usr/bin/webd usr/bin/work etc/supervisor/conf.d/w.conf opt/a/run.sh usr/bin/deep\n-- usr/bin/supervisord --\n#!/usr/bin/python3\n-- etc/supervisor/supervisord.conf --\n[supervisord]\nnodaemon=true\n[program:web]\ncommand = %(ENV_APP)s --port 80 ; comment\n[include]\nfiles = conf.d/*.conf\n-- etc/supervisor/conf.d/w.conf --\n[program:w]\ncommand=bash -c \"sleep 1 &&\n  exec work\"\n[program:x]\ndirectory=/opt/a\ncommand=./run.sh\n-- opt/a/run.sh --\n#!/bin/sh\ndeep\n-- usr/bin/webd --\n-- usr/bin/work --\n-- usr/bin/deep --\n",
	"cmd: supervisord -c /opt/s.conf\nkeeps: usr/bin/webd\n-- usr/bin/supervisord --\n-- opt/s.conf --\n[program:web]\ncommand=webd\n-- usr/bin/webd --\n",
	"cmd: /sbin/init\nlink: sbin/init -> ../lib/systemd/systemd\nlink: etc/systemd/system/multi-user.target.wants/a.service -> /lib/systemd/system/a.service\nkeeps: usr/bin/ad usr/bin/pre usr/bin/other\n-- lib/systemd/systemd --\n-- lib/systemd/system/a.service --\n[Service]\nExecStartPre=-/usr/bin/pre\nExecStart=/usr/bin/ad \\\n  --x\n-- lib/systemd/system/b.service --\n[Service]\nExecStart=/usr/bin/other\n-- usr/bin/ad --\n-- usr/bin/pre --\n-- usr/bin/other --\n",
	"cmd: /sbin/init\nkeeps: usr/bin/ad etc/init.d/rcS usr/bin/bd\n-- sbin/init --\n-- etc/inittab --\n::sysinit:/etc/init.d/rcS\nt1::respawn:/usr/bin/ad -f\n-- etc/init.d/rcS --\n#!/bin/sh\nbd\n-- usr/bin/ad --\n-- usr/bin/bd --\n",
	"cmd: inetd -d\nkeeps: usr/sbin/in.x usr/sbin/tcpd\n-- usr/sbin/inetd --\n-- etc/inetd.conf --\nx stream tcp nowait root /usr/sbin/tcpd in.x -l\n-- usr/sbin/tcpd --\n-- usr/sbin/in.x --\n",
	"cmd: xinetd\nkeeps: usr/bin/srv\n-- usr/sbin/xinetd --\n-- etc/xinetd.d/a --\nservice a\n{\n server = /usr/bin/srv\n}\n-- usr/bin/srv --\n",
	"cmd: sshd -D\nkeeps: usr/lib/openssh/sftp-server usr/bin/keys bin/bash usr/bin/only\n-- usr/sbin/sshd --\n-- etc/ssh/sshd_config --\nSubsystem sftp /usr/lib/openssh/sftp-server\nAuthorizedKeysCommand /usr/bin/keys %u\nMatch User a\n  ForceCommand only -x\n-- etc/passwd --\na:x:1:1::/:/bin/bash\n-- bin/bash --\n-- usr/lib/openssh/sftp-server --\n-- usr/bin/keys --\n-- usr/bin/only --\n",
	"cmd: start\nkeeps: etc/init.d/web usr/bin/webd\n-- bin/start --\n#!/bin/sh\nservice web start && tail -f /dev/null\n-- usr/sbin/service --\n-- etc/init.d/web --\n#!/bin/sh\nstart-stop-daemon --start --exec /usr/bin/webd -- -x\n-- sbin/start-stop-daemon --\n-- usr/bin/webd --\n",
	"cmd: foreman start\nworkdir: /srv\nkeeps: usr/bin/webd\n-- usr/bin/foreman --\n-- srv/Procfile --\nweb: webd -p $PORT\n-- usr/bin/webd --\n",
	"cmd: make -C /srv serve\nkeeps: usr/bin/webd\n-- usr/bin/make --\n-- srv/Makefile --\nserve:\n\t@webd -p $(PORT)\n-- usr/bin/webd --\n",
	"cmd: postfix start-fg\nkeeps: usr/lib/postfix/sbin/smtpd etc/postfix/main.cf\n-- usr/sbin/postfix --\n-- etc/postfix/main.cf --\nx = y\n-- etc/postfix/master.cf --\nsmtp inet n - y - - smtpd\n-- usr/lib/postfix/sbin/smtpd --\n",

	"cmd: s6-svscan /srv/s\nkeeps: usr/bin/webd usr/lib/execline/bin/fdmove usr/bin/inner\nleaves: usr/bin/other\n-- usr/bin/s6-svscan --\n-- usr/bin/s6-setuidgid --\n-- usr/bin/execlineb --\n#!/usr/lib/execline/bin/execlineb -S0\n/usr/lib/execline/bin/export PATH /usr/lib/execline/bin:${PATH}\n/usr/lib/execline/bin/exec -a $0 /usr/lib/execline/bin/execlineb $@\n-- usr/lib/execline/bin/execlineb --\n-- usr/lib/execline/bin/export --\n-- usr/lib/execline/bin/exec --\n-- usr/lib/execline/bin/fdmove --\n-- srv/s/web/run --\n#!/usr/bin/execlineb -P\nfdmove -c 2 1\nforeground { inner -x }\ns6-setuidgid app\nwebd -D\n-- usr/bin/webd --\n-- usr/bin/inner --\n-- usr/bin/other --\n",
	"cmd: execlineb -s1 /opt/go webd -x\nkeeps: usr/bin/webd\n-- usr/bin/execlineb --\n-- usr/bin/nice --\n-- opt/go --\nnice $1 $@\n-- usr/bin/webd --\n",

	// Beyond the bound of one script its words count, and nothing else.
	"cmd: start\nkeeps: usr/bin/last usr/lib/app/x\nleaves: usr/bin/other usr/lib/b/x\n-- bin/start --\n#!/bin/sh\n" + strings.Repeat(":\n", 21_000) +
		"last -x /usr/lib/app\n-- usr/bin/last --\n-- usr/lib/app/x --\n-- usr/bin/other --\n-- usr/lib/b/x --\n",

	"cmd: elixir /app/a.exs\nkeeps: usr/bin/erl usr/lib/erlang/erts-1/bin/beam.smp usr/lib/erlang/lib/x.beam\n-- usr/bin/elixir --\n#!/bin/sh\nexec \"$ERTS_BIN$ERL\" \"$@\"\n-- usr/bin/erl --\n#!/bin/sh\n-- usr/lib/erlang/erts-1/bin/beam.smp --\n-- usr/lib/erlang/lib/x.beam --\n",

	// Wrappers and runners.
	"cmd: socat TCP-LISTEN:7 EXEC:/opt/answer,pty\nkeeps: opt/answer usr/bin/jq\n-- usr/bin/socat --\n-- opt/answer --\n#!/bin/sh\njq .a\n-- usr/bin/jq --\n",
	"cmd: start\nkeeps: opt/answer usr/bin/jq usr/bin/wc usr/bin/rev\nleaves: usr/bin/tac\n-- bin/start --\n#!/bin/sh\nsocat TCP-LISTEN:7 'EXEC:/opt/answer --x y' &\nncat --sh-exec \"wc -l | rev\" -l 8\n-- usr/bin/socat --\n-- usr/bin/ncat --\n-- opt/answer --\n#!/bin/sh\njq .a\n-- usr/bin/jq --\n-- usr/bin/wc --\n-- usr/bin/rev --\n-- usr/bin/tac --\n",
	"cmd: sh -c exec${IFS}$APP\nenv: APP=webd\nkeeps: bin/sh\n",
	"cmd: npm start\nworkdir: /srv\nkeeps: srv/b.js usr/bin/tool\n-- usr/bin/npm --\n#!/usr/bin/node\n-- srv/package.json --\n{\"scripts\":{\"start\":\"npm run one && npm run two\",\"one\":\"node b.js\",\"two\":\"concurrently \\\"tool -x\\\"\"},\"bin\":{}}\n-- srv/node_modules/.bin/concurrently --\n#!/usr/bin/node\n-- srv/b.js --\n-- usr/bin/tool --\n",
	"cmd: bundle exec puma\nkeeps: usr/bin/puma\n-- usr/bin/bundle --\n-- usr/bin/puma --\n",
	"cmd: cross-env A=b webd\nkeeps: usr/bin/webd\n-- usr/bin/cross-env --\n-- usr/bin/webd --\n",
	"cmd: poetry run webd\nkeeps: usr/bin/webd\n-- usr/bin/poetry --\n-- usr/bin/webd --\n",
	"cmd: uwsgi --ini /etc/u.ini\nkeeps: opt/a/wsgi.py usr/bin/side\n-- usr/bin/uwsgi --\n-- etc/u.ini --\n[uwsgi]\nchdir = /opt/a\nmodule = wsgi:app\nattach-daemon = side -x\n-- opt/a/wsgi.py --\n-- usr/bin/side --\n",
}

func TestWhatIsMeantIsKept(t *testing.T) {
	for _, text := range meant {
		a := txtar.Parse([]byte(text))
		for _, name := range []string{"bin/sh", "bin/bash", "usr/bin/python3", "usr/bin/node", "usr/bin/ruby", "usr/bin/perl", "usr/bin/php", "usr/bin/lua5.4", "usr/bin/luajit", "usr/bin/tclsh", "usr/bin/tclsh8.6", "usr/bin/Rscript"} {
			a.Files = append(a.Files, txtar.File{Name: name, Data: []byte("program")})
		}
		states := map[string]string{}
		for line := range strings.Lines(readerVerdicts(t, a)) {
			if state, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
				states[file] = state
			}
		}
		for line := range strings.Lines(string(a.Comment)) {
			switch key, value, _ := strings.Cut(strings.TrimSpace(line), ": "); key {
			case "keeps":
				for file := range strings.FieldsSeq(value) {
					if states[file] != "reached" && states[file] != "unknown" {
						t.Errorf("%s\n%s is %q", a.Comment, file, states[file])
					}
				}
			case "leaves":
				for file := range strings.FieldsSeq(value) {
					if states[file] != "not-reached" {
						t.Errorf("%s\n%s is %q, and nothing names it", a.Comment, file, states[file])
					}
				}
			}
		}
	}
}
