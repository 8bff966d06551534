package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
)

// examples are small files with the lines on which a rule finds something; the
// rule is asked for by the id of the tool whose intent it follows. A file without
// FROM gets one in front, which is line 1.
var examples = []struct {
	id   string
	text string
	want string // lines, blanks between
}{
	// Hadolint: the base and the stages
	{"DL3006", "FROM debian\n", "1"},
	{"DL3006", "FROM debian AS a\nFROM a\n", "1"},
	{"DL3006", "FROM scratch\n", ""},
	{"DL3006", "FROM debian@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1\n", ""},
	{"DL3006", "ARG BASE=debian\nFROM ${BASE}\n", "2"},
	{"DL3007", "FROM debian:latest\n", "1"},
	{"DL3007", "FROM example.com:5000/debian:latest AS a\n", "1"},
	{"DL3022", "COPY --from=foo bar .\n", "2"},
	{"DL3022", "FROM scratch\nCOPY --from=build foo .\nFROM node:24 AS build\n", "2"},
	{"DL3022", "FROM scratch AS build\nFROM node:24\nCOPY --from=build foo .\nCOPY --from=0 a b\nCOPY --from=nginx:1.29 c d\n", ""},
	{"DL3023", "FROM node:24 AS foo\nCOPY --from=foo bar .\n", "2"},
	{"DL3024", "FROM node:24 AS foo\nFROM scratch AS foo\n", "2"},
	{"DL3024", "FROM node:24 AS foo\nFROM scratch AS Foo\n", "2"},
	{"DL3029", "FROM --platform=linux/arm64 debian:13\n", "1"},
	{"DL3029", "FROM --platform=$BUILDPLATFORM debian:13\nFROM --platform=${TARGETPLATFORM} debian:13\n", ""},
	{"DL3061", "RUN foo\nFROM debian:13\n", "1"},
	{"DL3061", "ARG A=1\n# comment\nFROM debian:13\n", ""},
	{"DL3065", "FROM --platform=${TARGETPLATFORM} debian:13\n", "1"},
	{"DL3065", "ARG TARGETPLATFORM=linux/amd64\nFROM --platform=$TARGETPLATFORM debian:13\n", ""},
	{"DL3065", "FROM --platform=$FOOBAR debian:13\n", ""},
	{"DL4000", "MAINTAINER Jo\n", "2"},
	// users
	{"DL3002", "USER root\n", "2"},
	{"DL3002", "USER 0:0\n", "2"},
	{"DL3002", "USER root\nUSER 1000\n", ""},
	{"DL3063", "FROM alpine:3.23\n", "1"},
	{"DL3063", "FROM alpine:3.23 AS a\nFROM alpine:3.23\nUSER app\n", ""},
	{"DL3004", "RUN sudo ls\n", "2"},
	{"DL3004", "RUN nice sudo ls\n", ""}, // the words of other programs are theirs
	{"DL3046", "RUN useradd -u 123456 luser\n", "2"},
	{"DL3046", "RUN useradd -l -u 123456 luser && useradd -u 12345 b && useradd -l c\n", ""},
	{"DL3066", "USER foobar:barfoo\n", "2"},
	{"DL3066", "USER 1234:5678\n", ""},
	{"DL3064", "ARG openai_api_key\n", "2"},
	{"DL3064", "ENV my_password=abcdefghijklmnopqrstuvwxyz\n", "2"},
	{"DL3064", "ENV AWS_ACCESS_KEY_ID=abcdefghijklmnopqrstuvwxyz\n", "2"},
	{"DL3064", "ENV foobar=barfoo\n", ""},
	// files
	{"DL3000", "WORKDIR usr\n", "2"},
	{"DL3000", "WORKDIR /usr\nWORKDIR $HOME/x\nWORKDIR \"C:\\\\x\"\n", ""},
	{"DL3003", "RUN cd /opt\n", "2"},
	{"DL3010", "COPY app.tar /usr/src/app\nRUN tar -xf /usr/src/app/app.tar\n", "2"},
	{"DL3010", "COPY app.tar /usr/src/app\nWORKDIR /usr/src/app\nRUN foo && tar -xf app.tar\n", "2"},
	{"DL3010", "COPY foo/bar/app.tar /foo.tar\nRUN tar --file=/foo.tar -x\n", "2"},
	{"DL3010", "COPY build\\foo\\bar.tar.gz C:\\Foo\nRUN tar -xf \"C:\\Foo\\bar.tar.gz\"\n", "2"},
	{"DL3010", "COPY app.tar /a\nFROM debian:13\nRUN tar -xf app.tar\n", ""},
	{"DL3010", "RUN tar -xf app.tar\nCOPY app.tar /a\n", ""},
	{"DL3010", "COPY package.json /a\nCOPY --from=builder:1 /some.tar /opt/some.tar\nRUN tar -xf /opt/some.tar\n", ""},
	{"DL3020", "ADD file /usr/src/app/\n", "2"},
	{"DL3020", "ADD [\"file\", \"/a/\"]\nADD dir/ /a/\n", "2 3"},
	{"DL3020", "ADD https://example.com/f /a\nADD \"https://example.com/f\" /a\nADD 'git://example.com/r.git' /a\nADD git@example.com:a/b.git /a\nADD [\"http://example.com/f\", \"/a\"]\n", ""},
	{"DL3020", "ADD a.tar /\nADD a.tgz /\nADD a.tar.xz /\nADD a.tbz2 /\nADD a.txz /\nADD a.tzst /\nADD a.tar.zst /\nADD a.tar.lz /\nADD \"a.tar.gz\" /\nADD a.taz /\nADD a.tlz /\nADD x.gem /\n", ""},
	{"DL3021", "COPY package.json yarn.lock my_app\n", "2"},
	{"DL3021", "COPY package.json yarn.lock my_app/\nCOPY a b .\nCOPY [\"a\", \"b\", \"c/\"]\n", ""},
	{"DL3045", "COPY foo bar\n", "2"},
	{"DL3045", "WORKDIR /a\nCOPY foo bar\n", ""},
	{"DL3045", "COPY foo /bar\nCOPY foo ${X}/bar\nCOPY foo \"c:\\\\bar\"\n", ""},
	{"DL3067", "COPY --from=build:1 / /\nCOPY --from=build:1 \"/\" \"/\"\n", "2 3"},
	{"DL3067", "COPY / /\nCOPY --from=build:1 /app /\nCOPY --from=build:1 / /app\n", ""},
	{"DL3067", "FROM debian:13 AS a\nFROM scratch\nCOPY --from=a / /\n", ""},
	// processes
	{"DL3011", "EXPOSE 80000\n", "2"},
	{"DL3011", "EXPOSE 40000-80000/tcp\n", "2"},
	{"DL3011", "EXPOSE 60000 8080/udp 40000-60000/tcp $PORT ${PORT}/tcp 0\n", ""},
	{"BuildKit:ExposeInvalidFormat", "EXPOSE 80:80\nEXPOSE 127.0.0.1:80:80\nEXPOSE [::1]:80:80\nEXPOSE abc\nEXPOSE 80/foo\nEXPOSE 90-80\nEXPOSE 80/\n", "2 3 4 5 6 7 8"},
	{"BuildKit:ExposeInvalidFormat", "EXPOSE 8080/tcp 53/UDP 9000-9010 80/sctp \"443\"\n", ""},
	{"BuildKit:ExposeProtoCasing", "EXPOSE 53/UDP 80/Tcp\nEXPOSE 53/udp\n", "2 2"},
	{"DL3012", "HEALTHCHECK CMD /a\nHEALTHCHECK CMD /b\n", "2"},
	{"DL3012", "FROM debian:13 AS a\nHEALTHCHECK CMD /a\nFROM debian:13\nHEALTHCHECK CMD /b\n", ""},
	{"DL3025", "ENTRYPOINT something\n", "2"},
	{"DL3025", "CMD something\nCMD exec other\n", "2 3"},
	{"DL3025", "ENTRYPOINT [\"foo\", \"bar\"]\nCMD [ \"foo\", \"bar\" ]\n", ""},
	{"DL3057", "FROM scratch\n", "1"},
	{"DL3057", "FROM scratch AS base\nHEALTHCHECK CMD /bin/bla\nFROM base\n", ""},
	{"DL3057", "FROM scratch AS base\nHEALTHCHECK CMD /bin/bla\nFROM scratch\n", "3"},
	{"DL4003", "CMD [\"a\"]\nCMD [\"b\"]\n", "2"},
	{"DL4004", "ENTRYPOINT [\"a\"]\nENTRYPOINT [\"b\"]\n", "2"},
	{"DL4004", "FROM a:1 AS x\nENTRYPOINT [\"a\"]\nFROM b:1\nENTRYPOINT [\"b\"]\n", ""},
	// the shape
	{"DL3043", "ONBUILD MAINTAINER jo\n", "2"},
	{"DL3043", "ONBUILD RUN true\n", ""},
	{"DL3059", "RUN /foo.sh\nRUN /bar.sh\n", "3"},
	{"DL3059", "RUN /foo.sh\n# a comment\n# another\nRUN /bar.sh\nRUN /baz.sh\n", "5"},
	{"DL3059", "RUN /foo.sh\nWORKDIR /\nRUN /bar.sh\n", ""},
	{"DL3059", "RUN --mount=type=secret,id=foo /foo.sh\nRUN --mount=type=secret,id=bar /bar.sh\nRUN /x.sh\n", ""},
	{"DL3059", "RUN --mount=type=secret,id=foo /foo.sh\nRUN --mount=type=secret,id=foo /bar.sh\n", "3"},
	{"DL3059", "RUN foo && bar\nRUN foobar\n", ""},
	{"DL3059", "RUN foobar\nRUN foo; bar\n", ""},
	{"DL3059", "RUN foo && bar\nRUN foo\nRUN bar\n", "4"},
	// variables and labels
	{"DL3044", "ENV BLA=\"blubb\" BLUBB=\"${BLA}/blubb\"\n", "2"},
	{"DL3044", "ENV BLA=blubb BLUBB=$BLA\nENV A=1 B=$B/$A/$AB\n", "2 3"},
	{"DL3044", "ENV PATH=/bla:${PATH} PATH=/blubb:${PATH}\n", "2"},
	{"DL3044", "ENV PATH=/bla:${PATH}\nENV PATH=/blubb:${PATH}\n", ""},
	{"DL3044", "ENV BLA=b BLUBB=${FOOBLA}/$BLAFOO/BLA\nARG X\nENV X=${X} Y=1\nENV A=1 B='$A' C=\\$A\n", ""},
	{"DL3048", "LABEL com.docker.label=foo\nLABEL io.docker.label=foo\nLABEL org.dockerproject.label=foo\n", "2 3 4"},
	{"DL3048", "LABEL invalid$character=foo\nLABEL .invalid=foo\nLABEL -invalid=foo\nLABEL 1invalid=foo\nLABEL invalid..character=foo\nLABEL invalid--character=foo\nLABEL Team=foo\n", "2 3 4 5 6 7 8"},
	{"DL3048", "LABEL org.valid-key.label3=foo\nLABEL validlabel=foo\nARG K=a\nLABEL com.example.$K=b\n", ""},
	{"DL3051", "LABEL org.opencontainers.image.title=\"\"\n", "2"},
	{"DL3052", "LABEL org.opencontainers.image.url=not-url\nLABEL org.opencontainers.image.source=https://example.com\n", "2"},
	{"DL3053", "LABEL org.opencontainers.image.created=2026-01-01\nLABEL org.opencontainers.image.created=2026-01-01T00:00:00Z\n", "2"},
	{"DL3054", "LABEL org.opencontainers.image.licenses=not-spdx\nLABEL org.opencontainers.image.licenses=MTI\n", "2 3"},
	{"DL3054", "LABEL org.opencontainers.image.licenses=BSD-3-Clause\nLABEL org.opencontainers.image.licenses=\"Apache-2.0 WITH LLVM-exception OR (MIT AND GPL-2.0-or-later)\"\nLABEL org.opencontainers.image.licenses=LicenseRef-own\n", ""},
	// programs
	{"DL3001", "RUN service foo start\nRUN top\n", "2 3"},
	{"DL3047", "RUN wget my.xyz\n", "2"},
	{"DL3047", "RUN wget --progress=dot:giga my.xyz && wget -q a && wget -nv b && wget -o /l c && wget -a /l d && wget --append-output=/l e\n", ""},
	{"DL3062", "RUN go install example.com/x\nRUN go install example.com/x@latest\nRUN go install example.com/x@v1.2.3\n", "2 3"},
	{"DL4001", "RUN wget -q a\nRUN curl b\n", "3"},
	{"DL4001", "FROM a:1 AS a\nRUN wget -q a\nFROM b:1\nRUN curl b\n", ""},
	{"DL4005", "RUN ln -sfv /bin/bash /bin/sh\n", "2"},
	{"DL4006", "RUN wget -O - https://some.site | wc -l > /number\n", "2"},
	{"DL4006", "SHELL [\"/bin/bash\", \"-eo\", \"pipefail\", \"-c\"]\nRUN wget -O - a | wc -l\n", ""},
	{"DL4006", "SHELL [\"/bin/bash\", \"-o\", \"errexit\", \"-o\", \"pipefail\", \"-c\"]\nRUN wget -O - a | wc -l\n", ""},
	{"DL4006", "SHELL [\"/usr/local/bin/zsh\", \"-o\", \"pipefail\", \"-c\"]\nRUN wget -O - a | wc -l\n", ""},
	{"DL4006", "SHELL [\"/bin/sh\", \"-o\", \"pipefail\", \"-c\"]\nRUN wget -O - a | wc -l\n", "3"},
	{"DL4006", "FROM alpine:3.23\nSHELL [\"/bin/sh\", \"-o\", \"pipefail\", \"-c\"]\nRUN wget -O - a | wc -l\n", ""},
	{"DL4006", "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN wget -O - a | wc -l\nFROM scratch AS b\nRUN wget -O - a | wc -l\n", "5"},
	{"DL4006", "SHELL [\"pwsh\", \"-c\"]\nRUN Get-Variable PSVersionTable | Select-Object -ExpandProperty Value\n", ""},
	{"DL4006", "# hadolint shell=powershell\nRUN Get-Variable X | Select-Object Y\n", ""},
	// BuildKit
	{"BuildKit:ConsistentInstructionCasing", "FROM alpine:3.23\nRun echo hi\nEntRYpOiNT [\"cat\"]\nUSER 1\n", "2 3"},
	{"BuildKit:ConsistentInstructionCasing", "from alpine:3.23\nrun echo hi\nuser 1\n", ""},
	{"BuildKit:ConsistentInstructionCasing", "from alpine:3.23\nrun echo hi\nUSER 1\n", "3"},
	{"BuildKit:FromAsCasing", "FROM a:1 as b\n", "1"},
	{"BuildKit:FromAsCasing", "from a:1 AS b\n", "1"},
	{"BuildKit:FromAsCasing", "from a:1 as b\nFROM c:1 AS d\n", ""},
	{"BuildKit:StageNameCasing", "FROM a:1 AS Build\n", "1"},
	{"BuildKit:UndefinedArgInFrom", "FROM ${BASE}\n", "1"},
	{"BuildKit:UndefinedArgInFrom", "FROM scratch AS binaries-linux\nFROM binaries-$TARGETOS AS one\n", ""},
	{"BuildKit:UndefinedArgInFrom", "FROM debian:${TAG:-13}\n", "1"},
	{"BuildKit:UndefinedArgInFrom", "ARG TAG\nFROM debian:${TAG:-13}\n", ""},
	{"BuildKit:UndefinedArgInFrom", "FROM debian:13-${TARGETARCH:-amd64}\n", ""},
	{"BuildKit:WorkdirRelativePath", "ENV D=x\nWORKDIR $D/y\n", "3"},
	{"BuildKit:WorkdirRelativePath", "ARG D\nWORKDIR ${D:-x}\n", "3"},
	{"BuildKit:WorkdirRelativePath", "ENV D=/x\nWORKDIR \"$D/y\"\nARG E\nWORKDIR $E\n", ""},
	{"BuildKit:WorkdirRelativePath", "ARG E\nWORKDIR $E\n", ""},
	{"BuildKit:ExposeProtoCasing", "ENV P=80\nEXPOSE $P/TCP\nEXPOSE $Q/Udp\nEXPOSE 0.0.0.0:80:80/TCP\n", "3 4 5"},
	{"BuildKit:ExposeInvalidFormat", "ENV P=80:80 Q=80\nEXPOSE $P\nEXPOSE $Q ${R:-90} $S\n", "3"},
	{"BuildKit:UndefinedVar", "FROM debian:13\nCOPY <<EOF /x\nit's $FOO\n\\$BAR\nEOF\nCOPY <<'EOF' /y\n$FOO\nEOF\n", "3"},
	{"BuildKit:UndefinedVar", "FROM debian:13\nARG FOO\nCOPY <<EOF /x\n$FOO $PATH\nEOF\nRUN <<EOF\necho $BAR\nEOF\n", ""},
	{"BuildKit:UndefinedVar", "FROM debian:13\nRUN --mount=type=bind,source=$SRC,target=/x true\nRUN echo $SRC\n", "2"},
	{"BuildKit:UndefinedVar", "FROM debian:13\nENV A=$HTTP_PROXY\nARG NO_PROXY\nENV B=$NO_PROXY\nRUN echo $HTTP_PROXY\n", "2"},
	{"BuildKit:UndefinedVar", "FROM debian:13\nLABEL a=1 \\\n  b=$LL\n", "3"},
	{"BuildKit:SecretsUsedInArgOrEnv", "ARG TOKEN\nFROM debian:13\nARG TOKEN\n", "3"},
	{"BuildKit:SecretsUsedInArgOrEnv", "ENV SMTP_AUTH=k3yk3yk3y AUTH_TYPE=basic\nENV HTTP_AUTH=true\n", "2"},
	{"BuildKit:InvalidDefaultArgInFrom", "ARG TAG\nFROM alpine:${TAG}\n", "2"},
	{"BuildKit:InvalidDefaultArgInFrom", "ARG REGISTRY\nFROM ${REGISTRY}/alpine:3\n", "2"},
	{"BuildKit:InvalidDefaultArgInFrom", "ARG VARIANT\nFROM debian:stable${VARIANT}\n", ""},
	{"BuildKit:InvalidDefaultArgInFrom", "ARG VARIANT\nARG DEBIAN=debian\nFROM ${DEBIAN}:stable${VARIANT}\n", ""},
	{"BuildKit:UndefinedVar", "FROM alpine:3.23\nENV PATH=$PAHT:/opt/bin\n", "2"},
	{"BuildKit:UndefinedVar", "FROM alpine:3.23\nARG VERSION=1\nCOPY app-${VERSOIN}.bin /app\nCOPY app-${VERSION}.bin /app2\n", "3"},
	{"BuildKit:UndefinedVar", "FROM alpine:3.23\nWORKDIR ${HOME}/app\nUSER ${UID:-1000}\nEXPOSE $PORT\nCOPY --chown=$WHO a /b\n", "2 4 5"},
	{"BuildKit:UndefinedVar", "FROM example.com/base:1\nWORKDIR ${HOME}/app\n", ""},
	{"BuildKit:UndefinedVar", "ARG VERSION=1\nFROM example.com/base:1\nCOPY app-$VERSION /a\n", "3"},
	{"BuildKit:UndefinedVar", "FROM node:24\nENV V=$NODE_VERSION W='$NOT' X=\\$NOT Y=${NOT:-1}\n", ""},
	{"BuildKit:UndefinedVar", "FROM alpine:3.23 AS a\nENV DIR=/x\nFROM a\nWORKDIR $DIR\n", ""},
	{"BuildKit:UndefinedVar", "FROM alpine:3.23\nWORKDIR /x/$TARGETARCH\nARG TARGETARCH\nWORKDIR /x/$TARGETARCH\n", "2"},
	{"BuildKit:InvalidDefinitionDescription", "# a version\nARG VERSION=1\nFROM a:1\n", "2"},
	{"BuildKit:InvalidDefinitionDescription", "# VERSION of it\nARG VERSION=1\n# base is it\nFROM a:1 AS base\n# not about this\n\nARG X\n", ""},
	{"BuildKit:LegacyKeyValueFormat", "ENV a b\n", "2"},
	{"BuildKit:MaintainerDeprecated", "MAINTAINER x\n", "2"},
	{"BuildKit:WorkdirRelativePath", "WORKDIR a\n", "2"},
	{"BuildKit:ReservedStageName", "FROM a:1 AS scratch\nFROM b:1 AS context\n", "1 2"},
	{"BuildKit:NoEmptyContinuation", "RUN a \\\n\n b\n", "3"},
	{"BuildKit:JSONArgsRecommended", "SHELL [\"/bin/bash\", \"-c\"]\nCMD a\n", ""},
	// keys
	{"CD203", "COPY nginx_signing.key /etc/apt/keyrings/nginx.asc\nCOPY repo.pem /usr/local/share/ca-certificates/repo.crt\nCOPY id_rsa.pub /root/.ssh/authorized_keys\nCOPY release.key /usr/share/keyrings/\nCOPY x.rsa.key /etc/apk/keys/\nCOPY release.asc /tmp/\n", ""},
	{"CD203", "COPY server.key /etc/ssl/private/\nCOPY id_rsa /root/.ssh/\nCOPY id_ed25519 /etc/apt/keyrings/\nCOPY private.key /etc/apk/keys/\nCOPY store.p12 /etc/ssl/certs/\n", "2 3 4 5 6"},
	{"CD205", "COPY <<EOF /k.asc\n-----BEGIN PGP PRIVATE KEY BLOCK-----\nEOF\n", "3"},
	{"CD205", "COPY <<EOF /k.asc\n-----BEGIN PGP PUBLIC KEY BLOCK-----\nEOF\n", ""},
	// the text of RUN
	{"CD707", "RUN echo \"unclosed\n", "2"},
	{"CD707", "RUN if true; then echo a\nRUN for i in a; do echo b\nRUN echo a &&\nRUN (echo a\n", "2 3 4 5"},
	{"CD707", "RUN <<EOF\nif true\necho a\nEOF\n", "3"},
	{"CD707", "RUN if true; then echo a; fi\nRUN case x in a|b) echo;; esac\nRUN [[ a =~ ^(b|c)$ ]] && x=(1 2)\nRUN <<EOF\nif true; then\n  echo a\nfi\nEOF\nRUN [\"sh\", \"-c\", \"echo a\"]\n", ""},
	{"CD707", "RUN <<EOF\n#!/usr/bin/env python3\nif True: print('a')\nEOF\n", ""},
	{"CD707", "SHELL [\"powershell\", \"-Command\"]\nRUN if (Test-Path a) { echo b\n", ""},
	{"CD707", "RUN [\"sh\", \"-c\", \"if true\"]\n", "2"},
	{"CD708", "ARG D\nRUN rm -rf $D/*\nRUN rm -rf \"${D}/\"\nRUN rm -fr ${D}/usr\nRUN rm -r -f \"$D\"/\n", "3 4 5 6"},
	{"CD708", "ENV D=/x\nARG E\nRUN rm -rf $D/* \"${E:?}/\"* $E $E/cache/x /a/$E\nRUN rm $E/a\nRUN E=$(mktemp -d) && rm -rf $E/*\n", ""},
	{"CD709", "RUN cd /x; make\nRUN <<EOF\ncd /y\nmake\nEOF\n", "2 4"},
	{"CD709", "RUN cd /x && make; true\nRUN cd /x || exit 1; make\nRUN set -e; cd /x; make\nRUN set -eux && cd /x; make\nRUN a; cd /x\nRUN cd / ; make\n", ""},
	{"CD710", "FROM debian:13\nRUN set -o pipefail && a | b\nRUN source x.sh\nRUN [[ a == b ]]\nRUN x=(1 2)\nRUN cat <<< x\nRUN mkdir -p /a/{b,c}\n", "2 3 4 5 6 7"},
	{"CD710", "FROM alpine:3.23\nRUN set -o pipefail && a | b\nRUN source x.sh\nRUN [[ a == b ]]\nRUN x=(1 2)\n", "5"},
	{"CD710", "FROM debian:13\nSHELL [\"/bin/bash\", \"-c\"]\nRUN source x.sh && [[ a == b ]]\n", ""},
	{"CD710", "FROM fedora:43\nRUN source x.sh && [[ a == b ]]\nFROM example.com/x:1\nRUN source x.sh\n", ""},
	{"CD710", "FROM debian:13\nRUN . ./x.sh && [ a = b ] && export A=1 && local=2 && mkdir '/a/{b,c}'\n", ""},
	{"CD711", "RUN export A=b\nRUN A=b\nRUN umask 022\nRUN . /venv/bin/activate\nRUN alias ll='ls -l'\n", "2 3 4 5 6"},
	{"CD711", "RUN export A=b && make\nRUN A=b make\nRUN . /x.sh\nRUN umask 022 && mkdir a\n", ""},
	{"CD712", "RUN a | b; if [ $? -eq 0 ]; then c; fi\n", "2"},
	{"CD712", "RUN a; if [ $? -eq 0 ]; then c; fi\nRUN set -o pipefail; a | b; echo $?\n", ""},
	{"CD713", "ARG X\nRUN [ -n $X ] && echo y\nRUN test $X = a\n", "3 4"},
	{"CD713", "ENV Y=1\nARG X\nRUN [ -n \"$X\" ] && [ $# -gt 0 ] && [ $Y = 1 ] && [ \"${X}a\" = a ]\n", ""},
	{"CD714", "ARG V=1\nFROM alpine:3.23\nRUN echo \"$V\"\n", "3"},
	{"CD714", "FROM alpine:3.23\nARG foo=bar\nARG other\nENV bar=10\nRUN echo \"$foo $other $bar $HOME $PATH $http_proxy\"\nRUN for i in a; do echo $i; done; x=1; echo $x; read y; echo $y; echo ${z:-1}\nRUN . /etc/os-release && echo $VERSION_ID\nRUN --mount=type=secret,id=a,env=TOKEN echo $TOKEN\n", ""},
	{"CD714", "FROM alpine:3.23\nRUN echo \"$RTTP_PROXY\"\n", "2"},
	{"CD714", "FROM example.com/base:1\nRUN echo \"$RTTP_PROXY\" $UNKNOWN\n", "2"},
}

