package workload

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/lazy"
)

// runSwitches are the flags of docker run and podman run that take no value;
// every other flag takes the next word unless a value stands behind "=".
// Sources: docker-run(1), podman-run(1).
var runSwitches = map[string]bool{
	"--detach": true, "--interactive": true, "--tty": true, "--rm": true, "--init": true, "--privileged": true,
	"--read-only": true, "--publish-all": true, "--no-healthcheck": true, "--oom-kill-disable": true,
	"--sig-proxy": true, "--disable-content-trust": true, "--quiet": true, "--help": true, "--replace": true,
	"--tls-verify": true, "--http-proxy": true, "--rmi": true, "--no-hosts": true, "--no-hostname": true,
	"--env-host": true, "--passwd": true, "--read-only-tmpfs": true, "--unsetenv-all": true, "--use-api-socket": true,
}

// engineSocket is where Docker listens, and what --use-api-socket hands in.
const engineSocket = "/var/run/docker.sock"

// shortRun are the one-letter flags and the long ones that they represent.
var shortRun = map[byte]string{
	'a': "--attach", 'c': "--cpu-shares", 'd': "--detach", 'e': "--env", 'h': "--hostname", 'i': "--interactive",
	'l': "--label", 'm': "--memory", 'p': "--publish", 'P': "--publish-all", 'q': "--quiet", 't': "--tty", 'u': "--user",
	'v': "--volume", 'w': "--workdir",
}

// clientFlags are the flags of docker and podman before the verb that take a value.
var clientFlags = map[string]bool{
	"--config": true, "-c": true, "--context": true, "-H": true, "--host": true, "-l": true, "--log-level": true,
	"--tlscacert": true, "--tlscert": true, "--tlskey": true, "--connection": true, "--url": true, "--root": true,
	"--runroot": true, "--storage-driver": true, "--namespace": true, "-n": true, "--address": true,
}

// holdsFlags matches a variable that by its name holds flags, not for an image.
var holdsFlags = lazy.Regexp(`(?i)^"?\$.*(opt|flag|arg|param|vol|mount|env)`)

// runLines adds a service for each docker run among the commands.
func (f *File) runLines(commands []Command) {
	for _, c := range commands {
		if s, ok := runLine(c.Program()); ok {
			f.Services = append(f.Services, s)
		}
	}
}

// runLine reads docker run, docker create and their like of podman and nerdctl.
func runLine(words []Word) (Service, bool) {
	verb, ok := RunArguments(words)
	if !ok {
		return Service{}, false
	}
	s := Service{Name: path.Base(words[0].Value) + " run", Line: words[0].Line}
	for i := 0; i < len(verb); i++ {
		w := verb[i]
		if w.Value == "--" {
			continue
		}
		if !strings.HasPrefix(w.Value, "-") || w.Value == "-" {
			if !w.Static && holdsFlags().MatchString(w.Value) && i+1 < len(verb) {
				s.Partial = true
				continue
			}
			s.Image = w.image()
			for _, arg := range verb[i+1:] {
				s.Command = append(s.Command, Text{arg.Value, arg.Line})
			}
			return s, true
		}
		name, value, glued := flagOf(w.Value)
		for _, single := range name {
			switch {
			case glued:
				s.runFlag(single, value, w.Line)
			case runSwitches[single]:
				s.runFlag(single, "true", w.Line)
			case i+1 < len(verb):
				i++
				s.runFlag(single, verb[i].Value, verb[i].Line)
			}
		}
	}
	return Service{}, false // no image: help, or something cut off
}

// RunArguments returns the words behind the verb of docker run or docker
// create, and false for every other command.
func RunArguments(words []Word) ([]Word, bool) {
	if len(words) == 0 {
		return nil, false
	}
	switch path.Base(words[0].Value) {
	case "docker", "podman", "nerdctl", "docker.exe":
	default:
		return nil, false
	}
	words = words[1:]
	for len(words) > 0 {
		v := words[0].Value
		switch {
		case clientFlags[v] && len(words) > 1:
			words = words[2:]
		case strings.HasPrefix(v, "-") || v == "container":
			words = words[1:]
		case v == "run" || v == "create":
			return words[1:], true
		default:
			return nil, false
		}
	}
	return nil, false
}

