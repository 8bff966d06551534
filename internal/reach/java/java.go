// Package java is the reader of Java: the class path, jar by jar. A jar is
// reached if a reached one names a class of one of its packages; as soon as
// classes are found by computed names, whatever else is on the class path is kept.
package java

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/words"
	"github.com/careen/careen/internal/rootfs"
)

const javaVisitor = "reach-java"

// maxJar bounds the archives that are read.
const maxJar = 1 << 30

// followed are the extensions of archives of classes that are looked into.
const followed = " .jar .war .ear .hpi .jpi .nar "

// Language is Java's row of the table of readers.
func Language() reach.Language {
	return reach.Language{Name: "java", Programs: "java libjvm.so", Extensions: ".class" + followed, Visitors: visitors(), New: func(w *reach.Walk) reach.Reader {
		r := &reader{w: w, defines: map[string][]string{}}
		return reach.Reader{Core: r.named, Run: r.run, Visit: r.visit, Writes: r.writes}
	}}
}

// reader is what one walk knows of Java's class path.
type reader struct {
	w       *reach.Walk
	homes   reach.Set[string]   // runtimes that are kept
	kept    reach.Set[string]   // entries of the class path that are kept
	all     bool                // every archive of classes in the image is kept
	active  bool                // a runtime is reached
	early   []string            // archives that were visited before
	path    []string            // class path: jars and directories, each once
	jars    reach.Set[string]   // of path, links resolved
	release int                 // of the runtime: 17; 0 where it does not say
	defines map[string][]string // jars and class directories by a package that they have
}

func visitors() []rootfs.Visitor {
	return []rootfs.Visitor{{Name: javaVisitor, Version: 7, Want: isJava, Visit: visitJava}}
}

func isJava(h *rootfs.Header, head []byte) bool {
	switch ext := path.Ext(h.Path); {
	case ext == ".class":
		return h.Size <= maxClass
	case ext != "" && strings.Contains(followed, " "+ext+" "):
		return h.Size <= maxJar && len(head) > 2 && head[0] == 'P' && head[1] == 'K'
	}
	return false
}

func visitJava(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	var facts javaFacts
	var err error
	if path.Ext(h.Path) == ".class" {
		var data []byte
		if data, err = body.Bytes(maxClass); err == nil {
			facts, err = readClass(data)
		}
	} else {
		facts, err = readJar(body, body.Size())
	}
	if err != nil {
		facts.Reflects, facts.Loads = true, true // what cannot be read may load anything
	}
	return json.Marshal(facts)
}

// named keeps a runtime that is reached by its name, and, unless a command line of it
// is followed too, whatever it may be given.
func (r *reader) named(program string) {
	r.core(program)
	if !r.active {
		r.activate()
		r.anyArchive(program, "a runtime whose command line is not known")
	}
}

// activate follows the archives that were met before a runtime was.
func (r *reader) activate() {
	r.active = true
	r.w.Queue(r.early...)
	r.early = nil
}

// core keeps the runtime: the virtual machine loads its libraries and
// modules by names that Java code gives. What only its tools use is left out.
func (r *reader) core(program string) {
	home := reach.Parent(reach.Parent(program))
	for dir := reach.Parent(program); dir != ""; dir = reach.Parent(dir) {
		if r.w.IsFile(dir+"/lib/modules") || r.w.IsFile(dir+"/lib/rt.jar") || r.w.IsFile(dir+"/jre/lib/rt.jar") {
			home = dir
			break
		}
	}
	if reach.IsSystemDir(home) || !r.homes.Add(home) {
		return
	}
	r.release = r.releaseOf(home)
	for _, file := range []string{"lib/modules", "lib/jvm.cfg", "lib/server/libjvm.so", "lib/server/classes.jsa", "release"} {
		r.w.Need(program, home+"/"+file, "Java's runtime")
	}
	r.w.KeepTree(program, home, "Java's runtime", func(p string) bool {
		rest := strings.TrimPrefix(p, home+"/")
		first, _, _ := strings.Cut(rest, "/")
		switch first {
		case "bin", "jmods", "include", "man", "legal", "demo", "sample", "docs":
			return true
		}
		return path.Base(p) == "src.zip" || path.Base(p) == "ct.sym" || path.Base(p) == "tools.jar"
	})
}

