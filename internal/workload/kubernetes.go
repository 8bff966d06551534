package workload

import (
	"cmp"
	"encoding/base64"
	"strings"

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
	object := scalar(d.get(root, "kind"))
	name := cmp.Or(scalar(d.get(root, "metadata", "name")), scalar(d.get(root, "metadata", "generateName")))
	switch object {
	case "ConfigMap", "Secret":
		d.values(root, object, name)
		return
	case "Kustomization", "Component", "": // kustomization.yaml may leave it out
		d.kustomization(root)
		return
	}
	spec, metadata := d.podSpec(root)
	if spec == nil {
		return
	}
	shared := d.pod(spec)
	annotations := d.get(metadata, "annotations")
	shared.Seccomp = firstSet(shared.Seccomp, text(d.get(annotations, "seccomp.security.alpha.kubernetes.io/pod")))
	pod := d.podFields(spec, object+"/"+name)
	pod.Seccomp = shared.Seccomp
	d.file.Pods = append(d.file.Pods, pod)
	for _, list := range []string{"initContainers", "containers", "ephemeralContainers"} {
		for _, container := range d.items(d.get(spec, list)) {
			if container.Kind != yaml.MappingNode {
				continue
			}
			s := shared
			s.Line = container.Line
			called := scalar(d.get(container, "name"))
			s.Name = object + "/" + name + " " + called
			// An init container that always restarts is a sidecar.
			s.Init = list == "initContainers" && scalar(d.get(container, "restartPolicy")) != "Always"
			s.AppArmor = firstSet(s.AppArmor, text(d.get(annotations, "container.apparmor.security.beta.kubernetes.io/"+called)))
			d.container(&s, container, spec)
			s.Seccomp = firstSet(s.Seccomp, text(d.get(annotations, "container.seccomp.security.alpha.kubernetes.io/"+called)))
			d.file.Services = append(d.file.Services, s)
		}
	}
}

// podFields reads what a pod asks for besides its containers.
func (d *document) podFields(spec *yaml.Node, name string) Pod {
	pod := Pod{Name: name, Line: spec.Line}
	for _, v := range d.items(d.get(spec, "volumes")) {
		volume := Volume{Name: scalar(d.get(v, "name")), Line: v.Line}
		for _, f := range d.fields(v) {
			if f.key != "name" {
				volume.Type, volume.Line, volume.Path = f.key, f.line, scalar(d.get(f.value, "path"))
			}
		}
		pod.Volumes = append(pod.Volumes, volume)
		if image := d.image(d.get(v, "image", "reference"), name+" volume "+volume.Name); image.Line > 0 {
			d.file.Images = append(d.file.Images, image)
		}
	}
	context := d.get(spec, "securityContext")
	for _, s := range d.items(d.get(context, "sysctls")) {
		if name := text(d.get(s, "name")); name.Line > 0 {
			pod.Sysctls = append(pod.Sysctls, name)
		}
	}
	pod.HostProcess = flag(d.get(context, "windowsOptions", "hostProcess"))
	pod.SELinux = d.variables(d.get(context, "seLinuxOptions"))
	return pod
}

// values reads a ConfigMap or a Secret. What cannot be decoded stays as it is.
func (d *document) values(root *yaml.Node, object, name string) {
	for _, section := range []string{"data", "stringData", "binaryData"} {
		for _, f := range d.fields(d.get(root, section)) {
			v := Value{Object: object, Name: name, Key: f.key, Text: scalar(f.value), Raw: scalar(f.value), Line: f.line}
			if object == "Secret" && section == "data" || section == "binaryData" {
				packed := strings.Join(strings.Fields(v.Text), "")
				if plain, err := base64.StdEncoding.DecodeString(packed); err == nil {
					v.Text = string(plain)
				}
			}
			d.file.Values = append(d.file.Values, v)
		}
	}
}

// podSpec finds the PodSpec of an object, and the metadata next to it: Pod,
// PodTemplate, what has a template (Deployment, StatefulSet, DaemonSet,
// ReplicaSet, Job…), and CronJob.
func (d *document) podSpec(root *yaml.Node) (spec, metadata *yaml.Node) {
	for _, path := range [][]string{
		{},
		{"spec", "template"},
		{"spec", "jobTemplate", "spec", "template"},
		{"template"},
	} {
		template := d.get(root, path...)
		if spec := d.get(template, "spec"); spec != nil && d.get(spec, "containers") != nil {
			return spec, d.get(template, "metadata")
		}
	}
	return nil, nil
}

// pod reads what all containers of a pod share.
func (d *document) pod(spec *yaml.Node) Service {
	s := Service{
		TokenMounted:   flag(d.get(spec, "automountServiceAccountToken")),
		ServiceAccount: firstSet(text(d.get(spec, "serviceAccountName")), text(d.get(spec, "serviceAccount"))),
		Restart:        text(d.get(spec, "restartPolicy")),
		Windows:        scalar(d.get(spec, "os", "name")) == "windows",
		Network:        d.hostNamespace(spec, "hostNetwork"),
		PID:            d.hostNamespace(spec, "hostPID"),
		IPC:            d.hostNamespace(spec, "hostIPC"),
	}
	d.securityContext(&s, d.get(spec, "securityContext"))
	s.HostProcess, s.SELinux = Flag{}, nil // said of the pod
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
		case "procMount":
			s.ProcMount = text(f.value)
		case "seLinuxOptions":
			s.SELinux = d.variables(f.value)
		case "windowsOptions":
			s.HostProcess = flag(d.get(f.value, "hostProcess"))
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
		d.probeHost(s, d.get(n, probe))
		s.Command = append(s.Command, d.texts(d.get(n, probe, "exec", "command"))...)
	}
	for _, hook := range []string{"postStart", "preStop"} {
		d.probeHost(s, d.get(n, "lifecycle", hook))
	}
	limits, requests := d.get(n, "resources", "limits"), d.get(n, "resources", "requests")
	s.Memory, s.CPU = text(d.get(limits, "memory")), text(d.get(limits, "cpu"))
	// A limit without a request is the request too (kubernetes.io, "Resource
	// Management for Pods and Containers").
	s.Requests.Memory = firstSet(text(d.get(requests, "memory")), s.Memory)
	s.Requests.CPU = firstSet(text(d.get(requests, "cpu")), s.CPU)
	s.Command = append(append(s.Command, d.texts(d.get(n, "command"))...), d.texts(d.get(n, "args"))...)
	for _, port := range d.items(d.get(n, "ports")) {
		if host := scalar(d.get(port, "hostPort")); host != "" && host != "0" {
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

// probeHost notes the host that a probe or a hook asks, other than the pod.
func (d *document) probeHost(s *Service, handler *yaml.Node) {
	for _, kind := range []string{"httpGet", "tcpSocket"} {
		if host := text(d.get(handler, kind, "host")); host.Value != "" {
			s.ProbeHosts = append(s.ProbeHosts, host)
		}
	}
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
