# careen's own image: built in one stage, shipped on nothing. The build stage is
# pinned by digest; the final one holds the binary and the CA certificates, runs
# as a number, and works with a read-only root and no capabilities:
#
#   docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges \
#     --tmpfs /tmp:uid=65532 careen scan alpine:3.20
FROM golang:1.26.8@sha256:0f063af2d465d8dcae54cce04278ada488b96f77b42449c8d071e47d016cc65a AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY internal internal
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /out/careen ./cmd/careen

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/careen /careen
ENV CAREEN_CACHE_DIR=/tmp/careen
USER 65532:65532
ENTRYPOINT ["/careen"]
CMD ["--help"]