// releaseOf reads the number of a runtime's release: 8 of "1.8.0_392", 17 of
// "17.0.9" (JEP 223).
func (r *reader) releaseOf(home string) int {
	data, err := r.w.Read(home+"/release", reach.MaxText)
	if err != nil {
		return 0
	}
	_, version, _ := strings.Cut("\n"+string(data), "\nJAVA_VERSION=\"")
	version = strings.TrimPrefix(version, "1.")
	digits := 0
	for digits < len(version) && version[digits] >= '0' && version[digits] <= '9' {
		digits++
	}
	n, err := strconv.Atoi(version[:digits])
	if err != nil {
		return 0
	}
	return n
}

// javaTakes are the launcher's options whose value is the next word (java(1)).
const javaTakes = "-cp -classpath --class-path -p --module-path --upgrade-module-path --add-modules --add-exports --add-opens --add-reads " +
	"--limit-modules --patch-module --source -m --module -jar --describe-module -d"

// run follows one command line of java.
func (r *reader) run(c reach.Command) {
	program, args := c.Program, c.Args
	r.core(program)
	r.activate()
	for _, name := range []string{"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"} {
		args = append(strings.Fields(r.w.Env[name]), args...)
	}
	args = r.arguments(program, args, 0)
	classPath, ownPath := r.w.Env["CLASSPATH"], false
	main, modules := "", false
	for len(args) > 0 && main == "" {
		word := args[0]
		args = args[1:]
		name, value, hasValue := strings.Cut(word, "=")
		if slices.Contains(strings.Fields(javaTakes), name) && !hasValue && len(args) > 0 {
			value, args = args[0], args[1:]
		}
		switch name {
		case "-cp", "-classpath", "--class-path":
			classPath, ownPath = value, true
		case "-p", "--module-path", "--upgrade-module-path":
			r.addModulePath(program, value)
			modules = true
		case "-m", "--module":
			main = value
		case "-jar":
			main = value
			classPath, ownPath = value, true
			r.w.Need(program, reach.Join(r.w.Workdir, value), "-jar")
		default:
			switch {
			case strings.HasPrefix(name, "-XX:OnError"), strings.HasPrefix(name, "-XX:OnOutOfMemoryError"):
				r.w.Run(c.Trail, program, name, []string{"/bin/sh", "-c", value})
			case strings.HasPrefix(word, "-javaagent:"):
				r.addClassPath(program, strings.TrimPrefix(name, "-javaagent:"), "-javaagent")
			case strings.HasPrefix(word, "-agentpath:"):
				r.w.Need(program, reach.Join(r.w.Workdir, strings.TrimPrefix(name, "-agentpath:")), "-agentpath")
			case strings.HasPrefix(word, "-D"):
				for value := range strings.SplitSeq(value, ":") { // those of a variable or a file are nobody's argument
					r.w.Argument(program, r.w.Workdir, strings.TrimPrefix(value, "file"), name)
				}
			case strings.HasPrefix(word, "-Xbootclasspath"):
				_, list, _ := strings.Cut(word, ":")
				r.addClassPath(program, list, "-Xbootclasspath")
			case !strings.HasPrefix(word, "-"):
				main = word
			}
		}
	}
	if classPath == "" && !ownPath {
		classPath = "."
	}
	if strings.Contains(classPath, words.Blank) || strings.Contains(main, words.Blank) {
		r.gap(program, "a class path that is computed")
		return
	}
	r.addClassPath(program, classPath, "class path")
	r.mainClass(program, main)
	if modules {
		r.gap(program, "the services of modules, which are found by computed names")
	}
}

// arguments puts the words of @argfiles in their places.
func (r *reader) arguments(program string, args []string, depth int) []string {
	var all []string
	for _, arg := range args {
		file, ok := strings.CutPrefix(arg, "@")
		text, err := r.w.Read(reach.Join(r.w.Workdir, file), reach.MaxText)
		if !ok || err != nil || depth > 8 {
			all = append(all, arg)
			continue
		}
		r.w.Need(program, reach.Join(r.w.Workdir, file), "argument file")
		words := strings.Fields(string(text))
		for i := range words {
			words[i] = strings.Trim(words[i], `"'`)
		}
		all = append(all, r.arguments(program, words, depth+1)...)
	}
	return all
}

// addModulePath adds the jars and the directories of modules.
func (r *reader) addModulePath(program, list string) {
	for dir := range strings.SplitSeq(list, ":") {
		r.addClassPath(program, dir, "module path")
		if dir != "" && r.w.IsDir(reach.Join(r.w.Workdir, dir)) {
			r.addClassPath(program, dir+"/*", "module path")
		}
	}
}

