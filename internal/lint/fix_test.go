package lint

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/dockerfile"
)

// kept are files that --fix leaves as they are, since the change would be another
// image, or cannot be shown to be the same.
var kept = map[string]string{
	"ADD of a quoted URL":                  "ADD \"https://example.com/x.bin\" /srv/\n",
	"ADD of a URL in single quotes":        "ADD 'https://example.com/x.bin' /srv/\n",
	"ADD of a URL in a list":               "ADD [\"https://example.com/x.txt\", \"/srv/\"]\n",
	"ADD of a repository":                  "ADD git@example.com:a/b.git /srv/\n",
	"ADD of a repository over ssh":         "ADD ssh://git@example.com/a/b.git /srv/\n",
	"ADD of archives":                      "ADD a.tbz /\nADD b.tzst /\nADD c.txz /\nADD d.tar.lz4 /\nADD e.TAR.GZ /\nADD f.tz2 /\nADD [\"g.taz\", \"/\"]\nADD \"h.tgz\" /\nADD i.gem /\nADD j.crate /\nADD k.apk /\nADD l.ova /\n",
	"ADD of what may be an archive":        "ADD rootfs /\nADD rootfs.img /\nADD app.bin /\nADD layer.dat /\n",
	"ADD of several, one an archive":       "ADD a.txt b.tar.gz /x/\n",
	"ADD with a pattern":                   "ADD *.txt /x/\nADD a?.conf /x/\n",
	"ADD with a variable":                  "ARG F=a.txt\nADD $F /x/\n",
	"ADD with a checksum":                  "ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.com/a.txt /x/\n",
	"ADD that unpacks by its flag":         "ADD --unpack=true a.conf /x/\n",
	"ONBUILD ADD":                          "ONBUILD ADD a.txt /x/\n",
	"ENTRYPOINT":                           "ENTRYPOINT server -x\n",
	"ENTRYPOINT, CMD below":                "ENTRYPOINT echo started\nCMD [\"--bar\"]\n",
	"ENTRYPOINT, CMD above":                "CMD [\"--port\", \"80\"]\nENTRYPOINT server -x\n",
	"CMD next to ENTRYPOINT":               "ENTRYPOINT [\"/entry\"]\nCMD serve -x\n",
	"CMD above ENTRYPOINT":                 "CMD serve -x\nENTRYPOINT [\"/entry\"]\n",
	"CMD of a stage with ENTRYPOINT below": "FROM debian:13 AS a\nCMD serve -x\nFROM a\nENTRYPOINT [\"/e\"]\n",
	"CMD below a stage with ENTRYPOINT":    "FROM debian:13 AS a\nENTRYPOINT [\"/e\"]\nFROM a\nCMD serve -x\n",
	"CMD on a base with ENTRYPOINT":        "FROM node:24-slim\nCMD serve -x\n",
	"CMD on an unknown base":               "FROM example.com/base:1\nCMD serve -x\n",
	"CMD of a builtin":                     "CMD time serve\n",
	"CMD of echo":                          "CMD echo -e a\n",
	"CMD of test":                          "CMD test -f /x\n",
	"CMD of exec":                          "CMD exec serve\n",
	"CMD with a variable":                  "CMD serve $PORT\n",
	"CMD with an assignment":               "CMD A=b serve\n",
	"CMD with two commands":                "CMD a && b\n",
	"CMD with a pattern":                   "CMD serve *.conf\n",
	"CMD with a home":                      "CMD serve ~/x\n",
	"CMD with a comment sign":              "CMD serve #1\n",
	"CMD with an escape":                   "CMD serve a\\ b\n",
	"CMD in a list that is none":           "CMD ['serve', 'x']\n",
	"CMD under SHELL":                      "SHELL [\"/bin/bash\", \"-c\"]\nCMD serve -x\n",
	"CMD of Windows":                       "# escape=`\nFROM mcr.microsoft.com/windows/nanoserver:ltsc2022\nCMD serve -x\n",
	"a command that never returns":         "RUN apt-get update && exec make\n",
	"a command that leaves":                "RUN apt-get update && exit 0\n",
	"a command that leaves by a variable":  "RUN apt-get update; exit $?\n",
	"a command in the background":          "RUN apt-get update &\n",
	"a comment at the end":                 "RUN apt-get update # why\n",
	"a semicolon at the end":               "RUN apt-get update;\n",
	"a backtick at the end":                "RUN apt-get update && `true`\n",
	"a heredoc":                            "RUN <<EOF\napt-get update\nEOF\n",
	"exec form":                            "RUN [\"apt-get\", \"update\"]\n",
	"ONBUILD RUN":                          "ONBUILD RUN apt-get update\n",
	"lists that are used later":            "RUN apt-get update\nWORKDIR /a\nRUN apt-get install -y a=1\n",
	"lists that a later stage uses":        "FROM debian:13 AS a\nRUN apt-get update\nFROM a\nRUN apt-get install -y a=1\n",
	"lists that a script may use":          "RUN apt-get update\nWORKDIR /a\nRUN $INSTALL\n",
	"lists by sudo":                        "RUN sudo apt-get update\n",
	"lists on a cache mount":               "RUN --mount=type=cache,target=/var/lib/apt apt-get update\n",
	"lists on a tmpfs":                     "RUN --mount=type=tmpfs,target=/var/lib/apt/lists apt-get update\n",
	"lists of another tree":                "RUN apt-get -o Dir=/r update\n",
	"apt that keeps packages":              "RUN rm /etc/apt/apt.conf.d/docker-clean\nWORKDIR /a\nRUN apt install -y a=1\n",
	"apt upgrade":                          "RUN apt upgrade -y\n",
	"apt without a twin":                   "RUN apt list && apt search x && apt show y\n",
	"apt by its path":                      "RUN /usr/bin/apt install -y a=1\n",
	"dnf into another tree":                "RUN dnf -y --installroot=/r install a-1\n",
	"dnf into another tree, two words":     "RUN dnf -y --installroot /r install a-1\n",
	"zypper into another tree":             "RUN zypper -n -R /r in a=1\n",
	"dnf 5 on a cache mount":               "RUN --mount=type=cache,target=/var/cache/libdnf5 dnf install -y a-1\n",
	"dnf 5 on a tmpfs":                     "RUN --mount=type=tmpfs,target=/var/cache/libdnf5 microdnf install -y a-1\n",
	"dnf on a mount above":                 "RUN --mount=type=cache,target=/var/cache,sharing=locked dnf5 install -y a-1\n",
	"dnf that removes itself":              "RUN microdnf install -y a-1 && microdnf remove -y microdnf\n",
	"dnf that exec leaves":                 "RUN dnf install -y a-1 && exec true\n",
	"dnf by sudo":                          "RUN sudo dnf install -y a-1\n",
	"dnf that only downloads":              "RUN dnf install --downloadonly a-1 && dnf clean all\n",
	"a simulation":                         "RUN apt-get -s install a=1\n",
	"an answer by a pipe":                  "RUN yes | apt-get install a=1\n",
	"an answer by configuration":           "RUN apt-get -o APT::Get::Assume-Yes=true install a=1\n",
	"pip on a mount by variable":           "ENV PIP_CACHE_DIR=/c\nRUN --mount=type=cache,target=/c pip install x==1\n",
	"pip on a mount by ARG":                "ARG PIP_CACHE_DIR=/c\nRUN --mount=type=cache,target=/c pip install x==1\n",
	"pip on a mount by export":             "RUN --mount=type=cache,target=/c export PIP_CACHE_DIR=/c && pip install x==1\n",
	"pip on a mount by XDG":                "ENV XDG_CACHE_HOME=/c\nRUN --mount=type=cache,target=/c/pip pip install x==1\n",
	"pip on a mount of a user":             "USER jo\nRUN --mount=type=cache,target=/home/jo/.cache pip install x==1\n",
	"pip with a place for the cache":       "ENV PIP_CACHE_DIR=/c\nRUN pip install x==1\n",
	"pip with a cache of its own":          "RUN pip install --cache-dir /c x==1\n",
	"pip by configuration":                 "RUN pip config set global.no-cache-dir true\nWORKDIR /a\nRUN pip install x==1\n",
	"yarn on a mount by variable":          "ENV YARN_CACHE_FOLDER=/y\nRUN --mount=type=cache,target=/y yarn install --frozen-lockfile\n",
	"yarn with a folder elsewhere":         "ENV YARN_CACHE_FOLDER=/y\nRUN yarn install --frozen-lockfile\n",
	"yarn that works offline later":        "RUN yarn install --frozen-lockfile\nWORKDIR /a\nRUN yarn install --offline --frozen-lockfile\n",
	"yarn on a tmpfs":                      "RUN --mount=type=tmpfs,target=/usr/local/share/.cache yarn install --frozen-lockfile\n",
	"apk on a cache mount":                 "RUN --mount=type=cache,target=/var/cache/apk apk add a=1\n",
	"apk that deletes its index":           "RUN apk add a=1 && rm -rf /var/cache/apk/*\n",
	"a platform of the file's own":         "ARG TARGETPLATFORM=linux/amd64\nFROM --platform=$TARGETPLATFORM debian:13\n",
	"sudo of what reads its environment":   "USER root\nENV CC=clang\nRUN sudo make && sudo $TOOL && sudo cd /x\n",
	"lists, as another user":               "USER jo\nRUN apt-get update\n",
	"dnf with a cache elsewhere":           "RUN dnf install -y --setopt=cachedir=/c a-1\n",
	"apk with packages kept":               "RUN ln -s /var/cache/apk /etc/apk/cache && apk add a=1\nRUN setup-apkcache /c\nRUN apk add b=1\n",
	"sudo as somebody else":                "USER jo\nRUN sudo make\n",
	"sudo with options":                    "USER root\nRUN sudo -E make\nRUN true; sudo A=b make\n",
	"MAINTAINER next to the label":         "LABEL org.opencontainers.image.authors=\"jo\"\nMAINTAINER Jo\n",
	"MAINTAINER with quotes":               "MAINTAINER \"Jo\" <a@b>\n",
	"MAINTAINER with a dollar":             "MAINTAINER Jo $HOME\n",
	"ENV of several words":                 "ENV A b c\n",
	"ENV with quotes":                      "ENV A \"b c\"\n",
	"ENV with an equals sign":              "ENV A b=c\n",
	"the target of several, a variable":    "ARG D=/x\nCOPY a b $D\n",
	"the target of several, quoted":        "COPY a b \"/x\"\n",
	"the target of several in a list":      "COPY [\"a\", \"b\", \"/x\"]\n",
	"suppressed":                           "# careen:ignore=CD312\nRUN apk add a=1\n",
	"suppressed in the stage":              "# hadolint stage ignore=DL3019\nFROM alpine:3.23\nRUN apk add a=1\n",
}

