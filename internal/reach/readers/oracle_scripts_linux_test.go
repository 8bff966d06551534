package readers

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// traced is a program that is run under strace and must open nothing that is
// called not reached.
type traced struct {
	name  string
	files map[string]string
	argv  []string
	env   []string
	url   string // it is a server, and asked this
}

func (c traced) check(t *testing.T, root string) {
	for name, content := range c.files {
		writeFile(t, root, name, content)
	}
	r := computeDir(t, root, image.Config{Cmd: c.argv, Env: c.env})
	var probe func()
	if c.url != "" {
		probe = getUntilAnswered(t, c.url)
	}
	checkTrace(t, r, traceOpened(t, root, c.env, c.argv, probe))
}

// The autoloader is of the shape that Composer writes.
var composerApp = map[string]string{
	"srv/php/run.php": `<?php
require __DIR__ . '/vendor/autoload.php';
$config = require 'config/app.php';
use Acme\Greeter;
echo (new Greeter)->hello($config['name']), json_encode(['a' => 1]), date('Y'), shell_exec('uname -s'), "\n";
exec('sha1sum ' . escapeshellarg(__FILE__), $out);
$p = proc_open(['stat', '-c', '%n', '/'], [], $pipes);
proc_close($p);
foreach (glob(__DIR__ . '/plugins/*.php') as $f) { include $f; }
$class = 'Acme\\Plugin\\' . ucfirst('late');
echo (new $class)->run(), hash('sha256', 'x'), (new DateTime('now', new DateTimeZone('Europe/Berlin')))->format('e'), "\n";
`,
	"srv/php/config/app.php":      "<?php return ['name' => getenv('NAME') ?: 'you'];\n",
	"srv/php/plugins/one.php":     "<?php echo 'one';\n",
	"srv/php/vendor/autoload.php": "<?php\nrequire_once __DIR__ . '/composer/autoload_real.php';\nreturn ComposerAutoloaderInit1::getLoader();\n",
	"srv/php/vendor/composer/autoload_real.php": `<?php
class ComposerAutoloaderInit1 {
    public static function getLoader() {
        $map = require __DIR__ . '/autoload_psr4.php';
        spl_autoload_register(function ($class) use ($map) {
            foreach ($map as $prefix => $dirs) {
                if (strncmp($class, $prefix, strlen($prefix)) !== 0) { continue; }
                foreach ($dirs as $dir) {
                    $file = $dir . '/' . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
                    if (is_file($file)) { include $file; return; }
                }
            }
        });
        foreach (require __DIR__ . '/autoload_files.php' as $file) { require $file; }
    }
}
`,
	"srv/php/vendor/composer/autoload_psr4.php":       "<?php $v = dirname(__DIR__); return ['Acme\\\\' => [$v . '/acme/greeter/src']];\n",
	"srv/php/vendor/composer/autoload_files.php":      "<?php $v = dirname(__DIR__); return ['x' => $v . '/acme/greeter/functions.php'];\n",
	"srv/php/vendor/acme/greeter/functions.php":       "<?php function greet($x) { return \"hello $x\"; }\n",
	"srv/php/vendor/acme/greeter/src/Greeter.php":     "<?php namespace Acme; class Greeter { function hello($x) { return \\greet($x); } }\n",
	"srv/php/vendor/acme/greeter/src/Plugin/Late.php": "<?php namespace Acme\\Plugin; class Late { function run() { return file_get_contents(__DIR__ . '/late.txt'); } }\n",
	"srv/php/vendor/acme/greeter/src/Plugin/late.txt": "late\n",
	"srv/php/vendor/composer/installed.json":          `{"packages":[{"name":"acme/greeter","version":"1.0.0","type":"library"}]}`,
}