// addClassPath adds entries of a class path: jars, directories, and all jars of
// a directory (java(1), "Class Path Wildcards").
func (r *reader) addClassPath(from, list, how string) {
	for entry := range strings.SplitSeq(list, ":") {
		if dir, ok := strings.CutSuffix(entry, "/*"); ok {
			for e := range r.w.List(reach.Join(r.w.Workdir, dir)) {
				if strings.EqualFold(path.Ext(e.Path), ".jar") {
					r.addJar(e.Path)
				}
			}
			continue
		}
		if entry == "" {
			entry = "."
		}
		r.addJar(reach.Join(r.w.Workdir, entry))
	}
}

// addJar puts a jar or a directory on the class path, with what its manifest
// names.
func (r *reader) addJar(at string) {
	real, ok := r.w.Follow(at, nil)
	if !ok || reach.IsSystemDir(real) && r.w.IsDir(real) || !r.jars.Add(real) {
		return
	}
	r.path = append(r.path, at)
	if r.w.IsDir(real) {
		for e := range r.w.Below(real) {
			if path.Ext(e.Path) == ".class" {
				pkg := strings.TrimPrefix(reach.Parent(e.Path), real)
				pkg = strings.TrimPrefix(pkg, "/")
				if !slices.Contains(r.defines[pkg], at) {
					r.defines[pkg] = append(r.defines[pkg], at)
				}
			}
		}
		return
	}
	facts := r.factsOf(real)
	for _, pkg := range facts.Defines {
		r.defines[pkg] = append(r.defines[pkg], at)
	}
	for _, entry := range facts.besides(at, real) {
		r.addJar(entry)
	}
}

// besides returns where the class path of a jar's manifest may lead: from the jar, or,
// as some class loaders have it, from what a link to it leads to.
func (f javaFacts) besides(places ...string) []string {
	var all []string
	for _, entry := range f.ClassPath {
		if strings.Contains(entry, "://") {
			continue
		}
		for _, at := range places {
			if to := reach.Join(reach.Parent(at), strings.TrimPrefix(entry, "file:")); !slices.Contains(all, to) {
				all = append(all, to)
			}
		}
	}
	return all
}

func (r *reader) factsOf(file string) javaFacts {
	var facts javaFacts
	data, ok := r.w.Fact(javaVisitor, file)
	if !ok || json.Unmarshal(data, &facts) != nil {
		facts.Reflects, facts.Loads, facts.Starts = true, true, true
	}
	return facts
}

// mainClass needs what has the main class.
func (r *reader) mainClass(from, main string) {
	if jar := reach.Join(r.w.Workdir, main); r.w.IsFile(jar) && (strings.HasSuffix(main, ".jar") || strings.HasSuffix(main, ".war")) {
		r.w.Need(from, jar, "-jar")
		return
	}
	if file := reach.Join(r.w.Workdir, main); strings.HasSuffix(main, ".java") && r.w.IsFile(file) {
		r.w.Need(from, file, "source that java compiles")
		r.gap(from, "a source that is compiled when it is run")
		return
	}
	module, class, ok := strings.Cut(main, "/")
	if !ok {
		class = module
	}
	r.class(from, strings.ReplaceAll(class, ".", "/"), "main class "+class)
}

// class needs what the class path has for a class by its name with slashes.
func (r *reader) class(from, name, how string) {
	for _, at := range r.defines[packageOf(name)] {
		if !r.w.IsDir(at) {
			r.w.Need(from, at, how)
			continue
		}
		r.w.Need(from, at+"/"+name+".class", how)
	}
}