// fixes are files with what --fix makes of them.
var fixes = []struct{ name, old, want string }{
	{"ADD of files", "ADD a.txt /x/\nADD --chown=1:1 --chmod=644 b.conf c.json /x/\nADD [\"d.yml\", \"/x/\"]\nADD . /src\nADD dir/ /x/\nadd .bashrc /root/\nADD Makefile /x/\n",
		"COPY a.txt /x/\nCOPY --chown=1:1 --chmod=644 b.conf c.json /x/\nCOPY [\"d.yml\", \"/x/\"]\nCOPY . /src\nCOPY dir/ /x/\nCOPY .bashrc /root/\nCOPY Makefile /x/\n"},
	{"ADD over two lines", "ADD \\\n  # why\n  a.txt \\\n  /x/\n", "COPY \\\n  # why\n  a.txt \\\n  /x/\n"},
	{"CMD", "CMD serve  -x \"a b\" 'c'\n", "CMD [\"serve\", \"-x\", \"a b\", \"c\"]\n"},
	{"CMD where ENTRYPOINT is taken away", "FROM node:24-slim\nENTRYPOINT []\nCMD serve -x\n", "FROM node:24-slim\nENTRYPOINT []\nCMD [\"serve\", \"-x\"]\n"},
	{"CMD over two lines", "CMD serve \\\n  -x\n", "CMD [\"serve\", \"-x\"]\n"},
	{"-y", "RUN apt-get -qo Acquire::Retries=3 install \\\n  # why\n  a=1\n", "RUN apt-get -qo Acquire::Retries=3 install -y \\\n  # why\n  a=1\n"},
	{"-y in a condition", "RUN if true; then apt-get install a=1; fi\n", "RUN if true; then apt-get install -y a=1; fi\n"},
	{"-y behind a wrapper", "RUN ionice -c 3 nice -n 5 apt-get install a=1\n", "RUN ionice -c 3 nice -n 5 apt-get install -y a=1\n"},
	{"-y in a heredoc", "RUN <<EOF\napt-get install a=1\nEOF\n", "RUN <<EOF\napt-get install -y a=1\nEOF\n"},
	{"-y of an alias", "RUN dnf in a-1 && dnf clean all\n", "RUN dnf in -y a-1 && dnf clean all\n"},
	{"pacman", "RUN pacman -S a\n", "RUN pacman --noconfirm -S a && pacman -Scc --noconfirm\n"},
	{"lists", "RUN apt-get update && apt-get install -y a=1\n", "RUN apt-get update && apt-get install -y a=1 && rm -rf /var/lib/apt/lists/*\n"},
	{"lists behind an alternative", "RUN apt-get update || apt-get update\n", "RUN apt-get update || apt-get update && rm -rf /var/lib/apt/lists/*\n"},
	{"lists of a continued RUN", "RUN apt-get update \\\n # why\n && apt-get install -y a=1\n", "RUN apt-get update \\\n # why\n && apt-get install -y a=1 \\\n && rm -rf /var/lib/apt/lists/*\n"},
	{"lists of a RUN with another escape", "# escape=`\nFROM debian:13\nSHELL [\"/bin/sh\", \"-c\"]\nRUN apt-get update `\n  && true\n", "# escape=`\nFROM debian:13\nSHELL [\"/bin/sh\", \"-c\"]\nRUN apt-get update `\n  && true `\n  && rm -rf /var/lib/apt/lists/*\n"},
	{"lists with an unrelated mount", "RUN --mount=type=cache,target=/var/cache/apt apt-get update\n", "RUN --mount=type=cache,target=/var/cache/apt apt-get update && rm -rf /var/lib/apt/lists/*\n"},
	{"exec of redirections only", "RUN exec 2>&1 && apt-get update\n", "RUN exec 2>&1 && apt-get update && rm -rf /var/lib/apt/lists/*\n"},
	{"apt", "RUN apt update && apt install -y a=1 && rm -rf /var/lib/apt/lists/*\n", "RUN apt-get update && apt-get install -y a=1 && rm -rf /var/lib/apt/lists/*\n"},
	{"dnf", "RUN dnf install -y a-1\n", "RUN dnf install -y a-1 && dnf clean all\n"},
	{"microdnf next to dnf", "RUN microdnf install -y a-1 && dnf clean all\n", "RUN microdnf install -y a-1 && dnf clean all && microdnf clean all\n"},
	{"zypper", "RUN zypper -n in a=1\n", "RUN zypper -n in a=1 && zypper clean\n"},
	{"apk", "RUN apk add --virtual .d \\\n  a=1 && apk del .d\n", "RUN apk add --no-cache --virtual .d \\\n  a=1 && apk del .d\n"},
	{"pip", "RUN python3 -m pip install x==1 && pip3.12 install y==1\n", "RUN python3 -m pip install --no-cache-dir x==1 && pip3.12 install --no-cache-dir y==1\n"},
	{"uv", "RUN uv pip install --system x==1\n", "RUN uv pip install --no-cache --system x==1\n"},
	{"yarn", "RUN yarn install --frozen-lockfile\n", "RUN yarn install --frozen-lockfile && yarn cache clean\n"},
	{"useradd", "RUN useradd -u 1000000 a\n", "RUN useradd -l -u 1000000 a\n"},
	{"sudo of root", "USER 0\nRUN sudo  mkdir /a && sudo chown jo /a\n", "USER 0\nRUN mkdir /a && chown jo /a\n"},
	{"the target of several", "COPY a b /x\n", "COPY a b /x/\n"},
	{"the platform", "FROM --platform=${TARGETPLATFORM} debian:13 as a\n", "FROM debian:13 AS a\n"},
	{"casing", "FROM debian:13\nRun a && b\nuser 1\nWORKDIR /x\n", "FROM debian:13\nRUN a && b\nUSER 1\nWORKDIR /x\n"},
	{"casing of small letters", "from debian:13 AS a\nrun a && b\nUSER 1\n", "from debian:13 as a\nrun a && b\nuser 1\n"},
	{"ENV", "ENV A b\nLABEL c $A\n", "ENV A=b\nLABEL c=$A\n"},
	{"empty lines", "RUN a && \\\n\n\n  b\n", "RUN a && \\\n  b\n"},
	{"protocols", "EXPOSE 53/UDP 80\n", "EXPOSE 53/udp 80\n"},
	{"MAINTAINER", "MAINTAINER Jo <jo@example.com>\n", "LABEL org.opencontainers.image.authors=\"Jo <jo@example.com>\"\n"},
}

