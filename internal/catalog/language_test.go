package catalog

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// read runs the table of catalogers over one file, as the pass does.
func read(t testing.TB, file string, content []byte) (list []sbom.Package, wrong problems) {
	t.Helper()
	h := &rootfs.Header{Path: file, Size: int64(len(content)), Mode: 0o644}
	for _, c := range catalogers() {
		if !c.want(h, content[:min(512, len(content))]) {
			continue
		}
		data, err := c.visit(h, memory{bytes.NewReader(content)})
		if err != nil {
			t.Fatal(err)
		}
		if data == nil {
			continue
		}
		f, err := decode(data)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f.Packages...)
		wrong = append(wrong, f.Problems...)
	}
	return list, wrong
}

// line describes a package in a test's expectation.
func line(p sbom.Package) string {
	s := p.PURL
	if s == "" {
		s = p.Type + ":" + p.Name + "@" + p.Version
	}
	if len(p.Licenses) > 0 {
		s += " " + strings.Join(p.Licenses, "|")
	}
	if len(p.Locations) > 0 {
		s += " in " + p.Locations[0].Path
	}
	return s
}

func zipped(t testing.TB, store bool, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		h := &zip.FileHeader{Name: files[i], Method: zip.Deflate}
		if store {
			h.Method = zip.Store
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte(files[i+1]))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func pom(group, artifact, version string) (name, content string) {
	return "META-INF/maven/" + group + "/" + artifact + "/pom.properties", fmt.Sprintf("#Generated\nversion=%s\ngroupId=%s\nartifactId=%s\n", version, group, artifact)
}

// audited makes a program that cargo-auditable built.
func audited(text string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return elfWith(".dep-v0", b.Bytes())
}

func TestLanguagePackages(t *testing.T) {
	n1, p1 := pom("org.slf4j", "slf4j-api", "1.7.36")
	n2, p2 := pom("com.google.guava", "guava", "31.0")
	n3, p3 := pom("org.apache.logging.log4j", "log4j-1.2-api", "2.19.0")
	slf4j := zipped(t, false, n1, p1)
	inner := zipped(t, true, "BOOT-INF/lib/slf4j-api-1.7.36.jar", slf4j)
	tests := []struct {
		name, path, content string
		want                []string
		wrong               int
	}{
		{"wheel", "usr/lib/python3/site-packages/Foo_Bar-1.0.dist-info/METADATA", "Metadata-Version: 2.4\nName: Foo_Bar\nVersion: 1.0\nLicense-Expression: MIT\n\nName: body\n", []string{"pkg:pypi/foo-bar@1.0 MIT"}, 0},
		{"what pip left", "usr/lib/python3/site-packages/~equests-2.25.0.dist-info/METADATA", "Name: requests\nVersion: 2.25.0\n", nil, 0},
		{"what an old pip left", "usr/lib/python3/site-packages/-ip-9.0.dist-info/METADATA", "Name: pip\nVersion: 9.0\n", nil, 0},
		{"an egg-info that pip left", "usr/lib/python3/site-packages/~oo-1.0.egg-info/PKG-INFO", "Name: foo\nVersion: 1.0\n", nil, 0},
		{"wheel with classifiers", "x/foo-1.0.dist-info/METADATA", "Name: foo\nVersion: 1.0\nClassifier: License :: OSI Approved\nClassifier: License :: OSI Approved :: MIT License\nClassifier: License :: OSI Approved :: BSD License\nClassifier: Topic :: X\n", []string{"pkg:pypi/foo@1.0 MIT|BSD License"}, 0},
		{"egg-info folder", "x/foo.egg-info/PKG-INFO", "Name: foo\r\nVersion: 1.0\r\nLicense: UNKNOWN\r\n", []string{"pkg:pypi/foo@1.0"}, 0},
		{"egg-info file", "usr/lib/python3/dist-packages/foo-1.0.egg-info", "Name: foo\nVersion: 1.0\nLicense: BSD\n", []string{"pkg:pypi/foo@1.0 BSD"}, 0},
		{"egg", "x/foo-1.0-py3.egg", zipped(t, false, "EGG-INFO/PKG-INFO", "Name: foo\nVersion: 1.0\n"), []string{"pkg:pypi/foo@1.0"}, 0},
		{"egg of Python's own tests", "usr/lib/python3.11/test/test_importlib/data/example-21.12-py3.6.egg", zipped(t, false, "EGG-INFO/PKG-INFO", "Name: example\nVersion: 21.12\n"), nil, 0},
		{"wheel of a package's tests", "v/lib/python3.11/site-packages/foo/tests/data/bar-1.0.dist-info/METADATA", "Name: bar\nVersion: 1.0\n", nil, 0},
		{"wheel in a folder for tests", "tests/v/lib/python3.11/site-packages/bar-1.0.dist-info/METADATA", "Name: bar\nVersion: 1.0\n", []string{"pkg:pypi/bar@1.0"}, 0},
		{"Python itself", "usr/lib/python2.7/lib-dynload/Python-2.7.18.egg-info", "Name: Python\nVersion: 2.7.18\n", nil, 0},
		{"other .egg", "x/easter.egg", "not a zip", nil, 0},
		{"broken metadata", "x/foo-1.0.dist-info/METADATA", "Name: foo\n", nil, 1},
		{"conda", "opt/conda/conda-meta/numpy-1.26.0-py311_0.json", `{"name":"numpy","version":"1.26.0","license":"BSD-3-Clause"}`, []string{"pkg:conda/numpy@1.26.0 BSD-3-Clause"}, 0},
		{"gem, stub", "usr/lib/ruby/gems/3.1.0/specifications/rake-13.0.6.gemspec", "# -*- encoding: utf-8 -*-\n# stub: rake 13.0.6 ruby lib\n\nGem::Specification.new do |s|\n  s.name = \"rake\".freeze\n  s.version = \"13.0.6\"\n  s.licenses = [\"MIT\".freeze]\nend\n", []string{"pkg:gem/rake@13.0.6 MIT"}, 0},
		{"gem, assignments", "x/specifications/default/json-2.6.gemspec", "Gem::Specification.new do |spec|\n  spec.name = 'json'\n  spec.version = Gem::Version.new('2.6.1')\n  spec.license = 'Ruby'\nend\n", []string{"pkg:gem/json@2.6.1 Ruby"}, 0},
		{"gem's own source", "x/gems/rake-13.0.6/rake.gemspec", "# stub: rake 13.0.6 ruby lib\n", nil, 0},
		{"composer 2", "app/vendor/composer/installed.json", `{"packages":[{"name":"symfony/yaml","version":"v6.0.1","license":["MIT"]},{"name":"x"}]}`, []string{"pkg:composer/symfony/yaml@v6.0.1 MIT"}, 1},
		{"composer 1", "app/vendor/composer/installed.json", `[{"name":"a/b","version":"1.0"}]`, []string{"pkg:composer/a/b@1.0"}, 0},
		{"dotnet", "app/app.deps.json", `{"libraries":{"app/1.0.0":{"type":"project"},"Newtonsoft.Json/12.0.1":{"type":"package"},"runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/6.0.1":{"type":"runtimepack"}}}`,
			[]string{"pkg:nuget/Newtonsoft.Json@12.0.1", "pkg:nuget/Microsoft.NETCore.App.Runtime.linux-x64@6.0.1"}, 0},
		{"dotnet, libraries without files", "app/app.deps.json", `{"targets":{"net6":{"Gone/12.0.2":{},"Compile/1.0.0":{"compile":{"ref/a.dll":{}}},"Dll/1.0.0":{"runtime":{"lib/a.dll":{}}},"Native/1.0.0":{"native":{"a.so":{}}},"Text/1.0.0":{"resources":{"de/a.dll":{}}},"Empty/1.0.0":{"runtime":{"lib/_._":{}}}},"net6/linux-x64":{"Rid/1.0.0":{"runtimeTargets":{"runtimes/x/a.so":{}}}}},"libraries":{"Gone/12.0.2":{"type":"package"},"Compile/1.0.0":{"type":"package"},"Dll/1.0.0":{"type":"package"},"Native/1.0.0":{"type":"package"},"Text/1.0.0":{"type":"package"},"Empty/1.0.0":{"type":"package"},"Rid/1.0.0":{"type":"package"}}}`,
			[]string{"pkg:nuget/Dll@1.0.0", "pkg:nuget/Native@1.0.0", "pkg:nuget/Rid@1.0.0", "pkg:nuget/Text@1.0.0"}, 0},
		{"cargo-auditable", "app/server", audited(`{"packages":[{"name":"app","version":"0.1.0","source":"local","root":true},{"name":"time","version":"0.1.43","source":"crates.io"},{"name":"cc","version":"1.0","kind":"build"}]}`),
			[]string{"pkg:cargo/app@0.1.0", "pkg:cargo/time@0.1.43"}, 0},
		{"cargo-auditable, damaged", "app/server", elfWith(".dep-v0", []byte("no zlib")), nil, 1},
		{"hex", "app/lib/plug-1.14.0/ebin/plug.app", "{application,plug,\n [{description,\"x\"},{vsn,\"1.14.0\"},{modules,[]}]}.", []string{"pkg:hex/plug@1.14.0"}, 0},
		{"otp", "usr/lib/erlang/lib/ssl-11.0/ebin/ssl.app", "%% c\n{application, ssl,\n [{description, \"x\"}, {vsn, \"11.0\"}]}.", []string{"pkg:otp/ssl@11.0"}, 0},
		{"R", "usr/lib/R/site-library/jsonlite/DESCRIPTION", "Package: jsonlite\nVersion: 1.8.4\nLicense: MIT + file LICENSE\nDescription: x\n Built: no\nBuilt: R 4.2; ; 2023; unix\n", []string{"pkg:cran/jsonlite@1.8.4 MIT + file LICENSE"}, 0},
		{"R source", "src/jsonlite/DESCRIPTION", "Package: jsonlite\nVersion: 1.8.4\n", nil, 0},
		{"lua", "usr/local/lib/luarocks/rocks-5.1/lpeg/1.0.2-1/lpeg-1.0.2-1.rockspec", "package = 'lpeg'", []string{"pkg:luarocks/lpeg@1.0.2-1"}, 0},
		{"rabbitmq", "opt/rabbitmq/plugins/rabbit-3.13.0/ebin/rabbit.app", "{application,rabbit,[{description,\"RabbitMQ\"},{vsn,\"3.13.0\"}]}.", []string{"pkg:bitnami/rabbitmq@3.13.0"}, 0},
		{"pear", "usr/local/lib/php/.registry/archive_tar.reg", `a:24:{s:7:"attribs";a:1:{s:7:"version";s:3:"2.0";}s:4:"name";s:11:"Archive_Tar";s:7:"channel";s:12:"pear.php.net";s:4:"date";s:10:"2021-07-20";s:7:"version";a:2:{s:7:"release";s:6:"1.4.14";s:3:"api";s:5:"1.4.0";}s:7:"license";a:2:{s:7:"attribs";a:1:{s:3:"uri";s:1:"x";}s:8:"_content";s:3:"BSD";}s:9:"changelog";a:1:{s:7:"version";a:2:{s:7:"release";s:6:"1.4.13";}}}`,
			[]string{"pkg:pear/pear.php.net/Archive_Tar@1.4.14 BSD"}, 0},
		{"pecl", "usr/local/lib/php/.registry/.channel.pecl.php.net/redis.reg", `a:2:{s:4:"name";s:5:"redis";s:7:"channel";s:12:"pecl.php.net";s:7:"version";a:2:{s:7:"release";s:5:"6.0.2";s:3:"api";s:5:"6.0.0";}s:7:"license";s:3:"PHP";}`, []string{"pkg:pear/pecl.php.net/redis@6.0.2 PHP"}, 0},
		{"pear's channel", "usr/local/lib/php/.channels/pear.php.net.reg", `a:1:{}`, nil, 0},
		{"broken pear", "usr/share/php/.registry/x.reg", `a:1:{}`, nil, 1},
		{"wordpress plugin", "var/www/html/wp-content/plugins/akismet/akismet.php", "<?php\n/**\n * @package Akismet\n */\n/*\nPlugin Name: Akismet Anti-spam\nVersion: 5.3\nLicense: GPLv2 or later\n*/\n", []string{"pkg:wordpress-plugin/akismet@5.3 GPLv2 or later"}, 0},
		{"wordpress plugin of one file", "srv/wp-content/plugins/hello.php", "<?php\r\n/**\r\n * Plugin Name: Hello Dolly\r\n * Version: 1.7.2\r\n */\r\n", []string{"pkg:wordpress-plugin/hello@1.7.2"}, 0},
		{"another file of a wordpress plugin", "srv/wp-content/plugins/akismet/class.akismet.php", "<?php\n// Version: 5.3\nclass Akismet {}\n", nil, 0},
		{"homebrew", "home/linuxbrew/.linuxbrew/Cellar/openssl@3/3.2.0_1/INSTALL_RECEIPT.json", "{}", []string{"pkg:brew/openssl%403@3.2.0"}, 0},
		{"lua source", "src/lpeg/lpeg-1.0.2-1.rockspec", "package = 'lpeg'", nil, 0},
		{"perl", "usr/local/lib/perl5/site_perl/5.36.0/x86_64-linux-gnu/.meta/JSON-PP-4.16/install.json", `{"dist":"JSON-PP-4.16","version":"4.16"}`, []string{"pkg:cpan/JSON-PP@4.16"}, 0},
		{"pacman", "var/lib/pacman/local/glibc-2.38-7/desc", "%NAME%\nglibc\n\n%VERSION%\n2.38-7\n\n%BASE%\nglibc\n\n%ARCH%\nx86_64\n\n%LICENSE%\nGPL-2.0\nLGPL-2.1\n", []string{"alpm:glibc@2.38-7 GPL-2.0|LGPL-2.1"}, 0},
		{"jar with coordinates", "app/x.jar", zipped(t, false, n2, p2, "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nBundle-License: Apache-2.0\n"), []string{"pkg:maven/com.google.guava/guava@31.0 Apache-2.0 in app/x.jar"}, 0},
		{"shaded jar", "app/lib/fat-1.0.jar", zipped(t, false, n1, p1, n2, p2), []string{"pkg:maven/com.google.guava/guava@31.0 in app/lib/fat-1.0.jar", "pkg:maven/org.slf4j/slf4j-api@1.7.36 in app/lib/fat-1.0.jar"}, 0},
		{"nested, stored and compressed", "srv/app.war", zipped(t, false, "WEB-INF/lib/boot.jar", inner),
			[]string{"pkg:maven/org.slf4j/slf4j-api@1.7.36 in srv/app.war!/WEB-INF/lib/boot.jar!/BOOT-INF/lib/slf4j-api-1.7.36.jar"}, 0},
		{"manifest with a bundle's name", "x/commons-lang3-3.12.0.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nBundle-SymbolicName: org.apache.commons.l\r\n ang3;singleton:=true\r\nBundle-Version: 3.12.0\r\n\r\nName: x\r\nBundle-SymbolicName: no\r\n"),
			[]string{"pkg:maven/org.apache.commons/commons-lang3@3.12.0 in x/commons-lang3-3.12.0.jar"}, 0},
		{"known group", "x/spring-core-5.3.1.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Title: spring-core\nImplementation-Version: 5.3.1\n"), []string{"pkg:maven/org.springframework/spring-core@5.3.1 in x/spring-core-5.3.1.jar"}, 0},
		{"version in the manifest only", "x/log4j.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Version: 1.2.17\n"), []string{"pkg:maven/log4j/log4j@1.2.17 in x/log4j.jar"}, 0},
		{"name of a jar with a number of the API that it has", "usr/share/java/log4j-1.2-api.jar", zipped(t, false, n3, p3, "META-INF/MANIFEST.MF", "Bundle-SymbolicName: org.apache.logging.log4j.1.2-api\nBundle-Version: 2.19.0\n"),
			[]string{"pkg:maven/org.apache.logging.log4j/log4j-1.2-api@2.19.0 in usr/share/java/log4j-1.2-api.jar"}, 0},
		{"the same without coordinates", "x/log4j-1.2-api.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Version: 2.19.0\n"), []string{"pkg:maven/org.apache.logging.log4j/log4j-1.2-api@2.19.0 in x/log4j-1.2-api.jar"}, 0},
		{"renamed jar", "usr/share/java/tomcat10-jdbc-2.19.0.jar", zipped(t, false, n3, p3, "META-INF/MANIFEST.MF", "Implementation-Vendor-Id: org.apache.tomcat\n"), []string{"pkg:maven/org.apache.logging.log4j/log4j-1.2-api@2.19.0 in usr/share/java/tomcat10-jdbc-2.19.0.jar"}, 0},
		{"bundle that is named otherwise than its group", "x/commons-logging-1.2.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Bundle-SymbolicName: org.apache.commons.logging\n"), []string{"pkg:maven/commons-logging/commons-logging@1.2 in x/commons-logging-1.2.jar"}, 0},
		{"an agent's jar that is named after Spring's", "opt/agent.jar!/spring-webflux-5.0.0-1.0.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Title: com.example.instrumentation.spring-webflux-5.0.0\nImplementation-Version: 1.0\n"),
			[]string{"pkg:maven/com.example.instrumentation/spring-webflux-5.0.0@1.0 in opt/agent.jar!/spring-webflux-5.0.0-1.0.jar"}, 0},
		{"another's classes under Spring's name", "x/spring-core-5.3.1.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Version: 5.3.1\n", "com/example/agent/A.class", "x"), []string{"pkg:maven/spring-core@5.3.1 in x/spring-core-5.3.1.jar"}, 0},
		{"another's vendor under Spring's name", "x/spring-core-5.3.1.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Vendor: Example Monitoring\n"), []string{"pkg:maven/spring-core@5.3.1 in x/spring-core-5.3.1.jar"}, 0},
		{"another's symbolic name under Spring's name", "x/spring-core-5.3.1.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Bundle-SymbolicName: com.example.agent.spring\n"), []string{"pkg:maven/spring-core@5.3.1 in x/spring-core-5.3.1.jar"}, 0},
		{"Spring by its classes", "x/spring-core-5.3.1.jar", zipped(t, false, "org/springframework/core/A.class", "x"), []string{"pkg:maven/org.springframework/spring-core@5.3.1 in x/spring-core-5.3.1.jar"}, 0},
		{"renamed log4j", "app/b.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Title: Apache Log4j Core\nImplementation-Version: 2.14.1\nImplementation-Vendor-Id: org.apache.logging.log4j\nBundle-SymbolicName: org.apache.logging.log4j.core\n"),
			[]string{"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1 in app/b.jar"}, 0},
		{"renamed, with the title alone", "app/lib1.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Title: spring-core\nImplementation-Version: 5.3.1\n"), []string{"pkg:maven/org.springframework/spring-core@5.3.1 in app/lib1.jar"}, 0},
		{"renamed, with a vendor's id", "app/x.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Version: 9.4.1\nImplementation-Vendor-Id: org.eclipse.jetty\nBundle-SymbolicName: org.eclipse.jetty.util\n"), []string{"pkg:maven/org.eclipse.jetty/jetty-util@9.4.1 in app/x.jar"}, 0},
		{"named as a newer version", "app/log4j-core-2.17.1.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Bundle-SymbolicName: org.apache.logging.log4j.core\nImplementation-Version: 2.14.1\n"), []string{"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1 in app/log4j-core-2.17.1.jar"}, 0},
		{"a longer version in the manifest", "app/netty-common-4.1.100.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Bundle-SymbolicName: io.netty.common\nBundle-Version: 4.1.100.Final\n"), []string{"pkg:maven/io.netty/netty-common@4.1.100 in app/netty-common-4.1.100.jar"}, 0},
		{"another's title under Spring's name", "x/spring-core-5.3.1.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Title: Example Tracing Agent\n"), []string{"pkg:maven/spring-core@5.3.1 in x/spring-core-5.3.1.jar"}, 0},
		{"another's vendor under Apache's name", "x/commons-collections-3.2.1.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Vendor: Example\n"), []string{"pkg:maven/commons-collections@3.2.1 in x/commons-collections-3.2.1.jar"}, 0},
		{"renamed log4j 1", "x/l.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Bundle-SymbolicName: log4j\nBundle-Version: 1.2.17\nImplementation-Vendor: \"Apache Software Foundation\"\n"), []string{"pkg:maven/log4j/log4j@1.2.17 in x/l.jar"}, 0},
		{"Tomcat's own, which has another name in a repository", "usr/local/tomcat/lib/catalina.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Title: Apache Tomcat\nImplementation-Vendor: Apache Software Foundation\nImplementation-Version: 9.0.30\n", "org/apache/catalina/A.class", "x"),
			[]string{"pkg:maven/org.apache.tomcat/tomcat@9.0.30 in usr/local/tomcat/lib/catalina.jar", "pkg:maven/org.apache.tomcat/tomcat-catalina@9.0.30 in usr/local/tomcat/lib/catalina.jar"}, 0},
		{"Tomcat's JSP", "usr/local/tomcat/lib/jasper.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Title: Apache Tomcat\nImplementation-Vendor: Apache Software Foundation\nImplementation-Version: 9.0.30\n"), []string{"pkg:maven/org.apache.tomcat/tomcat-jasper@9.0.30 in usr/local/tomcat/lib/jasper.jar"}, 0},
		{"h2", "app/h2-1.4.200.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Title: H2 Database Engine\nImplementation-Version: 1.4.200\n", "org/h2/Driver.class", "x"), []string{"pkg:maven/com.h2database/h2@1.4.200 in app/h2-1.4.200.jar"}, 0},
		{"xerces", "app/xercesImpl-2.12.0.jar", zipped(t, false, "org/apache/xerces/jaxp/A.class", "x"), []string{"pkg:maven/xerces/xercesImpl@2.12.0 in app/xercesImpl-2.12.0.jar"}, 0},
		{"xalan", "app/xalan-2.7.2.jar", zipped(t, false, "org/apache/xalan/A.class", "x"), []string{"pkg:maven/xalan/xalan@2.7.2 in app/xalan-2.7.2.jar"}, 0},
		{"dom4j 1", "app/dom4j-1.6.1.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Version: 1.6.1\n"), []string{"pkg:maven/dom4j/dom4j@1.6.1 in app/dom4j-1.6.1.jar"}, 0},
		{"dom4j 2", "app/dom4j-2.1.1.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Version: 2.1.1\n"), []string{"pkg:maven/org.dom4j/dom4j@2.1.1 in app/dom4j-2.1.1.jar"}, 0},
		{"derby", "app/derby-10.14.2.0.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Bundle-SymbolicName: derby\nBundle-Vendor: Apache Software Foundation\n"), []string{"pkg:maven/org.apache.derby/derby@10.14.2.0 in app/derby-10.14.2.0.jar"}, 0},
		{"jackson 1", "app/jackson-mapper-asl-1.9.13.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Bundle-SymbolicName: jackson-mapper-asl\nImplementation-Title: Data Mapper for Jackson\nImplementation-Vendor: http://fasterxml.com\n"), []string{"pkg:maven/org.codehaus.jackson/jackson-mapper-asl@1.9.13 in app/jackson-mapper-asl-1.9.13.jar"}, 0},
		{"MySQL's driver", "app/mysql-connector-java-5.1.47.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Bundle-SymbolicName: com.mysql.jdbc\nImplementation-Title: MySQL Connector/J\nImplementation-Vendor-Id: com.mysql\n"), []string{"pkg:maven/mysql/mysql-connector-java@5.1.47 in app/mysql-connector-java-5.1.47.jar"}, 0},
		{"guice", "app/guice-4.2.3.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Bundle-SymbolicName: com.google.inject\nAutomatic-Module-Name: com.google.guice\n"), []string{"pkg:maven/com.google.inject/guice@4.2.3 in app/guice-4.2.3.jar"}, 0},
		{"MongoDB's driver", "app/mongodb-driver-core-4.11.1.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Bundle-SymbolicName: org.mongodb.driver-core\nAutomatic-Module-Name: org.mongodb.driver.core\n", "com/mongodb/A.class", "x"), []string{"pkg:maven/org.mongodb/mongodb-driver-core@4.11.1 in app/mongodb-driver-core-4.11.1.jar"}, 0},
		{"commons-collections", "app/commons-collections-3.2.1.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Bundle-SymbolicName: org.apache.commons.collections\nImplementation-Vendor-Id: org.apache\n"), []string{"pkg:maven/commons-collections/commons-collections@3.2.1 in app/commons-collections-3.2.1.jar"}, 0},
		{"no group", "app/widgetry-1.2.3.jar", zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Title: Widgetry\nImplementation-Version: 1.2.3\n"), []string{"pkg:maven/widgetry@1.2.3 in app/widgetry-1.2.3.jar"}, 0},
		{"pom.xml alone", "app/text.jar", zipped(t, false, "META-INF/maven/org.apache.commons/commons-text/pom.xml", "<?xml version='1.0'?>\n<project xmlns='http://maven.apache.org/POM/4.0.0'><parent><groupId>org.apache.commons</groupId><version>${v}</version></parent><artifactId>commons-text</artifactId><version>1.${minor}</version><properties><minor>9</minor></properties><licenses><license>\n <name>Apache  License 2.0</name></license></licenses></project>"),
			[]string{"pkg:maven/org.apache.commons/commons-text@1.9 Apache License 2.0 in app/text.jar"}, 0},
		{"pom.xml whose version is its parent's", "app/c.jar", zipped(t, false, "META-INF/maven/a.b/c/pom.xml", "<project><parent><groupId>a.b</groupId><artifactId>p</artifactId><version>3.0</version></parent><artifactId>c</artifactId></project>"), []string{"pkg:maven/a.b/c@3.0 in app/c.jar"}, 0},
		{"pom.xml that does not tell", "app/d-1.0.jar", zipped(t, false, "META-INF/maven/a.b/d/pom.xml", "<project><groupId>a.b</groupId><artifactId>d</artifactId><version>${revision}</version></project>"), []string{"pkg:maven/d@1.0 in app/d-1.0.jar"}, 0},
		{"broken pom.xml", "app/e-1.0.jar", zipped(t, false, "META-INF/maven/a.b/e/pom.xml", "<project><groupId>"), []string{"pkg:maven/e@1.0 in app/e-1.0.jar"}, 1},
		{"jenkins plugin", "x/git.hpi", zipped(t, false, "META-INF/MANIFEST.MF", "Short-Name: git\nPlugin-Version: 4.11.3 (private)\n"), []string{"pkg:maven/org.jenkins-ci.plugins/git@4.11.3 in x/git.hpi"}, 0},
		{"broken jar", "x/broken.jar", "PK\x03\x04garbage", nil, 1},
		{"empty jar", "x/empty.jar", zipped(t, false), nil, 0},
		{"jvm", "opt/java/openjdk/release", "IMPLEMENTOR=\"Eclipse Adoptium\"\nJAVA_VERSION=\"17.0.9\"\n", []string{"pkg:generic/openjdk@17.0.9"}, 0},
		{"Oracle's JDK 8", "usr/java/jdk1.8.0_411/release", "JAVA_VERSION=\"1.8.0_411\"\nOS_NAME=\"Linux\"\nBUILD_TYPE=\"commercial\"\n", []string{"pkg:generic/oracle-jdk@1.8.0_411"}, 0},
		{"Oracle's JDK 17", "opt/jdk-17/release", "IMPLEMENTOR=\"Oracle Corporation\"\nJAVA_VERSION=\"17.0.11\"\nBUILD_TYPE=\"commercial\"\n", []string{"pkg:generic/oracle-jdk@17.0.11"}, 0},
		{"OpenJDK as Oracle builds it", "opt/jdk-17/release", "IMPLEMENTOR=\"Oracle Corporation\"\nJAVA_VERSION=\"17.0.2\"\nJAVA_RUNTIME_VERSION=\"17.0.2+8-86\"\n", []string{"pkg:generic/openjdk@17.0.2"}, 0},
		{"GraalVM", "opt/graalvm/release", "IMPLEMENTOR=\"Oracle Corporation\"\nJAVA_VERSION=\"21.0.2\"\nGRAALVM_VERSION=\"23.1.2\"\nBUILD_TYPE=\"commercial\"\n", []string{"pkg:generic/graalvm@21.0.2"}, 0},
		{"another release", "x/release", "nothing", nil, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			packages, wrong := read(t, test.path, []byte(test.content))
			var got []string
			for _, p := range packages {
				got = append(got, line(p))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(wrong) != test.wrong {
				t.Errorf("problems: %v", wrong)
			}
		})
	}
}

