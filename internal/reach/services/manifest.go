package services

import (
	"strings"

	"github.com/careen/careen/internal/reach"
)

// manifests are where programs look that start what a file in YAML, TOML, JSON, Ruby or a
// form of their own says, if they are given nothing: their own manuals say so. What is
// called like the program in /etc comes on top, as for every program.
const manifests = "/var/lib/pebble/default/layers/* /etc/horust/services/* /etc/immortal/* /etc/containerpilot.* /etc/god.rb /etc/god/* /etc/monitrc /etc/monit/monitrc /etc/monit/conf.d/* /etc/monit/conf-enabled/* /etc/monit.d/* " +
	"/etc/chaperone.d/* /etc/telegraf/* /etc/telegraf/telegraf.d/* /etc/keepalived/* /etc/nagios/* /etc/nagios/nrpe.d/* /etc/fail2ban/*"

// manifestNames are those in the working directory.
const manifestNames = "process-compose.yml process-compose.yaml Taskfile.yml Taskfile.yaml justfile Justfile .justfile .air.toml"

// maxManifests bounds the files of one program.
const maxManifests = 500

// manifest follows a program whose files have command lines among other things: every
// string that begins with a program may be one.
func (r *reader) manifest(c call) {
	var files []string
	add := func(at string) {
		if r.w.IsFile(at) && len(files) < maxManifests {
			files = append(files, at)
		}
		for e := range r.w.Below(at) {
			if e.Mode.IsRegular() && len(files) < maxManifests {
				files = append(files, e.Path)
			}
		}
	}
	for name := range strings.FieldsSeq(manifestNames) {
		add(reach.Join(r.w.Workdir, name))
	}
	for _, at := range r.glob(manifests) {
		if strings.Contains(at, strings.TrimSuffix(strings.TrimSuffix(c.name, "dir"), "-server")) {
			add(at)
		}
	}
	for _, arg := range append([]string{r.w.Env["CONTAINERPILOT"], r.w.Env["PEBBLE"]}, c.args...) {
		if _, value, ok := strings.Cut(arg, "="); ok {
			arg = value
		}
		if at := reach.Join(r.w.Workdir, arg); strings.Trim(at, "/") != "" && !reach.IsSystemDir(at) && strings.ContainsAny(arg, "/.") {
			add(at)
		}
	}
	for _, at := range files {
		for _, line := range r.read(c.program, at, "configuration of "+c.name) {
			for _, command := range commandsIn(line) {
				if word, _, _ := strings.Cut(command, " "); len(word) > 1 {
					if _, ok := r.w.Find(word); ok {
						r.w.KeepLine(reach.Clean(at), "configuration of "+c.name, command)
					}
				}
			}
		}
	}
}

// commandsIn returns what of a line of configuration may be a command line: its strings,
// and what stands behind the key, or the mark of a list or a recipe.
func commandsIn(line string) []string {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return nil
	}
	var all []string
	for rest := line; ; {
		open := strings.IndexAny(rest, "\"'")
		if open < 0 {
			break
		}
		end := strings.IndexByte(rest[open+1:], rest[open])
		if end < 0 {
			break
		}
		all = append(all, strings.TrimSpace(rest[open+1:open+1+end]))
		rest = rest[open+end+2:]
	}
	bare := strings.TrimLeft(line, "-@ \t")
	all = append(all, bare)
	for _, separator := range []string{"=", ":", " "} {
		if _, value, ok := strings.Cut(bare, separator); ok {
			all = append(all, strings.Trim(strings.TrimSpace(value), "[]\"',; "))
		}
	}
	return all
}

// myInit follows the init of Phusion's base images
// (https://github.com/phusion/baseimage-docker): scripts, runit, and what it is given.
func (r *reader) myInit(c call) {
	for _, dir := range r.glob("/etc/my_init.d /etc/my_init.pre_shutdown.d /etc/my_init.post_shutdown.d") {
		r.parts(c, c.program, dir)
	}
	r.run(c, c.program, "/etc/rc.local", "started by my_init")
	for _, dir := range r.glob("/etc/container_environment /etc/service") {
		r.w.KeepNamedDir(c.program, dir, "my_init", true)
	}
	r.scanDir(c, "/etc/service")
	for i, arg := range c.args {
		if !strings.HasPrefix(arg, "-") {
			r.w.Run(c.trail, c.program, "my_init", c.args[i:])
			break
		}
		if arg == "--" {
			r.w.Run(c.trail, c.program, "my_init", c.args[i+1:])
			break
		}
	}
}
