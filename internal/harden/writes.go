package harden

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
)

// sources notes the places that an application's own sources give to what writes.
func (a *analysis) sources(file string) {
	cfg := &a.src.Image.Config
	for _, w := range a.src.Reach.Writes(file) {
		name := w.Path
		switch {
		case path.IsAbs(name):
		case w.InDir:
			name = path.Join("/", path.Dir(file), name)
		default:
			name = path.Join("/", cfg.WorkingDir, name)
		}
		why := fmt.Sprintf("%s in /%s:%d", w.What, file, w.Line)
		if w.Line == 0 { // of Java's classes: it may be read
			why = fmt.Sprintf("%s, in /%s", w.What, file)
			if at, err := a.src.Tree.Resolve(name); err == nil && a.inhabited(path.Dir(at)) {
				continue
			}
			w.Dir = path.Ext(name) == ""
		}
		if value := a.env(w.Env); value != "" {
			name, why = value, why+", $"+w.Env
			w.Dir = w.Dir || path.Ext(value) == ""
		}
		if w.Open && !strings.HasSuffix(name, "/") {
			name = path.Dir(name) + "/" // the rest of it is not known
		}
		a.writesTo(name, w.Dir || strings.HasSuffix(name, "/"), why, Likely)
	}
}

// env returns what the configuration sets a variable to.
func (a *analysis) env(name string) string {
	for _, kv := range slices.Backward(a.src.Image.Config.Env) {
		if key, value, _ := strings.Cut(kv, "="); key == name && name != "" {
			return value
		}
	}
	return ""
}

// writesTo notes that a file or a directory is written, wherever it is. Where its
// directory has the program in it, no mount can make it writable.
func (a *analysis) writesTo(name string, dir bool, why string, how Confidence) {
	at := strings.Trim(path.Clean(name), "/")
	if e, ok := a.src.Tree.Lookup(at); ok && e.Mode&fs.ModeSymlink != 0 && isDevice(e.Linkname) || isDevice("/"+at) || at == "" {
		return
	}
	if resolved, err := a.src.Tree.Resolve(at); err == nil {
		at = resolved
		if e, ok := a.src.Tree.Lookup(at); ok && e.Mode.IsDir() {
			dir = true
		}
	}
	if !dir {
		at = path.Dir(at)
	}
	if resolved, err := a.src.Tree.Resolve(at); err == nil {
		at = resolved
	} else if below, ok := strings.CutPrefix(at, "var/run/"); ok {
		at = "run/" + below
	}
	switch {
	case at == "tmp" || strings.HasPrefix(at, "tmp/"):
		a.write("tmp", why, how)
	case at == "." || a.inhabited(at):
		a.uncovered = append(a.uncovered, Advice{name, why + ": its directory has the program's files, which a mount would hide", how})
	default:
		a.write(at, why, how)
	}
}

func isDevice(name string) bool {
	return strings.HasPrefix(name, "/dev/") || strings.HasPrefix(name, "/proc/") || strings.HasPrefix(name, "/sys/")
}

// inhabited reports whether what is reached lies in a directory, other than in one
// for changing data.
func (a *analysis) inhabited(dir string) bool {
	if dir == "run" || dir == "var/log" || isPlace(dir) {
		return false
	}
	if a.lived == nil {
		a.lived = map[string]bool{}
		for e, state := range a.src.Reach.Files() {
			if state == reach.NotReached || e.Mode.IsDir() {
				continue
			}
			for up := path.Dir(e.Path); up != "." && !a.lived[up]; up = path.Dir(up) {
				a.lived[up] = true
			}
		}
	}
	return a.lived[dir]
}

// directives are the settings of servers that name what they write: nginx
// (https://nginx.org/en/docs/dirindex.html), Apache httpd
// (https://httpd.apache.org/docs/2.4/mod/directives.html), redis.conf,
// postgresql.conf, my.cnf, php.ini and supervisord.conf. true is a directory.
var directives = map[string]bool{
	"error_log": false, "access_log": false, "pid": false, "lock_file": false, "client_body_temp_path": true, "proxy_temp_path": true,
	"fastcgi_temp_path": true, "uwsgi_temp_path": true, "scgi_temp_path": true, "proxy_cache_path": true, "fastcgi_cache_path": true,
	"errorlog": false, "customlog": false, "transferlog": false, "pidfile": false, "scoreboardfile": false, "cacheroot": true, "davlockdb": false,
	"dir": true, "logfile": false, "unixsocket": false,
	"data_directory": true, "log_directory": true, "external_pid_file": false, "unix_socket_directories": true, "stats_temp_directory": true,
	"datadir": true, "log-error": false, "log_error": false, "pid-file": false, "pid_file": false, "socket": false, "tmpdir": true,
	"slow_query_log_file": false, "slow-query-log-file": false, "general_log_file": false, "general-log-file": false,
	"session.save_path": true, "upload_tmp_dir": true, "stdout_logfile": false, "stderr_logfile": false, "childlogdir": true,
}

