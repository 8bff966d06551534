package catalog

import (
	"archive/zip"
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/lazy"
)

// maxClassFolders bounds the folders of an archive's classes that are looked at.
const maxClassFolders = 64

// classFolders returns the folders of an archive's classes, two deep: what its
// packages begin with. Those that several releases of Java have apart count too.
func classFolders(files []*zip.File) []string {
	var folders []string
	last := ""
	for _, f := range files {
		name := f.Name
		if !strings.HasSuffix(name, ".class") {
			continue
		}
		if rest, ok := strings.CutPrefix(name, "META-INF/versions/"); ok {
			_, name, _ = strings.Cut(rest, "/")
		}
		name = strings.TrimPrefix(strings.TrimPrefix(name, "WEB-INF/classes/"), "BOOT-INF/classes/")
		slash := strings.IndexByte(name, '/')
		if slash < 0 {
			continue // module-info, and programs without a package
		}
		for range 2 {
			if next := strings.IndexByte(name[slash+1:], '/'); next >= 0 {
				slash += 1 + next
			}
		}
		if folder := name[:slash]; folder != last {
			last = folder
			if len(folders) < maxClassFolders && !slices.Contains(folders, folder) {
				folders = append(folders, folder)
			}
		}
	}
	return folders
}

// reversed is a name as people give packages: their domain, its last part first.
var reversed = lazy.Regexp(`^[a-z][a-z0-9]*(?:\.[A-Za-z0-9_-]+){2,}`)

// plainArtifact is a title that is an artifact's name: "log4j-core".
var plainArtifact = lazy.Regexp(`^[a-z][a-z0-9]*(?:[-_][a-z0-9.]+)+$`)

// coordinates names an archive without Maven's files: by its manifest, and by
// the file's name as far as the manifest and the classes do not name somebody
// else. Without a group no advisory can be meant, and the jar is counted as not judged.
func (m *manifest) coordinates(base string) coordinates {
	stem := base[:len(base)-len(path.Ext(base))]
	artifact, version := splitArtifact(stem)
	if m.shortName != "" && m.pluginVersion != "" { // https://www.jenkins.io/doc/developer/plugin-development/
		v, _, _ := strings.Cut(m.pluginVersion, " ")
		return coordinates{group: cmp.Or(m.groupID, "org.jenkins-ci.plugins"), artifact: m.shortName, version: v}
	}
	stated := m.statedVersion()
	c := coordinates{artifact: artifact, version: cmp.Or(version, stated)}
	if title := m.title; reversed().MatchString(title) && !strings.ContainsAny(title, " /") {
		if foreign := m.titled(title, c, stated); foreign.artifact != "" {
			return foreign
		}
	}
	if row := knownJar(artifact); (row == nil || !m.isOf(row)) && !m.isNamed(artifact) {
		if as := m.bundled(); as.group != "" {
			as.version = cmp.Or(stated, version)
			return as
		}
		for _, name := range [...]string{m.bundle, m.title} {
			if row := knownJar(name); name != artifact && row != nil && row.artifact == name && m.isOf(row) {
				return coordinates{group: row.group, artifact: name, version: cmp.Or(stated, version)}
			}
		}
		if title := m.title; plainArtifact().MatchString(title) && title != artifact {
			as := coordinates{group: m.group(title), artifact: title, version: cmp.Or(stated, version)}
			if as.group != "" {
				return as
			}
		}
	} else if stated != "" && version != "" && !m.statesVersion(version) {
		c.version = stated
	}
	c.group = m.group(artifact)
	return c
}

// statedVersion returns the version in the manifest.
func (m *manifest) statedVersion() string {
	for _, version := range [...]string{m.version, m.bundleVersion} {
		version, _, _ = strings.Cut(version, " ")
		if version != "" && (startsWithDigit(version) || version[0] == 'r' || version[0] == 'v') {
			return version
		}
	}
	return ""
}

// statesVersion reports whether the manifest agrees with the version of the
// file's name: one may be longer ("4.1.0" and "4.1.0.Final").
func (m *manifest) statesVersion(version string) bool {
	for _, stated := range [...]string{m.version, m.bundleVersion} {
		stated, _, _ = strings.Cut(stated, " ")
		if stated != "" && (strings.HasPrefix(stated, numbers(version)) || strings.HasPrefix(version, numbers(stated))) {
			return true
		}
	}
	return false
}

