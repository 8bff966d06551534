package reach

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/rootfs"
)

// Java: the class path, jar by jar. A jar is reached if a reached one names a
// class of one of its packages; as soon as classes are found by computed names,
// whatever else is on the class path is kept.

const javaVisitor = "reach-java"

// maxJar bounds the archives that are read.
const maxJar = 1 << 30

// javaState is what the walk knows of Java's class path.
type javaState struct {
	active  bool
	path    []string            // class path: jars and directories, each once
	jars    []string            // of path, links resolved
	release int                 // of the runtime: 17; 0 where it does not say
	defines map[string][]string // jars and class directories by a package that they have
}

func javaVisitors() []rootfs.Visitor {
	return []rootfs.Visitor{{Name: javaVisitor, Version: 4, Want: isJava, Visit: visitJava}}
}

func isJava(h *rootfs.Header, head []byte) bool {
	switch path.Ext(h.Path) {
	case ".jar", ".war":
		return h.Size <= maxJar && len(head) > 2 && head[0] == 'P' && head[1] == 'K'
	case ".class":
		return h.Size <= maxClass
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
		facts.Reflects = true // what cannot be read may load anything
	}
	return json.Marshal(facts)
}

// javaCore keeps the runtime: the virtual machine loads its libraries and
// modules by names that Java code gives. What only its tools use is left out.
func (w *walk) javaCore(program string) {
	home := parent(parent(program))
	for dir := parent(program); dir != ""; dir = parent(dir) {
		if w.isFile(dir+"/lib/modules") || w.isFile(dir+"/lib/rt.jar") || w.isFile(dir+"/jre/lib/rt.jar") {
			home = dir
			break
		}
	}
	if isSystemDir(home) || w.done["java-home\x00"+home] {
		return
	}
	w.done["java-home\x00"+home] = true
	w.java.release = w.javaRelease(home)
	for _, file := range []string{"lib/modules", "lib/jvm.cfg", "lib/server/libjvm.so", "lib/server/classes.jsa", "release"} {
		w.need(program, home+"/"+file, "Java's runtime")
	}
	w.keepTree(program, home, "Java's runtime", func(p string) bool {
		rest := strings.TrimPrefix(p, home+"/")
		first, _, _ := strings.Cut(rest, "/")
		switch first {
		case "bin", "jmods", "include", "man", "legal", "demo", "sample", "docs":
			return true
		}
		return path.Base(p) == "src.zip" || path.Base(p) == "ct.sym" || path.Base(p) == "tools.jar"
	})
}

// javaRelease reads the number of a runtime's release: 8 of "1.8.0_392", 17 of
// "17.0.9" (JEP 223).
func (w *walk) javaRelease(home string) int {
	data, err := w.read(home+"/release", maxText)
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

// javaRun follows one command line of java.
func (w *walk) javaRun(program string, args []string) {
	w.javaCore(program)
	w.java.active = true
	for _, name := range []string{"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"} {
		args = append(strings.Fields(w.env[name]), args...)
	}
	args = w.javaArguments(program, args, 0)
	classPath, ownPath := w.env["CLASSPATH"], false
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
			w.addModulePath(program, value)
			modules = true
		case "-m", "--module":
			main = value
		case "-jar":
			main = value
			classPath, ownPath = value, true
			w.need(program, join(w.workdir, value), "-jar")
		default:
			switch {
			case strings.HasPrefix(name, "-XX:OnError"), strings.HasPrefix(name, "-XX:OnOutOfMemoryError"):
				w.run(program, name, []string{"/bin/sh", "-c", value})
			case strings.HasPrefix(word, "-javaagent:"):
				w.addClassPath(program, strings.TrimPrefix(name, "-javaagent:"), "-javaagent")
			case strings.HasPrefix(word, "-agentpath:"):
				w.need(program, join(w.workdir, strings.TrimPrefix(name, "-agentpath:")), "-agentpath")
			case strings.HasPrefix(word, "-Xbootclasspath"):
				_, list, _ := strings.Cut(word, ":")
				w.addClassPath(program, list, "-Xbootclasspath")
			case !strings.HasPrefix(word, "-"):
				main = word
			}
		}
	}
	if classPath == "" && !ownPath {
		classPath = "."
	}
	if strings.Contains(classPath, blank) || strings.Contains(main, blank) {
		w.javaGap(program, "a class path that is computed")
		return
	}
	w.addClassPath(program, classPath, "class path")
	w.javaMain(program, main)
	if modules {
		w.javaGap(program, "the services of modules, which are found by computed names")
	}
}

