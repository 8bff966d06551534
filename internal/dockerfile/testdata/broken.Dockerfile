#!/usr/bin/docker
# syntax=docker/dockerfile:1
RUN before
FROM
FROM a b
FORM alpine
FROM alpine
LABEL x
RUN [1,2]
RUN ok
COPY --from=$X a b
COPY --from=7 a b
RUN --mount=from=later,target=/x true
COPY --from= a b
ENV onlyname
RUN <<EOF
never ends
FROM later
