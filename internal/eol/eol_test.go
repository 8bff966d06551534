package eol

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/costs"
)

func TestTableIsWellFormed(t *testing.T) {
	releases := 0
	for product, list := range table() {
		seen := map[string]bool{}
		for _, r := range list {
			releases++
			if seen[r.Line] || r.Title == "" || r.Product != product {
				t.Errorf("%s %s: twice, or without a title", product, r.Line)
			}
			seen[r.Line] = true
			for _, day := range []string{r.Regular, r.Long} {
				if day == "" {
					continue
				}
				if d, err := time.Parse(time.DateOnly, day); err != nil || d.Year() < 2000 || d.Year() > 2045 {
					t.Errorf("%s %s: %q", product, r.Line, day)
				}
			}
			if r.Long != "" && r.Long <= r.Regular {
				t.Errorf("%s %s: long-term support ends before regular", product, r.Line)
			}
			for _, n := range r.Names {
				if got, ok := Named(product, n); !ok || got.Line != r.Line {
					t.Errorf("%s: the name %s is of %v", product, n, got)
				}
			}
		}
	}
	if releases < 400 {
		t.Errorf("only %d releases", releases)
	}
	for _, product := range images {
		if table()[product] == nil {
			t.Errorf("no releases of %s", product)
		}
	}
	for _, s := range systems {
		if table()[s.product] == nil {
			t.Errorf("no releases of %s", s.product)
		}
	}
	for repository, day := range abandoned {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			t.Errorf("%s: %v", repository, err)
		}
	}
	for line := range strings.Lines(data) {
		if line[0] == '[' && strings.Count(line, " | ") < 1 {
			t.Errorf("no source: %s", line)
		}
	}
}