var rackApp = map[string]string{
	"srv/rb/app.rb": `require 'webrick'
require 'json'
require 'erb'
require 'digest'
require 'time'
require 'yaml'
require 'open3'
require_relative 'lib/greeter'
autoload :Late, File.join(__dir__, 'lib', 'late.rb')
s = WEBrick::HTTPServer.new(Port: 6395, BindAddress: '127.0.0.1')
s.mount_proc('/') do |req, res|
  page = ERB.new(File.read(File.expand_path('views/index.erb', __dir__))).result_with_hash(x: Greeter.hello)
  res.body = page + JSON.generate(a: Digest::SHA256.hexdigest('x')) + Late::X + YAML.load('a: 1').to_s + %x(uname -s) + Open3.capture2('wc', '-l', stdin_data: 'x').first
  system("sha1sum #{__FILE__}", out: File::NULL)
end
trap('TERM') { s.shutdown }
s.start
`,
	"srv/rb/lib/greeter.rb":  "module Greeter; def self.hello; require 'set'; Set.new(['hello']).first; end; end\n",
	"srv/rb/lib/late.rb":     "module Late; X = 'late'; end\n",
	"srv/rb/views/index.erb": "<h1><%= x %></h1>\n",
}

// tools is a script of the kind that images have as their entrypoint.
var tools = map[string]string{
	"usr/local/bin/entry": `#!/bin/bash
set -Eeuo pipefail
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
source "$here/lib/functions.sh"
. /etc/app/env.d/common.env
for f in /docker-entrypoint.d/*; do
	case "$f" in
		*.sh) [ -x "$f" ] && "$f" || . "$f" ;;
		*.conf) cat "$f" ;;
		*) echo "ignored $f" ;;
	esac
done
declare -A handlers=([serve]=do_serve [check]=do_check)
"${handlers[$1]}" "${@:2}"
TOOL=sed
printf 'b\na\n' | "$TOOL" -e s/a/c/ | $SORTER
mapfile -t lines <<< "$(grep -r x /etc/app || true)"
cat <<-END | tee /dev/null
	$(hostname 2>/dev/null || echo host) ${lines[*]:-none}
END
command -v awk >/dev/null && awk 'BEGIN { print "awk" }'
exec cat "${@:2}"
`,
	"usr/local/bin/lib/functions.sh": "do_serve() { local cmd=stat; \"$cmd\" -c %n \"$1\"; log serve; }\ndo_check() { exit 1; }\nlog() { date +%Y; }\n",
	"etc/app/env.d/common.env":       "SORTER=sort\nexport SORTER\n",
	"docker-entrypoint.d/10-a.sh":    "#!/bin/sh\nuname -s\n. /etc/app/extra\n",
	"docker-entrypoint.d/20-b.conf":  "x\n",
	"etc/app/extra":                  "wc -l /etc/passwd\n",
	"srv/data.txt":                   "data\n",
}

func TestScriptsOpenNothingUnreached(t *testing.T) {
	needsTrace(t)
	root := debianRoot(t, imagetest.DebianScripts...)
	for _, c := range []traced{
		{name: "php", files: composerApp, argv: []string{"php", "/srv/php/run.php"}},
		{name: "php server", files: composerApp, argv: []string{"php", "-S", "127.0.0.1:6396", "-t", "/srv/php", "/srv/php/run.php"}, url: "http://127.0.0.1:6396/"},
		{name: "ruby", files: rackApp, argv: []string{"ruby", "/srv/rb/app.rb"}, url: "http://127.0.0.1:6395/"},
		{name: "ruby -r", argv: []string{"ruby", "-rjson", "-rsocket", "-ropenssl", "-e", "puts JSON.generate([Socket.gethostname.size > 0, OpenSSL::Digest::SHA256.hexdigest('x')])"}},
		{name: "gem", argv: []string{"gem", "list"}},
		{name: "rackup", files: map[string]string{"srv/rack/config.ru": "require 'json'\nrun ->(env) { [200, {'content-type' => 'application/json'}, [JSON.generate(path: env['PATH_INFO'])]] }\n"},
			argv: []string{"rackup", "-o", "127.0.0.1", "-p", "6397", "/srv/rack/config.ru"}, url: "http://127.0.0.1:6397/"},
		{name: "apachectl", files: map[string]string{"var/www/html/index.html": "<p>it works</p>\n"},
			argv: []string{"apachectl", "-D", "FOREGROUND"}, url: "http://127.0.0.1:80/"},
		{name: "entrypoint", files: tools, argv: []string{"entry", "serve", "/srv/data.txt"}, env: []string{"PATH=/usr/local/bin:/usr/sbin:/usr/bin:/bin"}},
		{name: "busybox", argv: []string{"busybox", "sh", "-c", "ls / | head -2; busybox date >/dev/null; cat /etc/hostname; /bin/busybox id"}},
		{name: "python yaml", files: map[string]string{"srv/py/run.py": "import yaml, click, ctypes.util, sqlite3, ssl, lzma, curses, readline\nprint(yaml.dump(yaml.load('a: [1]', Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader))), ssl.OPENSSL_VERSION)\n@click.command()\n@click.option('--n', default=1)\ndef main(n):\n    click.echo(n)\nmain()\n"},
			argv: []string{"python3", "/srv/py/run.py"}, env: []string{"LANG=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/bin"}},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, root) })
	}
}

