package workload

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// compose reads a compose file.
func (d *document) compose(root *yaml.Node) {
	d.interpolate(root, "", 0)
	services := d.fields(d.get(root, "services"))
	bound := d.boundVolumes(root)
	byName := map[string]*yaml.Node{}
	for _, s := range services {
		byName[s.key] = s.value
	}
	for _, s := range services {
		if s.value.Kind != yaml.MappingNode {
			continue
		}
		service := Service{Name: s.key, Line: s.line}
		fields := d.extended(s.value, byName, &service.Partial, 0)
		for _, f := range fields {
			d.composeField(&service, f)
		}
		for i, m := range service.Mounts {
			if source, ok := bound[m.Source]; ok {
				service.Mounts[i].Source = source
			}
		}
		d.file.Services = append(d.file.Services, service)
	}
}

// extended returns the fields of a service with those of the service that it
// extends behind its own. One of another file is not read: partial is set.
func (d *document) extended(n *yaml.Node, byName map[string]*yaml.Node, partial *bool, depth int) []field {
	fields := d.fields(n)
	base := d.get(n, "extends")
	if base == nil {
		return fields
	}
	name := scalar(base)
	if base.Kind == yaml.MappingNode {
		name = scalar(d.get(base, "service"))
		if d.get(base, "file") != nil {
			name = ""
		}
	}
	target := byName[name]
	if target == nil || depth >= maxMerges {
		*partial = true
		return fields
	}
	seen := map[string]bool{}
	for _, f := range fields {
		seen[f.key] = true
	}
	for _, f := range d.extended(target, byName, partial, depth+1) {
		if !seen[f.key] || listSetting[f.key] {
			fields = append(fields, f)
		}
	}
	return fields
}

// listSetting are the keys whose lists are joined by extends rather than replaced.
var listSetting = map[string]bool{
	"cap_add": true, "cap_drop": true, "security_opt": true, "ports": true, "volumes": true, "tmpfs": true, "devices": true, "environment": true, "labels": true,
}

func (d *document) composeField(s *Service, f field) {
	where := "services." + s.Name + ".image"
	switch f.key {
	case "image":
		if s.Image.Line == 0 {
			s.Image = d.image(f.value, where)
		}
	case "build":
		s.Build = true
		s.BuildArgs = append(s.BuildArgs, d.variables(d.get(f.value, "args"))...)
		s.Privileged = override(s.Privileged, onlyOn(flag(d.get(f.value, "privileged"))))
		d.composeBuild(f.value, "services."+s.Name+".build")
	case "command", "entrypoint":
		s.Command = append(s.Command, d.texts(f.value)...)
	case "labels":
		s.Labels = append(s.Labels, d.variables(f.value)...)
	case "use_api_socket":
		if use := flag(f.value); use.On() {
			s.Mounts = append(s.Mounts, Mount{Source: engineSocket, Target: engineSocket, Line: f.line})
		}
	case "user":
		s.User = text(f.value)
	case "privileged":
		s.Privileged = override(s.Privileged, flag(f.value))
	case "read_only":
		s.ReadOnly = flag(f.value)
	case "cap_add":
		s.CapAdd = append(s.CapAdd, d.texts(f.value)...)
	case "cap_drop":
		s.CapDrop = append(s.CapDrop, d.texts(f.value)...)
	case "security_opt":
		for _, t := range d.texts(f.value) {
			s.securityOption(t)
		}
	case "network_mode":
		s.Network = text(f.value)
	case "pid":
		s.PID = text(f.value)
	case "ipc":
		s.IPC = text(f.value)
	case "uts":
		s.UTS = text(f.value)
	case "userns_mode":
		s.UserNS = text(f.value)
	case "cgroup":
		s.CGroup = text(f.value)
	case "tmpfs":
		for _, t := range d.texts(f.value) {
			t.Value, _, _ = strings.Cut(t.Value, ":")
			s.Tmpfs = append(s.Tmpfs, t)
		}
	case "post_start", "pre_stop":
		for _, hook := range d.items(f.value) {
			s.Privileged = override(s.Privileged, onlyOn(flag(d.get(hook, "privileged"))))
			s.Command = append(s.Command, d.texts(d.get(hook, "command"))...)
			s.Environment = append(s.Environment, d.variables(d.get(hook, "environment"))...)
		}
	case "devices", "device_cgroup_rules":
		s.Devices = append(s.Devices, d.texts(f.value)...)
	case "volumes":
		for _, item := range d.items(f.value) {
			s.composeVolume(d, item)
		}
	case "ports":
		for _, item := range d.items(f.value) {
			s.composePort(d, item)
		}
	case "environment":
		s.Environment = append(s.Environment, d.variables(f.value)...)
	case "healthcheck":
		s.Health = d.composeHealth(f)
		s.Command = append(s.Command, d.texts(d.get(f.value, "test"))...)
	case "mem_limit":
		s.Memory = text(f.value)
	case "cpus", "cpu_quota":
		s.CPU = text(f.value)
	case "pids_limit":
		s.PIDs = text(f.value)
	case "deploy":
		limits := d.get(f.value, "resources", "limits")
		s.Memory = firstSet(s.Memory, text(d.get(limits, "memory")))
		s.CPU = firstSet(s.CPU, text(d.get(limits, "cpus")))
		s.PIDs = firstSet(s.PIDs, text(d.get(limits, "pids")))
		s.Restart = firstSet(s.Restart, text(d.get(f.value, "restart_policy", "condition")))
		s.Labels = append(s.Labels, d.variables(d.get(f.value, "labels"))...)
	case "restart":
		s.Restart = text(f.value)
	}
}