// TestAgainstDistroInfo compares with the data that Debian and Ubuntu ship about
// themselves.
func TestAgainstDistroInfo(t *testing.T) {
	compared := 0
	digits := regexp.MustCompile(`^[0-9.]+`)
	for _, id := range []string{"debian", "ubuntu"} {
		f, err := os.Open("/usr/share/distro-info/" + id + ".csv")
		if err != nil {
			t.Skipf("distro-info-data is not installed: %v", err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			row := strings.Split(lines.Text(), ",")
			line := digits.FindString(row[0])
			if line == "" || len(row) < 6 || row[5] == "" {
				continue
			}
			r, ok := Of(id, line)
			if !ok {
				continue
			}
			compared++
			if r.Regular != row[5] {
				t.Errorf("%s: %s, distro-info says %s", r, r.Regular, row[5])
			}
			if id == "debian" && len(row) > 6 && r.Long != row[6] {
				t.Errorf("%s: LTS %s, distro-info says %s", r, r.Long, row[6])
			}
			if len(r.Names) != 1 || r.Names[0] != row[2] {
				t.Errorf("%s: names %v, distro-info says %s", r, r.Names, row[2])
			}
		}
	}
	if compared < 50 {
		t.Errorf("only %d releases compared", compared)
	}
}

func TestFind(t *testing.T) {
	for _, test := range []struct{ product, version, want string }{
		{"python", "3.8.19", "Python 3.8"},
		{"python", "3.8rc1", "Python 3.8"},
		{"python", "3.1", "Python 3.1"},
		{"python", "3.10", "Python 3.10"},
		{"python", "2", "Python 2.7"}, // there is no 2.8
		{"python", "3", ""},           // tomorrow's release
		{"go", "1", ""},
		{"php", "7", "PHP 7.4"},
		{"debian", "11.9", "Debian 11"},
		{"wolfi", "20230201", ""},
		{"nothing", "1", ""},
		{"node", "", ""},
	} {
		r, ok := Find(test.product, test.version)
		if ok != (test.want != "") || ok && r.String() != test.want {
			t.Errorf("%s %s: %v, %v; want %q", test.product, test.version, r, ok, test.want)
		}
	}
	if r, ok := Of("wolfi", "20230201"); !ok || r.End() != "" {
		t.Errorf("a rolling release: %v, %v", r, ok)
	}
	if r, _ := Of("debian", "11"); r.End() != "2026-08-31" || r.EndedBefore("2026-08-31") || !r.EndedBefore("2026-09-01") {
		t.Errorf("Debian 11 with its long-term team: %q", r.End())
	}
}

func TestOfImage(t *testing.T) {
	for image, want := range map[string]string{
		"alpine:3.18":                           "Alpine 3.18",
		"alpine:3.18.4":                         "Alpine 3.18",
		"alpine:3":                              "",
		"alpine:20230901":                       "",
		"alpine:edge":                           "",
		"debian:bookworm-20240101-slim":         "Debian 12",
		"debian:11.3-slim":                      "Debian 11",
		"debian:stable":                         "",
		"ubuntu:focal-20240101":                 "Ubuntu 20.04",
		"ubuntu:18.04":                          "Ubuntu 18.04",
		"python:3.12-bookworm":                  "Python 3.12, Debian 12",
		"python:3.6.15-slim-buster":             "Python 3.6, Debian 10",
		"python:slim-buster":                    "Debian 10",
		"python:3-alpine3.13":                   "Alpine 3.13",
		"node:20-slim":                          "Node.js 20",
		"node:dubnium-alpine":                   "Node.js 10",
		"node:lts-bullseye":                     "Debian 11",
		"node:0.12":                             "Node.js 0",
		"eclipse-temurin:21-jdk-alpine3.18":     "Java 21, Alpine 3.18",
		"golang:1.10":                           "Go 1.10",
		"golang:1":                              "",
		"golang:latest":                         "",
		"php:8.1-fpm":                           "PHP 8.1",
		"wordpress:6.4-php8.0-apache":           "PHP 8.0",
		"mysql:5":                               "MySQL 5.7",
		"mongo:4.4-focal":                       "MongoDB 4.4, Ubuntu 20.04",
		"dotnet/aspnet:6.0-alpine3.16":          ".NET 6, Alpine 3.16",
		"dotnet/core/sdk:3.1":                   ".NET 3.1",
		"dotnet/aspnet:10.0":                    ".NET 10",
		"distroless/static-debian11:nonroot":    "Debian 11",
		"distroless/java17-debian12":            "Java 17, Debian 12",
		"ubi7/ubi-minimal:7.9":                  "Red Hat Enterprise Linux 7",
		"redhat/ubi8:8.10":                      "Red Hat Enterprise Linux 8",
		"centos:centos7":                        "CentOS Linux 7",
		"centos:7.9.2009":                       "CentOS Linux 7",
		"amazonlinux:2018.03":                   "Amazon Linux 1",
		"amazonlinux:2.0.20230207.0":            "Amazon Linux 2",
		"amazonlinux:2023":                      "Amazon Linux 2023",
		"bitnami/redis:7.0.15-debian-11-r0":     "Redis 7.0, Debian 11",
		"nvidia/cuda:11.0-base-ubuntu18.04":     "Ubuntu 18.04",
		"openjdk:8u342-jre-slim-buster":         "Java 8, Debian 10",
		"elasticsearch/elasticsearch:6.8.23":    "Elastic Stack 6",
		"example/app:buster-fix":                "Debian 10",
		"example/app:1.0":                       "",
		"maven:3.8-jdk-11":                      "Java 11",
		"maven:3.9-eclipse-temurin-20":          "Java 20",
		strings.Repeat("a", 400) + ":3":         "",
		"postgres:9.6.24-alpine3.15":            "PostgreSQL 9.6, Alpine 3.15",
		"postgres:9":                            "PostgreSQL 9.6",
		"opensuse/leap:15.3":                    "openSUSE Leap 15.3",
		"fedora:30":                             "Fedora 30",
		"mcr/devcontainers/python:3.8-bullseye": "Debian 11",
		"library/ruby:2.5-stretch":              "Ruby 2.5, Debian 9",
		"rabbitmq:3.8-management":               "RabbitMQ 3.8",
		"haproxy:2.4-alpine":                    "HAProxy 2.4",
		"perl:5.30.3-slim-buster":               "Perl 5.30, Debian 10",
		"elixir:1.10-alpine":                    "Elixir 1.10",
	} {
		repository, tag, _ := strings.Cut(image, ":")
		var got []string
		for _, r := range OfImage(repository, tag) {
			got = append(got, r.String())
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s: %q, want %q", image, s, want)
		}
	}
}

func FuzzOfImage(f *testing.F) {
	f.Add("python", "3.8-slim-buster")
	f.Add("dotnet/aspnet", "6.0-alpine3.16")
	costs.Fuzz(f, func(t *testing.T, repository, tag string) {
		for _, r := range OfImage(repository, tag) {
			if r.Title == "" || r.Line == "" {
				t.Errorf("%q %q: %+v", repository, tag, r)
			}
		}
	})
}