// javaArguments puts the words of @argfiles in their places.
func (w *walk) javaArguments(program string, args []string, depth int) []string {
	var all []string
	for _, arg := range args {
		file, ok := strings.CutPrefix(arg, "@")
		text, err := w.read(join(w.workdir, file), maxText)
		if !ok || err != nil || depth > 8 {
			all = append(all, arg)
			continue
		}
		w.need(program, join(w.workdir, file), "argument file")
		words := strings.Fields(string(text))
		for i := range words {
			words[i] = strings.Trim(words[i], `"'`)
		}
		all = append(all, w.javaArguments(program, words, depth+1)...)
	}
	return all
}

// addModulePath adds the jars and the directories of modules.
func (w *walk) addModulePath(program, list string) {
	for dir := range strings.SplitSeq(list, ":") {
		w.addClassPath(program, dir, "module path")
		if dir != "" && w.isDir(join(w.workdir, dir)) {
			w.addClassPath(program, dir+"/*", "module path")
		}
	}
}

// addClassPath adds entries of a class path: jars, directories, and all jars of
// a directory (java(1), "Class Path Wildcards").
func (w *walk) addClassPath(from, list, how string) {
	for entry := range strings.SplitSeq(list, ":") {
		if dir, ok := strings.CutSuffix(entry, "/*"); ok {
			for e := range w.list(join(w.workdir, dir)) {
				if strings.EqualFold(path.Ext(e.Path), ".jar") {
					w.addJar(e.Path)
				}
			}
			continue
		}
		if entry == "" {
			entry = "."
		}
		w.addJar(join(w.workdir, entry))
	}
}

// addJar puts a jar or a directory on the class path, with what its manifest
// names.
func (w *walk) addJar(at string) {
	real, ok := w.follow(at, nil)
	if !ok || slices.Contains(w.java.jars, real) || isSystemDir(real) && w.isDir(real) {
		return
	}
	w.java.path = append(w.java.path, at)
	w.java.jars = append(w.java.jars, real)
	if w.java.defines == nil {
		w.java.defines = map[string][]string{}
	}
	if w.isDir(real) {
		for e := range w.below(real) {
			if path.Ext(e.Path) == ".class" {
				pkg := strings.TrimPrefix(parent(e.Path), real)
				pkg = strings.TrimPrefix(pkg, "/")
				if !slices.Contains(w.java.defines[pkg], at) {
					w.java.defines[pkg] = append(w.java.defines[pkg], at)
				}
			}
		}
		return
	}
	facts := w.javaFacts(real)
	for _, pkg := range facts.Defines {
		w.java.defines[pkg] = append(w.java.defines[pkg], at)
	}
	for _, entry := range facts.ClassPath {
		if !strings.Contains(entry, "://") {
			entry = strings.TrimPrefix(entry, "file:")
			w.addJar(join(parent(real), entry))
		}
	}
}

func (w *walk) javaFacts(file string) javaFacts {
	var facts javaFacts
	data, ok := w.fact(javaVisitor, file)
	if !ok || json.Unmarshal(data, &facts) != nil {
		facts.Reflects, facts.Starts = true, true
	}
	return facts
}