// composeBuild notes the images that a build takes files and layers from, and
// the Dockerfile that stands in the file.
func (d *document) composeBuild(n *yaml.Node, where string) {
	contexts := d.get(n, "additional_contexts")
	for _, f := range d.fields(contexts) {
		d.prefixed(f.value, "docker-image://", where+".additional_contexts."+f.key)
	}
	if contexts != nil && contexts.Kind == yaml.SequenceNode {
		for _, item := range d.items(contexts) {
			name, _, _ := strings.Cut(scalar(item), "=")
			d.prefixed(item, name+"=docker-image://", where+".additional_contexts."+name)
		}
	}
	for _, item := range d.items(d.get(n, "cache_from")) {
		d.cacheImage(item, where+".cache_from")
	}
	d.inline(d.get(n, "dockerfile_inline"), where+".dockerfile_inline")
}

// prefixed notes the image that a scalar names behind a prefix.
func (d *document) prefixed(n *yaml.Node, prefix, where string) {
	image := d.image(n, where)
	rest, ok := strings.CutPrefix(image.Value, prefix)
	if !ok || rest == "" {
		return
	}
	image.Value = rest
	if image.Start >= 0 {
		image.Start += len(prefix)
	}
	d.file.Images = append(d.file.Images, image)
}

// boundVolumes are the named volumes that represent a path of the host: those of
// the local driver with a device (docs.docker.com, "volume create", driver-specific options).
func (d *document) boundVolumes(root *yaml.Node) map[string]string {
	bound := map[string]string{}
	for _, v := range d.fields(d.get(root, "volumes")) {
		options := d.get(v.value, "driver_opts")
		if device := scalar(d.get(options, "device")); strings.HasPrefix(device, "/") && strings.Contains(scalar(d.get(options, "o")), "bind") {
			bound[v.key] = device
		}
	}
	return bound
}

// onlyOn is a flag that counts only when it is on.
func onlyOn(f Flag) Flag {
	if f.On() {
		return f
	}
	return Flag{}
}

func firstSet(a, b Text) Text {
	if a.Line > 0 {
		return a
	}
	return b
}

// composeHealth reads a healthcheck: NONE and disable switch off that of the image.
func (d *document) composeHealth(f field) Flag {
	if flag(d.get(f.value, "disable")).On() {
		return Flag{false, f.line}
	}
	test := d.texts(d.get(f.value, "test"))
	if len(test) > 0 && test[0].Value == "NONE" {
		return Flag{false, f.line}
	}
	return Flag{true, f.line}
}

// securityOption sorts one --security-opt, of which "no-new-privileges" may
// stand alone or with a value behind ":" or "=".
func (s *Service) securityOption(t Text) {
	s.SecurityOpt = append(s.SecurityOpt, t)
	at := strings.IndexAny(t.Value, ":=")
	key, value := t.Value, ""
	if at >= 0 {
		key, value = t.Value[:at], t.Value[at+1:]
	}
	switch key {
	case "no-new-privileges":
		s.NoNewPrivileges = Flag{value != "false", t.Line}
	case "seccomp":
		s.Seccomp = Text{value, t.Line}
	case "apparmor":
		s.AppArmor = Text{value, t.Line}
	}
}

