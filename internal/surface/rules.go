package surface

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/rootfs"
)

// Rule is one thing that an image's configuration and files should hold to.
// docs/rules/image.md has a section for each.
type Rule struct {
	ID       string
	Title    string // what it asks for
	Severity finding.Severity
	Fix      string
	Also     []string // ids of the same check elsewhere: Dockle's, Trivy's, those of the CIS Docker Benchmark 1.6

	// config is set for rules on the configuration, which a directory has none of.
	config bool
	check  func(in *Inspection) []fault
}

// fault is one break of a rule.
type fault struct {
	message     string
	severity    finding.Severity // where it is not the rule's
	fix         string           // where it is not the rule's
	entries     []*rootfs.Entry  // the files that show it
	count       int              // of all such files, where entries are not all of them
	instruction string
	base        bool
	subject     string // what tells this fault from others of the rule, in the fingerprint
}

// Rules returns the table, by id. Deleting a line deletes the rule.
func Rules() []Rule {
	return []Rule{
		{"CI001", "the program does not run as root by default", finding.High,
			"USER with a number above 0, e.g. USER 65532", []string{"CIS 4.1", "Dockle CIS-DI-0001", "Trivy DS-0002"}, true, noUser},
		{"CI002", "the configured user is not root", finding.High,
			"USER with a number above 0, e.g. USER 65532", []string{"CIS 4.1", "Dockle CIS-DI-0001", "Trivy DS-0002"}, true, rootUser},
		{"CI003", "the base image is named by more than latest", finding.Medium,
			"name a version and a digest in FROM; careen pin does", []string{"Dockle DKL-DI-0006", "Trivy DS-0001"}, true, latestBase},
		{"CI004", "there is no sudo", finding.Medium,
			"leave sudo out; do what needs root in the build, and USER afterwards", []string{"Dockle DKL-DI-0001", "Trivy DS-0010"}, false, sudoInstalled},
		{"CI005", "no file gives its owner's rights to those who run it", finding.Low,
			"chmod u-s,g-s what nobody needs, in the RUN that installs it", []string{"CIS 4.8", "Dockle CIS-DI-0008"}, false, setIDFiles},
		{"CI006", "no file has capabilities beyond small ports and raw sockets", finding.Medium,
			"setcap -r, and grant the capability to the container that needs it", []string{"CIS 4.8"}, false, capableFiles},
		{"CI007", "no user or group has an empty password", finding.High,
			"lock it: passwd -l USER, or * in /etc/shadow", []string{"Dockle DKL-LI-0001"}, false, emptyPasswords},
		{"CI008", "each user and group has a name and a number of its own", finding.Medium,
			"remove the second one", []string{"Dockle DKL-LI-0002"}, false, duplicateAccounts},
		{"CI009", "root is the only user with the number 0", finding.High,
			"remove the user, or give it another number", []string{"Dockle DKL-LI-0002"}, false, secondRoot},
		{"CI010", "sudo asks for a password", finding.Medium,
			"remove the NOPASSWD rule, better sudo itself", nil, false, sudoWithoutPassword},
		{"CI011", "files come by COPY, not ADD", finding.Low,
			"COPY for files; ADD --checksum for what is downloaded", []string{"CIS 4.9", "Dockle CIS-DI-0009", "Trivy DS-0005"}, true, addInstruction},
		{"CI012", "no port of a remote login is exposed", finding.Medium,
			"remove the EXPOSE; docker exec and kubectl exec need no port", []string{"CIS 5.7", "Trivy DS-0004"}, true, loginPorts},
		{"CI013", "a HEALTHCHECK says whether the program is well", finding.Low,
			"HEALTHCHECK, or a probe where an orchestrator runs the image", []string{"CIS 4.6", "Dockle CIS-DI-0006", "Trivy DS-0026"}, true, noHealthcheck},
		{"CI014", "package lists are updated in the RUN that installs from them", finding.Low,
			"apt-get update && apt-get install in one RUN", []string{"CIS 4.7", "Dockle CIS-DI-0007", "Trivy DS-0017"}, true, updateAlone},
		{"CI015", "the distribution is not upgraded as a whole", finding.Low,
			"take a newer base image instead", []string{"Dockle DKL-DI-0003", "Trivy DS-0024"}, true, wholeUpgrade},
		{"CI016", "package managers leave no cache behind", finding.Low,
			"clean up in the same RUN, or keep the cache out with RUN --mount=type=cache", []string{"Dockle DKL-DI-0004", "Dockle DKL-DI-0005", "Trivy DS-0015", "Trivy DS-0019", "Trivy DS-0020", "Trivy DS-0025"}, false, leftCaches},
		{"CI017", "no file may be changed by every user", finding.Medium,
			"chmod o-w", nil, false, writableFiles},
		{"CI018", "directories that every user may change are sticky", finding.Medium,
			"chmod o-w, or chmod +t for a shared one", nil, false, writableDirectories},
		{"CI019", "system directories belong to root alone", finding.High,
			"chown root and chmod o-w", nil, false, systemDirectories},
		{"CI020", "there is no version control history", finding.Medium,
			"name .git in .dockerignore", []string{"Dockle DKL-LI-0003"}, false, histories},
		{"CI021", "there are no editor and backup files", finding.Low,
			"name them in .dockerignore", []string{"Dockle DKL-LI-0003"}, false, leftovers},
		{"CI022", "SSH host keys are made where the server runs", finding.High,
			"rm /etc/ssh/ssh_host_* in the RUN that installs the server; make keys at the start", nil, false, hostKeys},
		{"CI023", "no key opens every container", finding.High,
			"mount authorized_keys where it is needed", nil, false, authorizedKeys},
		{"CI024", "no SSH server is installed", finding.Low,
			"docker exec and kubectl exec need none", []string{"CIS 5.7"}, false, sshServer},
		{"CI025", "no variable turns certificate checks off", finding.Medium,
			"remove the variable; add the missing CA certificate instead", nil, true, uncheckedTLS},
		{"CI026", "PATH and LD_* name absolute directories that others cannot change", finding.Medium,
			"absolute directories only, owned by root", nil, true, searchPaths},
		{"CI027", "the program starts without a shell", finding.Low,
			`exec form: ENTRYPOINT ["/app/server"]`, []string{"Hadolint DL3025"}, true, shellForm},
		{"CI028", "the image knows the configured user", finding.Medium,
			"add the user in a RUN, or USER with its number", nil, true, unknownUser},
	}
}