// esmApp uses packages whose entry depends on conditions, imports of their own
// ("#name"), a prebuilt addon, JSON, a worker and a dynamic import.
var esmApp = map[string]string{
	"srv/esm/package.json": `{"name":"app","version":"1.0.0","type":"module","imports":{"#greet":{"node":"./src/greet.js","default":"./src/other.js"},"#lib/*":"./src/lib/*.js"}}`,
	"srv/esm/main.js": `import chalk from 'chalk'
import { greet } from '#greet'
import one from '#lib/one'
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
const require = createRequire(import.meta.url)
const bufferutil = require('bufferutil')
const buf = Buffer.alloc(4)
bufferutil.mask(Buffer.from('abcd'), Buffer.from([1, 2, 3, 4]), buf, 0, 4)
const { default: late } = await import('./src/late.mjs')
console.log(chalk.green(greet()), one, late, buf, readFileSync(new URL('./data.json', import.meta.url), 'utf8'), require('./data.json').x)
await new Promise(done => new Worker(new URL('./src/worker.js', import.meta.url)).on('exit', done))
`,
	"srv/esm/src/greet.js":   "export const greet = () => 'hello'\n",
	"srv/esm/src/other.js":   "export const greet = () => 'other'\n",
	"srv/esm/src/lib/one.js": "export default 1\n",
	"srv/esm/src/late.mjs":   "export default 'late'\n",
	"srv/esm/src/worker.js":  "import { greet } from '#greet'\ngreet()\n",
	"srv/esm/data.json":      `{"x": 1}`,
}

func TestModulesOfNodeOpenNothingUnreached(t *testing.T) {
	needsTrace(t)
	root := debianRoot(t, imagetest.DebianNode...)
	npmInstalled(t, root, "srv/esm", "chalk@5", "bufferutil@4")
	traced{files: esmApp, argv: []string{"node", "/srv/esm/main.js"}}.check(t, root)
}

// execServer is a Go program that runs others: by a constant name, one next to
// itself, and one that a variable of the configuration names.
const execServer = `package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	self, _ := os.Executable()
	for _, argv := range [][]string{{"tar", "--version"}, {filepath.Join(filepath.Dir(self), "helper")}, {os.Getenv("HOOK")}} {
		out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
		fmt.Println(string(out), err)
	}
}
`

func TestProgramsThatRunOthersOpenNothingUnreached(t *testing.T) {
	needsTrace(t)
	root := debianRoot(t, imagetest.DebianServers...)
	source := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(source, []byte(execServer), 0o644); err != nil {
		t.Fatal(err)
	}
	writeFile(t, root, "opt/app/helper", "#!/bin/sh\nuname\n")
	writeFile(t, root, "opt/hooks/hook.sh", "#!/bin/bash\nsha256sum /etc/os-release\n")
	build := exec.Command("go", "build", "-o", filepath.Join(root, "opt/app/server"), source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	mountProc(t, root)
	traced{argv: []string{"/opt/app/server"}, env: []string{"PATH=/usr/sbin:/usr/bin:/bin", "HOOK=/opt/hooks/hook.sh"}}.check(t, root)
}