func TestExamples(t *testing.T) {
	for _, test := range examples {
		text := test.text
		if !strings.Contains("\n"+strings.ToUpper(text), "\nFROM ") || strings.HasPrefix(text, "COPY app.tar /a\n") || strings.HasPrefix(text, "SHELL") {
			text = "FROM example.com/base:1\n" + text
		}
		r := mustCheck(t, "Dockerfile", text, Options{Only: []string{test.id}})
		var lines []string
		for _, f := range r.Findings {
			lines = append(lines, fmt.Sprint(f.Line.Line))
		}
		if got := strings.Join(lines, " "); got != test.want {
			t.Errorf("%s finds lines %q, want %q, in\n%s", test.id, got, test.want, text)
		}
	}
}

// TestEveryIDOfBuildKit lists the 21 checks of BuildKit's linter
// (docs.docker.com/reference/build-checks), so that none is forgotten.
func TestEveryIDOfBuildKit(t *testing.T) {
	for _, id := range []string{
		"ConsistentInstructionCasing", "CopyIgnoredFile", "DuplicateStageName", "ExposeInvalidFormat", "ExposeProtoCasing", "FromAsCasing", "FromPlatformFlagConstDisallowed",
		"InvalidDefaultArgInFrom", "InvalidDefinitionDescription", "JSONArgsRecommended", "LegacyKeyValueFormat", "MaintainerDeprecated", "MultipleInstructionsDisallowed",
		"NoEmptyContinuation", "RedundantTargetPlatform", "ReservedStageName", "SecretsUsedInArgOrEnv", "StageNameCasing", "UndefinedArgInFrom", "UndefinedVar", "WorkdirRelativePath",
	} {
		if _, ok := Lookup("BuildKit:" + id); !ok {
			t.Errorf("no rule has the id %s", id)
		}
	}
}

