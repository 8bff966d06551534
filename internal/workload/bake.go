package workload

import (
	"bytes"
	"sort"
	"strings"
)

// parseBake reads a bake file in HCL (docs.docker.com, "Bake file reference";
// hashicorp/hcl, spec.md) as far as images go: its strings and heredocs, each
// with the attribute that it is of.
func (f *File) parseBake(data []byte) {
	d := &document{file: f, data: data}
	for i := 0; ; {
		d.lines = append(d.lines, i)
		next := bytes.IndexByte(data[i:], '\n')
		if next < 0 {
			break
		}
		i += next + 1
	}
	s := hclScan{data: data}
	for s.next() {
		where := "target." + s.block
		switch value := string(data[s.start:s.end]); {
		case s.heredoc:
			if s.key == "dockerfile-inline" {
				d.hclDockerfile(s, where+".dockerfile-inline")
			}
		case s.block == "":
		case s.outer == "contexts" || s.key == "contexts":
			d.textImage(s.start, s.end, "docker-image://", where+".contexts")
		case s.key == "cache-from":
			if prefix, ok := cachePrefix(value); ok {
				d.textImage(s.start, s.end, prefix, where+".cache-from")
			}
		}
	}
}

// textImage notes an image that stands in a text of the file behind a prefix.
func (d *document) textImage(start, end int, prefix, where string) {
	value, ok := strings.CutPrefix(string(d.data[start:end]), prefix)
	if !ok || value == "" || strings.ContainsAny(value, "\\\n") {
		return
	}
	d.file.Images = append(d.file.Images, Image{Value: value, Start: start + len(prefix), End: end, Line: sort.SearchInts(d.lines, start+1), Where: where})
}

// hclDockerfile notes a Dockerfile in a heredoc. Lines with "${" are not in the
// file as the builder sees them; "$${" represents it.
func (d *document) hclDockerfile(s hclScan, where string) {
	b := Build{Where: where}
	line := sort.SearchInts(d.lines, s.start+1)
	at, indent := s.start, s.indent
	lines := strings.Split(string(d.data[s.start:s.end]), "\n")
	for i, text := range lines {
		cut := min(indent, len(text)-len(strings.TrimLeft(text, " \t")))
		place := Place{Line: line + i, Offset: at + cut}
		seen := strings.TrimSuffix(strings.ReplaceAll(text[cut:], "$${", "${"), "\r")
		if seen != text[cut:] {
			place.Offset = -1
		}
		if i > 0 {
			b.Text += "\n"
		}
		b.Text += seen
		b.Lines = append(b.Lines, place)
		at += len(text) + 1
	}
	d.file.Builds = append(d.file.Builds, b)
}

// hclScan goes through the strings and heredocs of HCL.
type hclScan struct {
	data []byte
	at   int

	block      string // name of the target that it is in; "" outside
	key, outer string // attribute, and the one whose map it is in
	start, end int    // of the text
	heredoc    bool
	indent     int // of a heredoc: what "<<-" takes away of each line

	depth int // of braces
	words []string
}

// next finds the next string or heredoc.
func (s *hclScan) next() bool {
	for s.at < len(s.data) {
		c, rest := s.data[s.at], s.data[s.at:]
		switch {
		case c == '#' || bytes.HasPrefix(rest, []byte("//")):
			s.skipTo("\n")
		case bytes.HasPrefix(rest, []byte("/*")):
			s.skipTo("*/")
		case bytes.HasPrefix(rest, []byte("<<")):
			if s.readHeredoc() {
				return true
			}
		case c == '"':
			end := endOfString(s.data, s.at)
			s.start, s.end, s.heredoc = s.at+1, max(s.at+1, end-1), false
			s.at = end
			s.words = append(s.words, string(s.data[s.start:s.end]))
			if s.depth > 0 {
				return true
			}
		case c == '{':
			s.open()
		case c == '}':
			if s.depth = max(0, s.depth-1); s.depth == 0 {
				s.block = ""
			} else if s.depth == 1 {
				s.outer = ""
			}
			s.words = nil
			s.at++
		case c == '=':
			if len(s.words) > 0 {
				s.key = s.words[len(s.words)-1]
			}
			s.words = nil
			s.at++
		case hclWord(c):
			from := s.at
			for s.at < len(s.data) && hclWord(s.data[s.at]) {
				s.at++
			}
			s.words = append(s.words, string(s.data[from:s.at]))
		default:
			s.at++
		}
	}
	return false
}

func hclWord(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// open enters a block or a map.
func (s *hclScan) open() {
	if s.depth == 0 {
		if n := len(s.words); n >= 2 && s.words[n-2] == "target" {
			s.block = s.words[n-1]
		}
	} else if s.depth == 1 {
		s.outer = s.key
	}
	s.depth++
	s.words = nil
	s.at++
}

func (s *hclScan) skipTo(mark string) {
	if n := bytes.Index(s.data[s.at:], []byte(mark)); n >= 0 {
		s.at += n + len(mark)
		return
	}
	s.at = len(s.data)
}

// maxHeredocName bounds the first line of a heredoc.
const maxHeredocName = 200

// readHeredoc reads "<<NAME" or "<<-NAME" up to the line that is NAME.
func (s *hclScan) readHeredoc() bool {
	head := s.data[s.at+2 : min(s.at+2+maxHeredocName, len(s.data))]
	line := bytes.IndexByte(head, '\n')
	if line < 0 {
		s.at += 2
		return false
	}
	word := strings.TrimSpace(string(head[:line]))
	name, flush := strings.CutPrefix(word, "-")
	if name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		s.at += 2
		return false
	}
	s.start, s.heredoc, s.indent = s.at+2+line+1, true, 0
	least := -1
	for at := s.start; at <= len(s.data); {
		end := len(s.data)
		if n := bytes.IndexByte(s.data[at:], '\n'); n >= 0 {
			end = at + n
		}
		text := string(s.data[at:end])
		if strings.TrimSpace(text) == name {
			s.end, s.at = max(s.start, at-1), end
			if flush {
				s.indent = max(0, least)
			}
			return true
		}
		if blank := len(text) - len(strings.TrimLeft(text, " \t")); blank < len(text) && (least < 0 || blank < least) {
			least = blank
		}
		at = end + 1
	}
	s.at = len(s.data)
	return false
}
