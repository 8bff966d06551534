# syntax = docker/dockerfile:1.7
# check=skip=JSONArgsRecommended

# The versions.
ARG TAG=3.20 BASE="alpine:${TAG}"
ARG REGISTRY
ARG NONE=""
ARG FULL=docker.io/library/debian:12@sha256:0000000000000000000000000000000000000000000000000000000000000000

FROM --platform=$BUILDPLATFORM ${BASE} AS Build
# hadolint ignore=DL3018
RUN --mount=type=cache,target=/c --mount=type=bind,from=golang:1.22,target=/go \
    # inside
    apk add --no-cache \

    make <<-"EOT" <<B && echo "<<x"
	first
	EOT
second
B
ARG TAG
ENV A=b C="d \"e" F='g h'
ENV old value of it
LABEL org.x="a b" \
      y=1
COPY --from=nginx:1.27 --chown="a b" ["a b", "c\"d"] 
ADD --checksum=sha256:x https://example.com/x /x

from ${REGISTRY:-docker.io}/library/debian:12 as two
ONBUILD COPY --from=busybox:1 /bin/sh /
COPY --from=0 a b/
ONBUILD RUN ["a"]
HEALTHCHECK --interval=5s CMD ["a", "b"]
HEALTHCHECK NONE
EXPOSE 80 443/tcp
CMD echo hi
FROM ${NONE:-scratch}
FROM alpine${NONE}:3
FROM ${NONE:+x}ubuntu:24.04
FROM $REGISTRY/x
FROM img-$TARGETARCH
FROM ${TAG#3.}x
FROM ${FULL}
FROM two
FROM "busybox:1"
FROM 'busy'box:1
FROM busy\
box:2
FROM ${TAG/2/3}
FROM ${TAG:?no}