// javaMain needs what has the main class.
func (w *walk) javaMain(from, main string) {
	if jar := join(w.workdir, main); w.isFile(jar) && (strings.HasSuffix(main, ".jar") || strings.HasSuffix(main, ".war")) {
		w.need(from, jar, "-jar")
		return
	}
	if file := join(w.workdir, main); strings.HasSuffix(main, ".java") && w.isFile(file) {
		w.need(from, file, "source that java compiles")
		w.javaGap(from, "a source that is compiled when it is run")
		return
	}
	module, class, ok := strings.Cut(main, "/")
	if !ok {
		class = module
	}
	w.javaClass(from, strings.ReplaceAll(class, ".", "/"), "main class "+class)
}

// javaClass needs what the class path has for a class by its name with slashes.
func (w *walk) javaClass(from, name, how string) {
	for _, at := range w.java.defines[packageOf(name)] {
		if !w.isDir(at) {
			w.need(from, at, how)
			continue
		}
		w.need(from, at+"/"+name+".class", how)
	}
}

// javaVisit follows a jar or a class.
func (w *walk) javaVisit(file string) {
	if !w.java.active {
		return
	}
	facts := w.javaFacts(file)
	class := path.Ext(file) == ".class"
	const first = 44 // the format of release n is that and n (JVMS 4.1, table 4.1-A)
	if need := facts.Version - first; need > w.java.release && w.java.release > 0 {
		w.want(file, fmt.Sprintf("Java %d or newer", need), true)
	}
	for _, name := range facts.Refers {
		if class {
			w.javaClass(file, name, "class "+name)
			continue
		}
		for _, at := range w.java.defines[name] {
			w.needClasses(file, at, name)
		}
	}
	for _, name := range facts.Names {
		pkg := name
		if class {
			pkg = packageOf(name)
		}
		for _, at := range w.java.defines[pkg] {
			if w.isDir(at) {
				w.keepTree(file, at+"/"+pkg, fmt.Sprintf("the name %q", name))
			} else {
				w.keep(file, fmt.Sprintf("the name %q", name), []string{at})
			}
		}
	}
	if facts.Starts {
		w.javaStarts(file, facts.Commands)
	}
	if facts.Reflects && slices.ContainsFunc(w.java.jars, func(at string) bool { return at == file || strings.HasPrefix(file, at+"/") }) {
		w.javaGap(file, "classes that are found by computed names")
	}
}

// javaStarts keeps the programs that classes which start some have strings of, and
// the shell, by which the runtime runs scripts without a first line
// (childproc.c: execve_as_traditional_shell_script).
func (w *walk) javaStarts(file string, names []string) {
	w.gap(Gap{Path: file, What: "starts programs", Scope: "the programs that strings of its classes name"})
	for _, name := range append([]string{"/bin/sh"}, names...) {
		if program, ok := w.find(name); ok && w.isFile(program) {
			w.keepRunning(file, "string \""+name+"\" in classes that start programs", program)
		}
	}
}

// needClasses needs a jar, or the classes of one package of a directory.
func (w *walk) needClasses(from, at, pkg string) {
	if !w.isDir(at) {
		w.need(from, at, "classes of "+pkg)
		return
	}
	for e := range w.list(at + "/" + pkg) {
		if path.Ext(e.Path) == ".class" {
			w.need(from, e.Path, "classes of "+pkg)
		}
	}
}

// javaGap records what cannot be followed and keeps the class path; where that
// is not known, every jar of the image.
func (w *walk) javaGap(file, what string) {
	if len(w.java.path) == 0 {
		w.gap(Gap{Path: file, What: what, Scope: "every jar of the image"})
		if w.done["java-all"] {
			return
		}
		w.done["java-all"] = true
		for _, e := range w.entries {
			switch path.Ext(e.Path) {
			case ".jar", ".war", ".class":
				w.keep(file, what, []string{e.Path})
			}
		}
		return
	}
	w.gap(Gap{Path: file, What: what, Scope: "the class path"})
	for _, at := range w.java.path {
		if w.done["java-kept\x00"+at] {
			continue
		}
		w.done["java-kept\x00"+at] = true
		if w.isDir(at) {
			w.keepTree(file, at, what)
		} else {
			w.keep(file, what, []string{at})
		}
	}
}