// composeVolume reads both syntaxes of a service's volumes.
func (s *Service) composeVolume(d *document, n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		m := Mount{
			Source: scalar(d.get(n, "source")), Target: scalar(d.get(n, "target")),
			ReadOnly: flag(d.get(n, "read_only")).On(), Line: n.Line,
		}
		if scalar(d.get(n, "type")) == "tmpfs" {
			s.Tmpfs = append(s.Tmpfs, Text{m.Target, n.Line})
			return
		}
		if scalar(d.get(n, "type")) == "image" {
			d.prefixed(d.get(n, "source"), "", "services."+s.Name+".volumes")
			return
		}
		s.Mounts = append(s.Mounts, m)
		return
	}
	if v := scalar(n); v != "" {
		s.Mounts = append(s.Mounts, bindMount(v, n.Line))
	}
}

// bindMount reads SOURCE:TARGET:OPTIONS, as compose and docker run -v take it.
// The colon of a Windows drive belongs to its path.
func bindMount(v string, line int) Mount {
	parts := splitColons(v)
	m := Mount{Line: line}
	switch len(parts) {
	case 1:
		m.Target = parts[0]
	default:
		m.Source, m.Target = parts[0], parts[1]
	}
	if len(parts) > 2 {
		for _, option := range strings.Split(parts[2], ",") {
			m.ReadOnly = m.ReadOnly || option == "ro" || option == "readonly"
		}
	}
	return m
}

// splitColons splits at colons that are not inside ${…} or behind a drive letter.
func splitColons(v string) []string {
	var parts []string
	start, depth := 0, 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '{':
			depth++
		case '}':
			depth--
		case ':':
			drive := i == start+1 && i+1 < len(v) && (v[i+1] == '\\' || v[i+1] == '/' && len(parts) == 0 && letter(v[start]))
			if depth <= 0 && !drive {
				parts = append(parts, v[start:i])
				start = i + 1
			}
		}
	}
	return append(parts, v[start:])
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func (s *Service) composePort(d *document, n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		p := Port{
			HostIP: scalar(d.get(n, "host_ip")), Host: scalar(d.get(n, "published")),
			Container: scalar(d.get(n, "target")), Long: true, Line: n.Line,
		}
		if protocol := scalar(d.get(n, "protocol")); protocol != "" && protocol != "tcp" {
			p.Container += "/" + protocol
		}
		s.Ports = append(s.Ports, p)
		return
	}
	if v := scalar(n); v != "" {
		s.Ports = append(s.Ports, publishedPort(v, n.Line))
	}
}

// publishedPort reads [HOSTIP:][HOST:]CONTAINER, where an IPv6 address stands
// in brackets.
func publishedPort(v string, line int) Port {
	p := Port{Line: line}
	if strings.HasPrefix(v, "[") {
		if end := strings.Index(v, "]:"); end > 0 {
			p.HostIP, v = v[1:end], v[end+2:]
		}
	}
	parts := splitColons(v)
	p.Container = parts[len(parts)-1]
	if len(parts) > 1 {
		p.Host = parts[len(parts)-2]
	}
	if len(parts) > 2 {
		p.HostIP = strings.Join(parts[:len(parts)-2], ":")
	}
	return p
}

// variables reads an environment, as a mapping or as a list of NAME=VALUE.
func (d *document) variables(n *yaml.Node) []Variable {
	var list []Variable
	for _, f := range d.fields(n) {
		list = append(list, Variable{Name: f.key, Value: scalar(f.value), Set: text(f.value).Line > 0, Line: f.line})
	}
	if n != nil && n.Kind == yaml.SequenceNode {
		for _, t := range d.texts(n) {
			list = append(list, assignment(t.Value, t.Line))
		}
	}
	return list
}

// assignment reads NAME=VALUE, or NAME alone.
func assignment(v string, line int) Variable {
	name, value, set := strings.Cut(v, "=")
	return Variable{Name: name, Value: value, Set: set, Line: line}
}