// visit follows a jar or a class.
func (r *reader) visit(file string) {
	if !r.active {
		r.early = append(r.early, file)
		return
	}
	facts := r.factsOf(file)
	class := path.Ext(file) == ".class"
	if !class && !r.jars.Has(file) { // some class loader's of its own
		r.w.Keep(file, "class path of a manifest", facts.besides(file)...)
	}
	const first = 44 // the format of release n is that and n (JVMS 4.1, table 4.1-A)
	if need := facts.Version - first; need > r.release && r.release > 0 {
		r.w.Want(file, fmt.Sprintf("Java %d or newer", need), true)
	}
	for _, name := range facts.Refers {
		if class {
			r.class(file, name, "class "+name)
			continue
		}
		for _, at := range r.defines[name] {
			r.needClasses(file, at, name)
		}
	}
	for _, name := range facts.Names {
		pkg := name
		if class {
			pkg = packageOf(name)
		}
		for _, at := range r.defines[pkg] {
			if r.w.IsDir(at) {
				r.w.KeepTree(file, at+"/"+pkg, fmt.Sprintf("the name %q", name))
			} else {
				r.w.Keep(file, fmt.Sprintf("the name %q", name), at)
			}
		}
	}
	if facts.Starts {
		r.starts(file, facts.Commands)
	}
	r.w.FollowStrings(file, facts.Strings, false)
	r.w.FollowStrings(file, facts.Lines, true)
	if facts.Loads && !r.ofRuntime(file) { // jrt-fs.jar makes one, for the tools that read another runtime's modules
		r.anyArchive(file, "class loaders of its own, which find archives anywhere")
	}
	if facts.Cut {
		r.gap(file, "more strings than are looked at")
	}
	if facts.Reflects && r.onPath(file) {
		r.gap(file, "classes that are found by computed names")
	}
}

// onPath reports whether the class path has a jar, or a directory above a class.
func (r *reader) onPath(file string) bool {
	for at := file; at != ""; at = reach.Parent(at) {
		if r.jars.Has(at) {
			return true
		}
	}
	return false
}

// starts keeps the programs that classes which start some have strings of, and
// the shell, by which the runtime runs scripts without a first line
// (childproc.c: execve_as_traditional_shell_script).
func (r *reader) starts(file string, names []string) {
	r.w.Gap(reach.Gap{Path: file, What: "starts programs", Scope: "the programs that strings of its classes name"})
	for _, name := range append([]string{"/bin/sh"}, names...) {
		if program, ok := r.w.Find(name); ok && r.w.IsFile(program) {
			r.w.KeepRunning(file, "string \""+name+"\" in classes that start programs", program)
		}
	}
}

// needClasses needs a jar, or the classes of one package of a directory.
func (r *reader) needClasses(from, at, pkg string) {
	if !r.w.IsDir(at) {
		r.w.Need(from, at, "classes of "+pkg)
		return
	}
	for e := range r.w.List(at + "/" + pkg) {
		if path.Ext(e.Path) == ".class" {
			r.w.Need(from, e.Path, "classes of "+pkg)
		}
	}
}

// gap records what cannot be followed and keeps the class path; where that
// is not known, every jar of the image.
func (r *reader) gap(file, what string) {
	if len(r.path) == 0 {
		r.anyArchive(file, what)
		return
	}
	r.w.Gap(reach.Gap{Path: file, What: what, Scope: "the class path"})
	for _, at := range r.path {
		if !r.kept.Add(at) {
			continue
		}
		if r.w.IsDir(at) {
			r.w.KeepTree(file, at, what)
		} else {
			r.w.Keep(file, what, at)
		}
	}
}

// archives are the extensions of what has classes in it: also of archives that a
// container has for itself.
const archives = followed + ".class .rar .sar .har .kar .esa .lpkg "

// anyArchive keeps every archive of classes that the image has.
func (r *reader) anyArchive(file, what string) {
	r.w.Gap(reach.Gap{Path: file, What: what, Scope: "every jar of the image"})
	if r.all {
		return
	}
	r.all = true
	for e := range r.w.All() {
		if ext := path.Ext(e.Path); ext != "" && strings.Contains(archives, " "+strings.ToLower(ext)+" ") && !r.ofRuntime(e.Path) {
			r.w.Keep(file, what, e.Path)
		}
	}
}

// ofRuntime reports whether a file belongs to a runtime, which is kept as far as it is
// needed.
func (r *reader) ofRuntime(file string) bool {
	for dir := reach.Parent(file); dir != ""; dir = reach.Parent(dir) {
		if r.homes.Has(dir) {
			return true
		}
	}
	return false
}

// writes returns the places that classes that write name.
func (r *reader) writes(file string) (list []reach.Write, ok bool) {
	if _, ok := r.w.Fact(javaVisitor, file); !ok || !r.active {
		return nil, false
	}
	for _, p := range r.factsOf(file).Places {
		list = append(list, reach.Write{Path: p, What: "named by a class that writes"})
	}
	return list, true
}