// numbers returns what a version begins with, up to a letter or a hyphen.
func numbers(version string) string {
	if end := strings.IndexFunc(version, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); end > 0 {
		version = version[:end]
	}
	return strings.TrimRight(version, ".")
}

// isNamed reports whether the manifest names the artifact of the file's name, or
// nothing at all.
func (m *manifest) isNamed(artifact string) bool {
	if m.bundle == "" && m.module == "" && m.title == "" {
		return true
	}
	own := plainWords(artifact)
	for _, text := range [...]string{m.bundle, m.module, m.title} {
		words := plainWords(text)
		if len(own) > 0 && !slices.ContainsFunc(own, func(w string) bool { return !slices.Contains(words, w) }) {
			return true
		}
		if joined := strings.Join(words, ""); text != "" && strings.HasSuffix(joined, strings.Join(own, "")) {
			return true
		}
	}
	return false
}

// plainWords parts a name at what is neither a letter nor a digit.
func plainWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

// titled reads a title like "com.example.instrumentation.spring-webflux-5.0.0",
// of somebody whose group it is: nothing where it is the name of a package that
// the artifact's known group has.
func (m *manifest) titled(title string, c coordinates, stated string) coordinates {
	row := knownJar(c.artifact)
	if row == nil || row.begins(title) {
		return coordinates{}
	}
	words := strings.Split(title, ".")
	for i, word := range words { // the artifact is the first word that has a hyphen, else the last
		if strings.Contains(word, "-") && i >= 2 || i == len(words)-1 {
			return coordinates{group: strings.Join(words[:i], "."), artifact: strings.Join(words[i:], "."), version: cmp.Or(stated, c.version)}
		}
	}
	return coordinates{}
}

// bundled returns the group and artifact that a renamed jar's symbolic name
// says: "org.apache.logging.log4j.core" of the vendor
// "org.apache.logging.log4j" is log4j-core.
func (m *manifest) bundled() coordinates {
	for _, name := range [...]string{m.bundle, m.module} {
		for _, row := range knownBundles {
			if row.bundle == name {
				return coordinates{group: row.group, artifact: row.artifact}
			}
		}
		if rest, ok := strings.CutPrefix(name, m.vendorID+"."); ok && strings.Contains(m.vendorID, ".") {
			artifact := strings.ReplaceAll(rest, ".", "-")
			if !strings.Contains(rest, "-") {
				artifact = m.vendorID[strings.LastIndexByte(m.vendorID, '.')+1:] + "-" + artifact
			}
			return coordinates{group: m.vendorID, artifact: artifact}
		}
	}
	return coordinates{}
}

// knownBundles are symbolic names that say artifacts in their own way.
var knownBundles = []struct{ bundle, group, artifact string }{
	{"org.apache.logging.log4j.core", "org.apache.logging.log4j", "log4j-core"},
	{"org.apache.logging.log4j.api", "org.apache.logging.log4j", "log4j-api"},
	{"org.apache.commons.text", "org.apache.commons", "commons-text"},
	{"org.apache.commons.commons-text", "org.apache.commons", "commons-text"},
	{"org.apache.commons.compress", "org.apache.commons", "commons-compress"},
	{"org.apache.commons.commons-compress", "org.apache.commons", "commons-compress"},
	{"org.apache.commons.collections", "commons-collections", "commons-collections"},
	{"org.apache.commons.beanutils", "commons-beanutils", "commons-beanutils"},
	{"org.apache.commons.commons-beanutils", "commons-beanutils", "commons-beanutils"},
	{"org.apache.commons.fileupload", "commons-fileupload", "commons-fileupload"},
	{"org.apache.commons.io", "commons-io", "commons-io"},
	{"org.apache.commons.commons-io", "commons-io", "commons-io"},
	{"com.fasterxml.jackson.core.jackson-databind", "com.fasterxml.jackson.core", "jackson-databind"},
	{"com.google.guava", "com.google.guava", "guava"},
	{"com.google.gson", "com.google.code.gson", "gson"},
	{"com.google.inject", "com.google.inject", "guice"},
	{"com.h2database", "com.h2database", "h2"},
	{"org.yaml.snakeyaml", "org.yaml", "snakeyaml"},
	{"org.postgresql.jdbc", "org.postgresql", "postgresql"},
	{"org.dom4j", "org.dom4j", "dom4j"},
	{"ch.qos.logback.core", "ch.qos.logback", "logback-core"},
	{"ch.qos.logback.classic", "ch.qos.logback", "logback-classic"},
	{"org.springframework.core", "org.springframework", "spring-core"},
	{"org.springframework.beans", "org.springframework", "spring-beans"},
	{"org.springframework.web", "org.springframework", "spring-web"},
	{"spring.core", "org.springframework", "spring-core"},
	{"spring.beans", "org.springframework", "spring-beans"},
	{"spring.web", "org.springframework", "spring-web"},
	{"spring.webmvc", "org.springframework", "spring-webmvc"},
	{"spring.webflux", "org.springframework", "spring-webflux"},
}