// Misconfigurations holds the image against every rule; the result is sorted by
// severity, then rule.
func (in *Inspection) Misconfigurations() []finding.Misconfiguration {
	list := []finding.Misconfiguration{}
	for _, rule := range Rules() {
		if rule.config && in.isDirectory() {
			continue
		}
		for _, f := range rule.check(in) {
			list = append(list, in.misconfiguration(rule, f))
		}
	}
	slices.SortStableFunc(list, func(a, b finding.Misconfiguration) int { return cmp.Compare(b.Severity, a.Severity) })
	return list
}

func (in *Inspection) misconfiguration(rule Rule, f fault) finding.Misconfiguration {
	m := finding.Misconfiguration{
		Rule: rule.ID, Title: rule.Title, Message: f.message, Base: f.base, Instruction: f.instruction,
		Severity: rule.Severity, Fix: cmp.Or(f.fix, rule.Fix),
	}
	if f.severity != finding.Unknown {
		m.Severity = f.severity
	}
	if f.base {
		m.Severity = milder(m.Severity)
	}
	for _, e := range f.entries[:min(len(f.entries), maxLocations)] {
		m.Locations = append(m.Locations, in.location(e))
	}
	if len(f.entries) > 0 {
		m.Count = max(f.count, len(f.entries))
		if m.Instruction == "" && sameLayer(f.entries) {
			m.Instruction = in.instruction(f.entries[0].Layer)
		}
	}
	m.Fingerprint = fingerprint(rule.ID, f)
	return m
}

// milder is one step less severe: what comes with the base image is for its
// maintainers to fix, or for a change of base.
func milder(s finding.Severity) finding.Severity {
	if s <= finding.Negligible {
		return s
	}
	return s - 1
}

func sameLayer(entries []*rootfs.Entry) bool {
	return !slices.ContainsFunc(entries, func(e *rootfs.Entry) bool { return e.Layer != entries[0].Layer })
}

// instruction is the line of history that made a layer.
func (in *Inspection) instruction(layer int) string {
	if layer < 0 || layer >= len(in.subject.Image.Layers) {
		return ""
	}
	return in.subject.Image.Layers[layer].Instruction
}

// fingerprint is the same for the same fault in a rebuilt image: the rule, what
// it is about, and whether the base brought it.
func fingerprint(rule string, f fault) string {
	h := sha256.New()
	origin := "own"
	if f.base {
		origin = "base"
	}
	for _, part := range []string{"careen/config/1", rule, f.subject, origin} {
		io.WriteString(h, part)
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// byOrigin makes a fault of the entries that this image's own build brought,
// and one of those that came with its base; none of none.
func (in *Inspection) byOrigin(entries []*rootfs.Entry, message func(list []*rootfs.Entry) fault) []fault {
	var own, base []*rootfs.Entry
	for _, e := range entries {
		if in.fromBase(e.Layer) {
			base = append(base, e)
		} else {
			own = append(own, e)
		}
	}
	var faults []fault
	for _, list := range [][]*rootfs.Entry{own, base} {
		if len(list) == 0 {
			continue
		}
		f := message(list)
		f.entries = list
		f.base = in.fromBase(list[0].Layer)
		if f.base {
			f.message += ", from the base image"
		}
		faults = append(faults, f)
	}
	return faults
}
