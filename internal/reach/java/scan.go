package java

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/words"
)

// javaFacts is what the classes of a jar, or one class file, refer to. Java's
// own packages are left out, and so are a jar's references to itself.
type javaFacts struct {
	Main      string   `json:"m,omitempty"` // of the manifest, with dots
	ClassPath []string `json:"c,omitempty"` // of the manifest, as written
	Defines   []string `json:"d,omitempty"` // packages, with slashes
	Refers    []string `json:"r,omitempty"` // packages of classes that are named
	Names     []string `json:"n,omitempty"` // packages of strings that look like a class's name
	Reflects  bool     `json:"x,omitempty"` // loads classes by computed names, or services
	Loads     bool     `json:"y,omitempty"` // makes class loaders of its own, which are told of archives
	Places    []string `json:"p,omitempty"` // absolute paths that classes that write name; of a program's jar
	Version   int      `json:"v,omitempty"` // format of the main class, else the oldest that a class has
	Starts    bool     `json:"s,omitempty"` // starts programs
	Commands  []string `json:"o,omitempty"` // strings of the classes that do, which may be programs
	Lines     []string `json:"l,omitempty"` // those that may be command lines
	Strings   []string `json:"t,omitempty"` // that may name files: all of a program's, absolute paths of a library's
	Cut       bool     `json:"u,omitempty"` // it has more strings than are kept
}

// Bounds of a jar and of its classes.
const (
	maxJavaEntries = 200_000
	maxClass       = 8 << 20
	maxJarBytes    = 1 << 30 // of classes, unpacked
	maxManifest    = 1 << 20
)

// readJar reads what the classes of a jar refer to.
func readJar(r io.ReaderAt, size int64) (javaFacts, error) {
	var facts javaFacts
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return facts, err
	}
	if len(archive.File) > maxJavaEntries {
		return facts, errors.New("too many entries")
	}
	c := newClassRefs()
	var total uint64
	for _, f := range archive.File {
		switch {
		case f.Name == "META-INF/MANIFEST.MF":
			if text, err := readEntry(f, maxManifest); err == nil {
				facts.Main, facts.ClassPath = readManifest(text)
			}
		case strings.HasSuffix(f.Name, ".jar") || strings.HasPrefix(f.Name, "META-INF/services/"):
			// Nested jars are loaded by a class loader of the application's own, and
			// are not looked into: they may do all that classes can.
			nested := strings.HasSuffix(f.Name, ".jar")
			c.reflects, c.starts = c.reflects || nested, c.starts || nested
		case strings.HasSuffix(f.Name, ".class"):
			if total += f.UncompressedSize64; total > maxJarBytes {
				return facts, errors.New("too many bytes of classes")
			}
			body, err := readEntry(f, maxClass)
			if err != nil {
				c.reflects, c.starts = true, true // a class that cannot be read may do anything
				continue
			}
			if err := c.class(body); err != nil {
				c.reflects, c.starts = true, true
			}
		}
	}
	c.into(&facts)
	if facts.Main == "" {
		facts.Places = nil // a library writes where its caller says
		facts.Strings = slices.DeleteFunc(facts.Strings, func(s string) bool { return !strings.HasPrefix(s, "/") })
	}
	if main, ok := c.versions[strings.ReplaceAll(facts.Main, ".", "/")]; ok {
		facts.Version = main
	}
	return facts, nil
}

// readClass reads what one class file refers to.
func readClass(body []byte) (javaFacts, error) {
	var facts javaFacts
	c := newClassRefs()
	c.whole = true
	err := c.class(body)
	c.into(&facts)
	return facts, err
}

func readEntry(f *zip.File, most uint64) ([]byte, error) {
	if f.UncompressedSize64 > most {
		return nil, errors.New("too large")
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, int64(most)))
}