// group returns the group id of an artifact, "" when nothing tells it: a
// wrong one would match somebody else's advisories.
func (m *manifest) group(artifact string) string {
	if artifact == "dom4j" { // the project moved with version 2
		if strings.HasPrefix(cmp.Or(m.statedVersion(), "1"), "1") {
			return "dom4j"
		}
		return "org.dom4j"
	}
	if row := knownJar(artifact); row != nil {
		if m.isOf(row) {
			return row.group
		}
		if m.vendorID == "" && m.bundle == "" && m.module == "" {
			return ""
		}
	}
	for _, name := range [...]string{m.bundle, m.module} {
		if group, ok := strings.CutSuffix(name, "."+artifact); ok && isGroup(group) {
			return group
		}
		// org.apache.commons.lang3 is commons-lang3 of org.apache.commons, and
		// org.eclipse.jetty.util is jetty-util of org.eclipse.jetty.
		if i := strings.LastIndexByte(name, '.'); i > 0 && strings.HasSuffix(artifact, "-"+name[i+1:]) && isGroup(name[:i]) {
			return name[:i]
		}
	}
	if id := m.vendorID; strings.Contains(id, ".") && !strings.ContainsAny(id, " /:") {
		return id
	}
	return ""
}

// maxRoots bounds what is kept of an archive's packages.
const maxRoots = 16

// nobody is a root that no group has.
const nobody = "?"

// roots returns what an archive's names and the packages of its classes begin with,
// two parts each, for the caller that has a list of groups. Somebody else's archive under
// the name of a known artifact has none of these.
func (m *manifest) roots(artifact string) []string {
	if knownJar(artifact) != nil {
		return []string{nobody}
	}
	var list []string
	add := func(name string) {
		parts := strings.SplitN(name, ".", 3)
		if root := strings.Join(parts[:min(2, len(parts))], "."); len(list) < maxRoots && !slices.Contains(list, root) {
			list = append(list, root)
		}
	}
	for _, name := range [...]string{m.bundle, m.module, m.vendorID, m.title} {
		if isGroup(name) && !strings.ContainsAny(name, " /:") {
			add(name)
		}
	}
	for _, folder := range m.classes {
		add(strings.ReplaceAll(folder, "/", "."))
	}
	slices.Sort(list)
	return list
}

// isGroup reports whether a name begins as groups do: with a domain's last part.
func isGroup(name string) bool {
	first, rest, _ := strings.Cut(name, ".")
	switch first {
	case "org", "com", "net", "edu", "gov", "info", "biz", "dev", "app", "javax", "jakarta", "redis":
		return rest != ""
	}
	return len(first) == 2 && rest != ""
}

// isOf reports whether nothing in an archive says that it is not of a row's
// group: its names, its maker, its classes.
func (m *manifest) isOf(row *jarGroup) bool {
	for _, name := range [...]string{m.bundle, m.module, m.vendorID, m.title} {
		if reversed().MatchString(name+".x") && !strings.Contains(name, " ") && strings.Contains(name, ".") && !row.begins(name) {
			return false
		}
	}
	vendors := row.vendors
	if vendors == "" && row.begins("org.apache") {
		vendors = "apache"
	}
	if vendor := strings.ToLower(m.vendor); vendor != "" && vendors != "" &&
		!slices.ContainsFunc(strings.Fields(vendors), func(word string) bool { return strings.Contains(vendor, word) }) {
		return false
	}
	// A title for people has a word of the artifact or of its group.
	if words := plainWords(m.title); len(words) > 0 {
		own := append(plainWords(row.artifact), plainWords(row.group+" "+row.folders)...)
		if !slices.ContainsFunc(words, func(w string) bool {
			return slices.ContainsFunc(own, func(o string) bool { return len(o) > 1 && o != "org" && o != "com" && strings.HasPrefix(w, o) })
		}) {
			return false
		}
	}
	return len(m.classes) == 0 || slices.ContainsFunc(m.classes, func(folder string) bool { return row.begins(strings.ReplaceAll(folder, "/", ".")) })
}

