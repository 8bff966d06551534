package surface

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/accounts"
	"github.com/careen/careen/internal/finding"
)

func noUser(in *Inspection) []fault {
	c := in.subject.Image.Config
	if in.user() != "" || in.findings.programs+len(in.findings.named)+len(c.Entrypoint)+len(c.Cmd) == 0 {
		return nil // files for other images, with nothing to run
	}
	return []fault{{message: "no USER: the program runs as root"}}
}

func rootUser(in *Inspection) []fault {
	user := in.user()
	switch {
	case user == "" || !in.runsAsRoot():
		return nil
	case user == "root" || isZero(user):
		return []fault{{message: fmt.Sprintf("USER is %q: the program runs as root", user)}}
	}
	return []fault{{message: fmt.Sprintf("USER is %q, whom /etc/passwd gives the number 0: the program runs as root", user)}}
}

// unknownUser looks the names of the user and of the group up, as a runtime does
// (OCI image-spec v1.1, config.md, "User"). Windows has accounts of its own.
func unknownUser(in *Inspection) []fault {
	user := in.subject.Image.Config.User
	if in.user() == "" || in.subject.Image.Platform.OS == "windows" {
		return nil
	}
	if _, _, ok := accounts.Resolve(user, in.accounts.users, in.accounts.groups); ok || in.user() == "root" && !strings.Contains(user, ":") {
		return nil
	}
	return []fault{{message: fmt.Sprintf("USER is %q, which the image does not know: the container does not start", user)}}
}

// baseNameLabel names the base image (OCI image-spec v1.1, annotations.md).
const baseNameLabel = "org.opencontainers.image.base.name"

func latestBase(in *Inspection) []fault {
	name := in.subject.Image.Config.Labels[baseNameLabel]
	if name == "" || strings.Contains(name, "@") || path.Base(name) == "scratch" {
		return nil
	}
	tag := ""
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		tag = name[colon+1:]
	}
	switch tag {
	case "":
		return []fault{{message: fmt.Sprintf("the base is %q, which has no tag", name), subject: "none"}}
	case "latest":
		return []fault{{message: fmt.Sprintf("the base is %q", name), subject: "latest"}}
	}
	return nil
}

// loginPortNames are the ports of services by which people log in (IANA).
var loginPortNames = map[string]string{"21": "FTP", "22": "SSH", "23": "Telnet", "512": "rexec", "513": "rlogin", "514": "rsh", "3389": "RDP", "5900": "VNC"}

func loginPorts(in *Inspection) []fault {
	var faults []fault
	for _, port := range in.subject.Image.Config.ExposedPorts {
		number, protocol, _ := strings.Cut(port, "/")
		service, known := loginPortNames[number]
		if known && (protocol == "" || protocol == "tcp") {
			faults = append(faults, fault{message: fmt.Sprintf("EXPOSE %s: %s", port, service), subject: number})
		}
	}
	return faults
}

func noHealthcheck(in *Inspection) []fault {
	c := in.subject.Image.Config
	if len(c.Entrypoint)+len(c.Cmd) == 0 {
		return nil // a base for others, with nothing to be well or ill
	}
	switch {
	case len(c.Healthcheck) == 0:
		return []fault{{message: "no HEALTHCHECK", subject: "none"}}
	case c.Healthcheck[0] == "NONE":
		return []fault{{message: "HEALTHCHECK NONE", subject: "off"}}
	}
	return nil
}

// shellForm looks at the command as it is run: ENTRYPOINT and CMD together. A
// program that is a script is not meant; its own file starts it.
func shellForm(in *Inspection) []fault {
	c := in.subject.Image.Config
	for name, list := range map[string][]string{"ENTRYPOINT": c.Entrypoint, "CMD": c.Cmd} {
		if name == "CMD" && len(c.Entrypoint) > 0 {
			continue // then CMD is arguments
		}
		if len(list) == 3 && (list[0] == "/bin/sh" || list[0] == "/bin/bash") && strings.HasSuffix(list[1], "c") {
			return []fault{{message: fmt.Sprintf("%s %s runs through %s: the image needs a shell, and signals end there", name, excerpt(list[2]), list[0])}}
		}
	}
	return nil
}

// uncheckedTLSNames are variables that make clients take any certificate, and
// the values that do.
var uncheckedTLSNames = map[string]func(value string) bool{
	"NODE_TLS_REJECT_UNAUTHORIZED": func(v string) bool { return v == "0" },
	"PYTHONHTTPSVERIFY":            func(v string) bool { return v == "0" },
	"GIT_SSL_NO_VERIFY":            isOn,
	"NPM_CONFIG_STRICT_SSL":        func(v string) bool { return v == "false" },
	"YARN_STRICT_SSL":              func(v string) bool { return v == "false" },
	"GOINSECURE":                   func(v string) bool { return v != "" },
	"CURL_INSECURE":                isOn,
	"PERL_LWP_SSL_VERIFY_HOSTNAME": func(v string) bool { return v == "0" },
}

func isOn(value string) bool {
	on, err := strconv.ParseBool(value)
	return err == nil && on
}

func uncheckedTLS(in *Inspection) []fault {
	var faults []fault
	for _, kv := range in.subject.Image.Config.Env {
		name, value, _ := strings.Cut(kv, "=")
		if turnsOff := uncheckedTLSNames[strings.ToUpper(name)]; turnsOff != nil && turnsOff(value) {
			faults = append(faults, fault{message: fmt.Sprintf("ENV %s=%s: certificates are not checked", name, excerpt(value)), subject: name})
		}
	}
	return faults
}

// searchPaths looks at the variables by which programs and libraries are found
// (environ(7), ld.so(8)): an empty or relative element is the directory that
// the program happens to be in.
func searchPaths(in *Inspection) []fault {
	var faults []fault
	for _, kv := range in.subject.Image.Config.Env {
		name, value, _ := strings.Cut(kv, "=")
		if value == "" || name != "PATH" && name != "LD_LIBRARY_PATH" && name != "LD_PRELOAD" {
			continue
		}
		separators := ":"
		if name == "LD_PRELOAD" {
			separators = ": " // ld.so takes both
		}
		for _, element := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
			if name == "LD_PRELOAD" && !strings.Contains(element, "/") {
				continue // looked for in the system's directories
			}
			if f, ok := in.searchFault(name, element); ok {
				faults = append(faults, f)
			}
		}
		if name != "LD_PRELOAD" && slices.Contains(strings.Split(value, ":"), "") {
			faults = append(faults, fault{message: name + " has an empty element, which represents the current directory", subject: name + " "})
		}
	}
	return faults
}

func (in *Inspection) searchFault(name, element string) (fault, bool) {
	subject := name + " " + element
	if !strings.HasPrefix(element, "/") && !strings.HasPrefix(element, "$") && !strings.Contains(element, `:\`) {
		if in.subject.Image.Platform.OS == "windows" {
			return fault{}, false
		}
		return fault{message: fmt.Sprintf("%s has the relative %q", name, excerpt(element)), subject: subject}, true
	}
	at, err := in.subject.Tree.Resolve(strings.TrimPrefix(element, "/"))
	if err != nil {
		return fault{}, false
	}
	if e, ok := in.subject.Tree.Lookup(at); ok && e.Path != "" && e.Mode.Perm()&0o002 != 0 {
		return fault{message: fmt.Sprintf("%s has %q, which every user may change", name, excerpt(element)), subject: subject, severity: finding.High}, true
	}
	return fault{}, false
}

// excerpt keeps a value from an image to a length that a line can hold.
func excerpt(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