// on puts a base in front of a text that has none.
func on(text string) string {
	for line := range strings.Lines(text) {
		if word, _, _ := strings.Cut(strings.ToUpper(line), " "); word == "FROM" {
			return text
		}
	}
	return "FROM debian:13\n" + text
}

func TestWhatFixKeeps(t *testing.T) {
	for name, text := range kept {
		text = on(text)
		if got, _ := FixDockerfile("Dockerfile", []byte(text), Options{}); string(got) != text {
			t.Errorf("%s:\n%s", name, cmp.Diff(text, string(got)))
		}
		checkFix(t, "Dockerfile", []byte(text))
	}
}

func TestFixes(t *testing.T) {
	for _, test := range fixes {
		old, want := on(test.old), on(test.want)
		got, _ := FixDockerfile("Dockerfile", []byte(old), Options{})
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.name, diff)
		}
		for _, ending := range []string{"\n", "\r\n"} {
			checkFix(t, test.name, []byte(strings.ReplaceAll(old, "\n", ending)))
		}
	}
}

// meaning is what a builder takes from an instruction, so that two files can be
// compared: the words that it gets, however they are written.
func meaning(in *dockerfile.Instruction) []string {
	list := []string{in.Name}
	for _, flag := range in.Flags {
		list = append(list, flag.Name+"="+flag.Value)
	}
	switch {
	case in.OnBuild != nil:
		return append(list, meaning(in.OnBuild)...)
	case in.Pairs != nil:
		for _, p := range in.Pairs {
			list = append(list, p.Name, p.Value)
		}
		return list
	case in.JSON:
		list = append(list, "[")
	}
	switch in.Name {
	case "FROM", "COPY", "ADD", "EXPOSE", "VOLUME":
		for _, arg := range in.Args {
			list = append(list, arg.Text)
		}
	case "RUN", "CMD", "ENTRYPOINT":
		if in.JSON {
			for _, arg := range in.Args {
				list = append(list, arg.Text)
			}
			break
		}
		list = append(list, strings.Fields(in.Text)...)
	default:
		list = append(list, in.Text)
	}
	for _, h := range in.Heredocs {
		list = append(list, strings.Fields(h.Content)...)
	}
	return list
}

