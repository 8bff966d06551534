package dockerfile

import (
	"bytes"
	"path"
	"strings"
	"sync"
)

// foreign are the endings that say that a file called dockerfile.something is
// of another type: sources, data, documents, archives, and what editors and
// patch leave behind.
var foreign = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for _, ending := range strings.Fields(`
		dockerignore containerignore gitignore
		go mod sum rs rb py pyi pyc ipynb js jsx mjs cjs ts tsx vue svelte java class kt kts scala groovy gradle c h cc cpp cxx hpp hh m mm cs fs vb
		swift php pl pm lua r jl ex exs erl hs ml mli clj cljs el lisp scm rkt nim zig d dart sh bash zsh fish ksh csh ps1 psm1 bat cmd awk sed sql
		nix bzl bazel star cmake mk make tf tfvars hcl proto thrift graphql wasm vim
		md markdown mdx rst adoc asciidoc txt text rtf tex pdf doc docx odt html htm xhtml xml xsl css scss sass less
		json json5 jsonc jsonl ndjson yaml yml toml ini cfg conf config properties env lock csv tsv plist
		patch diff rej swp swo swn log out pid snap map
		png jpg jpeg gif svg webp ico bmp zip gz tgz tar xz bz2 zst 7z rar jar war whl deb rpm apk o a so dll exe bin iso img
		sig asc gpg pem crt key pub sha1 sha256 sha512 md5 sbom spdx cdx sarif tmlanguage`) {
		set["."+ending] = true
	}
	return set
})

// Named reports whether a path is by its name a Dockerfile: Dockerfile or
// Containerfile, with a suffix that names no other type ("Dockerfile.dev",
// "Dockerfile-arm64"), or as the end of the name ("app.Dockerfile").
func Named(name string) bool {
	base := strings.ToLower(path.Base(strings.ReplaceAll(name, "\\", "/")))
	for _, word := range []string{"dockerfile", "containerfile"} {
		if base == word {
			return true
		}
		if head, ok := strings.CutSuffix(base, word); ok && strings.ContainsAny(head[len(head)-1:], ".-_") {
			return true
		}
		if rest, ok := strings.CutPrefix(base, word); ok && strings.ContainsAny(rest[:1], ".-_") && !foreign()[path.Ext(rest)] && !strings.HasSuffix(rest, "~") {
			return true
		}
	}
	return false
}

// OfLanguage reports whether a name may be that of the Dockerfile for programs of
// a language, "Dockerfile.go", rather than of a source called so: the text says,
// which then has to begin with FROM or ARG in upper case.
func OfLanguage(name string) bool {
	base := path.Base(strings.ReplaceAll(name, "\\", "/"))
	if !strings.HasPrefix(base, "Dockerfile.") && !strings.HasPrefix(base, "Containerfile.") {
		return false
	}
	switch path.Ext(base) {
	case ".go", ".rs", ".rb", ".py", ".js", ".ts", ".java", ".kt", ".scala", ".groovy", ".c", ".cpp", ".cs", ".swift", ".php", ".pl", ".lua", ".r", ".ex", ".erl", ".hs", ".clj", ".nim", ".zig", ".d", ".dart", ".nix":
		return true
	}
	return false
}

// Certain reports whether a name can only be that of a Dockerfile. Of other
// names that Named takes, Plausible may say that the text is something else.
func Certain(name string) bool {
	base := strings.ToLower(path.Base(strings.ReplaceAll(name, "\\", "/")))
	return base == "dockerfile" || base == "containerfile" || path.Ext(base) == ".dockerfile" || path.Ext(base) == ".containerfile"
}

// maxHead is how many bytes of a file are looked at to tell what it is.
const maxHead = 64 << 10

// instructions are the words that begin a line of a Dockerfile.
var instructions = map[string]bool{
	"FROM": true, "ARG": true, "RUN": true, "CMD": true, "LABEL": true, "MAINTAINER": true, "EXPOSE": true, "ENV": true, "ADD": true, "COPY": true,
	"ENTRYPOINT": true, "VOLUME": true, "USER": true, "WORKDIR": true, "ONBUILD": true, "STOPSIGNAL": true, "HEALTHCHECK": true, "SHELL": true,
}

// Begins reports whether the first instruction of a text is one that only a
// Dockerfile begins with: for files of other names, and for streams.
func Begins(data []byte) bool {
	word := firstInstruction(data)
	return strings.EqualFold(word, "FROM") || strings.EqualFold(word, "ARG")
}

// BeginsLoud is Begins for instructions in upper case: "from" begins modules of
// Python as well.
func BeginsLoud(data []byte) bool {
	word := firstInstruction(data)
	return word == "FROM" || word == "ARG"
}

// firstInstruction returns the first word of a text that has words behind it,
// comments apart; "" when the first has none.
func firstInstruction(data []byte) string {
	for line := range bytes.Lines(data[:min(len(data), maxHead)]) {
		text := strings.TrimSpace(strings.TrimPrefix(string(line), "\ufeff"))
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if word, rest := firstWord(text); rest != "" {
			return word
		}
		break
	}
	return ""
}

// Plausible reports whether some line begins with an instruction in upper case,
// or with FROM in any.
func Plausible(data []byte) bool {
	for line := range bytes.Lines(data[:min(len(data), maxHead)]) {
		word, rest := firstWord(strings.TrimSpace(strings.TrimPrefix(string(line), "\ufeff")))
		if rest != "" && (instructions[word] || strings.EqualFold(word, "FROM")) {
			return true
		}
	}
	return false
}

func firstWord(text string) (word, rest string) {
	at := strings.IndexAny(text, " \t")
	if at < 0 {
		return text, ""
	}
	return text[:at], strings.TrimSpace(text[at:])
}