// servers says where the settings of a program are, next to the files that its
// command line names.
var servers = map[string][]string{
	"nginx": {"etc/nginx/"}, "apache2": {"etc/apache2/"}, "httpd": {"etc/httpd/", "usr/local/apache2/conf/"}, "redis-server": {"etc/redis/"},
	"valkey-server": {"etc/valkey/"}, "postgres": {"etc/postgresql/"}, "mariadbd": {"etc/mysql/", "etc/my.cnf"}, "mysqld": {"etc/mysql/", "etc/my.cnf"},
	"supervisord": {"etc/supervisor/"},
}

// settings notes what a file of settings says is written.
func (a *analysis) settings(file string) {
	text, ok := a.src.Reach.Text(file)
	if !ok {
		return
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		fields := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n=;\"'", r) })
		if len(fields) < 2 {
			continue
		}
		dir, known := directives[strings.ToLower(fields[0])]
		if value := fields[1]; known && strings.HasPrefix(value, "/") && !strings.Contains(value, "$") {
			a.writesTo(value, dir, fmt.Sprintf("%s in /%s:%d", fields[0], file, number), Sure)
		}
	}
}

// writers say where programs write that neither their command line nor their
// settings name (ssh-keygen(1) -A, postfix's queue_directory and data_directory,
// cron(8), rsyslogd(8)).
var writers = map[string][]string{
	"ssh-keygen": {"/etc/ssh/"},
	"postfix":    {"/var/spool/postfix/", "/var/lib/postfix/"},
	"cron":       {"/run/"}, "crond": {"/run/"},
	"rsyslogd": {"/var/log/", "/run/"},
}

// supervisors keep the state of each service in its folder, below the directory
// that follows their name (s6-svscan, runsvdir(8), svscan).
var supervisors = []string{"s6-svscan", "runsvdir", "svscan"}

// conventions notes where what is started writes of itself, and what the command
// line and the environment name for it.
func (a *analysis) conventions(base string) {
	for _, dir := range writers[base] {
		a.writesTo(dir, true, base+" writes there", Likely)
	}
	switch {
	case base == "java":
		a.write("tmp", "Java's temporary files and performance data (java.io.tmpdir)", Likely)
	case base == "gunicorn":
		a.write("tmp", "gunicorn's heartbeat files (worker_tmp_dir)", Likely)
	case base == "npm" || base == "npm-cli.js":
		home := a.env("HOME")
		if home == "" {
			home = "/root"
		}
		a.write(strings.Trim(home, "/")+"/.npm", "npm's cache and logs", Guess)
	}
}

// named notes the places of changing data in the command line and in the
// environment.
func (a *analysis) named() {
	cfg := &a.src.Image.Config
	words := slices.Concat(cfg.Entrypoint, cfg.Cmd, strings.Fields(a.env("JAVA_TOOL_OPTIONS")), strings.Fields(a.env("JAVA_OPTS")))
	for i, word := range words {
		if slices.Contains(supervisors, path.Base(word)) {
			for _, dir := range words[i+1:] {
				if strings.HasPrefix(dir, "/") {
					a.uncovered = append(a.uncovered, Advice{dir, path.Base(word) + " keeps the state of each service in its folder there, which a mount would hide", Sure})
					break
				}
			}
		}
		option, value, _ := strings.Cut(word, "=")
		switch {
		case option == "-Djava.io.tmpdir" || option == "-XX:HeapDumpPath":
			a.writesTo(value, true, word, Sure)
		case option == "-XX:ErrorFile" || option == "--log-file" || option == "--pid" || option == "--pidfile":
			a.writesTo(value, false, word, Sure)
		case option == "--worker-tmp-dir" && value == "" && i+1 < len(words):
			a.writesTo(words[i+1], true, word, Sure)
		default:
			for _, name := range []string{word, value} {
				if dir, ok := a.placeOf(strings.TrimPrefix(name, "unix:")); ok && strings.HasPrefix(strings.TrimPrefix(name, "unix:"), "/") {
					a.write(dir, "the command line names "+name, Likely)
				}
			}
		}
	}
	for _, kv := range cfg.Env {
		key, value, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(value, "/") && !strings.Contains(value, ":") && isPlaceVariable(key) {
			a.writesTo(value, path.Ext(value) == "", "ENV "+key, Likely)
		}
	}
}

// isPlaceVariable reports whether a variable's name says that it holds a place to
// write.
func isPlaceVariable(key string) bool {
	switch key {
	case "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "npm_config_cache", "PGDATA", "PYTHONPYCACHEPREFIX":
		return true
	}
	first, rest, ok := strings.Cut(strings.ToUpper(key), "_")
	for ok && strings.Contains(rest, "_") {
		first, rest, ok = strings.Cut(rest, "_")
	}
	switch rest {
	case "DIR", "PATH", "FOLDER", "FILE":
		switch first {
		case "DATA", "LOG", "LOGS", "CACHE", "UPLOAD", "UPLOADS", "STATE", "STORAGE", "SPOOL", "PID", "DB", "MEDIA":
			return true
		}
	}
	return false
}
