# careen's image from source, as ci/image makes that of a release: on nothing,
# with the CA certificates and a /tmp that can be written to. It runs as a number,
# with a read-only root and no capabilities:
#
#   docker build --build-arg VERSION=1.4.0 --build-arg COMMIT=$(git rev-parse HEAD) -t careen .
#   docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges careen scan alpine:3.20
FROM golang:1.26.8@sha256:0f063af2d465d8dcae54cce04278ada488b96f77b42449c8d071e47d016cc65a AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY internal internal
ARG VERSION
ARG COMMIT
ARG DATE
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X github.com/careen/careen/internal/cli.release=$VERSION -X github.com/careen/careen/internal/cli.commit=$COMMIT -X github.com/careen/careen/internal/cli.date=$DATE" \
      -o /root/out/careen ./cmd/careen && \
    mkdir -p /root/out/etc/ssl/certs && cp /etc/ssl/certs/ca-certificates.crt /root/out/etc/ssl/certs/ && \
    mkdir -m 1777 /root/out/tmp

FROM scratch
COPY --from=build /root/out /
ENV CAREEN_CACHE_DIR=/tmp/careen
VOLUME /tmp
USER 65532:65532
ENTRYPOINT ["/careen"]
CMD ["--help"]