// jarGroup is the group of artifacts that hold no coordinates.
type jarGroup struct {
	artifact string // "*" at its end matches anything
	group    string
	folders  string // what their packages begin with; "" for the group's
	vendors  string // words of which Implementation-Vendor has one, where it is given
}

// begins reports whether a name, of a package or as people name such, is of the
// group's own.
func (row *jarGroup) begins(name string) bool {
	for folder := range strings.FieldsSeq(cmp.Or(row.folders, row.group)) {
		dotted := strings.ReplaceAll(folder, "/", ".")
		if name == dotted || strings.HasPrefix(name, dotted+".") || strings.HasPrefix(dotted, name+".") {
			return true
		}
	}
	return name == row.group || strings.HasPrefix(name, row.group+".") || strings.HasPrefix(name+".", commonRoot(row.group))
}

// commonRoot returns the two parts that a group begins with, "org.apache.";
// another artifact of the same people may name itself so.
func commonRoot(group string) string {
	parts := strings.SplitN(group, ".", 3)
	if len(parts) < 2 {
		return "\x00"
	}
	return parts[0] + "." + parts[1] + "."
}

// knownJar returns the first row that fits an artifact, nil for none.
func knownJar(artifact string) *jarGroup {
	for i := range jarGroups {
		row := &jarGroups[i]
		if name, ok := strings.CutSuffix(row.artifact, "*"); ok && strings.HasPrefix(artifact, name) || artifact == row.artifact {
			return row
		}
	}
	return nil
}

