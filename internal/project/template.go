package project

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/careen/careen/internal/lazy"
)

// marks begin an expression of a template language at the head of a line, where
// neither a Dockerfile nor YAML has anything like it.
var marks = []string{"{{", "{%", "{#", "<%"}

// Instructions whose words are no shell text, in which an expression of Go's
// templates has no meaning of its own: docker inspect -f '{{.Id}}' in a RUN has.
var (
	expression = lazy.Regexp(`(?i)^(FROM|ARG|COPY|ADD|WORKDIR|USER|EXPOSE|VOLUME|MAINTAINER)\s.*(\{\{.*\}\}|\{%.*%\}|<%.*%>|%%\w+%%)|^FROM\s+(\S+\s+)*([^\s@]*@[A-Za-z_]+@|<[A-Za-z_]+>|#\{)`)
	macro      = lazy.Regexp(`^(include|define|ifdef|ifelse|changequote|m4_\w+|dnl)\b[(\s]`)
	heredoc    = lazy.Regexp(`<<-?\s*(["']?)([A-Za-z_]\w*)(["']?)`)
)

// templateDockerfile reports whether a text becomes a Dockerfile only when a
// template language has had its way with it.
func templateDockerfile(data []byte) bool {
	end, continued := "", false
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		switch {
		case end != "": // in a heredoc
			if text == end {
				end = ""
			}
			continue
		case text == "" || strings.HasPrefix(text, "#"):
			continue
		}
		for _, mark := range marks {
			if strings.HasPrefix(text, mark) {
				return true
			}
		}
		// Most lines have nothing of it: expressions are dear.
		if !continued && (strings.ContainsAny(text, "{%<@#") && expression().MatchString(text) || text[0] >= 'a' && macro().MatchString(text)) {
			return true
		}
		if strings.Contains(text, "<<") {
			if m := heredoc().FindStringSubmatch(text); m != nil && m[1] == m[3] {
				end = m[2]
			}
		}
		continued = strings.HasSuffix(text, "\\") || strings.HasSuffix(text, "`")
	}
	return false
}

// marked reports whether a text holds expressions of a template language that
// are not GitHub's "${{ … }}"; of a workflow, whose commands have a use for
// braces, whether a line begins with one.
func marked(data []byte, workflow bool) bool {
	for line := range bytes.Lines(data) {
		text := bytes.TrimSpace(line)
		if bytes.HasPrefix(text, []byte("#")) {
			continue
		}
		for _, mark := range []string{"{{", "{%", "<%"} {
			for at := bytes.Index(text, []byte(mark)); at >= 0; {
				if at == 0 || !workflow && text[at-1] != '$' {
					return true
				}
				next := bytes.Index(text[at+len(mark):], []byte(mark))
				if next < 0 {
					break
				}
				at += len(mark) + next
			}
		}
	}
	return false
}

// chartTemplate reports whether a file is one of a Helm chart's templates: in
// the directory templates next to Chart.yaml (helm.sh, "Charts").
func chartTemplate(name string) bool {
	dir := filepath.Dir(name)
	for range maxDepth {
		parent := filepath.Dir(dir)
		if filepath.Base(dir) == "templates" {
			if info, err := os.Stat(filepath.Join(parent, "Chart.yaml")); err == nil && info.Mode().IsRegular() {
				return true
			}
		}
		if parent == dir {
			return false
		}
		dir = parent
	}
	return false
}