// TestRootsOfJars: what is known of a jar without a group, for the caller that has a list of groups.
func TestRootsOfJars(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		want    []string
	}{
		"engine-1.0.jar":      {zipped(t, false, "org/example/engine/A.class", "x", "org/example/engine/b/B.class", "x", "net/other/C.class", "x", "Plain.class", "x"), []string{"net.other", "org.example"}},
		"widgets-1.0.jar":     {zipped(t, false, "META-INF/MANIFEST.MF", "Implementation-Title: org.acme.widgets of ours\nAutomatic-Module-Name: com.acme.parts\n"), []string{"com.acme"}},
		"nothing-1.0.jar":     {zipped(t, false, "a.txt", "x"), nil},
		"spring-core-5.0.jar": {zipped(t, false, "com/example/A.class", "x"), []string{nobody}},
		"guava-30.0.jar":      {zipped(t, false, "com/google/common/A.class", "x"), nil}, // its group is known
	} {
		packages, _ := read(t, "app/"+name, []byte(test.content))
		if len(packages) != 1 {
			t.Errorf("%s: %v", name, packages)
			continue
		}
		if diff := cmp.Diff(test.want, packages[0].Roots); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// elfWith makes a little-endian ELF executable of one section.
func elfWith(name string, content []byte) string {
	names := "\x00" + name + "\x00.shstrtab\x00"
	b := make([]byte, 64)
	copy(b, "\x7fELF\x02\x01\x01")
	b[16], b[18] = 2, 62
	section := func(nameAt, kind uint32, offset, size int) []byte {
		s := make([]byte, 64)
		binary.LittleEndian.PutUint32(s, nameAt)
		binary.LittleEndian.PutUint32(s[4:], kind)
		binary.LittleEndian.PutUint64(s[24:], uint64(offset))
		binary.LittleEndian.PutUint64(s[32:], uint64(size))
		return s
	}
	contentAt := len(b)
	b = append(b, content...)
	namesAt := len(b)
	b = append(b, names...)
	table := len(b)
	b = append(b, make([]byte, 64)...)
	b = append(b, section(1, 1, contentAt, len(content))...)
	b = append(b, section(uint32(2+len(name)), 3, namesAt, len(names))...)
	binary.LittleEndian.PutUint64(b[40:], uint64(table))
	for at, v := range map[int]uint16{52: 64, 58: 64, 60: 3, 62: 2} {
		binary.LittleEndian.PutUint16(b[at:], v)
	}
	return string(b)
}

func TestJarBombs(t *testing.T) {
	deep := zipped(t, false, "x", "y")
	for range rootfs.DefaultNesting + 5 {
		deep = zipped(t, false, "a.jar", deep)
	}
	if _, wrong := read(t, "deep.jar", []byte(deep)); len(wrong) != 1 || !strings.Contains(wrong[0].Message, "nested") {
		t.Errorf("deep: %v", wrong)
	}
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("the size of nested archives: set CAREEN_LONG=1")
	}
	huge := zipped(t, false, "inner.jar", strings.Repeat("\x00", maxJarNested+1))
	if _, wrong := read(t, "huge.jar", []byte(huge)); len(wrong) != 1 || !strings.Contains(wrong[0].Message, "more than") {
		t.Errorf("huge: %v", wrong)
	}
}