func TestDockerIgnore(t *testing.T) {
	for _, test := range []struct{ ignore, source, by string }{
		{"dist", "dist/app.js", "dist"},
		{"dist/", "dist/app.js", "dist/"},
		{"/dist", "./dist", "/dist"},
		{"*", "a.txt", "*"},
		{"*\n!a.txt", "a.txt", ""},
		{"*\n!src", "src/deep/a.txt", ""},
		{"*\n!src\nsrc/*.md", "src/a.md", "src/*.md"},
		{"*.md", "docs/a.md", ""},
		{"**/*.md", "docs/deep/a.md", "**/*.md"},
		{"**/*.md", "a.md", "**/*.md"},
		{"docs/**", "docs/a/b", "docs/**"},
		{"a?c", "abc", "a?c"},
		{"[a-c]x", "bx", "[a-c]x"},
		{"# dist", "dist", ""},
		{"  dist  \r", "dist", "dist"},
		{"[", "[", ""},
		{".", "a", ""},
		{"temp", "template", ""},
	} {
		opt := Options{Only: []string{"CD412"}, DockerIgnore: []byte(test.ignore)}
		r := mustCheck(t, "Dockerfile", "FROM a:1\nCOPY "+test.source+" /x/\nCOPY --from=b:1 "+test.source+" /x/\nCOPY . /x/\nADD https://example.com/dist /x/\n", opt)
		got := ""
		for _, f := range r.Findings {
			got += f.Message
		}
		if test.by == "" && got != "" || test.by != "" && (!strings.Contains(got, fmt.Sprintf("by %q", test.by)) || len(r.Findings) != 1) {
			t.Errorf("%q, %s: %q", test.ignore, test.source, got)
		}
	}
}

func FuzzDockerIgnore(f *testing.F) {
	f.Add("*\n!src/**\n[a-z]?", "src/a")
	costs.Fuzz(f, func(t *testing.T, ignore, name string) {
		if by, ok := ignoredBy(ignorePatterns([]byte(ignore)), name); ok && by.text == "" {
			t.Errorf("%q: %+v", name, by)
		}
	})
}