// readManifest returns the main class and the class path of a manifest
// (https://docs.oracle.com/en/java/javase/21/docs/specs/jar/jar.html): lines are
// continued by a words.Blank at the start of the next.
func readManifest(text []byte) (main string, classPath []string) {
	var lines []string
	scan := bufio.NewScanner(strings.NewReader(string(text)))
	for scan.Scan() {
		line := strings.TrimSuffix(scan.Text(), "\r")
		if line == "" && len(lines) > 0 {
			break // the main section ends
		}
		if rest, ok := strings.CutPrefix(line, " "); ok && len(lines) > 0 {
			lines[len(lines)-1] += rest
		} else {
			lines = append(lines, line)
		}
	}
	for _, line := range lines {
		key, value, _ := strings.Cut(line, ":")
		switch {
		case strings.EqualFold(key, "Main-Class"):
			main = strings.TrimSpace(value)
		case strings.EqualFold(key, "Class-Path"):
			classPath = strings.Fields(value)
		}
	}
	return main, classPath
}

// classRefs collects what classes define and refer to.
type classRefs struct {
	defines, refers, names map[string]bool
	places, commands       map[string]bool
	strings, lines         map[string]bool // that may name files; of classes that start programs
	reflects, starts, cut  bool
	loads, opens, makes    bool           // makes loaders of archives; opens archives; makes classes of bytes
	versions               map[string]int // formats of classes (JVMS 4.1, major_version)
	whole                  bool           // names of classes, not of their packages
}

func newClassRefs() classRefs {
	return classRefs{
		defines: map[string]bool{}, refers: map[string]bool{}, names: map[string]bool{}, commands: map[string]bool{},
		places: map[string]bool{}, strings: map[string]bool{}, lines: map[string]bool{}, versions: map[string]int{},
	}
}

// Bounds of the strings that are kept of the classes of one jar: that may be programs,
// and that may name files. What is beyond is a gap.
const (
	maxJavaCommands = 20_000
	maxJavaStrings  = 60_000
)

// into writes down what was collected: for one class its names, for a jar the
// packages. A package may be split over jars, so one that the jar has too counts
// if a class of it is not in the jar.
func (c *classRefs) into(f *javaFacts) {
	list := func(set map[string]bool, own bool) []string {
		names := map[string]bool{}
		for name := range set {
			switch {
			case c.whole:
				names[name] = true
			case own || !c.defines[name]:
				names[packageOf(name)] = true
			}
		}
		return slices.Sorted(maps.Keys(names))
	}
	for _, v := range c.versions {
		if f.Version == 0 || v < f.Version {
			f.Version = v
		}
	}
	f.Places, f.Strings, f.Lines = slices.Sorted(maps.Keys(c.places)), slices.Sorted(maps.Keys(c.strings)), slices.Sorted(maps.Keys(c.lines))
	f.Defines, f.Refers, f.Names, f.Reflects = list(c.defines, true), list(c.refers, false), list(c.names, false), c.reflects
	f.Loads, f.Cut = c.loads || c.opens && c.makes, c.cut
	f.Starts, f.Commands = c.starts, slices.Sorted(maps.Keys(c.commands))
}

// add records a class by its name with slashes.
func (c *classRefs) add(set map[string]bool, name string) {
	for _, own := range []string{"java/", "jdk/", "sun/", "com/sun/"} {
		if strings.HasPrefix(name, own) {
			return
		}
	}
	set[name] = true
}

// packageOf returns the package of a class; "" is the unnamed one.
func packageOf(class string) string {
	if i := strings.LastIndexByte(class, '/'); i >= 0 {
		return class[:i]
	}
	return ""
}

// Tags of the constant pool (JVMS 4.4).
const (
	tagUtf8, tagInteger, tagFloat, tagLong, tagDouble              = 1, 3, 4, 5, 6
	tagClass, tagString, tagField, tagMethod, tagInterfaceMethod   = 7, 8, 9, 10, 11
	tagNameAndType, tagMethodHandle, tagMethodType                 = 12, 15, 16
	tagDynamic, tagInvokeDynamic, tagModule, tagPackage, classFile = 17, 18, 19, 20, 0xcafebabe
)

var errClass = errors.New("malformed class file")