// jarGroups are the groups of projects that are built without Maven, or whose
// jars are often found without its files. The first row that fits counts.
var jarGroups = [...]jarGroup{
	{"guice", "com.google.inject", "com/google/inject", ""},
	{"guice-*", "com.google.inject.extensions", "com/google/inject", ""},
	{"mongodb-driver*", "org.mongodb", "com/mongodb org/bson", ""},
	{"mongo-java-driver", "org.mongodb", "com/mongodb org/bson", ""},
	{"bson*", "org.mongodb", "org/bson", ""},
	{"h2", "com.h2database", "org/h2", ""},
	{"xercesImpl", "xerces", "org/apache/xerces org/apache/xml org/apache/wml org/w3c", ""},
	{"xml-apis", "xml-apis", "javax org/w3c org/xml org/apache/xmlcommons", ""},
	{"xalan", "xalan", "org/apache/xalan org/apache/xpath org/apache/xml", ""},
	{"serializer", "xalan", "org/apache/xml/serializer", ""},
	{"derby*", "org.apache.derby", "org/apache/derby", ""},
	{"jackson-mapper-asl", "org.codehaus.jackson", "org/codehaus/jackson", ""},
	{"jackson-core-asl", "org.codehaus.jackson", "org/codehaus/jackson", ""},
	{"mysql-connector-java", "mysql", "com/mysql org/gjt", ""},
	{"mysql-connector-j", "com.mysql", "com/mysql", ""},
	{"mariadb-java-client", "org.mariadb.jdbc", "org/mariadb", ""},
	{"hsqldb", "org.hsqldb", "org/hsqldb", ""},
	{"sqlite-jdbc", "org.xerial", "org/sqlite", ""},
	{"ojdbc*", "com.oracle.database.jdbc", "oracle", ""},
	{"mssql-jdbc", "com.microsoft.sqlserver", "com/microsoft mssql microsoft", ""},
	{"jedis", "redis.clients", "redis/clients", ""},
	{"javassist", "org.javassist", "javassist", ""},
	{"jdom2", "org.jdom", "org/jdom2", ""},
	{"jdom", "org.jdom", "org/jdom", ""},
	{"xstream", "com.thoughtworks.xstream", "com/thoughtworks/xstream", ""},
	{"snakeyaml", "org.yaml", "org/yaml/snakeyaml", ""},
	{"gson", "com.google.code.gson", "com/google/gson", ""},
	{"guava", "com.google.guava", "com/google", ""},
	{"protobuf-java", "com.google.protobuf", "com/google/protobuf", ""},
	{"json", "org.json", "org/json", ""},
	{"json-smart", "net.minidev", "net/minidev", ""},
	{"fastjson", "com.alibaba", "com/alibaba", ""},
	{"netty", "io.netty", "io/netty org/jboss/netty", ""},
	{"netty-*", "io.netty", "io/netty META-INF", ""},
	{"bsh*", "org.apache-extras.beanshell", "bsh org/apache", ""},
	{"velocity", "org.apache.velocity", "org/apache/velocity", ""},
	{"velocity-engine-core", "org.apache.velocity", "org/apache/velocity", ""},
	{"freemarker", "org.freemarker", "freemarker", ""},
	{"jython*", "org.python", "org/python", ""},
	{"ant", "org.apache.ant", "org/apache/tools", ""},
	{"ant-*", "org.apache.ant", "org/apache/tools", ""},
	{"axis", "axis", "org/apache/axis", ""},
	{"batik-*", "org.apache.xmlgraphics", "org/apache/batik", ""},
	{"zookeeper", "org.apache.zookeeper", "org/apache", ""},
	{"hadoop-*", "org.apache.hadoop", "org/apache/hadoop", ""},
	{"struts2-core", "org.apache.struts", "org/apache com/opensymphony", ""},
	{"struts", "struts", "org/apache/struts", ""},
	{"shiro-*", "org.apache.shiro", "org/apache/shiro", ""},
	{"poi", "org.apache.poi", "org/apache/poi", ""},
	{"poi-*", "org.apache.poi", "org/apache/poi org/openxmlformats", ""},
	{"tika-*", "org.apache.tika", "org/apache/tika", ""},
	{"activemq-*", "org.apache.activemq", "org/apache/activemq", ""},
	{"log4j-core", "org.apache.logging.log4j", "org/apache/logging/log4j", ""},
	{"log4j-api", "org.apache.logging.log4j", "org/apache/logging/log4j", ""},
	{"log4j-1.2-api", "org.apache.logging.log4j", "org/apache", ""},
	{"logback-*", "ch.qos.logback", "ch/qos/logback", ""},
	{"slf4j-*", "org.slf4j", "org/slf4j", ""},
	{"jul-to-slf4j", "org.slf4j", "jul org/slf4j", ""},
	{"jcl-over-slf4j", "org.slf4j", "jcl org/apache/commons/logging", ""},
	{"log4j-over-slf4j", "org.slf4j", "log4j org/apache/log4j", ""},
	{"jansi", "org.fusesource.jansi", "org/fusesource", ""},
	{"httpclient", "org.apache.httpcomponents", "org/apache/http", ""},
	{"httpcore", "org.apache.httpcomponents", "org/apache/http", ""},
	{"jsoup", "org.jsoup", "org/jsoup", ""},
	{"quartz", "org.quartz-scheduler", "org/quartz", ""},
	{"ehcache", "net.sf.ehcache", "net/sf/ehcache", ""},
	{"hazelcast", "com.hazelcast", "com/hazelcast", ""},
	{"jetty-*", "org.eclipse.jetty", "org/eclipse/jetty org/mortbay", ""},
	{"undertow-core", "io.undertow", "io/undertow", ""},
	{"plexus-utils", "org.codehaus.plexus", "org/codehaus/plexus", ""},
	{"commons-compress", "org.apache.commons", "org/apache/commons/compress", ""},
	{"commons-text", "org.apache.commons", "org/apache/commons/text", ""},
	{"commons-lang3", "org.apache.commons", "org/apache/commons/lang3", ""},
	{"commons-collections4", "org.apache.commons", "org/apache/commons/collections4", ""},
	{"commons-configuration2", "org.apache.commons", "org/apache/commons/configuration2", ""},
	{"commons-dbcp2", "org.apache.commons", "org/apache/commons/dbcp2", ""},
	{"commons-pool2", "org.apache.commons", "org/apache/commons/pool2", ""},
	{"commons-fileupload2*", "org.apache.commons", "org/apache/commons/fileupload2", ""},
	{"commons-email", "org.apache.commons", "org/apache/commons/mail", ""},
	{"commons-jelly", "commons-jelly", "org/apache/commons/jelly", ""},
	{"spring-boot*", "org.springframework.boot", "org/springframework/boot", "spring pivotal vmware broadcom interface21"},
	{"spring-security-oauth2", "org.springframework.security.oauth", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-security-*", "org.springframework.security", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-data-*", "org.springframework.data", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-cloud-*", "org.springframework.cloud", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-integration-*", "org.springframework.integration", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-batch-*", "org.springframework.batch", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-amqp", "org.springframework.amqp", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-rabbit", "org.springframework.amqp", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-kafka", "org.springframework.kafka", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-ws-*", "org.springframework.ws", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-session-*", "org.springframework.session", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-hateoas", "org.springframework.hateoas", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-retry", "org.springframework.retry", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-ldap-*", "org.springframework.ldap", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-core", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-beans", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-context*", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-aop", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-aspects", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-expression", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-jcl", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-jdbc", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-jms", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-messaging", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-orm", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-oxm", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-tx", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-web", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-webmvc", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-webflux", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"spring-websocket", "org.springframework", "org/springframework", "spring pivotal vmware broadcom interface21"},
	{"tomcat-embed-*", "org.apache.tomcat.embed", "org/apache javax jakarta", ""},
	{"tomcat-*", "org.apache.tomcat", "org/apache javax jakarta", ""},
	{"catalina", "org.apache.tomcat", "org/apache", ""},
	{"catalina-*", "org.apache.tomcat", "org/apache", ""},
	{"jasper", "org.apache.tomcat", "org/apache", "apache"},
	{"jasper-el", "org.apache.tomcat", "org/apache", "apache"},
	{"kafka-clients", "org.apache.kafka", "", ""},
	{"kafka_2*", "org.apache.kafka", "kafka org/apache/kafka", ""},
	{"kafka-streams*", "org.apache.kafka", "", ""},
	{"connect-runtime", "org.apache.kafka", "", ""},
	{"kotlin-*", "org.jetbrains.kotlin", "kotlin org/jetbrains", ""},
	{"kotlinx-coroutines-*", "org.jetbrains.kotlinx", "kotlinx", ""},
	{"okhttp", "com.squareup.okhttp3", "okhttp3", ""},
	{"okio*", "com.squareup.okio", "okio", ""},
	{"elasticsearch", "org.elasticsearch", "", ""},
	{"lucene-*", "org.apache.lucene", "", ""},
	{"hibernate-core", "org.hibernate", "", ""},
	{"hibernate-validator", "org.hibernate.validator", "", ""},
	{"reactor-core", "io.projectreactor", "reactor", ""},
	{"reactor-netty*", "io.projectreactor.netty", "reactor", ""},
	{"micrometer-*", "io.micrometer", "", ""},
	{"rxjava", "io.reactivex.rxjava2", "io/reactivex rx", ""},
	{"groovy*", "org.codehaus.groovy", "groovy org/codehaus/groovy org/apache/groovy groovyjarjarasm", ""},
	{"bcprov-*", "org.bouncycastle", "", ""},
	{"bcpkix-*", "org.bouncycastle", "", ""},
	{"bcpg-*", "org.bouncycastle", "", ""},
	{"postgresql", "org.postgresql", "", ""},
	{"c3p0", "com.mchange", "", ""},
	{"commons-collections", "commons-collections", "org/apache/commons", ""},
	{"commons-fileupload", "commons-fileupload", "org/apache/commons", ""},
	{"commons-beanutils", "commons-beanutils", "org/apache/commons", ""},
	{"commons-io", "commons-io", "org/apache/commons", ""},
	{"commons-logging*", "commons-logging", "org/apache/commons", ""},
	{"commons-cli", "commons-cli", "org/apache/commons", ""},
	{"commons-codec", "commons-codec", "org/apache/commons", ""},
	{"commons-configuration", "commons-configuration", "org/apache/commons", ""},
	{"commons-dbcp", "commons-dbcp", "org/apache/commons", ""},
	{"commons-digester", "commons-digester", "org/apache/commons", ""},
	{"commons-discovery", "commons-discovery", "org/apache/commons", ""},
	{"commons-httpclient", "commons-httpclient", "org/apache/commons", ""},
	{"commons-jxpath", "commons-jxpath", "org/apache/commons", ""},
	{"commons-lang", "commons-lang", "org/apache/commons", ""},
	{"commons-net", "commons-net", "org/apache/commons", ""},
	{"commons-pool", "commons-pool", "org/apache/commons", ""},
	{"commons-validator", "commons-validator", "org/apache/commons", ""},
	{"commons-vfs", "commons-vfs", "org/apache/commons", ""},
	{"asm", "org.ow2.asm", "org/objectweb/asm", ""},
	{"asm-*", "org.ow2.asm", "org/objectweb/asm", ""},
	{"log4j", "log4j", "org/apache/log4j", ""},
}