// inserted are the words that fixes write into commands, and appended the
// commands that they write behind.
const (
	inserted = "-y --noconfirm --no-cache --no-cache-dir -l"
	appended = "rm -rf /var/lib/apt/lists/*|dnf clean all|dnf5 clean all|yum clean all|microdnf clean all|tdnf clean all|zypper clean|pacman -Scc --noconfirm|yarn cache clean"
)

// sameMeaning reports whether an instruction after a fix is the one before but
// for what the rules say that they change.
func sameMeaning(before, after []string) bool {
	if len(before) == 0 || len(after) == 0 {
		return len(before) == len(after)
	}
	switch pair := before[0] + " " + after[0]; {
	case pair == "ADD COPY":
		return slices.Equal(before[1:], after[1:])
	case pair == "MAINTAINER LABEL":
		return len(after) == 3 && after[1] == "org.opencontainers.image.authors" && after[2] == before[1]
	case before[0] != after[0]:
		return false
	}
	switch before[0] {
	case "CMD":
		if len(after) > 1 && after[1] == "[" && len(before) > 1 && before[1] != "[" {
			return strings.Join(after[2:], " ") == strings.Join(strings.Fields(strings.NewReplacer(`"`, "", `'`, "").Replace(strings.Join(before[1:], " "))), " ")
		}
	case "RUN":
		return sameCommands(before, after)
	case "FROM":
		before = slices.DeleteFunc(slices.Clone(before), func(w string) bool { return strings.HasPrefix(w, "platform=$") })
		after = slices.DeleteFunc(slices.Clone(after), func(w string) bool { return strings.HasPrefix(w, "platform=$") })
	case "COPY", "ADD":
		if n := len(before); n == len(after) && before[n-1]+"/" == after[n-1] {
			after = append(slices.Clone(after[:n-1]), before[n-1])
		}
	}
	return slices.EqualFunc(before, after, strings.EqualFold)
}