// class reads the constant pool of a class file
// (https://docs.oracle.com/javase/specs/jvms/se21/html/jvms-4.html).
func (c *classRefs) class(body []byte) error {
	if len(body) < 10 || binary.BigEndian.Uint32(body) != classFile {
		return errClass
	}
	count := int(binary.BigEndian.Uint16(body[8:]))
	at := 10
	texts := make([]string, count)
	type entry struct {
		tag  byte
		a, b uint16
	}
	pool := make([]entry, count)
	for i := 1; i < count; i++ {
		if at+3 > len(body) {
			return errClass
		}
		tag := body[at]
		a := binary.BigEndian.Uint16(body[at+1:])
		size := 3
		pool[i] = entry{tag: tag, a: a}
		switch tag {
		case tagUtf8:
			size = 3 + int(a)
			if at+size > len(body) {
				return errClass
			}
			texts[i] = string(body[at+3 : at+size])
		case tagInteger, tagFloat, tagField, tagMethod, tagInterfaceMethod, tagNameAndType, tagDynamic, tagInvokeDynamic:
			size = 5
			if at+size > len(body) {
				return errClass
			}
			pool[i].b = binary.BigEndian.Uint16(body[at+3:])
		case tagLong, tagDouble:
			size = 9
			i++ // takes two entries
		case tagClass, tagString, tagMethodType, tagModule, tagPackage:
		case tagMethodHandle:
			size = 4
		default:
			return errClass
		}
		at += size
	}
	get := func(i uint16, tag byte) (entry, bool) {
		if int(i) >= count || pool[i].tag != tag {
			return entry{}, false
		}
		return pool[i], true
	}
	className := func(i uint16) string {
		if e, ok := get(i, tagClass); ok && int(e.a) < count {
			return texts[e.a]
		}
		return ""
	}
	writes, starts := false, false
	var paths []string
	for _, e := range pool {
		switch e.tag {
		case tagClass:
			if int(e.a) < count {
				c.descriptor(texts[e.a], true)
			}
		case tagNameAndType:
			if int(e.b) < count {
				c.descriptor(texts[e.b], false)
			}
		case tagMethodType:
			if int(e.a) < count {
				c.descriptor(texts[e.a], false)
			}
		case tagString:
			if int(e.a) < count && strings.HasPrefix(texts[e.a], "/") && !strings.ContainsAny(texts[e.a], " \n*?%") && len(texts[e.a]) > 1 {
				paths = append(paths, texts[e.a])
			}
			if int(e.a) < count && words.IsLiteral(texts[e.a]) && !isClassName(texts[e.a]) {
				if c.cut = c.cut || len(c.strings) == maxJavaStrings; !c.cut {
					c.strings[texts[e.a]] = true
				}
			}
			if int(e.a) < count && isClassName(texts[e.a]) {
				c.add(c.names, strings.ReplaceAll(texts[e.a], ".", "/"))
			}
		case tagMethod, tagInterfaceMethod:
			if nt, ok := get(e.b, tagNameAndType); ok && int(nt.a) < count {
				c.reflects = c.reflects || loadsClasses(className(e.a), texts[nt.a])
				c.loads = c.loads || loadsArchives(className(e.a), texts[nt.a])
				c.opens = c.opens || opensArchives(className(e.a), texts[nt.a])
				c.makes = c.makes || texts[nt.a] == "defineClass"
				writes = writes || writesFiles(className(e.a), texts[nt.a])
				starts = starts || startsPrograms(className(e.a), texts[nt.a])
			}
		}
	}
	if starts {
		c.starts = true
		for _, e := range pool {
			if e.tag == tagString && int(e.a) < count {
				if len(c.commands) >= maxJavaCommands {
					c.cut = true
					break
				}
				c.command(texts[e.a])
				if strings.Contains(texts[e.a], " ") && words.IsLiteral(texts[e.a]) {
					c.lines[texts[e.a]] = true
				}
			}
		}
	}
	for _, p := range paths {
		if writes && len(c.places) < reach.MaxWrites {
			c.places[p] = true
		}
	}
	if at+4 <= len(body) {
		if name := className(binary.BigEndian.Uint16(body[at+2:])); name != "" {
			c.add(c.defines, name)
			// A jar of several releases has a class for each (JEP 238).
			if v, known := c.versions[name]; !known || int(binary.BigEndian.Uint16(body[6:])) < v {
				c.versions[name] = int(binary.BigEndian.Uint16(body[6:]))
			}
		}
	}
	return nil
}

