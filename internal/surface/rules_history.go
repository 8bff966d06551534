package surface

import (
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
)

// ownInstructions yields the layers that this image's own build added, with
// the instruction of each. What the base did is its maintainers' affair, and
// the lowest layer of all is how a base begins: by ADD.
func (in *Inspection) ownInstructions(yield func(layer int, instruction string)) {
	for i, layer := range in.subject.Image.Layers {
		if i >= max(in.subject.Base, 1) && layer.Instruction != "" {
			yield(i, layer.Instruction)
		}
	}
}

// archiveSuffixes are of what ADD unpacks, which COPY does not (Dockerfile
// reference, "Adding local tar archives").
var archiveSuffixes = []string{".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst"}

// addInstruction finds ADD of what COPY would do, and of what nothing vouches
// for. The classic builder writes a digest for the name, so that an archive
// cannot be told: those are the mildest.
func addInstruction(in *Inspection) []fault {
	var faults []fault
	in.ownInstructions(func(_ int, instruction string) {
		rest, ok := strings.CutPrefix(instruction, "ADD ")
		words := strings.Fields(rest)
		if !ok || len(words) == 0 {
			return
		}
		f := fault{message: "ADD where COPY would do", instruction: instruction, subject: instruction}
		source := words[0]
		switch {
		case slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "--checksum=") }):
			return
		case strings.HasPrefix(source, "http://"), strings.HasPrefix(source, "https://"), strings.HasPrefix(source, "git@"):
			f.message, f.severity = fmt.Sprintf("ADD of %s: nothing says that it is what it was", excerpt(source)), finding.Medium
		case strings.HasPrefix(source, "file:"):
			f.message, f.severity = "ADD of a file that the history does not name: right for an archive only", finding.Negligible
			f.subject = "file"
		case strings.HasPrefix(source, "dir:"), strings.HasPrefix(source, "multi:"):
			f.subject = words[len(words)-1]
		case slices.ContainsFunc(archiveSuffixes, func(suffix string) bool { return strings.HasSuffix(source, suffix) }):
			return
		}
		faults = append(faults, f)
	})
	return faults
}

// updateAlone finds a RUN that updates the lists of packages and installs
// nothing: a later install takes them from the build cache, however old.
func updateAlone(in *Inspection) []fault {
	var faults []fault
	in.ownInstructions(func(_ int, instruction string) {
		updates, uses := "", false
		for _, words := range commands(instruction) {
			switch manager, verb := managerVerb(words); {
			case verb == "update" && manager != "dnf" && manager != "yum" || verb == "refresh" || verb == "makecache":
				updates = manager + " " + verb
			case manager != "":
				uses = true
			case words[0] == "curl", words[0] == "wget", words[0] == "sh", words[0] == "bash", words[0] == "make":
				uses = true // a script that may install
			}
		}
		if updates != "" && !uses {
			faults = append(faults, fault{message: updates + " in a RUN of its own", instruction: instruction, subject: updates})
		}
	})
	return faults
}

// wholeUpgrades are the verbs that bring the whole distribution up to date, or
// to another release.
var wholeUpgrades = map[string][]string{
	"apt-get": {"upgrade", "dist-upgrade", "full-upgrade"},
	"apt":     {"upgrade", "dist-upgrade", "full-upgrade"},
	"apk":     {"upgrade"},
	"dnf":     {"upgrade", "update", "distro-sync"},
	"yum":     {"upgrade", "update"},
	"zypper":  {"update", "up", "dup", "dist-upgrade"},
}

// wholeUpgrade finds upgrades of everything. They make the build depend on its
// day, and hide that the base is old; one of packages by name is no fault.
func wholeUpgrade(in *Inspection) []fault {
	var faults []fault
	in.ownInstructions(func(_ int, instruction string) {
		for _, words := range commands(instruction) {
			manager, verb := managerVerb(words)
			if slices.Contains(wholeUpgrades[manager], verb) && !namesPackages(words, verb) {
				faults = append(faults, fault{message: manager + " " + verb + " of every package", instruction: instruction, subject: manager + " " + verb})
				return
			}
		}
	})
	return faults
}

// namesPackages reports whether words follow the verb that are no options.
func namesPackages(words []string, verb string) bool {
	at := slices.Index(words, verb)
	return slices.ContainsFunc(words[at+1:], func(w string) bool { return !strings.HasPrefix(w, "-") })
}

// managerVerb is the package manager that a command starts, and what it is to
// do: the first word that is no option. Both are "" for other commands.
func managerVerb(words []string) (manager, verb string) {
	switch base := baseOf(words[0]); base {
	case "apt-get", "apt", "apk", "dnf", "yum", "microdnf", "zypper", "tdnf":
		for _, w := range words[1:] {
			if !strings.HasPrefix(w, "-") {
				return base, w
			}
		}
		return base, ""
	}
	return "", ""
}

// commands splits a RUN into its commands' words, as far as words and
// separators show it: what a rule on verbs needs, no shell. Assignments,
// keywords and sudo in front of a command are left out.
func commands(instruction string) [][]string {
	run, ok := strings.CutPrefix(instruction, "RUN ")
	if !ok {
		return nil
	}
	var list [][]string
	for _, text := range strings.FieldsFunc(strings.NewReplacer("&&", ";", "||", ";").Replace(run), func(r rune) bool { return strings.ContainsRune(";|&(){}\n", r) }) {
		words := strings.Fields(text)
		for len(words) > 0 && isPrefix(words[0]) {
			words = words[1:]
		}
		if len(words) > 0 {
			list = append(list, words)
		}
	}
	return list
}

func isPrefix(word string) bool {
	switch word {
	case "sudo", "then", "do", "else", "if", "!", "time", "exec", "env", "-E", "eatmydata":
		return true
	}
	return strings.Contains(word, "=") || strings.HasPrefix(word, "--mount")
}
