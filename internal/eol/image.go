package eol

import (
	"slices"
	"strings"
)

// images are the repositories whose tags begin with the release of a product.
var images = map[string]string{
	"debian": "debian", "ubuntu": "ubuntu", "alpine": "alpine", "fedora": "fedora", "centos": "centos",
	"fedora/fedora": "fedora", "centos/centos": "centos-stream", "rockylinux": "rocky", "rockylinux/rockylinux": "rocky", "almalinux": "almalinux", "almalinux/almalinux": "almalinux",
	"oraclelinux": "ol", "amazonlinux": "amzn", "amazonlinux/amazonlinux": "amzn", "opensuse/leap": "opensuse-leap", "photon": "photon",
	"bci/bci-base": "sles", "bci/bci-micro": "sles", "bci/bci-minimal": "sles", "suse/sle15": "sles",
	"cbl-mariner/base/core": "azurelinux", "azurelinux/base/core": "azurelinux",

	"node": "node", "python": "python", "golang": "go", "php": "php", "ruby": "ruby",
	"openjdk": "openjdk", "eclipse-temurin": "openjdk", "amazoncorretto": "openjdk", "ibm-semeru-runtimes": "openjdk", "sapmachine": "openjdk", "azul/zulu-openjdk": "openjdk",
	"dotnet/runtime": "dotnet", "dotnet/aspnet": "dotnet", "dotnet/sdk": "dotnet", "dotnet/runtime-deps": "dotnet",
	"dotnet/core/runtime": "dotnet", "dotnet/core/aspnet": "dotnet", "dotnet/core/sdk": "dotnet", "dotnet/core/runtime-deps": "dotnet",

	"postgres": "postgresql", "postgis/postgis": "postgresql", "mysql": "mysql", "mysql/mysql-server": "mysql", "mariadb": "mariadb",
	"redis": "redis", "mongo": "mongodb", "nginx": "nginx", "nginxinc/nginx-unprivileged": "nginx", "httpd": "httpd", "tomcat": "tomcat", "rabbitmq": "rabbitmq",
	"cassandra": "cassandra", "drupal": "drupal", "traefik": "traefik",
	"haproxy": "haproxy", "haproxytech/haproxy-alpine": "haproxy", "haproxytech/haproxy-debian": "haproxy", "haproxytech/haproxy-ubuntu": "haproxy", "perl": "perl", "elixir": "elixir",
	"elasticsearch": "elastic", "kibana": "elastic", "logstash": "elastic",
	"elasticsearch/elasticsearch": "elastic", "kibana/kibana": "elastic", "logstash/logstash": "elastic",
}

// builders publish the same programs under the same names as Docker's library.
var builders = []string{"bitnami/", "bitnamilegacy/", "cimg/", "circleci/", "docker/library/", "library/", "chainguard/"}

// abandoned are the repositories that get no more pushes, whatever the tag, with
// the day from which that holds (docker-library/official-images).
var abandoned = map[string]string{"openjdk": "2022-07-26", "java": "2016-12-31", "adoptopenjdk": "2021-08-01"}

// Abandoned returns the day since which a repository of Docker Hub gets no more
// images for any release.
func Abandoned(repository string) (day string, ok bool) {
	day, ok = abandoned[repository]
	return day, ok
}

// systems are the words that tags and names write before the release of a
// distribution: "alpine3.18", "debian-11", "ubi8".
var systems = []struct{ word, product string }{
	{"alpine", "alpine"}, {"debian", "debian"}, {"ubuntu", "ubuntu"}, {"centos", "centos"}, {"fedora", "fedora"}, {"fc", "fedora"},
	{"rockylinux", "rocky"}, {"rocky", "rocky"}, {"almalinux", "almalinux"}, {"oraclelinux", "ol"}, {"ol", "ol"}, {"ubi", "rhel"}, {"rhel", "rhel"},
	{"amazonlinux", "amzn"}, {"al", "amzn"}, {"azurelinux", "azurelinux"}, {"mariner", "azurelinux"}, {"photon", "photon"},
	{"php", "php"}, {"python", "python"}, {"node", "node"}, {"jdk", "openjdk"}, {"jre", "openjdk"}, {"openjdk", "openjdk"}, {"java", "openjdk"}, {"temurin", "openjdk"}, {"amazoncorretto", "openjdk"}, {"sapmachine", "openjdk"},
}

// maxTag bounds the tags that are looked at; registries allow 128 bytes.
const maxTag = 256

// OfImage returns the releases that the name and the tag of an image tell: first
// what the image is of, then what it rests on. "python:3.8-slim-buster" is
// Python 3.8 and Debian 10. The repository is without its registry and without
// "library/".
func OfImage(repository, tag string) []Release {
	if len(repository) > maxTag || len(tag) > maxTag {
		return nil
	}
	var list []Release
	add := func(r Release, ok bool) bool {
		if ok && !slices.ContainsFunc(list, func(o Release) bool { return o.Product == r.Product }) {
			list = append(list, r)
		}
		return ok
	}
	for _, b := range builders {
		if rest, ok := strings.CutPrefix(repository, b); ok {
			repository = rest
			break
		}
	}
	product := images[repository]
	words := strings.FieldsFunc(tag, func(r rune) bool { return r == '-' || r == '_' || r == '+' })
	if product != "" && len(words) > 0 {
		if words[0] == "lts" && len(words) > 1 {
			words = words[1:] // "node:lts-gallium"
		}
		first := strings.TrimPrefix(strings.TrimPrefix(words[0], "v"), "stream")
		switch {
		case number(first):
			add(release(product, first))
		default:
			add(Named(product, first))
		}
		// "eclipse-temurin:17-jdk-focal", "amazoncorretto:8-alpine3.18-jdk"
		words = slices.Clone(words)
		if len(list) > 0 {
			words = words[1:]
		}
	}
	// Distroless images and Red Hat's carry the release in their name.
	words = append(words, strings.FieldsFunc(repository, func(r rune) bool { return r == '/' || r == '-' || r == '_' })...)
	for i, word := range words {
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		add(system(word, next))
	}
	return list
}

// release is Find, where the first word of a tag is a version and no date.
func release(product, version string) (Release, bool) {
	if len(version) >= 8 && !strings.Contains(version, ".") {
		return Release{}, false // "20240101": a snapshot
	}
	switch {
	case product == "openjdk":
		version = strings.TrimPrefix(version, "1.")
		if rest, _, ok := strings.Cut(version, "u"); ok {
			version = rest // "8u342"
		}
	case product == "amzn" && strings.HasPrefix(version, "201"):
		version = "1" // "2018.03"
	case product == "dotnet":
		if major, _, _ := strings.Cut(version, "."); len(major) > 1 || major >= "5" {
			version = major
		}
	}
	return Find(product, version)
}

// system reads a word of a tag that names a distribution or a runtime with its
// release, in one word, in two, or by a code name.
func system(word, next string) (Release, bool) {
	for _, distro := range []string{"debian", "ubuntu"} {
		if r, ok := Named(distro, word); ok {
			return r, true
		}
	}
	for _, s := range systems {
		rest, ok := strings.CutPrefix(word, s.word)
		if !ok {
			continue
		}
		if rest == "" && number(next) && len(s.word) > 2 {
			rest = next
		}
		if number(rest) {
			return release(s.product, rest)
		}
	}
	return Release{}, false
}