// writesFiles tells the methods by which files and directories are made.
func writesFiles(class, method string) bool {
	switch class {
	case "java/io/FileOutputStream", "java/io/FileWriter", "java/io/RandomAccessFile", "java/io/PrintWriter", "java/util/logging/FileHandler":
		return method == "<init>"
	case "java/io/File":
		return method == "mkdir" || method == "mkdirs" || method == "createNewFile"
	case "java/nio/file/Files":
		return strings.HasPrefix(method, "write") || strings.HasPrefix(method, "create") || method == "newBufferedWriter" || method == "newOutputStream" ||
			method == "copy" || method == "move"
	}
	return false
}

// loadsClasses tells the methods by which classes are found by name.
func loadsClasses(class, method string) bool {
	switch class + "." + method {
	case "java/lang/Class.forName", "java/lang/ClassLoader.loadClass", "java/util/ServiceLoader.load", "java/util/ServiceLoader.loadInstalled",
		"java/util/ServiceLoader.loadFromBootLoader", "java/lang/ClassLoader.defineClass", "java/lang/invoke/MethodHandles$Lookup.findClass",
		"java/net/URLClassLoader.newInstance", "java/lang/ClassLoader.getResources", "java/lang/Thread.getContextClassLoader":
		return true
	}
	return strings.HasSuffix(class, "ClassLoader") && method == "<init>"
}

// loadsArchives tells the methods by which archives of classes are found that are not
// on the class path: class loaders of a program's own, layers of modules, agents.
func loadsArchives(class, method string) bool {
	switch class + "." + method {
	case "java/net/URLClassLoader.<init>", "java/net/URLClassLoader.newInstance", "java/net/URLClassLoader.addURL", "java/lang/module/ModuleFinder.of",
		"java/lang/instrument/Instrumentation.appendToSystemClassLoaderSearch", "java/lang/instrument/Instrumentation.appendToBootstrapClassLoaderSearch":
		return true
	}
	return false
}

// opensArchives tells the methods by which a class loader that makes classes of bytes
// gets them.
func opensArchives(class, method string) bool {
	switch class {
	case "java/util/jar/JarFile", "java/util/zip/ZipFile", "java/util/jar/JarInputStream", "java/util/zip/ZipInputStream":
		return method == "<init>"
	case "java/nio/file/FileSystems":
		return method == "newFileSystem"
	}
	return false
}

// startsPrograms tells the methods that start programs.
func startsPrograms(class, method string) bool {
	return class == "java/lang/Runtime" && method == "exec" || class == "java/lang/ProcessBuilder" && (method == "<init>" || method == "command")
}

// command records the program that a string may name: a word, or a path.
func (c *classRefs) command(text string) {
	word := words.Command([]byte(text))
	if strings.HasPrefix(text, "/") && len(text) < words.MaxName {
		word, _, _ = strings.Cut(text, " ")
	}
	if word != "" {
		c.commands[word] = true
	}
}

// descriptor adds the classes of a descriptor (JVMS 4.3), or, if class, of a
// class's name, which may be an array's descriptor.
func (c *classRefs) descriptor(text string, class bool) {
	if class && !strings.HasPrefix(text, "[") {
		if text != "" {
			c.add(c.refers, text)
		}
		return
	}
	for {
		_, rest, ok := strings.Cut(text, "L")
		if !ok {
			return
		}
		name, after, ok := strings.Cut(rest, ";")
		if !ok {
			return
		}
		if name != "" {
			c.add(c.refers, name)
		}
		text = after
	}
}

// isClassName reports whether a string looks like a.b.Name.
func isClassName(text string) bool {
	return len(text) < 200 && strings.Contains(text, ".") && words.IsModuleName(text, false) && !strings.Contains(text, ":")
}