// image is a word as a reference.
func (w Word) image() Image {
	image := Image{Value: w.Value, Start: -1, End: -1, Line: w.Line, Where: "docker run"}
	if w.whole {
		quotes := (w.End - w.Start - len(w.Value)) / 2
		image.Start, image.End = w.Start+quotes, w.End-quotes
	}
	return image
}

// flagOf splits a word into the long names of its flags and the value glued to
// the last: "--user=1", "-u1", "-itp80:80".
func flagOf(word string) (names []string, value string, glued bool) {
	if strings.HasPrefix(word, "--") {
		name, value, glued := strings.Cut(word, "=")
		return []string{name}, value, glued
	}
	for i := 1; i < len(word); i++ {
		name, ok := shortRun[word[i]]
		if !ok {
			name = "-" + word[i:i+1]
		}
		rest := word[i+1:]
		switch {
		case runSwitches[name] && !strings.HasPrefix(rest, "="):
			names = append(names, name)
			continue
		case rest != "" && len(names) == 0:
			return []string{name}, strings.TrimPrefix(rest, "="), true
		case rest != "":
			// Switches before it; all that follows is its value. The switches
			// change nothing that a service records.
			return []string{name}, strings.TrimPrefix(rest, "="), true
		}
		names = append(names, name)
	}
	return names, "", false
}

// runFlag records one flag.
func (s *Service) runFlag(name, value string, line int) {
	t := Text{value, line}
	on := Flag{value != "false", line}
	switch name {
	case "--name":
		s.Name += " " + value
	case "--user":
		s.User = t
	case "--privileged":
		s.Privileged = on
	case "--read-only":
		s.ReadOnly = on
	case "--cap-add":
		s.CapAdd = append(s.CapAdd, t)
	case "--cap-drop":
		s.CapDrop = append(s.CapDrop, t)
	case "--security-opt":
		s.securityOption(t)
	case "--network", "--net":
		s.Network = t
	case "--pid":
		s.PID = t
	case "--ipc":
		s.IPC = t
	case "--uts":
		s.UTS = t
	case "--userns":
		s.UserNS = t
	case "--cgroupns":
		s.CGroup = t
	case "--publish-all":
		s.PublishAll = on
	case "--label":
		s.Labels = append(s.Labels, assignment(value, line))
	case "--entrypoint":
		s.Command = append(s.Command, t)
	case "--use-api-socket":
		if on.Value {
			s.Mounts = append(s.Mounts, Mount{Source: engineSocket, Target: engineSocket, Line: line})
		}
	case "--tmpfs":
		t.Value, _, _ = strings.Cut(value, ":")
		s.Tmpfs = append(s.Tmpfs, t)
	case "--device", "--device-cgroup-rule":
		s.Devices = append(s.Devices, t)
	case "--volume":
		s.Mounts = append(s.Mounts, bindMount(value, line))
	case "--mount":
		s.mountFlag(value, line)
	case "--publish":
		s.Ports = append(s.Ports, publishedPort(value, line))
	case "--env":
		s.Environment = append(s.Environment, assignment(value, line))
	case "--health-cmd":
		s.Health = Flag{true, line}
		s.Command = append(s.Command, t)
	case "--no-healthcheck":
		s.Health = Flag{false, line}
	case "--memory":
		s.Memory = t
	case "--cpus", "--cpu-quota", "--cpu-shares":
		s.CPU = t
	case "--pids-limit":
		s.PIDs = t
	case "--restart":
		s.Restart = t
	}
}

// mountFlag reads --mount type=bind,source=…,target=…,readonly.
func (s *Service) mountFlag(value string, line int) {
	m := Mount{Line: line}
	kind := "volume"
	for _, option := range strings.Split(value, ",") {
		key, v, _ := strings.Cut(option, "=")
		switch key {
		case "type":
			kind = v
		case "source", "src":
			m.Source = v
		case "target", "dst", "destination":
			m.Target = v
		case "readonly", "ro":
			m.ReadOnly = v != "false"
		}
	}
	if kind == "tmpfs" {
		s.Tmpfs = append(s.Tmpfs, Text{m.Target, line})
		return
	}
	s.Mounts = append(s.Mounts, m)
}