func TestSplitArtifact(t *testing.T) {
	for in, want := range map[string]string{
		"commons-lang3-3.12.0": "commons-lang3 3.12.0", "log4j-1.2-api-2.17.1": "log4j-1.2-api 2.17.1", "guava-31.0-jre": "guava 31.0-jre",
		"kafka_2.13-3.4.0": "kafka_2.13 3.4.0", "plain": "plain ", "a-1.0-SNAPSHOT": "a 1.0-SNAPSHOT", "jackson-core-2.13.0-rc1": "jackson-core 2.13.0-rc1", "-1": "-1 ",
	} {
		artifact, version := splitArtifact(in)
		if got := artifact + " " + version; got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

// TestPythonDistributions holds what is found in this machine's folders of
// Python packages against importlib.metadata.
func TestPythonDistributions(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("reads this machine's Python packages: set CAREEN_LONG=1")
	}
	checked, edges := 0, 0
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		out, err := exec.Command(python, "-c", `import sys,os,re,importlib.metadata as m
for p in sys.path:
    if os.path.isdir(p) and p.endswith("-packages"):
        print("dir", p)
        for d in m.distributions(path=[p]): print("is", d.metadata["Name"]+"@"+d.version)
        try: from packaging.requirements import Requirement
        except ImportError:
            try: from pip._vendor.packaging.requirements import Requirement
            except ImportError: continue
        print("reads", p)
        have = {d.metadata["Name"] for d in m.distributions(path=[p])}
        normal = lambda name: re.sub("[-_.]+", "-", name).lower()
        for d in m.distributions(path=[p]):
            for q in map(Requirement, d.metadata.get_all("Requires-Dist") or []):
                if not (q.marker and "extra" in str(q.marker)) and normal(q.name) in map(normal, have):
                    print("on", normal(d.metadata["Name"])+">"+normal(q.name))`).Output()
		if err != nil {
			t.Logf("%s: %v", python, err)
			continue
		}
		want, depend := map[string]map[string]bool{}, map[string]map[string]bool{}
		dir := ""
		for line := range strings.Lines(string(out)) {
			kind, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if kind == "dir" {
				dir = value
				want[dir] = map[string]bool{}
			} else if kind == "reads" {
				depend[dir] = map[string]bool{}
			} else if kind == "on" {
				depend[dir][value] = true
			} else {
				want[dir][value] = true
			}
		}
		for dir, want := range want {
			facts, err := rootfs.PassDir(t.Context(), dir, Visitors(Limits{}), rootfs.Limits{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, on := map[string]bool{}, map[string]bool{}
			for _, p := range inTree(rootfs.Stack([]*rootfs.Facts{facts}, nil)).Packages {
				for _, l := range p.Locations {
					// Those below other packages are vendored: importlib does not look there.
					if p.Type == "pypi" && strings.Count(l.Path, "/") <= 1 {
						got[p.Name+"@"+p.Version] = true
						for _, purl := range p.DependsOn {
							on[bareName(p.PURL)+">"+bareName(purl)] = true
						}
					}
				}
			}
			if diff := cmp.Diff(depend[dir], on); depend[dir] != nil && diff != "" {
				t.Errorf("%s: dependencies (-importlib +got):\n%s", dir, diff)
			}
			edges += len(depend[dir])
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-importlib +got):\n%s", dir, diff)
			}
			checked += len(want)
		}
	}
	t.Logf("%d distributions and %d dependencies compared", checked, edges)
	if checked == 0 {
		t.Skip("no Python packages here")
	}
}

