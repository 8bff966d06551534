//go:build linux

package main

import "github.com/careen/careen/internal/image"

// languages are programs in source form, and what runs them.
func languages() []recipe {
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
			name: "php-fpm", clients: "/usr/bin/cgi-fcgi", packages: "php-fpm php-sqlite3 php-mbstring libfcgi-bin", config: cmd("php-fpm8.2", "-F"),
			files: map[string]string{"srv/www/index.php": "<?php require __DIR__ . '/lib/hello.php'; $db = new PDO('sqlite::memory:'); echo hello(mb_strtoupper('grüße')), $db->query('select sqlite_version() > 3')->fetchColumn(), \"\\n\";\n",
				"srv/www/lib/hello.php":              "<?php function hello($x) { return \"hello $x \"; }\n",
				"etc/php/8.2/fpm/pool.d/zz-zoo.conf": "[www]\nlisten = 127.0.0.1:9000\n"},
			work: "php-fpm8.2 -F 2>/dev/null &\nawait 9000\nSCRIPT_FILENAME=/srv/www/index.php REQUEST_METHOD=GET cgi-fcgi -bind -connect 127.0.0.1:9000", says: "hello GRÜSSE",
		},
		{
			name: "puma", packages: "puma ruby-rack", config: image.Config{Cmd: []string{"puma", "-b", "tcp://127.0.0.1:9292", "config.ru"}, WorkingDir: "/srv/app"},
			files: map[string]string{"srv/app/config.ru": "require_relative 'lib/app'\nrun App.new\n", "srv/app/lib/app.rb": "require 'json'\nclass App\n  def call(env)\n    [200, {'content-type' => 'application/json'}, [JSON.generate(File.read(File.join(__dir__, '..', 'views', 'hello.txt')))]]\n  end\nend\n", "srv/app/views/hello.txt": "a view"},
			work:  "cd /srv/app; puma -b tcp://127.0.0.1:9292 config.ru >/dev/null 2>&1 &\nawait 9292\nget 9292/", says: "a view",
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
		{
			name: "flask", packages: "python3-flask gunicorn python3-babel", config: image.Config{Cmd: []string{"gunicorn", "-c", "gunicorn.conf.py", "web:app"}, WorkingDir: "/srv/web"},
			files: map[string]string{"srv/web/gunicorn.conf.py": "bind = '127.0.0.1:8000'\nworkers = 2\n", "srv/web/web.py": "import os\nfrom babel.dates import format_date\nfrom babel.numbers import format_currency\nimport datetime\nfrom flask import Flask, render_template\napp = Flask(__name__)\napp.config.from_pyfile(os.path.join(app.root_path, 'settings', 'prod.cfg'))\n@app.route('/')\ndef index():\n    return render_template('index.html', day=format_date(datetime.date(2020, 3, 1), locale='de_DE'), sum=format_currency(3.5, 'EUR', locale='fr'))\n",
				"srv/web/settings/prod.cfg": "TITLE = 'titled'\n", "srv/web/templates/index.html": "{% extends 'base.html' %}{% block b %}{{ config.TITLE }} {{ day }} {{ sum }}{% endblock %}\n", "srv/web/templates/base.html": "<p>{% block b %}{% endblock %}</p>\n"},
			work: "cd /srv/web; gunicorn -c gunicorn.conf.py web:app 2>/dev/null &\nawait 8000\nget 8000/", says: "titled",
		},
		{
			name: "uwsgi", packages: "uwsgi-core uwsgi-plugin-python3 python3-bottle", config: cmd("uwsgi", "--ini", "/srv/app/uwsgi.ini"),
			files: map[string]string{"srv/app/uwsgi.ini": "[uwsgi]\nplugins = python3\nhttp-socket = 127.0.0.1:8000\nchdir = /srv/app\nmodule = site_app:application\nmaster = true\nprocesses = 1\n", "srv/app/site_app.py": "import bottle\nfrom importlib import import_module\nhandlers = import_module('handlers.' + 'main')\napplication = bottle.default_app()\nbottle.route('/')(handlers.index)\n", "srv/app/handlers/__init__.py": "", "srv/app/handlers/main.py": "def index():\n    return 'handled by a module'\n"},
			work:  "uwsgi --ini /srv/app/uwsgi.ini >/dev/null 2>&1 &\nawait 8000\nget 8000/", says: "handled by a module",
		},
		{
			name: "celery", packages: "python3-celery python3-kombu", config: image.Config{Cmd: []string{"celery", "-A", "jobs", "worker", "--pool", "solo", "-l", "warning"}, WorkingDir: "/srv/app"},
			files: map[string]string{"srv/app/jobs.py": "from celery import Celery\napp = Celery('jobs')\napp.config_from_object('celeryconfig')\n@app.task\ndef add(x, y):\n    open('/tmp/sum', 'w').write('the sum is %d' % (x + y))\n", "srv/app/celeryconfig.py": "broker_url = 'filesystem://'\nbroker_transport_options = {'data_folder_in': '/tmp/q', 'data_folder_out': '/tmp/q', 'control_folder': '/tmp/c'}\n"},
			work:  "cd /srv/app; bb mkdir -p /tmp/q /tmp/c; celery -A jobs worker --pool solo -l warning >/dev/null 2>&1 &\npython3 -c 'import jobs; jobs.add.delay(40, 2)'; there /tmp/sum; bb cat /tmp/sum", says: "the sum is 42",
		},
		{
			name: "docutils", packages: "python3-docutils python3-pygments", config: cmd("rst2html", "/app/page.rst"),
			files: map[string]string{"app/page.rst": "Title\n=====\n\n.. include:: part.rst\n\n.. code-block:: python\n\n   print(1)\n\n:math:`x^2`\n", "app/part.rst": "a part of it\n"},
			work:  "rst2html /app/page.rst | bb grep -v generator | bb md5sum; rst2html /app/page.rst | bb grep -o 'a part of it'", says: "a part of it",
		},
		{
			name: "pkg-resources", packages: "python3-pkg-resources python3-cryptography python3-requests", config: cmd("python3", "/app/main.py"),
			files: map[string]string{"app/main.py": "import pkg_resources, sys\nsys.path.insert(0, '/app/lib')\nfrom importlib import resources\nimport tool\nfrom cryptography.hazmat.primitives import hashes\nh = hashes.Hash(hashes.SHA256()); h.update(b'x')\nprint(resources.files(tool).joinpath('data/words.txt').read_text().strip(), h.finalize().hex()[:8], pkg_resources.resource_string('tool', 'data/more.txt').decode().strip())\nimport requests\ntry:\n    requests.get('https://127.0.0.1:1/', timeout=1)\nexcept requests.exceptions.ConnectionError:\n    print('refused')\n",
				"app/lib/tool/__init__.py": "", "app/lib/tool/data/words.txt": "words of a resource\n", "app/lib/tool/data/more.txt": "and more\n"},
			work: "python3 /app/main.py", says: "words of a resource",
		},
		{
			name: "numpy-pillow", packages: "python3-numpy python3-pil", config: cmd("python3", "/app/main.py"),
			files: map[string]string{"app/main.py": "import numpy as np\nfrom PIL import Image\na = np.linalg.inv(np.array([[2.0, 0], [0, 4.0]]))\nImage.fromarray((np.eye(8) * 255).astype('uint8')).save('/tmp/x.png')\nim = Image.open('/tmp/x.png').convert('RGB'); im.save('/tmp/x.jpg'); im.save('/tmp/x.webp')\nprint(a.tolist(), Image.open('/tmp/x.webp').format, np.fft.fft(np.ones(4)).real.tolist())\n"},
			work:  "python3 /app/main.py", says: "WEBP",
		},
		{
			name: "mercurial", packages: "mercurial", config: cmd("hg", "serve", "-R", "/srv/repo", "-a", "127.0.0.1", "-p", "8000"),
			setup: "hg init /srv/repo; cd /srv/repo; echo x >f; hg add -q f; hg commit -u me -m 'a changeset' -d '0 0'",
			work:  "HGUSER=x hg serve -R /srv/repo -a 127.0.0.1 -p 8000 -E /dev/null -A /dev/null &\nawait 8000\nget 8000/ | bb grep -o 'a changeset' | bb head -n 1; hg log -R /srv/repo --style compact | bb head -n 2", says: "a changeset",
		},
		{
			name: "sinatra", packages: "ruby-sinatra ruby-webrick", config: image.Config{Cmd: []string{"ruby", "app.rb"}, WorkingDir: "/srv/app"},
			files: map[string]string{"srv/app/app.rb": "require 'sinatra'\nset :server, 'webrick'\nset :bind, '127.0.0.1'\nset :port, 4567\nget('/') { erb :index }\n", "srv/app/views/index.erb": "<p>sinatra sings <%= 6*7 %></p>\n", "srv/app/views/layout.erb": "<html><%= yield %></html>\n", "srv/app/public/x.txt": "a public file\n"},
			work:  "cd /srv/app; ruby app.rb >/dev/null 2>&1 &\nawait 4567\nget 4567/; get 4567/x.txt", says: "sinatra sings 42",
		},
		{
			name: "bundler", packages: "ruby bundler ruby-nokogiri ruby-i18n", config: image.Config{Cmd: []string{"bundle", "exec", "ruby", "bin/main.rb"}, WorkingDir: "/srv/app"},
			files: map[string]string{"srv/app/Gemfile": "gem 'nokogiri'\ngem 'i18n'\n", "srv/app/bin/main.rb": "$LOAD_PATH.unshift File.expand_path('../lib', __dir__)\nBundler.require\nrequire 'mine'\nI18n.load_path += Dir[File.join(__dir__, '..', 'config', 'locales', '*.yml')]\nI18n.default_locale = :de\nputs I18n.t('hello'), Nokogiri::XML('<a><b>c</b></a>').xpath('//b').text, Mine.name\n", "srv/app/lib/mine.rb": "module Mine; autoload :Deep, 'mine/deep'; def self.name; Deep::NAME; end; end\n", "srv/app/lib/mine/deep.rb": "module Mine; module Deep; NAME = 'autoloaded'; end; end\n", "srv/app/config/locales/de.yml": "de:\n  hello: guten Tag\n"},
			work:  "cd /srv/app; HOME=/tmp bundle exec ruby bin/main.rb", says: "guten Tag",
		},
		{
			name: "php-twig", packages: "php-cli php-twig php-xml", config: cmd("php", "/app/main.php"),
			files: map[string]string{"app/main.php": "<?php\nrequire_once 'Twig/autoload.php';\nspl_autoload_register(function ($c) { require __DIR__ . '/src/' . str_replace('\\\\', '/', $c) . '.php'; });\n$twig = new \\Twig\\Environment(new \\Twig\\Loader\\FilesystemLoader(__DIR__ . '/templates'));\necho $twig->render('page.twig', ['x' => (new App\\Model())->name()]), simplexml_load_string('<a>xml</a>'), \"\\n\";\n", "app/src/App/Model.php": "<?php\nnamespace App;\nclass Model { function name() { return 'a model'; } }\n", "app/templates/page.twig": "{% include 'part.twig' %} {{ x|upper }}\n", "app/templates/part.twig": "part"},
			work:  "php /app/main.php", says: "A MODEL",
		},
		{
			name: "perl-dbi", packages: "libdbd-sqlite3-perl libtemplate-perl libdatetime-perl", config: cmd("perl", "/app/main.pl"),
			files: map[string]string{"app/main.pl": "use strict; use FindBin; use File::Spec::Functions qw(catfile); use DBI; use Template; use DateTime;\nmy $db = DBI->connect('dbi:SQLite:dbname=:memory:');\nmy ($x) = $db->selectrow_array('select 6*7');\nTemplate->new(INCLUDE_PATH => catfile($FindBin::Bin, 'templates'))->process('page.tt', { x => $x, t => DateTime->new(year => 2020, month => 7, time_zone => 'Europe/Berlin')->offset });\nfor my $plugin (qw(One)) { eval \"require Plugin::$plugin\" or do { unshift @INC, \"$FindBin::Bin/lib\"; my $f = \"Plugin/$plugin.pm\"; require $f }; print \"Plugin::$plugin\"->hi, \"\\n\" }\n", "app/templates/page.tt": "value [% x %] offset [% t %]\n", "app/lib/Plugin/One.pm": "package Plugin::One; sub hi { 'plugged in' } 1;\n"},
			work:  "perl /app/main.pl", says: "plugged in",
		},
		{
			name: "exiftool", packages: "libimage-exiftool-perl", config: cmd("exiftool", "-s", "/app/x.png"),
			made: "mkdir -p app; printf 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==' | base64 -d >app/x.png",
			work: "exiftool -s -ImageSize -FileType -MIMEType /app/x.png; exiftool -q -Title=titled -o /tmp/y.png /app/x.png; exiftool -s3 -Title /tmp/y.png", says: "titled",
		},
		{
			name: "express", packages: "nodejs", config: image.Config{Cmd: []string{"node", "server.js"}, WorkingDir: "/srv/app"}, needs: "npm",
			made:  "mkdir -p srv/app/views && cd srv/app && npm init -y >/dev/null && npm install --silent --no-audit --no-fund express@4 pug@3 i18n@0.15",
			files: map[string]string{"srv/app/server.js": "const path = require('path')\nconst express = require('express')\nconst { I18n } = require('i18n')\nconst app = express()\nconst i18n = new I18n({ locales: ['de'], defaultLocale: 'de', directory: path.join(__dirname, 'locales'), updateFiles: false })\napp.use(i18n.init)\napp.set('view engine', 'pug')\napp.use('/static', express.static(path.join(__dirname, 'public')))\napp.get('/', (req, res) => res.render('index', { title: res.__('hi') }))\nfor (const name of ['users']) app.use('/' + name, require('./routes/' + name))\napp.listen(8080, '127.0.0.1')\n", "srv/app/views/index.pug": "h1= title\n", "srv/app/locales/de.json": "{\"hi\": \"hallo\"}\n", "srv/app/public/a.txt": "static\n", "srv/app/routes/users.js": "module.exports = require('express').Router().get('/', (q, r) => r.send('users'))\n"},
			work:  "cd /srv/app; node server.js &\nawait 8080\nget 8080/; get 8080/static/a.txt; get 8080/users", says: "hallo",
		},
		{
			name: "npm-start", packages: "nodejs", config: image.Config{Cmd: []string{"npm", "start"}, WorkingDir: "/srv/app", Env: []string{"PATH=/opt/npm/node_modules/.bin:/usr/local/bin:/usr/bin:/bin"}}, needs: "npm",
			made:  "mkdir -p opt/npm && (cd opt/npm && npm init -y >/dev/null && npm install --silent --no-audit --no-fund npm@9) && cd srv/app && npm install --silent --no-audit --no-fund",
			files: map[string]string{"srv/app/package.json": "{\"name\": \"app\", \"version\": \"1.0.0\", \"type\": \"module\", \"scripts\": {\"prestart\": \"node scripts/prepare.mjs\", \"start\": \"npm-run-all --silent serve\", \"serve\": \"cross-env NAME=chain node src/main.js\"}, \"dependencies\": {\"npm-run-all\": \"4\", \"cross-env\": \"7\", \"execa\": \"8\", \"fastify\": \"4\"}}\n", "srv/app/scripts/prepare.mjs": "import { writeFileSync } from 'node:fs'\nwriteFileSync('/tmp/prepared', 'yes')\n", "srv/app/src/main.js": "import { readFile } from 'node:fs/promises'\nimport { execa } from 'execa'\nimport Fastify from 'fastify'\nconst text = await readFile(new URL('../data/text.txt', import.meta.url), 'utf8')\nconst { stdout } = await execa('tr', ['a-z', 'A-Z'], { input: text })\nconst app = Fastify()\napp.get('/', async () => ({ said: stdout, name: process.env.NAME }))\nawait app.listen({ port: 8080, host: '127.0.0.1' })\n", "srv/app/data/text.txt": "some text"},
			work:  "cd /srv/app; HOME=/tmp npm start >/dev/null 2>&1 &\nawait 8080\nget 8080/; bb cat /tmp/prepared", says: "SOME TEXT",
		},
		{
			name: "pm2", packages: "nodejs procps", config: image.Config{Cmd: []string{"/srv/app/node_modules/.bin/pm2-runtime", "ecosystem.config.js"}, WorkingDir: "/srv/app"}, needs: "npm",
			made:  "cd srv/app && npm init -y >/dev/null && npm install --silent --no-audit --no-fund pm2@5 pino@8 pino-pretty@10",
			files: map[string]string{"srv/app/ecosystem.config.js": "module.exports = { apps: [{ name: 'web', script: './web.js' }, { name: 'sh', script: '/srv/app/tick.sh', interpreter: 'bash' }] }\n", "srv/app/web.js": "const pino = require('pino')\nconst log = pino({ transport: { target: 'pino-pretty', options: { destination: '/tmp/log', colorize: false } } })\nrequire('http').createServer((q, r) => { log.info('asked'); r.end('web of pm2') }).listen(8080, '127.0.0.1')\n", "srv/app/tick.sh": "date -u -d @0 +%Y >/tmp/tick\nsleep 60\n"},
			work:  "cd /srv/app; HOME=/tmp node_modules/.bin/pm2-runtime ecosystem.config.js >/dev/null 2>&1 &\nawait 8080\nget 8080/; there /tmp/tick; bb cat /tmp/tick; there /tmp/log; bb sleep 1; bb grep -o asked /tmp/log", says: "web of pm2",
		},
		{
			name: "sharp", packages: "nodejs", config: image.Config{Cmd: []string{"node", "/srv/app/main.js"}}, needs: "npm",
			made:  "cd srv/app && npm init -y >/dev/null && npm install --silent --no-audit --no-fund sharp@0.33 esbuild@0.19",
			files: map[string]string{"srv/app/main.js": "const sharp = require('sharp')\nconst esbuild = require('esbuild')\nsharp({ create: { width: 4, height: 4, channels: 3, background: 'red' } }).png().toBuffer().then(b => sharp(b).metadata()).then(m => {\n  console.log(m.format, m.width)\n  console.log(esbuild.transformSync('let x: number = 1', { loader: 'ts' }).code)\n})\n"},
			work:  "node /srv/app/main.js", says: "png 4",
		},
		{
			name: "java", packages: "openjdk-17-jre-headless", config: cmd("java", "-cp", "/srv/app/app.jar:/srv/app/lib/*", "Main"), needs: "javac jar",
			made: "mkdir -p src srv/app/lib out plug && cat >src/Main.java <<'E'\nimport java.util.*;\npublic class Main {\n  public interface Greeter { String hi(); }\n  public static void main(String[] a) throws Exception {\n    ResourceBundle b = ResourceBundle.getBundle(\"messages\", Locale.GERMAN);\n    System.out.println(b.getString(\"hi\"));\n    for (Greeter g : ServiceLoader.load(Greeter.class)) System.out.println(g.hi());\n    System.out.println(new String(Main.class.getResourceAsStream(\"/data/x.txt\").readAllBytes()).trim());\n    Process p = new ProcessBuilder(\"tr\", \"a-z\", \"A-Z\").start();\n    p.getOutputStream().write(\"started\".getBytes()); p.getOutputStream().close();\n    System.out.println(new String(p.getInputStream().readAllBytes()));\n    javax.crypto.Cipher.getInstance(\"AES/GCM/NoPadding\");\n    System.out.println(java.time.ZonedDateTime.of(2020, 7, 1, 0, 0, 0, 0, java.time.ZoneId.of(\"Europe/Berlin\")));\n  }\n}\nE\n" +
				"printf 'public class Plug implements Main.Greeter { public String hi() { return \"served\"; } }\\n' >src/Plug.java\njavac --release 17 -d out src/Main.java && javac --release 17 -cp out -d plug src/Plug.java\nmkdir -p out/data plug/META-INF/services; echo 'hi=hallo' >out/messages_de.properties; echo 'hi=hello' >out/messages.properties; echo 'a resource' >out/data/x.txt; echo Plug >'plug/META-INF/services/Main$Greeter'\njar -cf srv/app/app.jar -C out . && jar -cf srv/app/lib/plug.jar -C plug . && rm -r src out plug",
			work: "java -cp '/srv/app/app.jar:/srv/app/lib/*' Main", says: "STARTED",
		},
		{
			name: "elixir", packages: "elixir", config: cmd("elixir", "/app/main.exs"),
			files: map[string]string{"app/main.exs": "Code.require_file(\"lib/mine.ex\", __DIR__)\nIO.puts(Mine.hello(String.upcase(\"straße\")))\nIO.puts(:crypto.hash(:sha256, \"x\") |> Base.encode16() |> String.slice(0, 8))\n{out, 0} = System.cmd(\"expr\", [\"6\", \"*\", \"7\"])\nIO.write(out)\n", "app/lib/mine.ex": "defmodule Mine do\n  def hello(x), do: \"hello #{x}\"\nend\n"},
			work:  "HOME=/tmp LC_ALL=C.UTF-8 elixir /app/main.exs", says: "hello STRASSE",
		},
		{
			name: "guile", packages: "guile-3.0", config: cmd("guile", "/app/main.scm"),
			files: map[string]string{"app/main.scm": "(add-to-load-path (dirname (current-filename)))\n(use-modules (srfi srfi-1) (ice-9 match) (ice-9 popen) (ice-9 rdelim) (mine))\n(display (hello (fold + 0 '(40 2)))) (newline)\n(let ((p (open-input-pipe \"uname -s\"))) (display (read-line p)) (newline))\n", "app/mine.scm": "(define-module (mine) #:export (hello))\n(define (hello x) (string-append \"hello \" (number->string x)))\n"},
			work:  "HOME=/tmp GUILE_AUTO_COMPILE=0 guile /app/main.scm", says: "hello 42",
		},
		{
			name: "zsh", packages: "zsh", config: cmd("/app/main.zsh"),
			files: map[string]string{"app/main.zsh": "#!/usr/bin/zsh\nfpath=(${0:A:h}/functions $fpath)\nautoload -Uz mine zmv colors\nzmodload zsh/mathfunc zsh/datetime\nmine\nprint $(( int(sqrt(1764)) ))\n: >/tmp/a.txt; zmv '/tmp/(*).txt' '/tmp/$1.md' && print /tmp/*.md\n", "app/functions/mine": "print autoloaded\n"},
			work:  "/app/main.zsh", says: "autoloaded",
		},
		{
			name: "sbcl", packages: "sbcl", config: cmd("sbcl", "--script", "/app/main.lisp"),
			files: map[string]string{"app/main.lisp": "(require :asdf)\n(require :sb-posix)\n(load (merge-pathnames \"part.lisp\" *load-truename*))\n(format t \"~a ~a~%\" (part) (stringp (sb-posix:getcwd)))\n", "app/part.lisp": "(defun part () (string-upcase \"lisp parts\"))\n"},
			work:  "HOME=/tmp sbcl --script /app/main.lisp", says: "LISP PARTS",
		},
	}
}
