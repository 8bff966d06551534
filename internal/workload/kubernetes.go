package workload

import (
	"go.yaml.in/yaml/v3"
)

// maxLists bounds how deep lists of objects may nest; kubectl knows one level.
const maxLists = 4

// kubernetes reads one object: whatever holds a pod's specification, or a list
// of such. Kinds of custom resources that keep to the shape are read as well.
func (d *document) kubernetes(root *yaml.Node, depth int) {
	if items := d.get(root, "items"); items != nil && depth < maxLists {
		for _, item := range d.items(items) {
			d.kubernetes(item, depth+1)
		}
		return
	}
	spec := d.podSpec(root)
	if spec == nil {
		return
	}
	object := scalar(d.get(root, "kind"))
	name := scalar(d.get(root, "metadata", "name"))
	if name == "" {
		name = scalar(d.get(root, "metadata", "generateName"))
	}
	pod := d.pod(spec)
	for _, list := range []string{"initContainers", "containers", "ephemeralContainers"} {
		for _, container := range d.items(d.get(spec, list)) {
			if container.Kind != yaml.MappingNode {
				continue
			}
			s := pod
			s.Line = container.Line
			s.Name = object + "/" + name + " " + scalar(d.get(container, "name"))
			// An init container that always restarts is a sidecar.
			s.Init = list == "initContainers" && scalar(d.get(container, "restartPolicy")) != "Always"
			d.container(&s, container, spec)
			d.file.Services = append(d.file.Services, s)
		}
	}
}

// podSpec finds the PodSpec of an object: Pod, PodTemplate, what has a template
// (Deployment, StatefulSet, DaemonSet, ReplicaSet, Job…), and CronJob.
func (d *document) podSpec(root *yaml.Node) *yaml.Node {
	for _, path := range [][]string{
		{"spec"},
		{"spec", "template", "spec"},
		{"spec", "jobTemplate", "spec", "template", "spec"},
		{"template", "spec"},
	} {
		if spec := d.get(root, path...); spec != nil && d.get(spec, "containers") != nil {
			return spec
		}
	}
	return nil
}

// pod reads what all containers of a pod share.
func (d *document) pod(spec *yaml.Node) Service {
	s := Service{
		TokenMounted:   flag(d.get(spec, "automountServiceAccountToken")),
		ServiceAccount: firstSet(text(d.get(spec, "serviceAccountName")), text(d.get(spec, "serviceAccount"))),
		Restart:        text(d.get(spec, "restartPolicy")),
		Network:        d.hostNamespace(spec, "hostNetwork"),
		PID:            d.hostNamespace(spec, "hostPID"),
		IPC:            d.hostNamespace(spec, "hostIPC"),
	}
	d.securityContext(&s, d.get(spec, "securityContext"))
	return s
}

func (d *document) hostNamespace(spec *yaml.Node, key string) Text {
	if f := flag(d.get(spec, key)); f.On() {
		return Text{"host", f.Line}
	}
	return Text{}
}

// securityContext reads that of a pod or of a container, which wins where both
// say something.
func (d *document) securityContext(s *Service, n *yaml.Node) {
	for _, f := range d.fields(n) {
		switch f.key {
		case "runAsUser":
			s.User = firstSet(text(f.value), s.User)
		case "runAsGroup":
			s.Group = firstSet(text(f.value), s.Group)
		case "runAsNonRoot":
			s.RunAsNonRoot = override(s.RunAsNonRoot, flag(f.value))
		case "privileged":
			s.Privileged = flag(f.value)
		case "readOnlyRootFilesystem":
			s.ReadOnly = flag(f.value)
		case "allowPrivilegeEscalation":
			if allowed := flag(f.value); allowed.Line > 0 {
				s.NoNewPrivileges = Flag{!allowed.Value, allowed.Line}
			}
		case "capabilities":
			s.CapAdd = d.texts(d.get(f.value, "add"))
			s.CapDrop = d.texts(d.get(f.value, "drop"))
		case "seccompProfile":
			s.Seccomp = firstSet(text(d.get(f.value, "type")), s.Seccomp)
		case "appArmorProfile":
			s.AppArmor = firstSet(text(d.get(f.value, "type")), s.AppArmor)
		}
	}
}

func override(old, replacement Flag) Flag {
	if replacement.Line > 0 {
		return replacement
	}
	return old
}

// container reads one container over what its pod says.
func (d *document) container(s *Service, n, spec *yaml.Node) {
	s.Image = d.image(d.get(n, "image"), s.Name)
	d.securityContext(s, d.get(n, "securityContext"))
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		if p := d.get(n, probe); p != nil && s.Health.Line == 0 {
			s.Health = Flag{true, p.Line}
		}
	}
	limits := d.get(n, "resources", "limits")
	s.Memory, s.CPU = text(d.get(limits, "memory")), text(d.get(limits, "cpu"))
	for _, port := range d.items(d.get(n, "ports")) {
		if host := scalar(d.get(port, "hostPort")); host != "" {
			s.Ports = append(s.Ports, Port{
				HostIP: scalar(d.get(port, "hostIP")), Host: host,
				Container: scalar(d.get(port, "containerPort")), Line: port.Line,
			})
		}
	}
	for _, env := range d.items(d.get(n, "env")) {
		value := text(d.get(env, "value"))
		s.Environment = append(s.Environment, Variable{
			Name: scalar(d.get(env, "name")), Value: value.Value, Set: value.Line > 0, Line: env.Line,
		})
	}
	d.containerMounts(s, n, spec)
}

// containerMounts joins a container's mounts with the pod's volumes. Only paths
// of the host and memory are told apart; the rest are volumes by name.
func (d *document) containerMounts(s *Service, n, spec *yaml.Node) {
	volumes := map[string]*yaml.Node{}
	for _, v := range d.items(d.get(spec, "volumes")) {
		volumes[scalar(d.get(v, "name"))] = v
	}
	for _, mount := range d.items(d.get(n, "volumeMounts")) {
		name := scalar(d.get(mount, "name"))
		m := Mount{Source: name, Target: scalar(d.get(mount, "mountPath")), ReadOnly: flag(d.get(mount, "readOnly")).On(), Line: mount.Line}
		volume := volumes[name]
		if host := d.get(volume, "hostPath", "path"); host != nil {
			m.Source, m.Line = scalar(host), host.Line
		} else if d.get(volume, "emptyDir") != nil {
			s.Tmpfs = append(s.Tmpfs, Text{m.Target, mount.Line})
			continue
		}
		s.Mounts = append(s.Mounts, m)
	}
}