// bareName is the name in a purl of Python's.
func bareName(purl string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(purl, "pkg:pypi/"), "@")
	return name
}

// TestDebianJars compares the coordinates read from Debian's jars with the
// paths of Debian's Maven repository.
func TestDebianJars(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("reads this machine's jars: set CAREEN_LONG=1")
	}
	const root = "/usr/share/maven-repo"
	agree, guessed, other := 0, 0, 0
	filepath.Walk(root, func(file string, info os.FileInfo, err error) error {
		if err != nil || !strings.HasSuffix(file, ".jar") {
			return nil
		}
		rel, _ := filepath.Rel(root, file)
		parts := strings.Split(filepath.ToSlash(rel), "/")
		n := len(parts)
		if n < 4 || !strings.HasPrefix(parts[n-1], parts[n-3]+"-"+parts[n-2]) || strings.ContainsAny(parts[n-2], "x") || parts[n-2] == "debian" {
			return nil // Debian's own version words
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil
		}
		want := strings.Join(parts[:n-3], ".") + ":" + parts[n-3] + "@" + parts[n-2]
		packages, _ := read(t, parts[n-1], data)
		found := false
		for _, p := range packages {
			found = found || p.Name+"@"+p.Version == want
		}
		switch {
		case found:
			agree++
		case len(packages) == 0:
			t.Errorf("%s: nothing found", rel)
		case strings.Contains(packages[0].Name, ":"):
			other++
			t.Logf("%s: %s", want, line(packages[0]))
		default:
			guessed++
		}
		return nil
	})
	if agree == 0 {
		t.Skip("no Maven repository of Debian's here")
	}
	t.Logf("%d agree, %d without a group, %d of another group", agree, guessed, other)
	// How many have no evidence of a group depends on which are installed here.
	if agree < 10*other || agree < guessed {
		t.Error("too few agree")
	}
}

func BenchmarkWant(b *testing.B) {
	h := &rootfs.Header{Path: "usr/share/doc/some-package/examples/a/file/of/no/interest.txt", Size: 1000, Mode: 0o644}
	head := bytes.Repeat([]byte("text "), 100)
	visitors := Visitors(Limits{})
	b.ReportAllocs()
	for b.Loop() {
		for _, v := range visitors {
			if v.Want(h, head) {
				b.Fatal(v.Name)
			}
		}
	}
}
