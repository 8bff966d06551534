package lint

import (
	"strings"
	"testing"
	"time"
)

func TestEndOfLife(t *testing.T) {
	opt := Options{Only: []string{"CD014"}, Now: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)}
	for image, want := range map[string]string{
		"alpine:3.10":                              "Alpine 3.10 ended on 2021-05-01",
		"docker.io/library/alpine:3.12":            "Alpine 3.12 ended on 2022-05-01",
		"public.ecr.aws/docker/library/node:12":    "Node.js 12 ended on 2022-04-30",
		"mcr.microsoft.com/dotnet/aspnet:6.0":      ".NET 6 ended on 2024-11-12",
		"debian:bullseye-20240101-slim":            "Debian 11 ended on 2026-08-31",
		"python:3.12-buster":                       "Debian 10 ended on 2024-06-30",
		"eclipse-temurin:21-jdk-alpine3.18":        "Alpine 3.18 ended on 2025-05-09",
		"openjdk:21-slim":                          "since 2022-07-26",
		"centos":                                   "CentOS Linux 8 ended on 2021-12-31",
		"centos:7":                                 "CentOS Linux 7 ended on 2024-06-30",
		"registry.example.com/team/app:1-focal":    "Ubuntu 20.04 ended on 2025-05-29",
		"gcr.io/distroless/static-debian11":        "Debian 11 ended on 2026-08-31",
		"debian:bookworm-slim":                     "", // the long-term team until 2028
		"node:24-slim":                             "",
		"golang:1":                                 "",
		"alpine:3":                                 "",
		"registry.example.com/team/openjdk:21":     "",
		"postgres:17":                              "",
		"alpine@sha256:" + strings.Repeat("a", 64): "",
	} {
		r := mustCheck(t, "Dockerfile", "FROM "+image+"\n", opt)
		got := ""
		if len(r.Findings) > 0 {
			got = r.Findings[0].Message
		}
		if want == "" && got != "" || !strings.Contains(got, want) || len(r.Findings) > 1 {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
	before := opt
	before.Now = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if r := mustCheck(t, "Dockerfile", "FROM alpine:3.10\n", before); len(r.Findings) > 0 {
		t.Errorf("in 2020: %s", r.Findings[0].Message)
	}
}