func sameCommands(before, after []string) bool {
	i, j := 0, 0
	for j < len(after) {
		switch {
		case i < len(before) && before[i] == after[j]:
			i, j = i+1, j+1
		case i < len(before) && before[i] == "apt" && after[j] == "apt-get":
			i, j = i+1, j+1
		case i < len(before) && before[i] == "sudo":
			i++
		case has(inserted, after[j]):
			j++
		case i == len(before) && after[j] == "&&":
			// Each of the commands that may follow, and nothing else.
			for _, command := range strings.Split(strings.Join(after[j+1:], " "), " && ") {
				if !slices.Contains(strings.Split(appended, "|"), command) {
					return false
				}
			}
			return true
		default:
			return false
		}
	}
	return i == len(before)
}

func TestSameMeaning(t *testing.T) {
	for _, test := range []struct {
		before, after string
		want          bool
	}{
		{"RUN apt install a", "RUN apt-get install -y a && rm -rf /var/lib/apt/lists/*", true},
		{"RUN a", "RUN a && rm -rf /", false},
		{"RUN a b", "RUN a", false},
		{"RUN a", "RUN b", false},
		{"CMD a b", "CMD [ a b", true},
		{"CMD a b", "CMD [ a", false},
		{"ADD a b", "COPY a b", true},
		{"ADD a b", "COPY a c", false},
		{"USER a", "USER b", false},
	} {
		if got := sameMeaning(strings.Fields(test.before), strings.Fields(test.after)); got != test.want {
			t.Errorf("%s → %s: %v", test.before, test.after, got)
		}
	}
}
