package harden

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Docker returns the flags of docker run, one group a line, without the image.
func (p *Profile) Docker() []string {
	flags := []string{"--user " + p.User.What, "--cap-drop ALL"}
	for _, c := range p.Capabilities {
		flags = append(flags, "--cap-add "+c.What)
	}
	if len(p.Gains) == 0 {
		flags = append(flags, "--security-opt no-new-privileges")
	}
	flags = append(flags, "--read-only")
	for _, t := range p.Tmpfs {
		flags = append(flags, "--tmpfs "+p.tmpfs(t.What))
	}
	for _, v := range p.Volumes {
		flags = append(flags, "--volume "+volumeName(v.What)+":"+v.What)
	}
	return flags
}

// tmpfs is a place with its owner: a new file system belongs to root, and only
// /tmp is open to all.
func (p *Profile) tmpfs(dir string) string {
	uid, gid, _ := strings.Cut(p.User.What, ":")
	if p.Root || !isNumber(uid) || !isNumber(gid) || dir == "/tmp" {
		return dir
	}
	return dir + ":uid=" + uid + ",gid=" + gid + ",mode=0755"
}

// volumeName makes a name of a path: "/var/lib/redis" is "var-lib-redis".
func volumeName(dir string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, strings.Trim(dir, "/"))
	if name == "" {
		return "data"
	}
	return name
}

// Entry is a key of a compose service or of a Kubernetes container, as the lines
// of its value, indented from its own key.
type Entry struct {
	Key   string
	Lines []string // the whole, key included
}

// Compose returns the keys of a compose service (Compose Specification,
// 05-services.md).
func (p *Profile) Compose() []Entry {
	entries := []Entry{
		{"user", []string{fmt.Sprintf("user: %q", p.User.What)}},
		{"cap_drop", []string{"cap_drop:", "  - ALL"}},
	}
	if list := p.names(p.Capabilities); list != nil {
		entries = append(entries, Entry{"cap_add", append([]string{"cap_add:"}, list...)})
	}
	if len(p.Gains) == 0 {
		entries = append(entries, Entry{"security_opt", []string{"security_opt:", "  - no-new-privileges:true"}})
	}
	entries = append(entries, Entry{"read_only", []string{"read_only: true"}})
	if len(p.Tmpfs) > 0 {
		e := Entry{"tmpfs", []string{"tmpfs:"}}
		for _, t := range p.Tmpfs {
			e.Lines = append(e.Lines, "  - "+p.tmpfs(t.What))
		}
		entries = append(entries, e)
	}
	if len(p.Volumes) > 0 {
		e := Entry{"volumes", []string{"volumes:"}}
		for _, v := range p.Volumes {
			e.Lines = append(e.Lines, "  - "+volumeName(v.What)+":"+v.What)
		}
		entries = append(entries, e)
	}
	return entries
}

// ComposeVolumes returns the top-level keys that the service's belong to: a
// volume that a service names has to be declared.
func (p *Profile) ComposeVolumes() []Entry {
	if len(p.Volumes) == 0 {
		return nil
	}
	e := Entry{"volumes", []string{"volumes:"}}
	for _, v := range p.Volumes {
		e.Lines = append(e.Lines, "  "+volumeName(v.What)+": {}")
	}
	return []Entry{e}
}

func (p *Profile) names(list []Advice) []string {
	var lines []string
	for _, a := range list {
		lines = append(lines, "  - "+a.What)
	}
	return lines
}

// Kubernetes returns the keys of a container (core/v1 Container): its
// securityContext and the mounts of the volumes that PodVolumes lists.
func (p *Profile) Kubernetes() []Entry {
	uid, gid, hasGroup := strings.Cut(p.User.What, ":")
	context := []string{
		"securityContext:",
		fmt.Sprintf("  runAsNonRoot: %t", !p.Root),
	}
	if isNumber(uid) {
		context = append(context, "  runAsUser: "+uid)
	}
	if hasGroup && isNumber(gid) {
		context = append(context, "  runAsGroup: "+gid)
	}
	context = append(context,
		fmt.Sprintf("  allowPrivilegeEscalation: %t", len(p.Gains) > 0),
		"  readOnlyRootFilesystem: true",
		"  capabilities:",
		"    drop:",
		"      - ALL",
	)
	if len(p.Capabilities) > 0 {
		context = append(context, "    add:")
		for _, c := range p.Capabilities {
			context = append(context, "      - "+c.What)
		}
	}
	context = append(context, "  seccompProfile:", "    type: RuntimeDefault")
	entries := []Entry{{"securityContext", context}}
	mounts := []string{"volumeMounts:"}
	for _, m := range p.mounted(true) {
		mounts = append(mounts, "  - name: "+volumeLabel(m.What), "    mountPath: "+m.What)
	}
	if len(mounts) > 1 {
		entries = append(entries, Entry{"volumeMounts", mounts})
	}
	return entries
}

// PodVolumes returns the keys of the pod that the container's belong to.
func (p *Profile) PodVolumes() []Entry {
	var entries []Entry
	if _, gid, _ := strings.Cut(p.User.What, ":"); isNumber(gid) && !p.Root {
		entries = append(entries, Entry{"securityContext", []string{"securityContext:", "  fsGroup: " + gid}})
	}
	volumes := []string{"volumes:"}
	for _, m := range p.mounted(true) {
		volumes = append(volumes, "  - name: "+volumeLabel(m.What), "    emptyDir: {}")
	}
	if len(volumes) > 1 {
		entries = append(entries, Entry{"volumes", volumes})
	}
	return entries
}

// isNumber reports whether a user or group is one that Kubernetes takes: the
// image's names are not known to it.
func isNumber(id string) bool {
	_, err := strconv.ParseUint(id, 10, 31)
	return err == nil
}

// mounted lists the places that are volumes: in a pod, the forgotten ones too.
func (p *Profile) mounted(pod bool) []Advice {
	if pod {
		return slices.Concat(p.Tmpfs, p.Volumes)
	}
	return p.Volumes
}

// volumeLabel makes a DNS label of a path, as Kubernetes asks for.
func volumeLabel(dir string) string {
	name := strings.Trim(strings.Map(func(r rune) rune {
		if r == '.' || r == '_' {
			return '-'
		}
		return r
	}, strings.ToLower(volumeName(dir))), "-")
	return name[:min(len(name), 63)]
}

// Reasons lists all advice with the setting that it leads to, for people.
func (p *Profile) Reasons() []Advice {
	reasons := []Advice{{"user " + p.User.What, p.User.Why, p.User.Confidence}}
	for _, c := range p.Capabilities {
		reasons = append(reasons, Advice{"capability " + c.What, c.Why, c.Confidence})
	}
	for _, t := range p.Tmpfs {
		reasons = append(reasons, Advice{"tmpfs " + t.What, t.Why, t.Confidence})
	}
	for _, v := range p.Volumes {
		reasons = append(reasons, Advice{"volume " + v.What, v.Why, v.Confidence})
	}
	for _, u := range p.Uncovered {
		reasons = append(reasons, Advice{"not writable " + u.What, u.Why, u.Confidence})
	}
	for _, g := range p.Gains {
		reasons = append(reasons, Advice{"no-new-privileges left out", g, Sure})
	}
	return reasons
}
